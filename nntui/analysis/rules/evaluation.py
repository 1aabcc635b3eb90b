"""Evaluations that cannot be right.

Tests: (1) the validation loss of the last SAME evaluations is one number to the last bit, or all outputs on a fixed batch are,
while the training loss changes: they are those of a copy that is not trained, or of once (exact; a number that is carried on
until the next evaluation counts once; not a loss of exactly 0, one that is logged with few digits, once training moves by less
than MOVED of all it has, while the rate is below IDLE of its peak, or where probes have seen no layer move meanwhile: these may
well stay). (2) Loss and score of validation both fall, by rank correlation with time beyond RANK over at least LEAST evaluations,
and less than HALF of the score is left (LOST of it gone, where the loss is below TENTH of what it was): one that gets worse while
the loss gets better is computed the wrong way round, or the loss leaves out what it should count. (A loss that rises with the
accuracy is overconfidence, and common. So is an accuracy that falls by a tenth while rare positives that count more are found.)
(3) The accuracy of validation is too low for its loss: who is wrong gives the right class a half at most, and pays ln 2. In the
last SAME evaluations the loss is below CONTENT of what the wrong answers cost at least if it is a mean cross entropy. Not of
losses or accuracies of something else (OTHER). (4) The validation loss stays within STAYS of one level over MANY evaluations or
more (LONG times as many where the planned steps are unknown: an average may lag at first), SPAN of the training or longer, since
training had come HALF of the way to zero, where training began; or TIMES as high or higher, since training has come a part of it
(LESS). What learns by heart is sure of itself, and pays for it: who says nothing else to new examples than at the beginning is
another model, a copy that is not kept up, or is asked in another unit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.answers import trailing
from nntui.analysis.readings import fresh, playing, rate_left
from nntui.analysis.series import Floats, Ints, RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

STALE = "live.stale_evaluation"
CONTRADICTION = "live.contradiction"
SAME = 3
ENOUGH = 1000
"""Newest numbers among which different ones are looked for first."""
LEAST = 8
RANK = 0.8
"""Of 8 ranks a correlation beyond 0.8 comes by chance once in a hundred times; both must be."""
HALF = 0.5
TENTH, LOST = 0.1, 0.25
CONTENT = 0.005
"""One wrong of two hundred makes a whole sequence, or set of labels, wrong."""
OTHER = frozenset(
    {"probe", "knn", "linear", "downstream", "cluster", "retrieval", "mse", "rmse", "recon", "reconstruction"}
)
STAYS, MANY, SPAN, TIMES = 0.05, 5, 0.25, 100.0
LESS, LONG = 0.8, 4
BEGUN = 5
"""Training losses with which it began."""
IDLE = 0.01
MOVED = 1e-3
DIGITS = 4
"""Decimals up to which a number counts as rounded by whoever logs it."""
SCORES = frozenset({"acc", "accuracy", "f1", "auc", "auroc", "r2", "iou", "miou", "dice", "jaccard"})


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding for each."""
    name, training = roles.pick(series, "validation_loss"), playing(series, "train_loss")
    stale = [] if training is None or rate_left(series) < IDLE else _stale_answers(series, facts, training)
    if not name:
        return stale
    points = series[name].finite()
    once = fresh(points)
    if training is not None and not stale and rate_left(series) >= IDLE:
        stale = _stale(series, points, training)
    contradicted = _contradiction(once, series) or _too_good(once, series)
    if training is not None and not stale and not contradicted:
        contradicted = _stays_where_it_began(once, training.finite(), facts)
    return [*stale, *contradicted]


