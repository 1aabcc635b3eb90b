"""The multilayer perceptron."""

from __future__ import annotations

from torch import nn


def mlp(inputs: int, outputs: int, width: int = 128) -> nn.Module:
    """Two hidden layers of `width` ReLU units: (N, inputs) -> (N, outputs)."""
    return nn.Sequential(
        nn.Linear(inputs, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, outputs),
    )
