"""`digits-conv`: the digits as pictures, for a small convolutional network with batch normalisation."""

from __future__ import annotations

from dataclasses import replace

from torch.utils.data import TensorDataset

from nntui import Task
from trainer.models.conv import conv
from trainer.tasks import digits


def task(width: int) -> Task:
    """Classify a digit from its picture of shape (1, 8, 8)."""
    pixels, labels, train, validation = digits.splits()
    pictures = pixels.unflatten(1, (1, 8, 8))
    return replace(
        digits.task(width),
        model=lambda: conv(1, 10, width),
        train=TensorDataset(pictures[train], labels[train]),
        validation=TensorDataset(pictures[validation], labels[validation]),
        show="auto",
    )
