"""data.corrupt: no example is broken.

Symptom: a loss that is NaN from some batch on, an index error in the loss, capacity spent on blanks.
Test (exact, on a sample of each split whose size is said): every input and target is finite; every label is one of
the classes that the network has outputs for; no example is one number throughout where the others are not; no column
of a table is one number throughout; sequences are not mostly padding (PADDED of all places hold the token, or the
zeros, that end them).
Fails for what cannot be meant (not finite, no such class), warns for the rest.
When it is wrong: a blank example may be one, as a white page is; a label beyond the classes that the loss ignores is
not seen as such unless it is -100.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nntui.checks.dataset import Split, first_places, train_split, validation_split
from nntui.checks.experiment import is_classification
from nntui.checks.guard import guarded
from nntui.checks.references import class_axis
from nntui.checks.task import Task, tensors
from nntui.finding import Finding

ROW = "data.corrupt"
IGNORED = -100
"""The label that torch's losses leave out by default."""
PADDED = 0.6
SIGMAS = 4.0
FEW_VALUES = 32
SPACES = 0.01
"""Share of texts that may be one token throughout, as a run of spaces is."""
TABLE = 32
"""Columns up to which rows are surely a table; wider ones may be pictures laid flat, whose borders never change."""
LEAST_PLACES = 8
"""Numbers per example from which one number throughout is no chance."""


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Look for broken examples in both splits."""
    splits = [split for split in (train_split(task), validation_split(task)) if split is not None]
    looked_at = " and ".join(split.looked_at for split in splits)
    evidence: dict[str, Any] = {"looked_at": looked_at}
    broken = [words for split in splits for words in _not_finite(task, split, evidence)]
    if broken:
        return _told(
            "fail",
            broken,
            "numbers that are missing or overflowed where the data were made (a division by zero, an empty cell). Refute: "
            "isfinite() must hold for every example, before and after the preprocessing.",
            evidence,
        )
    outside = _outside(task, seed, splits, evidence)
    if outside:
        return _told(
            "fail",
            [outside],
            "labels that count from 1, a class that was added later, or a label map of another dataset. Refute: the least label "
            "must be 0, and the largest one less than the outputs.",
            evidence,
        )
    odd = [words for split in splits for words in (*_blank(task, split, evidence), *_padding(split, evidence))]
    odd += _constant_columns(task, splits[0], evidence)
    if odd:
        return _told(
            "warn",
            odd,
            "files that could not be read and became zeros, a crop outside of the picture, a column that was never filled. "
            "Refute: look at these examples; they must be what they should be.",
            evidence,
        )
    return Finding(
        ROW,
        "pass",
        f"No example is broken ({looked_at}).",
        expected="finite numbers, labels of known classes, nothing blank",
        measured="none broken",
        evidence=evidence,
    )


def _told(status: Any, found: list[str], cause: str, evidence: dict[str, Any]) -> Finding:
    return Finding(
        ROW,
        status,
        f"{'; '.join(found[:3])}.",
        expected="finite numbers, labels of known classes, nothing blank",
        measured=f"{len(found)} kind{'s' if len(found) > 1 else ''} of broken examples",
        advice=f"Most likely {cause}",
        evidence=evidence,
    )


def _not_finite(task: Task, split: Split, evidence: dict[str, Any]) -> list[str]:
    """What is not finite, in words with the places of the examples."""
    found = []
    for what, part in (("inputs", 0), ("targets", 1)):
        bad: list[int] = []
        count, begin = 0, 0
        for batch in split.raw:
            each = [t for t in tensors(batch[part]) if t.is_floating_point() and t.dim() > task.batch_axis]
            size = max((t.shape[task.batch_axis] for t in tensors(batch[0]) if t.dim() > task.batch_axis), default=0)
            for t in each:
                odd = ~t.isfinite()
                if bool(odd.any()):
                    count += int(odd.sum())
                    rows = odd.movedim(task.batch_axis, 0).flatten(1).any(1) if odd.dim() > 1 else odd
                    bad += [int(split.places[begin + int(i)]) for i in rows.nonzero() if begin + int(i) < len(split)]
            begin += size
        if count:
            evidence[f"{split.name}_{what}_not_finite"] = first_places(sorted(set(bad)))
            found.append(f"the {what} of {split.name} hold {count:,} numbers that are not finite, {_examples(bad)}")
    return found


def _outside(task: Task, seed: int, splits: list[Split], evidence: dict[str, Any]) -> str:
    """Labels that the network has no output for, in words; empty when there are none."""
    known = _outputs(task, seed) or len(task.classes or ())
    if not known:
        return ""
    evidence["classes"] = known
    for split in splits:
        low, high = 0, -1
        bad: list[int] = []
        for number, (_, aims) in enumerate(split.raw):
            for t in tensors(aims):
                if t.is_floating_point() or t.dtype == torch.bool:
                    continue
                odd = ((t < 0) & (t != IGNORED)) | (t >= known)
                if bool(odd.any()):
                    low, high = min(low, int(t[odd].min())), max(high, int(t[odd].max()))
                    bad.append(number)
        if bad:
            evidence[f"{split.name}_labels_outside"] = [low, high]
            worst = high if high >= known else low
            return f"a label of {split.name} is {worst}, where the network has {known} outputs (0 to {known - 1})"
    return ""


@torch.no_grad()
def _outputs(task: Task, seed: int) -> int:
    """Classes that the network has outputs for; 0 where there are none, or it cannot be called (other rows say so)."""
    try:
        inputs, targets = task.first_batch()
        outputs = tensors(task.call(task.build(seed).eval(), inputs))
    except Exception:  # noqa: BLE001 (a user's model may raise anything)
        return 0
    found = [o for o in outputs if isinstance(targets, Tensor) and is_classification(o, targets)]
    return found[0].shape[class_axis(found[0], targets)] if found else 0


def _blank(task: Task, split: Split, evidence: dict[str, Any]) -> list[str]:
    """Examples that are one number throughout, where most are not."""
    array = split.tokens if split.tokens is not None else split.features
    if array.shape[1] < LEAST_PLACES:
        return []
    blank = array.max(axis=1) == array.min(axis=1)
    if blank.mean() <= (SPACES if split.tokens is not None else 0.0) or blank.mean() > 0.5:
        return []
    chance = _blank_by_chance(array)
    if blank.sum() <= chance + SIGMAS * chance**0.5:
        return []
    places = split.places[blank]
    evidence[f"{split.name}_blank"] = first_places(places)
    return [f"{blank.sum():,} examples of {split.name} are one number throughout, {_examples(places)}"]


def _blank_by_chance(array: np.ndarray) -> float:
    """How many rows of independent columns with these values would be one number throughout; 0 where values are many."""
    values = np.unique(array[:, 0])
    if len(values) > FEW_VALUES:
        return 0.0
    return float(sum((array == value).mean(axis=0).prod() for value in values) * len(array))


def _padding(split: Split, evidence: dict[str, Any]) -> list[str]:
    """Sequences that are mostly what ends them."""
    sequences = split.tokens
    if sequences is None or sequences.shape[1] < LEAST_PLACES:
        return []
    ends, counts = np.unique(sequences[:, -1], return_counts=True)
    pad = ends[counts.argmax()]
    if counts.max() < len(sequences) / 2:
        return []
    trailing = np.cumprod((sequences == pad)[:, ::-1], axis=1).sum(axis=1)
    share = float(trailing.mean() / sequences.shape[1])
    evidence[f"{split.name}_padding"] = share
    if share <= PADDED:
        return []
    return [f"{share:.0%} of all places of {split.name} are padding (token {pad} to the end)"]


def _constant_columns(task: Task, split: Split, evidence: dict[str, Any]) -> list[str]:
    """Columns of a table that never change; pixels may."""
    constant = (
        np.flatnonzero(split.features.max(axis=0) == split.features.min(axis=0)) if len(split) > 1 else np.zeros(0)
    )
    if not len(constant) or split.tokens is not None:
        return []
    evidence["constant_columns"] = first_places(constant)
    if not is_table(task, split) or split.features.shape[1] > TABLE:
        return []
    shown = ", ".join(str(int(c)) for c in constant[:5])
    return [
        f"column{'s' if len(constant) > 1 else ''} {shown} of the inputs never change{'s' if len(constant) == 1 else ''}"
    ]


def is_table(task: Task, split: Split) -> bool:
    """Whether inputs are rows of a table: one axis, and not shown as anything else."""
    if len(split.shape) != 1 or split.tokens is not None:
        return False
    shown, texts = task.shown(split.raw[0][0])
    return texts is None and getattr(shown, "ndim", 0) == 2


def _examples(places: Any) -> str:
    unique = sorted({int(place) for place in places})
    return (
        "example"
        + ("s " if len(unique) > 1 else " ")
        + ", ".join(map(str, unique[:5]))
        + (", …" if len(unique) > 5 else "")
    )
