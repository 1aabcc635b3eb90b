"""The hour after a day of demand, by a small convolution over the day; validation is what came later."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nntui import Task

from . import data


class Forecaster(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, width, 5, padding=2)
        self.second = nn.Conv1d(width, width, 5, padding=2, stride=2)
        self.head = nn.Linear(width * 12, 1)

    def forward(self, day: Tensor) -> Tensor:
        states = torch.relu(self.second(torch.relu(self.first(day.unsqueeze(1)))))
        return self.head(states.flatten(1))


def task(seed: int) -> Task:
    train, validation = data.demand(seed)
    return Task(
        model=Forecaster,
        loss=nn.MSELoss(),
        train=train,
        validation=validation,
        optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=1e-3),
        kind="regression",
    )