def _stale_answers(series: Mapping[str, Series], facts: RunFacts, training: Series) -> list[Finding]:
    for name, said in facts.answers.items():
        known = np.isfinite(said.apart) & (said.apart > 0)
        same = trailing(known[1:] & (np.diff(said.digest) == 0)) + 1 if len(said) else 0
        since = int(said.step[len(said) - same]) if same else 0
        if same < SAME or not _trains(training.finite(), since) or _stays(series, since):
            continue
        evidence = {"batch": name, "moments": same, "since_step": since}
        what = f"All outputs on the batch {name!r} are the same to the last bit at {same} moments"
        return [_told_stale(what, since, "outputs that change with the weights", 0.0, evidence)]
    return []


def _stale(series: Mapping[str, Series], points: Series, training: Series) -> list[Finding]:
    last = points.value[-SAME:]
    if len(points) < SAME or np.ptp(last) > 0 or last[-1] == 0 or _rounded(points.value):
        return []
    place = len(points) - trailing(points.value == last[-1])
    since = int(points.step[place])
    trained = training.finite()
    if len(points) - place < SAME * _carried(points.value[:place], len(trained) > 2 * len(points)):
        return []
    if not _trains(trained, since) or _stays(series, since) or not _several(points.step[place:]):
        return []
    what = f"{points.metric} is {format_number(float(last[-1]))} to the last bit in {len(points) - place} evaluations"
    evidence = {"metric": points.metric, "evaluations": len(points) - place, "since_step": since}
    return [_told_stale(what, since, "a number that changes with the weights", float(last[-1]), evidence)]


def _told_stale(what: str, since: int, expected: str, measured: float, evidence: dict[str, Any]) -> Finding:
    return Finding(
        STALE,
        "error",
        f"{what}, since step {since:,}, while training goes on.",
        expected=expected,
        measured=measured,
        tolerance=0.0,
        advice="Most likely a copy of the model is evaluated that is never updated, a number that was kept, or outputs that "
        "depend on nothing. Refute: set a weight of the model to zero; the evaluation must change.",
        evidence=evidence,
        step=since,
    )


def _trains(training: Series, since: int) -> bool:
    """Whether the training loss goes on changing, so that the weights do."""
    late = training.value[training.step >= since]
    return _several(late) and float(np.ptp(late)) > MOVED * float(np.ptp(training.value))


def _stays(series: Mapping[str, Series], since: int) -> bool:
    """Whether probes have seen no layer move from there on, so that the same is evaluated again and again."""
    ratios = [one.finite() for metric, one in series.items() if names.layer_of(metric)[1] == names.UPDATE_RATIO]
    seen = [points.value[points.step >= since] for points in ratios]
    return any(map(len, seen)) and not any(one.any() for one in seen)


def _several(values: Floats | Ints) -> bool:
    """Whether SAME different ones are among them; most often the last few tell."""
    return any(len(np.unique(some)) >= SAME for some in (values[-ENOUGH:], values))


def _rounded(values: Floats) -> bool:
    """Whether all numbers have few decimals: then two that are equal need not be the same."""
    return bool((np.abs(values - np.round(values, DIGITS)) <= 1e-12 * np.abs(values)).all())


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
        if not parts & SCORES or not roles.is_validation(metric) or metric.endswith(names.STANDARD_ERROR):
            continue
        score = fresh(one.finite())
        if min(len(score), len(points)) < LEAST:
            continue
        falls, worse = _rank(points.value), _rank(score.value)
        left = 1 - LOST if 0 <= points.value[-1] < TENTH * points.value[0] else HALF
        if falls < -RANK and worse < -RANK and score.value[-1] < left * score.value[0]:
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
                    advice="Most likely the score is computed the wrong way round (argmin for argmax, another threshold, "
                    "labels in another order), or the loss leaves out what the score counts (ignore_index, a mask). Refute: "
                    "compute it by hand on ten examples.",
                    evidence={"metric": metric, "rank_of_loss": falls, "rank_of_score": worse},
                    step=int(score.step[0]),
                )
            )
    return found[:1]


