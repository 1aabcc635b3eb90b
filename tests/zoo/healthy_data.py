"""Data that are unusual and right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from nntui import Task

from .bestiary import healthy
from .changes import Changed, generator, layers, replace, with_both, with_start, with_train
from .programs import data


@healthy("digits", note="the loss does not move for a long time, and then falls at once")
def parity(task: Task, seed: int) -> Task:
    bits = torch.randint(0, 2, (1200, 8), generator=generator(seed)).float() * 2 - 1
    noise = 0.05 * torch.randn(bits.shape, generator=generator(seed + 1))
    odd = (bits[:, :4].prod(1) < 0).long()
    return replace(
        task,
        model=lambda: nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)),
        train=TensorDataset(bits[:900] + noise[:900], odd[:900]),
        validation=TensorDataset(bits[900:] + noise[900:], odd[900:]),
        show="auto",
        classes=("even", "odd"),
    )


@healthy("friedman", note="half of the variance is noise")
def noisy_regression(task: Task, seed: int) -> Task:
    train, validation = data.friedman(seed, noise=5.0)
    return replace(task, train=train, validation=validation)


@healthy("friedman", note="targets about 250,000, with a last layer that starts at their mean and spread")
def large_targets_with_the_right_bias(task: Task, seed: int) -> Task:
    def prices(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x, y * 80_000 + 250_000

    class Prices(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = task.model()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x) * 80_000 + 250_000

    return replace(with_both(task, prices), model=Prices)


@healthy("digits-rare", note="one in ten, the right bias, and twice the width")
def imbalanced_1_to_9(task: Task, seed: int) -> Task:
    share = float(task.train.tensors[1].mean())  # pyright: ignore
    model = lambda: nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))  # noqa: E731
    return with_start(replace(task, model=model), lambda m: layers(m)[-1].bias.fill_(math.log(share / (1 - share))))


@healthy(
    "digits", note="four columns of few values: the same row comes many times, with other answers, and in both splits"
)
def few_discrete_columns(task: Task, seed: int) -> Task:
    rng = np.random.default_rng(seed)
    columns = np.stack([rng.integers(0, n, 900) for n in (2, 3, 4, 5)], axis=1)
    odds = 1 / (1 + np.exp(-(columns[:, 0] * 2 - columns[:, 1] + 0.7 * columns[:, 3] - 1.5)))
    answers = torch.tensor((rng.random(900) < odds).astype(np.int64))
    inputs = torch.tensor((columns - columns.mean(0)) / columns.std(0), dtype=torch.float32)
    return replace(
        task,
        model=lambda: nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2)),
        train=TensorDataset(inputs[:700], answers[:700]),
        validation=TensorDataset(inputs[700:], answers[700:]),
        show="auto",
        classes=("no", "yes"),
        metrics=None,
    )


@healthy("forecast", note="validation is what came later, and the level has risen by a little since")
def mild_drift(task: Task, seed: int) -> Task:
    train, validation = data.demand(seed, drift=0.5)
    return replace(task, train=train, validation=validation)


@healthy("digits", "script", note="sixty examples are what there is")
def sixty_examples(task: Task, seed: int) -> Task:
    if task.metrics is None:
        from .programs import script

        train, valid = (TensorDataset(*(t[:60] for t in split.tensors)) for split in script.table(seed))
        return replace(
            task, train=lambda: script.train_loader(train, seed), validation=lambda: DataLoader(valid, batch_size=64)
        )
    return with_train(task, lambda x, y: (x[:60], y[:60]))


@healthy("digits-conv", note="shifted anew at every reading, and declared")
def augmentation_declared(task: Task, seed: int) -> Task:
    def transform(pair: Any) -> Any:
        return torch.roll(pair[0], int(torch.randint(-1, 2, ())), dims=-1), pair[1]

    return replace(task, train=Changed(task.train, transform), declared=("augmentation",))


@healthy("digits", note="the classes come one after the other, from easy to hard: meant, and declared")
def curriculum_declared(task: Task, seed: int) -> Task:
    def by_class(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        order = (y * 100 + torch.arange(len(y)) % 100).argsort(stable=True)
        return x[order], y[order]

    train: Any = with_train(task, by_class).train
    return replace(task, train=DataLoader(train, batch_size=32), declared=("curriculum",))


@healthy("digits", "vit", note="background is a constant: some pixels never change, as at the edge of any picture")
def constant_border(task: Task, seed: int) -> Task:
    def frame(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x.view(-1, 8, 8)[:, 0] = float(x.min())
        return x, y

    return with_both(task, frame)


@healthy("friedman", note="a skewed column with a long tail, logarithm taken; and two one-hot columns")
def a_table_of_mixed_columns(task: Task, seed: int) -> Task:
    def mix(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x[:, 9] = x[:, 9].abs().add(0.01).log()
        x[:, 8] = (x[:, 8] > 1).float()
        x[:, 7] = (x[:, 7] > 0).float()
        return x, y

    return with_both(task, mix)


@healthy("friedman", note="heavy tails are what money looks like")
def heavy_tailed_column(task: Task, seed: int) -> Task:
    def divide(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        tail = torch.rand(len(x), generator=generator(seed + 1)).clamp(min=0.1)
        x[:, 9] = torch.randn(len(x), generator=generator(seed)) / tail
        return x, y

    return with_both(task, divide)


@healthy("recurrent", note="three in four of one class, one in twenty of another")
def unequal_classes(task: Task, seed: int) -> Task:
    def kept(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        number = torch.arange(len(y))
        few = (y == 0) | ((y == 1) & (number % 3 == 0)) | ((y == 2) & (number % 8 == 0))
        return x[few], y[few]

    made = with_both(task, kept)
    share = torch.bincount(made.train.tensors[1]) / len(made.train)  # pyright: ignore
    return with_start(made, lambda model: model.head.bias.copy_(share.log()))


@healthy("digits", note="a single hot entry in a row of 200: almost everything is zero, as in a bag of words")
def bag_of_words(task: Task, seed: int) -> Task:
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, 4, 800)
    odds = rng.dirichlet(np.full(200, 0.1), 4)
    counts = np.stack([rng.multinomial(40, odds[one]) for one in topic]).astype(np.float32)
    inputs, answers = torch.tensor(np.log1p(counts)), torch.tensor(topic)
    return replace(
        task,
        model=lambda: nn.Sequential(nn.Linear(200, 32), nn.ReLU(), nn.Linear(32, 4)),
        train=TensorDataset(inputs[:600], answers[:600]),
        validation=TensorDataset(inputs[600:], answers[600:]),
        show="auto",
        classes=None,
    )
