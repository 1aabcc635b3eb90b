"""Which optimizers a training has, and which parameters each updates.

Owns telling one optimizer from another that takes its place. Invariant: neither an optimizer nor a parameter is kept alive.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

SAMPLE = 4
"""Parameters of an optimizer at which gradients are noticed."""


class Slot:
    """The parameters that one optimizer updates, or several one after the other."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.updates = 0
        """So far."""
        self._known = {id(p): weakref.ref(p) for p in parameters}
        trained = [known for known in self._known.values() if (p := known()) is not None and p.requires_grad]
        self._sample = trained[:: max(1, len(trained) // SAMPLE)][:SAMPLE]

    def parameters(self) -> list[Tensor]:
        """Those that still exist."""
        return [p for known in self._known.values() if (p := known()) is not None]

    def shares(self, parameters: Iterable[Tensor]) -> bool:
        """Whether any of the parameters is one of these."""
        return any((known := self._known.get(id(p))) is not None and known() is p for p in parameters)

    def add(self, parameters: Iterable[Tensor]) -> None:
        """These belong to it too."""
        self._known |= {id(p): weakref.ref(p) for p in parameters}

    def gradients(self) -> tuple[Any, ...]:
        """A value that is another one once a backward pass has reached the parameters."""
        found = [None if (p := known()) is None else p.grad for known in self._sample]
        return tuple(None if one is None else (id(one), one._version) for one in found)


class Slots:
    """The optimizers of one training."""

    def __init__(self, optimizers: Iterable[Optimizer] = ()) -> None:
        self._slots: list[Slot] = []
        self._newest: tuple[weakref.ref[Optimizer], Slot] | None = None
        self._of: weakref.WeakKeyDictionary[Optimizer, Slot] = weakref.WeakKeyDictionary()
        for optimizer in optimizers:
            self.of(optimizer, add=True)

    def __len__(self) -> int:
        return len(self._slots)

    def __iter__(self) -> Any:
        return iter(self._slots)

    @property
    def over(self) -> bool:
        """Whether every optimizer is gone."""
        return not len(self._of)

    def of(self, optimizer: Optimizer, *, add: bool = False) -> Slot | None:
        """The slot of an optimizer. None for one that shares no parameter with any other, unless it is to be added."""
        if self._newest is not None and self._newest[0]() is optimizer:  # nearly always, and cheaper than to look it up
            return self._newest[1]
        slot = self._of.get(optimizer) or self._new(optimizer, add)
        if slot is not None:
            self._newest = weakref.ref(optimizer), slot
        return slot

    def _new(self, optimizer: Optimizer, add: bool) -> Slot | None:
        own = parameters_of(optimizer)
        slot = next((one for one in self._slots if one.shares(own)), None)
        if slot is None and add and own:
            slot = Slot(own)
            self._slots.append(slot)
        if slot is not None:
            slot.add(own)
            self._of[optimizer] = slot
        return slot

    def known(self, optimizer: Optimizer) -> Slot | None:
        """The slot of this very optimizer; None for one that was never met, whatever it shares."""
        return self._of.get(optimizer)

    def retire(self) -> Slots:
        """Forget all; what was known, for `restore`."""
        old = Slots()
        old.restore(self)
        self.restore(Slots())
        return old

    def restore(self, old: Slots) -> None:
        """Know what another knew."""
        self._slots, self._of, self._newest = old._slots, old._of, None

    def optimizers(self) -> list[Optimizer]:
        """Those that still exist."""
        return [*self._of]

    def gradients(self) -> dict[Slot, tuple[Any, ...]]:
        """Of each, to be compared later."""
        return {slot: slot.gradients() for slot in self._slots}

    def reached_since(self, before: dict[Slot, tuple[Any, ...]]) -> frozenset[Slot]:
        """Whose gradients are others than before."""
        now = self.gradients()
        return frozenset(slot for slot, was in before.items() if _reached(was, now.get(slot, ())))


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
    """Every parameter of every group."""
    groups = getattr(optimizer, "param_groups", None) or []
    return [p for group in groups for p in group["params"] if isinstance(p, Tensor)]


def _reached(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    return any(new is not None and new != old for old, new in zip(before, now, strict=False))
