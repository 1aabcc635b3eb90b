"""Evaluations on too few examples to tell anything.

Tests: (1) every accuracy of LEAST evaluations or more is a whole number of Kths, for a K of COUNTED at most, and at least two
different ones of them are neither 0 nor 1: there are K examples. Of several accuracies the plainest name counts. (2) The
recorded standard error is so large that all the progress since the first evaluation is less than FEW of them: information.
Wrong when: accuracies are rounded to one decimal.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.readings import fresh
from nntui.analysis.series import Floats, RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

ID = "live.few_examples"
LEAST = 8
COUNTED = 9
ERRORS = 3
"""Standard errors from which one is known."""
FEW = 2.0
ROUNDING = 1e-5
"""Of single precision, times nine; one wrong of 50,000 is more."""


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding."""
    return _counted(series) or _uncertain(series)


def _counted(series: Mapping[str, Series]) -> list[Finding]:
    scores = [metric for metric in series if roles.is_validation(metric) and roles.is_accuracy(metric)]
    metric = min(scores, key=lambda name: (len(roles.words(name)), len(name)), default="")
    points = series[metric].finite() if metric else Series.empty()
    values = np.unique(points.value)
    if len(points) < LEAST or values[0] < 0 or values[-1] > 1:
        return []
    count = next((k for k in range(2, COUNTED + 1) if _are_kths(values, k)), 0)
    if not count:
        return []
    return [
        Finding(
            ID,
            "warn",
            f"{metric} moves in steps of 1/{count}: {count} examples are evaluated, and one of them more or less is all "
            "that it tells.",
            expected=f"above {COUNTED} examples",
            measured=float(count),
            unit="examples",
            advice="Most likely the scores of the last batch are logged in place of all batches, or validation is cut "
            "short. Refute: count the examples that the evaluation goes through.",
            evidence={"metric": metric, "values": values.tolist()[:20], "evaluations": len(points)},
            step=int(points.step[-1]),
        )
    ]


def _are_kths(values: Floats, k: int) -> bool:
    """Whether all values, of shape (n,), are whole numbers of kths, and two different ones neither 0 nor 1."""
    kths = np.round(values * k)
    return bool(np.abs(values * k - kths).max() < ROUNDING) and len(np.unique(kths[(kths > 0) & (kths < k)])) > 1


def _uncertain(series: Mapping[str, Series]) -> list[Finding]:
    name = roles.pick(series, "validation_loss")
    points = fresh(series[name].finite()) if name else Series.empty()
    recorded = series.get(f"{points.metric}{names.STANDARD_ERROR}")
    if recorded is None or len(recorded.finite()) < ERRORS or len(points) < LEAST:
        return []
    error = float(np.median(recorded.finite().value))
    gained = float(points.value[0] - points.value.min())
    if not error > 0 or gained >= FEW * error or gained <= 0:
        return []
    return [
        Finding(
            ID,
            "info",
            f"{points.metric} has a standard error of {format_number(error)}; all that changed since the first evaluation is "
            f"{format_number(gained)}: no difference between evaluations means anything.",
            expected=f"above {format_number(FEW * error)}",
            measured=gained,
            tolerance=FEW,
            advice="Hold more examples out, or average over several seeds. Refute: none; it is arithmetic.",
            evidence={"metric": points.metric, "standard_error": error, "gained": gained},
            step=int(points.step[-1]),
        )
    ]
