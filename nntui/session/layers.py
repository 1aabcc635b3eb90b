# pyright: standard
"""What happens inside the network: each layer's newest numbers, and one statistic over depth and time.

Owns which numbers are out of bounds and the order of layers. Pure: series in, frozen arrays out. Invariant: what was not
recorded is never out of bounds; a column of the heat map is a mean of what was recorded in it, or of what was before.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nntui import names
from nntui.analysis.readings import ROUNDED, Bools, is_done, is_slowed, rate_left, slowed
from nntui.analysis.series import RunFacts, Series

Floats = NDArray[np.float64]

STATISTICS = (
    names.UPDATE_RATIO,
    names.GRAD_NORM,
    names.WEIGHT_NORM,
    names.ACTIVATION_MEAN,
    names.ACTIVATION_STD,
    names.DEAD_FRACTION,
    names.SATURATED_FRACTION,
)
"""In the order of the table."""
LOGARITHMIC = frozenset({names.UPDATE_RATIO, names.GRAD_NORM, names.WEIGHT_NORM, names.ACTIVATION_STD})
"""Statistics that are positive and span decades."""
TARGET = 1e-3
"""Update ratio of a network that learns well (CS231n notes, part 3: "somewhere around 1e-3")."""
BAND = (1e-4, 1e-2)
"""A decade either way of it: what lies outside is marked."""
MUCH_DEAD = 0.5
"""Share of dead or saturated units from which a layer is marked: half of what it could say is lost."""

DECAYED, DONE = "the rate has decayed", "training is done"
"""Why small updates are not marked."""

Order = Literal["forward", "worst"]


@dataclass(frozen=True, slots=True)
class LayersView:
    """What of the layers a screen shows."""

    statistic: str = names.UPDATE_RATIO
    """What the heat map shows."""
    columns: int = 16
    """Columns of the heat map."""
    order: Order = "forward"


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """One layer."""

    name: str
    kind: str = ""
    """Class of the module; empty when unknown."""
    depth: int = 0
    """Place in the order of the first forward call."""
    parameters: int = -1
    """Numbers in its parameters; -1 unknown."""
    trained: int = -1
    """How many of them an optimizer updates; -1 unknown."""
    newest: Mapping[str, float] = field(default_factory=dict)
    """Newest value of each recorded statistic."""
    strip: Floats = field(default_factory=lambda: np.empty(0))
    """The statistic of the view over time, of shape (columns,); geometric means of logarithmic ones; a value holds until
    the next; NaN before the first and after the last."""
    excused: bool = False
    """Whether its updates may be small: the rate has decayed, or the training is done, as the alerts have it."""

    def value(self, statistic: str) -> float:
        """Newest value; NaN when it was not recorded."""
        return self.newest.get(statistic, math.nan)

    @property
    def broken(self) -> bool:
        """Whether a newest number is recorded as NaN or infinite."""
        return not all(map(math.isfinite, self.newest.values()))

    @property
    def badness(self) -> float:
        """How far it is from healthy, for the order: 1 where a mark begins, infinite where numbers are not finite."""
        if self.broken:
            return math.inf
        return max((self.severity(statistic) for statistic in self.newest), default=0.0)

    def severity(self, statistic: str) -> float:
        """How far a number is out of bounds; 0 for updates where no optimizer makes any, and for small ones if `excused`."""
        value = self.value(statistic)
        if statistic == names.UPDATE_RATIO and (self.trained == 0 or (self.excused and value < TARGET)):
            return 0.0
        return severity(statistic, value)


@dataclass(frozen=True, eq=False, slots=True)
class Layers:
    """All layers, ready to be drawn."""

    view: LayersView = field(default_factory=LayersView)
    layers: tuple[Layer, ...] = ()
    """In the order of the view."""
    steps: tuple[int, int] = (0, 0)
    """First and last step of the heat map."""
    span: tuple[float, float] = (math.nan, math.nan)
    """Least and largest finite number of all strips; NaN when there is none."""
    slowed: Bools = field(default_factory=lambda: np.empty(0, bool))
    """Of each column, whether the rate had decayed: then small updates are its doing. Of shape (columns,)."""
    excused: str = ""
    """DECAYED | DONE: why updates may be small by now; empty where they may not."""
    blind: tuple[str, ...] = ()
    """What the probes cannot see here, as they said."""
    declared: tuple[str, ...] = ()
    overhead: float = math.nan
    """Share of the time of training that the probes took; NaN unknown."""

    @property
    def marked(self) -> int:
        """Layers with a number out of bounds."""
        return sum(layer.badness >= 1 for layer in self.layers)


NOTHING = Layers()


@dataclass(frozen=True, slots=True)
class Watched:
    """What the event of `nntui.watch` told."""

    layers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    parameters: tuple[int, ...] = ()
    trained: tuple[int, ...] = ()
    blind: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()

    @staticmethod
    def of(text: str) -> Watched:
        """Read the JSON of the event; what is not as expected is left out."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return Watched()
        told = Watched(**{name: _tuple(data, name) for name in Watched.__dataclass_fields__})  # pyright: ignore[reportArgumentType]
        functions = data.get("functions") if isinstance(data, dict) else None
        return told.among(functions) if isinstance(functions, dict) else told

    def among(self, functions: Mapping[str, Any]) -> Watched:
        """With activation functions, which have no parameters: each behind the layer that its name comes after."""
        rows = [
            (name, _at(self.kinds, k, ""), _at(self.parameters, k, -1), _at(self.trained, k, -1))
            for k, name in enumerate(self.layers)
        ]
        for name, kind in functions.items():
            if name not in self.layers:
                before = [k for k, row in enumerate(rows) if _natural(row[0]) < _natural(name)]
                place = max(before, key=lambda k: _natural(rows[k][0]), default=-1)
                rows.insert(place + 1, (name, str(kind), 0, 0))
        if not rows:
            return self
        layers, kinds, parameters, trained = zip(*rows, strict=True)
        return replace(self, layers=layers, kinds=kinds, parameters=parameters, trained=trained)


