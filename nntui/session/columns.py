# pyright: standard
"""The recorded points of a run in growable columns.

Owns memory: values per metric and writer, moments per group of metrics logged together, filled in bulk. Invariant: what was
appended is never changed, so a Series handed out stays true while the columns grow.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nntui.analysis.series import Series
from nntui.runlog.lineage import NEVER, Cut
from nntui.runlog.tables import rectangles
from nntui.session.spill import SPILL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Clock:
    """Steps and wall times that metrics logged together share."""

    __slots__ = ("first_step", "size", "step", "time")

    def __init__(self) -> None:
        self.step: Ints = np.empty(64, np.int64)
        self.time: Floats = np.empty(64)
        self.size = 0
        self.first_step = NEVER

    def append(self, step: Ints, time: Floats, coming: int = 0) -> None:
        """Add n moments; arrays of shape (n,). coming: how many more are likely to follow soon, for which room is made."""
        end = self.size + len(step)
        self.step = SPILL.grown(self.step, self.size, end, coming)
        self.time = SPILL.grown(self.time, self.size, end, coming)
        self.step[self.size : end] = step
        self.time[self.size : end] = time
        self.size = end
        self.first_step = min(self.first_step, int(step.min(initial=NEVER)))


class Columns:
    """The points of one metric of one writer. Nearly always it is logged with the same others, and shares their clock."""

    __slots__ = ("_clock", "_own", "_value", "size")

    def __init__(self) -> None:
        self._clock = Clock()
        self._own = True
        self._value: Floats = np.empty(64)
        self.size = 0

    @property
    def first_step(self) -> int:
        """The least step; NEVER where there is none."""
        return self._clock.first_step

    def append(self, clock: Clock, *values: Floats) -> None:
        """Add n values, in pieces of shape (part of n,), at the last n moments of a clock that is shared."""
        n = sum(map(len, values))
        if not self.size and clock.size == n:
            self._clock, self._own = clock, False
        elif self._own or self._clock is not clock or self.size + n != clock.size:
            self._part()
            self._clock.append(clock.step[clock.size - n : clock.size], clock.time[clock.size - n : clock.size])
        end = self.size + n
        self._value = SPILL.grown(self._value, self.size, end, len(self._clock.step) - end)
        np.concatenate(values, out=self._value[self.size : end])
        self.size = end

    def series(self, metric: str) -> Series:
        """Everything so far, without a copy."""
        n = self.size
        return Series(metric, self._clock.step[:n], self._clock.time[:n], self._value[:n])

    def _part(self) -> None:
        """A clock of its own from here on: it was logged with others than before."""
        if not self._own:
            own = Clock()
            own.append(self._clock.step[: self.size], self._clock.time[: self.size])
            self._clock, self._own = own, True


NOTHING = Series.empty()


class Lineage(NamedTuple):
    """One metric over the launches of a rank."""

    current: Series = NOTHING
    """The points that count."""
    replaced: Series = NOTHING
    """Those that a later launch replaced."""
    era: int = 0
    """While it stays the same, nothing but points at the end of `current` was added."""


class _Line:
    """A lineage that grows; joined pieces are copied once, not at every look."""

    __slots__ = ("_clock", "_key", "_value", "shown")

    def __init__(self) -> None:
        self._key: tuple[tuple[str, int, int], ...] = ()
        self._clock: Clock | None = None
        """Moments of the joined pieces; None while one piece is all there is."""
        self._value: Floats = np.empty(0)
        self.shown = Lineage()

    def follow(self, metric: str, pieces: Sequence[tuple[str, Columns, int]]) -> Lineage:
        """The lineage of these pieces: writer, points, and the step from which they are replaced."""
        key = tuple((writer, columns.size, cut) for writer, columns, cut in pieces)
        if key != self._key:
            goes_on = self._goes_on(key)
            era = self.shown.era + (not goes_on)
            replaced = self.shown.replaced
            if not goes_on:
                replaced = _joined(
                    metric, [_part(columns.series(metric), cut, past=True) for _, columns, cut in pieces]
                )
            if len(pieces) == 1 and not len(replaced):
                current, self._clock = pieces[0][1].series(metric), None
            else:
                current = self._appended(metric, pieces, goes_on)
            self._key, self.shown = key, Lineage(current, replaced, era)
        return self.shown

    def _goes_on(self, key: tuple[tuple[str, int, int], ...]) -> bool:
        """Whether these are the pieces of before with more points behind the last of them."""
        old = self._key
        if not old or len(key) < len(old) or key[: len(old) - 1] != old[:-1]:
            return False
        (writer, size, cut), (now, grown, until) = old[-1], key[len(old) - 1]
        return writer == now and cut == until and grown >= size and (grown == size or cut == NEVER)

    def _appended(self, metric: str, pieces: Sequence[tuple[str, Columns, int]], goes_on: bool) -> Series:
        known = self._key if goes_on and self._clock is not None else ()
        if not known or self._clock is None:
            self._clock, self._value = Clock(), np.empty(64)
        first = max(0, len(known) - 1)
        for place, (_, columns, cut) in enumerate(pieces[first:], first):
            seen = known[place][1] if place < len(known) else 0
            piece = columns.series(metric)
            new = _part(Series(metric, piece.step[seen:], piece.wall_time[seen:], piece.value[seen:]), cut)
            end = self._clock.size + len(new)
            self._value = SPILL.grown(self._value, self._clock.size, end)
            self._value[self._clock.size : end] = new.value
            self._clock.append(new.step, new.wall_time)
        n = self._clock.size
        return Series(metric, self._clock.step[:n], self._clock.time[:n], self._value[:n])


class Recorded:
    """All metrics of all writers."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, Columns]] = {}
        self._groups: dict[tuple[str, tuple[str, ...]], tuple[Clock, list[Columns]]] = {}
        """By writer and metrics: what is logged together, where any of it began so."""
        self._lines: dict[tuple[str, int], _Line] = {}
        self.points = 0

    def fold(self, writer: str, batch: pa.RecordBatch, coming: float = 0.0) -> float:
        """Add a metrics batch; its last wall time, in Unix seconds, 0 for none.

        A row that is no rectangle of metrics and steps is left out. coming: how many times as many points as these are
        likely to follow soon; where it is right, none is moved while they come.
        """
        newest = batch.column(2).values
        for names, step, time, pieces in _together(batch):
            clock, group = self._group(writer, names)
            clock.append(step, time, int(len(step) * coming))
            for one, *values in zip(group, *pieces, strict=True):
                one.append(clock, *values)
            self.points += len(step) * len(group)
        return float(newest[-1].as_py() or 0) / 1e9 if len(newest) else 0.0

    def _group(self, writer: str, names: tuple[str, ...]) -> tuple[Clock, list[Columns]]:
        """The clock of these metrics, and the columns of each."""
        known = self._groups.get((writer, names))
        if known is None:
            by_writer = [self._columns.setdefault(name, {}) for name in names]
            known = Clock(), [by.setdefault(writer, Columns()) for by in by_writer]
            if any(not one.size for one in known[1]):  # else each has a clock already, and will not follow this one
                self._groups[writer, names] = known
        return known

    @property
    def metrics(self) -> list[str]:
        """Names of all metrics, in the order they appeared."""
        return list(self._columns)

    def first_steps(self, writer: str) -> dict[str, int]:
        """First step per metric that this writer logged."""
        return {m: by[writer].first_step for m, by in self._columns.items() if writer in by}

    def lineage(self, metric: str, writers: Sequence[str], cuts: Mapping[str, Cut], rank: int = 0) -> Lineage:
        """The metric over these writers of a rank in order: points that count, and superseded ones."""
        by_writer = self._columns.get(metric, {})
        pieces = [(w, by_writer[w], cuts.get(w, Cut()).step(metric)) for w in writers if w in by_writer]
        return self._lines.setdefault((metric, rank), _Line()).follow(metric, pieces)

    def own(self, writer: str, wanted: Callable[[str], bool]) -> dict[str, Series]:
        """The points of one writer in the metrics that are wanted."""
        return {m: by[writer].series(m) for m, by in self._columns.items() if writer in by and wanted(m)}

    def longest(self, writer: str, wanted: Callable[[str], bool]) -> Series:
        """The metric of one writer with the most points, of those wanted; empty when there is none."""
        sizes = {m: by[writer].size for m, by in self._columns.items() if writer in by and wanted(m)}
        metric = max(sizes, key=lambda name: sizes[name], default="")
        return self._columns[metric][writer].series(metric) if metric else Series.empty()


