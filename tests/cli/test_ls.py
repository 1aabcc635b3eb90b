"""`nntui ls`, and `nntui watch` on a folder of runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nntui as package
from nntui.cli import main
from nntui.runlog.layout import End
from nntui.session.followed import Followed

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
    assert titles.split() == ["state", "run", "step", "%", "loss", "lr", "ran", "data"]
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


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Three runs that differ in their rate, one of them with what makes a terminal unsafe in its config."""
    for name, lr, loss in (("a", 1e-3, 0.5), ("b", 1e-2, 0.25), ("c", 1e-4, 0.75)):
        config = {
            "lr": lr,
            "optimizer": {"name": "adam"},
            "out": f"runs/{name}",
            "note\x1b[31m": "\x1b]52;c;eA==\x07" * (lr == 1e-2),
        }
        with package.init(tmp_path / "runs" / name, config=config) as run:
            run.log({"train/loss": loss + 1, "val/loss": loss, "val/loss_stderr": 0.01})
    return tmp_path / "runs"


def listed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The names of the rows."""
    return [line.split()[2] for line in capsys.readouterr().out.splitlines()[1:]]


def test_runs_are_chosen_and_ordered(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, names in (
        (["--sort", "best"], ["b", "a", "c"]),
        (["--sort=-val/loss"], ["c", "a", "b"]),
        (["--sort", "cfg.lr"], ["c", "a", "b"]),
        (["--filter", "cfg.lr>=1e-3 sort=name"], ["a", "b"]),
        (["--filter", "val/loss<0.6 !b"], ["a"]),
        (["--filter", "last.train/loss>1.6"], ["c"]),
        (["--filter", "a|c state=ended age<1h", "--sort", "name"], ["a", "c"]),
    ):
        assert main(["ls", str(recorded), *words]) == 0
        assert listed(capsys) == names, words


def test_what_differs_and_what_they_came_to_is_listed(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", str(recorded), "--sort", "name"]) == 0
    titles, *lines = capsys.readouterr().out.splitlines()
    assert "min val/loss" in titles
    assert titles.split()[-2:] == ["cfg.lr", "note␛[31m"]
    assert [line.split()[-1] for line in lines] == ["0.001", "␛]52;c;eA==␇", "1e-4"]
    assert "\x1b" not in titles + "".join(lines)
    assert main(["ls", str(recorded), "--filter", "b", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["runs"]
    assert told["best"] == {"metric": "val/loss", "value": 0.25, "step": 0, "error": 0.01}
    assert told["config"]["lr"] == 0.01


def test_a_filter_that_is_not_understood_is_one_line_and_nothing_that_fits_is_no_error(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ls", str(recorded), "--filter", "cfg.lr>x"]) == 2
    assert capsys.readouterr().err == (
        "nntui ls: --filter 'cfg.lr>x': character 8: expected a number such as 0.3 or 1e-4 after cfg.lr>, found 'x'.\n"
    )
    assert main(["ls", str(recorded), "--filter", "zebra"]) == 0
    assert "none of 3 runs fits 'zebra'" in capsys.readouterr().out
    assert main(["ls", str(recorded), "--filter", "val/los<3"]) == 0
    assert "character 1: no run has 'val/los'; there is val/loss" in capsys.readouterr().err


def test_runs_that_do_not_tell_are_read_and_those_that_do_are_not(
    recorded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    look = Followed.look

    def counted(self: Followed, now: float, wall: float) -> bool:
        read.append(self.path.name)
        return look(self, now, wall)

    monkeypatch.setattr(Followed, "look", counted)
    next((recorded / "b").glob("w-*/end.json")).unlink()
    assert main(["ls", str(recorded), "--sort", "best"]) == 0
    assert listed(capsys) == ["b", "a", "c"]
    assert read == ["b"]


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
