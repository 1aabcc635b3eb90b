"""Why a network cannot learn a batch by heart: what its numbers point to.

Owns naming causes from outputs, targets and the user's own loss. Invariant: a cause is named only where its own mark is seen.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from nntui.analysis.ticks import format_number
from nntui.checks.experiment import is_classification
from nntui.checks.references import class_axis, scalar
from nntui.checks.task import Task, tensors

FAR = 1e4
"""Outputs as sure as these leave nothing of a loss of logits, or as much as they are large."""
CLOSE = 1e-3
"""Share by which two losses may differ that are one."""
LEAST_OUTPUTS = 8
"""Numbers from which outputs held in a range are no chance."""


def broadcast(task: Task, outputs: Tensor, targets: Any) -> bool:
    """Whether shapes differ and one example's gradient changes with another's target: exact, whatever the loss."""
    if not isinstance(targets, Tensor) or not targets.is_floating_point() or targets.shape == outputs.shape:
        return False
    if targets.dim() < 1 or len(targets) < 2 or len(outputs) != len(targets):
        return False
    moved = targets.clone()
    moved[0] += 1.0
    gradients = []
    for given in (targets, moved):
        free = outputs.detach().clone().requires_grad_()
        with torch.enable_grad():
            gradients.append(torch.autograd.grad(task.loss(free, given), free)[0][1:])
    return not torch.equal(*gradients)


def cause_of(inputs: Any, targets: Any, outputs: Tensor, final: Tensor) -> tuple[str, str]:
    """The cause that the numbers point to, and its experiment; empty when they point nowhere.

    outputs: those of the untrained network. final: those after the training that got stuck.
    """
    axis = class_axis(outputs, targets)
    sums = outputs.sum(dim=axis)
    looks_like_probabilities = bool((outputs >= 0).all()) and bool(((sums - 1).abs() < 1e-4).all())
    if is_classification(outputs, targets) and outputs.shape[axis] > 1 and looks_like_probabilities:
        twice = math.log(math.e + outputs.shape[axis] - 1) - 1
        return (
            f"softmax is applied twice: the outputs are probabilities, and cross entropy of them cannot fall below "
            f"{format_number(twice)}",
            "return the last layer's outputs as they are.",
        )
    cut = bool((outputs >= 0).all()) and bool((outputs == 0).any()) and outputs.numel() >= LEAST_OUTPUTS
    if is_classification(outputs, targets) and cut:
        return (
            "an activation cuts the outputs below 0 off, as a ReLU after the last layer does, and no gradient passes there",
            "return the last layer's outputs as they are.",
        )
    if (reach := _out_of_reach(targets, final)) != "":
        return (reach, "return the last layer's outputs as they are, or scale the targets into their range.")
    if (
        bool((outputs >= 0).all())
        and bool((outputs <= 1).all())
        and outputs.is_floating_point()
        and outputs.numel() > 1
    ):
        return (
            "the outputs lie between 0 and 1, as after a sigmoid, and the loss applies another",
            "return the last layer's outputs as they are.",
        )
    if _contradict(inputs, targets):
        return ("equal inputs carry different labels in this batch", "look at the examples of the batch side by side.")
    return ("", "")


def squashed(task: Task, outputs: Tensor, targets: Any) -> str:
    """Which of softmax and sigmoid the loss applies twice by itself; empty when neither.

    Exact: of outputs that are surely right, and of outputs that are surely wrong, cross entropy of probabilities that it takes
    for logits has one value each, ln(e + K - 1) - 1 and ln(1 + (K - 1) e^(1 / (K - 1))) for K classes.
    """
    if not isinstance(targets, Tensor):
        return ""
    if is_classification(outputs, targets):
        axis = class_axis(outputs, targets)
        count = outputs.shape[axis]
        marks = nn.functional.one_hot(targets.clamp(0, count - 1), count).movedim(-1, axis).to(outputs)
        right, wrong = math.log(math.e + count - 1) - 1, math.log(1 + (count - 1) * math.exp(1 / max(1, count - 1)))
        name = "softmax"
    elif targets.shape == outputs.shape and bool(((targets == 0) | (targets == 1)).all()):
        marks, name = 2 * targets.to(outputs) - 1, "sigmoid"
        share = float(targets.float().mean())
        right = share * math.log1p(math.exp(-1)) + (1 - share) * math.log(2)
        wrong = share * math.log(2) + (1 - share) * math.log1p(math.e)
    else:
        return ""
    found = _losses(task, targets, FAR * marks, -FAR * marks)
    twice = all(abs(one - other) < CLOSE * other for one, other in zip(found, (right, wrong), strict=True))
    return name if twice else ""


def without_log(task: Task, outputs: Tensor, targets: Any) -> bool:
    """Whether the loss is minus the right class's probability: exact, by what it gives where that is 1 and where it is 0."""
    if not isinstance(targets, Tensor) or not is_classification(outputs, targets) or bool((targets < 0).any()):
        return False
    axis = class_axis(outputs, targets)
    right = nn.functional.one_hot(targets, outputs.shape[axis]).movedim(-1, axis).to(outputs)
    probabilities = bool((outputs >= 0).all()) and bool(((outputs.sum(dim=axis) - 1).abs() < CLOSE).all())
    size = 1.0 if probabilities else FAR
    found = _losses(task, targets, size * right, size * (1 - right))
    return abs(found[0] + 1) < CLOSE and abs(found[1]) < CLOSE


def _losses(task: Task, targets: Any, *outputs: Tensor) -> list[float]:
    """The losses of outputs; NaN where the loss does not take such."""
    try:
        with torch.no_grad():
            return [scalar(task.loss(given, targets)) for given in outputs]
    except Exception:  # noqa: BLE001 (a loss outside of its domain may raise anything)
        return [math.nan] * len(outputs)


def _out_of_reach(targets: Any, outputs: Tensor) -> str:
    """The range that the outputs seem to be held in when targets lie outside of it; empty when none do."""
    if not isinstance(targets, Tensor) or not targets.is_floating_point() or outputs.numel() < LEAST_OUTPUTS:
        return ""
    low, high = float(targets.min()), float(targets.max())
    if bool((outputs >= 0).all()) and bool((outputs == 0).any()) and low < 0:
        return f"an activation that cuts outputs below 0 off, where targets go down to {format_number(low)}"
    if bool((outputs.abs() <= 1).all()) and bool((outputs.abs() > 0.999).any()) and max(-low, high) > 1:
        return f"a tanh holds the outputs within -1 and 1, where targets reach {format_number(max(-low, high))}"
    return ""


def _contradict(inputs: Any, targets: Any) -> bool:
    parts = [t for t in tensors(inputs) if t.dim() > 0]
    if not parts or not isinstance(targets, Tensor) or targets.dim() < 1:
        return False
    flat = [t.reshape(t.shape[0], -1) for t in parts]
    count = min(len(t) for t in flat)
    for i in range(count):
        for j in range(i):
            if all(torch.equal(t[i], t[j]) for t in flat) and not torch.equal(targets[i], targets[j]):
                return True
    return False
