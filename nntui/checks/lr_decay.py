"""overfit.lr_decay: the learning rate does not end the training before its time.

Symptom: a loss that stops falling where the schedule stopped it, and looks like one that has converged.
Test: the user's own optimizer and schedule are run dry over the planned updates, with no gradient. The rate must not
fall below GONE of its peak before half of the updates are over, must reach its peak before LATE of them, and must
move at all; a schedule that knows its own length must have about that of the training. Rates of zero throughout, or
so far below their peak for good, train nothing. What counts batches as epochs (StepLR(30) stepped per update,
CosineAnnealingLR(T_max=epochs)) shows as a rate that is gone, or returns to its peak again and again, early.
Without a planned number of updates (task.steps), UPDATES are taken for the training, and only what is gone within
them is told.
When it is wrong: warm restarts, which come back within a few times the length of a wave; they are left alone.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch

from nntui.analysis.ticks import format_number
from nntui.checks.guard import Skip, guarded
from nntui.checks.optimizers import optimizers
from nntui.checks.task import Task
from nntui.finding import Finding

ROW = "overfit.lr_decay"
GONE = 0.01
LATE = 0.9
"""Share of the updates from which on a peak comes too late."""
UPDATES = 1000
MOST = 20_000
"""Updates run dry; longer trainings are looked at with a stretched step."""
LONGER = 2
"""Times the planned updates from which on a schedule is made for another training."""
WAVES = 4
"""Returns to the peak within the training from which a schedule of single wave counts something else."""


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Run the schedule dry."""
    if task.schedule is None:
        return Finding(
            ROW, "pass", "The rate is constant: no schedule was given.", expected="no early end", measured="constant"
        )
    planned = task.steps or UPDATES
    rates = dry_run(task, seed, min(planned, MOST))
    peak = max(rates)
    evidence: dict[str, Any] = {
        "planned": task.steps,
        "looked_at": len(rates),
        "first": rates[0],
        "peak": peak,
        "peak_at": rates.index(peak),
        "last": rates[-1],
        "rates": rates[:: max(1, len(rates) // 100)],
    }
    numbers: dict[str, Any] = {"expected": f"above {GONE:.0%} of the peak until half time", "evidence": evidence}
    if not math.isfinite(peak) or peak <= 0:
        return _warned("The rate is 0 from the first update to the last: nothing is trained", 0.0, _ZERO, numbers)
    half = len(rates) // 2
    gone = next((k for k in range(rates.index(peak), len(rates)) if max(rates[k:]) < GONE * peak), -1)
    if 0 <= gone < half:
        share = f"{gone / len(rates):.0%} of the {planned:,} planned updates" if task.steps else f"{gone:,} updates"
        return _warned(
            f"After {share} the rate is below {GONE:.0%} of its peak for good ({format_number(rates[gone])} of "
            f"{format_number(peak)})",
            gone,
            _EARLY,
            numbers,
        )
    if task.steps and rates.index(peak) >= LATE * len(rates) and max(rates[0], rates[half] / 2) < 0.5 * peak:
        return _warned(
            f"The rate still rises when the {planned:,} planned updates end ({format_number(rates[half])} at half time, then "
            f"{format_number(peak)})",
            rates[half],
            "a warm-up that counts epochs where updates are meant, or is longer than the training. Refute: print the rate "
            "at half time.",
            numbers,
        )
    if (longer := _made_for_another(task, seed, planned, numbers)) is not None:
        return longer
    waves = _waves(rates, peak)
    evidence["returns_to_the_peak"] = waves
    if waves >= WAVES and type_of(task, seed) == "CosineAnnealingLR":
        return _warned(
            f"The rate falls to its end and comes back {waves} times: the schedule is over after {_wave(rates, peak):,} updates",
            waves,
            "a T_max in epochs while the schedule is stepped per update. Refute: T_max must be the number of updates.",
            numbers,
        )
    return Finding(
        ROW,
        "pass",
        f"The rate goes from {format_number(rates[0])} over {format_number(peak)} to {format_number(rates[-1])} in "
        f"{planned:,} updates" + ("." if task.steps else " (the length of the training is not known)."),
        measured=rates[half] / peak,
        **numbers,
    )


def _made_for_another(task: Task, seed: int, planned: int, numbers: dict[str, Any]) -> Finding | None:
    """The finding where a schedule knows its own length, and that is not this training's."""
    meant = int(getattr(_made(task, seed)[0], "total_steps", 0) or 0)
    if task.steps and meant > LONGER * planned:
        return _warned(
            f"The schedule is made for {meant:,} updates; the {planned:,} planned ones end after {planned / meant:.1%} of it",
            planned,
            "a schedule that was given the steps of another training (total_steps), or is stepped too rarely. Refute: "
            "total_steps must be the number of updates.",
            numbers,
        )
    return None


_ZERO = (
    "a rate or a warm-up factor that starts at 0 and is never stepped up. Refute: print the optimizer's lr after the first few "
    "updates."
)
_EARLY = (
    "a schedule that counts batches as epochs (milestones or T_max in epochs, stepped per update), or decays per update "
    "what was meant "
    "per epoch. Refute: print the rate at half time; it must be a sizeable part of the peak."
)


def _warned(words: str, measured: float, cause: str, numbers: dict[str, Any]) -> Finding:
    return Finding(ROW, "warn", f"{words}.", measured=measured, advice=f"Most likely {cause}", **numbers)


def dry_run(task: Task, seed: int, updates: int) -> list[float]:
    """The largest rate of any group at each update, (updates,), with no gradient.

    Raises Skip for a schedule that needs a metric.
    """
    schedule, held = _made(task, seed)
    if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
        raise Skip("The schedule waits for a metric (ReduceLROnPlateau): it cannot be run dry.")
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # stepped without an update, on purpose
        for _ in range(updates):
            rates.append(max(float(group["lr"]) for one in held for group in one.param_groups))
            try:
                schedule.step()
            except (ValueError, ZeroDivisionError, IndexError) as error:
                if "Tried to step" in str(error):
                    raise Skip(f"The schedule is over after {len(rates):,} updates and raises then: {error}") from None
                raise
    return rates


def type_of(task: Task, seed: int) -> str:
    """The schedule's class."""
    return type(_made(task, seed)[0]).__name__


def _made(task: Task, seed: int) -> tuple[Any, list[torch.optim.Optimizer]]:
    assert task.schedule is not None  # the check passes without one
    model = task.build(seed)
    held = optimizers(task, model) or [torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=3e-4)]
    schedule = task.schedule(held[0] if len(held) == 1 else held)  # pyright: ignore[reportArgumentType]
    return schedule, held


def _waves(rates: list[float], peak: float) -> int:
    """How often the rate comes back to its peak after it was below a tenth of it."""
    count, low = 0, False
    for rate in rates:
        low = low or rate < 0.1 * peak
        if low and rate > 0.9 * peak:
            count, low = count + 1, False
    return count


def _wave(rates: list[float], peak: float) -> int:
    """Updates until the rate is first below a tenth of its peak, doubled."""
    return 2 * next((k for k, rate in enumerate(rates) if rate < 0.1 * peak), len(rates))
