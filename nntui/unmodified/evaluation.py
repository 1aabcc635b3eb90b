"""The loss of an evaluation, where a script calculates it with a loss module or a function of torch.

Owns telling an evaluation from anything else that is done without gradients: the model is in eval mode, and one loss is
calculated, at one place of the script, over one pass of the data: by a loss module, or by the function that alone gives what is
trained on. Invariant: what is not plainly an evaluation gives no number.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.loss import _Loss
from torch.utils.hooks import RemovableHandle

from nntui.probes.hooks import Guard, Hook
from nntui.unmodified.functions import MODULES, Calls
from nntui.unmodified.losses import Losses, Number, number

_OTHERS = (f"{Path(torch.__file__).parent}{os.sep}", f"{Path(__file__).parents[1]}{os.sep}")
"""Where code lies that is not the script's."""
DEPTH = 200
"""Frames that tell one place of a script from another."""
_FORWARDS = frozenset(getattr(module.forward, "__code__", None) for module in MODULES)
"""By which those are known among the frames of a call."""

Place = tuple[tuple[int, int], ...]
Where = tuple[str, Place]
"""Name of the function that calculated a loss, empty where a module did, and where in the script it was called."""


class Evaluation:
    """What was evaluated since the last update."""

    def __init__(self, modules: Iterable[nn.Module], models: Iterable[nn.Module], losses: Losses, guard: Guard) -> None:
        """modules: every one that there is; models: those that are trained; losses: of the training."""
        self._models = weakref.WeakSet(models)
        self.doubt = ""
        """Why nothing is recorded any more."""
        self._where: Where | None = None
        self._phase: dict[Where, _Pass] = {}
        own = [one for one in modules if is_loss(one) and type(one) not in MODULES] if len(self._models) else []
        self._handles: list[RemovableHandle] = [one.register_forward_hook(Hook(guard, self._whole)) for one in own]
        self._losses = losses
        self._calls = Calls(guard, self._heard) if len(self._models) else None
        losses.root = None if self._calls is None else self._calls.root

    def stop(self) -> None:
        """Look no more."""
        for handle in self._handles:
            handle.remove()
        if self._calls is not None:
            self._calls.stop()
        self._handles, self._calls, self._losses.root, self._phase = [], None, None, {}

    @property
    def heard(self) -> bool:
        """Whether any loss was calculated without gradients since the last update."""
        return bool(self._phase)

    def close(self) -> Number | None:
        """An update follows, or the end: the mean loss of the evaluation before it; None where there was none."""
        trained = None if self._calls is None else self._calls.trained
        phase = {where: one for where, one in self._phase.items() if where[0] in ("", trained)}
        self._phase = {}
        if not phase:
            return None
        if self._where is None:
            if len(phase) > 1:
                self.doubt = f"losses are evaluated at {len(phase)} places of the script between two updates"
                return None
            self._where = next(iter(phase))
        own = phase.get(self._where)
        if own is not None and own.again:
            self.doubt = "several passes over data are evaluated at one place of the script between two updates"
        return None if own is None or self.doubt else own.mean()

    def _whole(self, module: nn.Module, given: Any, output: Any) -> None:
        """A loss module was called: what functions and modules calculated on its way is no evaluation of its own."""
        if torch.is_grad_enabled():
            return
        outside = _place()
        for name, place in [*self._phase]:
            if (name or len(place) > len(outside)) and place[len(place) - len(outside) :] == outside:
                del self._phase[name, place]
        if getattr(module, "reduction", "mean") == "mean":
            self._take(("", outside), given[0] if isinstance(given, tuple) and given else None, output)

    def _heard(self, name: str, outputs: Any, loss: Any) -> None:
        """A function of torch was called; one that is not what is trained on, alone, tells nothing, but for a loss module."""
        if _within_module():
            self._take(("", _place()), outputs, loss)
        elif self._calls is not None and self._calls.trained in (None, name):
            self._take((name, _place()), outputs, loss)

    def _take(self, where: Where, outputs: Any, loss: Any) -> None:
        if not isinstance(loss, Tensor) or loss.numel() != 1 or any(model.training for model in self._models):
            return
        value = number(loss)
        if value is not None:
            size = len(outputs) if isinstance(outputs, Tensor) and outputs.dim() else 1
            self._phase.setdefault(where, _Pass()).take(value, size)


class _Pass:
    """Losses of batches, each with as much weight as it has examples."""

    def __init__(self) -> None:
        self._total: Number = 0.0
        self._count = 0
        self._sizes: list[int] = []

    @property
    def again(self) -> bool:
        """Whether full batches follow one that was not full: the data have begun again."""
        return len(self._sizes) > 2 and len(set(self._sizes)) == 2

    def take(self, value: Number, size: int) -> None:
        self._total = self._total + value * size
        self._count += size
        if len(set(self._sizes)) < 3 and self._sizes[-1:] != [size]:
            self._sizes.append(size)

    def mean(self) -> Number:
        return self._total / max(1, self._count)


def is_loss(module: nn.Module) -> bool:
    """Whether a module is a loss, by its class or by the name of its class."""
    name = type(module).__name__.lower()
    return isinstance(module, _Loss) or "loss" in name or "criterion" in name


def _within_module() -> bool:
    """Whether a function of torch is called by one of torch's own loss modules."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OTHERS):
        if frame.f_code in _FORWARDS:
            return type(frame.f_locals.get("self")) in MODULES
        frame = frame.f_back
    return False


def _place() -> Place:
    """Where in the script this is called from: code and instruction of each frame that is not torch's."""
    found = []
    frame = sys._getframe(1)
    while frame is not None and len(found) < DEPTH:
        code = frame.f_code
        if not code.co_filename.startswith(_OTHERS):
            found.append((id(code), frame.f_lasti))
        frame = frame.f_back
    return tuple(found)
