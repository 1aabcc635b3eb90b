"""What a user tells us about their problem.

Owns Task and what can be inferred from it: how a batch splits, how the model is called, where batches come from.
Invariant: nothing of the user's is called before it is needed, and what is wrong is said in one line that names it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

from nntui.intents import declares

LABEL_KEYS = ("labels", "label", "targets", "target", "y")
Source = Dataset[Any] | DataLoader[Any] | Sequence[Any] | Iterable[Any] | Callable[[], Any]


class TaskError(Exception):
    """A task cannot be used as it is; one line for the user."""


@dataclass(frozen=True, eq=False)
class Task:
    """A problem: a model, a loss and data. Only what cannot be inferred is required."""

    model: Callable[[], nn.Module]
    """Makes a fresh, untrained module; the seed is set before every call."""
    loss: Callable[[Any, Any], Tensor]
    """loss(outputs, targets) -> scalar."""
    train: Source
    """Dataset, DataLoader, or a function giving one."""
    validation: Source | None = None
    split: Callable[[Any], tuple[Any, Any]] | None = None
    """split(batch) -> (inputs, targets); default a pair, or a mapping with a key such as `labels`, `target` or `y`."""
    forward: Callable[[nn.Module, Any], Any] | None = None
    """forward(model, inputs) -> outputs; default model(inputs), model(**inputs) for a mapping, model(*inputs) for a tuple."""
    metrics: Mapping[str, Callable[[Any, Any], Any]] | None = None
    """Name to a function of (outputs, targets); a mean over the split's examples where it gives one number per example."""
    show: Literal["auto"] | Callable[[Any], Any] = "auto"
    """show(inputs) -> what a person looks at: pictures (N, H, W) or (N, C, H, W), rows (N, F), or N texts; default the inputs."""
    kind: Literal["auto", "classification", "regression"] = "auto"
    """`classification` has predictions of the fixed batch recorded as class names too."""
    classes: Sequence[str] | None = None
    """Name of each class; default its number."""
    batch_axis: int = 0
    """Axis of inputs and outputs along which examples lie."""
    time_axis: int | None = None
    """Axis of inputs and outputs along which time runs; None where there is none."""
    causal: bool = False
    """Whether an output may depend only on inputs at its own time and before."""
    optimizer: Callable[[nn.Module], torch.optim.Optimizer] | None = None
    schedule: Callable[[torch.optim.Optimizer], Any] | None = None
    steps: int = 0
    """Updates the training is planned to take; 0 where that is not known."""
    larger: Callable[[], nn.Module] | None = None
    """Makes a module of the same kind with a little more capacity; None has two models side by side stand for it."""
    functions: Sequence[tuple[Callable[..., Any], Callable[..., Any], Any]] = ()
    """(fast, reference, inputs): pairs that must agree, see `nntui.checks.matches`."""
    declared: Sequence[str] = ()
    """Intent that silences, see `nntui.intents`."""

    def __post_init__(self) -> None:
        """Raises TaskError for what could only fail later, and less clearly."""
        if isinstance(self.model, nn.Module):
            raise TaskError("model is a module itself; expected a function making one. Write model=lambda: Net().")
        for name in ("model", "loss"):
            if not callable(getattr(self, name)):
                raise TaskError(f"{name} is a {type(getattr(self, name)).__name__}; expected a function.")
        for name in ("train", "validation"):
            data = getattr(self, name)
            if isinstance(data, tuple) and data and all(isinstance(part, Tensor) for part in data):
                raise TaskError(
                    f"{name} is a tuple of tensors; expected a Dataset. Write TensorDataset(inputs, targets)."
                )
        if isinstance(self.declared, str):
            object.__setattr__(self, "declared", (self.declared,))
        if self.show != "auto" and not callable(self.show):
            raise TaskError(f"show is {self.show!r}; expected 'auto' or a function of the inputs.")
        if self.time_axis == self.batch_axis:
            raise TaskError(f"time_axis and batch_axis are both {self.batch_axis}; expected two different axes.")
        if self.causal and self.time_axis is None:
            object.__setattr__(self, "time_axis", 1 if self.batch_axis == 0 else 0)

    @classmethod
    def of(
        cls, model: nn.Module | Callable[[], nn.Module], loss: Callable[[Any, Any], Any], batch: Any, **more: Any
    ) -> Self:
        """A task of one batch, for those who have a model, a loss and a batch at hand: the checks need no more.

        model: a module, copied for every check, or a function making one. batch: what `split` takes apart, a pair (inputs,
        targets) by default. Raises TaskError.
        """
        build = model
        if isinstance(model, nn.Module):
            module = model
            build = lambda: module  # noqa: E731 (Task.build copies it)
        return cls(build, loss, lambda: iter([batch]), **more)  # pyright: ignore[reportArgumentType]

    def build(self, seed: int) -> nn.Module:
        """A fresh model from a seed; a copy where model() gives the same parameters at every call, so that a check changes none.

        Raises TaskError when what comes is no module.
        """
        torch.manual_seed(seed)
        model = self.model()
        if not isinstance(model, nn.Module):
            raise TaskError(
                f"model() gave a {type(model).__name__}; expected a torch.nn.Module. Return the module itself."
            )
        if any(isinstance(p, nn.parameter.UninitializedParameter) for p in model.parameters()):
            with torch.no_grad():
                self.call(model, self.first_batch()[0])  # lazy layers learn their sizes
        if _makes_anew(self, model):
            return model
        try:
            return copy.deepcopy(model)
        except (RuntimeError, TypeError, NotImplementedError) as error:  # cached tensors, locks, open files
            raise TaskError(
                f"model() gives the same parameters every time, and cannot be copied ({error}). Build it inside the function."
            ) from None

    def batches(self, source: Source | None = None, *, size: int = 32) -> Iterator[Any]:
        """Batches of the training data (or of `source`) in their own order. Raises TaskError when there is no data."""
        data = self.resolved(source)
        if (
            not isinstance(data, DataLoader | IterableDataset)
            and hasattr(data, "__getitem__")
            and hasattr(data, "__len__")
        ):
            data = DataLoader(cast(Dataset[Any], data), batch_size=size)  # a list of examples is a dataset too
        elif isinstance(data, IterableDataset):
            data = DataLoader(data, batch_size=size)
        if isinstance(data, Iterator) and data is (self.train if source is None else source):
            raise TaskError("the data are an iterator, which can be read only once; expected a function giving one.")
        if not isinstance(data, Iterable):
            raise TaskError(
                f"the data are a {type(data).__name__}; expected a Dataset, a DataLoader or a function giving one."
            )
        return iter(data)

    def resolved(self, source: Source | None = None) -> Any:
        """The Dataset, DataLoader or iterable of the training data (or of `source`), called for where a function gives it."""
        data = self.train if source is None else source
        if callable(data) and not isinstance(data, Dataset | DataLoader):
            data = data()
        return data

    def mixed(self, *, size: int = 32) -> Iterator[Any]:
        """Training batches as a training meets them: a dataset in a random order that is always the same, a loader in its own.

        A loader whose order is declared a curriculum is read in a random order too, for an experiment cannot wait for its end.
        """
        data = self.resolved()
        loader = data if isinstance(data, DataLoader) else None
        dataset: Any = loader.dataset if loader is not None else data
        known = (
            hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") and not isinstance(dataset, IterableDataset)
        )
        own = loader is not None and (not self.declares("curriculum") or loader.batch_size is None)
        count = len(cast(Any, dataset)) if known else 0
        if own or not count:
            return self.batches(size=size)
        shuffled = torch.randperm(count, generator=torch.Generator().manual_seed(0)).tolist()
        collate = loader.collate_fn if loader is not None else None
        size = loader.batch_size or size if loader is not None else size
        return iter(DataLoader(cast(Any, dataset), batch_size=size, sampler=shuffled, collate_fn=collate))

    def first_batch(self, size: int = 32) -> tuple[Any, Any]:
        """Inputs and targets of the first training batch, mixed. Raises TaskError when there is none."""
        for batch in self.mixed(size=size):
            return self.split_batch(batch)
        raise TaskError("the training data are empty; expected at least one batch. Look at the length of the dataset.")

    def few(self, limit: int, *, apart: bool = False) -> tuple[Any, Any, int]:
        """Inputs, targets and number of the first `limit` examples of the first batch, whatever has no batch axis as it is.

        apart: take a number that no other axis of an input has, so that a tensor tells its batch axis by its size alone.
        """
        inputs, targets = self.first_batch(limit)
        axis = self.batch_axis
        sizes = [t.shape[axis] for t in tensors(inputs) if t.dim() > axis]
        labelled = [t.shape[axis] for t in tensors(targets) if t.dim() > axis]
        if not sizes:
            return inputs, targets, 0
        size = labelled[0] if labelled and labelled[0] in sizes else max(sizes, key=sizes.count)
        others = (
            {n for t in tensors(inputs) for d, n in enumerate(t.shape) if d != axis or n != size} if apart else set()
        )
        count = next((n for n in range(min(limit, size), 1, -1) if n not in others), min(limit, size))

        def first(t: Tensor) -> Tensor:
            return t.narrow(axis, 0, count) if t.dim() > axis and t.shape[axis] == size else t

        return mapped(inputs, first), mapped(targets, first), count

    def split_batch(self, batch: Any) -> tuple[Any, Any]:
        """(inputs, targets). Raises TaskError when it cannot be told which is which."""
        if self.split is not None:
            return self.split(batch)
        if isinstance(batch, Mapping):
            key = next((key for key in LABEL_KEYS if key in batch), None)
            if key is None:
                raise TaskError(
                    f"a batch with the keys {sorted(map(str, batch))}; expected one of {', '.join(LABEL_KEYS)}. Give split=."
                )
            return {name: value for name, value in batch.items() if name != key}, batch[key]
        if isinstance(batch, list | tuple) and len(batch) == 2:
            return batch[0], batch[1]
        what = f"of {len(batch)} parts" if isinstance(batch, list | tuple) else f"that is a {type(batch).__name__}"
        raise TaskError(f"a batch {what}; expected a pair (inputs, targets) or a mapping. Give split=.")

    def call(self, model: nn.Module, inputs: Any) -> Any:
        """The model's outputs for inputs."""
        if self.forward is not None:
            return self.forward(model, inputs)
        if isinstance(inputs, Mapping):
            return model(**inputs)
        if isinstance(inputs, tuple | list):
            return model(*inputs)
        return model(inputs)

    def shown(self, inputs: Any) -> tuple[Any, list[str] | None]:
        """What a person sees of the inputs: an array with examples on axis 0 or None, and one text per example or None."""
        if callable(self.show):
            found = self.show(inputs)
            texts = isinstance(found, list | tuple) and all(isinstance(one, str) for one in found)
            return (None, list(found)) if texts else (found, None)
        given = [t for t in tensors(inputs) if t.dim() > self.batch_axis]
        first = next((t for t in given if t.is_floating_point()), given[0] if given else None)
        if first is None:
            return None, None
        first = first.movedim(self.batch_axis, 0)
        names = list(self.classes or ())
        if not self.causal or first.dim() != 2 or first.is_floating_point() or int(first.max()) >= len(names):
            return first, None
        return None, ["".join(names[code] for code in row) for row in first.tolist()]

    def declares(self, intent: str, name: str = "") -> bool:
        """Whether the user declared this intent, for a `name` where it has a pattern (`frozen:encoder.*`)."""
        return declares(self.declared, intent, name)


_anew: WeakKeyDictionary[Task, bool] = WeakKeyDictionary()


def _makes_anew(task: Task, model: nn.Module) -> bool:
    """Whether model() makes parameters of its own at every call; asked once, by calling it once more."""
    if task not in _anew:
        state = torch.get_rng_state()
        other = task.model()
        torch.set_rng_state(state)
        held = {id(t) for t in (*model.parameters(), *model.buffers())}
        again = (*other.parameters(), *other.buffers()) if isinstance(other, nn.Module) else ()
        _anew[task] = other is not model and not any(id(t) in held for t in again)
    return _anew[task]


def tensors(value: Any) -> list[Tensor]:
    """Every tensor in nested tuples, lists and mappings, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        return [t for item in value.values() for t in tensors(item)]
    if isinstance(value, list | tuple):
        return [t for item in value for t in tensors(item)]
    return []


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same nesting with every tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [mapped(item, change) for item in value]
        named: Any = getattr(type(value), "_make", tuple)
        return named(items)
    if isinstance(value, list):
        return [mapped(item, change) for item in value]
    return value