def _tuple(data: Any, name: str) -> tuple[Any, ...]:
    """The list under a name; a mapping is said as `name: value`, or by layer for what goes with `layers`."""
    found = data.get(name) if isinstance(data, dict) else None
    number = name in ("parameters", "trained")
    if isinstance(found, dict):
        order = data.get("layers")
        if name in ("kinds", "parameters", "trained"):
            found = [found.get(str(layer), -1 if number else "") for layer in order] if isinstance(order, list) else []
        else:
            found = [f"{key}: {value}" for key, value in found.items()]
    if isinstance(found, str):
        found = [found]
    if not isinstance(found, list):
        return ()
    if number:
        return tuple(int(n) if isinstance(n, int | float) and math.isfinite(n) else -1 for n in found)
    return tuple(str(one) for one in found)


def severity(statistic: str, value: float) -> float:
    """How far a number is out of bounds: 1 on the bound, more outside, less inside; 0 for what has no bound or is unknown."""
    if math.isnan(value):
        return 0.0
    if statistic in (names.DEAD_FRACTION, names.SATURATED_FRACTION):
        return value / MUCH_DEAD
    if statistic == names.UPDATE_RATIO:
        if value <= 0 or math.isinf(value):
            return 4.0
        return abs(math.log10(value / TARGET)) / math.log10(BAND[1] / TARGET)
    return math.inf if math.isinf(value) else 0.0


