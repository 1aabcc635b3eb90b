"""What the data are, as arrays: a bounded sample of each split, one row per example.

Owns reading examples without the model: which ones, as what numbers, with which labels. Invariant: the same task
gives the same sample; how much was looked at is known, and said.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from nntui.checks.guard import Skip
from nntui.checks.task import Task, tensors

MOST = 10_000
"""Examples read of a split."""
SECONDS = 3.0
"""Time after which reading a split ends with what there is."""
WIDTH = 1024
"""Numbers kept of an example."""
HASHED = 256
"""Columns in which the tokens of an example, and pairs of neighbours among them, are counted."""
SAMPLE_SEED = 0x5A3B1E


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A sample of one split. N: examples read."""

    name: str
    """`train` or `validation`."""
    places: np.ndarray
    """(N,) place of each example in its dataset, or in the order of reading where it has none."""
    total: int
    """Examples there are; -1 where that is not known."""
    features: np.ndarray
    """(N, D) float64, D at most WIDTH: pixels and columns as they are (averaged where there are more), tokens counted.

    NaN stays.
    """
    tokens: np.ndarray | None
    """(N, T) int64 where the inputs are sequences of whole numbers."""
    keys: list[bytes]
    """A digest of each example's inputs: equal where every number is."""
    target_keys: list[bytes]
    labels: np.ndarray | None
    """(N,) int64 class of each example; None where there is not one per example."""
    values: np.ndarray | None
    """(N, K) float64 targets that are real numbers; None for others."""
    shape: tuple[int, ...]
    """Shape of one example's first input."""
    raw: list[Any] = field(repr=False)
    """The batches as they were read: (inputs, targets)."""

    def __len__(self) -> int:
        return len(self.places)

    @property
    def looked_at(self) -> str:
        """How much of the split was looked at, in words."""
        if 0 <= self.total == len(self):
            return f"all {self.total:,} examples of {self.name}"
        of = f" of {self.total:,}" if self.total >= 0 else ""
        return f"{len(self):,}{of} examples of {self.name}"


_kept: ContextVar[dict[Hashable, Any] | None] = ContextVar("kept", default=None)
Value = TypeVar("Value")


@contextmanager
def sharing(kept: dict[Hashable, Any]) -> Iterator[None]:
    """Have every check inside look at one reading of the data, and share what costs much, by way of `kept`."""
    token = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(token)


def shared(key: Hashable, make: Callable[[], Value]) -> Value:
    """What `make` gives, made once within `sharing`; a key must name everything that it depends on."""
    kept = _kept.get()
    if kept is None:
        return make()
    if key not in kept:
        kept[key] = make()
    return kept[key]


def train_split(task: Task) -> Split:
    """A sample of the training split. Raises Skip when it cannot be told apart into examples."""
    return shared(("split", id(task), "train"), lambda: _read(task, "train"))


def validation_split(task: Task) -> Split | None:
    """A sample of the validation split; None when there is none."""
    if task.validation is None:
        return None
    return shared(("split", id(task), "validation"), lambda: _read(task, "validation"))


def _read(task: Task, name: str) -> Split:
    end = time.perf_counter() + SECONDS
    batches, places, total = examples(task, name, MOST)
    parts: list[dict[str, Any]] = []
    count = 0
    for batch in batches:
        inputs, targets = task.split_batch(batch)
        part = _part(task, inputs, targets)
        parts.append(part)
        count += part["size"]
        if count >= MOST or time.perf_counter() > end:
            break
    if not count:
        raise Skip(f"The {name} data are empty.")
    features = [p["features"] for p in parts if p["features"] is not None]
    width = max((f.shape[1] for f in features), default=0)
    tokens = [p["tokens"] for p in parts if p["tokens"] is not None]
    whole = bool(tokens) and len({t.shape[1] for t in tokens}) == 1 and len(tokens) == len(parts)
    return Split(
        name=name,
        places=np.array(places[:count] if places is not None else range(count), dtype=np.int64),
        total=total if total >= 0 or count >= MOST else count if time.perf_counter() <= end else -1,
        features=np.concatenate([_widened(f, width) for f in features]) if features else np.zeros((count, 0)),
        tokens=np.concatenate(tokens) if whole else None,
        keys=[key for p in parts for key in p["keys"]],
        target_keys=[key for p in parts for key in p["target_keys"]],
        labels=_joined([p["labels"] for p in parts]),
        values=_joined([p["values"] for p in parts]),
        shape=parts[0]["shape"],
        raw=[p["raw"] for p in parts],
    )


