"""Validation gets worse while training gets better.

Symptom: what is learned now holds for the training data alone; the best checkpoint lies behind. Test: the last AFTER
evaluations all lie above the lowest validation loss (the median of it and its neighbours) by ERRORS of its standard errors
(`…_stderr` where it is recorded, else the robust spread of the differences between evaluations) and by RISE of all the
progress, and the training loss has fallen since; or it is below HALF of the first while the last AFTER evaluations all lie
above that, worse than knowing nothing: labels of one's own making, which are learned though they become worse. Where the first
evaluation is the lowest, the progress is that of the training loss until then; where it is within the noise, that from the
first training loss on. Warns from MUCH of the progress, or where the loss is TIMES as high as it was; below, it is information.
So it is where validation falls again, by ERRORS and by BACK of what it had risen (a second descent), and where validation has
made less than SOME of the progress of training at its best: there is nothing to go back to, and what is known by heart is
sometimes understood long after (grokking). Advice only: networks improve for unintuitively long.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.readings import fresh, spread
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

ID = "regularise.early_stop"
AFTER = 3
LEAST = 6
ERRORS = 3.0
RISE = 0.05
MUCH = 0.5
"""Of the progress: half of what validation had gained is lost again."""
TIMES = 2.0
BACK = 0.2
SOME = 0.1
HALF = 0.5


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding for the validation loss."""
    name, training = roles.pick(series, "validation_loss"), roles.pick(series, "train_loss")
    if not name or not training:
        return []
    points, train = fresh(series[name].finite()), series[training].finite()
    if len(points) < LEAST or len(train) < LEAST:
        return []
    best = int(points.value.argmin())
    lowest, step = float(np.median(points.value[max(0, best - 1) : best + 2])), int(points.step[best])
    earlier, later = train.value[train.step <= step], train.value[train.step > step]
    if len(earlier) < 3 or len(later) < 3:
        return []
    width = min(len(earlier), max(3, len(later) // 4))
    then, now = float(np.median(earlier[-width:])), float(np.median(later[-width:]))
    gained = float(points.value[0]) - lowest if best else float(np.median(earlier[:3])) - then
    after = points.value[best + 1 :]
    error = _error(series, name, points)
    start = float(np.median(train.value[:3]))
    if not gained > ERRORS * error:
        gained = max(gained, start - lowest)
    margin = max(ERRORS * error, RISE * gained)
    if len(after) < AFTER or not (after[-AFTER:] > lowest + margin).all() or not gained > ERRORS * error:
        return []
    falls = then - now > 0
    if not falls and not (now < HALF * start and (after[-AFTER:] > start).all()):
        return []
    risen = float(np.median(after[-AFTER:])) - lowest
    highest = float(np.median(np.sort(after)[-AFTER:]))
    understood = start - lowest > SOME * (start - now)
    much = risen > MUCH * gained or (lowest + risen > TIMES * lowest > 0 and risen > RISE * (start - lowest))
    back = highest - lowest - risen > max(ERRORS * error, BACK * (highest - lowest))
    return [
        Finding(
            ID,
            "warn" if much and understood and not back else "info",
            f"{name} was lowest at step {step:,} ({format_number(lowest)}) and has risen by {format_number(risen)} since, while "
            f"{training} {'fell from' if falls else 'went from'} {format_number(then)} to {format_number(now)}.",
            expected=f"below {format_number(lowest + margin)}",
            measured=lowest + risen,
            tolerance=margin,
            advice=f"Most likely overfitting: the checkpoint of step {step:,} is the one to keep. More data, augmentation or "
            "regularisation move the turning point. Refute: the same with twice the data must turn later.",
            evidence={
                "metric": name,
                "best_step": step,
                "best": lowest,
                "risen": risen,
                "standard_error": error,
                "gained_until_then": gained,
                "training_then": then,
                "training_now": now,
            },
            step=step,
        )
    ]


def _error(series: Mapping[str, Series], name: str, points: Series) -> float:
    """Standard error of an evaluation: as recorded, or from how much neighbours differ."""
    recorded = series.get(f"{name}{names.STANDARD_ERROR}")
    if recorded is not None and len(recorded.finite()):
        return float(np.median(recorded.finite().value))
    return spread(np.diff(points.value)) / np.sqrt(2)
