"""Optimizers whose updates are a part of another one's: a wrapper around one (sharpness-aware, slow weights, a shard of ZeRO).

Owns telling them apart. Invariant: no optimizer is kept alive; one that was mistaken for a part, since an update before it broke
off, is so once.
"""

from __future__ import annotations

import weakref

from torch.optim import Optimizer


class Nesting:
    """Which update is under way, and which optimizers are known to be parts."""

    def __init__(self) -> None:
        self._outer: weakref.ref[Optimizer] | None = None
        self._within: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._parts: weakref.WeakSet[Optimizer] = weakref.WeakSet()

    def begins(self, optimizer: Optimizer, *, ending: bool) -> bool:
        """Whether the update that begins is one of its own. ending: its end will be told."""
        if optimizer in self._parts:
            return False
        outer = None if self._outer is None else self._outer()
        if ending and outer is not None and outer is not optimizer:
            self._within.add(optimizer)
            return False
        self._outer = weakref.ref(optimizer) if ending else None
        self._within.clear()
        return True

    def ended(self, optimizer: Optimizer) -> bool:
        """Whether the update that is over was one of its own."""
        outer = None if self._outer is None else self._outer()
        if outer is optimizer:
            self._parts |= self._within
            self._outer = None
        return optimizer not in self._parts and (outer is None or outer is optimizer)
