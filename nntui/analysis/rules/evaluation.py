"""Evaluations that cannot be right, or tell nothing.

Tests: (1) the validation loss of the last SAME evaluations is one number to the last bit, while the training loss
changes: it is measured on a copy that is not trained, or never again (exact; a number that is carried on until the
next evaluation counts once). (2) Loss and accuracy of validation both fall, by rank correlation with time beyond RANK
over at least LEAST evaluations: a score that gets worse while the loss gets better is computed the wrong way round.
(A loss that rises with the accuracy is overconfidence, and common.) (3) Training is nearly always right and
validation nearly never: classes have other numbers there. (4) The standard error is so large that all the progress
since the first evaluation is less than FEW of them: information.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui.analysis import roles
from nntui.analysis.readings import fresh
from nntui.analysis.series import Floats, RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

STALE = "live.stale_evaluation"
CONTRADICTION = "live.contradiction"
FEW_EXAMPLES = "live.few_examples"
SAME = 3
LEAST = 8
RANK = 0.8
"""Of 8 ranks a correlation beyond 0.8 comes by chance once in a hundred times; both must be."""
RIGHT = 0.9
WRONG = 0.05
FEW = 2.0
SCORES = frozenset({"acc", "accuracy", "f1", "auc", "r2"})


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding for each."""
    name, training = roles.pick(series, "validation_loss"), roles.pick(series, "train_loss")
    if not name:
        return []
    points = series[name].finite()
    once = fresh(points)
    return [*_stale(points, series.get(training)), *_contradiction(once, series), *_few(once, series)]


def _stale(points: Series, training: Series | None) -> list[Finding]:
    steps = np.unique(points.step)
    if training is None or len(steps) < SAME or len(points) < SAME or np.ptp(points.value[-SAME:]) > 0:
        return []
    place = len(points) - 1
    while place > 0 and points.value[place - 1] == points.value[-1]:
        place -= 1
    since = int(points.step[place])
    trained = training.finite()
    if len(points) - place < SAME * _carried(points.value[:place], len(trained) > 2 * len(points)):
        return []
    if len(np.unique(trained.value[trained.step >= since])) < SAME or len(np.unique(points.step[place:])) < SAME:
        return []
    return [
        Finding(
            STALE,
            "error",
            f"{points.metric} is {format_number(float(points.value[-1]))} to the last bit in {len(points) - place} "
            "evaluations, since "
            f"step {since:,}, while training goes on.",
            expected="a number that changes with the weights",
            measured=float(points.value[-1]),
            tolerance=0.0,
            advice="Most likely a copy of the model is evaluated that is never updated, a number that was kept, or outputs "
            "that depend on "
            "nothing. Refute: set a weight of the model to zero; the evaluation must change.",
            evidence={"metric": points.metric, "evaluations": len(points) - place, "since_step": since},
            step=since,
        )
    ]


def _carried(values: Floats, sparse: bool) -> float:
    """How many points one evaluation makes: those who log it at every step carry the last number on.

    values: (n,) before the run of equal ones. sparse: whether there are fewer points than training has; else a number
    that has never changed may be one evaluation.
    """
    if not len(values):
        return 1.0 if sparse else np.inf
    ends = np.flatnonzero(np.diff(values))
    return float(np.diff(np.concatenate([[-1], ends, [len(values) - 1]])).max())


def _contradiction(points: Series, series: Mapping[str, Series]) -> list[Finding]:
    found: list[Finding] = []
    for metric, one in series.items():
        parts = frozenset(roles.words(metric))
        if not parts & SCORES or not roles.is_validation(metric) or metric.endswith("_stderr"):
            continue
        score = fresh(one.finite())
        if parts & {"acc", "accuracy"}:
            found += _other_map(one.finite(), series)
        if min(len(score), len(points)) < LEAST:
            continue
        falls, worse = _rank(points.value), _rank(score.value)
        if falls < -RANK and worse < -RANK:
            found.append(
                Finding(
                    CONTRADICTION,
                    "warn",
                    f"{metric} gets worse ({format_number(float(score.value[0]))} to "
                    f"{format_number(float(score.value[-1]))}) while "
                    f"{points.metric} gets better ({format_number(float(points.value[0]))} to "
                    f"{format_number(float(points.value[-1]))}).",
                    expected="a score that rises while the loss falls",
                    measured=worse,
                    tolerance=RANK,
                    advice="Most likely the score is computed the wrong way round: argmin for argmax, another threshold, "
                    "labels in another "
                    "order. Refute: compute it by hand on ten examples.",
                    evidence={"metric": metric, "rank_of_loss": falls, "rank_of_score": worse},
                    step=int(score.step[0]),
                )
            )
    return found[:1]


def _other_map(score: Series, series: Mapping[str, Series]) -> list[Finding]:
    kind = [part for part in roles.words(score.metric) if part in SCORES]
    trained = [
        one.finite()
        for metric, one in series.items()
        if not roles.is_validation(metric) and any(part in roles.words(metric) for part in kind)
    ]
    if not trained or min(len(score), len(trained[0])) < SAME:
        return []
    right, wrong = float(np.median(trained[0].value[-SAME:])), float(np.median(score.value[-SAME:]))
    if right < RIGHT or wrong > WRONG or wrong < 0:
        return []
    return [
        Finding(
            CONTRADICTION,
            "warn",
            f"{trained[0].metric} is {format_number(right)} and {score.metric} {format_number(wrong)}: nearly always right "
            "there, nearly "
            "never here.",
            expected=f"above {WRONG:g}",
            measured=wrong,
            advice="Most likely classes have other numbers in validation, or its inputs are prepared in another way. "
            "Refute: evaluate a part "
            "of the training data with the evaluation's own code.",
            evidence={"metric": score.metric, "training": right, "validation": wrong},
            step=int(score.step[-1]),
        )
    ]


def _few(points: Series, series: Mapping[str, Series]) -> list[Finding]:
    recorded = series.get(f"{points.metric}_stderr")
    if recorded is None or len(recorded.finite()) < SAME or len(points) < LEAST:
        return []
    error = float(np.median(recorded.finite().value))
    gained = float(points.value[0] - points.value.min())
    if not error > 0 or gained >= FEW * error or gained <= 0:
        return []
    return [
        Finding(
            FEW_EXAMPLES,
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


def _rank(values: Floats) -> float:
    """Spearman's rank correlation with time."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(float)
    time = np.arange(len(values), dtype=float)
    spread = float(ranks.std() * time.std())
    return float(((ranks - ranks.mean()) * (time - time.mean())).mean()) / spread if spread > 0 else 0.0
