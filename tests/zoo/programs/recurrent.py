"""A recurrent network that reads a series to its end and says what it was."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nntui import Task

from . import data


class Reader(nn.Module):
    def __init__(self, width: int = 32, *, bidirectional: bool = False) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, width, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(width * (1 + bidirectional), 3)

    def forward(self, series: Tensor) -> Tensor:
        states, _ = self.lstm(series)
        return self.head(states.mean(1))


def task(seed: int) -> Task:
    train, validation = data.waves(seed)
    return Task(
        model=Reader,
        loss=nn.CrossEntropyLoss(),
        train=train,
        validation=validation,
        optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=3e-3),
        classes=("sine", "square", "saw"),
    )
