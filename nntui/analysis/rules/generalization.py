"""What training gets right on examples that it has not seen, and validation never does.

Symptom: labels of validation that have other numbers, inputs that are prepared in another way, another task. Test: in the first
epoch no example comes twice, so what training achieves at its end (the last PART of it) it achieves on examples that are new to
it, as those of validation are. Over at least EVALUATIONS from there on, no accuracy of validation is above HALF of the same of
training then, less SIGMAS standard errors. Who learns by heart has learned something first. Accuracies alone are compared:
losses of the two splits may be scaled otherwise. Silent where it is not known how long an epoch is, and where the first one was
not recorded. Wrong when: batches are drawn with replacement, so that examples come again within an epoch; the first epoch is
easier on purpose (a curriculum, declared), or validation comes from elsewhere on purpose; then it says how much that costs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from nntui.analysis import roles
from nntui.analysis.readings import fresh
from nntui.analysis.rules.evaluation import CONTRADICTION
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

PART = 1 / 3
EVALUATIONS = 3
POINTS = 4
"""Points of training in that part, at the least."""
HALF = 0.5
SIGMAS = 3.0


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding."""
    epoch = _epoch(series, facts)
    training, validation = _same_accuracy(series)
    if epoch < 1 or not training or facts.declares("curriculum"):
        return []
    points, evaluated = series[training].finite(), fresh(series[validation].finite())
    right = points.value[(points.step >= (1 - PART) * epoch) & (points.step < epoch)]
    since = evaluated.step >= epoch - 1
    if len(right) < POINTS or since.sum() < EVALUATIONS:
        return []
    known = float(right.mean()) - SIGMAS * float(right.std(ddof=1)) / math.sqrt(len(right))
    best = float(evaluated.value[since].max())
    if best >= HALF * known or (points.value.max() > 1) != (evaluated.value.max() > 1):  # one of them in percent
        return []
    return [
        Finding(
            CONTRADICTION,
            "warn",
            f"{training} was {format_number(float(right.mean()))} at the end of the first epoch, on examples seen for the first "
            f"time; {validation} has never been better than {format_number(best)} since, in {int(since.sum())} evaluations.",
            expected=f"above {format_number(HALF * known)}",
            measured=best,
            advice="Most likely validation is another task: its labels have other numbers (another order of classes), its inputs "
            "are prepared otherwise, or inputs and labels are shifted apart. Refute: evaluate a part of the training data with "
            "the evaluation's own code; it must be as bad.",
            evidence={"metric": validation, "training": training, "first_epoch": float(right.mean()), "best": best},
            step=int(evaluated.step[since][0]),
        )
    ]


def _epoch(series: Mapping[str, Series], facts: RunFacts) -> int:
    """Steps of an epoch, as the run was told or as it logs the number of epochs; 0 unknown."""
    if facts.steps_per_epoch or "epoch" not in series:
        return facts.steps_per_epoch
    epochs = series["epoch"].finite()
    later = epochs.step[epochs.value >= epochs.value[0] + 1] if len(epochs) else epochs.step
    return int(later[0] - epochs.step[0]) if len(later) and epochs.value[0] < 2 else 0  # some count from 1


def _same_accuracy(series: Mapping[str, Series]) -> tuple[str, str]:
    """An accuracy of training and the same of validation, the plainest there are; empty where there are not both."""
    named = [name for name in series if roles.is_accuracy(name)]
    pairs = [
        (one, other)
        for other in named
        for one in named
        if roles.is_validation(other) and not roles.is_validation(one) and roles.same(one, other)
    ]
    return min(pairs, key=lambda pair: (len(roles.words(pair[1])), pair), default=("", ""))
