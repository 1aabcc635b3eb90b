"""A learning rate that decays too early.

Four causes, the surest first; at most one is reported. 0. Never reached: over WARMING of the planned steps the rate has only
risen, from next to nothing and as a straight line, so that the training ends before its warm-up (a search for a rate is no
training: it grows by factors, or is over before). 1. Batches counted as epochs: after its peak the rate falls below TINY of it
within one epoch of a run of many and stays low for another, or climbs back step by step within the same epoch (a cosine past its
end; a warm restart jumps). 2. All but zero for the rest: the rate is below TINY of its peak for at least IDLE_SHARE of the
planned steps, and was so before LATE_SHARE of them. A cosine to zero is below 1 % of its peak for its last 6 % only, also within
a cycle of warm restarts. Or, whatever was planned, below ROUNDED of its peak for as many steps as it was above: a rate that
moves nothing. 3. Dropped while the loss was still falling: the rate steps down (constant, then at most half, then constant), and
over the quarter of the run before that the loss surely fell by more than STEEP of all its progress; or, in the first half of the
planned steps, surely fell, by more than FELL of what was left of it, and in as many steps after the drop by less than SLOWED of
that, although validation had its best reading just then. A decay that comes in time makes a loss fall at once, since its noise
goes. Nothing is said where less than LEFT of the progress was left to gain. Smooth schedules are intent and never cause 3. Wrong
when: a rate is taken down by hand to look at something; a second phase is trained at a tiny rate on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nntui.analysis import roles
from nntui.analysis.readings import ROUNDED
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.analysis.trend import Trend, progress, thinned, trend
from nntui.finding import Finding

ID = "overfit.lr_decay"
FEW, MANY = 5, 20
"""Readings of the rate for all but zero, and for the rest: probes read it seldom."""
WARMING = 0.6
STRAIGHT = 0.02
"""Of the newest rate: how far from the line a reading may lie."""
TINY = 0.01
IDLE_SHARE = 0.10
LATE_SHARE = 0.75
STEEP = 0.10
EARLY = 0.5
FELL = 0.2
SLOWED = 0.5
LEFT = 0.05
EPOCHS = 3
"""A run of fewer epochs may well decay within one."""
DROP = 0.5
STEADY = 0.02
"""Relative change between neighbours up to which the rate counts as constant."""
STEADY_POINTS = 5
LEAST_POINTS = 64


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """A warning for the surest cause."""
    name = roles.pick(series, "lr")
    if not name:
        return []
    rate = series[name].finite()
    if len(rate) < FEW or not rate.value.max() > 0:
        return []
    many = len(rate) >= MANY
    finding = (
        (many and _never_reached(rate, facts))
        or (many and _batches_as_epochs(rate, facts))
        or _all_but_zero(rate, facts)
        or (many and _moves_nothing(rate))
    )
    finding = finding or (many and _dropped_early(rate, series, facts)) or None
    return [finding] if finding else []


def _planned(rate: Series, facts: RunFacts) -> int:
    """Steps of the whole run: as planned, or as done once it is over; 0 while unknown."""
    return facts.total_steps or (int(rate.step[-1]) + 1 if facts.state in ("ended", "crashed") else 0)


def _never_reached(rate: Series, facts: RunFacts) -> Finding | None:
    planned, now = facts.total_steps, int(rate.step[-1])
    done = (rate.step - rate.step[0]) / max(1, now - int(rate.step[0]))
    line = rate.value[0] + done * (rate.value[-1] - rate.value[0])
    rises = bool((np.diff(rate.value) >= 0).all()) and rate.value[0] < 0.1 * rate.value[-1]
    if not planned or now < WARMING * planned or not rises:
        return None
    if (np.abs(rate.value - line) > STRAIGHT * rate.value[-1]).any():
        return None
    return _finding(
        f"The rate has only risen, to {format_number(float(rate.value[-1]))} at step {now:,} of {planned:,}: the training will "
        "be over before its warm-up is.",
        "a warm-up as long as the run",
        "Most likely a warm-up that was copied from a longer training, or is counted in other steps. Refute: warm up over a "
        "twentieth of the steps, and compare the validation loss at the same step.",
        (now / planned, WARMING, "of the planned steps"),
        int(rate.step[0]),
        {"rate": float(rate.value[-1]), "planned_steps": planned, "threshold": WARMING},
    )


def _batches_as_epochs(rate: Series, facts: RunFacts) -> Finding | None:
    epoch = facts.steps_per_epoch
    length = max(facts.total_steps, int(rate.step[-1]) + 1)
    if epoch < 2 or length < EPOCHS * epoch:
        return None
    peak = int(rate.value.argmax())
    tiny = np.flatnonzero(rate.value[peak:] < TINY * rate.value[peak])
    if not len(tiny):
        return None
    at = peak + int(tiny[0])
    took = int(rate.step[at] - rate.step[peak])
    stayed = int(rate.step[-1] - rate.step[at])
    low = rate.value[at:].max() < 10 * TINY * rate.value[peak]
    if took > epoch or not ((low and stayed >= max(took, epoch)) or _swings_back(rate, peak, at, epoch)):
        return None
    return _finding(
        f"The rate fell from {format_number(float(rate.value[peak]))} to {format_number(float(rate.value[at]))} within "
        f"{took:,} steps; an epoch has {epoch:,}: the schedule seems to count batches as epochs.",
        "batches counted as epochs",
        "Most likely scheduler.step() is called per batch while its lengths (T_max, step_size, gamma) are in epochs. Refute: "
        "print the rate over the first epoch; call step() once per epoch, or give the lengths in steps.",
        (float(took), float(epoch), "steps"),
        int(rate.step[at]),
        {"peak": float(rate.value[peak]), "steps_to_tiny": took, "steps_per_epoch": epoch, "threshold": TINY},
    )


def _swings_back(rate: Series, peak: int, at: int, epoch: int) -> bool:
    """Whether the rate climbs back to half its peak step by step, all within an epoch; a restart would jump."""
    half = np.flatnonzero(rate.value[at:] >= rate.value[peak] / 2)
    if not len(half) or int(rate.step[at + int(half[0])] - rate.step[peak]) > epoch:
        return False
    climb = rate.value[at : at + int(half[0])]
    return int((climb > 10 * TINY * rate.value[peak]).sum()) >= STEADY_POINTS


def _all_but_zero(rate: Series, facts: RunFacts) -> Finding | None:
    planned = _planned(rate, facts)
    peak = float(rate.value.max())
    loud = np.flatnonzero(rate.value >= TINY * peak)
    if not planned or int(loud[-1]) == len(rate) - 1:
        return None
    begin, now = int(rate.step[int(loud[-1]) + 1]), int(rate.step[-1])
    if begin > LATE_SHARE * planned or now - begin < IDLE_SHARE * planned:
        return None
    return _finding(
        f"The rate has been below {TINY:.0%} of its peak since step {begin:,}; {(planned - begin) / planned:.0%} of the "
        f"{planned:,} steps are trained with next to none.",
        "all but zero for the rest of the run",
        "Most likely the schedule is shorter than the run, or decays too fast. Refute: plan it over all steps, or train at "
        "a constant rate and compare the validation loss at the same step.",
        (begin / planned, LATE_SHARE, "of the planned steps"),
        begin,
        {"peak": peak, "since_step": begin, "planned_steps": planned, "rate": float(rate.value[-1]), "threshold": TINY},
    )


def _moves_nothing(rate: Series) -> Finding | None:
    peak = float(rate.value.max())
    loud = int(np.flatnonzero(rate.value >= ROUNDED * peak)[-1])
    if loud > len(rate) - MANY:
        return None
    begin, now, last = int(rate.step[loud + 1]), int(rate.step[-1]), float(rate.value[-1])
    if now - begin < begin - int(rate.step[0]):
        return None
    return _finding(
        f"The rate has fallen from {format_number(peak)} to {format_number(last)}: since step {begin:,} updates are too small to "
        "move float32 weights.",
        "a rate that moves nothing",
        "Most likely the schedule is shorter than the run, decays too fast, or is stepped per batch instead of per epoch. "
        "Refute: train at a constant rate and compare the validation loss at the same step.",
        (last / peak, ROUNDED, "of its peak"),
        begin,
        {"peak": peak, "since_step": begin, "rate": last, "threshold": ROUNDED},
    )


def _dropped_early(rate: Series, series: Mapping[str, Series], facts: RunFacts) -> Finding | None:
    name = roles.pick(series, "train_loss")
    if not name:
        return None
    loss = series[name].finite()
    half = EARLY * _planned(rate, facts) or np.inf
    for position in _drops(rate.value):
        step = int(rate.step[position])
        before, after = loss.value[loss.step < step], loss.value[loss.step >= step]
        if len(before) < 4 * LEAST_POINTS:
            continue
        value = thinned(before)
        quarter, gained = trend(value[-len(value) // 4 :]), progress(value)
        if quarter is None or gained <= 0:
            continue
        fall = _steep(quarter, gained)
        if fall is None and step < half and _was_gaining(series, step):
            fall = _cut_short(quarter, gained, after[: len(before) // 4])
        if fall is None:
            continue
        old, new = float(rate.value[position - 1]), float(rate.value[position])
        return _finding(
            f"The rate dropped from {format_number(old)} to {format_number(new)} at step {step:,} while {name} "
            f"was still falling: {fall.words}.",
            "decay before the loss had stopped falling",
            "Most likely the milestone was copied from another task. Refute: go on at the old rate from the checkpoint before "
            "the drop and compare the validation loss at the same step.",
            (fall.share, fall.threshold, fall.unit),
            step,
            {"metric": name, "old": old, "new": new, "share": fall.share, "threshold": fall.threshold, "at_step": step},
        )
    return None


class _Fall(NamedTuple):
    """How far the loss fell in the quarter of the run before a drop."""

    share: float
    threshold: float
    unit: str
    words: str


def _steep(quarter: Trend, gained: float) -> _Fall | None:
    """A fall by much of all progress."""
    if quarter.surely_fell <= STEEP * gained:
        return None
    share = -quarter.change / gained
    return _Fall(share, STEEP, "of the progress", f"{share:.0%} of all its progress came in the quarter before")


def _cut_short(quarter: Trend, gained: float, after: NDArray[np.float64]) -> _Fall | None:
    """A fall by much of what was left, that did not go on in as many steps after."""
    then = trend(thinned(after))
    if then is None or quarter.surely_fell <= 0:
        return None
    left = quarter.level + quarter.change / 2
    fell, fell_then = -quarter.change, left - (then.level + then.change / 2)
    if left <= LEFT * gained or fell <= FELL * left or fell_then >= SLOWED * fell:
        return None
    share, then_too = fell / left, max(0.0, fell_then / left)
    words = f"by {share:.0%} of what was left in the quarter before, by {then_too:.0%} in as many steps after"
    return _Fall(share, FELL, "of what was left", words)


def _was_gaining(series: Mapping[str, Series], step: int) -> bool:
    """Whether validation had its best reading when the rate dropped; True where there are not two."""
    name = roles.pick(series, "validation_loss")
    known = series[name].finite() if name else Series.empty()
    value = known.value[known.step <= step]
    return len(value) < 2 or bool(value[-1] <= value.min())


def _drops(value: NDArray[np.float64]) -> list[int]:
    """Positions at which a constant rate steps down to at most DROP of it and stays constant."""
    if len(value) < 2 * STEADY_POINTS:
        return []
    falls = np.flatnonzero(value[1:] <= DROP * value[:-1]) + 1
    return [
        int(p) for p in falls if _steady(value[max(0, p - STEADY_POINTS) : p]) and _steady(value[p : p + STEADY_POINTS])
    ]


def _steady(value: NDArray[np.float64]) -> bool:
    if len(value) < STEADY_POINTS or not value.min() > 0:
        return False
    return bool((np.abs(np.diff(value)) <= STEADY * value[:-1]).all())


def _finding(
    message: str, cause: str, advice: str, measured: tuple[float, float, str], step: int, evidence: dict[str, Any]
) -> Finding:
    return Finding(
        ID,
        "warn",
        message,
        expected=measured[1],
        measured=measured[0],
        unit=measured[2],
        advice=advice,
        evidence={"cause": cause, **evidence},
        step=step,
    )
