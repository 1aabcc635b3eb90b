"""What training gets right on examples that it has not seen, and validation never does.

Symptom: labels of validation that have other numbers or another scale, inputs that are prepared in another way, another task.
Test: in the first epoch no example comes twice, so what training achieves at its end (the last PART of it) it achieves on
examples that are new to it, as those of validation are. Over at least EVALUATIONS from there on, either no accuracy of
validation is above HALF of that of training then, less SIGMAS standard errors; or the training loss had fallen by FELL of its
first level and beyond its noise, and no loss of validation is below that first level, nor below SAME of the first one of
validation: who learns by heart falls first. Silent where it is not known how long an epoch is; but for a loss of validation
that lies above FAR times the first level of training and within FLAT of itself in all of MANY evaluations or more, while that
of training has fallen by FELL: it is of another scale. Wrong when: the first epoch is easier on purpose (a curriculum,
declared), or validation comes from elsewhere on purpose; then it says how much that costs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nntui.analysis import roles
from nntui.analysis.readings import fresh
from nntui.analysis.rules.evaluation import CONTRADICTION
from nntui.analysis.series import Floats, RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

PART = 1 / 3
EVALUATIONS = 3
FIRST = 5
POINTS = 4
"""Points of training in that part, at the least."""
HALF = 0.5
SIGMAS = 3.0
FELL = 0.3
SAME = 0.9
FAR, FLAT, MANY = 10.0, 0.05, 8


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding."""
    if facts.declares("curriculum"):
        return []
    epoch = _epoch(series, facts)
    found = (_accuracy(series, epoch) or _loss(series, epoch)) if epoch > 0 else None
    found = found or _scale(series)
    return [found] if found else []


def _epoch(series: Mapping[str, Series], facts: RunFacts) -> int:
    """Steps of an epoch, as the run was told or as it logs the number of epochs; 0 unknown."""
    if facts.steps_per_epoch or "epoch" not in series:
        return facts.steps_per_epoch
    epochs = series["epoch"].finite()
    later = epochs.step[epochs.value >= epochs.value[0] + 1] if len(epochs) else epochs.step
    return int(later[0] - epochs.step[0]) if len(later) else 0


def _accuracy(series: Mapping[str, Series], epoch: int) -> Finding | None:
    accuracies = [
        name for name in series if frozenset(roles.words(name)) & {"acc", "accuracy"} and roles.is_score(name)
    ]
    training = min((name for name in accuracies if not roles.is_validation(name)), key=len, default="")
    validation = min((name for name in accuracies if roles.is_validation(name)), key=len, default="")
    if not training or not validation:
        return None
    right, then = _end_of_first(series[training], epoch), _since_first(series[validation], epoch)
    if len(right) < POINTS or len(then) < EVALUATIONS:
        return None
    known = float(right.mean()) - SIGMAS * float(right.std(ddof=1)) / math.sqrt(len(right))
    best = float(then.value.max())
    if best >= HALF * known:
        return None
    return _finding(training, float(right.mean()), validation, best, f"above {format_number(HALF * known)}", then)


def _loss(series: Mapping[str, Series], epoch: int) -> Finding | None:
    training, validation = roles.pick(series, "train_loss"), roles.pick(series, "validation_loss")
    if not training or not validation:
        return None
    points = series[training].finite()
    first = points.value[points.step <= points.step[0] + max(1, epoch // 10)][:20] if len(points) else points.value
    late, then = _end_of_first(series[training], epoch), _since_first(series[validation], epoch)
    if len(late) < POINTS or len(then) < EVALUATIONS:
        return None
    begun, now, least = float(np.median(first)), float(np.median(late)), float(then.value.min())
    learned = begun - now > FELL * abs(begun) and float(np.quantile(late, 0.9)) < float(np.quantile(first, 0.5))
    if not learned or least < begun or least < SAME * float(then.value[0]):
        return None
    return _finding(training, now, validation, least, f"below {format_number(begun)}", then)


def _scale(series: Mapping[str, Series]) -> Finding | None:
    training, validation = roles.pick(series, "train_loss"), roles.pick(series, "validation_loss")
    if not training or not validation:
        return None
    value, then = series[training].finite().value, fresh(series[validation].finite())
    if len(value) < FIRST * MANY or len(then) < MANY:
        return None
    begun, now = float(np.median(value[:FIRST])), float(np.median(value[-len(value) // 4 :]))
    least = float(then.value.min())
    if not begun > 0 or begun - now < FELL * begun or least < FAR * begun or float(np.ptp(then.value)) > FLAT * least:
        return None
    return Finding(
        CONTRADICTION,
        "warn",
        f"{validation} has stayed at {format_number(least)} in {len(then)} evaluations, while {training} fell from "
        f"{format_number(begun)} to {format_number(now)}: what it measures is of another scale.",
        expected=f"below {format_number(FAR * begun)}",
        measured=least,
        advice="Most likely targets or inputs of validation are not scaled as those of training are. Refute: evaluate a part of "
        "the training data with the evaluation's own code; it must be as bad.",
        evidence={"training": training, "first": begun, "now": now, "validation": validation, "least": least},
        step=int(then.step[0]),
    )


def _end_of_first(training: Series, epoch: int) -> Floats:
    points = training.finite()
    if not len(points):
        return points.value
    step = points.step - points.step[0]
    return points.value[(step >= (1 - PART) * epoch) & (step < epoch)]


def _since_first(validation: Series, epoch: int) -> Series:
    points = fresh(validation.finite())
    keep = points.step >= epoch - 1
    return Series(points.metric, points.step[keep], points.wall_time[keep], points.value[keep])


def _finding(training: str, then: float, validation: str, best: float, expected: str, since: Series) -> Finding:
    return Finding(
        CONTRADICTION,
        "warn",
        f"{training} was {format_number(then)} at the end of the first epoch, on examples seen for the first time; {validation} "
        f"has never been better than {format_number(best)} since, in {len(since)} evaluations.",
        expected=expected,
        measured=best,
        advice="Most likely validation is another task: its labels have other numbers (another order of classes) or another "
        "scale, its inputs are prepared otherwise, or inputs and labels are shifted apart. Refute: evaluate a part of the "
        "training data with the evaluation's own code; it must be as bad.",
        evidence={"training": training, "first_epoch": then, "validation": validation, "best": best},
        step=int(since.step[0]),
    )
