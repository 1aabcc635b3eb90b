"""The loop that trainings of the live half are, and the list of them.

Owns the order of things in a plain training of digits; an entry changes one method of it, or is a program of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import nntui

Split = tuple[Tensor, Tensor, Tensor, Tensor]
"""Inputs and labels to train on, and to evaluate on."""


def digits() -> Split:
    found = load_digits()
    x, y = torch.tensor(found.data, dtype=torch.float32) / 8 - 1, torch.tensor(found.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = x[order], y[order]
    return x[:1400], y[:1400], x[1400:], y[1400:]


def mlp(
    act: type[nn.Module] = nn.ReLU, depth: int = 2, *, norm: bool = False, dropout: float = 0.1, width: int = 64
) -> nn.Sequential:
    """A network for digits."""
    layers: list[nn.Module] = [nn.Linear(64, width), act()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), *([nn.BatchNorm1d(width)] if norm else []), act()]
    return nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []), nn.Linear(width, 10))


class Loop:
    """A healthy training of digits."""

    steps = 600
    batch_size = 64
    every = 50
    """Updates between evaluations."""
    fixed = 32
    """Examples of validation whose predictions are recorded with each evaluation."""
    looks: int | None = None
    """Updates between two looks of the probes; None as they like."""
    declared: tuple[str, ...] = ()
    run: Any

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.generator = torch.Generator().manual_seed(seed + 1)
        self.data = self.load()
        self.model = self.build()
        self.optimizer = self.make_optimizer()
        self.schedule = self.make_schedule()
        self.scaler = self.make_scaler()
        self.step = 0
        self.told = False

    # --- what is trained ----------------------------------------------------------------------

    def load(self) -> Split:
        return digits()

    def build(self) -> nn.Module:
        return mlp()

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), 1e-3)

    def make_schedule(self) -> Any:
        return None

    def make_scaler(self) -> Any:
        return None

    def batch(self) -> tuple[Tensor, Tensor]:
        x, y, *_ = self.data
        chosen = torch.randint(0, len(x), (self.batch_size,), generator=self.generator)
        return x[chosen], y[chosen]

    def forward(self, inputs: Tensor) -> Tensor:
        return self.model(inputs)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs, targets)

    # --- one update ---------------------------------------------------------------------------

    def learn(self) -> dict[str, Any]:
        """One update; what is logged of it."""
        inputs, targets = self.batch()
        outputs = self.forward(inputs)
        loss = self.loss(outputs, targets)
        self.clear()
        self.backward(loss)
        self.update()
        return {"train/loss": loss.detach(), **self.measured(outputs.detach(), targets)}

    def clear(self) -> None:
        self.optimizer.zero_grad()

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def update(self) -> None:
        self.optimizer.step()

    def after(self) -> None:
        """Whatever comes after an update."""
        if self.schedule is not None:
            self.schedule.step()

    def measured(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        return {"train/accuracy": (outputs.argmax(1) == targets).float().mean()}

    # --- evaluation ---------------------------------------------------------------------------

    def begin_evaluation(self) -> None:
        self.model.eval()

    def end_evaluation(self) -> None:
        self.model.train()

    def evaluated(self, inputs: Tensor) -> Tensor:
        return self.forward(inputs)

    @torch.no_grad()
    def evaluate(self) -> dict[str, Any]:
        *_, x, y = self.data
        outputs = self.evaluated(x)
        if self.fixed:
            self.say(outputs[: self.fixed], y[: self.fixed])
        return self.scored(outputs, y)

    def scored(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        losses = nn.functional.cross_entropy(outputs, targets, reduction="none")
        return {
            "val/loss": losses.mean(),
            "val/loss_stderr": losses.std() / len(losses) ** 0.5,
            "val/accuracy": (outputs.argmax(1) == targets).float().mean(),
        }

    def say(self, outputs: Tensor, targets: Tensor) -> None:
        """Record what is said of the fixed batch; its labels once."""
        labels = {} if self.told else {"targets": targets}
        self.run.predictions(outputs, step=self.step, **labels)
        self.told = True

    # --- all of it ----------------------------------------------------------------------------

    def begin(self) -> None:
        """Whatever comes before the first update."""

    def train(self, path: Path) -> None:
        """Train, and record it as a user would."""
        watched = {"scaler": self.scaler, "every": self.looks, "declared": self.declared}
        with (
            nntui.init(path, total_steps=self.steps) as self.run,
            nntui.watch(self.model, self.optimizer, self.run, **watched),
        ):
            self.begin()
            for step in range(self.steps):
                self.step = step
                rate = self.optimizer.param_groups[0]["lr"]
                self.run.log({**self.learn(), "lr": rate}, step=self.step)
                self.after()
                if self.step % self.every == self.every - 1:
                    self.begin_evaluation()
                    self.run.log(self.evaluate(), step=self.step)
                    self.end_evaluation()


class Trained(Protocol):
    """Something to train."""

    def train(self, path: Path) -> None:
        """Train, and record it in that folder."""


@dataclass(frozen=True)
class Program:
    """A whole program: what it trains and how it records that are its own."""

    main: Callable[[Path, int], None]
    seed: int

    def train(self, path: Path) -> None:
        """Run it; everything random in torch begins at its seed."""
        torch.manual_seed(self.seed)
        self.main(path, self.seed)


@dataclass(frozen=True)
class Entry:
    """A training of the zoo."""

    name: str
    make: Callable[[int], Trained]
    alerts: frozenset[str]
    """Alerts that name the cause; empty for a healthy training."""
    info: bool = False
    """Whether information is all that can be told of it."""
    program: bool = False
    """Whether it is a program of its own, by somebody who had not read the rules."""

    @property
    def half(self) -> str:
        """develop or held-out, by the name alone; programs are a part of their own."""
        if self.program:
            return "programs"
        return ("develop", "held-out")[hashlib.sha256(self.name.encode()).digest()[0] % 2]


ENTRIES: dict[str, Entry] = {}


def bug(*alerts: str, info: bool = False) -> Callable[[type[Loop]], type[Loop]]:
    """Registers a training that goes wrong; alerts: those that name the cause; info: of whatever severity."""

    def register(kind: type[Loop]) -> type[Loop]:
        ENTRIES[kind.__name__] = Entry(kind.__name__, kind, frozenset(alerts), info)
        return kind

    return register


healthy = bug()


def program(*alerts: str, info: bool = False) -> Callable[[Callable[[Path, int], None]], Callable[[Path, int], None]]:
    """Registers a function that trains and records into a folder with a seed; without alerts it is a healthy one."""

    def register(main: Callable[[Path, int], None]) -> Callable[[Path, int], None]:
        ENTRIES[main.__name__] = Entry(main.__name__, partial(Program, main), frozenset(alerts), info, program=True)
        return main

    return register
