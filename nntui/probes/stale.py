"""Gradients that are there already when a backward pass begins.

Owns hooks on a few parameters, from one update that is looked at to the next. Formula: of each parameter the least L2 norm of
its gradient over the backward passes since the update, so that one which is cleared between two losses is not stale; then the
norm over the parameters. Invariant: no parameter is kept alive.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from nntui.probes.hooks import Clocked, Guard
from nntui.probes.parameters import local

LISTENED = 4
"""Parameters at which backward passes are noticed."""


class Stale:
    """What was left of gradients before the update that comes."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._handles: dict[int, RemovableHandle] = {}
        self._least: dict[int, Tensor | float] = {}
        self._heard: list[Tensor | float] = []

    @property
    def listening(self) -> bool:
        """Whether any backward pass would be noticed."""
        return bool(self._handles)

    def listen(self, parameters: Sequence[nn.Parameter]) -> None:
        """Notice backward passes from here on, at a few of these."""
        self.stop()
        for parameter in parameters[:: max(1, len(parameters) // LISTENED)][:LISTENED]:
            begins = functools.partial(self._begins, weakref.ref(parameter))
            self._handles[id(parameter)] = parameter.register_hook(Clocked(self._guard, begins))

    def over(self, parameters: Iterable[Tensor]) -> None:
        """The backward passes for these are over: an optimizer updates them."""
        for key in [id(p) for p in parameters if id(p) in self._handles] if self._handles else ():
            self._handles.pop(key).remove()
            if key in self._least:
                self._heard.append(self._least.pop(key))

    def reading(self) -> Tensor | float | None:
        """The norm; 0 where gradients were cleared, None where no backward pass was noticed. Asked once."""
        heard, self._heard = self._heard, []
        norms = [one for one in heard if isinstance(one, Tensor)]
        if not norms:
            return 0.0 if heard else None
        return torch.stack([norm.to(norms[0].device, non_blocking=True) for norm in norms]).square().sum().sqrt()

    def quiet(self) -> None:
        """Notice nothing more: the hooks are gone, and what is known of parameters that no optimizer has updated."""
        for handle in self._handles.values():
            handle.remove()
        self._handles, self._least = {}, {}

    def stop(self) -> None:
        """Notice nothing more and forget what was noticed."""
        self.quiet()
        self._heard = []

    def _begins(self, known: weakref.ref[nn.Parameter], gradient: Tensor) -> None:
        parameter = known()
        if parameter is None:
            return
        before = self._least.get(id(parameter))
        if parameter.grad is None or isinstance(before, float):
            self._least[id(parameter)] = 0.0
            return
        now = torch.linalg.vector_norm(local(parameter.grad).float())
        self._least[id(parameter)] = torch.minimum(before, now) if isinstance(before, Tensor) else now
