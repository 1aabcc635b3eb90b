"""Where a training enters its model: the modules whose forward calls no other module makes.

A model is not always called as a whole: a LightningModule has a `training_step`, a policy an `evaluate_actions`. Owns the search,
which takes one update. Invariant: modules that calculate in another order once there is a hook in them get none.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from nntui.probes.hooks import Guard, Hook
from nntui.probes.layers import is_compiled
from nntui.probes.watch import Watch


class Entries:
    """The search for the modules that are called from outside."""

    def __init__(self, models: Iterable[nn.Module], watch: Watch, guard: Guard) -> None:
        """models: those that the probes know already."""
        self._watch = weakref.ref(watch)
        self._waiting: set[int] = set()
        self._handles: list[RemovableHandle] = []
        for model in models:
            if not is_compiled(model):
                self._handles.append(model.register_forward_pre_hook(Hook(guard, self._whole)))
                for part in _parts(model):
                    self._waiting.add(id(part))
                    self._handles.append(part.register_forward_pre_hook(Hook(guard, self._called)))

    def stop(self) -> None:
        """Search no more."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._waiting = [], set()

    def _whole(self, module: nn.Module, given: Any) -> None:
        """Whatever part of it is called next is called by it."""
        if torch.is_grad_enabled():
            self._waiting.difference_update(id(part) for part in module.modules())

    def _called(self, module: nn.Module, given: Any) -> None:
        watch = self._watch()
        if watch is not None and id(module) in self._waiting and torch.is_grad_enabled():
            self._whole(module, given)
            watch.enters(module)


def _parts(model: nn.Module) -> list[nn.Module]:
    """The parts of a model that may have hooks."""
    closed = {id(m) for e in model.modules() if isinstance(e, nn.TransformerEncoderLayer) for m in e.modules()}
    return [part for part in model.modules() if part is not model and id(part) not in closed]
