"""Two networks from one seed, one of them blind, trained alike and compared on examples that neither has seen.

Owns training the pair, and the pairs of losses by which they are compared. Refuses to judge: that is skeleton.blind's.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from nntui.checks.experiment import SAMPLE, Training, cycled, deadline, report, without_dropout
from nntui.checks.guard import Skip
from nntui.checks.references import Constant, scalar
from nntui.checks.task import Task, mapped, tensors

HELD_OUT = 0.25
LEAST_BATCHES = 8
"""Fewer than that are cut into pieces."""
PIECE = 8
"""Examples of a piece: small ones make many pairs, and a standard error that can be trusted."""

Batch = tuple[Any, Any]
"""Inputs and targets."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Losses on the same batches with the inputs and without."""

    real: list[float] = field(default_factory=list)
    blind: list[float] = field(default_factory=list)
    """Of the blind network."""
    constant: list[float] = field(default_factory=list)
    """Of the best constant; empty where there is none."""

    def __add__(self, other: Pairs) -> Pairs:
        """These pairs and those of other batches."""
        return Pairs(self.real + other.real, self.blind + other.blind, self.constant + other.constant)

    @property
    def without(self) -> list[float]:
        """Losses without the inputs: of the blind network, or of the best constant where that is better."""
        return min(self.blind, self.constant, key=sum) if self.constant else self.blind

    def difference(self) -> tuple[float, float]:
        """Mean of (without - with), and its standard error (NaN for a single pair)."""
        gaps = [without - real for without, real in zip(self.without, self.real, strict=True)]
        mean = sum(gaps) / len(gaps)
        if len(gaps) < 2:
            return mean, math.nan
        return mean, math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1) / len(gaps))

    def sigmas(self) -> float:
        """The difference in standard errors; NaN for a single pair."""
        mean, error = self.difference()
        return mean / error if error > 0 else math.nan if math.isnan(error) else math.copysign(math.inf, mean)


class Race:
    """The two networks and their training."""

    def __init__(
        self, task: Task, seed: int, data: list[Batch], rate: float, budget: float, begun: int, row: str
    ) -> None:
        """budget: seconds for both. begun: steps of races before, for those who watch. row: on whose behalf."""
        self.real, self.blind = without_dropout(task.build(seed)), without_dropout(task.build(seed))
        zeroed = [(blinded(task, inputs), targets) for inputs, targets in data]
        self._seeing = Training(task, self.real, cycled(data), lr=rate)
        self._blind = Training(task, self.blind, cycled(zeroed), lr=rate)
        self._task, self._begun, self._row = task, begun, row
        self._left = budget / 2  # the blind one takes as long again

    @property
    def steps(self) -> int:
        """Updates of each."""
        return self._seeing.steps

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return self._left <= 0

    def train_to(self, steps: int) -> None:
        """Train both to as many steps, or as far as the time allows."""
        late, begun = deadline(self._left), time.perf_counter()

        def until(step: int, loss: float) -> bool:
            report(self._row, self._begun + step, training_loss=loss)
            return step >= steps or late()

        self._seeing.go_on(until)
        self._left -= time.perf_counter() - begun
        self._blind.go_on(lambda step, _: step >= self._seeing.steps)

    def compared(self, batches: list[Batch], constant: Constant | None) -> Pairs:
        """Their losses on these batches, in eval mode, and those of the constant."""
        task = self._task
        known = []
        if constant is not None:
            with torch.no_grad():
                outputs = [(task.call(self.real, inputs), targets) for inputs, targets in batches]
                known = [scalar(task.loss(constant.like(o), targets)) for o, targets in outputs]
        return Pairs(_losses(task, self.real, batches), _losses(task, self.blind, batches, zero=True), known)


def folds(task: Task, batches: list[Batch]) -> list[tuple[list[Batch], list[Batch]]]:
    """Ways to part batches into those to train on and those to compare on, the latter in small pieces.

    One way where there are plenty; where these are all the data, as many as it takes to hold out every batch once. Raises Skip
    when there are too few.
    """
    plenty = len(batches) >= SAMPLE
    batches = batches if len(batches) >= LEAST_BATCHES else [piece for one in batches for piece in pieces(task, one)]
    count = max(2, math.ceil(HELD_OUT * len(batches)))
    if len(batches) < 2 * count:
        raise Skip("Too few examples to hold some out: at least two batches to train on and two to compare are needed.")
    found = []
    for end in range(len(batches), 0 if not plenty else len(batches) - 1, -count):
        start = max(0, end - count)
        held_out = [piece for one in batches[start:end] for piece in pieces(task, one)]
        found.append((batches[:start] + batches[end:], held_out))
    return found


def pieces(task: Task, batch: Batch) -> list[Batch]:
    """The batch in pieces of PIECE examples; as it is where its examples cannot be told apart."""
    inputs, targets = batch
    axis = task.batch_axis
    sizes = [t.shape[axis] for t in tensors(inputs) if t.dim() > axis]
    size = max(sizes, key=sizes.count) if sizes else 0
    if size < 2 * PIECE or not isinstance(targets, Tensor) or targets.dim() <= axis or targets.shape[axis] != size:
        return [batch]

    def part(value: Any, start: int) -> Any:
        def narrow(t: Tensor) -> Tensor:
            alike = t.dim() > axis and t.shape[axis] == size
            return t.narrow(axis, start, min(PIECE, size - start)) if alike else t

        return mapped(value, narrow)

    return [(part(inputs, start), part(targets, start)) for start in range(0, size - PIECE + 1, PIECE)]


def blinded(task: Task, inputs: Any) -> Any:
    """Inputs that tell nothing of their example: floating-point zeros, and of anything else the first example for all."""
    axis = task.batch_axis
    sizes = [t.shape[axis] for t in tensors(inputs) if t.dim() > axis]

    def change(t: Tensor) -> Tensor:
        if t.is_floating_point() or t.is_complex():
            return torch.zeros_like(t)
        per_example = t.dim() > axis and t.shape[axis] == max(sizes, key=sizes.count)
        return t.narrow(axis, 0, 1).expand_as(t).clone() if per_example else t

    return mapped(inputs, change)


@torch.no_grad()
def _losses(task: Task, model: nn.Module, batches: list[Batch], *, zero: bool = False) -> list[float]:
    model.eval()
    losses = [scalar(task.loss(task.call(model, blinded(task, i) if zero else i), t)) for i, t in batches]
    without_dropout(model)
    return losses
