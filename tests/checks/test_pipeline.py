"""Reading, evaluating, and the plan of the rate: each check fires on its own fault, and on nothing else."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, CosineAnnealingWarmRestarts, LambdaLR, OneCycleLR, StepLR
from torch.utils.data import DataLoader, Dataset, TensorDataset

from nntui import Task
from nntui.checks import full_eval, lr_decay, simple
from nntui.checks.lr_decay import dry_run

X = torch.randn(240, 6, generator=torch.Generator().manual_seed(0))
Y = (X[:, :1] > 0).long()[:, 0]


class Noisy(Dataset[Any]):
    """Examples with noise from a source that is made here or asked for at every reading."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.own = random.Random(0)

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        noise = {
            "none": lambda: 0.0,
            "torch": lambda: float(torch.rand(())),
            "own": self.own.random,
        }[self.source]()
        return X[place] + noise, Y[place]


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))


def task(train: Any = None, validation: Any = None, **more: Any) -> Task:
    data = TensorDataset(X, Y)
    given = {"model": model, "loss": nn.CrossEntropyLoss(), "train": train or data, "validation": validation or data}
    return Task(**(given | more))


@pytest.mark.parametrize(
    ("source", "declared", "status", "words"),
    [
        ("none", (), "pass", "the same tensor"),
        ("torch", (), "warn", "augmentation is on"),
        ("torch", ("augmentation",), "pass", "as declared"),
        ("own", (), "warn", "Two worker processes"),
        ("own", ("augmentation",), "warn", "Two worker processes"),
    ],
)
def test_what_changes_from_reading_to_reading_is_found(source: str, declared: Any, status: str, words: str) -> None:
    finding = simple(task(Noisy(source), declared=declared))
    assert finding.status == status
    assert words in finding.message


def test_augmentation_of_validation_fails() -> None:
    assert simple(task(validation=DataLoader(Noisy("torch"), batch_size=16))).status == "fail"


def test_missing_values_are_no_augmentation() -> None:
    holes = X.clone()
    holes[::3] = torch.nan
    assert simple(task(TensorDataset(holes, Y))).status == "pass"


@pytest.mark.parametrize(
    ("loader", "status", "words"),
    [
        (lambda d: DataLoader(d, batch_size=32), "pass", "240 examples"),
        (lambda d: DataLoader(d, batch_size=100, drop_last=True), "warn", "200 of the 240"),
        (lambda d: DataLoader(d, batch_size=32, sampler=range(50)), "warn", "50 of the 240"),
        (lambda d: DataLoader(d, batch_size=32, shuffle=True), "pass", "240 examples"),
    ],
)
def test_an_evaluation_covers_the_whole_split_and_is_the_same_twice(loader: Any, status: str, words: str) -> None:
    finding = full_eval(task(validation=loader(TensorDataset(X, Y))))
    assert finding.status == status
    assert words in finding.message


@pytest.mark.parametrize(("training", "status"), [(True, "fail"), (False, "pass")])
def test_dropout_that_does_not_listen_to_eval_fails(training: bool, status: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(nn.functional.dropout(x, 0.5, training=training))

    assert full_eval(task(model=Net)).status == status


@pytest.mark.parametrize(("count", "status"), [(24, "warn"), (25, "pass"), (240, "pass")])
def test_few_examples_are_told(count: int, status: str) -> None:
    assert full_eval(task(validation=TensorDataset(X[:count], Y[:count]))).status == status


def test_without_validation_there_is_nothing_to_evaluate() -> None:
    assert full_eval(Task(model, nn.CrossEntropyLoss(), TensorDataset(X, Y))).status == "skip"


def test_the_standard_error_is_that_of_the_mean_over_batches() -> None:
    finding = full_eval(task(validation=DataLoader(TensorDataset(X, Y), batch_size=64)))
    net = task().build(0).eval()
    pairs = zip(X.split(64), Y.split(64), strict=True)
    with torch.no_grad():
        losses = torch.stack([nn.functional.cross_entropy(net(x), y) for x, y in pairs])
        whole = float(nn.functional.cross_entropy(net(X), Y))
    assert finding.measured == pytest.approx(whole, rel=1e-6)
    assert finding.evidence["standard_error"] == pytest.approx(float(losses.std() / len(losses) ** 0.5), rel=1e-5)


def sgd(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), lr=0.1)


SCHEDULES = {
    "cosine to zero": (lambda o: CosineAnnealingLR(o, 1000), 1000, "pass"),
    "one cycle": (lambda o: OneCycleLR(o, 0.1, total_steps=1001), 1000, "pass"),
    "warm-up": (lambda o: LambdaLR(o, lambda k: min(1.0, (k + 1) / 50)), 1000, "pass"),
    "warm restarts": (lambda o: CosineAnnealingWarmRestarts(o, 100, T_mult=2), 1000, "pass"),
    "steps at half and three quarters": (lambda o: StepLR(o, 500), 1000, "pass"),
    "epochs where updates are meant": (lambda o: StepLR(o, 30), 1000, "warn"),
    "the same without a plan": (lambda o: StepLR(o, 30), 0, "warn"),
    "exponential per update": (lambda o: LambdaLR(o, lambda k: 0.95**k), 1000, "warn"),
    "cosine of epochs, up and down": (lambda o: CosineAnnealingLR(o, 10), 1000, "warn"),
    "zero throughout": (lambda o: LambdaLR(o, lambda k: 0.0), 1000, "warn"),
    "a warm-up longer than the training": (lambda o: LambdaLR(o, lambda k: min(1.0, (k + 1) / 5000)), 1000, "warn"),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_that_ends_the_training_early_is_found(name: str) -> None:
    schedule, steps, status = SCHEDULES[name]
    finding = lr_decay(task(optimizer=sgd, schedule=schedule, steps=steps))
    assert finding.status == status, finding.message


def test_a_dry_run_is_what_the_schedule_does() -> None:
    net = model()
    optimizer = sgd(net)
    schedule = StepLR(optimizer, 7, 0.5)
    expected = []
    for _ in range(30):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert dry_run(task(optimizer=sgd, schedule=lambda o: StepLR(o, 7, 0.5)), 0, 30) == expected


@pytest.mark.parametrize(("meant", "status"), [(900, "pass"), (1000, "pass"), (2001, "warn"), (100_000, "warn")])
def test_a_schedule_made_for_another_training_is_found(meant: int, status: str) -> None:
    cycle = lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=meant)  # noqa: E731
    finding = lr_decay(task(optimizer=sgd, schedule=cycle, steps=min(1000, meant)))
    assert finding.status == status, finding.message


def test_an_evaluation_that_sees_nothing_fails() -> None:
    x = torch.randn(64, 4)
    rows = TensorDataset(x, (x[:, 0] > 0).long())
    nothing = DataLoader(rows, batch_size=100, drop_last=True)
    finding = full_eval(Task(model, nn.CrossEntropyLoss(), rows, nothing))
    assert (finding.status, finding.measured, finding.expected) == ("fail", 0, 64)


def test_a_schedule_that_needs_a_metric_is_left_out() -> None:
    plateau = lr_decay(task(optimizer=sgd, schedule=torch.optim.lr_scheduler.ReduceLROnPlateau))
    assert (plateau.status, "metric" in plateau.message) == ("skip", True)
