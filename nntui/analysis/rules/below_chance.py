"""Validation that is right less often than by chance.

Symptom: classes have other numbers in validation than in training, or its inputs belong to other labels.
Test: answers that have nothing to do with the labels are right at least as often as the rarest class occurs, whatever they say;
so fewer, by SIGMAS standard errors in each of the last SAME evaluations, are an answer to another question. The shares come
from what the checks counted. Where only the number of classes K is known (outputs of the fixed batch or of the model), the
limit is LUCK / K, since classes need not be equally common, and SURE evaluations must be below it. An area under the ROC curve
is one half by chance, however common the classes are, and is held against LUCK of that: its order is the wrong way round. Only
once the training loss has fallen beyond its noise: before, nothing is known of the labels. Where neither is known nothing is
said. Other labels are told apart from examples that are merely never right by the fixed batch: of PAIRS pairs of one label at
least, HALF must be told the same (sums modulo a number, of which every pair is there once, are learned by heart below chance).
Wrong when: validation holds a few rare classes only, and K is all that is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import numpy as np

from nntui.analysis import roles
from nntui.analysis.answers import Answers
from nntui.analysis.readings import fresh, playing, spread
from nntui.analysis.series import Floats, RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.analysis.trend import progress
from nntui.finding import Finding

ID = "live.below_chance"
SAME = 3
SURE = 5
SIGMAS = 4.0
LUCK = 0.5
EVEN = 0.5
"""By chance, of the pairs that are put in order."""
PAIRS = 5
HALF = 0.5
BALANCE = "data.balance"
"""The check that counts labels."""
MAPPED = (
    "classes have other numbers in validation (another order of folders, labels from 1), argmin for argmax, or inputs "
    "and labels of validation in another order"
)
"""What is most likely of an accuracy, and of a ranking:"""
TURNED = (
    "the sign of the score is turned, the better and the worse of a pair are exchanged in the loss, or classes 0 and 1 are "
    "exchanged in validation"
)


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding."""
    if not _learned(series) or not all(_is_a_map(one) for one in facts.answers.values()):
        return []
    for metric in filter(roles.is_validation, series):
        right, order = roles.is_accuracy(metric), roles.is_ranking(metric)
        if not (right or order):
            continue
        score = _evaluations(series[metric].finite(), series)
        found = (_by_counts(score, facts) or _by_classes(score, facts)) if right else None
        found = found or (_by_order(score) if order else None)
        if found:
            return [found]
    return []


def _is_a_map(said: Answers) -> bool:
    """Whether one label is told as one class, right or wrong, as far as the newest moment shows."""
    if said.kind != "classes" or not len(said):
        return True
    labels, told = said.target[said.labelled], said.said[-1, said.labelled]
    pairs = np.triu(labels[:, None] == labels[None, :], 1)
    return pairs.sum() < PAIRS or float((told[:, None] == told[None, :])[pairs].mean()) >= HALF


def _learned(series: Mapping[str, Series]) -> bool:
    name = roles.pick(series, "train_loss")
    value = series[name].finite().value if name else np.empty(0)
    return len(value) >= SAME and progress(value) > spread(np.diff(value))


def _evaluations(score: Series, series: Mapping[str, Series]) -> Series:
    """One point for each evaluation: where the validation loss is a new one, if there is such a loss."""
    loss = playing(series, "validation_loss")
    if loss is None:
        return score
    keep = np.isin(score.step, fresh(loss.finite()).step)
    return Series(score.metric, score.step[keep], score.wall_time[keep], score.value[keep])


def _by_counts(score: Series, facts: RunFacts) -> Finding | None:
    counts = _counts(facts)
    if len(counts) < 2 or len(score) < SAME:
        return None
    rarest = float(counts.min() / counts.sum())
    limit = rarest - SIGMAS * math.sqrt(rarest * (1 - rarest) / float(counts.sum()))
    if not (score.value[-SAME:] < limit).all():
        return None
    return _finding(score, limit, f"the rarest of {len(counts)} classes has a share of {rarest:.1%}", rarest)


def _by_classes(score: Series, facts: RunFacts) -> Finding | None:
    if len(_counts(facts)) or len(score) < SURE:
        return None
    shape = facts.listed("outputs")
    known = [one.classes for one in facts.answers.values() if one.classes > 1]
    known += [
        max(2, size) for size in shape if len(shape) == 1 and isinstance(size, int) and size > 0
    ]  # one says yes or no
    if not known or not (score.value[-SURE:] < LUCK / max(known)).all():
        return None
    return _finding(score, LUCK / max(known), f"there are {max(known)} classes", 1 / max(known))


def _by_order(score: Series) -> Finding | None:
    if len(score) < SURE or not (score.value[-SURE:] < LUCK * EVEN).all():
        return None
    return _finding(score, LUCK * EVEN, "pairs are put in order by a coin half of the time", EVEN, TURNED)


def _counts(facts: RunFacts) -> Floats:
    """How often each label occurs in validation, by what the checks found; empty when unknown."""
    check = facts.checks.get(BALANCE)
    counted = check.evidence.get("validation_classes") if check else None
    if not isinstance(counted, Mapping):
        return np.empty(0)
    counts = [n for n in cast(Mapping[object, object], counted).values() if isinstance(n, int) and n > 0]
    return np.array(counts, np.float64)


def _finding(score: Series, limit: float, why: str, chance: float, cause: str = MAPPED) -> Finding:
    now = float(score.value[-1])
    below = np.flatnonzero(score.value >= limit)
    step = int(score.step[int(below[-1]) + 1 if len(below) else 0])
    return Finding(
        ID,
        "warn",
        f"{score.metric} is {format_number(now)} since step {step:,}, less than by chance: {why}.",
        expected=f"above {format_number(limit)}",
        measured=now,
        tolerance=chance - limit,
        advice=f"Most likely {cause}. Refute: evaluate a part of the training data with the evaluation's own code; it must be as "
        "bad.",
        evidence={"metric": score.metric, "chance": chance, "limit": limit, "since_step": step},
        step=step,
    )
