"""An autoencoder: the target is the input, on purpose."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from nntui import Task

from . import data


class Itself(Dataset[Any]):
    """Each picture with itself."""

    def __init__(self, pictures: TensorDataset) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> Any:
        picture = self.pictures[place][0]
        return picture, picture


def model() -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 12), nn.ReLU(), nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 64)
    )


def task(seed: int) -> Task:
    train, validation = data.digits(seed)
    return Task(
        model=model,
        loss=nn.MSELoss(),
        train=Itself(train),
        validation=Itself(validation),
        optimizer=lambda net: torch.optim.Adam(net.parameters(), lr=1e-3),
        declared=("reconstruction",),
    )
