"""Rows on their way to the file: from what the loop handed over to Arrow batches.

Owns grouping and encoding. Runs on the writer thread only; touches no file.
Invariant: within each metric, points keep the order in which they were logged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from nntui.finding import Finding, jsonable
from nntui.recorder.scalars import Deferred
from nntui.runlog.schema import CHECKS, DEPENDENCIES, EVENTS, EVIDENCE_LIMIT, METRICS, PREDICTIONS

Names = tuple[str, ...]
Point = tuple[Names, tuple[Any, ...], int, int]
"""Names logged together, their values, step, wall time in nanoseconds."""

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
        names = point[0]
        rows = self._open.get(names)
        if rows is None:
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
        steps = [np.array([row[2] for row in rows], np.int64) for _, rows, _ in encoded]
        times = [np.array([row[3] for row in rows], np.int64) for _, rows, _ in encoded]
        lengths = _offsets([len(s) for s in steps])
        widths = _offsets([m.shape[0] for m in values])
        metric = pa.array([encodable(name) for names, _, _ in encoded for name in names], pa.utf8())
        columns = [
            pa.ListArray.from_arrays(widths, metric),
            pa.ListArray.from_arrays(lengths, pa.array(np.concatenate(steps))),
            pa.ListArray.from_arrays(lengths, pa.array(np.concatenate(times))),
            pa.ListArray.from_arrays(widths, inner),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=METRICS)

    def _rectangles(self, names: Names, rows: list[Point]) -> list[tuple[Names, list[Point], np.ndarray]]:
        """The group as a matrix of metrics × steps; split where a value turns out to be no number."""
        if all(type(name) is str for name in names):
            try:
                return [(names, rows, np.array([row[1] for row in rows], np.float64).reshape(len(rows), -1).T)]
            except (TypeError, ValueError, OverflowError):
                pass  # a value on its way from a device, or an integer too large for a float
        clean = [kept for row in rows if (kept := self._clean(row))[0]]
        runs: list[tuple[Names, list[Point]]] = []
        for row in clean:
            if not runs or runs[-1][0] != row[0]:
                runs.append((row[0], []))
            runs[-1][1].append(row)
        return [(n, r, np.array([row[1] for row in r], np.float64).T) for n, r in runs]

    def _clean(self, point: Point) -> Point:
        kept: dict[str, float] = {}
        for name, value in zip(point[0], point[1], strict=True):
            if type(name) is not str:
                self._reject(repr(name), "its name is no string")
                continue
            try:
                kept[name] = float(value.read().reshape(())[()]) if isinstance(value, Deferred) else float(value)
            except OverflowError:
                self._reject(name, "a number too large for a float")
            except (TypeError, ValueError, RuntimeError) as error:
                self._reject(name, f"it could not be read ({type(error).__name__})")
        return tuple(kept), tuple(kept.values()), point[2], point[3]


def example_rows(
    name: str,
    step: int,
    time_ns: int,
    parts: Iterable[tuple[str, np.ndarray | Deferred | None, Sequence[str] | None]],
) -> pa.RecordBatch:
    """Rows of predictions or samples: for each (role, values of shape (N, …) or None, texts or None) one row per example."""
    columns: dict[str, list[Any]] = {field.name: [] for field in PREDICTIONS}
    for role, values, texts in parts:
        data = values.read() if isinstance(values, Deferred) else values
        count = len(texts or ()) if data is None else (len(data) if data.ndim else 1)
        flat = np.empty((count, 0), np.float32) if data is None else data.astype(np.float32).reshape(count, -1)
        shape = [] if data is None else list(data.shape[1:])
        for example in range(count):
            text = str(texts[example]) if texts is not None and example < len(texts) else ""
            row = (name, step, time_ns, role, example, shape, flat[example], text)
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
    columns["name"] = [encodable(n) for n in columns["name"]]
    columns["text"] = [encodable(t[:TEXT_LIMIT]) for t in columns["text"]]
    arrays = [pa.array(columns[field.name], field.type) for field in PREDICTIONS]
    return pa.RecordBatch.from_arrays(arrays, schema=PREDICTIONS)


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
    data = np.atleast_2d(data).astype(np.float32)
    row, col, value = leak if leak is not None else (-1, -1, float("nan"))
    rows, cols = data.shape
    texts = [[encodable(str(label)) for label in side] for side in labels]
    record = [encodable(name), step, time_ns, encodable(axis), rows, cols, data.ravel(), *texts, row, col, value]
    return _one_row(record, DEPENDENCIES)


def check_row(finding: Finding, time_ns: int) -> pa.RecordBatch:
    """One outcome of a check."""
    expected, expected_text = _number_or_text(finding.expected)
    measured, measured_text = _number_or_text(finding.measured)
    evidence = json.dumps(jsonable(finding.evidence))
    if len(evidence) > EVIDENCE_LIMIT:
        evidence = json.dumps({"too_long": f"{len(evidence)} bytes of JSON; at most {EVIDENCE_LIMIT} are stored"})
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
    """One line of what happened."""
    details = json.dumps(jsonable(data if data is not None else {}))
    texts = [encodable(text[:TEXT_LIMIT]) for text in (level, event, message, details)]
    return _one_row([step, time_ns, *texts], EVENTS)


def encodable(text: str) -> str:
    """The text as UTF-8 can hold it: lone surrogates as backslash escapes, everything else as it is."""
    return text.encode("utf-8", "backslashreplace").decode()


def _number_or_text(value: float | str) -> tuple[float, str]:
    return (float("nan"), value) if isinstance(value, str) else (float(value), "")


def _one_row(values: Sequence[Any], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array([value], field.type) for value, field in zip(values, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _offsets(lengths: Sequence[int]) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
