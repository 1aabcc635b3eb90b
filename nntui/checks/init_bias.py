"""skeleton.init_bias: the final bias matches the data.

Symptom: the first steps are spent on learning the mean of the targets: the loss curve begins like a hockey stick.
Test: the mean output of SEEDS untrained networks, fed to the user's own loss as a constant, against the best constant. A gap of
more than SHARE of the best constant's loss is worth a bias. Warns; the loss goes where it must sooner or later.
When it is wrong: a loss near zero at the best constant (targets that hardly vary) makes any gap look large; the gap must
therefore also exceed SIGMAS standard errors.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from nntui.analysis.ticks import format_number
from nntui.checks.guard import Skip, guarded
from nntui.checks.plain import plain
from nntui.checks.references import Batches, UnboundedError, class_axis, reference, sample, scalar, untrained
from nntui.checks.task import Task, tensors
from nntui.finding import Finding

ROW = "skeleton.init_bias"
SHARE = 0.1
SIGMAS = 4.0
LEAST = 5
"""Labels per constant below which the best constants are those of chance."""
SEEDS = 5
"""Untrained networks over which the outputs are averaged: what is left is their bias, and not the luck of the weights."""


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Compare the constant that an untrained network predicts on average with the best constant."""
    batches = sample(task)
    task = plain(task, seed)
    runs = [untrained(task, batches, seed + offset) for offset in range(SEEDS)]
    run = runs[0]
    targets = [target for _, target in batches]
    if not all(math.isfinite(one.loss) for one in runs):
        raise Skip("The loss is not finite: see skeleton.init_loss.")
    _enough(run.outputs[0], targets)
    if _reconstructs(task, batches):
        raise Skip("The targets are the inputs: the outputs have a mean for every place, and no bias sets them all.")
    try:
        known = reference(task, run.outputs, targets, seed)
    except UnboundedError:
        raise Skip("A constant prediction can push the loss down without end: see skeleton.init_loss.") from None
    axis = class_axis(run.outputs[0], targets[0])
    rank = run.outputs[0].dim()
    dims = [d for d in range(rank) if d != axis % rank] if rank > 1 else [0]
    mean = torch.stack([o.mean(dim=dims, keepdim=True) for run in runs for o in run.outputs]).mean(dim=0)
    with torch.no_grad():
        losses = [scalar(task.loss(mean.expand(o.shape).clone(), t)) for o, t in zip(run.outputs, targets, strict=True)]
    measured = sum(losses) / len(losses)
    gap = measured - known.constant
    started = sum(one.loss for one in runs) / SEEDS
    if started < known.constant - SIGMAS * known.error:
        raise Skip(
            f"The network starts below the best constant prediction ({format_number(started)} against "
            f"{format_number(known.constant)}): it knows something already, and its final bias is part of that."
        )
    evidence = {
        "loss_of_the_mean_output": measured,
        "best_constant_loss": known.constant,
        "gap": gap,
        "threshold": SHARE * abs(known.constant),
        "mean_output": mean.flatten().tolist()[:32],
        "best_constant": known.best[:32],
    }
    found = Finding(
        ROW,
        "pass",
        f"The mean output of untrained networks costs {format_number(measured)}, close to the best constant "
        f"({format_number(known.constant)}).",
        expected=known.constant,
        measured=measured,
        tolerance=SHARE * abs(known.constant),
        evidence=evidence,
    )
    if gap <= max(SHARE * abs(known.constant), SIGMAS * known.error):
        return found
    best = ", ".join(format_number(value) for value in known.best[:4]) + (", …" if len(known.best) > 4 else "")
    return replace(
        found,
        status="warn",
        message=f"The mean output of untrained networks costs {format_number(measured)}; the best constant ({best}) costs "
        f"{format_number(known.constant)}.",
        advice=f"Set the bias of the last layer to what the data say: {best} (the mean of the targets, or the log-odds of the "
        "classes). Refute: with that bias the loss of the first steps must begin near the expected one.",
    )


def _reconstructs(task: Task, batches: Batches) -> bool:
    """Whether targets are inputs, as an autoencoder's are."""
    inputs, targets = batches[0]
    alike = isinstance(targets, Tensor) and any(
        t.numel() == targets.numel() and torch.equal(t.reshape(-1).to(targets), targets.reshape(-1))
        for t in tensors(inputs)
    )
    return alike or task.declares("reconstruction")


def _enough(outputs: Tensor, targets: list[Any]) -> None:
    """Raises Skip when there are too few labels to tell what the best constants are."""
    constants = outputs.shape[class_axis(outputs, targets[0])] if outputs.dim() > 1 else 1
    labels = sum(t.numel() for t in targets if isinstance(t, Tensor))
    if 0 < labels < LEAST * constants:
        raise Skip(f"Too few labels ({labels}) to tell the best of {constants} constants.")
