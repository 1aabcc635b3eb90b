"""`nntui check`: told, recorded, and watched while it goes on."""

import json
import sys

import pytest

import nntui
from nntui.checks.preflight import CHECKS
from trainer.commands import main

MINE = """
import torch
from torch import nn
from nntui import Task

x = torch.randn(256, 6, generator=torch.Generator().manual_seed(0))
rows = list(zip(x, x.sum(1, keepdim=True) / 6))
good = Task(lambda: nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1)), nn.MSELoss(), rows)
summed = Task(good.model, lambda o, t: ((o - t) ** 2).sum(), good.train)
class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = good.model()
    def forward(self, x):
        return self.inner(x.roll(1, 0))
mixed = Task(Mixed, good.loss, good.train)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch) -> str:
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    return "mine.py"


def test_a_check_is_recorded_with_its_progress_and_the_next_one_goes_on_in_the_same_folder(mine, tmp_path) -> None:
    assert main(["check", f"{mine}:good"]) == 0
    assert main(["check", f"{mine}:good", "--only", "dependency"]) == 0
    run = nntui.read(tmp_path / "runs" / "check-good")
    assert run.checks["id"].to_pylist() == [*CHECKS, "skeleton.dependency"]
    names = set(run.metrics.column("metric").to_pylist())
    assert {"check/blind/loss", "check/blind/blind_loss", "check/overfit_batch/loss"} <= names
    assert all(name.startswith("check/") for name in names)
    assert run.dependencies.num_rows == 2
    (event, _) = [row for row in run.events.to_pylist() if row["event"] == "task"]
    assert "Sequential" in event["message"]
    assert json.loads(event["data"])["inputs"] == "(64, 6) float32"


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [("good", (), 0), ("mixed", (), 4), ("summed", (), 0), ("summed", ("--strict",), 4), ("good", ("--strict",), 0)],
)
def test_the_exit_code_says_what_was_found(mine, name, options, code) -> None:
    rows = ("--only", "init_loss", "--only", "overfit_batch", "--only", "dependency")
    assert main(["check", f"{mine}:{name}", "--no-record", *rows, *options]) == code


def test_what_a_task_is_taken_for_is_printed_first(mine, capsys) -> None:
    main(["check", f"{mine}:good", "--no-record", "--only", "seed"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["model", "Sequential,", "129", "parameters"]
    assert any(line.startswith("kind") and "regression" in line for line in lines)


def test_nothing_is_recorded_where_nothing_is_wanted_or_asked_for_wrongly(mine, tmp_path) -> None:
    assert main(["check", f"{mine}:good", "--no-record", "--only", "seed"]) == 0
    assert main(["check", f"{mine}:good", "--only", "vibes"]) == 2
    assert not (tmp_path / "runs").exists()


def test_where_nothing_can_be_recorded_the_checks_go_on(mine, tmp_path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert main(["check", f"{mine}:mixed", "--out", "file/run", "--only", "dependency"]) == 4
    captured = capsys.readouterr()
    assert "the checks go on" in captured.err
    assert captured.err.count("\n") == 1
    assert "1 fail" in captured.out


def test_json_is_all_that_is_printed(mine, capsys) -> None:
    main(["check", f"{mine}:good", "--json", "--only", "seed"])
    captured = capsys.readouterr()
    assert [f["id"] for f in json.loads(captured.out)] == ["skeleton.seed"]


def test_a_terminal_sees_how_far_a_check_is_and_nothing_of_it_stays(mine, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("trainer.precheck.PROGRESS_INTERVAL", 0.0)
    main(["check", f"{mine}:good", "--no-record", "--only", "overfit_batch"])
    shown = capsys.readouterr().err
    assert "skeleton.overfit_batch" in shown
    assert "step 10  loss" in shown
    assert shown.endswith("\r\x1b[2K")
    assert "\n" not in shown
