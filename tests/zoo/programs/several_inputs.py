"""Two inputs: a picture of a digit and a number; is the digit the larger one?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

from nntui import Task

from . import data


class Comparisons(Dataset[Any]):
    def __init__(self, pictures: TensorDataset, seed: int) -> None:
        self.pictures, self.labels = pictures.tensors
        self.numbers = torch.randint(0, 10, self.labels.shape, generator=torch.Generator().manual_seed(seed))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> Any:
        larger = (self.labels[place] > self.numbers[place]).float()
        return (self.pictures[place], self.numbers[place]), larger


class Judge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.eye = nn.Sequential(nn.Linear(64, 32), nn.ReLU())
        self.number = nn.Embedding(10, 16)
        self.judge = nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, picture: Tensor, number: Tensor) -> Tensor:
        return self.judge(torch.cat([self.eye(picture), self.number(number)], dim=1)).squeeze(1)


def task(seed: int) -> Task:
    train, validation = data.digits(seed)
    return Task(
        model=Judge,
        loss=nn.BCEWithLogitsLoss(),
        train=Comparisons(train, seed),
        validation=Comparisons(validation, seed + 1),
        optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=2e-3),
    )
