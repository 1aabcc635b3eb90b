"""Which phase the modules that act differently in training are in, and whether an evaluation wants what differs.

Owns the share of them that are in training mode, and what tells a forgotten `eval()` from an average over dropout.
Invariant: keeps no module and no tensor alive.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from nntui.probes.ranks import tensors_in

DRAWS = 5
"""Calls for the same inputs, one after another, that are draws to be averaged; a loss and some scores need fewer."""


class Modes:
    """The modules of a model that act differently in training; false where there are none."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        self._modules = weakref.WeakSet(modules)
        self._update, self._calls = -1, 0
        self._inputs: weakref.ref[Tensor] | None = None

    def __bool__(self) -> bool:
        return bool(self._modules)

    @property
    def training(self) -> float:
        """Share of them in training mode."""
        return sum(m.training for m in self._modules) / max(1, len(self._modules))

    def evaluates(self, update: int, given: Any) -> tuple[bool, bool]:
        """A forward call without gradients: whether it is the first since an update, and whether it tells of draws, once."""
        first, asked = self._update != update, next(iter(tensors_in(given)), None)
        same = not first and asked is not None and self._inputs is not None and self._inputs() is asked
        if first:
            self._update, self._calls = update, 0
        if not same:
            self._inputs, self._calls = None if asked is None else weakref.ref(asked), 0
        self._calls += 1
        return first, self._calls == DRAWS and self.training > 0
