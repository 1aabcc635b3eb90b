"""data.leak: nothing among the inputs gives the target away.

Symptom: a score that is too good, and worthless once the column that held the answer is not known yet.
Tests (exact): targets equal to the inputs, place by place, in a task that is to predict what comes next. One column
of the inputs that sorts the classes without a mistake, every class in one stretch of its own, with gaps between them
wider than their spreads (a threshold on a column is a task, and no leak); for targets that are real numbers, a column
that follows them (or their order) to all but EXACT. By chance one column of any number sorts N labels so with a
probability of about C! · Π n_c! / N!, which is nothing at LEAST examples.
Fails for targets that are the inputs where outputs look no further; warns else: a toy task may be decided by one
column.
When it is wrong: autoencoders, declared "reconstruction" (targets equal to real-valued inputs as a whole are taken
for one).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nntui.checks.dataset import Split, train_split
from nntui.checks.guard import guarded
from nntui.checks.sequence import sequences
from nntui.checks.task import Task, tensors
from nntui.finding import Finding

ROW = "data.leak"
EXACT = 1e-4
"""Share of the variance of the targets that a column leaves unexplained."""
LEAST = 40
LEAST_PER_CLASS = 4


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Look for the target among the inputs."""
    train = train_split(task)
    evidence: dict[str, Any] = {"looked_at": train.looked_at, "columns": train.features.shape[1]}
    found = None
    if not task.declares("reconstruction"):
        found = _same(task, train, evidence) or _part(task, train, evidence) or _column(train, evidence)
    if found is None:
        return Finding(
            ROW,
            "pass",
            f"No input gives the target away ({train.features.shape[1]} columns, {train.looked_at}).",
            expected="no column that decides the target",
            measured="none",
            evidence=evidence,
        )
    status, words, advice = found
    return Finding(
        ROW,
        status,
        f"{words}.",
        expected="no column that decides the target",
        measured=words,
        advice=f"Most likely {advice}",
        evidence=evidence,
    )


def _same(task: Task, train: Split, evidence: dict[str, Any]) -> tuple[Any, str, str] | None:
    """The verdict on whole-number targets that equal the inputs at the same place."""
    inputs, targets = train.raw[0]
    if not isinstance(targets, Tensor) or targets.is_floating_point() or targets.dim() < 2:
        return None
    same = [t for t in tensors(inputs) if t.shape == targets.shape and not t.is_floating_point() and _equal(t, targets)]
    if not same:
        return None
    causal = sequences(task, inputs, targets).causal
    evidence["targets_are_inputs"] = True
    return (
        "fail" if causal or task.causal else "warn",
        "The targets are the inputs, place by place: the network only has to copy",
        "targets that were not shifted (inputs = text[:-1], targets = text[1:]). If it is meant, declare 'reconstruction'. "
        "Refute: the "
        "target at a place must be the input one place on.",
    )


def _equal(t: Tensor, targets: Tensor) -> bool:
    known = targets != -100
    return (
        bool(known.any())
        and torch.equal(t[known].long(), targets[known].long())
        and bool((targets != targets.flatten()[0]).any())
    )


def _part(task: Task, train: Split, evidence: dict[str, Any]) -> tuple[Any, str, str] | None:
    """The verdict on an input among several that is the target."""
    inputs, targets = train.raw[0]
    given = tensors(inputs)
    if not isinstance(targets, Tensor) or len(given) < 2:
        return None
    same = [
        k
        for k, t in enumerate(given)
        if t.numel() == targets.numel() and torch.equal(t.reshape(-1).double(), targets.reshape(-1).double())
    ]
    if not same or bool((targets == targets.flatten()[0]).all()):
        return None
    names = list(inputs) if isinstance(inputs, dict) else []
    name = f"`{names[same[0]]}`" if len(names) == len(given) else f"number {same[0]}"
    evidence["input_that_is_the_target"] = name
    return (
        "warn",
        f"The input {name} is the target itself",
        "a batch that was not taken apart: leave the target out of the inputs (split=). If it is meant, declare "
        "'reconstruction'. "
        "Refute: the model without this input must train as well.",
    )


def _column(train: Split, evidence: dict[str, Any]) -> tuple[Any, str, str] | None:
    """The verdict on a column that decides the target."""
    features = train.features
    if train.tokens is not None or len(train) < LEAST or not features.shape[1]:
        return None
    if train.labels is not None:
        column = _sorting(features, train.labels)
        how = "sorts the classes without a mistake"
    elif train.values is not None and train.values.shape[1] == 1 and features.shape[1] > 1:
        column = _following(features, train.values[:, 0])
        how = "follows the target to all but rounding"
    else:
        return None
    if column < 0:
        return None
    evidence["column_that_decides"] = column
    return (
        "warn",
        f"Column {column} of the inputs alone {how} ({len(train):,} examples)",
        "the target, or what was only known afterwards, among the inputs: leave the column out. Refute: ask how this "
        "column is known "
        "when a prediction is wanted.",
    )


def _sorting(features: np.ndarray, labels: np.ndarray) -> int:
    """The first column along which every class is one stretch, with gaps wider than its spread; -1 when there is none."""
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(counts) < 2 or counts.min() < LEAST_PER_CLASS:
        return -1
    for column in range(features.shape[1]):
        values = features[:, column]
        if not np.isfinite(values).all():
            continue
        order = np.lexsort((codes, values))
        ordered, along = codes[order], values[order]
        changes = np.flatnonzero(np.diff(ordered))
        if len(changes) == len(counts) - 1:
            gap = float((along[changes + 1] - along[changes]).min())
            within = max(float(part.std()) for part in np.split(along, changes + 1))
            if gap > within:
                return column
    return -1


def _following(features: np.ndarray, values: np.ndarray) -> int:
    """The first column of which the targets, or their ranks, are a linear function; -1 when there is none."""
    for change in (lambda x: x, lambda x: np.argsort(np.argsort(x, axis=0), axis=0).astype(float)):
        columns, aims = change(features), change(values)
        with np.errstate(all="ignore"):
            moved, aimed = columns - columns.mean(axis=0), aims - aims.mean()
            explained = (moved * aimed[:, None]).sum(axis=0) ** 2 / ((moved**2).sum(axis=0) * (aimed**2).sum())
        close = np.flatnonzero(np.nan_to_num(explained) > 1 - EXACT)
        if len(close):
            return int(close[0])
    return -1
