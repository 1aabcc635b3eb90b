"""Which hooks there are: all of them, or the few of a stretch of updates in which nothing is measured.

Owns taking hooks on and off a model and optimizers, and counting the updates of a stretch. Invariants: in a stretch an update
costs one call of `Count`, and one more where an evaluation would tell something and there is time for it; whatever is not the
next update of the optimizer that is counted is passed on at once; `remove` leaves no hook.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.compiler import is_dynamo_compiling
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from nntui.probes.hooks import COLD, Clocked, Guard, Hook, calling, fastest

NOTICING = 0.001
"""Of the time of training that noticing evaluations in stretches may take."""
GRANT = 0.02
"""Seconds of it that there are to begin with, when most mistakes show."""


class Count:
    """The one hook that is always there: counts so many updates of one optimizer, and passes on all else."""

    __slots__ = ("_else", "_updates", "known", "left")

    def __init__(self, otherwise: Callable[..., None]) -> None:
        self._else = otherwise
        self.known: Callable[[], Any] = _nobody
        """The optimizer that is counted, weakly."""
        self.left = 0
        """Updates of it that are yet to be counted."""
        self._updates = 0

    def __call__(self, optimizer: Any, given: Any, named: Any) -> None:
        """An update of some optimizer begins."""
        if is_dynamo_compiling():
            return
        if self.left and self.known() is optimizer:
            self.left -= 1
        else:
            self._else(optimizer, given, named)

    def begin(self, known: Callable[[], Any], updates: int) -> None:
        """Count so many updates of an optimizer, of which this is the first."""
        self.known, self._updates, self.left = known, max(1, updates), max(0, updates - 1)

    def end(self) -> None:
        """Pass on all."""
        self._updates = self.left = 0

    @property
    def passed(self) -> int:
        """Updates that have begun since counting did."""
        return self._updates - self.left


def _nobody() -> Any:
    return Count  # is no optimizer


@functools.cache
def counting() -> float:
    """Seconds that counting an update takes."""
    count, counted = Count(_nobody), Count
    count.begin(_nobody, 1 << 62)
    return COLD * fastest(lambda: count(counted, (), None))


class Evaluations(Clocked):
    """A hook on a model that minds only forward calls without gradients."""

    def __call__(self, *given: Any) -> None:
        """A forward call begins."""
        if not torch.is_grad_enabled():
            super().__call__(*given)


class Attached:
    """The hooks of one watch."""

    def __init__(self, guard: Guard, enters: Callable[..., None], leaves: Callable[..., None]) -> None:
        """enters, leaves: bound methods, called as forward pre-hook and forward hook; models keep their object."""
        self._guard = guard
        self._enters, self._leaves = weakref.WeakMethod(enters), weakref.WeakMethod(leaves)
        self._ends: Hook | None = None
        self._count: Count | None = None
        self._models: list[weakref.ref[nn.Module]] = []
        self._always: list[RemovableHandle] = []
        self._now: list[RemovableHandle] = []
        self.resting = False
        """Whether this is a stretch in which nothing is measured."""
        self._left = GRANT

    @property
    def passed(self) -> int:
        """Updates that have begun in this stretch."""
        return 0 if self._count is None else self._count.passed

    def paid(self, step_seconds: float) -> float:
        """Seconds that hooks took in this stretch, of which no guard knows; asked once. step_seconds: of an update."""
        noticing = len(self._now) * calling()
        self._left = min(GRANT, self._left + self.passed * (NOTICING * step_seconds - noticing))
        return self.passed * (counting() + noticing)

    def enter(self, model: nn.Module) -> None:
        """Notice forward calls of this model as well."""
        self._models.append(weakref.ref(model))
        keeps = Hook(None, self._enters())  # does nothing, and in a stretch it alone keeps whoever is told
        self._always.append(model.register_state_dict_pre_hook(keeps))
        self._listen(model)

    def told(self, begins: Hook) -> Count:
        """Somebody tells of updates by calling what this gives, as each begins, and of their end where `resting` is not so."""
        self._count = Count(begins)
        return self._count

    def update(self, begins: Hook, ends: Hook) -> None:
        """Notice updates of all optimizers."""
        _sweep()
        self._count, self._ends = Count(begins), ends
        self._always.append(register_optimizer_step_pre_hook(self._count))
        self._now.append(register_optimizer_step_post_hook(ends))
        _LISTENING.append((weakref.ref(self), self._always, self._now))

    def rest(self, optimizer: Callable[[], Any], updates: int, *, telling: bool) -> None:
        """Only count the updates of an optimizer, this one and so many in all.

        telling: calls of the model without gradients are worth to be noticed.
        """
        if self._count is None:
            return
        begins, self.resting = not self.resting, True
        if begins or self._left <= 0:
            self._quiet()
        if begins and telling and self._left > 0:
            for model in self._there():
                self._now.append(model.register_forward_pre_hook(Evaluations(self._guard, self._enters())))
        self._count.begin(optimizer, updates)

    def wake(self) -> None:
        """Every hook, from here on."""
        if self._count is None or not self.resting:
            return
        self.resting = False
        self._count.end()
        self._quiet()
        for model in self._there():
            self._listen(model)
        if self._ends is not None:
            self._now.append(register_optimizer_step_post_hook(self._ends))

    def remove(self) -> None:
        """No hook."""
        self._quiet()
        for handle in self._always:
            handle.remove()
        self._always.clear()

    def _there(self) -> list[nn.Module]:
        return [model for known in self._models if (model := known()) is not None]

    def _listen(self, model: nn.Module) -> None:
        self._now.append(model.register_forward_pre_hook(Clocked(self._guard, self._enters())))
        self._now.append(model.register_forward_hook(Clocked(self._guard, self._leaves())))

    def _quiet(self) -> None:
        for handle in self._now:
            handle.remove()
        self._now.clear()


_LISTENING: list[tuple[weakref.ref[Attached], list[RemovableHandle], list[RemovableHandle]]] = []
"""Who notices updates of all optimizers, and their hooks."""


def _sweep() -> None:
    """Take off the hooks of those that are gone: as another comes, since they may go while torch walks through its hooks."""
    for who, always, now in [*_LISTENING]:
        if who() is None:
            for handle in (*always, *now):
                handle.remove()
    _LISTENING[:] = [one for one in _LISTENING if one[0]() is not None and one[1]]
