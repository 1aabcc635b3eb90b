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
import time
from typing import Any

import torch
from torch import Tensor, nn

from nntui.analysis.ticks import format_number
from nntui.checks.experiment import Training, cycled, deadline, kept, report, without_dropout
from nntui.checks.guard import Skip, guarded
from nntui.checks.references import scalar
from nntui.checks.task import Task, mapped, tensors
from nntui.checks.wiring import lost_in
from nntui.finding import Finding

ROW = "skeleton.blind"
LOOKS = {1e-3: (25, 50, 100, 200, 400, 800), 1e-2: (50, 100, 200, 400, 800)}
"""Per rate of Adam, steps after which the two are compared; with the first clear answer it ends."""
SIGMAS = 4.0
HELD_OUT = 0.25

Batch = tuple[Any, Any]
"""Inputs and targets."""


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Train with and without the inputs, and compare on held-out batches."""
    seen, held_out = _split(kept(task))
    if not tensors(held_out[0][0]):
        raise Skip("No input is a tensor: it cannot be set to zero.")
    first, *others = LOOKS
    race = _Race(task, seed, seen, first, budget / len(LOOKS), 0)
    found = race.run(held_out)
    for rate in others:
        if not found["clear"]:
            race = _Race(task, seed, seen, rate, budget / len(LOOKS), race.steps)
            found = race.run(held_out)
    where = "held-out batches"
    if not found["clear"]:
        where, found = "the batches it was trained on", _compare(task, *race.models, seen)
    evidence: dict[str, Any] = {
        **found,
        "where": where,
        "steps": race.real.steps,
        "rate": race.rate,
        "held_out_batches": len(held_out),
        "threshold": SIGMAS,
    }
    model, inputs = race.models[0], held_out[0][0]
    ignored = _ignores(task, model, inputs)
    return _verdict(evidence, ignored, _lost(task, model, inputs) if ignored else "")


class _Race:
    """Two networks from one seed, one with its inputs and one without, trained alike."""

    def __init__(self, task: Task, seed: int, data: list[Batch], rate: float, budget: float, begun: int) -> None:
        """budget: seconds for both. begun: steps of races before, for those who watch."""
        self.models = (without_dropout(task.build(seed)), without_dropout(task.build(seed)))
        zeroed = [(_blinded(task, inputs), targets) for inputs, targets in data]
        self.real, self._blind = (
            Training(task, m, cycled(d), lr=rate) for m, d in zip(self.models, (data, zeroed), strict=True)
        )
        self.rate = rate
        self._task, self._begun = task, begun
        self._left = budget / 2  # the blind one takes as long again

    @property
    def steps(self) -> int:
        """Steps of this race and of those before."""
        return self._begun + self.real.steps

    def run(self, held_out: list[Batch]) -> dict[str, Any]:
        """Train until a look at held-out batches is clear, or the time or the looks are over; what was seen last."""
        found: dict[str, Any] = {}
        for look in LOOKS[self.rate]:
            self._train_to(look)
            self._blind.go_on(lambda step, _: step >= self.real.steps)
            found = _compare(self._task, *self.models, held_out)
            report(ROW, self.steps, loss=found["loss"], blind_loss=found["blind_loss"])
            if found["clear"] or self._left <= 0:
                break
        return found

    def _train_to(self, look: int) -> None:
        late, begun = deadline(self._left), time.perf_counter()

        def until(step: int, loss: float) -> bool:
            report(ROW, self._begun + step, training_loss=loss)
            return step >= look or late()

        self.real.go_on(until)
        self._left -= time.perf_counter() - begun


def _verdict(evidence: dict[str, Any], ignored: bool, lost: str) -> Finding:
    loss, blind = evidence["loss"], evidence["blind_loss"]
    numbers: dict[str, Any] = {"expected": f"below {format_number(blind)}", "measured": loss, "evidence": evidence}
    if ignored:
        return Finding(
            ROW,
            "fail",
            "The outputs do not change when the inputs are set to zero: the inputs are ignored"
            + (f"; they are lost in {lost}." if lost else ", before they reach a layer."),
            **numbers,
            advice=(
                f"Most likely dead units or weights of zero in {lost}: different inputs enter it, and the same comes out."
                if lost
                else "Most likely an input that is overwritten, multiplied by zero, or never used."
            )
            + " Refute: print the gradient of the outputs with respect to the inputs.",
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


def _split(batches: list[Batch]) -> tuple[list[Batch], list[Batch]]:
    count = max(2, math.ceil(HELD_OUT * len(batches)))
    if len(batches) < 2 * count:
        raise Skip(f"Only {len(batches)} training batches; {2 * count} are needed to hold some out.")
    return batches[:-count], batches[-count:]


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
def _losses(task: Task, model: nn.Module, batches: list[Batch], *, zero: bool = False) -> list[float]:
    model.eval()
    losses = [scalar(task.loss(task.call(model, _blinded(task, i) if zero else i), t)) for i, t in batches]
    without_dropout(model)
    return losses


def _compare(task: Task, real: nn.Module, blind: nn.Module, batches: list[Batch]) -> dict[str, Any]:
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


def _lost(task: Task, model: nn.Module, inputs: Any) -> str:
    """The layer in which inputs that tell something become as those that tell nothing; empty when they enter none."""
    return lost_in(lambda given: task.call(model, given), model, inputs, _blinded(task, inputs))
