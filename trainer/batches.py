"""Which examples are in which batch.

Owns the order of the data: a batch is a function of its number and the seed, so that resuming is exact. The exception are data
that can only be iterated: those begin again after a restart, and `Batches.notes` says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
    default_collate,
)

from trainer.randomness import Apart
from trainer.workers import Numbered, Workers, fetched, heedless

CHUNK = 64
"""Examples per batch of an evaluation."""
AHEAD = 256
"""Batches whose indices are asked of a loader's sampler at once."""


class DataError(Exception):
    """The data of a task cannot be trained on as asked; one line for the user."""


class Examples:
    """The examples of a Dataset, of a DataLoader, or of what a function gives, by index or one batch after the other."""

    def __init__(self, source: Any) -> None:
        """Raises DataError for what is no data, or empty."""
        if callable(source) and not isinstance(source, Dataset | DataLoader):
            source = source()
        self._collate: Callable[[Any], Any] = default_collate
        self.loader: DataLoader[Any] | None = None
        if isinstance(source, DataLoader):
            self.loader, self._collate, source = source, source.collate_fn, source.dataset
        self._whole = self.loader is not None and self.loader.batch_sampler is None
        self.iterated = isinstance(source, IterableDataset)
        if self.iterated and self.loader is not None:
            self.loader = heedless(self.loader)
        self._data: Any = source
        if self.iterated:
            return
        if not hasattr(source, "__getitem__") or not hasattr(source, "__len__"):
            what = type(source).__name__
            raise DataError(f"the data are a {what} without a length; expected a Dataset with __len__ and __getitem__.")
        if not len(self._data):
            raise DataError("the data are empty; expected at least one example. Look at the length of the dataset.")

    def __len__(self) -> int:
        return len(self._data)

    def at(self, indices: Any) -> Any:
        """These examples as one batch; one index gives a batch where each item of the dataset is one."""
        if self._whole:
            return self._collate(self._data[int(indices)])
        if isinstance(self._data, TensorDataset) and self._collate is default_collate:
            return list(self._data[torch.as_tensor(indices)])  # pyright: ignore[reportArgumentType] (far faster)
        return self._collate(fetched(self._data, indices))

    def batches(self, size: int = CHUNK) -> Iterator[tuple[Any, int]]:
        """Every example once, always in the same order; those alone that the loader's own sampler chose.

        Each batch with its number of examples; 0 where only the batch itself knows.
        """
        if self.iterated:
            yield from ((batch, 0) for batch in self._read(size))
            return
        chosen = self._chosen()
        if self._whole:
            yield from ((self.at(index), 0) for index in chosen)
            return
        for start in range(0, len(chosen), size):
            indices = chosen[start : start + size]
            yield self.at(indices), len(indices)

    def places(self) -> torch.Tensor | None:
        """Where in the data each example of `batches` lies, in their order; None where only reading them tells."""
        return None if self.iterated or self._whole else self._chosen()

    def _read(self, size: int) -> Iterable[Any]:
        return self.loader if self.loader is not None else DataLoader(self._data, batch_size=size)

    def _chosen(self) -> torch.Tensor:
        sampler = None if self.loader is None else self.loader.sampler
        if self.loader is None or (
            type(self.loader.batch_sampler) in (BatchSampler, type(None)) and _is_plain(sampler)
        ):
            return torch.arange(len(self._data))
        return torch.tensor([i for batch in islice(_sampled(self.loader, 0), len(self._data)) for i in _flat(batch)])


