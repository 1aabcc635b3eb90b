"""Rows on their way to the file: from what the loop handed over to Arrow batches.

Owns grouping and encoding. Runs on the writer thread only; touches no file.
Invariant: within each metric, points keep the order in which they were logged.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from nntui.finding import Finding, jsonable
from nntui.recorder.device import Deferred
from nntui.runlog.schema import CHECKS, DEPENDENCIES, EVENTS, EVIDENCE_LIMIT, METRICS, PREDICTIONS

Names = tuple[str, ...]
Point = tuple[Any, ...]
"""What one call of `log` took: {name: value}, step, wall time in nanoseconds; then, if any, its Deferred values."""

TEXT_LIMIT = 64 << 10
INT64_LIMIT = 1 << 63


class Groups:
    """Points of one flush, collected by the names that were logged together."""

    def __init__(self, reject: Callable[[str, str], None]) -> None:
        """reject: told (name, why) of every value that is left out."""
        self._reject = reject
        self._open: dict[Names, list[Point]] = {}
        self._owner: dict[str, Names] = {}
        self._closed: list[tuple[Names, list[Point]]] = []
        self.points = 0

    def add(self, point: Point) -> None:
        """Take one call of `log`."""
        names = tuple(point[0])
        rows = self._open.get(names)
        if rows is None:
            if not names:
                return
            for name in names:
                owner = self._owner.get(name)
                if owner is not None and owner in self._open:
                    self._closed.append((owner, self._open.pop(owner)))
                self._owner[name] = names
            rows = self._open[names] = []
        rows.append(point)
        self.points += len(names)

    def batch(self) -> pa.RecordBatch | None:
        """Everything added, one row per group; None when there is nothing."""
        encoded: list[tuple[Names, list[Point], np.ndarray]] = []
        for names, rows in [*self._closed, *self._open.items()]:
            encoded += self._rectangles(names, rows)
        if not encoded:
            return None
        values = [matrix for _, _, matrix in encoded]
        inner = pa.ListArray.from_arrays(
            _offsets([m.shape[1] for m in values for _ in range(m.shape[0])]),
            pa.array(np.concatenate([m.ravel() for m in values])),
        )
        steps, times = (
            np.fromiter((row[column] for _, rows, _ in encoded for row in rows), np.int64) for column in (1, 2)
        )
        lengths = _offsets([len(rows) for _, rows, _ in encoded])
        widths = _offsets([m.shape[0] for m in values])
        metric = pa.array([encodable(name) for names, _, _ in encoded for name in names], pa.utf8())
        columns = [
            pa.ListArray.from_arrays(widths, metric),
            pa.ListArray.from_arrays(lengths, pa.array(steps)),
            pa.ListArray.from_arrays(lengths, pa.array(times)),
            pa.ListArray.from_arrays(widths, inner),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=METRICS)

    def _rectangles(self, names: Names, rows: list[Point]) -> list[tuple[Names, list[Point], np.ndarray]]:
        """The group as a matrix of metrics × steps; split where a value turns out to be no number."""
        if all(isinstance(name, str) for name in names):
            try:
                return [(names, rows, _matrix(rows, len(names)))]
            except (TypeError, ValueError, OverflowError):
                pass  # a value on its way from a device, or an integer too large for a float
        runs: list[tuple[Names, list[Point]]] = []
        for row in map(self._clean, rows):
            kept = tuple(row[0])
            if not runs or runs[-1][0] != kept:
                runs.append((kept, []))
            runs[-1][1].append(row)
        return [(kept, some, _matrix(some, len(kept))) for kept, some in runs if kept]

    def _clean(self, point: Point) -> Point:
        kept: dict[str, float] = {}
        for name, value in point[0].items():
            if not isinstance(name, str):
                self._reject(shown(name), "its name is no string")
                continue
            try:
                kept[name] = float(value.read().reshape(())[()]) if isinstance(value, Deferred) else float(value)
            except OverflowError:
                self._reject(name, "a number too large for a float")
            except (TypeError, ValueError, RuntimeError) as error:
                self._reject(name, f"it could not be read ({type(error).__name__})")
        return kept, point[1], point[2]


def newest_values(batch: pa.RecordBatch) -> tuple[int, int, dict[str, float]]:
    """Of a batch of points: how many there are, their highest step, and the last value of each metric."""
    series = batch.column(3).flatten()
    values = series.flatten().to_numpy()
    last = series.offsets.to_numpy()[1:] - 1
    names = batch.column(0).flatten().to_pylist()
    highest = int(batch.column(1).flatten().to_numpy().max())
    return len(values), highest, dict(zip(names, values[last].tolist(), strict=True))


def _matrix(rows: Sequence[Point], width: int) -> np.ndarray:
    """Values of points with the same names, shape (width, points)."""
    values = itertools.chain.from_iterable(row[0].values() for row in rows)
    return np.fromiter(values, np.float64, count=width * len(rows)).reshape(-1, width).T


def example_rows(
    name: str,
    step: int,
    time_ns: int,
    parts: Iterable[tuple[str, np.ndarray | Deferred | None, Sequence[str] | None]],
) -> pa.RecordBatch:
    """Rows of predictions or samples: for each (role, values of shape (N, …) or None, texts or None) one row per example."""
    batches = [_examples(name, step, time_ns, *part) for part in parts]
    whole = pa.Table.from_batches(batches, schema=PREDICTIONS).combine_chunks().to_batches()
    return whole[0] if whole else pa.RecordBatch.from_pylist([], schema=PREDICTIONS)


def _examples(
    name: str, step: int, time_ns: int, role: str, values: np.ndarray | Deferred | None, texts: Sequence[str] | None
) -> pa.RecordBatch:
    data = single(values.read() if isinstance(values, Deferred) else values)
    count = len(texts or ()) if values is None else (len(data) if data.ndim else 1)
    shape = np.array(data.shape[1:] if values is not None else (), np.int64)
    lines = [encodable(text[:TEXT_LIMIT]) for text in list(texts or ())[:count]]
    lines += [""] * (count - len(lines))
    width = data.size // count if count else 0
    columns = [
        pa.repeat(encodable(name), count),
        pa.repeat(pa.scalar(step, pa.int64()), count),
        pa.repeat(pa.scalar(time_ns, pa.int64()), count),
        pa.repeat(role, count),
        pa.array(np.arange(count)),
        pa.ListArray.from_arrays(_offsets([len(shape)] * count), pa.array(np.tile(shape, count))),
        pa.ListArray.from_arrays(_offsets([width] * count), pa.array(data.ravel())),
        pa.array(lines, pa.utf8()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PREDICTIONS)


def single(values: np.ndarray | None) -> np.ndarray:
    """The values as float32, infinite where they are too large for it; empty for None."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.empty(0, np.float32) if values is None else values.astype(np.float32)


