"""Small trainings, made to answer one question.

Owns the loop that checks share: a fresh model, plain Adam, no dropout where that is asked for. Invariant: an experiment
runs until it can answer or its time is up, and says which.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from nntui.checks.references import scalar
from nntui.checks.task import Task, TaskError

LR = 1e-3
"""Adam's usual rate (Kingma & Ba 2014): an experiment must not depend on the user's."""
SAMPLE = 64
"""Most batches kept for an experiment."""


def without_dropout(model: nn.Module) -> nn.Module:
    """The model in training mode with every dropout switched off: regularisation is not the question."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd | nn.MultiheadAttention):
            module.eval()
    return model


class Training:
    """A small training that can be looked at and gone on with."""

    def __init__(self, task: Task, model: nn.Module, batches: Iterator[tuple[Any, Any]], *, lr: float = LR) -> None:
        """Raises TaskError when no parameter requires a gradient."""
        parameters = [p for p in model.parameters() if p.requires_grad]
        if not parameters:
            raise TaskError("the model has no parameter that requires a gradient; expected at least one.")
        self.model = model
        self.steps = 0
        """Updates taken so far."""
        self._task = task
        self._batches = batches
        self._optimizer = torch.optim.Adam(parameters, lr=lr)

    def go_on(self, until: Callable[[int, float], bool]) -> None:
        """Train until `until(steps, loss)` holds or the batches end. Raises TaskError when there is no gradient."""
        for inputs, targets in self._batches:
            loss = self._task.loss(self._task.call(self.model, inputs), targets)
            if until(self.steps, scalar(loss)):
                return
            if not loss.requires_grad:
                raise TaskError(
                    "the loss has no gradient; expected one through the outputs. Look for detach(), item() or argmax()."
                )
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
            self.steps += 1


_listener: ContextVar[Callable[[str, int, dict[str, float]], None] | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Callable[[str, int, dict[str, float]], None]) -> Iterator[None]:
    """Have the listener told (row, step, numbers) by every experiment inside."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(row: str, step: int, **numbers: float) -> None:
    """Tell whoever listens how far an experiment is."""
    listener = _listener.get()
    if listener is not None:
        listener(row, step, numbers)


def kept(task: Task, size: int = 32) -> list[tuple[Any, Any]]:
    """The first SAMPLE training batches, split. Raises TaskError when there are none."""
    found = [task.split_batch(batch) for batch in islice(task.mixed(size=size), SAMPLE)]
    if not found:
        raise TaskError("the training data are empty; expected at least one batch.")
    return found


def cycled(batches: list[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """The batches over and over."""
    while True:
        yield from batches


def deadline(seconds: float) -> Callable[[], bool]:
    """Whether the time is up."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() > end


def is_classification(outputs: Any, targets: Any) -> bool:
    """Whether targets are class numbers of outputs with one more axis than they have."""
    whole = isinstance(targets, Tensor) and not targets.is_floating_point() and targets.dtype != torch.bool
    return whole and isinstance(outputs, Tensor) and outputs.dim() == targets.dim() + 1