def layers(view: LayersView, series: Mapping[str, Series], watched: Watched) -> Layers:
    """The layers that any metric or the event names, as the view wants them."""
    columns = max(1, view.columns)
    by_layer: dict[str, dict[str, Series]] = {name: {} for name in watched.layers}
    for metric, one in series.items():
        name, statistic = names.layer_of(metric)
        if name and len(one):
            by_layer.setdefault(name, {})[statistic] = one
    strips = {name: known[view.statistic] for name, known in by_layer.items() if view.statistic in known}
    low = min((int(one.step[0]) for one in strips.values()), default=0)
    high = max((int(one.step[-1]) for one in strips.values()), default=0)
    log = view.statistic in LOGARITHMIC
    excused = _excused(series, watched)
    found: list[Layer] = []
    for depth, (name, known) in enumerate(by_layer.items()):
        strip = held(binned(strips[name], low, high, columns, log=log)) if name in strips else np.full(columns, np.nan)
        found.append(
            Layer(
                name,
                _at(watched.kinds, depth, ""),
                depth,
                parameters=_at(watched.parameters, depth, -1),
                trained=_at(watched.trained, depth, -1),
                newest={statistic: float(known[statistic].value[-1]) for statistic in STATISTICS if statistic in known},
                strip=strip,
                excused=excused == DONE or (excused == DECAYED and not _is_cut(known, series)),
            )
        )
    if view.order == "worst":
        found.sort(key=lambda layer: (-layer.badness, layer.depth))
    every = np.concatenate([layer.strip for layer in found]) if found else np.empty(0)
    every = every[np.isfinite(every) & (every > 0)] if log else every[np.isfinite(every)]
    overhead = series.get(names.OVERHEAD)
    return Layers(
        view,
        tuple(found),
        (low, high),
        (float(every.min()), float(every.max())) if len(every) else (math.nan, math.nan),
        slowed(series, low + np.arange(1, columns + 1) * (high - low + 1) // columns - 1),
        excused,
        watched.blind,
        watched.declared,
        float(overhead.value[-1]) if overhead is not None and len(overhead) else math.nan,
    )


def _excused(series: Mapping[str, Series], watched: Watched) -> str:
    if is_done(series, RunFacts(watched={"declared": watched.declared})):
        return DONE
    return DECAYED if is_slowed(series) else ""


def _is_cut(known: Mapping[str, Series], series: Mapping[str, Series]) -> bool:
    """Whether a layer does not move for another reason than a rate that has decayed to nothing."""
    moved, reached = (known.get(one, Series.empty()).value[-1:].any() for one in (names.UPDATE_RATIO, names.GRAD_NORM))
    return not moved and (not reached or rate_left(series) >= ROUNDED)


def binned(series: Series, low: int, high: int, columns: int, *, log: bool) -> Floats:
    """Mean of the points in each of equal stretches of steps from low to high, of shape (columns,); NaN where there is none.

    log: geometric mean of the positive points; a stretch of nothing but zeros is 0. A stretch with a point that is not finite is
    infinite, for that is worth more than any mean.
    """
    column = np.clip((series.step - low) * columns // (high - low + 1), 0, columns - 1)
    value = series.value
    good = np.isfinite(value) & ((value > 0) if log else True)
    count = np.bincount(column[good], minlength=columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(column[good], np.log(value[good]) if log else value[good], columns) / count
    mean = np.exp(mean) if log else mean
    some = np.bincount(column, minlength=columns) > 0
    mean[some & (count == 0)] = 0.0
    mean[np.bincount(column[~np.isfinite(value)], minlength=columns) > 0] = np.inf
    return mean


def held(strip: Floats) -> Floats:
    """The strip with each value until the next one; NaN before the first and after the last."""
    known = np.flatnonzero(~np.isnan(strip))
    if not len(known):
        return strip
    shown = strip.copy()
    places = np.arange(known[0], known[-1] + 1)
    shown[places] = strip[known[np.searchsorted(known, places, side="right") - 1]]
    return shown


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Key that sorts `body.10` behind `body.9`."""
    parts = name.split(".")
    return tuple((0, int(part), "") if part.isdecimal() and len(part) < 10 else (1, 0, part) for part in parts)


def _at(values: Sequence[Any], place: int, other: Any) -> Any:
    return values[place] if place < len(values) else other