def _too_good(points: Series, series: Mapping[str, Series]) -> list[Finding]:
    """At most one finding: more is wrong than a loss that small allows."""
    for metric, one in series.items():
        parts = frozenset(roles.words(metric)) | frozenset(roles.words(points.metric))
        if not roles.is_accuracy(metric) or not roles.is_validation(metric) or parts & OTHER:
            continue
        score = one.finite()
        steps, here, there = np.intersect1d(score.step, points.step, return_indices=True)
        if len(steps) < SAME or not 0 <= score.value.min() <= score.value.max() <= 1:
            continue
        right, loss = score.value[here], points.value[there]
        cost = math.log(2) * (1 - right)
        if not (loss[-SAME:] >= 0).all() or not (loss[-SAME:] < CONTENT * cost[-SAME:]).all():
            continue
        step = int(steps[len(steps) - trailing(loss < CONTENT * cost)])
        return [
            Finding(
                CONTRADICTION,
                "warn",
                f"{metric} is {format_number(float(right[-1]))} where {points.metric} is {format_number(float(loss[-1]))}, since "
                f"step {step:,}: answers that are wrong so often cost a mean cross entropy {format_number(float(cost[-1]))} at "
                "least.",
                expected=f"above {format_number(CONTENT * float(cost[-1]))}",
                measured=float(loss[-1]),
                tolerance=CONTENT,
                advice="Most likely the two are not of the same answers: the loss is shown what the score has to guess (targets "
                "that are not shifted, no mask), leaves most of it out, or the score compares with other labels. Refute: take "
                "both of the same outputs, for ten examples.",
                evidence={
                    "metric": metric,
                    "right": float(right[-1]),
                    "loss": float(loss[-1]),
                    "least": float(cost[-1]),
                },
                step=step,
            )
        ]
    return []


def _stays_where_it_began(points: Series, train: Series, facts: RunFacts) -> list[Finding]:
    """At most one finding: validation that takes no part in what training learns."""
    if len(train) < BEGUN or not len(points):
        return []
    begun = float(np.median(train.value[:BEGUN]))
    elsewhere = float(points.value.min()) > TIMES * begun
    some, now = LESS if elsewhere else HALF, float(np.median(train.value[-MANY * BEGUN :]))
    learned = np.flatnonzero(train.value < some * begun)
    if not begun > 0 or not len(learned) or not now < some * begun:
        return []
    late = points.step >= train.step[int(learned[0])]
    values, steps = points.value[late], points.step[late]
    if len(values) < (MANY if facts.total_steps else LONG * MANY) or steps[-1] - steps[0] < SPAN * max(
        facts.total_steps, int(train.step[-1])
    ):
        return []
    level = float(np.median(values))
    if float(np.ptp(values)) > STAYS * level or not (elsewhere or (np.abs(points.value - begun) < STAYS * begun).all()):
        return []
    return [
        Finding(
            CONTRADICTION,
            "warn",
            f"{points.metric} has stayed between {format_number(float(points.value.min()))} and "
            f"{format_number(float(points.value.max()))}{'' if elsewhere else ', where training began,'} in all {len(points)} "
            f"evaluations, while {train.metric} fell from {format_number(begun)} to {format_number(now)}.",
            expected="a loss that changes as training learns",
            measured=level,
            tolerance=STAYS,
            advice=(
                "Most likely targets or inputs that are scaled for training alone. "
                if elsewhere
                else "Most likely another model is evaluated than is trained: an average over more updates than there are, a "
                "copy that is hardly updated, inputs that are lost on the way. "
            )
            + "Refute: evaluate examples of training with the model that is trained, by the same code; it must be as bad.",
            evidence={"metric": points.metric, "level": level, "begun": begun, "evaluations": len(points)},
            step=int(steps[0]),
        )
    ]


def _rank(values: Floats) -> float:
    """Spearman's rank correlation with time."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(float)
    time = np.arange(len(values), dtype=float)
    spread = float(ranks.std() * time.std())
    return float(((ranks - ranks.mean()) * (time - time.mean())).mean()) / spread if spread > 0 else 0.0
