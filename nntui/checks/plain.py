"""Models whose outputs are nested: the one tensor among them that the loss looks at.

Owns taking a task with outputs such as {"logits": …, "hidden": …} for one whose outputs are that tensor. Invariant:
the user's loss still gets what it expects, with that tensor in its place.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nntui.checks.guard import Skip
from nntui.checks.task import Task, tensors


def plain(task: Task, seed: int) -> Task:
    """The task, with the tensor that its loss looks at as its outputs.

    Raises Skip when there is none such, or more than one; and what the model or the loss raise.
    """
    model = task.build(seed).eval()
    inputs, targets = task.first_batch()
    with torch.no_grad():
        outputs = task.call(model, inputs)
    if isinstance(outputs, Tensor):
        if not outputs.is_floating_point():
            raise Skip(
                f"The model's outputs are {str(outputs.dtype).removeprefix('torch.')}: no loss is taken of them."
            )
        return task
    leaves = [t for t in tensors(outputs) if t.is_floating_point()]
    kind = type(outputs).__name__
    if not leaves:
        raise Skip(f"The model's outputs are a {kind} without a tensor of real numbers.")
    free = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    with torch.enable_grad():
        loss = task.loss(_replaced(outputs, dict(zip(map(id, leaves), free, strict=True))), targets)
        reached = torch.autograd.grad(loss, free, allow_unused=True) if loss.requires_grad else [None] * len(free)
    used = [place for place, gradient in enumerate(reached) if gradient is not None]
    if len(used) != 1:
        raise Skip(
            f"The model's outputs are a {kind}, and the loss looks at {len(used)} tensors of it: no constant can stand for it."
        )
    return _Nested(task, used[0]).task()


class _Nested:
    """Remembers the newest outputs, so that the loss gets them back around the tensor it is asked about."""

    def __init__(self, task: Task, place: int) -> None:
        self._task, self._place = task, place
        self._outputs: Any = None

    def task(self) -> Task:
        """The task with one tensor as its outputs."""
        return dataclasses.replace(self._task, forward=self._forward, loss=self._loss)

    def _forward(self, model: nn.Module, inputs: Any) -> Tensor:
        self._outputs = self._task.call(model, inputs)
        return self._leaf()

    def _loss(self, output: Tensor, targets: Any) -> Tensor:
        return self._task.loss(_replaced(self._outputs, {id(self._leaf()): output}), targets)

    def _leaf(self) -> Tensor:
        return [t for t in tensors(self._outputs) if t.is_floating_point()][self._place]


def _replaced(value: Any, by_id: dict[int, Tensor]) -> Any:
    """The same nesting with some tensors replaced; containers are copied as what they are."""
    if isinstance(value, Tensor):
        return by_id.get(id(value), value)
    if isinstance(value, Mapping):
        filled: Any = copy.copy(value)
        for key, item in value.items():
            filled[key] = _replaced(item, by_id)
        return filled
    if isinstance(value, list | tuple):
        items = [_replaced(item, by_id) for item in value]
        return getattr(type(value), "_make", type(value))(items)  # pyright: ignore[reportCallIssue] (a named tuple's own way)
    return value


def first_is_normalised(task: Task, seed: int) -> bool:
    """Whether the first layer with parameters or statistics normalises what it is given: then the inputs need not be scaled.

    False where the model cannot be called; other rows say so.
    """
    used: list[nn.Module] = []
    hooks = []
    try:
        model = task.build(seed).eval()
        leaves = [m for m in model.modules() if not any(m.children())]
        hooks = [m.register_forward_hook(lambda m, *_: used.append(m)) for m in leaves]
        with torch.no_grad():
            task.call(model, task.first_batch()[0])
    except Exception:  # noqa: BLE001 (a user's model may raise anything)
        return False
    finally:
        for hook in hooks:
            hook.remove()
    holding = (
        m
        for m in used
        if any(True for _ in m.parameters()) or any(True for _ in m.buffers()) or "Norm" in type(m).__name__
    )
    first = next(holding, None)
    return first is not None and "Norm" in type(first).__name__
