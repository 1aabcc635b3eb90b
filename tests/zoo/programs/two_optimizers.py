"""An encoder and a head with an optimizer each, which a small class steps together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nntui import Task

from . import data


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv2(torch.relu(self.conv1(x)))).flatten(1)


class Both(torch.optim.Optimizer):
    """Two optimizers as one: groups of both, one step of each."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self.param_groups = [group for part in parts for group in part.param_groups]

    def step(self, closure: Any = None) -> Any:
        for part in self.parts:
            part.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none)


def model() -> nn.Module:
    return nn.ModuleDict({"encoder": Encoder(), "head": nn.Linear(24 * 16, 10)})


def optimizers(net: Any) -> Both:
    return Both(
        torch.optim.Adam(net["encoder"].parameters(), lr=1e-3),
        torch.optim.SGD(net["head"].parameters(), lr=1e-2, momentum=0.9),
    )


def task(seed: int) -> Task:
    train, validation = data.pictures(seed)
    return Task(
        model=model,
        loss=nn.CrossEntropyLoss(),
        train=train,
        validation=validation,
        forward=lambda net, x: net["head"](net["encoder"](x)),  # pyright: ignore
        optimizer=optimizers,
    )
