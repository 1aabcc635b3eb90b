"""Several yes-or-no questions about one picture: is the digit even, prime, more than four, round?"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from nntui import Task

from . import data

QUESTIONS = ({0, 2, 4, 6, 8}, {2, 3, 5, 7}, {5, 6, 7, 8, 9}, {0, 6, 8, 9})


def answers(digits: Tensor, questions: tuple[set[int], ...] = QUESTIONS) -> Tensor:
    """(N,) -> (N, questions) of 0 and 1."""
    return torch.tensor([[float(int(digit) in members) for members in questions] for digit in digits])


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 4))


def task(seed: int) -> Task:
    train, validation = data.digits(seed)
    return Task(
        model=model,
        loss=nn.BCEWithLogitsLoss(),
        train=TensorDataset(train.tensors[0], answers(train.tensors[1])),
        validation=TensorDataset(validation.tensors[0], answers(validation.tensors[1])),
        optimizer=lambda net: torch.optim.Adam(net.parameters(), lr=1e-3),
    )
