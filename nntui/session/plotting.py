"""Plots and numbers of metrics for one view.

Owns the way from lineages to PlotData and MetricSummary. Invariant: a plot's arrays have the number of columns that its view
asked for, and all plots of a view have the same x.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nntui.analysis import ticks
from nntui.analysis.downsampling import Columns, bridge
from nntui.analysis.ranges import beyond, in_steps, reaching, without_outliers, y_range
from nntui.session.columns import Lineage
from nntui.session.snapshot import Mark, MetricSummary, PlotData, PlottedSeries, PlotView, Reference, XAxis
from nntui.session.tracks import Answer, Asked, Track, Tracks, XScale

COLUMNS_PER_X_TICK, LEAST_X_TICKS = 24, 4
Y_TICKS = 8
MARK_LIMIT = 24
MINOR_LIMIT = 500
STRETCHES = 6
"""A growing range is drawn to the next of so many equal stretches of its octave; a followed one moves by as many of its own."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """What one run gives to a plot."""

    lineages: Sequence[Lineage]
    scale: XScale
    growing: bool = False
    """Whether more points are to come."""
    ranks: Mapping[str, Sequence[Lineage]] = dataclasses.field(default_factory=dict[str, Sequence[Lineage]])
    """The same metrics of the other ranks."""
    tracks: Tracks = dataclasses.field(default_factory=Tracks)
    """What was computed of this run before."""

    @classmethod
    def nothing(cls) -> Drawn:
        """Of a run of which nothing is known yet."""
        return cls((), XScale(0, 0.0))

    def lines(self, axis: XAxis) -> Iterator[tuple[Track, bool, str, float]]:
        """What there is to draw: track, whether it was replaced, name, newest value. What was replaced comes first."""
        for current, replaced, era in self.lineages:
            for series, superseded in ((replaced, True), (current, False)):
                if len(series):
                    name = (series.metric, superseded)
                    track = self.tracks.follow(name, series, era, self.scale, axis)
                    yield track, superseded, series.metric, float(series.value[-1])

    def other_ranks(self, metric: str, axis: XAxis) -> list[Track]:
        """The points of a metric on the other ranks."""
        found = [one for one in enumerate(self.ranks.get(metric, ()), 1) if len(one[1].current)]
        return [self.tracks.follow((metric, n), one.current, one.era, self.scale, axis) for n, one in found]


@dataclasses.dataclass(frozen=True, slots=True)
class Extent:
    """Where x begins and ends over several plots."""

    low: float = math.inf
    high: float = -math.inf
    least: float = math.inf
    """The smallest x above zero."""
    growing: bool = False

    @classmethod
    def of(cls, runs: Iterable[Drawn], axis: XAxis) -> Extent:
        """Of these runs, as a plot shows them."""
        found = cls()
        for run in runs:
            for track, *_ in run.lines(axis):
                found = found | cls(track.low, track.high, track.least, run.growing)
        return found

    def __or__(self, other: Extent) -> Extent:
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Extent(low, high, min(self.least, other.least), self.growing or other.growing)

    def whole(self, *, log: bool) -> tuple[float, float]:
        """The range that shows all, with room to grow."""
        if not self.low <= self.high:
            return 0.0, 1.0
        return with_room(self.least if log else self.low, self.high, self.growing)


def plot(
    view: PlotView,
    runs: Sequence[Drawn],
    marks: Iterable[Mark],
    *,
    references: Sequence[Reference] = (),
    extent: Extent | None = None,
) -> PlotData:
    """One plot of what the runs give to it, the open one first; `marks` have their x in the view's unit.

    extent: of all plots of the view; else of this one. The y range holds the points, and those references that are near
    (`ranges.reaching`), the nearest first.
    """
    extent = extent or Extent.of(runs, view.x)
    log_x = view.log_x and view.x != "wall" and extent.least < math.inf
    x_range = _x_range(view, extent, log_x)
    asked = Asked(x_range, view.columns, view.readings, extent.least if log_x else 0.0)
    tracks = [track for run in runs for track, *_ in run.lines(view.x)]
    dense = min((track.gap for track in tracks if track.gap > 0), default=0.0)
    drawn = [one for number, run in enumerate(runs) for one in _series(view, run, number, asked, dense)]
    bounds, log_y = y_range([a for s in drawn for a in (s.low, s.high)], log=view.log_y)
    clipped = below = 0
    values = np.concatenate([track.visible(asked) for track in tracks]) if view.clip_outliers and tracks else None
    if values is not None:
        bounds, clipped = without_outliers(values, bounds)
    if any(run.growing for run in runs):
        bounds = in_steps(bounds, log=log_y)
        clipped = beyond(values, bounds) if values is not None and clipped else 0
    if log_y and any((one.low <= 0).any() for one in drawn):
        below = sum(int((track.visible(asked) <= 0).sum()) for track in tracks)
    for one in sorted(references, key=lambda r: abs(r.value / 2 - bounds[0] / 4 - bounds[1] / 4)):
        bounds = reaching(bounds, one.value, log=log_y)
    inside = [m for m in marks if x_range[0] <= m.x <= x_range[1]]
    minor, major = ([m for m in inside if m.minor is kind] for kind in (True, False))
    return PlotData(
        view=view,
        series=tuple(drawn),
        x_range=x_range,
        y_range=bounds,
        log_y=log_y,
        x_ticks=_x_ticks(view, x_range, log_x),
        y_ticks=(ticks.decade_ticks if log_y else ticks.linear_ticks)(*bounds, Y_TICKS),
        marks=(*minor[-MINOR_LIMIT:], *major[-MARK_LIMIT:]),
        clipped=clipped,
        below=below,
        left=sum(track.before_zero() for track in tracks) if log_x and x_range[0] <= extent.least else 0,
        references=tuple(references),
        log_x=log_x,
        whole=extent.whole(log=log_x),
        newest=extent.high if extent.low <= extent.high else math.nan,
    )


def summary(lineage: Lineage, columns: int, *, tracks: Tracks | None = None, growing: bool = False) -> MetricSummary:
    """One metric in numbers. An empty one gives NaN and step -1. tracks: what was computed before. growing: more is to come."""
    series = lineage.current
    spark, broken = np.full(columns, np.nan), np.zeros(columns, np.int64)
    low = high = math.nan
    bad = 0
    if len(series):
        track = (tracks or Tracks()).follow((series.metric, False), series, lineage.era, XScale(0, 0.0), "step")
        raw = track.columns(Asked(with_room(track.low, track.high, growing), columns), 0.0).raw
        spark, broken, bad = raw.mean, raw.nonfinite, int(raw.nonfinite.sum())
        if bad < len(series):
            low, high = float(np.fmin.reduce(raw.low)), float(np.fmax.reduce(raw.high))
    return dataclasses.replace(brief(lineage), low=low, high=high, nonfinite=bad, sparkline=spark, broken=broken)


def brief(lineage: Lineage) -> MetricSummary:
    """The newest of a metric, and what else costs nothing."""
    series = lineage.current
    last, step = (float(series.value[-1]), int(series.step[-1])) if len(series) else (math.nan, -1)
    return MetricSummary(series.metric, last, step, math.nan, math.nan, len(series), 0, np.empty(0))


def _series(view: PlotView, run: Drawn, number: int, asked: Asked, dense: float) -> Iterator[PlottedSeries]:
    """The series of one run, each behind the band of the other ranks; what was replaced only where it is seen."""
    for track, superseded, metric, last in run.lines(view.x):
        answer = track.columns(asked, _weight(view.smoothing, track.gap, dense))
        others = [] if superseded else [one.columns(asked, 0.0).raw for one in run.other_ranks(metric, view.x)]
        if others:
            yield _band(metric, others, number)
        if answer.seen or not superseded:
            at, value = track.at(answer)
            yield _plotted(metric, answer, superseded=superseded, last=last, at=at, value=value, run=number)


def _plotted(
    metric: str,
    answer: Answer,
    *,
    superseded: bool,
    last: float,
    at: NDArray[np.float64],
    value: NDArray[np.float64],
    run: int,
) -> PlottedSeries:
    raw, line = answer.raw, bridge(answer.smooth.mean)
    line[(raw.count == 0) & (raw.nonfinite > 0)] = np.nan  # no line leads through what is not finite
    return PlottedSeries(metric, raw.low, raw.high, line, raw.kinds, superseded, last, run, 0, at, value)


def _band(metric: str, others: Sequence[Columns], run: int) -> PlottedSeries:
    """What lies between the lowest and the highest of the other ranks."""
    low = np.fmin.reduce([one.low for one in others])
    high = np.fmax.reduce([one.high for one in others])
    kinds = np.bitwise_or.reduce([one.kinds for one in others])
    none = np.full(len(low), np.nan)
    return PlottedSeries(metric, low, high, none, kinds, False, math.nan, run, len(others))


def _weight(smoothing: float, gap: float, dense: float) -> float:
    """The weight with which a series forgets as much over the same steps as the densest series of the plot.

    A validation loss with a point every hundred steps, smoothed like the training loss, would lag far behind the truth. How
    many times sparser it is counts in eighths of an octave, so that the weight does not change with every point.
    """
    if not (smoothing > 0 and dense > 0 and gap > 0):
        return smoothing
    return smoothing ** (2.0 ** (round(8 * math.log2(gap / dense)) / 8))


def with_room(low: float, high: float, growing: bool) -> tuple[float, float]:
    """The range, a little longer where it grows: up to a sixth, so that a plot seldom moves as a whole and little is sent."""
    if not high > low:
        return low, low + 1.0
    if not growing or not math.isfinite(high - low):
        return low, high
    stretch = 2.0 ** math.floor(math.log2(high - low)) / STRETCHES
    end = low + math.ceil((high - low) / stretch) * stretch
    return low, max(high, end)


def _x_range(view: PlotView, extent: Extent, log: bool) -> tuple[float, float]:
    low, high = view.x_range
    if not (math.isfinite(low) and math.isfinite(high) and high > low):
        return extent.whole(log=log)
    behind = extent.high - high
    if view.follow and behind > 0 and math.isfinite(behind):
        stride = (high - low) / STRETCHES
        shift = math.ceil(behind / stride) * stride
        low, high = low + shift * (not log), high + shift
    if log and low <= 0:
        low = min(extent.least, high / 2)
    return low, high


def _x_ticks(view: PlotView, x_range: tuple[float, float], log: bool) -> ticks.Ticks:
    makers: dict[str, Callable[[float, float, int], ticks.Ticks]] = {
        "step": ticks.spread_ticks if log else ticks.step_ticks,
        "epoch": ticks.spread_ticks if log else ticks.count_ticks,
        "wall": ticks.clock_ticks,
        "relative": ticks.spread_durations if log else ticks.duration_ticks,
    }
    return makers[view.x](*x_range, max(LEAST_X_TICKS, view.columns // COLUMNS_PER_X_TICK))