def examples(task: Task, name: str, most: int, *, size: int = 64) -> tuple[Iterator[Any], list[int] | None, int]:
    """(batches, place of each example or None, number of examples or -1): in the dataset's own order, evenly drawn when many."""
    source = task.train if name == "train" else task.validation
    data = task.resolved(source)
    collate = data.collate_fn if isinstance(data, DataLoader) and data.batch_size is not None else None
    dataset: Any = data.dataset if isinstance(data, DataLoader) and data.batch_size is not None else data
    indexed = (
        hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") and not isinstance(dataset, IterableDataset)
    )
    if not indexed or (isinstance(data, DataLoader) and data.batch_size is None):
        return iter(task.batches(source, size=size)), None, -1
    total = len(cast(Any, dataset))
    places = list(range(total))
    if total > most:
        places = sorted(np.random.default_rng(SAMPLE_SEED).choice(total, most, replace=False).tolist())
    loader = DataLoader(cast(Any, dataset), batch_size=size, sampler=places, collate_fn=collate)
    return iter(loader), places, total


def _part(task: Task, inputs: Any, targets: Any) -> dict[str, Any]:
    """The numbers of one batch, by the names of Split's fields."""
    axis = task.batch_axis
    given = [t.detach().cpu() for t in tensors(inputs) if t.dim() > axis]
    aims = [t.detach().cpu() for t in tensors(targets) if t.dim() > axis]
    sizes = [t.shape[axis] for t in [*aims, *given]]
    if not given or not sizes:
        raise Skip("No input has an axis along which examples lie.")
    size = max(sizes, key=sizes.count)
    given = [t.movedim(axis, 0) for t in given if t.shape[axis] == size]
    aims = [t.movedim(axis, 0) for t in aims if t.shape[axis] == size]
    if not given:
        raise Skip("No input has an axis along which examples lie.")
    tokens = next((t for t in given if _is_tokens(t)), None)
    features = [_features(t) for t in given if t.dtype != torch.bool]
    return {
        "size": size,
        "features": np.concatenate(features, axis=1) if features else None,
        "tokens": None if tokens is None else tokens.numpy().astype(np.int64),
        "keys": _keys(given, size),
        "target_keys": _keys(aims, size),
        "labels": _labels(task, aims),
        "values": _values(aims),
        "shape": tuple(given[0].shape[1:]),
        "raw": (inputs, targets),
    }


def _is_tokens(t: Tensor) -> bool:
    return t.dim() == 2 and t.dtype in (torch.int64, torch.int32, torch.int16)


