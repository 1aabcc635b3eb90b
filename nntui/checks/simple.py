"""skeleton.simple: no augmentation hides in the pipeline.

Symptom: while the skeleton is put together, a random change of the data hides every small difference that one looks
for.
Test (exact): the same example is read twice from the same dataset; its tensors must be equal. Validation first: what
is measured on examples that change is no measure, and fails. In train it warns; declared "augmentation", it passes.
Where examples do change, two worker processes each read the same example a few times: equal changes mean that every
worker draws the same ones, which wastes all but one of them, whatever was declared.
When it is wrong: a dataset that changes with the time of day is no augmentation, but no better.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from nntui.checks.guard import Skip, guarded
from nntui.checks.task import Task, tensors
from nntui.finding import Finding

ROW = "skeleton.simple"
EXAMPLES = 16
READINGS = 4
"""Times that every worker reads one example."""
PATIENCE = 20.0
"""Seconds for the workers to come up and read."""


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Read examples twice, and compare."""
    reading = {"train": _dataset(task, task.train)}
    if task.validation is not None:
        reading = {"validation": _dataset(task, task.validation)} | reading
    known = {name: data for name, data in reading.items() if data is not None}
    if not known:
        raise Skip("The data are no Dataset with places: the same example cannot be read twice.")
    changing = {name: _changing(data) for name, data in known.items()}
    evidence: dict[str, Any] = {f"{name}_changing": places for name, places in changing.items()}
    numbers: dict[str, Any] = {"expected": "the same tensors", "evidence": evidence}
    if changing.get("validation"):
        return Finding(
            ROW,
            "fail",
            f"Examples of validation differ from one reading to the next ({_listed(changing['validation'])}).",
            measured="other tensors",
            **numbers,
            advice="Most likely the augmentation of train is used for validation too. Its score then moves by itself. "
            "Refute: without "
            "the random transform two readings must be equal.",
        )
    if not changing.get("train"):
        read = " and ".join(known)
        return Finding(
            ROW,
            "pass",
            f"The same example read twice is the same tensor ({EXAMPLES} examples of {read}).",
            measured="the same tensors",
            **numbers,
        )
    return _augmented(task, known["train"], changing["train"], numbers)


def _augmented(task: Task, data: Any, changing: list[int], numbers: dict[str, Any]) -> Finding:
    """The verdict on a training split of which examples change."""
    evidence = numbers["evidence"]
    alike = _workers_alike(data, changing[0])
    evidence["workers_alike"] = alike
    if alike:
        return Finding(
            ROW,
            "warn",
            "Two worker processes draw the same augmentations: a generator of the dataset's own is copied into each of them.",
            measured="the same draws in two workers",
            **numbers,
            advice="Most likely a random.Random or default_rng that is made in the dataset's __init__. Make it in "
            "worker_init_fn, or draw "
            "from torch's generator. Refute: with num_workers=2 the first readings of both workers must differ.",
        )
    if task.declares("augmentation"):
        return Finding(
            ROW,
            "pass",
            "Examples of train are drawn anew at every reading, as declared; those of validation are not.",
            measured="other tensors",
            **numbers,
        )
    return Finding(
        ROW,
        "warn",
        f"Examples of train differ from one reading to the next ({_listed(changing)}): augmentation is on.",
        measured="other tensors",
        **numbers,
        advice="Most likely a random transform. Leave it out until the skeleton stands, then declare 'augmentation'. "
        "Refute: without the "
        "transform two readings must be equal.",
    )


def _dataset(task: Task, source: Any) -> Any:
    """The dataset with places behind a source; None where there is none."""
    given = task.resolved(source)
    data: Any = given.dataset if isinstance(given, DataLoader) else given
    whole = not isinstance(data, IterableDataset) and hasattr(data, "__getitem__") and hasattr(data, "__len__")
    return data if whole and len(cast(Any, data)) else None


def _changing(data: Any) -> list[int]:
    """Places of which two readings differ, among a few spread over the data."""
    step = max(1, len(data) // EXAMPLES)
    return [place for place in range(0, len(data), step)[:EXAMPLES] if not _same(data[place], data[place])]


def _same(one: Any, other: Any) -> bool:
    first, second = (tensors(_tensored(value)) for value in (one, other))
    return len(first) == len(second) and all(
        a.shape == b.shape
        and torch.equal(a.nan_to_num() if a.is_floating_point() else a, b.nan_to_num() if b.is_floating_point() else b)
        for a, b in zip(first, second, strict=True)
    )


def _tensored(value: Any) -> Any:
    """Arrays and numbers as tensors, in the same nesting."""
    if isinstance(value, dict):
        return {key: _tensored(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tensored(item) for item in value]
    if isinstance(value, str | bytes) or value is None:
        return value
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        return value


class _Again(Dataset[Any]):
    """One example, over and over."""

    def __init__(self, data: Any, place: int) -> None:
        self._data, self._place = data, place

    def __len__(self) -> int:
        return 2 * READINGS

    def __getitem__(self, number: int) -> Any:
        return self._data[self._place]


def _workers_alike(data: Any, place: int) -> bool:
    """Whether two worker processes draw the same changes, one after the other, of one example that changes."""
    try:
        loader = DataLoader(_Again(data, place), batch_size=1, num_workers=2, collate_fn=_first, timeout=PATIENCE)
        read = list(loader)
    except Exception:  # noqa: BLE001 (what cannot be sent to a worker cannot be told)
        return False
    here, there = read[0::2], read[1::2]
    changes = any(not _same(here[0], one) for one in here[1:])
    return changes and all(_same(one, other) for one, other in zip(here, there, strict=True))


_first: Callable[[list[Any]], Any] = list.pop


def _listed(places: list[int]) -> str:
    return (
        f"example{'s' if len(places) > 1 else ''} {', '.join(map(str, places[:4]))}{', …' if len(places) > 4 else ''}"
    )
