"""The multilayer perceptron."""

from __future__ import annotations

from torch import nn


def mlp(inputs: int, outputs: int, width: int = 128, *, bias: float | None = None) -> nn.Module:
    """Two hidden layers of `width` ReLU units: (N, inputs) -> (N, outputs).

    bias: where the final bias starts, what a network that knows nothing of its inputs should say; None as torch draws it.
    """
    last = nn.Linear(width, outputs)
    if bias is not None:
        nn.init.constant_(last.bias, bias)
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), last)
