"""Plots and numbers of metrics for one view.

Owns the way from Series to PlotData and MetricSummary. Pure. Invariant: a plot's arrays have the number of columns that
its view asked for.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from nntui.analysis import ticks
from nntui.analysis.downsampling import bridge, per_column
from nntui.analysis.ranges import reaching, without_outliers, y_range
from nntui.analysis.series import Series
from nntui.analysis.smoothing import debiased_ema
from nntui.session.snapshot import Floats, Mark, MetricSummary, PlotData, PlottedSeries, PlotView, Reference, XAxis

COLUMNS_PER_X_TICK = 24
Y_TICKS = 5
LR_JUMP = 1.9
"""Factor between two neighbouring learning rates from which the change is marked."""
MARK_LIMIT = 24
STRETCHES = 6
"""A growing range is drawn to the next of so many equal stretches of its octave."""

Lineage = tuple[Series, Series]
"""Points that count, and superseded ones."""


@dataclasses.dataclass(frozen=True, slots=True)
class XScale:
    """How the x axes are made of steps and wall times."""

    steps_per_epoch: int
    start: float
    """Unix seconds of the first launch."""

    def values(self, series: Series, axis: XAxis) -> Floats:
        """x of every point; shape (n,). Epochs fall back to steps when their length is unknown."""
        if axis == "wall":
            return series.wall_time
        if axis == "relative":
            return series.wall_time - self.start
        if axis == "epoch" and self.steps_per_epoch > 0:
            return series.step / self.steps_per_epoch
        return series.step.astype(np.float64)


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """What one run gives to a plot."""

    lineages: Sequence[Lineage]
    scale: XScale
    growing: bool = False
    """Whether more points are to come."""
    kept: dict[object, PlottedSeries] = dataclasses.field(default_factory=dict[object, PlottedSeries])
    """What was computed of it before, so that a run which has ended costs nothing while one beside it grows."""

    @classmethod
    def nothing(cls) -> Drawn:
        """Of a run of which nothing is known yet."""
        return cls((), XScale(0, 0.0))

    def series(self) -> Iterator[tuple[Series, bool]]:
        """What there is to draw, each with whether it was replaced; what was replaced comes first."""
        for current, replaced in self.lineages:
            yield from ((one, one is replaced) for one in (replaced, current) if len(one))


def plot(
    view: PlotView, runs: Sequence[Drawn], marks: Iterable[Mark], *, references: Sequence[Reference] = ()
) -> PlotData:
    """One plot of what the runs give to it, the open one first; `marks` have their x in the view's unit.

    The y range holds the points, and those references that are near (`ranges.reaching`), the nearest first.
    """
    x_range = _x_range(view, runs)
    gaps = [_gap(series) for run in runs for pair in run.lineages for series in pair]
    dense = min((gap for gap in gaps if gap > 0), default=0.0)
    drawn: list[PlottedSeries] = []
    visible: list[Floats] = []
    for number, run in enumerate(runs):
        for series, superseded in run.series():
            weight = _weight(view.smoothing, _gap(series), dense)
            key = (series, superseded, view.x, view.columns, x_range, weight, number)
            if key not in run.kept:
                x = run.scale.values(series, view.x)
                run.kept[key] = _columns(series, x, view.columns, x_range, weight, superseded, number)
            drawn.append(run.kept[key])
            if view.clip_outliers:
                x = run.scale.values(series, view.x)
                visible.append(series.value[(x >= x_range[0]) & (x <= x_range[1])])
    drawn = [s for s in drawn if not s.superseded or np.isfinite(s.low).any() or s.nonfinite.any()]
    bounds, log_y = y_range([a for s in drawn for a in (s.low, s.high)], log=view.log_y)
    clipped = 0
    if view.clip_outliers and visible:
        bounds, clipped = without_outliers(np.concatenate(visible), bounds)
    for one in sorted(references, key=lambda r: abs(r.value / 2 - bounds[0] / 4 - bounds[1] / 4)):
        bounds = reaching(bounds, one.value, log=log_y)
    make = ticks.decade_ticks if log_y else ticks.linear_ticks
    inside = [m for m in marks if x_range[0] <= m.x <= x_range[1]]
    return PlotData(
        view=view,
        series=tuple(drawn),
        x_range=x_range,
        y_range=bounds,
        log_y=log_y,
        x_ticks=_x_ticks(view, x_range),
        y_ticks=make(*bounds, Y_TICKS),
        marks=tuple(inside[-MARK_LIMIT:]),
        clipped=clipped,
        references=tuple(references),
    )


def summary(series: Series, columns: int, *, growing: bool = False) -> MetricSummary:
    """One metric in numbers. An empty series gives NaN and step -1. growing: more points are to come."""
    finite = series.value[np.isfinite(series.value)]
    spark = np.full(columns, np.nan)
    if len(finite):
        low, high = float(series.step.min()), float(series.step.max())
        x = series.step.astype(np.float64)
        spark = per_column(x, series.value, with_room(low, high, growing), columns).mean
    return MetricSummary(
        metric=series.metric,
        last=float(series.value[-1]) if len(series) else math.nan,
        step=int(series.step[-1]) if len(series) else -1,
        low=float(finite.min()) if len(finite) else math.nan,
        high=float(finite.max()) if len(finite) else math.nan,
        points=len(series),
        nonfinite=len(series) - len(finite),
        sparkline=spark,
    )


def lr_marks(series: Series, x: Floats) -> list[Mark]:
    """A mark where the learning rate jumps by LR_JUMP or more from one point to the next."""
    value = np.abs(series.value)
    known = np.isfinite(value) & (value > 0)
    value, x = value[known], x[known]
    if len(value) < 2:
        return []
    change = np.diff(np.log(value))  # of logarithms: the ratio of a subnormal rate to any other would overflow
    jumps = np.flatnonzero(np.abs(change) >= math.log(LR_JUMP))[-MARK_LIMIT:]
    return [Mark(float(x[i + 1]), _factor(float(change[i]))) for i in jumps]


def _factor(change: float) -> str:
    sign = "×" if change >= 0 else "÷"
    return f"lr{sign}{ticks.format_number(math.exp(min(abs(change), 700.0)), 2)}"


def _gap(series: Series) -> float:
    """Mean number of steps between neighbouring points; 0 for fewer than two."""
    return float(series.step.max() - series.step.min()) / (len(series) - 1) if len(series) > 1 else 0.0


def _weight(smoothing: float, gap: float, dense: float) -> float:
    """The weight with which a series forgets as much over the same steps as the densest series of the plot.

    A validation loss with a point every hundred steps, smoothed like the training loss, would lag far behind the truth.
    """
    return smoothing ** (gap / dense) if smoothing > 0 and dense > 0 and gap > 0 else smoothing


def _columns(
    series: Series, x: Floats, columns: int, x_range: tuple[float, float], weight: float, superseded: bool, run: int
) -> PlottedSeries:
    raw = per_column(x, series.value, x_range, columns)
    line = raw.mean
    if weight > 0:
        line = per_column(x, debiased_ema(series.value, weight), x_range, columns).mean
    return PlottedSeries(
        metric=series.metric,
        low=raw.low,
        high=raw.high,
        line=bridge(line),
        nonfinite=raw.nonfinite > 0,
        superseded=superseded,
        last=float(series.value[-1]),
        run=run,
    )


def with_room(low: float, high: float, growing: bool) -> tuple[float, float]:
    """The range, a little longer where it grows: up to a sixth, so that a plot seldom moves as a whole and little is sent."""
    if not high > low:
        return low, low + 1.0
    if not growing or not math.isfinite(high - low):
        return low, high
    stretch = 2.0 ** math.floor(math.log2(high - low)) / STRETCHES
    end = low + math.ceil((high - low) / stretch) * stretch
    return low, max(high, end)


def _x_range(view: PlotView, runs: Sequence[Drawn]) -> tuple[float, float]:
    asked = view.x_range
    if math.isfinite(asked[0]) and math.isfinite(asked[1]) and asked[1] > asked[0]:
        return asked
    ends: list[float] = []
    for run in runs:
        for series, _ in run.series():
            x = run.scale.values(series, view.x)
            ends += [float(x.min()), float(x.max())]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    return with_room(low, high, any(run.growing for run in runs))


def _x_ticks(view: PlotView, x_range: tuple[float, float]) -> ticks.Ticks:
    makers: dict[str, Callable[[float, float, int], ticks.Ticks]] = {
        "wall": ticks.clock_ticks,
        "relative": ticks.duration_ticks,
    }
    make = makers.get(view.x, ticks.count_ticks)
    return make(*x_range, max(2, view.columns // COLUMNS_PER_X_TICK))
