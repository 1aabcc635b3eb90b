"""The score on a whole split, with its standard error.

Owns full evaluation: a score of a part of the split, or one without its error, is never recorded.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from nntui import Task
from trainer.batches import examples

CHUNK = 512


@torch.no_grad()
def evaluate(task: Task, model: nn.Module, data: Dataset[Any], device: torch.device, prefix: str) -> dict[str, float]:
    """prefix/loss and every metric of the task over all examples, each with prefix/…_stderr: the sample standard deviation
    over examples divided by √n (for the loss, over chunks of equal size when it gives no number per example).
    """
    model.eval()
    length: int = len(data)  # pyright: ignore[reportArgumentType]
    losses: list[tuple[float, int]] = []
    scores: dict[str, list[torch.Tensor]] = {name: [] for name in task.metrics or {}}
    for start in range(0, length, CHUNK):
        batch = examples(data, torch.arange(start, min(start + CHUNK, length)))
        inputs, targets = (part.to(device) for part in task.split_batch(batch))
        outputs = task.call(model, inputs)
        losses += [(float(task.loss(outputs[i : i + 1], targets[i : i + 1])), 1) for i in range(len(targets))]
        for name, score in (task.metrics or {}).items():
            scores[name].append(score(outputs, targets).double().cpu())
    model.train()
    found = _mean_and_error(torch.tensor([loss for loss, _ in losses], dtype=torch.float64), f"{prefix}/loss")
    for name, pieces in scores.items():
        found |= _mean_and_error(torch.cat(pieces), f"{prefix}/{name}")
    return found


def _mean_and_error(values: torch.Tensor, name: str) -> dict[str, float]:
    error = float(values.std()) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return {name: float(values.mean()), f"{name}_stderr": error}
