"""`digits-rare`: is the digit a nine? One in ten is, so that a network which always says no is right nine times."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.utils.data import TensorDataset

from nntui import Task
from trainer.models.mlp import mlp
from trainer.tasks import digits

RARE = 9


def task(width: int) -> Task:
    """Tell nines from the rest; the final bias starts at the log-odds of the training split."""
    pixels, labels, train, validation = digits.splits()
    nine = (labels == RARE).float().unsqueeze(1)
    share = float(nine[train].mean())
    return Task(
        model=lambda: mlp(64, 1, width, bias=math.log(share / (1.0 - share))),
        loss=nn.BCEWithLogitsLoss(),
        train=TensorDataset(pixels[train], nine[train]),
        validation=TensorDataset(pixels[validation], nine[validation]),
        metrics={"accuracy": right},
        show=lambda inputs: inputs.unflatten(1, (8, 8)),
        kind="classification",
        classes=["another", "nine"],
    )


def right(outputs: Tensor, targets: Tensor) -> Tensor:
    """Whether each example is right: logits (N, 1) and targets (N, 1) of 0 and 1 -> (N,) of 0 and 1."""
    return ((outputs > 0) == (targets > 0.5)).float().squeeze(1)
