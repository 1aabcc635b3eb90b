"""`digits`: 1,797 handwritten digits of 8 × 8 pixels in 10 classes (Alpaydin & Kaynak 1998), shipped with scikit-learn."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from nntui import Task
from trainer.models.mlp import mlp

SPLIT_SEED = 0
"""The split is part of the task: it is the same for every run, whatever its seed."""
VALIDATION_SHARE = 0.2


def task(width: int) -> Task:
    """Classify a digit from its pixels, scaled from 0…16 to mean zero and spread one over the training split."""
    pixels, labels, train, validation = splits()
    return Task(
        model=lambda: mlp(64, 10, width),
        loss=nn.CrossEntropyLoss(),
        train=TensorDataset(pixels[train], labels[train]),
        validation=TensorDataset(pixels[validation], labels[validation]),
        metrics={"accuracy": correct},
        show=lambda inputs: inputs.unflatten(1, (8, 8)),
        kind="classification",
        classes=[str(digit) for digit in range(10)],
    )


def splits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pixels (N, 64) of mean zero and spread one over the training split, labels (N,), and the rows of either split."""
    images, digits = load_digits(return_X_y=True)
    train, validation = halves(len(digits))
    pixels = torch.tensor(np.asarray(images), dtype=torch.float32)
    mean, spread = pixels[train].mean(), pixels[train].std()
    return (pixels - mean) / spread, torch.tensor(np.asarray(digits), dtype=torch.int64), train, validation


def halves(count: int) -> tuple[Tensor, Tensor]:
    """Rows of the training and of the validation split, in an order that is always the same."""
    order = np.random.default_rng(SPLIT_SEED).permutation(count)
    held_out = int(count * VALIDATION_SHARE)
    return torch.tensor(order[held_out:]), torch.tensor(order[:held_out])


def correct(outputs: Tensor, targets: Tensor) -> Tensor:
    """Whether each example is right: (N, C) and (N,) -> (N,) of 0 and 1."""
    return (outputs.argmax(dim=1) == targets).float()
