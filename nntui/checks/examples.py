"""A few examples to learn by heart.

Owns which ones: such as differ, so that learning them says something. Invariant: the same data give the same examples.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from nntui.checks.sequence import sequences
from nntui.checks.task import Task, mapped, tensors

POOL = 64
"""Examples among which the few are chosen."""


def few_that_differ(task: Task, most: int) -> tuple[Any, Any]:
    """Inputs and targets of at most `most` examples: of every class in turn, or sequences whose first places differ."""
    inputs, targets, count = task.few(POOL)
    chosen = _varied(inputs, targets, sequences(task, inputs, targets).causal, count, most)
    axis = task.batch_axis

    def take(t: Tensor) -> Tensor:
        alike = t.dim() > axis and t.shape[axis] == count
        return t.index_select(axis, torch.tensor(chosen, device=t.device)) if alike else t

    return mapped(inputs, take), mapped(targets, take)


def _varied(inputs: Any, targets: Any, causal: bool, count: int, most: int) -> list[int]:
    """At most `most` places among the first `count`."""
    few = list(range(min(most, count)))
    key: Any = targets if isinstance(targets, Tensor) and targets.dim() in (1, 2) and targets.numel() == count else None
    if causal:  # equal beginnings cannot tell what follows
        tokens = next(
            (t for t in tensors(inputs) if not t.is_floating_point() and t.dim() == 2 and len(t) == count), None
        )
        first: dict[int, int] = {}
        for place, token in enumerate([] if tokens is None else tokens[:, 0].tolist()):
            first.setdefault(token, place)
        return sorted(first.values())[:most] or few
    if key is None or len(key.unique()) > count / 2:
        return few
    by_class: dict[float, list[int]] = {}
    for place, label in enumerate(key.flatten().tolist()):
        by_class.setdefault(label, []).append(place)
    turns = itertools.zip_longest(*by_class.values())
    return sorted([place for turn in turns for place in turn if place is not None][:most])
