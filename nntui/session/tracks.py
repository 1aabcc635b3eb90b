"""Series as they grow, ready for raster columns.

Owns what is remembered between two snapshots: extents, order, smoothed values, and the columns last asked for. Invariant: what it
gives is what `per_column` gives of all points; what one more snapshot costs goes with the points that are new.
"""

from __future__ import annotations

import bisect
import dataclasses
import math
from collections import OrderedDict
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from nntui.analysis.downsampling import Columns, Xs, extended, newest_before, of_stretches, per_column, stretches
from nntui.analysis.series import Series
from nntui.analysis.smoothing import Ema
from nntui.session.snapshot import XAxis
from nntui.session.spill import SPILL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRACK_LIMIT = 2048
"""Series remembered: those of more plots than any screen has."""
BLOCK = 1 << 13
"""Points taken in at once: what is computed of them is small enough to lie in memory that is used again."""
ASKED_LIMIT = 2
"""Columns remembered of one series: those of a plot and of a sparkline."""


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


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """Which columns."""

    x_range: tuple[float, float]
    columns: int
    readings: int = 0
    """Parts of the range at whose right edges the series is read; 0 for none."""
    least: float = 0.0
    """Where x is logarithmic: the x at which points at or below zero are put; 0 where it is linear."""

    def edges(self) -> tuple[float, float]:
        """The range on the axis as it is drawn."""
        low, high = self.x_range
        return (math.log(low), math.log(high)) if self.least else (low, high)


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """Columns of one series, all of shape (columns,)."""

    raw: Columns
    smooth: Columns
    """Of the smoothed values; the same as raw without smoothing."""
    place: Ints
    """Of the newest point at or before the right edge; -1 where there is none."""
    read: Ints
    """The same at the right edge of each part; shape (readings,)."""
    points: int
    """How many points it is made of."""

    @property
    def seen(self) -> bool:
        """Whether any point lies in the range."""
        return bool(self.raw.count.any() or self.raw.nonfinite.any())


