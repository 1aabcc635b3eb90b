"""A run that was stopped and resumed is, bit by bit, the run that never stopped."""

import sys

import pytest
import torch

import nntui
from nntui import names
from nntui.session.load import Loaded
from nntui.session.snapshot import View
from trainer.commands import main

TASKS = """
import os, random, signal
import numpy as np
import torch
from torch import nn
from torch.optim import lr_scheduler as schedules
from torch.utils.data import DataLoader, Dataset, RandomSampler, Sampler, TensorDataset, WeightedRandomSampler
from nntui import Task

STOP = {"calls": int(os.environ.get("STOP_AT_CALL", 0)), "phase": os.environ.get("STOP_PHASE", "any"), "seen": 0}
X = torch.randn(96, 12, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()


class Noisy(Dataset):
    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return X[i] + random.random() + float(np.random.rand()) + torch.rand(()), Y[i]


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))

    def forward(self, x):
        if STOP["phase"] in ("any", "train" if self.training else "eval"):
            STOP["seen"] += 1
            if STOP["seen"] == STOP["calls"]:
                signal.raise_signal(signal.SIGTERM)
        return super().forward(x)


class Lazy(Sampler):
    def __iter__(self):
        for _ in range(90):
            yield random.randrange(len(X))

    def __len__(self):
        return 90


class Endless(Sampler):
    def __iter__(self):
        while True:
            yield int(torch.randint(len(X), ()))


class Stateful(Sampler):
    def __init__(self):
        self.draws = np.random.default_rng(3)

    def __iter__(self):
        return iter(self.draws.permutation(len(X)).tolist())

    def __len__(self):
        return len(X)


def task(optimizer=None, schedule=None, train=None):
    data = Noisy()
    right = {"accuracy": lambda o, t: (o.argmax(1) == t).float()}
    more = {"metrics": right, "optimizer": optimizer, "schedule": schedule}
    return Task(Net, nn.CrossEntropyLoss(), data if train is None else train, TensorDataset(X, Y), **more)


def loaded(**how):
    return task(train=DataLoader(Noisy(), **{"batch_size": 8, **how}))


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def weighted():
    return loaded(sampler=WeightedRandomSampler(torch.arange(1.0, 97.0), 96))


def generated():
    return loaded(sampler=RandomSampler(X, generator=torch.Generator().manual_seed(5)))


def grouped():
    return task(train=DataLoader(Noisy(), batch_sampler=[list(range(k, 96, 11)) for k in range(11)]))


class Visited(Net):
    # each call changes a buffer, and depends on it

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return super().forward(x) * (1 + self.calls.detach() / 100)


visited = Task(Visited, nn.CrossEntropyLoss(), Noisy(), TensorDataset(X, Y))
plain = task()
easy = task(train=TensorDataset(X, Y))
shuffled = loaded(shuffle=True, batch_size=10)
ordered = loaded()
lazy = loaded(sampler=Lazy())
stateful = lambda: loaded(sampler=Stateful())
endless = loaded(sampler=Endless())
worked = loaded(sampler=Lazy(), num_workers=2)
worked_alone = loaded(sampler=Lazy(), num_workers=1, prefetch_factor=5)
cycle = task(sgd, lambda o: schedules.OneCycleLR(o, 0.2, total_steps=100))
restarts = task(sgd, lambda o: schedules.CosineAnnealingWarmRestarts(o, 3))
milestones = task(sgd, lambda o: schedules.MultiStepLR(o, [3, 8]))
chained = task(sgd, lambda o: schedules.SequentialLR(o, [schedules.LinearLR(o), schedules.ExponentialLR(o, 0.9)], [4]))
lambdas = task(sgd, lambda o: schedules.LambdaLR(o, lambda k: 1 / (1 + k)))
"""
STEPS = 21


@pytest.fixture
def run(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text(TASKS)

    def start(
        name: str, out: str, words: tuple[str, ...] = (), *, stop: int = 0, phase: str = "any", steps: int = STEPS
    ) -> int:
        monkeypatch.setenv("STOP_AT_CALL", str(stop))
        monkeypatch.setenv("STOP_PHASE", phase)
        sys.modules.pop("mine", None)
        common = [
            "--no-checks",
            "--batch-size",
            "8",
            "--steps",
            str(steps),
            "--eval-every",
            "5",
            "--out",
            str(tmp_path / out),
        ]
        return main(["train", f"{path}:{name}", *common, *words])

    return start


def same(left: object, right: object, where: str = "checkpoint") -> None:
    assert type(left) is type(right), where
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right), where
    elif isinstance(left, dict):
        assert left.keys() == right.keys(), where
        for key, value in left.items():
            same(value, right[key], f"{where}.{key}")
    elif isinstance(left, list | tuple):
        assert len(left) == len(right), where
        for place, (a, b) in enumerate(zip(left, right, strict=True)):
            same(a, b, f"{where}[{place}]")
    else:
        assert left == right, where


def checkpoint(path) -> dict:
    return torch.load(path / "checkpoints" / "last.pt", weights_only=True)


def curves(path) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for row in nntui.read(path).metrics.to_pylist():
        if not (row["superseded"] or row["metric"] == "samples_per_second" or names.is_inside(row["metric"])):
            found.setdefault(row["metric"], []).append((row["step"], row["value"]))
    return {name: sorted(points) for name, points in found.items()}


def assert_the_same_run(tmp_path, parts: str = "parts") -> None:
    same(checkpoint(tmp_path / "whole"), checkpoint(tmp_path / parts))
    assert curves(tmp_path / "whole") == curves(tmp_path / parts)


