"""The built-in tasks, and one-to-three-line bugs planted into them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from nntui import Task
from trainer import tasks

WIDTH = 32
EXAMPLES, CHARACTERS = 300, 16
"""Windows kept of the text, and how much of each where the data themselves are not looked at."""


class Changed(Dataset[Any]):
    """A dataset with every example changed."""

    def __init__(self, data: Any, change: Callable[[Any, int], Any], count: int | None = None) -> None:
        self.data, self.change, self.count = data, change, count or len(data)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> Any:
        if not 0 <= place < self.count:
            raise IndexError(place)
        return self.change(self.data[place], place)


def healthy(name: str) -> Task:
    """A built-in task, small enough for a test."""
    task = tasks.named(name, WIDTH)
    if name != "stdlib-chars":
        return task
    return dataclasses.replace(task, train=Changed(task.train, lambda one, _: one, EXAMPLES))


def short(name: str, characters: int = CHARACTERS) -> Task:
    """The same, with the text in shorter windows; in very short ones some text comes twice."""
    task = healthy(name)
    if name != "stdlib-chars":
        return task

    def cut(window: dict[str, Tensor], _: int) -> dict[str, Tensor]:
        return {key: value[:characters] for key, value in window.items()}

    return dataclasses.replace(task, train=Changed(task.train, cut), validation=Changed(task.validation, cut, EXAMPLES))


# --- ways to change a task --------------------------------------------------------------------


def with_model(task: Task, change: Callable[[nn.Module], Any]) -> Task:
    """Each fresh model is changed, in place or by what the function returns."""

    def model() -> nn.Module:
        made = task.model()
        return change(made) or made

    return dataclasses.replace(task, model=model)


def with_outputs(task: Task, change: Callable[[Tensor], Tensor]) -> Task:
    return with_model(task, lambda m: m.register_forward_hook(lambda _, given, made: change(made)) and m)


def with_inputs(task: Task, change: Callable[[Tensor], Tensor]) -> Task:
    """The model changes what it is given."""

    def before(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return tuple(map(change, given)), {name: change(value) for name, value in named.items()}

    return with_model(task, lambda m: m.register_forward_pre_hook(before, with_kwargs=True) and m)


def with_data(task: Task, change: Callable[[Any, int], Any], *, both: bool = True) -> Task:
    """Every example is changed, of validation too unless `both` says otherwise."""
    validation = Changed(task.validation, change) if both and task.validation is not None else task.validation
    return dataclasses.replace(task, train=Changed(task.train, change), validation=validation)


def layers(model: nn.Module) -> list[nn.Module]:
    """The layers with weights, first to last."""
    return [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.Embedding)]


def first_hidden(task: Task, change: Callable[[Tensor], Tensor]) -> Task:
    """What leaves the first layer is changed."""
    return with_model(task, lambda m: layers(m)[0].register_forward_hook(lambda _, given, made: change(made)) and m)


# --- the bugs ---------------------------------------------------------------------------------


def view_for_transpose(task: Task) -> Task:
    return first_hidden(task, lambda x: x.transpose(0, 1).contiguous().view(x.shape))


def mean_over_the_batch(task: Task) -> Task:
    return first_hidden(task, lambda x: x - x.mean(0))


def attention(mask: Callable[[Tensor], Tensor]) -> Callable[[Task], Task]:
    """The transformer with an attention written by hand."""

    def attend(block: Any, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (block.heads, -1)).transpose(1, 2) for part in block.qkv(x).chunk(3, dim=-1))
        scores = mask(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]))
        return block.out((scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2))

    def change(model: Any) -> None:
        for block in model.blocks:
            block.attention = lambda x, block=block: attend(block, x)

    return lambda task: with_model(task, change)


def later(scores: Tensor, diagonal: int = 1) -> Tensor:
    return torch.ones(scores.shape[-2:], dtype=torch.bool).triu(diagonal)


causal_by_hand = attention(lambda s: s.masked_fill(later(s), -math.inf))
no_mask = attention(lambda s: s)
mask_of_zeros = attention(lambda s: s.masked_fill(later(s), 0.0))
mask_one_late = attention(lambda s: s.masked_fill(later(s, 2), -math.inf))


def softmax_twice(task: Task) -> Task:
    return with_outputs(task, lambda o: o.softmax(dim=-1))


def sigmoid_twice(task: Task) -> Task:
    return with_outputs(task, torch.sigmoid)


def bias_of_zero(task: Task) -> Task:
    return with_model(task, lambda m: nn.init.zeros_(layers(m)[-1].bias) is None or m)


def inputs_of_zero(task: Task) -> Task:
    return with_inputs(task, lambda x: x * 0)


def dead_from_the_start(task: Task) -> Task:
    def kill(model: nn.Module) -> nn.Module:
        norm = next((m for m in model.modules() if isinstance(m, nn.BatchNorm2d)), layers(model)[0])
        nn.init.constant_(norm.bias, -100.0)
        return model

    return with_model(task, kill)


def sum_reduction(task: Task) -> Task:
    return dataclasses.replace(task, loss=lambda o, t: task.loss(o, t) * len(t))


def flat_targets(task: Task) -> Task:
    return with_data(task, lambda pair, _: (pair[0], pair[1].squeeze(0)))


def constant_weights(task: Task) -> Task:
    def change(model: nn.Module) -> None:
        for layer in layers(model):
            if not isinstance(layer, nn.Embedding):
                nn.init.constant_(layer.weight, 0.05)

    return with_model(task, change)


def detached_body(task: Task) -> Task:
    return first_hidden(task, lambda x: x.detach())


def times_thousand(task: Task) -> Task:
    return with_data(task, lambda pair, _: (pair[0] * 1000.0, pair[1]))


def last_layer_too_large(task: Task) -> Task:
    return with_model(task, lambda m: layers(m)[-1].weight.data.mul_(100.0) is None or m)


def unseeded_weights(task: Task) -> Task:
    counter = itertools.count()
    return with_model(
        task, lambda m: layers(m)[0].weight.data.add_(np.random.default_rng(next(counter)).normal()) is None or m
    )


def unseeded_data(task: Task) -> Task:
    source = np.random.default_rng()

    def change(pair: Any, _: int) -> Any:
        return pair[0] + float(source.normal()), pair[1]

    return with_data(task, change)


def labels_of_others(task: Task) -> Task:
    order = np.random.default_rng(0).permutation(len(task.train))
    return with_data(task, lambda pair, place: (pair[0], task.train[int(order[place])][1]), both=False)


def wrong_sign(task: Task) -> Task:
    return dataclasses.replace(task, loss=lambda o, t: -task.loss(o, t))


def tanh_on_the_output(task: Task) -> Task:
    return with_outputs(task, torch.tanh)


@pytest.fixture(autouse=True)
def _counted(counted_time):
    """No verdict hangs on how busy the machine is."""


@pytest.fixture(scope="session")
def zoo() -> SimpleNamespace:
    """Everything above by its name."""
    return SimpleNamespace(**globals())
