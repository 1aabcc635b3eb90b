"""`nntui ls`, and `nntui watch` on a folder of runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nntui.cli import main
from nntui.runlog.layout import End

Make = Callable[..., Path]


@pytest.fixture
def runs(small_run: Make, tmp_path: Path) -> Path:
    """A folder with a run in each of four states, and one that cannot be read."""
    root = tmp_path / "runs"
    small_run(root / "live", step=12, total_steps=50, loss=0.25, lr=3e-4, has_loss=True)
    small_run(root / "group" / "done", step=50, total_steps=50, beat=700.0, started=9e3, end=End())
    small_run(root / "killed", step=7, alive="gone", beat=100.0, started=9e3)
    (root / "broken").mkdir()
    (root / "broken" / "run.json").write_text("{")
    return root


def test_every_run_has_a_line_in_the_order_of_the_dashboard(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", str(runs)]) == 0
    titles, *lines = capsys.readouterr().out.splitlines()
    assert titles.split() == ["state", "run", "step", "%", "loss", "lr", "data"]
    assert [line.split()[1] for line in lines] == ["live", "problem", "crashed", "ended"]
    assert lines[0].split()[2:7] == ["live", "12/50", "24%", "0.25", "3e-4"]
    assert "run.json" in lines[1]
    assert lines[3].split()[2:5] == ["group/done", "50/50", "100%"]


def test_programs_get_the_same_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", str(runs), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["format"] == 1
    assert [one["state"] for one in told["runs"]] == ["live", None, "crashed", "ended"]
    assert told["runs"][0]["loss"] == 0.25
    assert told["runs"][3]["loss"] is None
    assert "run.json" in told["runs"][1]["problem"]


def test_an_empty_folder_is_said_and_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", str(tmp_path)]) == 0
    assert "no runs; it is an empty folder" in capsys.readouterr().out


def test_a_run_is_no_folder_of_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", str(runs / "live")]) == 3
    assert f"Use `nntui status {runs / 'live'}`" in capsys.readouterr().err


def test_a_folder_is_watched_as_its_runs(runs: Path, terminal: Callable[..., Any]) -> None:
    screen = terminal("watch", runs)
    screen.wait_for("4 runs", "group/done")
    screen.press("\r")
    screen.wait_for("live  ● live")
    screen.press("7")
    screen.wait_for("esc leads back")
    screen.press("q")
    assert screen.wait_closed() == 0


def test_a_folder_without_a_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(tmp_path)]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_without_a_terminal_the_line_names_the_list(runs: Path, nntui: Callable[..., Any]) -> None:
    done = nntui("watch", runs)
    assert done.returncode == 2
    assert f"Use `nntui ls {runs}`" in done.stderr
