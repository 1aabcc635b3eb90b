"""`diabetes`: ten measurements of 442 patients and how far the disease went in a year (Efron et al. 2004), from scikit-learn."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_diabetes
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from nntui import Task
from trainer.models.mlp import mlp
from trainer.tasks.digits import halves


def task(width: int) -> Task:
    """Predict a number from 25 to 346, mean about 152; the final bias starts at the mean of the training split."""
    rows, progress = load_diabetes(return_X_y=True, scaled=False)
    measurements = torch.tensor(np.asarray(rows), dtype=torch.float32)
    targets = torch.tensor(np.asarray(progress), dtype=torch.float32).unsqueeze(1)
    train, validation = halves(len(targets))
    measurements = (measurements - measurements[train].mean(0)) / measurements[train].std(0)
    mean = float(targets[train].mean())

    return Task(
        model=lambda: mlp(10, 1, width, bias=mean),
        loss=nn.MSELoss(),
        train=TensorDataset(measurements[train], targets[train]),
        validation=TensorDataset(measurements[validation], targets[validation]),
        metrics={"error": absolute_error},
        kind="regression",
    )


def absolute_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """How far each example is off, in the unit of the target: (N, 1) and (N, 1) -> (N,)."""
    return (outputs - targets).abs().squeeze(1)
