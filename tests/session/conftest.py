"""Polls made by hand, from real record batches."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from nntui.runlog.layout import Beat, End, Manifest
from nntui.runlog.reader import Batch, Damage, Poll
from nntui.runlog.schema import CHECKS, EVENTS, METRICS
from nntui.runlog.writers import Writer

UNHARMED = Damage()
WALL = 1.8e9
"""Unix seconds at which the tests play."""


class Maker:
    """Makes what a reader would give."""

    wall = WALL

    def points(self, writer="a", steps=(0,), start=WALL, **columns) -> Batch:
        """One group of metrics logged together, one second per point; `train__loss` is train/loss."""
        steps = list(steps)
        times = [int((start + i) * 1e9) for i in range(len(steps))]
        names = [name.replace("__", "/") for name in columns]
        values = [[float(v) for v in np.broadcast_to(value, len(steps))] for value in columns.values()]
        return Batch(writer, "metrics", pa.record_batch([[names], [steps], [times], [values]], schema=METRICS))

    def check(self, row="skeleton.seed", status="pass", at=WALL, writer="a", **other) -> Batch:
        record = {field.name: "" if pa.types.is_string(field.type) else 0 for field in CHECKS}
        record |= {"id": row, "status": status, "wall_time_ns": int(at * 1e9), "evidence": "{}", "expected": math.nan}
        record |= other
        return Batch(writer, "checks", pa.RecordBatch.from_pylist([record], schema=CHECKS))

    def event(self, event="note", message="", level="info", step=-1, at=WALL, writer="a", data="{}") -> Batch:
        row = {
            "step": step,
            "wall_time_ns": int(at * 1e9),
            "level": level,
            "event": event,
            "message": message,
            "data": data,
        }
        return Batch(writer, "events", pa.RecordBatch.from_pylist([row], schema=EVENTS))

    def writer(
        self, name="a", *, started=WALL - 10, beat=1, end: End | None = None, beat_at=WALL, **manifest
    ) -> Writer:
        known = Manifest(writer=name, started_ns=int(started * 1e9), host="elsewhere", **manifest)
        pulse = Beat(count=beat, wall_time_ns=int(beat_at * 1e9)) if beat else None
        return Writer(Path("/nowhere") / name, known, pulse, end)

    def poll(self, *batches: Batch, writers=None, lost=UNHARMED, more=False) -> Poll:
        known = writers if writers is not None else [self.writer()]
        return Poll(tuple(batches), {w.manifest.writer: w for w in known}, lost, more, 1)


@pytest.fixture
def make() -> Maker:
    return Maker()
