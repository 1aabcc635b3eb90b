"""A table and a number: a small network on Friedman's function of ten columns."""

from __future__ import annotations

import torch
from torch import nn

from nntui import Task

from . import data


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(10, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 1))


def task(seed: int) -> Task:
    train, validation = data.friedman(seed)
    return Task(
        model=model,
        loss=nn.MSELoss(),
        train=train,
        validation=validation,
        optimizer=lambda net: torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01),
        kind="regression",
    )
