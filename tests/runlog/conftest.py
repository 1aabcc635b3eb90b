"""Batches of every kind, whole small runs, and a reader drained to its end.

Everything here is a plain function without state, so that a hypothesis test may use it for each of its examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from nntui.runlog import frame
from nntui.runlog.reader import Batch, Poll, RunReader
from nntui.runlog.schema import SCHEMAS


def _metrics(values: dict[str, Sequence[float]], steps: Sequence[int]) -> pa.RecordBatch:
    columns = [
        [list(values)],
        [list(steps)],
        [[1_700_000_000_000_000_000 + step for step in steps]],
        [[list(one) for one in values.values()]],
    ]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMAS["metrics"], strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMAS["metrics"])


def _event(step: int, message: str = "note") -> pa.RecordBatch:
    row = {"step": step, "wall_time_ns": step, "level": "info", "event": "note", "message": message, "data": "{}"}
    return pa.RecordBatch.from_pylist([row], schema=SCHEMAS["events"])


def _row(kind: str, **given: Any) -> pa.RecordBatch:
    """One row with a harmless value of its type in every column not given."""
    row = {field.name: given.get(field.name, _harmless(field.type)) for field in SCHEMAS[kind]}
    return pa.RecordBatch.from_pylist([row], schema=SCHEMAS[kind])


def _harmless(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return []
    return "" if pa.types.is_string(kind) else 0


def _drain(reader: RunReader, **limits: Any) -> tuple[list[Batch], Poll]:
    """Every batch there is at the moment, and the last poll."""
    limits.setdefault("max_seconds", 1e9)
    found: list[Batch] = []
    for _ in range(100_000):
        poll = reader.poll(**limits)
        found += poll.batches
        if not poll.more:
            return found, poll
    raise AssertionError("the reader never came to an end")


def _stream(kind: str, batches: Sequence[pa.RecordBatch], nonce: bytes) -> list[bytes]:
    """The frames of a file: its schema, then each batch."""
    frames = [frame.encode_schema(kind, sequence=0, nonce=nonce)]
    return frames + [frame.encode(b, kind, sequence=i, nonce=nonce) for i, b in enumerate(batches, 1)]


def _steps(batches: Sequence[pa.RecordBatch | Batch]) -> list[int]:
    """The step of each one-row batch, as its identity."""
    data = [batch.data if isinstance(batch, Batch) else batch for batch in batches]
    return [one.column("step")[0].as_py() for one in data]


class _Clock:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """Builders: make.metrics, make.event, make.row, make.stream, make.drain, make.steps, make.clock."""
    return SimpleNamespace(
        metrics=_metrics, event=_event, row=_row, stream=_stream, drain=_drain, steps=_steps, clock=_Clock
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty writer folder."""
    path = tmp_path / "run" / "w-20260101T000000Z-r0000-abcdef"
    path.mkdir(parents=True)
    return path


@pytest.fixture(scope="session")
def bits() -> Callable[[bytes, int], bytes]:
    """The bytes with one bit turned over."""

    def flip(data: bytes, bit: int) -> bytes:
        flipped = bytearray(data)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        return bytes(flipped)

    return flip


@pytest.fixture(scope="session")
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
