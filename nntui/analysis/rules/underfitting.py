"""A training loss no better than that of a constant.

Symptom: the network does not do what it is for: it gives what anybody would give who has not seen the inputs, or worse.
Test: the checks have measured the loss of the best constant prediction under the user's own loss. Over the last half of the
training loss (at least LEAST points) it is not surely falling, and the 99 % interval of its level lies above that constant by
MARGIN of it: worse than what a final bias alone reaches is a warning. Within the margin it is information, as a plateau may end
(parity). Where validation is below the constant nothing is said: dropout and augmentation may cost more in training than the
network gains. Wrong when: the loss that is logged has parts that the checks' has not (a penalty, an auxiliary loss).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nntui.analysis import roles
from nntui.analysis.readings import playing
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.analysis.trend import Trend, thinned, trend
from nntui.finding import Finding

ID = "live.underfitting"
LEAST = 400
MARGIN = 0.02
CHECK = "skeleton.init_loss"
"""The check that measures constant predictions."""


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding for the training loss."""
    name, check = roles.pick(series, "train_loss"), facts.checks.get(CHECK)
    if not name or check is None:
        return []
    constant = check.evidence.get("best_constant_loss")
    error = check.evidence.get("standard_error", 0.0)
    if not isinstance(constant, float | int) or not isinstance(error, float | int) or not math.isfinite(constant):
        return []
    points = series[name].finite()
    if len(points) < LEAST:
        return []
    validation = playing(series, "validation_loss")
    seen = np.empty(0) if validation is None else validation.finite().value
    if len(seen) and seen.min() < constant - MARGIN * abs(constant):
        return []
    value = thinned(points.value)
    stretch = trend(value[-(len(value) // 2) :])
    if stretch is None or stretch.surely_fell > 0:
        return []
    return _judged(name, points, stretch, float(constant), 4 * float(error))


def _judged(name: str, points: Series, stretch: Trend, constant: float, error: float) -> list[Finding]:
    margin = max(error, MARGIN * abs(constant))
    low, high = stretch.level - stretch.error, stretch.level + stretch.error
    if high < constant - margin:
        return []
    worse = low > constant + margin
    if not worse and low < constant - margin:
        return []
    step = int(points.step[len(points) - len(points) // 2])
    return [
        Finding(
            ID,
            "warn" if worse else "info",
            f"{name} is {format_number(stretch.level)} since step {step:,} and does not fall; the best constant prediction has "
            f"{format_number(constant)}: the network is {'worse than' if worse else 'no better than'} one that sees no inputs.",
            expected=f"below {format_number(constant)}",
            measured=stretch.level,
            tolerance=margin,
            advice="Most likely an output that cannot reach the targets, a rate far too high or low, or so much "
            "regularisation that nothing gets through. Refute: overfit one batch with regularisation off; its loss must not "
            "come to its floor.",
            evidence={
                "metric": name,
                "best_constant_loss": constant,
                "level": stretch.level,
                "level_99_percent_error": stretch.error,
                "fell": -stretch.change,
                "since_step": step,
            },
            step=step,
        )
    ]
