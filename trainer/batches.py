"""Which examples are in which batch.

Owns the order of the data: a seeded permutation per epoch, so that a position is a number and resuming is exact.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import Dataset, TensorDataset, default_collate


class Batches:
    """The training batches by step. The last, smaller batch of an epoch is left out, as most loops do."""

    def __init__(self, data: Dataset[Any], size: int, seed: int) -> None:
        """data: with a length. size: examples per batch, at most that length."""
        self._data = data
        self._length: int = len(data)  # pyright: ignore[reportArgumentType]
        self._size = min(size, self._length)
        self._seed = seed
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)
        self.per_epoch = self._length // self._size

    def at(self, step: int) -> Any:
        """The batch of a step."""
        epoch, position = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
            self._order, self._epoch = torch.randperm(self._length, generator=generator), epoch
        return examples(self._data, self._order[position * self._size : (position + 1) * self._size])


def examples(data: Dataset[Any], indices: torch.Tensor) -> Any:
    """These examples as one batch."""
    if isinstance(data, TensorDataset):
        return data[indices]  # pyright: ignore[reportArgumentType] (a tensor of indices works, and is far faster)
    return default_collate([data[int(i)] for i in indices])
