from __future__ import annotations

import math
import os
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nntui
from nntui.runlog import layout, tables
from nntui.runlog.layout import Beat, End
from nntui.runlog.schema import METRICS, SCHEMAS
from nntui.runlog.writer import WriterFolder

_LABELS = ["writer", "rank", "launch", "superseded"]


@pytest.fixture(autouse=True)
def _writers_of_this_process_are_gone(monkeypatch):
    """So that a second writer in a test is a restart, not a job beside the first."""
    monkeypatch.setattr(layout, "process_alive", lambda manifest: False)


def test_a_run_that_is_none_raises_one_line(tmp_path):
    with pytest.raises(nntui.RunFolderError) as caught:
        nntui.read(tmp_path / "missing")
    assert "\n" not in str(caught.value)


def test_an_empty_run_has_every_table_with_its_columns_and_no_row(tmp_path):
    WriterFolder.create(tmp_path / "run").close()
    read = nntui.read(tmp_path / "run")
    assert read.metrics.column_names == ["metric", "step", "wall_time_ns", "value", *_LABELS]
    for kind in SCHEMAS:
        table = getattr(read, kind)
        assert table.num_rows == 0
        assert table.schema.field("superseded").type == pa.bool_()
        if kind != "metrics":
            assert table.column_names == [*SCHEMAS[kind].names, *_LABELS]


def test_launches_of_one_second_are_read_in_the_order_they_began(tmp_path, make):
    run = tmp_path / "run"
    for step in range(6):
        writer = WriterFolder.create(run, resume_step=step)
        writer.append("metrics", make.metrics({"loss": [1.0]}, [step]))
        writer.close()
    assert [row["step"] for row in nntui.read(run).metrics.to_pylist()] == [0, 1, 2, 3, 4, 5]


def test_every_point_is_one_row_with_its_writer(tmp_path, make):
    writer = WriterFolder.create(tmp_path / "run", rank=3, launch="job7")
    writer.append("metrics", make.metrics({"loss": [1.0, math.nan], "acc": [0.5, math.inf]}, [10, 11]))
    writer.append("metrics", make.metrics({"lr": [3e-4]}, [12]))
    rows = nntui.read(str(tmp_path / "run")).metrics.to_pylist()
    assert [(r["metric"], r["step"], r["value"]) for r in rows if r["value"] == r["value"]] == [
        ("loss", 10, 1.0),
        ("acc", 10, 0.5),
        ("acc", 11, math.inf),
        ("lr", 12, 3e-4),
    ]
    assert math.isnan(rows[1]["value"])
    assert rows[0]["wall_time_ns"] == 1_700_000_000_000_000_010
    assert {(r["writer"], r["rank"], r["launch"], r["superseded"]) for r in rows} == {
        (writer.folder.name, 3, "job7", False)
    }


def test_the_other_tables_keep_their_rows_as_they_are(tmp_path, make):
    writer = WriterFolder.create(tmp_path / "run")
    kinds = [kind for kind in SCHEMAS if kind not in ("metrics", "system")]
    for kind in kinds:
        writer.append(kind, make.row(kind, step=4))
    read = nntui.read(tmp_path / "run")
    for kind in kinds:
        assert getattr(read, kind).select(SCHEMAS[kind].names).to_pylist() == make.row(kind, step=4).to_pylist()


def test_readings_of_the_machine_have_a_table_of_their_own_with_a_row_per_point(tmp_path, make):
    writer = WriterFolder.create(tmp_path / "run")
    writer.append("system", make.metrics({"system/cpu": [0.5, 0.75], "system/memory": [1.0, 2.0]}, [3, 3]))
    read = nntui.read(tmp_path / "run")
    assert read.metrics.num_rows == 0
    rows = [(row["metric"], row["step"], row["value"]) for row in read.system.to_pylist()]
    assert rows == [
        (f"system/{name}", 3, v) for name, pair in (("cpu", (0.5, 0.75)), ("memory", (1.0, 2.0))) for v in pair
    ]


def test_both_launches_are_kept_and_the_replaced_points_are_marked(tmp_path, make):
    first = WriterFolder.create(tmp_path / "run")
    first.append("metrics", make.metrics({"loss": [float(s) for s in range(10)]}, range(10)))
    first.append("events", make.event(8))
    second = WriterFolder.create(tmp_path / "run", resume_step=6)
    second.append("metrics", make.metrics({"loss": [0.5, 0.25]}, [6, 7]))
    read = nntui.read(tmp_path / "run")
    replaced = [r["step"] for r in read.metrics.to_pylist() if r["superseded"]]
    assert replaced == [6, 7, 8, 9]
    assert read.metrics.num_rows == 12
    assert read.events["superseded"].to_pylist() == [True]
    assert second.folder.name not in read.metrics.filter(read.metrics["superseded"])["writer"].to_pylist()


