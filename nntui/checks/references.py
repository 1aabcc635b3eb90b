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
UNBOUNDED = 1e-2
"""A loss that still falls by this share of its size, between the two lengths of FAR, has no lowest value."""
FAR = (1e6, 1e12)
"""Lengths of two constants straight downhill from zero: every loss with a lowest value has reached it, or risen, by the first."""
DRAWS = 4
"""Draws of the noise."""
NOISE_SEED = 0x5EED_0F_1055
"""Keeps the noise apart from data drawn from the same small seed."""


Batches = list[tuple[Any, Any]]


class UnboundedError(Exception):
    """A constant prediction can have any loss it likes."""


class _Unusable(Exception):  # noqa: N818 (reads as what happened)
    """The loss is not defined for these outputs."""


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
    noise_spread: float
    """Standard deviation of that over draws of the noise."""
    error: float
    """Standard error of the mean over batches."""
    best: list[float]
    """The best constant itself, per output, before the link."""
    link: str
    """What the outputs are: `identity`, or the name of the last activation that the loss relies on."""


def sample(task: Task) -> Batches:
    """The first BATCHES training batches, split. Raises Skip for a contrastive loss, TaskError without data."""
    if task.declares("contrastive"):
        raise Skip("The loss is declared contrastive: no constant prediction says what it must be at initialisation.")
    batches = [task.split_batch(batch) for batch in islice(task.mixed(), BATCHES)]
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


@dataclass(frozen=True, slots=True)
class Constant:
    """The best prediction that knows nothing of the inputs."""

    losses: list[float]
    """Per batch that it was found on."""
    value: Tensor
    """What it is before the link, of a shape that expands to that of the outputs."""
    link: str
    """What the outputs are: `identity`, or the name of the last activation that the loss relies on."""
    activate: Callable[[Tensor], Tensor]
    """That activation."""

    def like(self, outputs: Tensor) -> Tensor:
        """The constant in place of these outputs."""
        return self.activate(self.value.expand(outputs.shape).clone())


def best_constant(task: Task, outputs: list[Tensor], targets: list[Any]) -> Constant:
    """The constant of the outputs' own shape with the lowest mean loss; the class axis is the one along which it may differ.

    Raises UnboundedError when there is no lowest loss, Skip where none can be found.
    """
    axis = 1 if outputs[0].dim() > 2 and class_axis(outputs[0], targets[0]) == 1 else -1
    shape = [1] * outputs[0].dim()
    if outputs[0].dim() > 1:
        shape[axis] = outputs[0].shape[axis]

    def losses(value: Tensor, link: Link) -> list[Tensor]:
        filled = [value.expand(one.shape).clone() for one in outputs]
        return [task.loss(link(one), target) for one, target in zip(filled, targets, strict=True)]

    name, link, value, best = lowest(lambda: outputs[0].new_zeros(shape), losses, links(outputs, axis))
    return Constant(best, value, name, link)


def reference(task: Task, outputs: list[Tensor], targets: list[Any], seed: int) -> Reference:
    """Losses of the best constant, of a neutral output, and of noise around it."""
    constant = best_constant(task, outputs, targets)
    neutral = torch.zeros_like(constant.value)
    generator = torch.Generator().manual_seed(seed ^ NOISE_SEED)

    def loss(spread: float) -> float:
        filled = [
            neutral.expand(o.shape) + spread * torch.randn(o.shape, generator=generator, dtype=o.dtype).to(o.device)
            for o in outputs
        ]
        return mean_of([task.loss(constant.activate(o), t) for o, t in zip(filled, targets, strict=True)])

    with torch.no_grad():
        noisy = [loss(UNIT_SPREAD) for _ in range(DRAWS)]
        zero = loss(0.0)
    mean, spread = _moments(constant.losses)
    noise, noise_spread = _moments(noisy)
    known = constant.value.flatten().tolist()
    return Reference(mean, zero, noise, noise_spread, spread / math.sqrt(len(constant.losses)), known, constant.link)


Link = Callable[[Tensor], Tensor]


