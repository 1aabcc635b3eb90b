"""A run folder of format 1, as it was first written. It is never made anew: every version must read it as here."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from nntui.runlog import layout, tables
from nntui.runlog.layout import Beat, Identity
from nntui.runlog.reader import RunReader
from nntui.runlog.schema import SCHEMAS

FORMAT_1 = Path(__file__).parents[1] / "golden" / "format1"
FIRST = "w-20260102T030405Z-r0000-0a1b2c"
SECOND = "w-20260102T031000Z-r0000-3d4e5f"
START = 1_767_323_045_000_000_000


@pytest.fixture(scope="module")
def run() -> tables.RunTables:
    return tables.read(FORMAT_1)


def test_its_small_files_say_what_was_written():
    assert layout.read_identity(FORMAT_1) == Identity("00112233445566ff", "format1", 1, START)
    first, second = (layout.read_manifest(FORMAT_1 / name) for name in (FIRST, SECOND))
    assert (first.launch, first.config, first.total_steps) == ("launch-a", {"lr": 0.0003, "note": "größe"}, 100)
    assert (second.resume_step, second.restart, second.pid, second.started_ns) == (2, 1, 812, START + 355 * 10**9)
    assert layout.read_beat(FORMAT_1 / SECOND) == Beat("running", 4, 100, 1.5, 3e-4, 2, START + 399 * 10**9, 9)
    end = layout.read_end(FORMAT_1 / SECOND)
    assert (end.reason, end.step, end.files["metrics-00001.arrows"]) == ("finished", 4, (2, 1464))
    assert layout.read_end(FORMAT_1 / FIRST) is None
    assert layout.read_beat(FORMAT_1 / FIRST) is None


def test_its_metrics_are_the_values_that_were_logged(run):
    rows = [(r["metric"], r["step"], r["value"], r["superseded"]) for r in run.metrics.to_pylist()]
    of_first = [r for r in run.metrics["writer"].to_pylist() if r == FIRST]
    first, second = rows[: len(of_first)], rows[len(of_first) :]
    assert [r for r in first if not math.isnan(r[2])] == [
        ("train/loss", 0, 2.5, False),
        ("train/loss", 1, 2.25, False),
        ("train/loss", 3, math.inf, True),
        ("lr", 0, 3e-4, False),
        ("lr", 1, 3e-4, False),
        ("lr", 2, 3e-4, True),
        ("lr", 3, 3e-4, True),
        ("val/loss [/b]\x1b", 3, 2.0, True),
    ]
    assert len(first) == 9
    assert second == [
        ("train/loss", 2, 2.0, False),
        ("train/loss", 3, 1.75, False),
        ("lr", 2, 3e-4, False),
        ("lr", 3, 3e-4, False),
        ("train/loss", 4, 1.5, False),
    ]
    assert run.metrics["wall_time_ns"][0].as_py() == START


def test_its_other_tables_are_the_rows_that_were_written(run):
    assert run.predictions.select(["role", "step", "shape", "data", "text"]).to_pylist() == [
        {"role": "input", "step": 0, "shape": [2, 2], "data": [0.0, 0.5, 1.0, -1.0], "text": ""},
        {"role": "target", "step": 0, "shape": [], "data": [], "text": "seven"},
        {"role": "output", "step": 3, "shape": [2], "data": [0.25, 0.75], "text": "seven"},
    ]
    assert run.samples["name"].to_pylist() == ["train"]
    assert run.dependencies["leak_value"].to_pylist() == [0.73]
    assert run.dependencies["row_labels"].to_pylist() == [["a", "b"]]
    assert run.checks.select(["id", "status", "expected", "evidence"]).to_pylist() == [
        {"id": "skeleton.init_loss", "status": "pass", "expected": 2.302585, "evidence": '{"classes": 10}'}
    ]
    assert run.events["event"].to_pylist() == ["resume"]


def test_the_one_frame_that_kill_9_tore_is_counted_and_nothing_else(run):
    assert (run.lost.frames, run.lost.torn, run.lost.ignored) == (0, 1, 0)


def test_every_file_is_a_plain_arrow_stream():
    for path in sorted((FORMAT_1 / SECOND).glob("*.arrows")):
        with pa.ipc.open_stream(path.read_bytes()) as stream:
            assert stream.read_all().num_rows > 0


EXAMPLES = Path(__file__).parents[1] / "golden" / "format1-examples"
"""A run of format 1 with the kind `examples`, which came to the format after the first."""


def test_its_examples_are_the_rows_that_were_written():
    read = tables.read(EXAMPLES)
    assert (read.lost.frames, read.lost.torn, read.lost.ignored) == (0, 0, 0)
    known = ["split", "index", "step", "label", "prediction", "duplicate_of", "duplicate_split", "shape", "text"]
    assert [tuple(row.values()) for row in read.examples.select(known).to_pylist()] == [
        ("train", 3, -1, "größe", "", 7, "", [], ""),
        ("validation", 3, -1, "cat", "", 3, "train", [2, 2], ""),
        ("validation", 3, 40, "", "dog", -1, "", [], ""),
        ("validation", -1, 40, "", "", -1, "", [], ""),
        ("validation [/b]\x1b", 9, 40, "", "", -1, "", [], "a\nb"),
    ]
    assert str(read.examples["loss"].to_pylist()) == "[nan, nan, 2.5, 0.25, inf]"
    assert read.examples["outlier"][0].as_py() == 12.5
    assert read.examples["data"][1].as_py() == [0.0, 0.5, 1.0, -1.0]


TENSORS = Path(__file__).parents[1] / "golden" / "format1-tensors"
"""A run of format 1 with the kind `tensors`, whose last frame kill -9 tore."""


def test_its_tensors_are_the_rows_that_were_written():
    read = tables.read(TENSORS)
    assert (read.lost.frames, read.lost.torn, read.lost.ignored) == (0, 1, 0)
    assert str([tuple(row.values()) for row in read.tensors.select(SCHEMAS["tensors"].names).to_pylist()]) == str(
        [
            ("stem.weight", 0, START, [2, 1, 2, 2], [0.0, 0.5, 1.0, -1.0, math.nan, math.inf, -math.inf, 0.25]),
            ("größe [/b]\x1b", 0, START, [], [2.5]),
            ("stem.weight", 64, START + 10**9, [0, 3], []),
        ]
    )


@pytest.mark.parametrize(("path", "kind"), [(EXAMPLES, "examples"), (TENSORS, "tensors")])
def test_a_reader_that_does_not_know_a_kind_skips_it_and_misses_nothing(path, kind):
    found = RunReader(path, kinds=[known for known in SCHEMAS if known != kind]).poll()
    assert found.batches == ()
    assert (found.lost.frames, found.lost.torn, found.lost.ignored) == (0, 0, 0)


@pytest.mark.parametrize("kind", ["examples", "tensors"])
def test_a_run_without_a_kind_has_an_empty_table_of_it(run, kind):
    table = getattr(run, kind)
    assert table.num_rows == 0
    assert table.column_names[: len(SCHEMAS[kind])] == SCHEMAS[kind].names


def test_reading_changes_nothing_in_the_folder(tmp_path):
    copy = shutil.copytree(FORMAT_1, tmp_path / "run")
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in copy.rglob("*")}
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    tables.read(copy)
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in copy.rglob("*")} == before
    for path in [copy, *(p for p in copy.rglob("*") if p.is_dir())]:
        os.chmod(path, 0o755)  # noqa: PTH101 (so that pytest can remove it)
