"""overfit.gate: the model can fit more than a handful of examples, so that regularising is worth beginning.

Symptom: dropout, augmentation and weight decay are tried on a model that never had the capacity to overfit.
Test: the task's own model, without dropout and with plain Adam, is trained on a sample of a few hundred examples
until all but NEAR of the way from the start to the floor of its own loss is gone, or it stops falling. The floor is
that of free outputs, so label smoothing has one of its own.
When it is wrong: equal inputs with different targets cannot be fitted by any model; a small model that is meant to be
one.
"""

from __future__ import annotations

from typing import Any

import torch

from nntui.analysis.ticks import format_number
from nntui.checks.dataset import shared
from nntui.checks.fitting import NEAR, fitted, sample
from nntui.checks.guard import Skip, guarded
from nntui.checks.plain import plain
from nntui.checks.task import Task
from nntui.finding import Finding

ROW = "overfit.gate"
HALF = 0.5
"""Share of the way left above which a model that has stopped is too small beyond doubt."""
LARGE = 1000.0
"""Times the spread of the outputs from which the spread of the targets is out of Adam's usual reach."""
SHARE = 0.4
"""Of the budget."""


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Fit a sample of the training data."""
    task = plain_once(task, seed)
    found = fitted(task, seed, SHARE * budget, ROW)
    evidence: dict[str, Any] = {
        "loss_at_start": found.start,
        "floor": found.floor,
        "loss": found.loss,
        "left": found.left,
        "steps": found.steps,
        "rate": found.rate,
        "curve": [[step, loss] for step, loss in found.curve[:: max(1, len(found.curve) // 50)]],
    }
    limit = found.floor + NEAR * (found.start - found.floor)
    numbers: dict[str, Any] = {
        "expected": f"at most {format_number(limit)}",
        "measured": found.loss,
        "evidence": evidence,
    }
    if not found.start > found.floor:
        raise Skip("The untrained loss is at its floor already: there is nothing to fit.")
    if found.reached:
        return Finding(
            ROW,
            "pass",
            f"A sample of the training data is fitted in {found.steps:,} steps: loss {format_number(found.loss)}, floor "
            f"{format_number(found.floor)}. The model is large enough to begin regularising.",
            **numbers,
        )
    if not found.stopped:
        raise Skip(
            f"No answer within the time: the loss on the sample was still falling after {found.steps:,} steps, at "
            f"{format_number(found.loss)} (floor {format_number(found.floor)}). Give the check more time (budget=)."
        )
    scale = _scale_of_targets(task, seed)
    if found.left < HALF:
        return Finding(
            ROW,
            "pass",
            f"A sample of the training data is fitted to {1 - found.left:.0%}: loss {format_number(found.loss)}, floor "
            f"{format_number(found.floor)}. More capacity would fit it better.",
            **numbers,
            advice="Right where targets are noisy. Else a wider or deeper model, or longer training. Refute: "
            "skeleton.capacity must say "
            "that more capacity brings nothing.",
        )
    return Finding(
        ROW,
        "warn",
        f"The model stops at {format_number(found.loss)} on a sample of the training data, {1 - found.left:.0%} of the way "
        "to the floor "
        f"of {format_number(found.floor)}: it is too early to regularise.",
        **numbers,
        advice=f"Most likely {scale or _SMALL}. Refute: a wider model must come closer; if it does not, look at inputs and "
        "targets side by side.",
    )


_SMALL = "too little capacity for the task, inputs that do not tell the targets, or one of the faults above"


@torch.no_grad()
def _scale_of_targets(task: Task, seed: int) -> str:
    """The cause in words where targets vary far more than untrained outputs do; else empty."""
    inputs, targets = sample(task)[0]
    if not isinstance(targets, torch.Tensor) or not targets.is_floating_point() or targets.numel() < 2:
        return ""
    outputs, aimed = task.call(task.build(seed), inputs), float(targets.double().std())
    spread = float(outputs.double().std())
    if not aimed > LARGE * spread:
        return ""
    return (
        f"targets that are not scaled (a spread of {format_number(aimed)}, where the untrained outputs have "
        f"{format_number(spread)}): divide them by their standard deviation"
    )


def plain_once(task: Task, seed: int) -> Task:
    """The task with one tensor as its outputs, the same object for every check of a pre-flight."""
    return shared(("plain", id(task), seed), lambda: plain(task, seed))