def dependency_row(
    name: str,
    step: int,
    time_ns: int,
    axis: str,
    matrix: np.ndarray | Deferred,
    labels: tuple[Sequence[str], Sequence[str]],
    leak: tuple[int, int, float] | None,
) -> pa.RecordBatch:
    """One gradient matrix of shape (rows, cols)."""
    data = matrix.read() if isinstance(matrix, Deferred) else matrix
    data = np.atleast_2d(single(data))
    row, col, value = leak if leak is not None else (-1, -1, float("nan"))
    rows, cols = data.shape
    texts = [[encodable(str(label)) for label in side] for side in labels]
    record = [encodable(name), step, time_ns, encodable(axis), rows, cols, data.ravel(), *texts, row, col, value]
    return _one_row(record, DEPENDENCIES)


def check_row(finding: Finding, time_ns: int) -> pa.RecordBatch:
    """One outcome of a check."""
    expected, expected_text = _number_or_text(finding.expected)
    measured, measured_text = _number_or_text(finding.measured)
    evidence = object_text(jsonable(finding.evidence))
    record = {
        "id": finding.id,
        "step": finding.step,
        "wall_time_ns": time_ns,
        "status": finding.status,
        "message": finding.message[:TEXT_LIMIT],
        "expected": expected,
        "expected_text": expected_text,
        "measured": measured,
        "measured_text": measured_text,
        "tolerance": float(finding.tolerance),
        "unit": finding.unit,
        "advice": finding.advice[:TEXT_LIMIT],
        "evidence": evidence,
        "seconds": float(finding.seconds),
    }
    values = [encodable(v) if isinstance(v, str) else v for v in record.values()]
    return _one_row(values, CHECKS)


def event_row(step: int, time_ns: int, level: str, event: str, message: str, data: Any) -> pa.RecordBatch:
    """One line of what happened. data: what JSON can carry; None for nothing."""
    texts = [encodable(text[:TEXT_LIMIT]) for text in (level, event, message)]
    return _one_row([step, time_ns, *texts, object_text({} if data is None else data)], EVENTS)


def object_text(value: Any) -> str:
    """A JSON object of at most EVIDENCE_LIMIT bytes; what is no object becomes its `value`, what is longer a note."""
    text = json.dumps(value if isinstance(value, dict) else {"value": value})
    if len(text) > EVIDENCE_LIMIT:
        return json.dumps({"too_long": f"{len(text)} bytes of JSON; at most {EVIDENCE_LIMIT} are stored"})
    return text


def shown(name: Any) -> str:
    """A name as a message can hold it, whatever it is."""
    if isinstance(name, str):
        return name[:200]
    try:
        return f"{name!r:.200}"
    except Exception:  # noqa: BLE001 (a user's object may do anything when asked for its text)
        return f"a {type(name).__name__}"


def encodable(text: str) -> str:
    """The text as UTF-8 can hold it: lone surrogates as backslash escapes, everything else as it is."""
    return text.encode("utf-8", "backslashreplace").decode()


def _number_or_text(value: float | str) -> tuple[float, str]:
    return (float("nan"), value) if isinstance(value, str) else (float(value), "")


def _one_row(values: Sequence[Any], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array([value], field.type) for value, field in zip(values, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _offsets(lengths: Sequence[int]) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int32))
