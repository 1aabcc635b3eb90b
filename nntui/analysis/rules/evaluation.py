"""Evaluations that cannot be right.

Tests: (1) the validation loss of the last SAME evaluations is one number to the last bit, or all outputs on a fixed batch are,
while the training loss changes: they are those of a copy that is not trained, or of once (exact; a number that is carried on
until the next evaluation counts once; not a loss of exactly 0, one that is logged with few digits, once training moves by less
than MOVED of all it has, while the rate is below IDLE of its peak, or where probes have seen no layer move meanwhile: these may
well stay). (2) Loss and score of validation both fall, by rank correlation with time beyond RANK over at least LEAST
evaluations, and less than HALF of the score is left: one that gets worse while the loss gets better is computed the wrong way
round. (A loss that rises with the accuracy is overconfidence, and common. So is an accuracy that falls by a tenth while rare
positives that count more are found.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.answers import trailing
from nntui.analysis.readings import fresh, rate_left
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
IDLE = 0.01
MOVED = 1e-3
DIGITS = 4
"""Decimals up to which a number counts as rounded by whoever logs it."""
SCORES = frozenset({"acc", "accuracy", "f1", "auc", "r2"})


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding for each."""
    name, training = roles.pick(series, "validation_loss"), series.get(roles.pick(series, "train_loss"))
    stale = [] if training is None or rate_left(series) < IDLE else _stale_answers(series, facts, training)
    if not name:
        return stale
    points = series[name].finite()
    once = fresh(points)
    if training is not None and not stale and rate_left(series) >= IDLE:
        stale = _stale(series, points, training)
    return [*stale, *_contradiction(once, series)]


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
        if falls < -RANK and worse < -RANK and score.value[-1] < HALF * score.value[0]:
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
                    "labels in another order. Refute: compute it by hand on ten examples.",
                    evidence={"metric": metric, "rank_of_loss": falls, "rank_of_score": worse},
                    step=int(score.step[0]),
                )
            )
    return found[:1]


def _rank(values: Floats) -> float:
    """Spearman's rank correlation with time."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(float)
    time = np.arange(len(values), dtype=float)
    spread = float(ranks.std() * time.std())
    return float(((ranks - ranks.mean()) * (time - time.mean())).mean()) / spread if spread > 0 else 0.0