def _together(batch: pa.RecordBatch) -> Iterator[tuple[tuple[str, ...], Ints, Floats, list[Floats]]]:
    """Names, steps, times, and values in pieces of shape (names, part of the steps), of rows one after the other that have the
    same names.

    A row that has a name twice stands alone: the points of that name keep their order.
    """
    if any(column.null_count or column.values.null_count for column in batch.columns):  # no recorder of ours writes any
        batch = pa.RecordBatch.from_pylist(rectangles(batch).to_pylist(), schema=batch.schema)
    columns = batch.columns
    names, steps, times, values = columns
    series = values.values  # `flatten` would import pyarrow.compute, which takes longer
    flat = series.values.to_numpy(zero_copy_only=False)  # a value that is null is NaN
    name, step, time = names.values.to_pylist(), steps.values.to_numpy(), times.values.to_numpy() / 1e9
    ends = series.offsets.to_numpy()
    lengths = ends[1:] - ends[:-1]
    same: tuple[str, ...] = ()
    pieces: list[Floats] = []
    begun = left = (0, 0)
    edges = zip(*(itertools.pairwise(column.offsets.to_numpy().tolist()) for column in columns), strict=True)
    for (n, m), (first, last), (sooner, later), (low, high) in edges:
        key, count = tuple(name[n:m]), last - first
        fits = m - n == high - low and later - sooner == count and not (lengths[low:high] != count).any()
        if pieces and not (fits and key == same and len(set(key)) == len(key)):
            yield same, step[begun[0] : left[0]], time[begun[1] : left[1]], pieces
            pieces = []
        if fits:
            same, begun, left = key, begun if pieces else (first, sooner), (last, later)
            pieces.append(flat[ends[low] : ends[high]].reshape(m - n, count))
    if pieces:
        yield same, step[begun[0] : left[0]], time[begun[1] : left[1]], pieces


def _part(series: Series, cut: int, *, past: bool = False) -> Series:
    """The points before a step, or those from it on."""
    keep = series.step >= cut if past else series.step < cut
    if keep.all():
        return series
    return Series(series.metric, series.step[keep], series.wall_time[keep], series.value[keep])


def _joined(metric: str, pieces: list[Series]) -> Series:
    pieces = [p for p in pieces if len(p)]
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        return Series.empty(metric)
    return Series(
        metric,
        np.concatenate([p.step for p in pieces]),
        np.concatenate([p.wall_time for p in pieces]),
        np.concatenate([p.value for p in pieces]),
    )