def test_a_restart_that_does_not_say_where_replaces_only_what_it_logs_again(tmp_path, make):
    first = WriterFolder.create(tmp_path / "run")
    first.append("metrics", make.metrics({"loss": [1.0] * 4, "lr": [1.0] * 4}, range(4)))
    WriterFolder.create(tmp_path / "run").append("metrics", make.metrics({"loss": [2.0]}, [2]))
    rows = nntui.read(tmp_path / "run").metrics.to_pylist()
    assert [(r["metric"], r["step"]) for r in rows if r["superseded"]] == [("loss", 2), ("loss", 3)]


def test_an_evaluation_job_beside_the_trainer_hides_nothing_even_when_both_are_over(tmp_path, make):
    trainer = WriterFolder.create(tmp_path / "run")
    trainer.append("metrics", make.metrics({"val/acc": [0.1] * 5}, range(5)))
    beside = WriterFolder.create(tmp_path / "run")
    manifest = beside.folder / "writer.json"
    manifest.write_text(manifest.read_text().replace(f'"pid": {os.getpid()}', '"pid": 1'))
    beside.append("metrics", make.metrics({"val/acc": [0.2]}, [2]))
    later = time.time_ns() + 10**9
    trainer.end(End(wall_time_ns=later))
    beside.end(End(wall_time_ns=later))
    assert not any(nntui.read(tmp_path / "run").metrics["superseded"].to_pylist())


@pytest.mark.parametrize(
    ("alive", "end", "beat_age", "over"),
    [
        (None, True, 0, True),
        (True, False, 1e6, False),
        (False, False, 0, True),
        (None, False, 5, False),
        (None, False, 1e6, True),
    ],
)
def test_when_a_writer_counts_as_over(tmp_path, make, monkeypatch, alive, end, beat_age, over):
    monkeypatch.setattr(layout, "process_alive", lambda manifest: alive)
    writer = WriterFolder.create(tmp_path / "run")
    writer.beat(Beat(wall_time_ns=time.time_ns() - int(beat_age * 1e9)))
    if end:
        writer.end(End())
    poll = make.drain(tables.RunReader(tmp_path / "run"))[1]
    assert tables.is_over(poll.writers[writer.folder.name]) is over


def test_what_the_files_lack_is_told(tmp_path, make):
    writer = WriterFolder.create(tmp_path / "run")
    for step in range(3):
        writer.append("events", make.event(step))
    os.truncate(writer.folder / "events-00000.arrows", (writer.folder / "events-00000.arrows").stat().st_size - 1)
    read = nntui.read(tmp_path / "run")
    assert read.events["step"].to_pylist() == [0, 1]
    assert read.lost.torn == 1


# --- explode ----------------------------------------------------------------------------------


def _naive(batch):
    """One row per point, by the definition: skip what is no rectangle."""
    rows = []
    for group in batch.to_pylist():
        names, steps, times, series = (group[name] for name in METRICS.names)
        if None in (names, steps, times, series) or None in names or None in steps or None in times or None in series:
            continue
        if len(names) != len(series) or len(steps) != len(times) or any(len(s) != len(steps) for s in series):
            continue
        for name, values in zip(names, series, strict=True):
            rows += [
                {"metric": name, "step": s, "wall_time_ns": t, "value": v}
                for s, t, v in zip(steps, times, values, strict=True)
            ]
    return rows


_numbers = st.integers(-5, 5)


@st.composite
def _groups(draw):
    k, n = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    group = {
        "metric": [draw(st.text(max_size=3)) for _ in range(k)],
        "step": [draw(_numbers) for _ in range(n)],
        "wall_time_ns": [draw(_numbers) for _ in range(n)],
        "value": [[draw(st.sampled_from([0.5, math.inf, -1.0])) for _ in range(n)] for _ in range(k)],
    }
    match draw(st.sampled_from(["whole"] * 6 + ["short", "long", "null", "none", "inner"])):
        case "short":
            group["step"] = group["step"][1:]
        case "long":
            group["value"] = [*group["value"], [0.0] * n]
        case "null":
            group["metric"] = [None, *group["metric"][1:]]
        case "none":
            group[draw(st.sampled_from(METRICS.names))] = None
        case "inner":
            group["value"] = [None, *group["value"][1:]]
    return group


@given(st.lists(_groups(), max_size=6), st.integers(0, 6), st.integers(0, 6))
def test_exploding_is_what_its_definition_says(groups, start, stop):
    batch = pa.RecordBatch.from_pylist(groups, schema=METRICS).slice(start, max(0, stop - start))
    assert tables.explode(batch).to_pylist() == _naive(batch)


def test_many_small_batches_and_one_large_give_the_same_table(tmp_path, make, monkeypatch):
    monkeypatch.setattr(tables, "_GROUP_BYTES", 2000)
    writer = WriterFolder.create(tmp_path / "run")
    values = np.arange(100.0)
    for step in range(100):
        writer.append("metrics", make.metrics({"a": [values[step]], "b": [-values[step]]}, [step]))
    table = nntui.read(tmp_path / "run").metrics
    a = table.filter(pa.compute.equal(table["metric"], "a"))
    assert a["value"].to_pylist() == list(values)
    assert a["step"].to_pylist() == list(range(100))
    assert table.num_rows == 200
