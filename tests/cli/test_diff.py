"""`nntui diff` and `nntui ls --ledger`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nntui as package
from nntui.cli import main


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs, one after the other."""
    for name, config, loss in (
        ("a", {"lr": 1, "seed": 0}, 0.5),
        ("b", {"lr": 2, "seed": 0}, 0.25),
        ("c", {"lr": 2, "seed": 1}, 0.26),
    ):
        with package.init(tmp_path / "runs" / name, config=config) as run:
            run.log({"train/loss": loss + 1, "val/loss": loss, "val/loss_stderr": 0.03})
    return tmp_path / "runs"


def test_the_page_says_what_differs_and_whether_it_is_a_gain(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(runs / "a"), str(runs / "b")]) == 0
    shown = capsys.readouterr().out
    assert "one thing differs: lr" in shown
    assert "better by 0.25 ± 0.042" in shown
    next((runs / "b").glob("w-*/end.json")).unlink()
    assert main(["diff", str(runs / "b"), str(runs / "c")]) == 0
    shown = capsys.readouterr().out
    assert "only the seed differs: a repetition" in shown
    assert "no difference beyond the standard error (0.01 ± 0.042)" in shown


def test_programs_get_the_same(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(runs / "a"), str(runs / "b"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["changes"] == [{"kind": "config", "name": "lr", "before": "1", "after": "2"}]
    assert (told["changes_counted"], told["repetition"]) == (1, False)
    assert told["scores"][0]["verdict"] == "better"
    assert told["scores"][0]["before"] == {"value": 0.5, "step": 0, "error": 0.03}


def test_the_ledger_has_every_run_with_its_change(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", str(runs), "--ledger"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["a", "b", "c"]
    assert "lr 1 → 2  (against a)" in lines[1]
    assert lines[1].endswith("better by 0.25 ± 0.042")
    assert "seed 0 → 1: a repetition  (against b)" in lines[2]


def test_a_run_that_cannot_be_read_is_one_line(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(runs / "a"), str(runs / "nothing")]) == 3
    assert "no such run" in capsys.readouterr().err
    (runs / "b" / "run.json").write_text("{")
    assert main(["diff", str(runs / "a"), str(runs / "b")]) == 3
    assert capsys.readouterr().err.count("\n") == 1
