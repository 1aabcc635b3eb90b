"""Which examples are in which batch.

Owns the order of the data: a seeded permutation per epoch, so that a position is a number and resuming is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, default_collate


class DataError(Exception):
    """The data of a task cannot be trained on; one line for the user."""


class Examples:
    """The examples of a Dataset, of a DataLoader's dataset, or of what a function gives, in batches by index."""

    def __init__(self, source: Any) -> None:
        """Raises DataError for data without a length: their order could not be repeated after a restart."""
        if callable(source) and not isinstance(source, Dataset | DataLoader):
            source = source()
        self._collate: Callable[[list[Any]], Any] = default_collate
        self.batch_size: int | None = None
        if isinstance(source, DataLoader):
            self.batch_size = source.batch_size
            self._collate = source.collate_fn
            source = source.dataset
        if isinstance(source, IterableDataset) or not hasattr(source, "__getitem__") or not hasattr(source, "__len__"):
            what = type(source).__name__
            raise DataError(f"the data are a {what} without a length; expected a Dataset with __len__ and __getitem__.")
        self._data: Any = source
        if not len(self._data):
            raise DataError("the data are empty; expected at least one example. Look at the length of the dataset.")

    def __len__(self) -> int:
        return len(self._data)

    def at(self, indices: torch.Tensor) -> Any:
        """These examples as one batch."""
        if isinstance(self._data, TensorDataset) and self._collate is default_collate:
            return list(self._data[indices])  # pyright: ignore[reportArgumentType] (a tensor of indices is far faster)
        return self._collate([self._data[int(i)] for i in indices])


class Batches:
    """The training batches by step. The last, smaller batch of an epoch is left out, as most loops do."""

    def __init__(self, data: Any, size: int, seed: int) -> None:
        """data: what Examples takes. size: examples per batch, unless a DataLoader says otherwise; at most all of them."""
        self._examples = Examples(data)
        self.size = min(self._examples.batch_size or size, len(self._examples))
        self._seed = seed
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)
        self.per_epoch = len(self._examples) // self.size

    def at(self, step: int) -> Any:
        """The batch of a step."""
        epoch, position = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
            self._order, self._epoch = torch.randperm(len(self._examples), generator=generator), epoch
        return self._examples.at(self._order[position * self.size : (position + 1) * self.size])


def moved(value: Any, device: torch.device) -> Any:
    """Every tensor of nested tuples, lists and mappings on the device."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {key: moved(item, device) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [moved(item, device) for item in value]
        return getattr(type(value), "_make", type(value))(items)  # pyright: ignore[reportCallIssue] (a named tuple's own way)
    return value
