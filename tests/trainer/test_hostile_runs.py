"""Runs as people make them: their own rates, odd classes, full disks, readers that go away."""

import errno
import json
import random
import signal

import numpy as np
import pytest
import torch

import nntui
from trainer import checkpoint
from trainer.commands import main

MINE = """
import torch
from torch import nn
from torch.utils.data import TensorDataset
from nntui import Task
x = torch.randn(256, 12, generator=torch.Generator().manual_seed(0)); y = (x[:, 0] > 0).long()
data, ce = TensorDataset(x, y), nn.CrossEntropyLoss()
def mlp(outputs=2): return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, outputs))
def sgd(m): return torch.optim.SGD([{"params": m[0].parameters(), "lr": 0.5}, {"params": m[2].parameters(), "lr": 0.1}])
own = Task(mlp, ce, data, data, optimizer=sgd)
stepped = Task(mlp, ce, data, data, optimizer=sgd, schedule=lambda o: torch.optim.lr_scheduler.StepLR(o, 5))
plateau = Task(mlp, ce, data, data, schedule=lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o))
stray = Task(mlp, ce, data, data, optimizer=lambda m: sgd(mlp()))
few = Task(lambda: mlp(5), ce, data, data, kind="classification", classes=["only"])
rare = Task(lambda: mlp(1), nn.BCEWithLogitsLoss(), TensorDataset(x, y[:, None].float()), TensorDataset(x, y[:, None].float()),
            kind="classification", classes=["no", "yes"])
pixels = TensorDataset(torch.randn(64, 1, 4, 4), torch.randint(0, 3, (64, 4, 4)))
dense = Task(lambda: nn.Conv2d(1, 3, 1), ce, pixels, pixels, kind="classification")
three = Task(mlp, ce, TensorDataset(x, x, y))
def loud():
    print("loading"); return Task(lambda: (print("building"), mlp())[1], ce, data)
class Noisy(torch.utils.data.Dataset):
    def __len__(self): return 96
    def __getitem__(self, i):
        import random, numpy
        return x[i] + random.random() + numpy.random.rand() + torch.rand(()), y[i]
noisy = Task(mlp, ce, Noisy(), Noisy())
"""


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)

    def start(name: str, *words: str, out: str = "run", steps: int = 12) -> int:
        task = name if name == "digits" else f"{path}:{name}"
        common = ["--no-checks", "--steps", str(steps), "--eval-every", "4", "--out", str(tmp_path / out)]
        return main(["train", task, *common, *words])

    return start


def series(path, name: str) -> dict[int, float]:
    rows = nntui.read(path).metrics.to_pylist()
    return {r["step"]: r["value"] for r in rows if r["metric"] == name and not r["superseded"]}


def rates(path) -> list[list[float]]:
    state = torch.load(path / "checkpoints" / "last.pt", weights_only=True)
    return [group["lr"] for group in state["optimizer"]["param_groups"]]


def test_the_rates_of_ones_own_optimizer_are_kept(run, tmp_path) -> None:
    assert run("own") == 0
    assert set(series(tmp_path / "run", "lr").values()) == {0.5}
    assert rates(tmp_path / "run") == [0.5, 0.1]


def test_a_schedule_scales_the_rate_of_every_group(run, tmp_path) -> None:
    assert run("own", "--schedule", "step") == 0
    assert rates(tmp_path / "run") == pytest.approx([0.005, 0.001])


def test_ones_own_schedule_is_followed_and_resumed(run, tmp_path) -> None:
    assert run("stepped", out="whole") == 0
    found = series(tmp_path / "whole", "lr")
    assert [found[step] for step in (0, 4, 5, 9, 10, 11)] == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005, 0.005])
    assert run("stepped", out="parts", steps=7) == run("stepped", out="parts") == 0
    assert series(tmp_path / "parts", "lr") == found
    assert series(tmp_path / "parts", "train/loss") == series(tmp_path / "whole", "train/loss")


