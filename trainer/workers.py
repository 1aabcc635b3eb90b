"""Batches that a loader's worker processes make ahead of the training.

Owns the processes, what they draw and which signals they heed. Invariant: what a dataset draws at random in a batch depends on
the seed and the number of the batch alone, whatever the number of workers and wherever a run was resumed; and a stop that the
whole group is asked for is the trainer's to answer, so that no worker dies before the checkpoint is written.
"""

from __future__ import annotations

import atexit
import copy
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from trainer import randomness

Numbered = tuple[int, Any]
"""The number of a batch, and the indices of its examples (one index where each item of the dataset is a batch)."""


class Workers:
    """The batches for a stream of numbered indices, in its order."""

    def __init__(self, loader: DataLoader[Any], seed: int, coming: Iterator[Numbered]) -> None:
        """loader: whose dataset, collate_fn and workers are used; coming: endless."""
        context = loader.multiprocessing_context
        self._leaving = (context or multiprocessing).Event()
        ahead: DataLoader[Any] = DataLoader(
            _Seeded(loader.dataset, seed, whole=loader.batch_sampler is None),
            batch_sampler=_Once(coming),  # pyright: ignore[reportArgumentType] (numbered lists go to _Seeded as they are)
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
            pin_memory=loader.pin_memory and torch.cuda.is_available(),
            timeout=loader.timeout,
            worker_init_fn=_Begin(loader.worker_init_fn, self._leaving),
            multiprocessing_context=context,
            generator=torch.Generator().manual_seed(seed),  # the training's own is left alone
            prefetch_factor=loader.prefetch_factor,
        )
        self._batches: Any = iter(ahead)

    def __next__(self) -> Any:
        return next(self._batches)

    def close(self) -> None:
        """End the processes."""
        self._leaving.set()
        self._batches = None


class _Once:
    """An iterator as something to iterate over."""

    def __init__(self, coming: Iterator[Numbered]) -> None:
        self._coming = coming

    def __iter__(self) -> Iterator[Numbered]:
        return self._coming


class _Seeded(Dataset[Any]):
    """A dataset whose random sources are seeded for each batch."""

    def __init__(self, data: Any, seed: int, *, whole: bool) -> None:
        self._data, self._seed, self._whole = data, seed, whole

    def __getitems__(self, numbered: Numbered) -> Any:
        number, indices = numbered
        randomness.seed(self._seed * 1_000_003 + number)
        return self._data[indices] if self._whole else fetched(self._data, indices)


class _Begin:
    """What a worker does first."""

    def __init__(self, own: Callable[[int], None] | None, leaving: Any) -> None:
        self._own, self._leaving = own, leaving

    def __call__(self, worker: int) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._heed)
        if self._own is not None:
            self._own(worker)

    def _heed(self, number: int, where: Any) -> None:
        if self._leaving.is_set():  # a worker that hangs while the trainer leaves
            os._exit(0)


def heedless(loader: DataLoader[Any]) -> DataLoader[Any]:
    """The loader, its workers leaving a stop to the trainer; for one that is iterated as it is."""
    if not loader.num_workers:
        return loader
    leaving = (loader.multiprocessing_context or multiprocessing).Event()
    atexit.register(leaving.set)
    found = copy.copy(loader)
    found.worker_init_fn = _Begin(loader.worker_init_fn, leaving)
    return found


def fetched(data: Any, indices: Any) -> list[Any]:
    """These examples of a dataset, by its own way for many at once where it has one."""
    places = [int(i) for i in indices]
    together = getattr(data, "__getitems__", None)
    return together(places) if together else [data[i] for i in places]