def links(outputs: list[Tensor], axis: int) -> dict[str, Link]:
    """What may stand between free numbers and such outputs, to be tried in order: nothing, then the activation they look like.

    A loss of logits takes free numbers; one of probabilities or log-probabilities (`BCELoss`, `NLLLoss`) is not defined for them,
    or has no lowest value.
    """
    found: dict[str, Link] = {"identity": lambda free: free}
    low, high = min(float(o.min()) for o in outputs), max(float(o.max()) for o in outputs)
    several = outputs[0].dim() > 1 and outputs[0].shape[axis] > 1
    if several and high <= 1e-6 and all(bool((o.logsumexp(axis).abs() < 1e-3).all()) for o in outputs):
        found["log_softmax"] = lambda free: free.log_softmax(axis)
    if several and low >= 0.0 and all(bool(((o.sum(axis) - 1).abs() < 1e-3).all()) for o in outputs):
        found["softmax"] = lambda free: free.softmax(axis)
    if low >= 0.0 and high <= 1.0:
        found["sigmoid"] = torch.sigmoid
    if low >= 0.0:
        found["softplus"] = nn.functional.softplus
    return found


def lowest(
    zeros: Callable[[], Tensor], losses: Callable[[Tensor, Link], list[Tensor]], tried: dict[str, Link]
) -> tuple[str, Link, Tensor, list[float]]:
    """The first link under which the losses have a lowest mean: its name, itself, the free numbers found, the losses there.

    Raises UnboundedError when there is none, or what the loss raised.
    """
    reason: Exception = UnboundedError()
    for name, link in tried.items():
        free = zeros().detach().requires_grad_()
        try:
            return name, link, free.detach(), _fit(free, lambda value, link=link: losses(value, link))
        except (Skip, TaskError):
            raise
        except UnboundedError as error:
            reason = error
        except Exception as error:  # noqa: BLE001 (a loss outside of its domain may raise anything)
            reason = error if not isinstance(reason, UnboundedError) or name == "identity" else reason
    if isinstance(reason, _Unusable):
        raise Skip("The loss of a neutral output is not finite, so it cannot serve as a reference.")
    raise reason


def _fit(free: Tensor, losses: Callable[[Tensor], list[Tensor]]) -> list[float]:
    """The losses at their lowest mean, found by L-BFGS from zeros; `free` becomes where it is."""
    optimizer = torch.optim.LBFGS([free], max_iter=FIT_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        found = losses(free)
        mean_of(found)
        loss = torch.stack([one.reshape(()) for one in found]).mean()
        if not loss.requires_grad:
            raise Skip("The loss gives no gradient to the outputs: it seems to be detached or to round them.")
        loss.backward()
        return loss

    start = float(closure().detach())
    slope = free.grad.detach().clone() if free.grad is not None else torch.zeros_like(free)
    if not math.isfinite(start) or not bool(slope.isfinite().all()):
        raise _Unusable
    steepness = float(slope.norm())
    with torch.no_grad():
        near, far = (
            (mean_of(losses(slope * -(length / steepness))) for length in FAR) if steepness > 0 else (start, start)
        )
        if near < start and far < near - UNBOUNDED * (abs(start) + 1.0):
            raise UnboundedError
    optimizer.step(closure)
    with torch.no_grad():
        best = [scalar(one) for one in losses(free)]
        if not sum(best) / len(best) <= start:
            free.zero_()
            best = [scalar(one) for one in losses(free)]
    return best


def floor(task: Task, outputs: Tensor, targets: Any) -> float:
    """The lowest loss that any outputs of this shape can have on these targets, by descent, or at the targets themselves.

    Raises UnboundedError when there is none.
    """
    tried = links([outputs], class_axis(outputs, targets))
    *_, (found,) = lowest(lambda: torch.zeros_like(outputs), lambda free, link: [task.loss(link(free), targets)], tried)
    if isinstance(targets, Tensor) and targets.is_floating_point() and targets.shape == outputs.shape:
        with torch.no_grad():
            exact = scalar(task.loss(targets.to(outputs), targets))
        found = min(found, exact) if math.isfinite(exact) else found
    return found


def _moments(values: list[float]) -> tuple[float, float]:
    """Mean and sample standard deviation; 0 for a single value."""
    mean = sum(values) / len(values)
    return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / max(1, len(values) - 1))


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
