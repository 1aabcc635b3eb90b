"""overfit.adam: the user's own optimizer learns, as plain Adam does.

Symptom: a rate, a weight decay or a dropout that drowns the signal, in a run that looks like a hard problem.
Test by experiment: two networks from one seed take STEPS updates on the same batches, one with the task's own
optimizer, schedule and dropout, one with plain Adam and none. Where plain Adam comes on clearly and the user's own
comes to less than LITTLE of that (or what it does, drawn on for the planned updates, would), one thing after the
other is changed in the user's: no weight decay, no dropout, no momentum, smaller rates, larger rates; the first that
heals is named as the cause. A weight decay or a dropout without which the gain is more than twice as large is told in
any case, and so is a rate of which a hundredth gains twice as much. Fails for a loss that is no number; warns else.
Not for a rate that is only smaller than Adam's: what is slow now may be right for a long training.
When it is wrong: an optimizer made for a phase that begins later.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from nntui.analysis.ticks import format_number
from nntui.checks.experiment import cycled, kept, report, without_dropout
from nntui.checks.fitting import mean_loss
from nntui.checks.guard import Skip, guarded
from nntui.checks.optimizers import optimizers
from nntui.checks.references import scalar
from nntui.checks.task import Task, TaskError
from nntui.finding import Finding

ROW = "overfit.adam"
STEPS = 150
SAMPLE = 8
"""Batches whose loss is compared."""
LITTLE = 0.1
"""Share of plain Adam's gain below which the user's optimizer does not learn."""
HEALED = 0.5
PLANNED = 10_000
"""Updates that a training of unknown length is given."""
CLEAR = 0.05
"""Share of its start by which plain Adam must lower the loss to tell anything."""
Change = Callable[[nn.Module, list[torch.optim.Optimizer]], bool]


@dataclass(frozen=True, slots=True)
class _Outcome:
    start: float
    end: float
    steps: int

    @property
    def gain(self) -> float:
        return self.start - self.end


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Train with the user's optimizer and with plain Adam, and compare."""
    if task.optimizer is None:
        return Finding(
            ROW, "pass", "No optimizer was given: Adam, 3e-4, by default.", expected="learns", measured="the default"
        )
    end = time.perf_counter() + budget
    batches = kept(task)
    own = _trained(task, seed, batches, budget / 5)
    far = own.steps if math.isfinite(own.end) else STEPS
    plain = _trained(task, seed, batches, budget / 5, most=far, adam=True)
    evidence: dict[str, Any] = {
        "loss_at_start": plain.start,
        "loss": own.end,
        "loss_of_plain_adam": plain.end,
        "steps": own.steps,
    }
    if not plain.gain > CLEAR * abs(plain.start):
        raise Skip("Plain Adam does not lower the loss within a few updates either: nothing can be compared.")
    share = own.gain / plain.gain
    evidence["share_of_the_gain"] = share
    least = LITTLE / max(1.0, (task.steps or PLANNED) / max(1, own.steps))
    numbers: dict[str, Any] = {
        "expected": f"below {format_number(own.start - least * plain.gain)}",
        "measured": own.end,
        "evidence": evidence,
    }
    drowned = _drowned(task, seed, batches, own, share) if math.isfinite(own.end) else ""
    if not drowned and share < HEALED and math.isfinite(own.end) and _too_high(task, seed, batches, own, plain):
        drowned = SMALLER
    if drowned:
        numbers["expected"] = f"about {format_number(plain.end)}"
    if math.isfinite(own.end) and share > least and not drowned:
        return Finding(
            ROW,
            "pass",
            f"The task's own optimizer learns: loss {format_number(own.end)} after {own.steps:,} updates, from "
            f"{format_number(own.start)} "
            f"(plain Adam: {format_number(plain.end)}).",
            **numbers,
        )
    named = _named(drowned) if drowned else _cause(task, seed, batches, plain, own, end)
    evidence["healed_by"] = named[0]
    return Finding(
        ROW,
        "fail" if not math.isfinite(own.end) else "warn",
        f"With the task's own optimizer the loss goes from {format_number(own.start)} to {format_number(own.end)} in "
        f"{own.steps:,} "
        f"updates, with plain Adam to {format_number(plain.end)}"
        + (f"; with {named[0]} it learns." if named[0] else "."),
        **numbers,
        advice=f"Most likely {named[1]}",
    )


def _drowned(task: Task, seed: int, batches: list[tuple[Any, Any]], own: _Outcome, share: float) -> str:
    """What holds more than half of the gain down (REGULARISERS), where plain Adam gains twice as much; else empty."""
    if share >= HEALED:
        return ""
    for name, (_, change) in REGULARISERS.items():
        outcome = _trained(task, seed, batches, 2.0, most=own.steps, change=change)
        if outcome is not _UNCHANGED and outcome.steps == own.steps and HEALED * outcome.gain > max(own.gain, 0.0):
            return name
    return ""


def _too_high(task: Task, seed: int, batches: list[tuple[Any, Any]], own: _Outcome, plain: _Outcome) -> bool:
    """Whether a hundredth of the rate gains twice as much, and half of what plain Adam does."""
    outcome = _trained(task, seed, batches, 2.0, most=own.steps, change=_scaled(0.01))
    return outcome.steps == own.steps and HEALED * outcome.gain > max(own.gain, HEALED**2 * plain.gain)


