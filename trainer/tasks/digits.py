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
    images, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(digits))
    held_out = int(len(order) * VALIDATION_SHARE)
    pixels = torch.tensor(np.asarray(images), dtype=torch.float32)
    labels = torch.tensor(np.asarray(digits), dtype=torch.int64)
    validation, train = torch.tensor(order[:held_out]), torch.tensor(order[held_out:])
    mean, spread = pixels[train].mean(), pixels[train].std()
    pixels = (pixels - mean) / spread
    return Task(
        model=lambda: mlp(64, 10, width),
        loss=nn.CrossEntropyLoss(),
        train=TensorDataset(pixels[train], labels[train]),
        validation=TensorDataset(pixels[validation], labels[validation]),
        metrics={"accuracy": correct},
        kind="classification",
        classes=[str(digit) for digit in range(10)],
    )


def correct(outputs: Tensor, targets: Tensor) -> Tensor:
    """Whether each example is right: (N, C) and (N,) -> (N,) of 0 and 1."""
    return (outputs.argmax(dim=1) == targets).float()
