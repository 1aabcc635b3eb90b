"""data.duplicates: no example of validation was trained on.

Symptom: a validation score that is too good, and does not hold afterwards.
Test (exact): share of validation examples whose inputs, every number of them, are in train. Data of few values repeat
themselves, so the share is compared with that of train examples that occur again in train, which would be the same if
the splits were drawn alike: more than SIGMAS standard errors above it are rows that were copied. Near copies
likewise, by the distance to the nearest neighbour: nearer than what a sample of that dimension has by chance, once in
1 / RARE (the dimension is estimated from the data: Facco et al. 2017). Windows of one sequence: shares more than half
a window with a window of train.
Fails where SHARED of validation or more is copied, exactly or nearly; warns for fewer, for windows that overlap, and
for copies inside of train where the values are not so few that chance explains them.
When it is wrong: repetition by design (upsampling), which is declared: "repeated".
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from nntui.checks.corrupt import TABLE, is_table
from nntui.checks.dataset import Split, drawn, first_places, neighbours_in, scaled, train_split, validation_split
from nntui.checks.guard import guarded
from nntui.checks.task import Task
from nntui.finding import Finding

ROW = "data.duplicates"
SIGMAS = 4.0
SHARED = 0.01
ALMOST_ALL = 0.95
RARE = 1e-3
UNLIKE = (0.3, 0.85)
"""Median nearest distance from validation to train, to that inside of train, from which the splits are not read alike (one is
noisier): distances tell nothing then. Below, most of validation is copied."""
WINDOWS = 0.5
"""Share of validation windows that overlap with train from which it is no chance."""
NEIGHBOURS_FROM = 3000
"""Examples at most whose neighbours are looked for, and among which."""
LEAST = 16
"""Examples, or places of a sequence, below which nothing is told."""


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Look for examples that occur more than once."""
    train, validation = train_split(task), validation_split(task)
    again = _again(train)
    evidence: dict[str, Any] = {"looked_at": train.looked_at, "train_repeated": float(again.mean())}
    if validation is not None:
        evidence["looked_at"] += f" and {validation.looked_at}"
        shared = _shared(train, validation, again, evidence) or _near(task, train, validation, evidence)
        if shared is not None and not task.declares("repeated"):
            return shared
        overlap = _overlap(train, validation, evidence)
        if overlap is not None and not task.declares("repeated"):
            return overlap
    inside = float(again.mean())
    if inside > SHARED and not task.declares("repeated") and not few_values(train):
        places = train.places[again]
        evidence["repeated"] = first_places(places)
        return Finding(
            ROW,
            "warn",
            f"{inside:.1%} of the training examples occur more than once (examples {_list(places)}).",
            expected=0.0,
            measured=inside,
            tolerance=SHARED,
            advice="Most likely a file that was read twice, or copies left from joining sources. If it is upsampling, declare "
            "'repeated'. Refute: the examples named must differ.",
            evidence=evidence,
        )
    note = f"; {inside:.1%} of train repeat, as data of few values do" if inside > SHARED else ""
    across = "no example of validation was trained on" if validation is not None else "there is no validation split"
    return Finding(
        ROW,
        "pass",
        f"Examples occur once, and {across} ({evidence['looked_at']}{note}).",
        expected=0.0,
        measured=inside,
        evidence=evidence,
    )


def repeats(split: Split, known: Split) -> np.ndarray:
    """(N,) place in `known`'s data of the first example with the same inputs; -1 where there is none, or it is that one."""
    first: dict[bytes, int] = {}
    for place, key in zip(known.places.tolist(), known.keys, strict=True):
        first.setdefault(key, place)
    found = np.array([first.get(key, -1) for key in split.keys], dtype=np.int64)
    return np.where(found == split.places, -1, found) if split is known else found


def _again(split: Split) -> np.ndarray:
    """(N,) whether an example occurs again in its split; blank ones are left out."""
    counts = Counter(split.keys)
    return np.array([counts[key] > 1 for key in split.keys]) & ~_blank(split)


