"""A sample of the training data, fitted as well as a model can within the time.

Owns the sample, its floor under the user's own loss, and the fit; shared by the checks that ask about capacity.
Invariant: plain Adam and no dropout, whatever the user's own optimizer; the same task gives the same sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from nntui.checks.dataset import shared
from nntui.checks.experiment import Training, cycled, deadline, kept, report, without_dropout
from nntui.checks.guard import Skip
from nntui.checks.references import UnboundedError, scalar
from nntui.checks.references import floor as floor_of
from nntui.checks.task import Task

BATCHES = 8
SIZE = 32
RATES = (3e-3, 1e-3)
NEAR = 0.1
"""Share of the way from the start to the floor that may be left for the sample to be fitted."""
LOOKS = 40
"""Looks at the sample before which a fit has not stopped."""
BETTER = 0.02
"""Share of the way that twice the steps must bring, or the fit has stopped."""
LOOK_EVERY = 2
"""Rounds between two looks at the whole sample."""


@dataclass(slots=True)
class Fit:
    """How far a model came on the sample."""

    start: float
    """Mean loss over the sample before, in nats or whatever the loss is in."""
    floor: float
    """The lowest mean loss that any outputs could have."""
    loss: float = math.nan
    """Mean loss over the sample at its best."""
    steps: int = 0
    rate: float = math.nan
    stopped: bool = False
    """Whether it had stopped falling, rather than run out of time."""
    curve: list[tuple[int, float]] = field(default_factory=list)
    """(step, loss) at every look."""

    @property
    def left(self) -> float:
        """Share of the way from the start to the floor that is left."""
        return (self.loss - self.floor) / max(self.start - self.floor, 1e-12)

    @property
    def reached(self) -> bool:
        """Whether the sample is fitted."""
        return self.left <= NEAR


def sample(task: Task) -> list[tuple[Any, Any]]:
    """The batches to fit: BATCHES of the loader's own, or of SIZE examples."""
    return kept(task, SIZE)[:BATCHES]


def fitted(task: Task, seed: int, budget: float, row: str) -> Fit:
    """The task's own model on the sample; shared by the checks of one pre-flight. Raises Skip where the loss has no floor."""
    return shared(("fit", id(task), seed), lambda: _best(task, seed, budget, row))


def _best(task: Task, seed: int, budget: float, row: str) -> Fit:
    batches = sample(task)
    floor = _floor(task, task.build(seed), batches)
    found = [fit(task, task.build, seed, batches, floor, RATES[0], budget * 0.6, row)]
    if not found[0].reached and found[0].stopped:
        found.append(fit(task, task.build, seed, batches, floor, RATES[1], budget * 0.4, row))
    return min(found, key=lambda f: f.loss if math.isfinite(f.loss) else math.inf)


def fit(
    task: Task,
    build: Callable[[int], nn.Module],
    seed: int,
    batches: list[tuple[Any, Any]],
    floor: float,
    rate: float,
    budget: float,
    row: str,
    *,
    steps: int = 0,
) -> Fit:
    """Train a fresh model on the batches until it is fitted, has stopped, or the time (or the number of steps) is over."""
    model = without_dropout(build(seed))
    late = deadline(budget)
    found = Fit(mean_loss(task, model, batches), floor, rate=rate)
    found.loss = found.start
    training = Training(task, model, cycled(batches), lr=rate)
    every = LOOK_EVERY * len(batches)

    def until(step: int, loss: float) -> bool:
        report(row, step, loss=loss)
        return (
            (steps > 0 and step >= steps)
            or step >= len(found.curve) * every + every
            or late()
            or not math.isfinite(loss)
        )

    while True:
        before = training.steps
        training.go_on(until)
        found.steps = training.steps
        now = mean_loss(task, model, batches)
        found.curve.append((training.steps, now))
        found.loss = min(found.loss, now) if math.isfinite(now) else found.loss
        found.stopped = _stopped(found)
        done = found.reached or found.stopped or late() or not math.isfinite(now) or training.steps == before
        if (done and not steps) or (steps and (training.steps >= steps or late() or training.steps == before)):
            return found


def _stopped(found: Fit) -> bool:
    """Whether the second half of the steps brought less than BETTER of the way."""
    values = [loss for _, loss in found.curve if math.isfinite(loss)]
    if len(values) < LOOKS:
        return False
    half = len(values) // 2
    return min(values[:half]) - min(values[half:]) < BETTER * max(found.start - found.floor, 1e-12)


@torch.no_grad()
def mean_loss(task: Task, model: nn.Module, batches: list[tuple[Any, Any]]) -> float:
    """Mean loss over the batches, in the mode that the model is in."""
    return sum(scalar(task.loss(task.call(model, inputs), targets)) for inputs, targets in batches) / len(batches)


def _floor(task: Task, model: nn.Module, batches: list[tuple[Any, Any]]) -> float:
    """Mean over the batches of the lowest loss that any outputs could have. Raises Skip where there is none."""
    floors = []
    without_dropout(model)
    for inputs, targets in batches[:2]:
        with torch.no_grad():
            outputs: Tensor = task.call(model, inputs)
        try:
            floors.append(floor_of(task, outputs, targets))
        except UnboundedError:
            raise Skip("The loss has no lowest value: see skeleton.init_loss.") from None
    return sum(floors) / len(floors)
