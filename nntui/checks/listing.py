"""The data as a table: what the checks of stage 1 know of single examples.

Owns what is listed, and how many. Invariant: never raises for what a user's code does; what cannot be told is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from nntui.checks.dataset import Split, drawn, train_split, validation_split
from nntui.checks.duplicates import repeats
from nntui.checks.guard import Skip
from nntui.checks.label_noise import contradiction
from nntui.checks.outliers import distances
from nntui.checks.task import Task, TaskError

if TYPE_CHECKING:
    from nntui.recorder import Run

MOST = 4000
"""Examples listed of a split."""
PICTURED = 1000
"""Examples of a split whose inputs are recorded too."""
CHUNK = 250


def list_examples(task: Task, run: Run) -> None:
    """Record a sample of both splits: label, distance from the rest, how suspect the label is, what it repeats, the input."""
    try:
        train, validation = train_split(task), validation_split(task)
    except (Skip, TaskError):
        return
    except Exception:  # noqa: BLE001 (a user's data may raise anything; data.corrupt says so)
        return
    for split in (train, validation):
        if split is not None:
            _list(task, run, split, train)


def _list(task: Task, run: Run, split: Split, train: Split) -> None:
    listed = drawn(len(split), MOST)
    outlier, suspect = np.full(len(split), np.nan), np.full(len(split), np.nan)
    away = distances(split.features[listed])
    if len(away):
        usual = float(np.quantile(away, 0.99))
        outlier[listed] = away / usual if usual > 0 else 0.0
    looked_at, share, _ = contradiction(split)
    suspect[looked_at] = share
    copies, other = repeats(split, split), "" if split is train else train.name
    if split is not train and bool((repeats(split, train) >= 0).any()):
        copies = repeats(split, train)
    else:
        other = ""
    labels = _labels(task, split)
    columns: dict[str, Any] = {"outlier": outlier, "suspect": suspect, "duplicate_of": copies}
    for start in range(0, len(listed), CHUNK):
        few = listed[start : start + CHUNK]
        known = {name: values[few] for name, values in columns.items()}
        label = None if labels is None else [labels[i] for i in few]
        run.examples(split.name, split.places[few], label=label, duplicate_split=other, **known)
    _show(task, run, split)


def _show(task: Task, run: Run, split: Split) -> None:
    """The first inputs of the sample, as a person sees them."""
    begin = 0
    for inputs, _ in split.raw:
        try:
            shown, texts = task.shown(inputs)
        except Exception:  # noqa: BLE001 (a user's show may raise anything)
            return
        count = len(texts) if texts is not None else len(shown) if isinstance(shown, torch.Tensor) else 0
        if not count or begin >= min(PICTURED, len(split)):
            return
        places = split.places[begin : begin + count]
        run.examples(split.name, places, inputs=shown if texts is None else None, texts=texts)
        begin += count


def _labels(task: Task, split: Split) -> list[str] | None:
    """A word per example: its class by name, or its number; None where there is neither."""
    names = list(task.classes or ())
    if split.labels is not None:
        return [names[c] if 0 <= c < len(names) else str(c) for c in split.labels.tolist()]
    if split.values is not None and split.values.shape[1] == 1:
        return [f"{value:.6g}" for value in split.values[:, 0].tolist()]
    return None
