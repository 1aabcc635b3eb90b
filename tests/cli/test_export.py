"""What is exported is what was recorded."""

from __future__ import annotations

import json
import math
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

import nntui
from nntui.cli import main
from nntui.finding import Finding

VALUES = [1.0, math.nan, math.inf, -math.inf, 1e-300, 0.1]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A run of hostile names and values."""
    path = tmp_path / "run"
    with nntui.init(path, system=False) as run:
        for value in VALUES:
            run.log({"train/loss": value, 'odd "name",\n<b>': 2.0})
        run.check(Finding("skeleton.seed", "pass", "as it should be", evidence={"a": [1, math.nan]}))
        run.event("note", "said", data={"k": 1})
        run.predictions([[1.0, 2.0]])
    return path


def export(*words: str | Path) -> int:
    return main(["export", *map(str, words)])


def test_csv_and_parquet_hold_the_rows_as_they_are(recorded: Path, tmp_path: Path) -> None:
    known = nntui.read(recorded).metrics
    assert export(recorded, "--out", tmp_path / "a.parquet") == 0
    back = parquet.read_table(tmp_path / "a.parquet")
    assert back.schema.names == known.schema.names
    assert repr(back.to_pylist()) == repr(known.to_pylist())
    assert export(recorded, "--out", tmp_path / "a.csv") == 0
    options = csv.ParseOptions(newlines_in_values=True)
    types = csv.ConvertOptions(
        column_types=dict(zip(known.schema.names, known.schema.types, strict=True)), null_values=[]
    )
    table = csv.read_csv(tmp_path / "a.csv", parse_options=options, convert_options=types)
    assert repr(table.to_pylist()) == repr(known.to_pylist())


def test_json_is_strict_and_holds_what_is_not_finite_as_text(recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    assert export(recorded, "--out", out, "--metric", "train/*") == 0

    def refuse(word: str) -> None:
        raise AssertionError(word)

    found = json.loads(out.read_text(), parse_constant=refuse)
    assert (found["format"], found["run"], found["kind"]) == (1, "run", "metrics")
    assert [row["value"] for row in found["rows"]] == [1.0, "nan", "inf", "-inf", 1e-300, 0.1]
    assert {row["metric"] for row in found["rows"]} == {"train/loss"}


def test_json_within_json_is_opened(recorded: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert export(recorded, "--kind", "checks", "--format", "json") == 0
    (row,) = json.loads(capsysbinary.readouterr().out)["rows"]
    assert (row["id"], row["evidence"]) == ("skeleton.seed", {"a": [1, "nan"]})
    assert export(recorded, "--kind", "events", "--format", "json") == 0
    events = json.loads(capsysbinary.readouterr().out)["rows"]
    assert {"k": 1} in [row["data"] for row in events]


def test_alerts_are_computed(recorded: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert export(recorded, "--kind", "alerts", "--format", "json") == 0
    found = json.loads(capsysbinary.readouterr().out)["rows"]
    assert "live.nonfinite" in {row["id"] for row in found}


def test_standard_output_is_the_default(recorded: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert export(recorded, "--metric", "train/*") == 0
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert lines[0].startswith('"metric","step"')
    assert len(lines) == 1 + len(VALUES)
    assert export(recorded, "--format", "parquet", "--out", "-") == 0
    assert parquet.read_table(pa.BufferReader(capsysbinary.readouterr().out)).num_rows == 2 * len(VALUES)


@pytest.mark.parametrize("light", [False, True])
def test_a_plot_is_a_vector_file(recorded: Path, tmp_path: Path, light: bool) -> None:
    out = tmp_path / "a.svg"
    assert export(recorded, "--out", out, "--metric", "*", *(["--light"] if light else [])) == 0
    root = ET.fromstring(out.read_text())
    texts = [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any('odd "name",␊<b>' in text for text in texts)
    assert [texts.count(sign) for sign in "✗▲▼"] == [1, 1, 1]
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) >= 2
    assert ("#ffffff" in out.read_text()) is light


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kind", "predictions"], "csv holds no lists (shape, data)"),
        (["--kind", "alerts"], "expected --format json"),
        (["--kind", "events", "--format", "svg"], "expected metrics"),
        (["--kind", "events", "--metric", "x"], "expected it with metrics or system"),
        (["--metric", "train/los"], "such as train/loss"),
        (["--format", "svg", "--metric", "nothing*"], "no metric to draw"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    recorded: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert export(recorded, *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_nothing_is_written_into_a_run_folder(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(recorded.rglob("*"))
    assert export(recorded, "--out", recorded / "a.csv") == 2
    assert "inside a run folder" in capsys.readouterr().err
    assert sorted(recorded.rglob("*")) == before


def test_a_file_that_cannot_be_written_leaves_nothing(
    recorded: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    command = request.getfixturevalue("nntui")
    done = command("export", recorded, "--out", tmp_path / "none" / "a.csv")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert f"nntui export: {tmp_path / 'none' / 'a.csv'}: " in done.stderr
    assert command("export", tmp_path / "gone").returncode == 3
    (tmp_path / "kept.csv").write_text("kept")
    assert export(recorded, "--kind", "predictions", "--out", tmp_path / "kept.csv") == 2
    assert (tmp_path / "kept.csv").read_text() == "kept"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("form", ["csv", "json", "svg"])
def test_a_terminal_is_sent_nothing_that_steers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    with nntui.init(tmp_path / "run", system=False) as run:
        run.log({"loss\x1b]52;c;x\x07": 1.0, "\u202eacc": 0.5})
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["export", str(tmp_path / "run"), "--format", form]) == 0
    shown = capsys.readouterr().out
    assert "loss" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)