def _features(t: Tensor) -> np.ndarray:
    """(N, at most WIDTH) float64 of one input."""
    if _is_tokens(t):
        return _counted(t.numpy().astype(np.int64))
    flat = t.reshape(t.shape[0], -1)
    flat = flat.real if flat.is_complex() else flat
    if flat.shape[1] > WIDTH:
        if t.dim() >= 4:
            side = max(2, math.isqrt(WIDTH // t.shape[1])) if t.shape[1] < WIDTH // 4 else 2
            flat = torch.nn.functional.adaptive_avg_pool2d(t.float(), side).reshape(t.shape[0], -1)
        flat = torch.nn.functional.adaptive_avg_pool1d(flat.float()[:, None], min(WIDTH, flat.shape[1]))[:, 0]
    return flat.double().numpy()


def _counted(tokens: np.ndarray) -> np.ndarray:
    """How often tokens, and pairs of neighbours, occur, as a direction: (N, T) -> (N, HASHED)."""
    count = len(tokens)
    rows = np.repeat(np.arange(count), tokens.shape[1])
    found = np.zeros((count, HASHED))
    np.add.at(found, (rows, (tokens.ravel() * 2654435761 >> 8) % HASHED), 1.0)
    if tokens.shape[1] > 1:
        pairs = tokens[:, :-1] * 1_000_003 + tokens[:, 1:]
        np.add.at(found, (np.repeat(np.arange(count), pairs.shape[1]), (pairs.ravel() * 2654435761 >> 8) % HASHED), 1.0)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def _keys(parts: list[Tensor], size: int) -> list[bytes]:
    arrays = [np.ascontiguousarray(t.reshape(size, -1).resolve_conj().contiguous().numpy()) for t in map(_plain, parts)]
    return [hashlib.blake2b(b"|".join(a[i].tobytes() for a in arrays), digest_size=12).digest() for i in range(size)]


def _plain(t: Tensor) -> Tensor:
    return t.float() if t.dtype == torch.bfloat16 else t


def _labels(task: Task, aims: list[Tensor]) -> np.ndarray | None:
    """(N,) classes; None where the targets are no classes."""
    if len(aims) != 1 or task.kind == "regression":
        return None
    t = aims[0]
    t = t[:, 0] if t.dim() == 2 and t.shape[1] == 1 else t
    if t.dim() != 1:
        return None
    if t.is_floating_point():
        return t.numpy().astype(np.int64) if bool(((t == 0) | (t == 1)).all()) else None
    return t.numpy().astype(np.int64) if not t.is_complex() else None


def _values(aims: list[Tensor]) -> np.ndarray | None:
    if len(aims) != 1 or not aims[0].is_floating_point():
        return None
    flat = aims[0].reshape(len(aims[0]), -1).double()
    if flat.shape[1] > WIDTH:
        flat = torch.nn.functional.adaptive_avg_pool1d(flat[:, None], WIDTH)[:, 0]
    return flat.numpy()


def _joined(parts: list[np.ndarray | None]) -> np.ndarray | None:
    """The parts one after the other; None where one is missing, or their widths differ."""
    known = [p for p in parts if p is not None]
    if len(known) != len(parts) or len({p.shape[1:] for p in known}) != 1:
        return None
    return np.concatenate(known)


def _widened(features: np.ndarray, width: int) -> np.ndarray:
    return np.pad(features, ((0, 0), (0, width - features.shape[1]))) if features.shape[1] < width else features


def scaled(features: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """Columns of median zero and spread one over `like` (default the features): constant columns become zero, NaN zero."""
    base = features if like is None else like
    with np.errstate(all="ignore"):
        mean, spread = np.nanmean(base, axis=0), np.nanstd(base, axis=0)
    fine = np.isfinite(spread) & (spread > 0)
    found = np.where(fine, (features - np.where(fine, mean, 0.0)) / np.where(fine, spread, 1.0), 0.0)
    return np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0)


def neighbours_in(rows: np.ndarray, count: int) -> Any:
    """scikit-learn's NearestNeighbors of these rows."""
    from sklearn.neighbors import NearestNeighbors  # a second, which a training without its checks is spared

    return NearestNeighbors(n_neighbors=count).fit(rows)


def drawn(count: int, most: int) -> np.ndarray:
    """At most `most` places among `count`, in order, always the same."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(SAMPLE_SEED).choice(count, most, replace=False))


def first_places(places: Any, most: int = 20) -> list[int]:
    """The first few as plain numbers, for evidence."""
    return [int(place) for place in itertools.islice(places, most)]
