"""The functions of torch that calculate losses, whichever way a script reaches them.

Owns standing in front of them. Invariants: what they give is what they would give; a compiler finds them as they are.
"""

from __future__ import annotations

import contextlib
import functools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.compiler import is_compiling

from nntui.probes.hooks import Guard
from nntui.unmodified.wrapping import Wrappers, hide

MEAN = 1
"""What torch calls the reduction to a mean in these functions."""
_NN: Any = getattr(torch._C, "_nn", None)
FUNCTIONS = (
    *((_NN, name, 3) for name in ("cross_entropy_loss", "nll_loss_nd", "binary_cross_entropy")),
    *((_NN, name, 2) for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")),
    (torch, "binary_cross_entropy_with_logits", 4),
)
"""Those that `torch.nn.functional` calls: where they are, and at which place they are told the reduction."""
MODULES = (
    *(nn.CrossEntropyLoss, nn.NLLLoss, nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss),
    *(nn.BCELoss, nn.BCEWithLogitsLoss),
)
"""Loss modules that do nothing but call one of them."""


SCALINGS = frozenset(
    f"{name}Backward0"
    for name in ("Alias", "Clone", "Div", "Mean", "Mul", "Reshape", "Squeeze", "Stack", "ToCopy", "Unsqueeze", "View")
)
"""What a script may do to a loss before it calls `backward`, so that it is still this loss, as far as its graph tells."""
DEEP = 16
KEPT = 8
"""Newest losses of a training among which that of a backward pass is looked for."""


class Calls:
    """Tells somebody of losses that are calculated without gradients, where a training loss is one of these functions."""

    def __init__(self, guard: Guard, heard: Callable[[str, Any, Any], None]) -> None:
        """heard: told the name of the function, the outputs and their loss, a mean."""
        self._guard, self._heard = guard, heard
        self.trained: str | None = None
        """Name of the function whose result is trained on; empty where it is none alone, None before the first backward pass."""
        self._recent: deque[tuple[str, Any]] = deque(maxlen=KEPT)
        """Functions and nodes of their graphs, until then: a loss that was scaled may itself be gone."""
        self._wrappers = Wrappers()
        for owner, name, place in FUNCTIONS:
            if hasattr(owner, name):
                self._wrappers.put(owner, name, functools.partial(self._around, name, place))

    def stop(self) -> None:
        """Tell no more."""
        self._wrappers.undo()
        self._recent.clear()

    def root(self, loss: Tensor) -> None:
        """A backward pass of the training begins here."""
        if self.trained is None:
            self.trained = self._named(loss)
            self._recent.clear()

    def _named(self, loss: Tensor) -> str:
        node = loss.grad_fn
        for _ in range(DEEP):
            name = next((name for name, one in self._recent if one is node), "")
            before = [] if node is None else [one for one, _ in node.next_functions if one is not None]
            if name or node is None or node.name() not in SCALINGS or len(before) != 1:
                return name
            (node,) = before
        return ""

    def _around(self, name: str, place: int, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if is_compiling():
                return plain(*given, **named)
            try:
                result = plain(*given, **named)
            except BaseException:
                hide()
                raise
            if not torch.is_grad_enabled():
                if given[place : place + 1] == (MEAN,):
                    self._guard.call(self._heard, name, given[0], result)
            elif self.trained is None:
                self._guard.call(self._calculated, name, result)
            return result

        return call

    def _calculated(self, name: str, result: Any) -> None:
        if isinstance(result, Tensor) and result.grad_fn is not None:
            self._recent.append((name, result.grad_fn))


def calls_one(module: nn.Module) -> bool:
    """Whether all that a loss module does is to call one of these functions."""
    return any(isinstance(module, kind) and type(module).forward is kind.forward for kind in MODULES)


@contextlib.contextmanager
def untouched() -> Iterator[None]:
    """Torch's own functions stand there meanwhile, for a compiler that knows no others."""
    ours = [(owner, name, getattr(owner, name, None)) for owner, name, _ in FUNCTIONS]
    ours = [(owner, name, found) for owner, name, found in ours if getattr(found, "__globals__", None) is globals()]
    for owner, name, found in ours:
        setattr(owner, name, found.__wrapped__)
    try:
        yield
    finally:
        for owner, name, found in ours:
            if getattr(owner, name, None) is found.__wrapped__:
                setattr(owner, name, found)