OPTIONS = {
    "nothing": (),
    "accumulation": ("--accumulate", "3"),
    "clipping": ("--clip", "0.5"),
    "bfloat16": ("--precision", "bfloat16"),
    "warm-up": ("--warmup", "6"),
    "cosine": ("--schedule", "cosine"),
    "linear": ("--schedule", "linear", "--warmup", "2"),
    "step": ("--schedule", "step"),
    "one-cycle": ("--schedule", "one-cycle"),
    "everything": (
        "--accumulate",
        "2",
        "--clip",
        "0.1",
        "--precision",
        "bfloat16",
        "--schedule",
        "cosine",
        "--warmup",
        "3",
    ),
}


@pytest.mark.parametrize("words", OPTIONS.values(), ids=OPTIONS)
def test_a_stop_between_two_updates_changes_no_bit(run, tmp_path, words) -> None:
    assert run("plain", "whole", words) == 0
    for stop in (1, 7, 13):
        assert run("plain", f"{stop}", words, stop=stop, phase="train") == 143
        assert 0 < checkpoint(tmp_path / f"{stop}")["step"] < STEPS
        assert run("plain", f"{stop}", words) == 0
        assert_the_same_run(tmp_path, f"{stop}")


@pytest.mark.parametrize("name", ["cycle", "restarts", "milestones", "chained", "lambdas"])
def test_a_schedule_of_ones_own_changes_no_bit(run, tmp_path, name) -> None:
    assert run(name, "whole") == 0
    for stop in (4, 5):
        assert run(name, "parts", stop=stop, phase="train") == 143
    assert run(name, "parts") == 0
    assert_the_same_run(tmp_path)


LOADERS = ("shuffled", "ordered", "weighted", "generated", "grouped", "lazy", "stateful", "endless", "worked")


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("words", [(), ("--accumulate", "3")], ids=["plain", "accumulated"])
def test_a_loader_of_ones_own_changes_no_bit(run, tmp_path, name, words) -> None:
    assert run(name, "whole", words) == 0
    for stop in (2, 17):
        assert run(name, "parts", words, stop=stop, phase="train") == 143
    assert run(name, "parts", words) == 0
    assert_the_same_run(tmp_path)


def alerts(path) -> dict[str, str]:
    return {one.id: one.status for one in Loaded(path).snapshot(View()).alerts if one.status != "info"}


LOST = {
    "nothing": lambda state: None,
    "live.optimizer_state": lambda state: state["optimizer"].update(state={}),
    "live.resume": lambda state: state["model"]["0.weight"].neg_(),
}


@pytest.mark.parametrize("lost", LOST)
def test_what_a_checkpoint_has_lost_is_told_after_the_resume(run, tmp_path, lost) -> None:
    steps = {"steps": 120}
    assert run("easy", "parts", ("--lr", "0.02"), stop=60, phase="train", **steps) == 143
    path = tmp_path / "parts" / "checkpoints" / "last.pt"
    state = torch.load(path, weights_only=True)
    LOST[lost](state)
    torch.save(state, path)
    assert run("easy", "parts", ("--lr", "0.02"), **steps) == 0
    assert alerts(tmp_path / "parts") == ({} if lost == "nothing" else {lost: "warn"})
    head = Loaded(tmp_path / "parts").snapshot(View()).head
    assert head.resumes == (state["step"],)
    rows = nntui.read(tmp_path / "parts").metrics.to_pylist()
    assert head.superseded == sum(row["superseded"] for row in rows)


def test_the_number_of_workers_changes_no_bit(run, tmp_path) -> None:
    assert run("worked", "whole") == 0
    assert run("worked_alone", "parts", stop=9, phase="train") == 143
    assert run("worked_alone", "parts") == 0
    assert_the_same_run(tmp_path)


def test_a_stop_during_an_evaluation_changes_no_bit(run, tmp_path) -> None:
    assert run("plain", "whole") == 0
    for stop in range(1, 12):
        assert run("plain", f"{stop}", stop=stop, phase="eval") == 143
        assert checkpoint(tmp_path / f"{stop}")["step"] == 5 * ((stop - 1) // 3)
        assert run("plain", f"{stop}") == 0
        assert_the_same_run(tmp_path, f"{stop}")


def test_buffers_that_an_evaluation_changes_are_kept_as_they_were_before_it(run, tmp_path) -> None:
    assert run("visited", "whole") == 0
    for stop in (1, 9):
        assert run("visited", "parts", stop=stop, phase="eval") == 143
    assert run("visited", "parts") == 0
    assert_the_same_run(tmp_path)


def test_a_stop_inside_a_window_finishes_the_update_first(run, tmp_path) -> None:
    assert run("plain", "parts", ("--accumulate", "3"), stop=5, phase="train") == 143
    assert checkpoint(tmp_path / "parts")["step"] == 2
    assert [step for step, _ in curves(tmp_path / "parts")["train/loss"]] == [0, 1]


def test_a_run_killed_at_any_moment_leaves_no_hole_and_no_double(run, tmp_path, preloaded, environment) -> None:
    often = ("--accumulate", "2", "--eval-every", "10")
    assert run("plain", "whole", often, steps=120) == 0
    out = ("--out", tmp_path / "parts")
    words = (
        "train",
        f"{tmp_path / 'mine.py'}:plain",
        "--no-checks",
        "--batch-size",
        "8",
        "--steps",
        "120",
        *out,
        *often,
    )
    environment |= {"STOP_AT_CALL": "0"}
    for said in (2, 2, 1):
        with preloaded.start("trainer", *words, env=environment) as process:
            for _ in range(said):
                assert process.stdout.readline()
            process.kill()
    with preloaded.start("trainer", *words, env=environment) as process:
        assert process.wait() == 0
    assert_the_same_run(tmp_path)
