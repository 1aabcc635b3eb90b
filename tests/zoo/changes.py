"""Ways to change a task: its model, its examples, its optimizer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

from nntui import Task

replace = dataclasses.replace


class Changed(Dataset[Any]):
    """A dataset whose examples are changed as they are read."""

    def __init__(self, data: Any, change: Callable[[Any], Any]) -> None:
        self.data, self.change = data, change

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, place: int) -> Any:
        if not 0 <= place < len(self.data):
            raise IndexError(place)
        return self.change(self.data[place])


def with_model(task: Task, change: Callable[[Any], Any]) -> Task:
    """Each fresh model is changed, in place or by what the function returns."""

    def model() -> nn.Module:
        made = task.model()
        changed = change(made)
        return changed if isinstance(changed, nn.Module) else made

    return replace(task, model=model)


def with_start(task: Task, change: Callable[[Any], Any]) -> Task:
    """Each fresh model's parameters are changed in place."""

    def start(model: nn.Module) -> None:
        with torch.no_grad():
            change(model)

    return with_model(task, start)


class Around(nn.Module):
    """Something around a model, whose other methods and parts stay within reach."""

    model: nn.Module

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("model"), name)


class Then(Around):
    """A model, and what is done with its outputs."""

    def __init__(self, model: nn.Module, last: Callable[[Any], Any]) -> None:
        super().__init__()
        self.model, self.last = model, last

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self.last(self.model(*inputs, **named))


class Before(Around):
    """A model, and what is done with its inputs."""

    def __init__(self, model: nn.Module, first: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self.first = model, first

    def forward(self, inputs: Tensor) -> Tensor:
        return self.model(self.first(inputs))


def with_outputs(task: Task, change: Callable[[Any], Any]) -> Task:
    return with_model(task, lambda model: Then(model, change))


def with_inputs(task: Task, change: Callable[[Tensor], Tensor]) -> Task:
    return with_model(task, lambda model: Before(model, change))


class Halfway(nn.Module):
    """What is done between two layers, where a script would have a line in `forward`."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        return self.change(x)


def halfway(task: Task, place: int, change: Callable[[Tensor], Tensor]) -> Task:
    """The sequential model does this before the layer at `place`."""
    return with_model(task, lambda m: nn.Sequential(*list(m)[:place], Halfway(change), *list(m)[place:]))


def with_train(task: Task, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Task:
    """The training split's tensors, copied, are changed."""
    return replace(task, train=_changed(task.train, change))


def with_validation(task: Task, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Task:
    """The validation split's tensors, copied, are changed."""
    return replace(task, validation=_changed(task.validation, change))


def with_both(task: Task, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Task:
    return with_validation(with_train(task, change), change)


def _changed(data: Any, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> TensorDataset:
    return TensorDataset(*change(*(t.clone() for t in data.tensors)))


def layers(model: nn.Module) -> list[Any]:
    """The layers with weights, first to last."""
    return [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Embedding)]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def chosen(count: int, share: float, seed: int) -> Tensor:
    """A share of so many rows, drawn by seed."""
    return torch.randperm(count, generator=generator(seed))[: max(1, int(count * share))]
