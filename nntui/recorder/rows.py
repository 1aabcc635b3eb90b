"""Rows on their way to the file: from what the loop handed over to Arrow batches.

Owns grouping and encoding. Runs on the writer thread only; touches no file.
Invariant: within each metric, points keep the order in which they were logged.
"""

from __future__ import annotations

import itertools
import json
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from nntui.finding import PROGRESS, Finding, jsonable
from nntui.recorder.arrays import lists, numbers, texts
from nntui.recorder.device import Deferred
from nntui.recorder.scalars import NotAScalar, capture_array
from nntui.runlog.schema import CHECKS, DEPENDENCIES, EVENTS, EVIDENCE_LIMIT, METRICS, PREDICTIONS

Names = tuple[str, ...]
Point = tuple[Any, ...]
"""What one call of `log` took: {name: value}, step, wall time in nanoseconds; then, if any, its Deferred values."""

_VALUES, _STEP, _TIME = (operator.itemgetter(i) for i in range(3))
TEXT_LIMIT = 64 << 10


class Together:
    """Numbers that were taken in one piece, on their way."""

    __slots__ = ("names", "values", "waits")

    def __init__(self, names: Sequence[str], values: Any) -> None:
        """values: (n,) array or tensor. Raises NotAScalar where it does not have one number per name."""
        self.names, self.values = tuple(names), capture_array(values)
        self.waits = (self.values,) if isinstance(self.values, Deferred) else ()
        if self.values.size != len(self.names):
            raise NotAScalar(f"{self.values.size} values for {len(self.names)} names")

    def __len__(self) -> int:
        return len(self.names)

    def read(self) -> dict[str, float]:
        """Each by its name."""
        found = self.values.read() if isinstance(self.values, Deferred) else self.values
        return dict(zip(self.names, found.ravel().tolist(), strict=True))


class Batch(NamedTuple):
    """Points ready to be written."""

    data: pa.RecordBatch
    points: int
    step: int
    """The highest of the training; below every step where there is none."""
    newest: dict[str, float]
    """The last value of each metric of the training."""
    groups: list[tuple[Names, np.ndarray, np.ndarray]]
    """Metrics logged together, their steps (n,) and values (metrics, n)."""


class Groups:
    """Points of one flush, collected by the names that were logged together."""

    def __init__(self, reject: Callable[[str, str], None]) -> None:
        """reject: told (name, why) of every value that is left out."""
        self._reject = reject
        self._open: dict[Names, list[Point]] = {}
        self._owner: dict[str, Names] = {}
        self._closed: list[tuple[Names, list[Point]]] = []
        self._last: Names | None = None
        self._rows: list[Point] = []
        self.points = 0

    def add(self, point: Point) -> None:
        """Take one call of `log`."""
        names = tuple(point[0])
        if names == self._last:  # nearly always; cheaper than hashing every name
            self._rows.append(point)
            self.points += len(names)
            return
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
        self._last, self._rows = names, rows

    def batch(self) -> Batch | None:
        """Everything added, one row per group; None when there is nothing."""
        encoded: list[tuple[Names, list[Point], np.ndarray]] = []
        for names, rows in [*self._closed, *self._open.items()]:
            encoded += self._rectangles(names, rows)
        if not encoded:
            return None
        widths, lengths = [len(names) for names, _, _ in encoded], [len(rows) for _, rows, _ in encoded]
        steps, times = (
            np.concatenate([np.fromiter(map(column, rows), np.int64, len(rows)) for _, rows, _ in encoded])
            for column in (_STEP, _TIME)
        )
        values = numbers(np.concatenate([matrix.ravel() for _, _, matrix in encoded]), np.float64)
        series = [len(rows) for names, rows, _ in encoded for _ in names]
        columns = [
            lists(widths, texts([name for names, _, _ in encoded for name in names])),
            lists(lengths, numbers(steps, np.int64)),
            lists(lengths, numbers(times, np.int64)),
            lists(widths, lists(series, values)),
        ]
        newest = {
            name: float(line[-1]) for names, _, matrix in encoded for name, line in zip(names, matrix, strict=True)
        }
        own = steps[np.repeat([not names[0].startswith(PROGRESS) for names, _, _ in encoded], lengths)]
        newest = {name: value for name, value in newest.items() if not name.startswith(PROGRESS)}
        ends = np.cumsum(lengths)
        groups = [
            (names, steps[end - len(rows) : end], matrix)
            for (names, rows, matrix), end in zip(encoded, ends, strict=True)
        ]
        data = pa.RecordBatch.from_arrays(columns, schema=METRICS)
        return Batch(data, len(values), int(own.max(initial=-(1 << 63))), newest, groups)

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


def _matrix(rows: Sequence[Point], width: int) -> np.ndarray:
    """Values of points with the same names, shape (width, points)."""
    values = itertools.chain.from_iterable(map(dict.values, map(_VALUES, rows)))
    return np.fromiter(values, np.float64, count=width * len(rows)).reshape(-1, width).T


def example_rows(
    name: str,
    step: int,
    time_ns: int,
    parts: Iterable[tuple[str, np.ndarray | Deferred | None, Sequence[str] | None]],
) -> pa.RecordBatch:
    """Rows of predictions or samples: for each (role, values of shape (N, …) or None, texts or None) one row per example."""
    roles: list[str] = []
    lines: list[str] = []
    counts, shapes, widths, data = [], [], [], []
    for role, values, said in parts:
        array = single(values.read() if isinstance(values, Deferred) else values)
        count = len(said or ()) if values is None else (len(array) if array.ndim else 1)
        some = [text[:TEXT_LIMIT] for text in list(said or ())[:count]]
        lines += some + [""] * (count - len(some))
        roles += [role] * count
        shapes += [array.shape[1:] if values is not None else ()] * count
        widths += [array.size // count if count else 0] * count
        counts.append(count)
        data.append(array.ravel())
    total = sum(counts)
    columns = [
        texts([name] * total),
        numbers(np.full(total, step), np.int64),
        numbers(np.full(total, time_ns), np.int64),
        texts(roles),
        numbers(np.concatenate([np.arange(count) for count in counts]), np.int64),
        lists([len(shape) for shape in shapes], numbers(list(itertools.chain.from_iterable(shapes)), np.int64)),
        lists(widths, numbers(np.concatenate(data), np.float32)),
        texts(lines),
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
    record = [name, step, time_ns, axis, rows, cols, data.ravel(), *labels, row, col, value]
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
    return _one_row(list(record.values()), CHECKS)


def event_row(step: int, time_ns: int, level: str, event: str, message: str, data: Any) -> pa.RecordBatch:
    """One line of what happened. data: what JSON can carry; None for nothing."""
    lines = [text[:TEXT_LIMIT] for text in (level, event, message)]
    return _one_row([step, time_ns, *lines, object_text({} if data is None else data)], EVENTS)


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


def _number_or_text(value: float | str) -> tuple[float, str]:
    return (float("nan"), value) if isinstance(value, str) else (float(value), "")


def _one_row(values: Sequence[Any], schema: pa.Schema) -> pa.RecordBatch:
    columns = [_column(value, field.type) for value, field in zip(values, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(value: Any, kind: pa.DataType) -> pa.Array:
    """A column with this one value."""
    if kind == pa.utf8():
        return texts([value])
    if kind == pa.list_(pa.utf8()):
        return lists([len(value)], texts(value))
    if kind == pa.list_(pa.float32()):
        return lists([len(value)], numbers(value, np.float32))
    return numbers([value], np.int64 if kind == pa.int64() else np.float64)
