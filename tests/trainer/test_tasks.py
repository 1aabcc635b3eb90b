"""Tasks from a user's own file: trained, checked, and refused in one line."""

import json

import pytest

import nntui
from nntui.checks.preflight import CHECKS
from trainer.commands import main

MINE = """
import torch
from torch import nn
from torch.utils.data import DataLoader
from nntui import Task

class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(20, 8), nn.Linear(8, 3)

    def forward(self, input_ids, scale=None):
        return self.out(self.embed(input_ids).mean(1))

ids = torch.randint(0, 20, (96, 5), generator=torch.Generator().manual_seed(0))
rows = [{"input_ids": row, "labels": row[0] % 3} for row in ids]
tagger = Task(Tagger, nn.CrossEntropyLoss(), lambda: DataLoader(rows[:80], batch_size=12), validation=rows[80:])

def regressor():
    x = torch.randn(300, 4, generator=torch.Generator().manual_seed(1))
    data = list(zip(x, x.sum(1, keepdim=True)))
    error = {"error": lambda o, t: (o - t).abs().mean()}
    return Task(lambda: nn.Linear(4, 1), nn.MSELoss(), data[70:], metrics=error, validation=data[:70])

number = 7
def broken(): raise ValueError("mine")
def wrong(): return 3
empty = Task(Tagger, nn.CrossEntropyLoss(), [])
endless = Task(Tagger, nn.CrossEntropyLoss(), iter([]))
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.parametrize(
    ("name", "words", "checked"), [("tagger", ("--no-checks",), []), ("regressor", (), list(CHECKS))]
)
def test_a_task_of_ones_own_is_trained(mine, tmp_path, counted_time, name, words, checked) -> None:
    words = ("--out", str(tmp_path / "run"), "--steps", "20", "--eval-every", "10", *words)
    assert main(["train", f"{mine}:{name}", *words]) == 0
    rows = nntui.read(tmp_path / "run").metrics.to_pylist()
    assert [r["step"] for r in rows if r["metric"] == "train/loss"] == list(range(20))
    assert {r["step"] for r in rows if r["metric"] == "val/loss"} == {0, 10, 20}
    assert nntui.read(tmp_path / "run").checks["id"].to_pylist() == checked


@pytest.mark.parametrize("name", ["tagger", "regressor"])
def test_a_task_of_ones_own_is_checked(mine, counted_time, name, capsys) -> None:
    assert main(["check", f"{mine}:{name}", "--budget", "4", "--json"]) == 0
    found = {f["id"]: f["status"] for f in json.loads(capsys.readouterr().out)}
    assert found.pop("skeleton.overfit_batch") == "pass"
    assert set(found.values()) <= {"pass", "warn", "skip"}


def test_one_check_alone_is_run(mine, capsys) -> None:
    assert main(["check", f"{mine}:tagger", "--only", "seed", "--only", "skeleton.dependency", "--json"]) == 0
    assert [f["id"] for f in json.loads(capsys.readouterr().out)] == ["skeleton.seed", "skeleton.dependency"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("mine.py:absent", "has no 'absent'"),
        ("mine.py:number", "raised TypeError"),
        ("mine.py:broken", "raised ValueError: mine"),
        ("mine.py:wrong", "is a int"),
        ("absent.py:task", "No such file"),
        ("mine.py", "path/to/file.py:NAME"),
        ("syntax.py:task", "is no Python"),
        ("raises.py:task", "raised RuntimeError: at import"),
        ("exits.py:task", "raised SystemExit"),
        ("names.py:task", "Rename yours"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(mine, tmp_path, monkeypatch, capsys, words, part) -> None:
    (tmp_path / "syntax.py").write_text("def (")
    (tmp_path / "raises.py").write_text("raise RuntimeError('at import')")
    (tmp_path / "exits.py").write_text("raise SystemExit(5)")
    (tmp_path / "names.py").write_text("import trainer.models\ntask = 1")
    (tmp_path / "trainer.py").write_text("")
    monkeypatch.chdir(tmp_path)
    for verb in ("check", "train"):
        assert main([verb, words]) == 2
        error = capsys.readouterr().err
        assert part in error
        assert error.count("\n") == 1


@pytest.mark.parametrize(("name", "part"), [("empty", "empty"), ("endless", "without a length")])
def test_data_that_cannot_be_trained_on_are_one_line(mine, tmp_path, capsys, name, part) -> None:
    assert main(["train", f"{mine}:{name}", "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert part in error
    assert error.count("\n") == 1


def test_checks_of_a_task_without_data_all_say_so(mine, capsys) -> None:
    assert main(["check", f"{mine}:empty", "--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    statuses = {f["id"]: f["status"] for f in found}
    assert {row for row, status in statuses.items() if status == "pass"} == {"overfit.adam", "overfit.lr_decay"}
    crashed = {f["id"] for f in found if f["status"] == "crash"}
    assert all("empty" in f["message"] for f in found if f["id"] in crashed or f["id"].startswith("data."))
    same = {
        f["id"] for f in found if f["message"].removeprefix("Stopped by the error that stopped ").rstrip(".") in crashed
    }
    assert {"skeleton.seed", "skeleton.init_loss", "skeleton.blind", "overfit.gate"} <= crashed | same


def test_an_unknown_check_is_one_line(mine, capsys) -> None:
    assert main(["check", f"{mine}:tagger", "--only", "vibes"]) == 2
    assert "'vibes' is no check" in capsys.readouterr().err


def test_a_reader_that_leaves_stops_neither_training_nor_a_verdict(mine, tmp_path, preloaded, environment) -> None:
    train = (
        "train",
        f"{mine}:tagger",
        "--out",
        str(tmp_path / "run"),
        "--steps",
        "50",
        "--eval-every",
        "5",
        "--no-checks",
    )
    for words in (train, ("check", f"{mine}:tagger", "--only", "seed", "--only", "init_loss")):
        with preloaded.start("trainer", *words, env=environment) as process:
            process.stdout.close()
            errors = process.stderr.read()
            assert (process.wait(), errors) == (0, "")
    rows = nntui.read(tmp_path / "run").metrics.to_pylist()
    assert max(r["step"] for r in rows if r["metric"] == "train/loss") == 49
