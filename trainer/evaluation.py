"""The score on a whole split, with its standard error.

Owns full evaluation: a score of a part of the split, or one without its error, is never recorded.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nntui import Task
from trainer.batches import Examples, moved

CHUNK = 64
"""Examples per forward call. The loss is taken per chunk, so that any loss of a batch will do."""


@torch.no_grad()
def evaluate(task: Task, model: nn.Module, data: Examples, device: torch.device, prefix: str) -> dict[str, float]:
    """prefix/loss and every metric of the task over all examples, each with its standard error prefix/…_stderr.

    A metric that gives one number per example has the sample standard deviation over examples divided by √n. The loss, and a
    metric that gives one number per batch, have that of the chunk means, weighted by their sizes.
    """
    model.eval()
    losses: list[tuple[float, int]] = []
    scores: dict[str, list[tuple[Tensor, int]]] = {name: [] for name in task.metrics or {}}
    for start in range(0, len(data), CHUNK):
        indices = torch.arange(start, min(start + CHUNK, len(data)))
        inputs, targets = moved(task.split_batch(data.at(indices)), device)
        outputs = task.call(model, inputs)
        losses.append((float(task.loss(outputs, targets)), len(indices)))
        for name, score in (task.metrics or {}).items():
            scores[name].append((torch.as_tensor(score(outputs, targets)).double().cpu(), len(indices)))
    model.train()
    found = _of_chunks([(torch.tensor(loss, dtype=torch.float64), count) for loss, count in losses], f"{prefix}/loss")
    for name, pieces in scores.items():
        per_example = all(piece.dim() == 1 and len(piece) == count for piece, count in pieces)
        found |= (_of_examples if per_example else _of_chunks)(pieces, f"{prefix}/{name}")
    return found


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
