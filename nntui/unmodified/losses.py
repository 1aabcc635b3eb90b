"""What a script calls `backward` on: its losses, as far as they are numbers.

Owns telling losses from other backward passes, and to which optimizer's update a loss belongs. Invariants: a value is taken when
the backward pass begins, before any loss scale; no graph is kept alive; no device is waited for.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nntui.unmodified.optimizers import Slot, Slots

KEPT = 1024
"""Most losses between two updates that count; of more, the newest."""

_MAPPED: Any = getattr(getattr(torch._C, "_functorch", None), "is_functorch_wrapped_tensor", None)
"""Whether a function is mapped over a tensor, so that it has no number of its own."""

Number = float | Tensor
"""A float, or a private copy on a device."""


@dataclass(slots=True)
class Loss:
    """One loss that a backward pass began at."""

    value: Number
    reached: frozenset[Slot] | None = None
    """Whose parameters got gradients; None where that was not looked at, for there is one optimizer."""


class Losses:
    """Losses since the last update."""

    def __init__(self) -> None:
        self.passes = 0
        """Backward passes so far, those inside of one left out."""
        self.root: Callable[[Tensor], None] | None = None
        """Somebody who is told once, where the next begins."""
        self._pending: deque[Loss] = deque(maxlen=KEPT)
        self._scaled: deque[tuple[weakref.ref[Tensor], Number]] = deque(maxlen=8)
        self._begun: list[Loss] = []
        self._before: tuple[Slots, dict[Slot, Any]] | None = None

    @property
    def open(self) -> bool:
        """Whether it is to be seen whom the backward pass that has begun reaches."""
        return self._before is not None

    def scaled(self, loss: Any, result: Any) -> None:
        """A loss scale makes `result` of a loss."""
        if isinstance(loss, Tensor) and isinstance(result, Tensor) and result is not loss:
            value = number(loss)
            if value is not None:
                self._scaled.append((weakref.ref(result), value))

    def begins(self, slots: Slots, tensors: Any, grad_tensors: Any = None) -> None:
        """A backward pass begins; the first arguments of `torch.autograd.backward`."""
        self.passes += 1
        for root in roots(tensors, grad_tensors):
            known = next((value for scaled, value in self._scaled if scaled() is root), None) if self._scaled else None
            value = number(root) if known is None else known
            if value is not None:
                begun = Loss(value)
                self._pending.append(begun)
                if len(slots) > 1:
                    self._begun.append(begun)
                if self.root is not None:
                    told, self.root = self.root, None
                    told(root)
        if self._begun:
            self._before = slots, slots.gradients()

    def ended(self) -> None:
        """It is over."""
        if self._before is not None:
            slots, before = self._before
            reached = slots.reached_since(before)
            for loss in self._begun:
                loss.reached = reached
        self._before, self._begun = None, []

    def take(self, slot: Slot | None) -> list[Number]:
        """The losses that belong to an update of these parameters: those that reached no others, or else all that did."""
        if len(self._pending) == 1 and not self._pending[0].reached:  # nearly always
            return [self._pending.popleft().value]
        own = [one for one in self._pending if not one.reached or one.reached == {slot}]
        own = own or [one for one in self._pending if one.reached and slot in one.reached]
        if len(own) == len(self._pending):
            self._pending.clear()
        else:
            taken = {id(one) for one in own}
            self._pending = deque((one for one in self._pending if id(one) not in taken), maxlen=KEPT)
        return [one.value for one in own]


def roots(tensors: Any, grad_tensors: Any = None) -> list[Tensor]:
    """Where a backward pass begins by itself: tensors whose gradient nobody gives."""
    if isinstance(tensors, Tensor):
        return [] if grad_tensors is not None else [tensors]
    if not isinstance(tensors, list | tuple):
        return []
    given = grad_tensors if isinstance(grad_tensors, list | tuple) else [grad_tensors] * len(tensors)
    return [one for one, gradient in zip(tensors, given, strict=False) if isinstance(one, Tensor) and gradient is None]


def number(value: Tensor) -> Number | None:
    """The one number of a tensor as it is now; None where it has none that can be read later."""
    if value.numel() != 1 or value.is_complex() or (type(value) is not Tensor and _is_special(value)):
        return None
    if _MAPPED is not None and _MAPPED(value):
        return None
    if value.is_cpu:
        return float(value.item())
    if value.is_meta:
        return None
    if value.is_cuda and torch.cuda.is_current_stream_capturing():
        return None
    return value.detach().clone().reshape(())


def mean(values: list[Number]) -> Number | None:
    """Of all; None of none. () on the device of the first tensor where there is one."""
    if len(values) == 1:
        return values[0]
    tensors = [one.float() for one in values if isinstance(one, Tensor)]
    if not tensors:
        return sum(one for one in values if isinstance(one, float)) / len(values) if values else None
    together = torch.stack([one.to(tensors[0].device, non_blocking=True) for one in tensors]).sum()
    return (together + sum(one for one in values if isinstance(one, float))) / len(values)


def _is_special(value: Tensor) -> bool:
    """Whether its numbers lie elsewhere (sharded, imagined, transformed)."""
    return getattr(type(value), "__torch_dispatch__", None) is not getattr(Tensor, "__torch_dispatch__", None)
