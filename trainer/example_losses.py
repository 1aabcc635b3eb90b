"""The loss of each example of a batch, and how sure the network is of what it says.

Owns how single losses are come by: a loss of torch's own is asked not to reduce; of any other, classes have the negative log
probability of their label; where there are none, the loss is called with one example at a time, for a few.
Invariant: no loss is made up. What cannot be had that way is None.
"""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import nntui
from trainer.randomness import Apart
from trainer.recording import halfway

SINGLES_SECONDS = 0.1
"""Longest time for calls with one example, per batch."""


class Losses:
    """Losses of single examples of one task."""

    def __init__(self, task: nntui.Task) -> None:
        self._task = task
        self._own = unreduced(task.loss)
        self._apart = Apart(0)
        self._single: Any = None

    def __call__(
        self, outputs: Tensor, targets: Tensor, rows: Tensor, labels: Tensor, sampled: Sequence[bool]
    ) -> list[float | None]:
        """One loss per example; None where it is not known. rows, labels: outputs and targets with examples along axis 0.

        sampled: the examples for which a call of the loss is worth its time.
        """
        if self._own is not None and self._task.batch_axis == 0:
            found = self._own(outputs, targets)
            if found.dim() and len(found) == len(rows):
                return found.reshape(len(rows), -1).double().mean(dim=1).tolist()
        if has_classes(rows, labels) and self._task.kind != "regression":
            return negative_log(rows, labels).tolist()
        return self._singly(outputs, targets, sampled)

    def _singly(self, outputs: Tensor, targets: Tensor, sampled: Sequence[bool]) -> list[float | None]:
        losses: list[float | None] = [None] * len(sampled)
        if self._task.declares("contrastive"):
            return losses
        if self._single is None:  # a loss with a state of its own keeps it
            self._single = copy.deepcopy(self._task.loss) if isinstance(self._task.loss, nn.Module) else self._task.loss
        end = time.perf_counter() + SINGLES_SECONDS
        axis = self._task.batch_axis
        with self._apart:
            for k, wanted in enumerate(sampled):
                if wanted and time.perf_counter() < end:
                    losses[k] = float(self._single(outputs.narrow(axis, k, 1), targets.narrow(axis, k, 1)))
        return losses


def unreduced(loss: Any) -> Callable[[Any, Any], Tensor] | None:
    """The loss before it is averaged, where it is one of torch's own that can be asked for that."""
    if type(loss).__module__ == nn.modules.loss.__name__ and getattr(loss, "reduction", "") in ("mean", "sum"):
        whole = copy.copy(loss)
        whole.reduction = "none"
        return whole
    if getattr(nn.functional, getattr(loss, "__name__", ""), None) is loss:
        return partial(loss, reduction="none") if "reduction" in inspect.signature(loss).parameters else None
    return None


def has_classes(rows: Tensor, labels: Tensor) -> bool:
    """Whether the outputs have scores of classes along their last axis, and the labels are their numbers."""
    return not labels.is_floating_point() and rows.dim() >= 2 and rows.shape[:-1] == labels.shape and rows.shape[-1] > 1


def negative_log(rows: Tensor, labels: Tensor) -> Tensor:
    """-ln of the probability of each label, mean over the places of an example that have a label of a class; (N,)."""
    count = rows.shape[-1]
    flat = labels.flatten().long()
    valid = (flat >= 0) & (flat < count)
    logs = rows.reshape(-1, count).float()
    logs = logs.clamp_min(1e-12).log() if _probable(rows) else logs
    each = nn.functional.cross_entropy(logs, flat.clamp(0, count - 1), reduction="none") * valid
    places = valid.reshape(len(rows), -1)
    return each.reshape(len(rows), -1).double().sum(dim=1) / places.sum(dim=1).clamp_min(1)


def confidences(task: nntui.Task, rows: Tensor, labels: Tensor) -> list[float]:
    """Probability of what is said, mean over the places of an example; NaN where outputs are no classes."""
    if has_classes(rows, labels) and task.kind != "regression":
        top = rows.float().max(dim=-1).values
        sure = top if _probable(rows) else (top - rows.float().logsumexp(dim=-1)).exp()
    elif rows.numel() == len(rows) and _two_classes(task, labels):
        yes = rows.float() if halfway(task, rows) else rows.float().sigmoid()
        sure = torch.maximum(yes, 1 - yes)
    else:
        return [float("nan")] * len(rows)
    return sure.reshape(len(rows), -1).double().mean(dim=1).tolist()


def _two_classes(task: nntui.Task, labels: Tensor) -> bool:
    named = task.kind == "classification" or bool(task.classes) or not labels.is_floating_point()
    logits = isinstance(task.loss, nn.BCEWithLogitsLoss | nn.BCELoss)
    return task.kind != "regression" and (named or logits) and bool(((labels == 0) | (labels == 1)).all())


def _probable(rows: Tensor) -> bool:
    """Whether the scores of classes are probabilities already."""
    return bool((rows >= 0).all()) and bool(((rows.float().sum(dim=-1) - 1).abs() < 1e-3).all())
