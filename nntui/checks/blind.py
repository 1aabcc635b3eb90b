"""skeleton.blind: the input-independent baseline.

Symptom: a network that does as well without its inputs has not looked at them.
Test: two networks from one seed are trained on the same batches, one with inputs that tell nothing: every number
zero, and whole numbers and masks those of the first example (zero is no length, and no mask). After the same number
of steps the real one must be clearly better than the blind one, and than the best constant prediction under the
task's own loss (which the blind one only comes to with time): the mean paired difference over small batches exceeds
SIGMAS of its standard errors, on batches that neither has seen. Small data are held out in turn, each batch once.
Where held-out batches are too few to tell, those that were trained on are compared, which is said. If the real
outputs do not change at all when the inputs are zeroed, the inputs are ignored, and that is exact. While the time ends
it early, a real run gets a warning only where it knows what it was trained on, and held-out batches do not even hint at
more (HINT); else it may only be slow, and gives no verdict. After all its steps it gets one (a parity task plateaus first).
When it is wrong: inputs that carry nothing about the targets; then it is right.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from nntui.analysis.ticks import format_number
from nntui.checks.experiment import kept, report
from nntui.checks.guard import Skip, guarded
from nntui.checks.plain import plain
from nntui.checks.race import Batch, Pairs, Race, blinded, folds
from nntui.checks.references import BATCHES, Constant, UnboundedError, best_constant, untrained
from nntui.checks.task import Task, mapped, tensors
from nntui.checks.wiring import lost_in
from nntui.finding import Finding

ROW = "skeleton.blind"
LOOKS = {1e-3: (25, 50, 100, 200, 400, 800), 1e-2: (50, 100, 200, 400, 800)}
"""Per rate of Adam, steps after which the two are compared; with the first clear answer it ends."""
SIGMAS = 4.0
SIGN = 3.0
"""Standard errors at the best look from which held-out batches point the right way, and those trained on may tell."""
HINT = 1.0
"""Standard errors at the best look from which the inputs may well bring something, and more time would tell."""
SHARE = 1 / 3
"""Of the time that is left, for each race."""
SETTLED = 50
"""Updates after which outputs that do not change with the inputs at all will not begin to."""
LEAST_STEPS = 100
"""Updates below which a network that is no better may only be slow."""
LEAST_PIECES = 8
"""Held-out batches below which they are too few to tell."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen when the two were compared."""

    race: Race
    pairs: Pairs
    rate: float
    steps: int

    @property
    def clear(self) -> bool:
        return self.pairs.sigmas() > SIGMAS


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Train with and without the inputs, and compare on held-out batches."""
    batches = kept(task)
    if not tensors(batches[0][0]):
        raise Skip("No input is a tensor: it cannot be set to zero.")
    parts = folds(task, batches)
    task = _plain(task, seed)
    constant = _constant(task, seed, batches)
    best: _Look | None = None
    most = 0
    for look in _looks(task, seed, parts, constant, budget):
        most = max(most, look.steps)
        if best is None or look.pairs.sigmas() > best.pairs.sigmas():
            best = look
        if look.clear or (look.steps >= SETTLED and _ignores(task, look.race.real, batches[0][0])):
            break
    assert best is not None  # there is at least one way to hold out, and one look
    where, pairs = "held-out batches", best.pairs
    if not best.clear and (best.pairs.sigmas() >= SIGN or len(pairs.real) < LEAST_PIECES):
        where, pairs = "the batches it was trained on", best.race.compared(parts[0][0], constant)
    ignored = _ignores(task, best.race.real, batches[0][0])
    unheard = [] if ignored else _unheard(task, best.race.real, batches[0][0])
    if unheard:
        return _one_unused(unheard, best, pairs)
    lost = _lost(task, best.race.real, batches[0][0]) if ignored else None
    by_heart = best.pairs.sigmas() < HINT and best.race.compared(parts[0][0], constant).sigmas() > SIGMAS
    told = best.clear or most >= LOOKS[1e-3][-1] or by_heart
    return _verdict(best, most, pairs, where, lost, told=told)


def _looks(
    task: Task, seed: int, parts: list[tuple[list[Batch], list[Batch]]], constant: Constant | None, budget: float
) -> Iterator[_Look]:
    """The comparisons one after the other; those of later parts count with those of earlier ones after as many steps."""
    begun, end = 0, time.perf_counter() + budget
    gathered: dict[tuple[float, int], Pairs] = {}
    for (seen, held_out), rate in itertools.product(parts, LOOKS):
        race = Race(task, seed, seen, rate, SHARE * (end - time.perf_counter()), begun, ROW)
        for look in LOOKS[rate]:
            race.train_to(look)
            pairs = gathered.get((rate, look), Pairs()) + race.compared(held_out, constant)
            gathered[rate, look] = pairs
            report(ROW, begun + race.steps, loss=_mean(pairs.real), blind_loss=_mean(pairs.without))
            yield _Look(race, pairs, rate, race.steps)
            if race.late:
                break
        begun += race.steps


def _verdict(best: _Look, most: int, pairs: Pairs, where: str, lost: str | None, *, told: bool) -> Finding:
    """told: whether the time was enough to tell that the inputs bring nothing."""
    loss, blind = _mean(pairs.real), _mean(pairs.without)
    if not math.isfinite(loss):
        raise Skip(f"The loss is {loss}: see skeleton.init_loss.")
    difference, error = pairs.difference()
    evidence: dict[str, Any] = {
        "loss": loss,
        "blind_loss": blind,
        "blind_network_loss": _mean(pairs.blind),
        "constant_loss": _mean(pairs.constant),
        "difference": difference,
        "standard_error": error,
        "threshold": SIGMAS,
        "where": where,
        "batches": len(pairs.real),
        "held_out_in_standard_errors": best.pairs.sigmas(),
        "steps": best.steps,
        "rate": best.rate,
    }
    numbers: dict[str, Any] = {"expected": f"below {format_number(blind)}", "measured": loss, "evidence": evidence}
    if lost is not None:
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
    if pairs.sigmas() > SIGMAS:
        return Finding(
            ROW,
            "pass",
            f"With its inputs the network reaches {format_number(loss)} on {where} after {best.steps:,} steps, without "
            f"them {format_number(blind)}.",
            **numbers,
        )
    if most < LEAST_STEPS or not told:
        raise Skip(
            f"No answer within the time: {most:,} steps were taken, and the loss is {format_number(loss)} with the inputs and "
            f"{format_number(blind)} without. Give the check more time (budget=)."
        )
    return Finding(
        ROW,
        "warn",
        f"After {best.steps:,} steps the network is no better with its inputs ({format_number(loss)}) than without "
        f"({format_number(blind)}), on {where}.",
        **numbers,
        advice="Most likely labels that do not belong to their inputs (shuffled apart), inputs destroyed on their way, or a task "
        "that begins with a plateau. Refute: give the check more time (budget=); look at inputs and labels side by side.",
    )


def _one_unused(names: list[str], best: _Look, pairs: Pairs) -> Finding:
    """The verdict on a network that leaves one of several inputs out."""
    several = len(names) > 1
    return Finding(
        ROW,
        "warn",
        f"The input{'s' if several else ''} {', '.join(names)} {'are' if several else 'is'} never used: exchanged between "
        "examples, "
        "no output changes.",
        expected="outputs that depend on every input",
        measured=f"{', '.join(names)} ignored",
        advice="Most likely an input that is overwritten, multiplied by zero, or left out in forward(). Refute: the "
        "gradient of the "
        "outputs with respect to this input must not be 0.",
        evidence={"unused_inputs": names, "loss": _mean(pairs.real), "steps": best.steps},
    )


@torch.no_grad()
def _unheard(task: Task, model: nn.Module, inputs: Any) -> list[str]:
    """Names of the inputs among several that no output depends on: exchanged between examples, they change nothing."""
    given = [t for t in tensors(inputs) if t.dim() > task.batch_axis and t.shape[task.batch_axis] > 1]
    if len(given) < 2:
        return []
    model.eval()
    names = {id(t): name for name, t in inputs.items()} if isinstance(inputs, dict) else {}

    def outputs(changed: Any) -> list[Any]:
        torch.manual_seed(0)
        return tensors(
            task.call(model, mapped(inputs, lambda t: torch.roll(t, 1, task.batch_axis) if t is changed else t))
        )

    before = outputs(None)
    found = []
    for place, one in enumerate(given):
        moved = not torch.equal(torch.roll(one, 1, task.batch_axis), one)
        if moved and all(torch.equal(a, b) for a, b in zip(before, outputs(one), strict=True)):
            found.append(f"`{names[id(one)]}`" if id(one) in names else f"number {place}")
    return found


def _plain(task: Task, seed: int) -> Task:
    """The task with one tensor as its outputs, where it has such."""
    try:
        return plain(task, seed)
    except Skip:
        return task


def _constant(task: Task, seed: int, batches: list[Batch]) -> Constant | None:
    """The best constant prediction on these batches; None where there is none, or none for another number of examples."""
    if task.declares("contrastive"):
        return None
    try:
        few = batches[:BATCHES]
        return best_constant(task, untrained(task, few, seed).outputs, [targets for _, targets in few])
    except (Skip, UnboundedError):
        return None


@torch.no_grad()
def _ignores(task: Task, model: nn.Module, inputs: Any) -> bool:
    model.eval()
    one, other = (tensors(task.call(model, given)) for given in (inputs, blinded(task, inputs)))
    return bool(one) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def _lost(task: Task, model: nn.Module, inputs: Any) -> str:
    """The layer in which inputs that tell something become as those that tell nothing; empty when they enter none."""
    return lost_in(lambda given: task.call(model, given), model, inputs, blinded(task, inputs))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