def _blank(split: Split) -> np.ndarray:
    """(N,) whether all of an example is one value, which data.corrupt tells of."""
    array = split.tokens if split.tokens is not None else split.features
    return array.max(axis=1) == array.min(axis=1) if array.shape[1] > 1 else np.zeros(len(split), dtype=bool)


def _shared(train: Split, validation: Split, again: np.ndarray, evidence: dict[str, Any]) -> Finding | None:
    """The finding when validation has examples of train; None when it has no more than chance explains."""
    where: dict[bytes, int] = {}
    for place, key in enumerate(train.keys):
        where.setdefault(key, place)
    blank = _blank(validation)
    hits = [(i, where[key]) for i, key in enumerate(validation.keys) if key in where and not blank[i]]
    natural = few_values(train) or again.mean() <= SHARED
    share, base = len(hits) / len(validation), float(again.mean()) if natural else 0.0
    evidence |= {"validation_in_train": share, "expected_by_repetition": base}
    if share <= _most_by_chance(base, len(train), len(validation)):
        return None
    pairs = [(int(validation.places[i]), int(train.places[j])) for i, j in hits[:20]]
    return _copied(share, base, pairs, "were trained on too", evidence)


def _copied(share: float, base: float, pairs: list[tuple[int, int]], how: str, evidence: dict[str, Any]) -> Finding:
    named = ", ".join(f"{i} = {j}" for i, j in pairs[:3])
    return Finding(
        ROW,
        "fail" if share - base >= SHARED else "warn",
        f"{share:.1%} of the validation examples {how} (validation = train: {named}{', …' if len(pairs) > 3 else ''})"
        + (f"; repetition by nature explains {base:.1%}." if base > 0 else "."),
        expected=base,
        measured=share,
        tolerance=0.0,
        advice=f"Most likely {_WHOLE if share > ALMOST_ALL else _PART}. Its score says how well examples are remembered. Refute: "
        "the examples named must differ.",
        evidence=evidence | {"pairs": [list(pair) for pair in pairs]},
    )


_WHOLE = "validation is in train as a whole: one split is read twice, or its rows were added to the training data"
_PART = "the split was made after copying or augmenting, or validation was cut out of train without removing it"


def _near(task: Task, train: Split, validation: Split, evidence: dict[str, Any]) -> Finding | None:
    """The finding when validation has near copies of train; None when it has no more than chance explains."""
    if min(len(train), len(validation)) < LEAST or not train.features.shape[1]:
        return None
    if train.features.shape[1] != validation.features.shape[1] or train.tokens is not None:
        return None
    columns = is_table(task, train) and train.features.shape[1] <= TABLE  # pixels share a scale, columns do not
    base, other = (
        scaled(one.features, train.features) if columns else np.nan_to_num(one.features) for one in (train, validation)
    )
    mine, theirs = drawn(len(train), NEIGHBOURS_FROM), drawn(len(validation), NEIGHBOURS_FROM)
    other = other[theirs]
    search = neighbours_in(base, 3)
    inside = search.kneighbors(base[mine])[0][:, 1:]
    across, where = search.kneighbors(other, n_neighbors=1)
    usual, usual_across = float(np.median(inside[:, 0])), float(np.median(across[:, 0]))
    ratio = usual_across / usual if usual > 0 else 1.0
    evidence["distance_across_to_inside"] = ratio
    if UNLIKE[0] < ratio < UNLIKE[1]:
        return None
    limit = _rarely_nearer(inside)
    evidence["near_distance"] = limit
    if not limit > 0:
        return None
    near = (across[:, 0] < limit) & ~_blank(validation)[theirs]
    share, natural = float(near.mean()), float((inside[:, 0] < limit).mean())
    evidence |= {"validation_near_train": share, "train_near_train": natural}
    if share <= _most_by_chance(max(natural, RARE), len(mine), len(theirs)):
        return None
    rows = np.flatnonzero(near)[:20]
    pairs = [(int(validation.places[theirs[i]]), int(train.places[where[i, 0]])) for i in rows]
    return _copied(share, natural, pairs, "have a near copy in train", evidence)


