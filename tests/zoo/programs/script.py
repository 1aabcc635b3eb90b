"""The plain script: a table from scikit-learn, two DataLoaders, a model, SGD with momentum and a schedule per step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from nntui import Task

from . import data
from .planned import planned

EPOCHS = 30
BATCH_SIZE = 32


def table(seed: int) -> tuple[TensorDataset, TensorDataset]:
    """Measurements scaled as they are in training, and their classes."""
    x_train, y_train, x_valid, y_valid = data.cancer(seed)
    scaler = StandardScaler().fit(x_train)
    train_set = TensorDataset(tensor(scaler.transform(x_train)), torch.tensor(y_train))
    valid_set = TensorDataset(tensor(scaler.transform(x_valid)), torch.tensor(y_valid))
    return train_set, valid_set


def tensor(rows: Any) -> torch.Tensor:
    return torch.tensor(np.asarray(rows), dtype=torch.float32)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(30, 32)
        self.fc2 = nn.Linear(32, 32)
        self.out = nn.Linear(32, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.out(x)


def train_loader(train_set: TensorDataset, seed: int, **options: object) -> DataLoader:
    settings = {"batch_size": BATCH_SIZE, "shuffle": True, "generator": torch.Generator().manual_seed(seed)}
    return DataLoader(train_set, **(settings | options))  # pyright: ignore


def task(seed: int) -> Task:
    train_set, valid_set = table(seed)
    steps = EPOCHS * len(train_loader(train_set, seed))
    made = Task(
        model=Net,
        loss=nn.CrossEntropyLoss(),
        train=lambda: train_loader(train_set, seed),
        validation=lambda: DataLoader(valid_set, batch_size=64),
        optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4),
        schedule=lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=steps),
        kind="classification",
    )
    return planned(made, steps)
