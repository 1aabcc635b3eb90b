# pyright: standard
"""The recorded points of a run in growable columns.

Owns memory: one column triple per metric and writer, filled in bulk. Invariant: what was appended is never changed, so
a Series handed out stays true while the columns grow.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nntui.analysis.series import Series
from nntui.runlog.lineage import Cut

Floats = NDArray[np.float64]
_Number = TypeVar("_Number", np.int64, np.float64)
Ints = NDArray[np.int64]


class Columns:
    """Steps, wall times and values of one metric of one writer."""

    __slots__ = ("_step", "_time", "_value", "first_step", "size")

    def __init__(self) -> None:
        self._step: Ints = np.empty(64, np.int64)
        self._time: Floats = np.empty(64)
        self._value: Floats = np.empty(64)
        self.size = 0
        self.first_step = 1 << 62

    def append(self, step: Ints, time: Floats, value: Floats) -> None:
        """Add n points; arrays of shape (n,)."""
        end = self.size + len(step)
        if end > len(self._step):
            room = max(end, len(self._step) * 3 // 2)
            self._step = _grown(self._step, self.size, room)
            self._time = _grown(self._time, self.size, room)
            self._value = _grown(self._value, self.size, room)
        self._step[self.size : end] = step
        self._time[self.size : end] = time
        self._value[self.size : end] = value
        self.size = end
        if len(step):
            self.first_step = min(self.first_step, int(step.min()))

    def series(self, metric: str) -> Series:
        """Everything so far, without a copy."""
        n = self.size
        return Series(metric, self._step[:n], self._time[:n], self._value[:n])


class Recorded:
    """All metrics of all writers."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, Columns]] = {}
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
            for name, value in zip(names.to_pylist(), flat.reshape(len(names), len(step)), strict=True):
                self._columns.setdefault(name, {}).setdefault(writer, Columns()).append(step, time, value)
            self.points += len(flat)

    @property
    def metrics(self) -> list[str]:
        """Names of all metrics, in the order they appeared."""
        return list(self._columns)

    def first_steps(self, writer: str) -> dict[str, int]:
        """First step per metric that this writer logged."""
        return {m: by[writer].first_step for m, by in self._columns.items() if writer in by}

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
        return Series(metric, np.empty(0, np.int64), np.empty(0), np.empty(0))
    return Series(
        metric,
        np.concatenate([p.step for p in pieces]),
        np.concatenate([p.wall_time for p in pieces]),
        np.concatenate([p.value for p in pieces]),
    )
