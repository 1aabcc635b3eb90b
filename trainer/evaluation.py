"""The score on a whole split, with its standard error.

Owns full evaluation: a score of a part of the split, or one without its error, is never recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nntui import Task
from trainer.batches import DataError, Examples, moved
from trainer.precision import Precision


@torch.no_grad()
def evaluate(
    task: Task,
    model: nn.Module,
    data: Examples,
    device: torch.device,
    precision: Precision,
    see: Callable[[Any, Any, Any], None] | None = None,
) -> dict[str, float]:
    """val/loss and every metric of the task over all examples, each with its standard error val/…_stderr.

    The loss is taken per chunk of examples, so that any loss of a batch will do. A metric that gives one number per example has
    the sample standard deviation over examples divided by √n. The loss, and a metric that gives one number per batch, have that
    of the chunk means, weighted by their sizes. see: called with inputs, outputs and targets of each chunk. Raises DataError when
    there is no example.
    """
    model.eval()
    losses: list[tuple[Tensor, int]] = []
    scores: dict[str, list[tuple[Tensor, int]]] = {name: [] for name in task.metrics or {}}
    for batch, given in data.batches():
        inputs, targets = moved(task.split_batch(batch), device)
        with precision.forward():
            outputs = task.call(model, inputs)
        outputs = precision.full(outputs)
        count = given or _count(targets, task.batch_axis)
        losses.append((torch.tensor(float(task.loss(outputs, targets)), dtype=torch.float64), count))
        for name, score in (task.metrics or {}).items():
            scores[name].append((torch.as_tensor(score(outputs, targets)).double().cpu(), count))
        if see is not None:
            see(inputs, outputs, targets)
    model.train()
    if not losses:
        raise DataError("the validation data gave no batch; expected at least one. Look at their sampler.")
    found = _of_chunks(losses, "val/loss")
    for name, pieces in scores.items():
        per_example = all(piece.dim() == 1 and len(piece) == count for piece, count in pieces)
        found |= (_of_examples if per_example else _of_chunks)(pieces, f"val/{name}")
    return found


def _count(targets: object, axis: int) -> int:
    """Examples of a batch that came without a number: the length of its targets, one where they have none."""
    return targets.shape[axis] if isinstance(targets, Tensor) and targets.dim() > axis else 1


def _of_examples(pieces: list[tuple[Tensor, int]], name: str) -> dict[str, float]:
    values = torch.cat([piece for piece, _ in pieces])
    error = float(values.std()) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return {name: float(values.mean()), f"{name}_stderr": error}


def _of_chunks(pieces: list[tuple[Tensor, int]], name: str) -> dict[str, float]:
    means = torch.stack([piece.double().mean() for piece, _ in pieces])
    weights = torch.tensor([count for _, count in pieces], dtype=torch.float64)
    weights /= weights.sum()
    mean = float((weights * means).sum())
    n = len(means)
    error = float((weights**2 * (means - mean) ** 2).sum() * n / (n - 1)) ** 0.5 if n > 1 else math.nan
    return {name: mean, f"{name}_stderr": error}