class Track:
    """One series on one axis."""

    def __init__(self, scale: XScale, axis: XAxis) -> None:
        self._scale = scale
        self._axis: XAxis = axis
        self._series: Series | None = None
        self._era: Hashable = None
        self._forget()

    def follow(self, series: Series, era: Hashable) -> Track:
        """Take in the series as it is now. era: while it is the same, only points at the end were added."""
        if era != self._era or len(series) < self.points:
            self._forget()
        self._era = era
        for start in range(self.points, len(series), BLOCK):
            self._extend(_part(series, start, start + BLOCK))
            SPILL.touched(16 * BLOCK)
        self._series = series
        return self

    def _extend(self, new: Series) -> None:
        """Take in some more points."""
        x = self._scale.values(new, self._axis)
        self.in_order = self.in_order and bool(x[0] >= self._last) and not (x[1:] < x[:-1]).any()
        self._last = float(x[-1])
        low, high = (x[0], x[-1]) if self.in_order else (x.min(), x.max())
        self.low, self.high = min(self.low, float(low)), max(self.high, float(high))
        if self.least > low:
            positive = x[x > 0]
            self.least = min(self.least, float(positive.min(initial=math.inf)))
        self._steps = min(self._steps[0], float(new.step.min())), max(self._steps[1], float(new.step.max()))
        self.points += len(new)

    @property
    def gap(self) -> float:
        """Mean number of steps between neighbouring points; 0 for fewer than two."""
        return (self._steps[1] - self._steps[0]) / (self.points - 1) if self.points > 1 else 0.0

    def columns(self, asked: Asked, weight: float) -> Answer:
        """The columns of the points so far. weight: of smoothing; 0 for none."""
        key = (asked, weight)
        known = self._answers.get(key)
        if known is None or known.points != self.points:
            known = self._answers[key] = self._again(asked, weight, known)
        self._answers.move_to_end(key)
        while len(self._answers) > ASKED_LIMIT:
            self._answers.popitem(last=False)
        return known

    def at(self, answer: Answer) -> tuple[Floats, Floats]:
        """x and value of the newest point at or before the right edge of each part; NaN where there is none."""
        known, series = answer.read >= 0, self._points()
        place = answer.read[known]
        x, value = (np.full(len(known), np.nan) for _ in range(2))
        one = _taken(series, place)
        x[known], value[known] = self._scale.values(one, self._axis), one.value
        return x, value

    def visible(self, asked: Asked) -> Floats:
        """Values of the points in the range."""
        (low, high), least, value = asked.x_range, asked.least, self._points().value
        if self.in_order:
            return value[self._search(low, least) : self._search(high, least, past=True)]
        x, (low, high) = self._x(least), asked.edges()
        return value[(x >= low) & (x <= high)]

    def before_zero(self) -> int:
        """How many points are at or before x = 0."""
        if self.low > 0:
            return 0
        return self._search(0.0, 0.0, past=True) if self.in_order else int((self._x(0.0) <= 0).sum())

    def _forget(self) -> None:
        self.points = 0
        self.low, self.high, self.least = math.inf, -math.inf, math.inf
        """Extents of x; least: the smallest x above zero."""
        self.in_order = True
        """Whether x never falls."""
        self._last = -math.inf
        self._steps = (math.inf, -math.inf)
        self._ema: Ema | None = None
        self._smooth: Floats = np.empty(0)
        self._smoothed = 0
        self._answers: OrderedDict[tuple[Asked, float], Answer] = OrderedDict()

    def _again(self, asked: Asked, weight: float, known: Answer | None) -> Answer:
        smooth = self._follow_smooth(weight)
        if not self.in_order:
            return self._of_all(asked, weight, smooth)
        if known is None or not known.seen:
            return self._of(asked, weight, smooth)
        if known.place[-1] < known.points - 1:  # the range ends before what is new
            return dataclasses.replace(known, points=self.points)
        return self._longer(asked, weight, smooth, known)

    def _of(self, asked: Asked, weight: float, smooth: Floats) -> Answer:
        """The columns of points whose x never falls: only where a column begins and ends is x looked at."""
        x, size, edges = self._x_at(asked.least), self.points, asked.edges()
        begun = stretches(x, size, edges, asked.columns)
        raw = of_stretches(self._points().value, begun)
        line = of_stretches(smooth, begun) if weight else raw
        place, read = (newest_before(x, size, edges, parts) for parts in (asked.columns, asked.readings))
        SPILL.touched(self._points().value.nbytes * (1 + bool(weight)))
        return Answer(raw, line, place, read, self.points)

    def _of_all(self, asked: Asked, weight: float, smooth: Floats) -> Answer:
        """The same of points that are in no order."""
        x, edges = self._x(asked.least), asked.edges()
        order = np.argsort(x, kind="stable")
        x = x[order]
        raw = per_column(x, self._points().value[order], edges, asked.columns)
        line = per_column(x, smooth[order], edges, asked.columns) if weight else raw
        found = (newest_before(x.__getitem__, len(x), edges, parts) for parts in (asked.columns, asked.readings))
        place, read = (_through(order, places) for places in found)
        return Answer(raw, line, place, read, self.points)

    def _longer(self, asked: Asked, weight: float, smooth: Floats, known: Answer) -> Answer:
        """The columns from those of before: only the points are looked at that are new, or share a column with such."""
        edges = asked.edges()
        newest = int(np.searchsorted(known.place, known.points - 1))
        start = int(known.place[newest - 3]) + 1 if newest >= 3 else self._search(asked.x_range[0], asked.least)
        since, x = max(0, known.points - start), self._x(asked.least, start)
        raw = extended(known.raw, since, x, self._points().value[start:], edges)
        line = extended(known.smooth, since, x, smooth[start:], edges) if weight else raw
        found = (newest_before(x.__getitem__, len(x), edges, parts) for parts in (asked.columns, asked.readings))
        place, read = (
            np.where(n >= 0, n + start, old) for n, old in zip(found, (known.place, known.read), strict=True)
        )
        return Answer(raw, line, place, read, self.points)

    def _search(self, x: float, least: float, *, past: bool = False) -> int:
        """Place of the first point at or right of x; past: of the first one right of it."""
        series = self._points()

        def left(at: int) -> bool:
            found = float(self._scale.values(_part(series, at, at + 1), self._axis)[0])
            found = max(found, least) if least else found
            return found <= x if past else found < x

        return bisect.bisect_left(range(len(series)), True, key=lambda at: not left(at))

    def _x(self, least: float, first: int = 0) -> Floats:
        """x of the points, from the first one asked for, as the axis has it."""
        return self._x_of(_part(self._points(), first), least)

    def _x_at(self, least: float) -> Xs:
        """x as the axis has it, of the points at some places."""
        series = self._points()
        return lambda place: self._x_of(_taken(series, place), least)

    def _x_of(self, series: Series, least: float) -> Floats:
        x = self._scale.values(series, self._axis)
        return np.log(np.maximum(x, least)) if least else x

    def _points(self) -> Series:
        assert self._series is not None
        return self._series

    def _follow_smooth(self, weight: float) -> Floats:
        """The smoothed values of all points, of which only those are computed that are new."""
        value = self._points().value
        if weight == 0:
            return value
        if self._ema is None or self._ema.weight != weight:
            self._ema, self._smooth, self._smoothed = Ema(weight), np.empty(0), 0
        self._smooth = SPILL.grown(self._smooth, self._smoothed, len(value))
        self._smooth[self._smoothed : len(value)] = self._ema.follow(value[self._smoothed :])
        self._smoothed = len(value)
        return self._smooth[: len(value)]


class Tracks:
    """The tracks of one run, the least recently used forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, Track] = OrderedDict()

    def follow(self, name: Hashable, series: Series, era: Hashable, scale: XScale, axis: XAxis) -> Track:
        """The track of a series, as it is now. name: what tells it from the others."""
        key = (name, axis, None if axis == "step" else scale)  # steps are what they are on any scale
        track = self._known.setdefault(key, Track(scale, axis))
        self._known.move_to_end(key)
        while len(self._known) > TRACK_LIMIT:
            self._known.popitem(last=False)
        return track.follow(series, era)


def _part(series: Series, first: int, last: int | None = None) -> Series:
    return _taken(series, slice(first, last))


def _taken(series: Series, place: Ints | slice) -> Series:
    return Series(series.metric, series.step[place], series.wall_time[place], series.value[place])


def _through(order: Ints, place: Ints) -> Ints:
    return np.where(place >= 0, order[np.maximum(place, 0)], -1) if len(order) else place
