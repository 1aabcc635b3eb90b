"""A run as tidy pyarrow tables, for anyone: `nntui.read("runs/exp42").metrics`.

Owns the flat form of the recorded data. Invariant: every whole frame of the folder is in a table exactly once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nntui.runlog import layout
from nntui.runlog.lineage import Cut, Launch, cuts
from nntui.runlog.reader import Damage, RunReader, Writer
from nntui.runlog.schema import SCHEMAS

SILENT_AFTER = 60.0
"""Seconds without a beat after which a writer of another machine counts as over."""

_EXPLODED = pa.schema(
    [("metric", pa.utf8()), ("step", pa.int64()), ("wall_time_ns", pa.int64()), ("value", pa.float64())]
)


@dataclass(frozen=True, eq=False, slots=True)
class RunTables:
    """One table per kind; each has, after its own columns, writer, rank, launch and superseded."""

    metrics: pa.Table
    """metric, step, wall_time_ns, value, writer, rank, launch, superseded: one row per point, as logged (NaN and ±inf too)."""
    predictions: pa.Table
    samples: pa.Table
    dependencies: pa.Table
    checks: pa.Table
    events: pa.Table
    lost: Damage
    """What the files lack."""


def read(path: str | os.PathLike[str]) -> RunTables:
    """Everything whole in the run folder at `path`, as it is now.

    Raises RunFolderError when there is no run to read.
    """
    reader = RunReader(path)
    pieces: dict[str, list[tuple[str, pa.Table]]] = {kind: [] for kind in SCHEMAS}
    while True:
        poll = reader.poll(max_bytes=64 << 20, max_seconds=60.0)
        for batch in poll.batches:
            table = pa.Table.from_batches([batch.data])
            pieces[batch.kind].append((batch.writer, explode(batch.data) if batch.kind == "metrics" else table))
        if not poll.more:
            break
    by_writer = {
        kind: {w: pa.concat_tables([t for name, t in found if name == w]) for w in dict.fromkeys(n for n, _ in found)}
        for kind, found in pieces.items()
    }
    launches = [_launch(writer, by_writer["metrics"].get(name)) for name, writer in poll.writers.items()]
    cut = cuts(launches)
    tables = {kind: _label(kind, found, poll.writers, cut) for kind, found in by_writer.items()}
    return RunTables(**tables, lost=poll.lost)


def explode(batch: pa.RecordBatch) -> pa.Table:
    """A metrics batch with one row per point: groups of k metrics × n steps become k·n rows, metric-major."""
    parts: list[pa.RecordBatch] = []
    for row in range(batch.num_rows):
        names, steps, times, values = (batch.column(i)[row].values for i in range(4))
        flat, n = values.flatten(), len(steps)
        lengths = np.diff(values.offsets.to_numpy())
        if len(names) != len(values) or len(times) != n or (lengths != n).any():
            continue  # not what a recorder writes: no rectangle of metrics and steps
        k = len(names)
        tiles = np.tile(np.arange(n), k)
        columns = [
            names.take(pa.array(np.repeat(np.arange(k), n))),
            steps.take(tiles),
            times.take(tiles),
            flat,
        ]
        parts.append(pa.RecordBatch.from_arrays(columns, schema=_EXPLODED))
    return pa.Table.from_batches(parts, schema=_EXPLODED)


def is_over(writer: Writer) -> bool:
    """Whether a writer will write no more, judged once by the wall clock: ended, gone, or silent for SILENT_AFTER."""
    if writer.end is not None:
        return True
    alive = layout.process_alive(writer.manifest)
    if alive is not None:
        return not alive
    newest = writer.beat.wall_time_ns if writer.beat else writer.manifest.started_ns
    return time.time() - newest / 1e9 > SILENT_AFTER


def _launch(writer: Writer, points: pa.Table | None) -> Launch:
    manifest = writer.manifest
    first: dict[str, int] = {}
    if points is not None and manifest.resume_step < 0:
        least = points.group_by("metric").aggregate([("step", "min")])
        first = dict(zip(least["metric"].to_pylist(), least["step_min"].to_pylist(), strict=True))
    return Launch(manifest.writer, manifest.rank, manifest.started_ns, manifest.resume_step, is_over(writer), first)


def _label(kind: str, found: Mapping[str, pa.Table], writers: Mapping[str, Writer], cut: Mapping[str, Cut]) -> pa.Table:
    labelled = [_label_one(table, writers[name].manifest, cut[name]) for name, table in found.items()]
    if labelled:
        return pa.concat_tables(labelled)
    schema = _EXPLODED if kind == "metrics" else SCHEMAS[kind]
    return _label_one(schema.empty_table(), layout.Manifest(), Cut())


def _label_one(table: pa.Table, manifest: layout.Manifest, cut: Cut) -> pa.Table:
    n = table.num_rows
    columns: dict[str, Any] = {
        "writer": pa.repeat(pa.scalar(manifest.writer, pa.utf8()), n),
        "rank": pa.repeat(pa.scalar(manifest.rank, pa.int64()), n),
        "launch": pa.repeat(pa.scalar(manifest.launch or manifest.writer, pa.utf8()), n),
        "superseded": _superseded(table, cut),
    }
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def _superseded(table: pa.Table, cut: Cut) -> pa.Array:
    step = table["step"]
    result = pc.greater_equal(step, cut.everything)
    for metric, first in cut.metrics.items() if "metric" in table.column_names else ():
        result = pc.or_(result, pc.and_(pc.equal(table["metric"], metric), pc.greater_equal(step, first)))
    return result
