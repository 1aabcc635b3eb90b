# pyright: standard
"""The recorded points of a run in growable columns.

Owns memory: values per metric and writer, moments per group of metrics logged together, filled in bulk. Invariant: what was
appended is never changed, so a Series handed out stays true while the columns grow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nntui.analysis.series import Series
from nntui.runlog.lineage import Cut

Floats = NDArray[np.float64]
_Number = TypeVar("_Number", np.int64, np.float64)
Ints = NDArray[np.int64]


class Clock:
    """Steps and wall times that metrics logged together share."""

    __slots__ = ("size", "step", "time")

    def __init__(self) -> None:
        self.step: Ints = np.empty(64, np.int64)
        self.time: Floats = np.empty(64)
        self.size = 0

    def append(self, step: Ints, time: Floats) -> None:
        """Add n moments; arrays of shape (n,)."""
        end = self.size + len(step)
        if end > len(self.step):
            room = max(end, len(self.step) * 3 // 2)
            self.step, self.time = _grown(self.step, self.size, room), _grown(self.time, self.size, room)
        self.step[self.size : end] = step
        self.time[self.size : end] = time
        self.size = end


class Columns:
    """The points of one metric of one writer. Nearly always it is logged with the same others, and shares their clock."""

    __slots__ = ("_clock", "_own", "_value", "first_step", "size")

    def __init__(self) -> None:
        self._clock = Clock()
        self._own = True
        self._value: Floats = np.empty(64)
        self.size = 0
        self.first_step = 1 << 62

    def append(self, clock: Clock, value: Floats) -> None:
        """Add n values, of shape (n,), at the last n moments of a clock that is shared."""
        n = len(value)
        if not self.size and clock.size == n:
            self._clock, self._own = clock, False
        elif self._own or self._clock is not clock or self.size + n != clock.size:
            self._part()
            self._clock.append(clock.step[clock.size - n : clock.size], clock.time[clock.size - n : clock.size])
        end = self.size + n
        if end > len(self._value):
            self._value = _grown(self._value, self.size, max(end, len(self._value) * 3 // 2))
        self._value[self.size : end] = value
        if n:
            self.first_step = min(self.first_step, int(clock.step[clock.size - n : clock.size].min()))
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


class Recorded:
    """All metrics of all writers."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, Columns]] = {}
        self._clocks: dict[tuple[str, tuple[str, ...]], Clock] = {}
        self._cache: dict[str, tuple[object, Series, Series]] = {}
        self.points = 0

    def fold(self, writer: str, batch: pa.RecordBatch) -> None:
        """Add a metrics batch. A row that is no rectangle of metrics and steps is left out."""
        for row in range(batch.num_rows):
            names, steps, times, values = (batch.column(i)[row].values for i in range(4))
            step = steps.to_numpy()
            time = times.to_numpy() / 1e9
            flat = values.flatten().to_numpy()
            if len(names) != len(values) or len(time) != len(step) or len(flat) != len(names) * len(step):
                continue
            together = tuple(names.to_pylist())
            clock = self._clocks.setdefault((writer, together), Clock())
            clock.append(step, time)
            for name, value in zip(together, flat.reshape(len(names), len(step)), strict=True):
                self._columns.setdefault(name, {}).setdefault(writer, Columns()).append(clock, value)
            self.points += len(flat)

    @property
    def metrics(self) -> list[str]:
        """Names of all metrics, in the order they appeared."""
        return list(self._columns)

    def first_steps(self, writer: str) -> dict[str, int]:
        """First step per metric that this writer logged."""
        return {m: by[writer].first_step for m, by in self._columns.items() if writer in by}

    def of(self, metric: str, writers: list[str], cuts: dict[str, Cut]) -> Series:
        """The points of a metric that count over these writers in order, whatever the run's own."""
        by_writer = self._columns.get(metric, {})
        pieces = [(by_writer[w].series(metric), cuts.get(w, Cut()).step(metric)) for w in writers if w in by_writer]
        return _joined(metric, [_where(s, s.step < cut) for s, cut in pieces])

    def own(self, writer: str, wanted: Callable[[str], bool]) -> dict[str, Series]:
        """The points of one writer in the metrics that are wanted."""
        return {m: by[writer].series(m) for m, by in self._columns.items() if writer in by and wanted(m)}

    def longest(self, writer: str, wanted: Callable[[str], bool]) -> Series:
        """The metric of one writer with the most points, of those wanted; empty when there is none."""
        sizes = {m: by[writer].size for m, by in self._columns.items() if writer in by and wanted(m)}
        metric = max(sizes, key=lambda name: sizes[name], default="")
        return self._columns[metric][writer].series(metric) if metric else Series.empty()

    def lineage(self, metric: str, writers: list[str], cuts: dict[str, Cut]) -> tuple[Series, Series]:
        """The metric over these writers in order: points that count, and superseded ones."""
        by_writer = self._columns.get(metric, {})
        present = [(w, by_writer[w], cuts.get(w, Cut()).step(metric)) for w in writers if w in by_writer]
        key = tuple((w, c.size, cut) for w, c, cut in present)
        cached = self._cache.get(metric)
        if cached is None or cached[0] != key:
            pieces = [(c.series(metric), cut) for _, c, cut in present]
            current = [_where(s, s.step < cut) for s, cut in pieces]
            replaced = [_where(s, s.step >= cut) for s, cut in pieces]
            cached = (key, _joined(metric, current), _joined(metric, replaced))
            self._cache[metric] = cached
        return cached[1], cached[2]


def _grown(array: NDArray[_Number], size: int, room: int) -> NDArray[_Number]:
    larger = np.empty(room, array.dtype)
    larger[:size] = array[:size]
    return larger


def _where(series: Series, keep: NDArray[np.bool_]) -> Series:
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
