"""data.label_noise: labels belong to their inputs.

Symptom: a training loss that cannot fall, a validation score with a ceiling that no model passes.
Tests: (1) equal inputs with different labels (exact), where values are not so few that they repeat by nature. (2) An
example is suspect when nearly all of its NEIGHBOURS nearest others have one other label, as surely as VOTES says and
too rarely by chance (INFORMATIVE, given how common that label is): where most neighbours are right anyway, it says
nothing. (3) How often the nearest other example has the same label: no more often than chance in one split, and more
often in the other, means that the labels of one were parted from their inputs. (4) Where neighbours agree within both
splits, an example of validation and the nearest one of train must agree as often; they disagree, and agree once each class has
the name that train gives it: a label means another class there.
Fails only for (3) and (4), which are proven. Warns where more than SHARE of the labels are suspect or contradict each other,
by SIGMAS standard errors (well-kept benchmarks have 0.2 to 6 %: Northcutt et al. 2021). What is suspect is about half
the time right: look before changing.
When it is wrong: classes that overlap by nature; distances that mean nothing, as between pixels of large pictures,
find nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from nntui.checks.dataset import Split, drawn, first_places, neighbours_in, scaled, train_split, validation_split
from nntui.checks.duplicates import few_values
from nntui.checks.guard import Skip, guarded
from nntui.checks.task import Task
from nntui.finding import Finding

ROW = "data.label_noise"
MOST = 3000
NEIGHBOURS = 20
VOTES = 0.75
INFORMATIVE = 1e-4
SHARE = 0.01
SIGMAS = 3.0
APART = 4.0
LEAST = 50


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Look for labels that do not belong to their inputs."""
    train, validation = train_split(task), validation_split(task)
    if train.labels is None:
        raise Skip("There is not one class per example: labels cannot be compared with those of neighbours.")
    evidence: dict[str, Any] = {"looked_at": train.looked_at}
    clashing = _contradicting(train)
    evidence["contradicting"] = first_places(train.places[clashing])
    agreement = _agreement(train)
    whole = agreement
    evidence |= {"neighbours_agree": whole[0], "by_chance": whole[1], "examples_compared": whole[2]}
    if validation is not None and validation.labels is not None:
        least = min(len(train), len(validation), MOST)
        other, agreement = _agreement(validation, least), _agreement(train, least)
        evidence |= {"validation_neighbours_agree": other[0], "validation_by_chance": other[1]}
        for name, here, there in (("train", agreement, other), ("validation", other, agreement)):
            if _sigmas(here) < APART and _far_below(here, there):
                return _parted(name, here, there, evidence)
        within = min(agreement, other, key=lambda one: one[0])
        renamed = _renamed(train, validation, within, evidence) if _sigmas(within) > APART else None
        if renamed is not None:
            return renamed
    looked_at, _, odd = contradiction(train)
    suspects = looked_at[odd]
    evidence["suspects"] = first_places(train.places[suspects])
    contradicted, suspected = float(clashing.mean()), len(suspects) / max(1, min(MOST, len(train)))
    evidence |= {"suspect_share": suspected, "contradicting_share": contradicted}
    count = min(MOST, len(train))
    if _surely(contradicted, len(train)) > SHARE and not few_values(train):
        return _warned(
            f"{contradicted:.1%} of the training examples have the inputs of another and a different label",
            train.places[clashing],
            contradicted,
            evidence,
        )
    if _surely(suspected, count) > SHARE:
        return _warned(
            f"{suspected:.1%} of the labels are contradicted by nearly all of the {NEIGHBOURS} most similar examples",
            train.places[suspects],
            suspected,
            evidence,
        )
    note = f"; {len(suspects)} are worth a look" if len(suspects) else ""
    return Finding(
        ROW,
        "pass",
        f"The most similar example has the same label in {whole[0]:.1%} of all cases ({whole[1]:.1%} by chance){note}.",
        expected=f"below {SHARE:g} suspect",
        measured=max(contradicted, suspected),
        tolerance=SHARE,
        evidence=evidence,
    )


def _parted(
    name: str, here: tuple[float, float, int], there: tuple[float, float, int], evidence: dict[str, Any]
) -> Finding:
    return Finding(
        ROW,
        "fail",
        f"The labels of {name} do not belong to their inputs: the most similar example has the same label in {here[0]:.1%} "
        "of all "
        f"cases, as by chance ({here[1]:.1%}), where it is {there[0]:.1%} in the other split.",
        expected=there[0],
        measured=here[0],
        advice=f"Most likely inputs and labels of {name} were shuffled or sorted apart from each other. Refute: look at a "
        "few examples "
        "and their labels.",
        evidence=evidence,
    )


