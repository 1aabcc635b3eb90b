"""data.balance: how classes or targets are spread, and that validation is of the same kind as train.

Symptom: a class that is never predicted; a validation loss that train cannot explain; a loss that saws once an epoch.
Tests: every class of validation occurs in train, and the other way round (exact, with the counts). Inputs: per
column, the mean and spread of validation against those of train; more than PREPROCESSED in the median column is
another preprocessing, which fails beyond FAR. A single column, or the targets, by more than SHIFT spreads and SIGMAS
standard errors: the splits differ. A loader's own first batches: fewer kinds of labels than a random order gives once
in 1 / ORDERED says that they are sorted.
Imbalance alone is no fault: it is told, with the loss of the best constant prediction in skeleton.init_loss.
When it is wrong: splits that are meant to differ (by time, by place), declared "shift"; an order that is meant,
"curriculum".
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from nntui.analysis.ticks import format_number
from nntui.checks.dataset import Split, train_split, validation_split
from nntui.checks.guard import guarded
from nntui.checks.plain import first_is_normalised
from nntui.checks.task import Task, TaskError, tensors
from nntui.finding import Finding

ROW = "data.balance"
PREPROCESSED = 0.5
"""Spreads by which the median column's mean may move, and natural logarithms of the ratio of spreads, between the splits."""
FAR = 1.15
"""The same, from which it is no drift: half an order of magnitude."""
SHIFT = 1.0
SIGMAS = 5.0
ORDERED = 1e-6
BATCHES = 16
DRAWS = 200
LEAST = 16


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Compare the classes, targets and inputs of the splits, and the labels of the loader's first batches."""
    train, validation = train_split(task), validation_split(task)
    evidence: dict[str, Any] = {"looked_at": train.looked_at}
    summary = _summary(task, train, evidence)
    found = None if task.declares("contrastive") else _one_class(task, train)
    if validation is not None:
        evidence["looked_at"] += f" and {validation.looked_at}"
        _summary(task, validation, evidence)
        if found is None and not task.declares("shift"):
            found = (
                _missing(task, train, validation)
                or _preprocessing(task, train, validation, seed, evidence)
                or _drift(train, validation, evidence)
            )
    if found is None and not task.declares("curriculum"):
        found = _sorted(task, evidence)
    if found is not None:
        status, words, advice = found
        return Finding(
            ROW,
            status,
            f"{words}.",
            expected="splits alike",
            measured=words,
            advice=f"Most likely {advice}",
            evidence=evidence,
        )
    alike = ", and validation is alike" if validation is not None else "; there is no validation split"
    return Finding(ROW, "pass", f"{summary}{alike}.", expected="splits alike", measured="alike", evidence=evidence)


def _summary(task: Task, split: Split, evidence: dict[str, Any]) -> str:
    """How labels or targets are spread, in words; the counts go into the evidence."""
    if split.labels is not None:
        classes, counts = np.unique(split.labels, return_counts=True)
        names = [_named(task, int(c)) for c in classes]
        evidence[f"{split.name}_classes"] = dict(zip(names, map(int, counts), strict=True))
        rare, common = int(counts.argmin()), int(counts.argmax())
        shares = counts / counts.sum()
        evidence[f"{split.name}_entropy"] = float(-(shares * np.log(shares)).sum())
        return (
            f"{len(classes)} classes, from {shares[rare]:.1%} ({names[rare]}) to {shares[common]:.1%} ({names[common]})"
            if len(classes) > 1
            else f"one class only ({names[0]})"
        )
    if split.values is not None:
        mean, spread = np.nanmean(split.values, axis=0), np.nanstd(split.values, axis=0)
        evidence[f"{split.name}_target_mean"] = [float(m) for m in mean[:16]]
        evidence[f"{split.name}_target_spread"] = [float(s) for s in spread[:16]]
        return f"Targets have a mean of {format_number(float(mean.mean()))} and a spread of {format_number(float(spread.mean()))}"
    return "Targets are neither one class nor real numbers"


def _preprocessing(
    task: Task, train: Split, validation: Split, seed: int, evidence: dict[str, Any]
) -> tuple[Any, str, str] | None:
    """The verdict on splits that were not preprocessed alike; None where they were, or cannot be compared."""
    one, other = train.features, validation.features
    if train.tokens is not None or one.shape[1] != other.shape[1] or min(len(one), len(other)) < LEAST:
        return None
    with np.errstate(all="ignore"):
        spread, spread_other = np.nanstd(one, axis=0), np.nanstd(other, axis=0)
        shift = (np.nanmean(other, axis=0) - np.nanmean(one, axis=0)) / spread
        ratio = np.log(spread_other / spread)
    fine = (spread > 0) & (spread_other > 0)
    if not fine.any():
        return None
    moved, stretched = float(np.median(shift[fine])), float(np.median(ratio[fine]))
    evidence |= {"median_shift": moved, "median_ratio_of_spreads": math.exp(stretched)}
    error = math.sqrt(1 / len(one) + 1 / len(other))
    far = max(abs(moved), abs(stretched))
    if far <= max(PREPROCESSED, SIGMAS * error):
        return None
    words = (
        f"The inputs of validation have {format_number(math.exp(stretched), 3)} times the spread of those of train, and lie "
        f"{format_number(moved, 3)} spreads beside them, in the median column"
    )
    if first_is_normalised(task, seed) and far <= FAR:
        return None
    return (
        "fail" if far > FAR else "warn",
        words,
        "validation does not go through the same preprocessing as train (a normalisation that is missing, done twice, or with "
        "its own mean). Refute: one example sent through both pipelines must come out the same.",
    )