def _named(name: str) -> tuple[str, str]:
    if name == SMALLER:
        return name, "a rate that is far too high. Refute: with a hundredth of it the loss must not fall faster."
    return name, f"{REGULARISERS[name][0]}. Refute: with {name} the loss must not fall faster."


def _cause(
    task: Task, seed: int, batches: list[tuple[Any, Any]], plain: _Outcome, own: _Outcome, end: float
) -> tuple[str, str]:
    """(the change that heals, the cause and its experiment in words)."""
    worse = not math.isfinite(own.end) or own.end > own.start
    scales = tuple(10.0**-k for k in range(1, 9)) if worse else tuple(10.0**k for k in range(1, 9))
    tried: list[tuple[str, str, Change]] = [
        *((name, cause, change) for name, (cause, change) in REGULARISERS.items()),
        ("less momentum", "a momentum so close to 1 that it swings", _set("momentum", 0.9)),
    ]
    for scale in scales:
        many = f"{1 / scale:g} times smaller" if worse else f"{scale:g} times larger"
        tried.append((f"a rate {many}", f"a rate that is far too {'high' if worse else 'low'}", _scaled(scale)))
    for name, cause, change in tried:
        if time.perf_counter() > end:
            break
        outcome = _trained(task, seed, batches, 1.0, most=max(own.steps, plain.steps), change=change)
        if outcome is not _UNCHANGED and math.isfinite(outcome.end) and outcome.gain > HEALED * plain.gain:
            return name, f"{cause}. Refute: with {name} the loss must not fall either."
    if task.schedule is not None:
        return "", "a schedule that holds the rate down: see overfit.lr_decay. Refute: leave the schedule out."
    words = "an optimizer that does not hold what matters, or a rate far from any usual one: see skeleton.layers"
    return "", f"{words}. Refute: torch.optim.Adam(model.parameters(), 1e-3) must do no better."


_UNCHANGED = _Outcome(math.nan, math.nan, 0)


def _trained(
    task: Task,
    seed: int,
    batches: list[tuple[Any, Any]],
    budget: float,
    *,
    most: int = STEPS,
    adam: bool = False,
    change: Change | None = None,
) -> _Outcome:
    """Updates of a fresh model; `_UNCHANGED` where there is nothing that `change` could change."""
    model = task.build(seed)
    model = without_dropout(model) if adam else model.train()
    held: list[torch.optim.Optimizer] = optimizers(task, model)
    schedule = task.schedule(held[0] if len(held) == 1 else held) if task.schedule and not adam else None  # pyright: ignore[reportArgumentType]
    if adam:
        held = [torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)]
    if change is not None and not change(model, held):
        return _UNCHANGED
    few = batches[:SAMPLE]
    start = _measured(task, model, few)
    end = time.perf_counter() + budget
    steps, loss_now = 0, start
    for inputs, targets in cycled(batches):
        if steps >= most or time.perf_counter() > end:
            break
        loss = task.loss(task.call(model, inputs), targets)
        loss_now = scalar(loss)
        if not math.isfinite(loss_now):
            return _Outcome(start, loss_now, steps)
        if not loss.requires_grad:
            raise TaskError("the loss has no gradient; expected one through the outputs.")
        for one in held:
            one.zero_grad(set_to_none=True)
        loss.backward()
        for one in held:
            _stepped(one)
        _scheduled(schedule)
        steps += 1
        report(ROW, steps, loss=loss_now)
    return _Outcome(start, _measured(task, model, few), steps)


def _stepped(optimizer: torch.optim.Optimizer) -> None:
    """One update. Raises Skip for an optimizer that has to evaluate the loss itself."""
    try:
        optimizer.step()
    except TypeError as error:
        if "closure" in str(error):
            raise Skip(
                f"{type(optimizer).__name__} evaluates the loss by itself (a closure): it is not compared."
            ) from None
        raise


def _scheduled(schedule: Any) -> None:
    if schedule is None or isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule.step()


def _measured(task: Task, model: nn.Module, batches: list[tuple[Any, Any]]) -> float:
    """Mean loss without dropout; the modes are put back."""
    modes = [(m, m.training) for m in model.modules()]
    found = mean_loss(task, without_dropout(model), batches)
    for module, mode in modes:
        module.training = mode
    return found


def _set(name: str, value: float) -> Change:
    """A change of one setting in every group; there is none to make where it is there already."""

    def change(model: nn.Module, held: list[torch.optim.Optimizer]) -> bool:
        groups = [g for one in held for g in one.param_groups if name in g and float(g[name]) > value]
        for group in groups:
            group[name] = value
        return bool(groups)

    return change


def _scaled(scale: float) -> Change:
    def change(model: nn.Module, held: list[torch.optim.Optimizer]) -> bool:
        for one in held:
            for group in one.param_groups:
                group["lr"] = float(group["lr"]) * scale
        return True

    return change


def _no_dropout(model: nn.Module, held: list[torch.optim.Optimizer]) -> bool:
    layers = [m for m in model.modules() if isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0]
    for layer in layers:
        layer.p = 0.0
    return bool(layers)


REGULARISERS: dict[str, tuple[str, Change]] = {
    "no weight decay": ("a weight decay that outweighs the gradient", _set("weight_decay", 0.0)),
    "no dropout": ("a dropout that leaves too little of the signal", _no_dropout),
}
"""What may drown the signal: the cause in words, and the change that takes it away."""
SMALLER = "a rate 100 times smaller"
