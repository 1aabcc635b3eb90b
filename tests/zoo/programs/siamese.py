"""Contrastive learning: two pictures of one digit should be nearer to each other than to any other pair of the batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

from nntui import Task

from . import data


class Pairs(Dataset[Any]):
    """A picture and another of the same digit, chosen once."""

    def __init__(self, pictures: TensorDataset, seed: int) -> None:
        self.pictures, self.labels = pictures.tensors
        generator = torch.Generator().manual_seed(seed)
        self.partner = [self._another(place, generator) for place in range(len(self.labels))]

    def _another(self, place: int, generator: torch.Generator) -> int:
        same = (self.labels == self.labels[place]).nonzero().flatten()
        return int(same[torch.randint(len(same), (), generator=generator)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> Any:
        return (self.pictures[place], self.pictures[self.partner[place]]), self.labels[place]


class Twins(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 16))

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        return F.normalize(self.net(left), dim=1), F.normalize(self.net(right), dim=1)


def contrast(outputs: tuple[Tensor, Tensor], labels: Tensor) -> Tensor:
    """InfoNCE with the other examples of the batch that show another digit."""
    left, right = outputs
    scores = left @ right.T / 0.2
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    others = same & ~torch.eye(len(labels), dtype=torch.bool)
    return F.cross_entropy(scores.masked_fill(others, -1e9), torch.arange(len(labels)))


def task(seed: int) -> Task:
    train, validation = data.digits(seed)
    return Task(
        model=Twins,
        loss=contrast,
        train=Pairs(train, seed),
        validation=Pairs(validation, seed + 1),
        optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=1e-3),
        declared=("contrastive",),
    )
