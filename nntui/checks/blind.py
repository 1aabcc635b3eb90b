"""skeleton.blind: the input-independent baseline.

Symptom: a network that does as well without its inputs has not looked at them.
Test: two networks from one seed are trained on the same batches, one with inputs that tell nothing: every number zero, and
whole numbers and masks those of the first example (zero is no length, and no mask). After the same number of
steps the real one must be clearly better: the mean paired difference over batches exceeds SIGMAS of its standard errors, on
batches that neither has seen or, failing that, on those they were trained on (which is said). If the real outputs do not
change at all when the inputs are zeroed, the inputs are ignored, and that is exact. A real run that has not moved yet gives no
verdict but a warning (a parity task plateaus first).
When it is wrong: inputs that carry nothing about the targets; then it is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nntui.analysis.ticks import format_number
from nntui.checks.experiment import cycled, deadline, fit, kept, without_dropout
from nntui.checks.guard import Skip, guarded
from nntui.checks.references import scalar
from nntui.checks.task import Task, mapped, tensors
from nntui.finding import Finding

ROW = "skeleton.blind"
STEPS = 300
"""Steps between two looks."""
LOOKS = 6
SIGMAS = 4.0
HELD_OUT = 0.25


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Train with and without the inputs, and compare on held-out batches."""
    seen, held_out = _split(kept(task))
    if not tensors(held_out[0][0]):
        raise Skip("No input is a tensor: it cannot be set to zero.")
    real, blind = (without_dropout(task.build(seed)) for _ in range(2))
    late = deadline(budget)
    zeroed = [(_blinded(task, inputs), targets) for inputs, targets in seen]
    steps = 0
    while True:
        taken = _train(task, real, seen, lambda step: step >= STEPS or late())
        _train(task, blind, zeroed, lambda step, taken=taken: step >= taken)  # as many, however late
        steps += taken
        found = _compare(task, real, blind, held_out)
        if found["clear"] or late() or steps >= LOOKS * STEPS:
            break
    where = "held-out batches"
    if not found["clear"]:
        where, found = "the batches it was trained on", _compare(task, real, blind, seen)
    ignored = _ignores(task, real, held_out[0][0])
    evidence: dict[str, Any] = {
        **found,
        "where": where,
        "steps": steps,
        "held_out_batches": len(held_out),
        "threshold": SIGMAS,
    }
    return _verdict(evidence, ignored)


def _verdict(evidence: dict[str, Any], ignored: bool) -> Finding:
    loss, blind = evidence["loss"], evidence["blind_loss"]
    numbers: dict[str, Any] = {"expected": f"below {format_number(blind)}", "measured": loss, "evidence": evidence}
    if ignored:
        return Finding(
            ROW,
            "fail",
            "The outputs do not change when the inputs are set to zero: the inputs are ignored.",
            **numbers,
            advice="Look for an input that is overwritten, multiplied by zero or never used, and for units that are dead "
            "from the first layer on. Refute: print the gradient of the outputs with respect to the inputs.",
        )
    if evidence["clear"]:
        return Finding(
            ROW,
            "pass",
            f"With its inputs the network reaches {format_number(loss)} on {evidence['where']} after {evidence['steps']:,} "
            f"steps, without them {format_number(blind)}.",
            **numbers,
        )
    return Finding(
        ROW,
        "warn",
        f"After {evidence['steps']:,} steps the network is no better with its inputs ({format_number(loss)}) than without "
        f"({format_number(blind)}).",
        **numbers,
        advice="Most likely labels that do not belong to their inputs (shuffled apart), inputs destroyed on their way, or a task "
        "that begins with a plateau. Refute: give the check more time (budget=); look at inputs and labels side by side.",
    )


def _split(batches: list[tuple[Any, Any]]) -> tuple[list[tuple[Any, Any]], list[tuple[Any, Any]]]:
    count = max(2, math.ceil(HELD_OUT * len(batches)))
    if len(batches) < 2 * count:
        raise Skip(f"Only {len(batches)} training batches; {2 * count} are needed to hold some out.")
    return batches[:-count], batches[-count:]


def _train(task: Task, model: nn.Module, batches: list[tuple[Any, Any]], enough: Callable[[int], bool]) -> int:
    """Train until it is enough; the steps taken."""
    taken = 0

    def until(step: int, _: float) -> bool:
        nonlocal taken
        taken = step
        return enough(step)

    fit(task, model, cycled(batches), until)
    return taken


def _blinded(task: Task, inputs: Any) -> Any:
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
def _losses(task: Task, model: nn.Module, batches: list[tuple[Any, Any]], *, zero: bool = False) -> list[float]:
    model.eval()
    losses = [scalar(task.loss(task.call(model, _blinded(task, i) if zero else i), t)) for i, t in batches]
    without_dropout(model)
    return losses


def _compare(task: Task, real: nn.Module, blind: nn.Module, batches: list[tuple[Any, Any]]) -> dict[str, Any]:
    losses, blind_losses = _losses(task, real, batches), _losses(task, blind, batches, zero=True)
    difference, error = _paired(losses, blind_losses)
    return {
        "loss": sum(losses) / len(losses),
        "blind_loss": sum(blind_losses) / len(blind_losses),
        "difference": difference,
        "standard_error": error,
        "clear": difference > SIGMAS * error,
    }


def _paired(losses: list[float], blind: list[float]) -> tuple[float, float]:
    """Mean of blind - real over batches, and its standard error."""
    gaps = [b - a for a, b in zip(losses, blind, strict=True)]
    mean = sum(gaps) / len(gaps)
    variance = sum((g - mean) ** 2 for g in gaps) / (len(gaps) - 1)
    return mean, math.sqrt(variance / len(gaps))


@torch.no_grad()
def _ignores(task: Task, model: nn.Module, inputs: Any) -> bool:
    model.eval()
    one, other = (tensors(task.call(model, given)) for given in (inputs, _blinded(task, inputs)))
    return bool(one) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