def _one_class(task: Task, train: Split) -> tuple[Any, str, str] | None:
    if train.labels is None or len(train) < LEAST or len(np.unique(train.labels)) > 1:
        return None
    return (
        "warn",
        f"All {len(train):,} labels of train are {_named(task, int(train.labels[0]))}",
        "labels that were not read, or a filter that left one class. Refute: count the labels at their source.",
    )


def _missing(task: Task, train: Split, validation: Split) -> tuple[Any, str, str] | None:
    if train.labels is None or validation.labels is None:
        return None
    seen, asked = set(train.labels.tolist()), set(validation.labels.tolist())
    unseen = sorted(asked - seen)
    if unseen:
        count = int(np.isin(validation.labels, unseen).sum())
        return (
            "warn",
            f"{_several(task, unseen)} {'occur' if len(unseen) > 1 else 'occurs'} in validation ({count} examples) and "
            "never in train",
            "data sorted by class before they were split, or a label map of its own per split. Refute: count the labels of both "
            "splits.",
        )
    untested = sorted(seen - asked)
    expected = {c: len(validation) * float((train.labels == c).mean()) for c in untested}
    sure = [c for c in untested if expected[c] > -math.log(ORDERED)]
    if sure:
        return (
            "warn",
            f"{_several(task, sure)} {'occur' if len(sure) > 1 else 'occurs'} in train and never in validation, where "
            f"{format_number(expected[sure[0]], 3)} examples are to be expected",
            "data sorted by class before they were split. Refute: count the labels of both splits.",
        )
    return None


def _drift(train: Split, validation: Split, evidence: dict[str, Any]) -> tuple[Any, str, str] | None:
    """The verdict on splits of which a column or the targets differ."""
    pairs = [("the inputs", train.features, validation.features)]
    if train.labels is not None and validation.labels is not None:
        classes = np.unique(train.labels)
        pairs.append(("the labels", train.labels[:, None] == classes, validation.labels[:, None] == classes))
    elif train.values is not None and validation.values is not None:
        pairs.append(("the targets", train.values, validation.values))
    for what, one, other in pairs:
        if one.shape[1] != other.shape[1] or min(len(one), len(other)) < LEAST or not one.shape[1]:
            continue
        with np.errstate(all="ignore"):
            spread = np.nanstd(np.concatenate([one, other]).astype(float), axis=0)
            shift = np.nan_to_num((np.nanmean(other, axis=0) - np.nanmean(one, axis=0)) / spread, posinf=0, neginf=0)
        worst = int(np.abs(shift).argmax())
        size = abs(float(shift[worst]))
        evidence[f"largest_shift_of_{what.removeprefix('the ')}"] = size
        if size > max(SHIFT, SIGMAS * math.sqrt(1 / len(one) + 1 / len(other))):
            column = f", column {worst}," if one.shape[1] > 1 else ""
            return (
                "warn",
                f"{what.capitalize()} of validation{column} lie {format_number(size, 3)} spreads beside those of train",
                "splits that were not drawn alike (sorted before the split, another source). If it is meant, declare 'shift'. "
                "Refute: split at random and look again.",
            )
    return None


def _sorted(task: Task, evidence: dict[str, Any]) -> tuple[Any, str, str] | None:
    """The verdict on a loader whose batches have fewer kinds of labels than chance gives."""
    data = task.resolved()
    if not isinstance(data, DataLoader):
        return None
    batches: list[np.ndarray] = []
    for batch in itertools.islice(data, BATCHES):
        try:
            aims = [t for t in tensors(task.split_batch(batch)[1]) if t.dim() > 0]
        except TaskError:
            return None
        if len(aims) != 1 or aims[0].numel() != len(aims[0]) or aims[0].dtype == torch.bool:
            return None
        batches.append(aims[0].detach().cpu().reshape(-1).double().numpy())
    batches = [b for b in batches if len(b) > 1]
    whole = train_split(task).labels
    if not batches or whole is None or len(np.unique(whole)) < 2:
        return None
    rng = np.random.default_rng(0)
    measured = float(np.mean([len(np.unique(b)) for b in batches]))
    drawn = np.array([np.mean([len(np.unique(rng.choice(whole, len(b)))) for b in batches]) for _ in range(DRAWS)])
    evidence |= {"labels_per_batch": measured, "labels_per_batch_by_chance": float(drawn.mean())}
    below = (float(drawn.mean()) - measured) / max(float(drawn.std()), 0.05)
    if below < _normal_quantile(ORDERED) or measured > 0.75 * float(drawn.mean()):
        return None
    return (
        "warn",
        f"A batch has {format_number(measured, 3)} different labels on average, where a random order gives "
        f"{format_number(float(drawn.mean()), 3)}",
        "a loader without shuffle=True over examples sorted by class. If it is meant, declare 'curriculum'. Refute: print "
        "the labels "
        "of the first batches.",
    )


def _normal_quantile(share: float) -> float:
    """Standard deviations that a normal variable exceeds with this probability."""
    return float(-torch.special.ndtri(torch.tensor(share, dtype=torch.float64)))


def _named(task: Task, code: int) -> str:
    names = task.classes or ()
    return str(names[code]) if 0 <= code < len(names) else str(code)


def _several(task: Task, codes: list[int]) -> str:
    names = ", ".join(_named(task, code) for code in codes[:5]) + (", …" if len(codes) > 5 else "")
    return f"Class{'es' if len(codes) > 1 else ''} {names}"
