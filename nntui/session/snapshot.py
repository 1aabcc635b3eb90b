"""What the dashboard draws: frozen snapshots of a run, and the view that asks for them.

Owns the dataclasses that cross from the feed thread to the screen. Every derived number is already in them.
Invariant: a Snapshot and everything in it never changes after it was made; absence is an empty value or NaN,
never None. numpy and the modules of parts are not imported here, so that a screen can be painted before they are.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nntui.finding import Finding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nntui.session.data import Data, DataView
    from nntui.session.dependencies import Dependencies, DependenciesView
    from nntui.session.layers import Layers, LayersView
    from nntui.session.liveness import State as State
    from nntui.session.log import EventRow as EventRow
    from nntui.session.log import Log, LogView
    from nntui.session.predictions import Predictions, PredictionsView
    from nntui.session.samples import Samples, SamplesView
    from nntui.session.system import System, SystemView
    from nntui.session.weights import Weights, WeightsView

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PIN_LIMIT = 7
"""Most runs drawn along: with the open one as many as there are colours."""

XAxis = Literal["step", "epoch", "relative", "wall"]


# --- what the screen asks for -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlotView:
    """One plot as the screen wants it."""

    key: str
    """Name under which the plot comes back in `Snapshot.plots`."""
    metrics: tuple[str, ...]
    """Metrics drawn together; names without points are left out of the answer."""
    columns: int
    """Horizontal raster columns (two per cell for braille); at least 1."""
    x: XAxis = "step"
    x_range: tuple[float, float] = (math.nan, math.nan)
    """Visible range of x in its unit (steps, epochs, seconds since start, Unix seconds); NaN: the whole run."""
    follow: bool = False
    """Whether that range moves along so that it reaches the newest point."""
    log_x: bool = False
    log_y: bool | None = None
    """None: logarithmic when the values are positive and span decades."""
    smoothing: float = 0.0
    """Weight of the debiased exponential moving average, in [0, 1), of the densest series; sparser ones forget as much over
    as many steps. 0 draws the column means."""
    clip_outliers: bool = False
    """Whether y ignores the outermost points; how many is in `PlotData.clipped`."""
    writer: str = ""
    """The one process whose points are drawn, relative time being its own; empty: what counts of the whole run."""
    readings: int = 0
    """Equal parts of the visible range at whose right edges each series is read as logged: the same in all plots of a screen, so
    that a crosshair tells what was at one x."""


@dataclass(frozen=True, slots=True)
class View:
    """Everything the screen shows that costs computing."""

    plots: tuple[PlotView, ...] = ()
    sparkline_columns: int = 24
    listed: tuple[str, ...] | None = None
    """Metrics of which more is wanted than the newest value; None: all."""
    predictions: PredictionsView | None = None
    """None: no screen shows them."""
    dependencies: DependenciesView | None = None
    data: DataView | None = None
    layers: LayersView | None = None
    system: SystemView | None = None
    weights: WeightsView | None = None
    samples: SamplesView | None = None
    log: LogView | None = None
    inside: int = 0
    """Most metrics taken inside the model, or of the machine, that are listed among the others: there may be thousands."""
    inside_pattern: str = ""
    """Letters that the names of those must hold."""
    pins: tuple[Path, ...] = ()
    """Runs drawn along in every plot, besides the open one."""


# --- what the screen gets ---------------------------------------------------------------------


def _no_numbers() -> Floats:
    import numpy as np

    return np.empty(0)


def _no_counts() -> Ints:
    import numpy as np

    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False, slots=True)
class PlottedSeries:
    """One metric, prepared per raster column. All arrays have shape (columns,); NaN where a column has no point."""

    metric: str
    low: Floats
    """Exact minimum of the finite points of the column."""
    high: Floats
    """Exact maximum."""
    line: Floats
    """What the line follows: column mean, or the smoothed value; interpolated across empty columns between points, not across
    those where nothing is finite."""
    nonfinite: Ints
    """What the column holds that is not finite: `downsampling.NAN | ABOVE | BELOW`; 0 where all is."""
    superseded: bool
    """Whether these points belong to an earlier launch that a later one replaced; drawn dimmed."""
    last: float
    """Newest value, as logged."""
    run: int = 0
    """Which of the runs drawn together: 0 the open one, then from 1 on as in `Snapshot.pins`."""
    ranks: int = 0
    """Of the band of other ranks: how many they are. Such a series has no line and no value."""
    at: Floats = field(default_factory=_no_numbers)
    """x of the newest point at or before the right edge of each part that the view reads; NaN before the first."""
    value: Floats = field(default_factory=_no_numbers)
    """Its value, as logged."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A run drawn along with the open one."""

    path: Path
    name: str
    """What tells it from the others drawn."""
    state: State = "waiting"
    trouble: str = ""
    """What is wrong with it or not there yet, in words (`gone`, `2 frames damaged`, `loading`); empty when nothing is."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something worth a sign on the x axis."""

    x: float
    label: str
    severity: Literal["", "info", "warn", "error"] = ""
    """Empty for a plain fact (learning rate changed, restart, checkpoint)."""
    minor: bool = False
    """Whether it is one of many, as checkpoints are: a sign on the axis, and words under the crosshair alone."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A line across a plot to compare its series with."""

    value: float
    """In the unit of y; finite. Outside of the plot's y_range there is no line, only the label."""
    label: str
    """`human 0.94 ± 0.03`"""


