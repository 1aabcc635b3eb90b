"""data.outliers: no example and no column lies far from the rest.

Symptom: a loss with spikes, one feature that all weights serve, targets that a few examples dominate.
Test: per example, the distance to its NEIGHBOURS-th nearest other, columns scaled to one spread; far is FAR times
what one in a hundred exceeds. Per column of a table, its spread against the median spread: UNITS times more or less
is another unit. Targets that are real numbers: distance from the median, FAR times what one in a hundred exceeds.
Only warns: what is far may be the most valuable example there is. The list, farthest first, is in the evidence.
When it is wrong: heavy tails by nature, as incomes are; take their logarithm.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nntui.analysis.ticks import format_number
from nntui.checks.corrupt import TABLE, is_table
from nntui.checks.dataset import Split, drawn, first_places, neighbours_in, train_split
from nntui.checks.guard import guarded
from nntui.checks.plain import first_is_normalised
from nntui.checks.task import Task
from nntui.finding import Finding

ROW = "data.outliers"
NEIGHBOURS = 5
FAR = 10.0
UNITS = 1000.0
MOST = 4000
LEAST = 50


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Look for examples and columns far from the rest."""
    train = train_split(task)
    chosen = drawn(len(train), MOST)
    evidence: dict[str, Any] = {"looked_at": train.looked_at, "threshold": FAR}
    found: list[str] = []
    worst = 0.0
    scores = distances(train.features[chosen])
    if len(scores) and np.isfinite(scores).all():
        limit = float(np.quantile(scores, 0.99))
        order = np.argsort(-scores)
        worst = float(scores[order[0]] / limit) if limit > 0 else 0.0
        evidence |= {
            "farthest": first_places(train.places[chosen[order]]),
            "distances": [float(d) for d in scores[order[:20]]],
            "one_in_a_hundred_exceeds": limit,
        }
        far = order[scores[order] > FAR * limit] if limit > 0 else order[:0]
        if len(far):
            found.append(
                f"{_examples(train.places[chosen[far]])} {'are' if len(far) > 1 else 'is'} {format_number(worst)} times as far "
                "from the others as one in a hundred is"
            )
    found += _targets(train, evidence)
    units = _units(task, train, evidence) if not first_is_normalised(task, seed) else []
    if found or units:
        return Finding(
            ROW,
            "warn",
            f"{'; '.join(found + units)}.",
            expected=f"within {FAR:g} times",
            measured=worst,
            evidence=evidence,
            advice=(
                "Most likely a column in another unit, or one that was not scaled with the others: divide each by its own "
                "standard "
                "deviation. Refute: the spreads of the columns must be within one or two orders of magnitude."
                if units and not found
                else "Most likely a wrong unit, a missing decimal point, or a placeholder such as -999 or 1e9. Refute: "
                "look at the "
                "examples named; their numbers must be possible."
            ),
        )
    return Finding(
        ROW,
        "pass",
        f"No example lies far from the rest (the farthest {format_number(worst)} times what one in a hundred exceeds; "
        f"{train.looked_at}).",
        expected=f"within {FAR:g} times",
        measured=worst,
        evidence=evidence,
    )


def distances(features: np.ndarray) -> np.ndarray:
    """Distance of each row to its NEIGHBOURS-th nearest other, columns scaled by robust spread; empty where there are too few.

    The spread is half the distance between the 16th and the 84th percentile, that one outlier cannot move; columns without one
    are left as they are, less their median. NaN counts as the median.
    """
    if len(features) < LEAST or not features.shape[1]:
        return np.zeros(0)
    known = np.where(np.isfinite(features), features, np.nan)
    low, middle, high = (np.nan_to_num(q) for q in np.nanpercentile(known, [16, 50, 84], axis=0))
    spread = (high - low) / 2
    moved = np.nan_to_num(known - middle)
    plain = np.median(spread[spread > 0]) if (spread > 0).any() else 1.0
    rows = moved / np.where(spread > 0, spread, plain)
    return neighbours_in(rows, NEIGHBOURS).kneighbors()[0][:, -1]


def _targets(split: Split, evidence: dict[str, Any]) -> list[str]:
    """Targets far from the rest, in words."""
    if split.values is None or split.values.shape[1] != 1 or len(split) < LEAST or split.labels is not None:
        return []
    off = np.abs(split.values[:, 0] - np.nanmedian(split.values[:, 0]))
    limit = float(np.nanquantile(off, 0.99))
    far = np.flatnonzero(off > FAR * limit) if limit > 0 else np.zeros(0, dtype=np.int64)
    evidence["farthest_targets"] = first_places(split.places[np.argsort(-np.nan_to_num(off))], 5)
    if not len(far):
        return []
    return [f"{_examples(split.places[far])} {'have targets' if len(far) > 1 else 'has a target'} far from the others"]


def _units(task: Task, split: Split, evidence: dict[str, Any]) -> list[str]:
    """Columns of a table in another unit, in words."""
    if not is_table(task, split) or split.features.shape[1] < 2:
        return []
    spread = np.nan_to_num(np.nanstd(split.features, axis=0))
    if not (spread > 0).any():
        return []
    usual = float(np.median(spread[spread > 0]))
    small = spread < usual / UNITS if len(spread) <= TABLE else np.zeros(len(spread), dtype=bool)
    odd = np.flatnonzero((spread > 0) & ((spread > UNITS * usual) | small))
    evidence["spread_of_columns"] = [float(s) for s in spread[:32]]
    if not len(odd):
        return []
    one = int(odd[0])
    return [
        f"column {', '.join(str(int(c)) for c in odd[:3])} of the inputs has a spread of "
        f"{format_number(float(spread[one]))}, where "
        f"{format_number(usual)} is usual"
    ]


def _examples(places: np.ndarray) -> str:
    few = ", ".join(str(int(p)) for p in places[:4]) + (", …" if len(places) > 4 else "")
    return f"example{'s' if len(places) > 1 else ''} {few}"