class Batches:
    """The training batches by number, `accumulate` of them for each update.

    Without a loader: a permutation per epoch; the last, smaller batch of an epoch is left out, as most loops do. With one: as
    its own sampler says, its random sources seeded per epoch. Batches of an epoch that fill no update are left out.
    """

    def __init__(self, data: Any, size: int, seed: int, accumulate: int = 1) -> None:
        """data: what Examples takes. size: examples per batch, unless a loader says otherwise; at most all of them.

        Raises DataError when an epoch is too short for one update.
        """
        self._examples = examples = data if isinstance(data, Examples) else Examples(data)
        self._loader, self._seed, self._accumulate = examples.loader, seed, accumulate
        self._next, self._epoch, self._coming = 0, -1, iter(())
        self._workers: Workers | None = None
        self._asked: deque[int] = deque()
        self._given = -1
        self.examples = 0
        """Examples of the newest window, as far as it is known."""
        self.size = size if examples.iterated else min(size, len(examples))
        batches = None if examples.iterated else len(examples) // self.size
        if self._loader is not None:
            self.size = self._loader.batch_size or size
            batches = None if examples.iterated else _length(self._loader)
        self.per_epoch = 0 if batches is None else batches // accumulate
        """Updates per epoch; 0 where that is unknown."""
        if batches is not None and not self.per_epoch:
            raise DataError(
                f"--accumulate {accumulate}, and an epoch has {batches} batches of {self.size}; expected at least one update "
                "per epoch. Lower --accumulate or --batch-size."
            )

    def window(self, number: int) -> list[Any]:
        """The batches of the update with this number, in their order."""
        if self._loader is not None and self._loader.num_workers and not self._examples.iterated:
            return self._made_ahead(number)
        taken = self._indices(number)
        self.examples = sum(map(self._count, taken))
        return taken if self._examples.iterated else [self._examples.at(indices) for indices in taken]

    def close(self) -> None:
        """End the worker processes, if there are any."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None

    def _made_ahead(self, number: int) -> list[Any]:
        """The batches of a window from the workers, which go on with those of the windows after it."""
        if self._workers is None or number != self._given + 1:
            self.close()
            self._asked.clear()
            assert self._loader is not None
            self._workers = Workers(self._loader, self._seed, self._ahead(number))
        self._given = number
        batches = [next(self._workers) for _ in range(self._accumulate)]
        self.examples = sum(self._asked.popleft() for _ in batches)
        return batches

    def _ahead(self, number: int) -> Iterator[Numbered]:
        while True:
            for place, indices in enumerate(self._indices(number)):
                self._asked.append(self._count(indices))
                yield number * self._accumulate + place, indices
            number += 1

    def _count(self, taken: Any) -> int:
        """Examples of a batch, by its indices; what the loader says where there are none."""
        counted = not self._examples.iterated and (self._loader is None or self._loader.batch_sampler is not None)
        return len(taken) if counted else self.size

    def _indices(self, number: int) -> list[Any]:
        """The indices of each batch of a window; the batches themselves of data that can only be iterated."""
        if number < self._next:
            self._next, self._epoch, self._coming = 0, -1, iter(())
        if self._examples.iterated:
            self._next = number
        elif self.per_epoch and self._may_skip() and number // self.per_epoch > self._epoch:
            self._epoch = number // self.per_epoch - 1
            self._next, self._coming = (self._epoch + 1) * self.per_epoch, iter(())
        while self._next < number:
            self._take()
        return self._take()

    def notes(self) -> list[str]:
        """What of a loader is not as its owner may expect, one line each."""
        found = []
        if self._examples.iterated:
            found.append("the data can only be iterated: after a restart they begin again, so resuming is not exact.")
        elif self._loader is not None and self._loader.pin_memory and not self._loader.num_workers:
            found.append("the loader's pin_memory is not used without workers: batches are made in the loop itself.")
        if (
            self._loader is not None
            and isinstance(self._loader.sampler, SequentialSampler)
            and not self._examples.iterated
        ):
            found.append(
                "the loader does not shuffle: every epoch has the same order. Give shuffle=True, unless meant."
            )
        return found

    def _take(self) -> list[Any]:
        """The next update's batches, or their indices; of the next epoch where this one has too few left."""
        taken = list(islice(self._coming, self._accumulate))
        while len(taken) < self._accumulate:
            self._epoch += 1
            self._coming = self._of_epoch(self._epoch)
            kept = taken if self._examples.iterated else []
            more = list(islice(self._coming, self._accumulate - len(kept)))
            if not more or (not self._examples.iterated and len(more) < self._accumulate):
                raise DataError(
                    f"epoch {self._epoch} of the data has {len(more)} batches; expected at least one update of "
                    f"{self._accumulate}. Look at the sampler, or lower --accumulate."
                )
            taken = kept + more
        self._next += 1
        return taken

    def _of_epoch(self, epoch: int) -> Iterator[Any]:
        if self._examples.iterated:
            return (batch for batch, _ in self._examples.batches(self.size))
        seed = self._seed * 1_000_003 + epoch
        if self._loader is not None:
            return _sampled(self._loader, seed, epoch)
        order = torch.randperm(len(self._examples), generator=torch.Generator().manual_seed(seed))
        return (order[k * self.size : (k + 1) * self.size] for k in range(len(order) // self.size))

    def _may_skip(self) -> bool:
        """Whether an epoch is a function of its number alone, so that earlier ones need not be gone through."""
        own = None if self._loader is None else self._loader.batch_sampler or self._loader.sampler
        if own is None:
            return True
        inner = getattr(own, "sampler", own)
        return type(own).__module__ == type(inner).__module__ == RandomSampler.__module__


def _sampled(loader: DataLoader[Any], seed: int, epoch: int = 0) -> Iterator[Any]:
    """The indices of each batch of an epoch as the loader's sampler gives them; what it draws does not disturb the training."""
    sampler: Any = loader.batch_sampler if loader.batch_sampler is not None else loader.sampler
    apart = Apart(seed)
    drawn: tuple[Any, ...] = (loader, loader.sampler, sampler)
    for one in drawn:
        generator = getattr(one, "generator", None)
        if isinstance(generator, torch.Generator):
            generator.manual_seed(seed)
        if one is not loader and hasattr(one, "set_epoch"):
            one.set_epoch(epoch)
    with apart:
        coming = iter(sampler)
    while True:
        with apart:
            some = list(islice(coming, AHEAD))
        yield from some
        if len(some) < AHEAD:
            return


def _is_plain(sampler: Any) -> bool:
    """Whether a sampler gives every example once."""
    return type(sampler) is SequentialSampler or (
        type(sampler) is RandomSampler and not sampler.replacement and sampler.num_samples == len(sampler.data_source)
    )


def _length(loader: DataLoader[Any]) -> int | None:
    try:
        return len(loader.batch_sampler if loader.batch_sampler is not None else loader.sampler)  # pyright: ignore[reportArgumentType]
    except (TypeError, NotImplementedError):
        return None


def _flat(indices: Any) -> list[int]:
    return [int(i) for i in indices] if isinstance(indices, Iterable) else [int(indices)]


def moved(value: Any, device: torch.device) -> Any:
    """Every tensor of nested tuples, lists and mappings on the device."""
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=device.type == "cuda")  # waits all the same unless the batch is pinned
    if isinstance(value, Mapping):
        return {key: moved(item, device) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [moved(item, device) for item in value]
        return getattr(type(value), "_make", type(value))(items)  # pyright: ignore[reportCallIssue] (a named tuple's own way)
    return value
