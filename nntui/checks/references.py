"""What a loss must be: references from the user's own loss (diagnosis by experiment, never by formula).

Owns feeding a task's loss with constant predictions and with the outputs of untrained networks.
Invariant: nothing is assumed about the loss but that it is a function of outputs and targets.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from nntui.checks.guard import Skip
from nntui.checks.task import Task, TaskError

BATCHES = 8
FIT_STEPS = 200
UNIT_SPREAD = 1.0
"""Standard deviation of the outputs of a network whose layers keep variance one (He et al. 2015, section 2.2)."""
UNBOUNDED = 1e3
"""A constant that lowers the loss by this many times its size shows that there is no lowest loss."""
FAR = 1e6
"""Length of that constant, straight downhill from zero."""


Batches = list[tuple[Any, Any]]


class UnboundedError(Exception):
    """A constant prediction can have any loss it likes."""


@dataclass(frozen=True, slots=True)
class Untrained:
    """A fresh network over a sample of batches."""

    loss: float
    """Mean over the batches."""
    spread: float
    """Standard deviation of the outputs."""
    outputs: list[Tensor]
    """Per batch."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Losses of predictions that know nothing of the inputs."""

    constant: float
    """Loss of the best constant prediction."""
    neutral: float
    """Loss of zeros."""
    noisy: float
    """Loss of the neutral output plus noise of unit variance."""
    error: float
    """Standard error of the mean over batches."""
    best: list[float]
    """The best constant itself, per output."""


def sample(task: Task) -> Batches:
    """The first BATCHES training batches, split. Raises Skip for a contrastive loss, TaskError without data."""
    if task.declares("contrastive"):
        raise Skip("The loss is declared contrastive: no constant prediction says what it must be at initialisation.")
    batches = [task.split_batch(batch) for batch in islice(task.batches(), BATCHES)]
    if not batches:
        raise TaskError("the training data are empty; expected at least one batch.")
    return batches


def untrained(task: Task, batches: Batches, seed: int) -> Untrained:
    """Mean loss and outputs of a fresh network: as in training, but without dropout."""
    model = task.build(seed)
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()
    losses, outputs = [], []
    with torch.no_grad():
        for inputs, targets in batches:
            given = task.call(model, inputs)
            if not isinstance(given, Tensor):
                raise Skip(
                    f"The model's outputs are a {type(given).__name__}, not one tensor: no constant can stand for them."
                )
            if not given.is_floating_point():
                raise Skip(f"The model's outputs are {given.dtype}: no loss is taken of them.")
            losses.append(scalar(task.loss(given, targets)))
            outputs.append(given.detach())
    if not outputs[0].dim():
        raise Skip("The model's output is a single number: it seems to compute the loss itself.")
    flat = torch.cat([o.reshape(-1) for o in outputs]).double()
    return Untrained(sum(losses) / len(losses), float(flat.std()) if flat.numel() > 1 else 0.0, outputs)


def reference(task: Task, outputs: list[Tensor], targets: list[Any], seed: int) -> Reference:
    """Losses of constants of the outputs' own shapes; the last axis is the one along which they may differ."""
    axis = 1 if outputs[0].dim() > 2 and class_axis(outputs[0], targets[0]) == 1 else -1
    width = outputs[0].shape[axis] if outputs[0].dim() > 1 else 1
    shape = [1] * outputs[0].dim()
    if outputs[0].dim() > 1:
        shape[axis] = width
    constant = torch.zeros(shape, dtype=outputs[0].dtype, device=outputs[0].device, requires_grad=True)

    def mean_loss(value: Tensor, noise: torch.Generator | None = None) -> list[Tensor]:
        losses = []
        for one, target in zip(outputs, targets, strict=True):
            filled = value.expand(one.shape).clone()
            if noise is not None:
                filled = filled + UNIT_SPREAD * torch.randn(one.shape, generator=noise, dtype=one.dtype).to(one.device)
            losses.append(task.loss(filled, target))
        return losses

    with torch.no_grad():
        neutral = [scalar(loss) for loss in mean_loss(constant)]
        noisy = [scalar(loss) for loss in mean_loss(constant, torch.Generator().manual_seed(seed))]
    best = _fit(constant, mean_loss)
    if not best:
        raise UnboundedError
    count = len(best)
    mean = sum(best) / count
    spread = math.sqrt(sum((b - mean) ** 2 for b in best) / max(1, count - 1))
    known = constant.detach().flatten().tolist()
    return Reference(mean, sum(neutral) / count, sum(noisy) / count, spread / math.sqrt(count), known)


def _fit(constant: Tensor, mean_loss: Callable[[Tensor], list[Tensor]]) -> list[float]:
    """Losses per batch at the best constant, found by L-BFGS from zeros; none when a constant gets any loss it likes."""
    optimizer = torch.optim.LBFGS([constant], max_iter=FIT_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = torch.stack([one.reshape(()) for one in mean_loss(constant)]).mean()
        if not loss.requires_grad:
            raise Skip("The loss gives no gradient to the outputs: it seems to be detached or to round them.")
        loss.backward()
        return loss

    start = float(closure().detach())
    downhill = -constant.grad.detach().clone() if constant.grad is not None else torch.zeros_like(constant)
    with torch.no_grad():
        far = downhill * (FAR / max(float(downhill.norm()), 1e-12))
        if mean_of(mean_loss(far)) < start - UNBOUNDED * (abs(start) + 1.0):
            return []
    with torch.enable_grad():
        optimizer.step(closure)
    with torch.no_grad():
        best = [scalar(one) for one in mean_loss(constant)]
        if not sum(best) / len(best) <= start:
            constant.zero_()
            best = [scalar(one) for one in mean_loss(constant)]
    return best


def class_axis(outputs: Tensor, targets: Any) -> int:
    """1 when the classes of dense predictions lie on axis 1, as cross entropy wants them; else -1."""
    if not isinstance(targets, Tensor) or targets.is_floating_point():
        return -1
    without = (*outputs.shape[:1], *outputs.shape[2:])
    return 1 if tuple(targets.shape) == tuple(without) and targets.shape != outputs.shape[:-1] else -1


def mean_of(losses: list[Tensor]) -> float:
    """Mean of losses. Raises TaskError when one is no single number."""
    return sum(scalar(loss) for loss in losses) / len(losses)


def scalar(loss: Any) -> float:
    """A loss as a number. Raises TaskError when it is no single one."""
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise TaskError(f"loss(outputs, targets) gave {shape}; expected one number. Take the mean over the batch.")
    return float(loss.detach())
