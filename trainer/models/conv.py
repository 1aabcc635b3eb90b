"""The small convolutional network."""

from __future__ import annotations

from torch import nn


def conv(channels: int, outputs: int, width: int = 128) -> nn.Module:
    """Two blocks of convolution, batch normalisation, ReLU and pooling, then linear: (N, channels, 8, 8) -> (N, outputs)."""
    first = max(1, width // 8)
    return nn.Sequential(
        *(nn.Conv2d(channels, first, 3, padding=1), nn.BatchNorm2d(first), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(first, 2 * first, 3, padding=1), nn.BatchNorm2d(2 * first), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Flatten(),
        nn.Linear(2 * first * 4, outputs),
    )