def test_augmentation_by_any_random_source_is_resumed_bit_by_bit(run, tmp_path) -> None:
    random.seed(), np.random.seed()
    assert run("noisy", out="whole") == 0
    assert run("noisy", out="parts", steps=8) == 0
    random.seed(), np.random.seed()
    assert run("noisy", out="parts") == 0
    for name in ("train/loss", "val/loss"):
        assert series(tmp_path / "parts", name) == series(tmp_path / "whole", name)


@pytest.mark.parametrize(
    ("name", "words"),
    [("plateau", "ReduceLROnPlateau"), ("stray", "no parameter of the model"), ("three", "Give split=")],
)
def test_a_task_that_cannot_be_trained_is_one_line(run, capsys, name, words) -> None:
    assert run(name) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_odd_classes_never_stop_a_training(run, tmp_path) -> None:
    for name in ("few", "dense"):
        assert run(name, out=name) == 0
    said = nntui.read(tmp_path / "few").predictions.to_pylist()
    assert {r["text"] for r in said if r["role"] == "target"} == {"only", "1"}


def test_one_output_says_one_of_two_classes(run, tmp_path) -> None:
    assert run("rare", steps=400) == 0
    said = [
        r for r in nntui.read(tmp_path / "run").predictions.to_pylist() if r["role"] == "output" and r["step"] == 400
    ]
    assert {r["text"] for r in said} == {"no", "yes"}
    assert all((r["text"] == "yes") == (r["data"][0] > 0) for r in said)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("write failed")])
def test_a_checkpoint_that_finds_no_room_stops_no_training(run, tmp_path, monkeypatch, capsys, error) -> None:
    def full(*_):
        raise error

    monkeypatch.setattr(checkpoint, "save", full)
    assert run("own") == 0
    assert max(series(tmp_path / "run", "train/loss")) == 11
    assert "training goes on" in capsys.readouterr().err
    events = [e for e in nntui.read(tmp_path / "run").events.to_pylist() if e["event"] == "checkpoint"]
    assert {e["level"] for e in events} == {"warn"}


@pytest.mark.parametrize("held", [torch.ones(3), {"model": 1}, {"step": 3}, [1, 2]])
def test_a_checkpoint_of_something_else_is_one_line(run, tmp_path, capsys, held) -> None:
    run("own")
    torch.save(held, tmp_path / "run" / "checkpoints" / "last.pt")
    capsys.readouterr()
    assert run("own", steps=20) == 3
    error = capsys.readouterr().err
    assert "does not fit this model" in error
    assert error.count("\n") == 1


def test_a_device_that_is_not_there_is_one_line(run, tmp_path, capsys) -> None:
    for device in ("foo", "cuda:99"):
        assert run("own", "--device", device) == 2
        error = capsys.readouterr().err
        assert f"device '{device}' cannot be used" in error
        assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("seed", ["-1", "99999999999999999999999", "²", "x"])
def test_a_seed_out_of_range_is_a_usage_error(run, capsys, seed) -> None:
    with pytest.raises(SystemExit) as caught:
        run("own", "--seed", seed)
    assert caught.value.code == 2
    assert "whole number from 0" in capsys.readouterr().err


def test_what_a_model_prints_is_kept_out_of_the_json(tmp_path, capsys) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    assert main(["check", f"{tmp_path / 'mine.py'}:own", "--only", "dependency", "--json", "--no-record"]) == 0
    capsys.readouterr()
    assert main(["check", f"{tmp_path / 'mine.py'}:loud", "--only", "dependency", "--json", "--no-record"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out.removeprefix("loading\n"))[0]["status"] == "pass"


def test_asking_to_stop_before_training_stops_at_once(tmp_path, monkeypatch, capsys) -> None:
    def preflight(*_, **__):
        signal.raise_signal(signal.SIGTERM)
        yield

    monkeypatch.setattr(nntui.checks, "preflight", preflight)
    assert main(["train", "digits", "--width", "8", "--steps", "5", "--out", str(tmp_path / "run")]) == 143
    assert "interrupted" in capsys.readouterr().err
    assert not (tmp_path / "run" / "checkpoints").exists()