def _rarely_nearer(distances: np.ndarray) -> float:
    """Distance below which a nearest neighbour is, by chance, in RARE of all cases. distances: (N, 2) to the first and second.

    The dimension is N / Σ log(second / first), Facco et al. 2017; nearest distances grow as its root, so that a share RARE
    of them lies below the median times (RARE / ln 2) to the power of its inverse.
    """
    first, second = distances[:, 0], distances[:, 1]
    fine = (first > 0) & (second > first)
    if fine.sum() < LEAST:
        return 0.0
    dimension = max(1.0, fine.sum() / float(np.log(second[fine] / first[fine]).sum()))
    return float(np.median(first[first > 0])) * float((RARE / math.log(2)) ** (1.0 / dimension))


def _overlap(train: Split, validation: Split, evidence: dict[str, Any]) -> Finding | None:
    """The finding when windows of validation overlap with windows of train."""
    one, other = train.tokens, validation.tokens
    if one is None or other is None or min(one.shape[1], other.shape[1]) < LEAST:
        return None
    length = max(LEAST, one.shape[1] // 2)
    known = np.unique(_stretches(one, length)[_varied(one, length)])
    hit = (np.isin(_stretches(other, length), known) & _varied(other, length)).reshape(len(other), -1).any(axis=1)
    share = float(hit.mean())
    evidence["windows_overlapping"] = share
    if share < WINDOWS:
        return None
    return Finding(
        ROW,
        "warn",
        f"{share:.0%} of the validation sequences share {length} places in a row with a sequence of train.",
        expected=f"below {WINDOWS:g} of the windows",
        measured=share,
        tolerance=WINDOWS,
        advice="Most likely windows that overlap were split at random: cut the text or the time series in two first, and "
        "into windows "
        "after. Refute: no stretch of validation may be found in train.",
        evidence=evidence | {"overlapping": first_places(validation.places[hit])},
    )


def _stretches(tokens: np.ndarray, length: int) -> np.ndarray:
    """A number for every stretch of so many places: (N, T) -> (N · (T - length + 1),); equal stretches have equal numbers."""
    base = np.uint64(1_000_003)
    found = np.zeros((len(tokens), tokens.shape[1] - length + 1), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for offset in range(length):
            found = found * base + tokens[:, offset : offset + found.shape[1]].astype(np.uint64) + np.uint64(1)
    return found.ravel()


def _varied(tokens: np.ndarray, length: int) -> np.ndarray:
    """Whether a stretch is more than padding, one in four of its places unlike the next: (N, T) -> (N · (T - length + 1),)."""
    changes = np.concatenate([np.zeros((len(tokens), 1)), np.cumsum(tokens[:, 1:] != tokens[:, :-1], axis=1)], axis=1)
    return (changes[:, length - 1 :] - changes[:, : tokens.shape[1] - length + 1] >= length / 4).ravel()


def _most_by_chance(share: float, known: int, count: int) -> float:
    """The largest share among `count` that SIGMAS standard errors allow, where it is `share` among `known`."""
    return share + SIGMAS * math.sqrt(share * (1 - share) * (1 / known + 1 / count))


def few_values(split: Split) -> bool:
    """Whether the values of the columns are so few that rows repeat by chance: combinations within the pairs of examples,
    widely."""
    array = split.tokens if split.tokens is not None else split.features
    if not array.shape[1]:
        return True
    combinations = sum(math.log10(max(1, len(np.unique(column)))) for column in array.T)
    return combinations < 2 * math.log10(max(2, len(split))) + 2


def _list(places: np.ndarray) -> str:
    return ", ".join(str(int(place)) for place in places[:4]) + (", …" if len(places) > 4 else "")