@dataclass(frozen=True, eq=False, slots=True)
class PlotData:
    """One plot, ready to be drawn."""

    view: PlotView
    series: tuple[PlottedSeries, ...]
    x_range: tuple[float, float]
    """Visible range of x, finite, low < high."""
    y_range: tuple[float, float]
    """Range of y in data units, finite, low < high; both positive when log_y holds."""
    log_y: bool
    """Whether y is really logarithmic: a view may ask for it where no value is positive."""
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    marks: tuple[Mark, ...] = ()
    clipped: int = 0
    """Number of points outside y_range because of clip_outliers."""
    below: int = 0
    """Where y is logarithmic: number of points at or below zero, drawn at the lower edge."""
    left: int = 0
    """Where x is logarithmic: number of points at or before zero, drawn at the left edge."""
    log_x: bool = False
    """Whether x is really logarithmic: a clock never is."""
    whole: tuple[float, float] = (0.0, 1.0)
    """x_range of the whole run; the same in all plots of a view."""
    newest: float = math.nan
    """x of the newest point of the run, as far as the view's plots show it."""
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class MetricSummary:
    """One metric in numbers, over the current launch lineage (superseded points are not counted)."""

    metric: str
    last: float
    step: int
    """Step of the newest point."""
    low: float
    """Minimum of the finite values; NaN when there is none, or when the view does not list the metric."""
    high: float
    points: int
    nonfinite: int
    sparkline: Floats
    """Shape (sparkline_columns,): column means over the whole run; NaN where there is no point. Shape (0,) when the view does
    not list the metric."""
    broken: Ints = field(default_factory=_no_counts)
    """Of the same shape: number of values that are not finite."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Data that was logged and cannot be shown; all zero on a healthy run."""

    points: int = 0
    """Points the recorder dropped (disk full, queue full), as it reported."""
    frames: int = 0
    """Frames damaged or missing in the files, as the reader counted."""
    torn: int = 0
    """Unfinished frames at the end of a dead writer's files: what kill -9 interrupted."""
    ignored: int = 0
    """Links, devices, unreadable or unknown files inside the folder that were not opened."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the recipe, counted over the newest outcome of each of its checks."""

    name: str
    passed: int = 0
    warned: int = 0
    failed: int = 0
    other: int = 0
    """Skipped or crashed."""


