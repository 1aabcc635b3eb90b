"""A run as tidy pyarrow tables, for anyone: `nntui.read("runs/exp42").metrics`.

Owns the flat form of the recorded data. Invariant: every whole frame of the folder is in a table exactly once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nntui.runlog import layout
from nntui.runlog.lineage import Cut, Launch, cuts
from nntui.runlog.reader import Damage, RunReader
from nntui.runlog.schema import POINTS, SCHEMAS
from nntui.runlog.writers import Writer, is_over, newest_sign_ns

_GROUP_BYTES = 32 << 20

_EXPLODED = pa.schema(
    [("metric", pa.utf8()), ("step", pa.int64()), ("wall_time_ns", pa.int64()), ("value", pa.float64())]
)


@dataclass(frozen=True, eq=False, slots=True)
class RunTables:
    """One table per kind; each has, after its own columns, writer, rank, launch and superseded."""

    metrics: pa.Table
    """metric, step, wall_time_ns, value, writer, rank, launch, superseded: one row per point, as logged."""
    system: pa.Table
    """Readings of the machine, `system/…`, in the same columns; several may have the same step."""
    predictions: pa.Table
    samples: pa.Table
    examples: pa.Table
    dependencies: pa.Table
    checks: pa.Table
    events: pa.Table
    tensors: pa.Table
    output: pa.Table
    """What the processes printed, a row per line."""
    lost: Damage
    """What the files lack."""


def read(path: str | os.PathLike[str]) -> RunTables:
    """Everything whole in the run folder at `path`, as it is now.

    Raises RunFolderError when there is no run to read.
    """
    reader = RunReader(path)
    pieces: dict[str, dict[str, list[pa.RecordBatch]]] = {kind: {} for kind in SCHEMAS}
    while True:
        poll = reader.poll(max_bytes=64 << 20, max_seconds=60.0)
        for batch in poll.batches:
            pieces[batch.kind].setdefault(batch.writer, []).append(batch.data)
        if not poll.more:
            break
    by_writer = {
        kind: {
            name: pa.concat_tables(map(explode, _groups(found[name]))) if kind in POINTS else _table(found[name])
            for name in poll.writers  # oldest first
            if name in found
        }
        for kind, found in pieces.items()
    }
    launches = [_launch(writer, by_writer["metrics"].get(name)) for name, writer in poll.writers.items()]
    cut = cuts(launches)
    tables = {kind: _label(kind, found, poll.writers, cut) for kind, found in by_writer.items()}
    return RunTables(**tables, lost=poll.lost)


def explode(batch: pa.RecordBatch) -> pa.Table:
    """A metrics batch with one row per point: groups of k metrics × n steps become k·n rows, metric-major.

    A group that is no rectangle (not k names for k lists of n values at n steps and times) gives no rows: no recorder
    writes such a one.
    """
    batch = rectangles(batch)
    if not batch.num_rows:
        return _EXPLODED.empty_table()
    names, steps, times, values = (batch.column(i) for i in range(4))
    series = values.flatten()  # one list per metric of each group
    points = np.diff(series.offsets.to_numpy())
    of_series = np.repeat(np.arange(len(series)), points)  # which series each point belongs to
    within = np.arange(len(of_series)) - np.repeat(np.cumsum(points) - points, points)
    lengths = np.diff(steps.offsets.to_numpy())
    first = np.repeat(np.cumsum(lengths) - lengths, np.diff(values.offsets.to_numpy()))  # per series, its first step
    moment = pa.array(first[of_series] + within)
    columns = [
        names.flatten().take(pa.array(of_series)),
        steps.flatten().take(moment),
        times.flatten().take(moment),
        series.flatten(),
    ]
    return pa.Table.from_arrays(columns, schema=_EXPLODED)


def rectangles(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of a metrics batch that are groups of points, nothing null in them but values."""
    rectangular = _rectangular(batch)
    return batch if rectangular.all() else batch.filter(pa.array(rectangular))


def _rectangular(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Which rows are k names, k series of n values, n steps and n times, nothing null but values. Shape (rows,)."""
    names, steps, times, values = (batch.column(i) for i in range(4))
    if any(column.null_count or column.values.null_count for column in (names, steps, times, values)):
        return np.array([_is_rectangle(row) for row in batch.to_pylist()], bool)
    k, n, m, series = (np.diff(column.offsets.to_numpy()) for column in (names, steps, times, values))
    points = np.diff(values.flatten().offsets.to_numpy())
    of_group = np.repeat(np.arange(batch.num_rows), series)
    wrong = np.bincount(of_group[points != n[of_group]], minlength=batch.num_rows)
    return (k == series) & (n == m) & (wrong == 0)


def _is_rectangle(row: Mapping[str, Any]) -> bool:
    columns = [row["metric"], row["step"], row["wall_time_ns"], row["value"]]
    if any(column is None or None in column for column in columns):
        return False
    names, steps, times, series = columns
    return len(names) == len(series) and len(steps) == len(times) and all(len(one) == len(steps) for one in series)


def _groups(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in fewer batches: many small ones cost more than their points."""
    group: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        group.append(batch)
        size += batch.nbytes
        if size > _GROUP_BYTES:
            yield from _table(group).to_batches()
            group, size = [], 0
    yield from _table(group).to_batches() if group else []


def joined(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """The same rows in as few batches as there can be; of one, that very one."""
    return batches if len(batches) == 1 else _table(batches).to_batches()


def _table(batches: list[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches).combine_chunks()


def _launch(writer: Writer, points: pa.Table | None) -> Launch:
    manifest = writer.manifest
    first: dict[str, int] = {}
    if points is not None and manifest.resume_step < 0:
        least = points.group_by("metric").aggregate([("step", "min")])
        first = dict(zip(least["metric"].to_pylist(), least["step_min"].to_pylist(), strict=True))
    return Launch(
        manifest.writer,
        manifest.rank,
        manifest.started_ns,
        manifest.resume_step,
        is_over(writer),
        first,
        newest_sign_ns(writer),
        manifest.process,
    )


def _label(kind: str, found: Mapping[str, pa.Table], writers: Mapping[str, Writer], cut: Mapping[str, Cut]) -> pa.Table:
    labelled = [_label_one(table, writers[name].manifest, cut[name]) for name, table in found.items()]
    if labelled:
        return pa.concat_tables(labelled)
    schema = _EXPLODED if kind in POINTS else SCHEMAS[kind]
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


def _superseded(table: pa.Table, cut: Cut) -> pa.ChunkedArray:
    chunks = [_superseded_in(batch, cut) for batch in table.to_batches()]
    return pa.chunked_array(chunks, pa.bool_())


def _superseded_in(batch: pa.RecordBatch, cut: Cut) -> pa.Array:
    step = batch.column(batch.schema.get_field_index("step")).fill_null(-1).to_numpy(zero_copy_only=False)
    if not cut.metrics or "metric" not in batch.schema.names:
        return pa.array(step >= cut.everything)
    metric = batch.column(batch.schema.get_field_index("metric")).dictionary_encode()
    first = np.array([cut.step(name) for name in metric.dictionary.to_pylist()], np.int64)
    return pa.array(step >= first[metric.indices.to_numpy()])