def _renamed(
    train: Split, validation: Split, within: tuple[float, float, int], evidence: dict[str, Any]
) -> Finding | None:
    """The finding when validation calls the classes by other numbers; `within`: how often neighbours agree inside a split."""
    if train.features.shape[1] != validation.features.shape[1] or min(len(train), len(validation)) < LEAST:
        return None
    mine, near = _nearest(train, validation)
    meant = {int(label): Counter(near[mine == label].tolist()).most_common(1)[0][0] for label in np.unique(mine)}
    across = float((mine == near).mean())
    restored = float((np.array([meant[int(label)] for label in mine]) == near).mean())
    evidence |= {"validation_agrees_with_train": across, "once_renamed": restored}
    one_to_one = len(set(meant.values())) == len(meant) > 1
    if (
        not one_to_one
        or not _far_below((across, 0.0, len(mine)), within)
        or _far_below((restored, 0.0, len(mine)), within)
    ):
        return None
    others = [f"{here} is {there} in train" for here, there in meant.items() if here != there]
    return Finding(
        ROW,
        "fail",
        f"A label of validation means another class than in train ({', '.join(others[:4])}{', …' if len(others) > 4 else ''}): "
        f"the most similar example of train has the same label in {across:.1%} of all cases, and in {restored:.1%} once renamed.",
        expected=within[0],
        measured=across,
        advice="Most likely two label maps: each split numbered its classes by itself, or read them in another order. "
        "Refute: examples of one label must be of one class in both splits.",
        evidence=evidence | {"meant": [[here, there] for here, there in meant.items()]},
    )


def _warned(what: str, places: np.ndarray, share: float, evidence: dict[str, Any]) -> Finding:
    few = ", ".join(str(int(p)) for p in places[:4]) + (", …" if len(places) > 4 else "")
    return Finding(
        ROW,
        "warn",
        f"{what} (examples {few}).",
        expected=f"below {SHARE:g} suspect",
        measured=share,
        tolerance=SHARE,
        advice="Most likely wrong labels, or classes that overlap by nature. Refute: look at the examples named; their "
        "labels must be "
        "right.",
        evidence=evidence,
    )


def _contradicting(split: Split) -> np.ndarray:
    """(N,) whether an example's inputs occur with another label as well."""
    seen: dict[bytes, set[int]] = {}
    assert split.labels is not None  # the check skips without labels
    for key, label in zip(split.keys, split.labels.tolist(), strict=True):
        seen.setdefault(key, set()).add(label)
    return np.array([len(seen[key]) > 1 for key in split.keys])


def _neighbours(split: Split, count: int, among: int = MOST) -> tuple[np.ndarray, np.ndarray]:
    """(places within the split, their nearest others as places among those), nearest first."""
    chosen = drawn(len(split), among)
    features = scaled(split.features)[chosen]
    where = neighbours_in(features, min(count, len(chosen) - 1)).kneighbors(return_distance=False)
    return chosen, where


def _agreement(split: Split, most: int = MOST) -> tuple[float, float, int]:
    """How often the nearest other example has the same label, how often by chance, and among how many."""
    assert split.labels is not None
    if min(len(split), most) < LEAST or not split.features.shape[1]:
        return math.nan, math.nan, 0
    chosen, where = _neighbours(split, 1, most)
    labels = split.labels[chosen]
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float((labels[where[:, 0]] == labels).mean()), float((shares**2).sum()), len(labels)


def _nearest(train: Split, validation: Split) -> tuple[np.ndarray, np.ndarray]:
    """Labels of validation examples, and those of the nearest examples of train."""
    assert train.labels is not None
    assert validation.labels is not None
    mine, theirs = drawn(len(train), MOST), drawn(len(validation), MOST)
    search = neighbours_in(scaled(train.features)[mine], 1)
    near = search.kneighbors(scaled(validation.features, train.features)[theirs], return_distance=False)[:, 0]
    return validation.labels[theirs], train.labels[mine][near]


def _sigmas(agreement: tuple[float, float, int]) -> float:
    """How far above chance, in standard errors; NaN where nothing was compared."""
    share, chance, count = agreement
    return (share - chance) / math.sqrt(max(chance * (1 - chance), 1e-12) / count) if count else math.nan


def _far_below(here: tuple[float, float, int], there: tuple[float, float, int]) -> bool:
    """Whether one agreement lies below another by APART standard errors, and by most of what that one is above chance."""
    error = math.sqrt(sum(a[0] * (1 - a[0]) / max(1, a[2]) for a in (here, there)) + 1e-12)
    return there[0] - here[0] > APART * error and there[0] - here[0] > 0.5 * (1 - there[1])


def contradiction(split: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(places in the split that were looked at, share of the neighbours that agree on one other label, whether it is suspect).

    Empty where there is no label per example, or too few examples.
    """
    if split.labels is None or len(split) < LEAST or not split.features.shape[1]:
        return np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=bool)
    chosen, where = _neighbours(split, NEIGHBOURS)
    labels = split.labels[chosen]
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    around = codes[where]
    votes = np.stack([(around == code).sum(axis=1) for code in range(len(classes))], axis=1)
    votes[np.arange(len(codes)), codes] = 0
    winner = votes.argmax(axis=1)
    most, size = votes.max(axis=1), around.shape[1]
    from scipy.stats import binom  # a second, which a training without its checks is spared

    luck = binom.sf(most - 1, size, (counts / counts.sum())[winner])
    return chosen, most / size, (most >= VOTES * size) & (luck < INFORMATIVE)


def _surely(share: float, count: int) -> float:
    """The share less SIGMAS standard errors."""
    return share - SIGMAS * math.sqrt(max(share * (1 - share), 0.0) / max(1, count))