@dataclass(frozen=True, slots=True)
class Head:
    """The run in one line."""

    name: str = ""
    path: str = ""
    state: State = "waiting"
    state_reason: str = ""
    """Why it is in that state, in words (`process 812 is gone`, `ValueError: …`); may be empty."""
    step: int = -1
    total_steps: int = 0
    """0 when unknown."""
    epoch: float = math.nan
    eta: float = math.nan
    """Seconds to total_steps at the current pace; NaN when unknown."""
    loss: float = math.nan
    loss_metric: str = ""
    lr: float = math.nan
    samples_per_second: float = math.nan
    elapsed: float = math.nan
    """Seconds from the first launch to the newest row."""
    newest: float = math.nan
    """Viewer's monotonic clock when the newest data arrived, so that a screen can tell the age without a snapshot;
    NaN before any. For a run opened after the fact it lies in the past by the wall time that had gone by."""
    launches: int = 0
    ranks: int = 0
    watching: str = ""
    """How changes are noticed: `inotify + poll 0.1 s`, `poll 1 s`, …"""
    lost: Lost = field(default_factory=Lost)
    resumes: tuple[int, ...] = ()
    """Steps from which later launches went on, as far as they said."""
    superseded: int = 0
    """Points of earlier launches that a later one replaced."""


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot:
    """A run at one moment, with everything the current view needs."""

    number: int = 0
    """Counts up per feed; a larger one is newer."""
    view: View = field(default_factory=View)
    """What was asked for."""
    head: Head = field(default_factory=Head)
    plots: Mapping[str, PlotData] = field(default_factory=dict[str, PlotData])
    metrics: tuple[MetricSummary, ...] = ()
    """Loss metrics first, then by name; of those taken inside the model as many as the view asks for."""
    inside: int = 0
    """Metrics taken inside the model by probes, listed or not."""
    checks: tuple[Finding, ...] = ()
    """Newest outcome of each check, failures first, then in the recipe's order."""
    alerts: tuple[Finding, ...] = ()
    """Errors first, then warnings, then information; newest first within each."""
    stages: tuple[Stage, ...] = ()
    events: tuple[EventRow, ...] = ()
    """Newest last, at most a few thousand."""
    parts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What single screens show, by the module of this package that makes it; as far as the view asks for it."""
    pins: tuple[Pin, ...] = ()
    """The runs drawn along, as the view asks for them."""
    called: str = ""
    """Where runs are drawn along: what tells the open one from them."""
    sketch: float = math.nan
    """Where plots show points taken evenly from a long run until all is read: how much of it has been, 0 to 1; else NaN."""
    complete: bool = True
    """Whether all that was recorded when it was asked for has been read."""
    problem: str = ""
    """Why the run cannot be shown (folder gone, newer format), in one line; empty when it can."""

    @property
    def unread(self) -> bool:
        """Whether more may be recorded than is here: nothing was told yet, or not all was read."""
        return not self.problem and (not self.complete or (self.number == 0 and self.head.state == "waiting"))

    @property
    def predictions(self) -> Predictions:
        """Empty unless the view asks for them."""
        return self._part("predictions")

    @property
    def dependencies(self) -> Dependencies:
        """Empty unless the view asks for them."""
        return self._part("dependencies")

    @property
    def data(self) -> Data:
        """Empty unless the view asks for it."""
        return self._part("data")

    @property
    def layers(self) -> Layers:
        """Empty unless the view asks for them."""
        return self._part("layers")

    @property
    def system(self) -> System:
        """Empty unless the view asks for it."""
        return self._part("system")

    @property
    def weights(self) -> Weights:
        """Empty unless the view asks for them."""
        return self._part("weights")

    @property
    def samples(self) -> Samples:
        """Empty unless the view asks for them."""
        return self._part("samples")

    @property
    def log(self) -> Log:
        """Empty unless the view asks for it."""
        return self._part("log")

    def _part(self, name: str) -> Any:
        """A part, or what its module has for none: whoever looks at a part has imported that already, and others need not."""
        return self.parts[name] if name in self.parts else importlib.import_module(f"{__package__}.{name}").NOTHING


EMPTY = Snapshot()
"""What is known before the first poll."""
