"""skeleton.capacity: a little more capacity lowers the training loss.

Symptom: a wider model does no better, since something else holds the loss up.
Test: on a sample of the training data, the task's own model and a larger one (task.larger, or two models side by side
whose outputs are added) take as many steps of plain Adam, without dropout. Where the model's own loss is within NEAR
of its floor already, there is nothing left to lower. Else the larger one must be lower by more than SHARE of what is
left, or GAINED of what the model itself has gained.
When it is wrong: a linear model, of which two are one (seen by an exact test, and said); targets that the inputs do
not tell.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import nn

from nntui.analysis.ticks import format_number
from nntui.checks.fitting import Fit, fit, fitted, sample
from nntui.checks.gate import SHARE as GATE_SHARE
from nntui.checks.gate import plain_once
from nntui.checks.guard import Skip, guarded
from nntui.checks.task import Task
from nntui.checks.wiring import affine
from nntui.finding import Finding

ROW = "skeleton.capacity"
SHARE = 0.005
GAINED = 0.1
LEAST_STEPS = 100
TIME = 0.3
"""Share of the budget for the larger one."""


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Compare the fit of a sample with that of a larger model."""
    task = plain_once(task, seed)
    own = fitted(task, seed, GATE_SHARE * budget, ROW)
    evidence: dict[str, Any] = {"floor": own.floor, "loss_at_start": own.start, "loss": own.loss, "steps": own.steps}
    if own.reached:
        return Finding(
            ROW,
            "pass",
            f"The model fits a sample of the training data by itself (loss {format_number(own.loss)}, floor "
            f"{format_number(own.floor)}): capacity is not what holds it up.",
            expected=f"below {format_number(own.loss)}, or at the floor",
            measured=own.loss,
            evidence=evidence,
        )
    if affine(task, task.build(seed), sample(task)[0][0]):
        return Finding(
            ROW,
            "pass",
            f"The model is linear in its inputs, and two of it are one: it stops at {format_number(own.loss)} on the "
            "sample, and only "
            "another kind of model could do better.",
            expected=f"below {format_number(own.loss)}",
            measured=own.loss,
            evidence=evidence | {"linear": True},
        )
    return _compared(task, seed, own, budget, evidence)


def _compared(task: Task, seed: int, own: Fit, budget: float, evidence: dict[str, Any]) -> Finding:
    """The verdict by training a larger model."""
    larger, taught, what = _larger(task)
    found = fit(taught, larger, seed, sample(task), own.floor, own.rate, TIME * budget, ROW, steps=own.steps)
    alone = _at(own, found.steps)
    evidence |= {
        "larger": what,
        "larger_loss": found.loss,
        "loss_after_as_many_steps": alone,
        "steps_compared": found.steps,
    }
    numbers: dict[str, Any] = {
        "expected": f"below {format_number(alone)}",
        "measured": found.loss,
        "evidence": evidence,
    }
    if alone - found.loss > min(SHARE * (alone - own.floor), GAINED * abs(own.start - alone)):
        return Finding(
            ROW,
            "pass",
            f"More capacity lowers the training loss: {what} comes to {format_number(found.loss)} after {found.steps:,} "
            "steps, the "
            f"model itself to {format_number(alone)}.",
            **numbers,
        )
    if found.steps < LEAST_STEPS or not own.stopped:
        raise Skip(
            f"No answer within the time: after {found.steps:,} steps {what} is at {format_number(found.loss)}, the model "
            "itself at "
            f"{format_number(alone)}, and both may still fall. Give the check more time (budget=)."
        )
    return Finding(
        ROW,
        "warn",
        f"More capacity does not lower the training loss: {what} comes to {format_number(found.loss)} after {found.steps:,} "
        "steps, the "
        f"model itself to {format_number(alone)}; the floor is {format_number(own.floor)}.",
        **numbers,
        advice="Most likely the inputs do not tell the targets (labels of other examples, noise), or information is lost "
        "on its way: see "
        "skeleton.blind and skeleton.overfit_batch. Refute: a much larger model must fit this sample.",
    )


def _larger(task: Task) -> tuple[Any, Task, str]:
    """(what makes a larger model from a seed, the task as it calls one, what it is in words)."""
    larger = task.larger
    if larger is not None:

        def build(seed: int) -> nn.Module:
            torch.manual_seed(seed)
            return larger()

        return build, task, "the larger model"

    def call(two: nn.Module, inputs: Any) -> Any:
        return sum(task.call(one, inputs) for one in two.children()) / math.sqrt(2.0)

    def both(seed: int) -> nn.Module:
        return nn.ModuleList([task.build(seed), task.build(seed + 1)])

    return both, dataclasses.replace(task, forward=call), "a model of twice its size"


def _at(own: Fit, steps: int) -> float:
    """The lowest loss of the fit up to so many steps."""
    return min([loss for step, loss in own.curve if step <= steps and math.isfinite(loss)] or [own.start])
