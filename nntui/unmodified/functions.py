"""The functions of torch that calculate losses, as `torch.nn.functional` calls them.

Owns standing in front of them. Invariants: what they give is what they would give; `torch.jit.script` finds them as they are; no
graph is kept alive.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.compiler import is_compiling

from nntui.probes.hooks import Guard
from nntui.unmodified.wrapping import Wrappers, hide

MEAN, SUM = 1, 2
"""What torch calls the reductions to a mean and to a sum in these functions."""
OWNER: Any = getattr(torch._C, "_nn", None)
"""Where they are: no script reaches into it, as many do into `torch` and `torch.nn.functional`."""
FUNCTIONS = {
    **dict.fromkeys(("cross_entropy_loss", "nll_loss_nd", "binary_cross_entropy"), 3),
    **dict.fromkeys(("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"), 2),
}
"""At which place each is told the reduction."""
_OF_CLASSES = {"cross_entropy_loss", "nll_loss_nd"}
"""Of these, those of targets that are classes, some of which may weigh more than others or not count."""
_MODULES: dict[type[nn.Module], str] = {
    nn.CrossEntropyLoss: "cross_entropy_loss",
    nn.NLLLoss: "nll_loss_nd",
    nn.BCELoss: "binary_cross_entropy",
    nn.MSELoss: "mse_loss",
    nn.L1Loss: "l1_loss",
    nn.SmoothL1Loss: "smooth_l1_loss",
    nn.HuberLoss: "huber_loss",
}
MODULES = frozenset(module for module, name in _MODULES.items() if hasattr(OWNER, name))
"""Loss modules that calculate one of them and nothing else: they need no hook of their own, which costs at every update."""
SCALINGS = frozenset(
    f"{name}Backward0"
    for name in ("Alias", "Clone", "Div", "Mean", "Mul", "Reshape", "Squeeze", "Stack", "ToCopy", "Unsqueeze", "View")
)
"""What a script may do to a loss before it calls `backward`, so that it is still this loss, as far as its graph tells."""
DEEP = 16
"""Of these, how many in a row."""
KEY = "nntui.loss"
"""Under which the graph of a loss has the name of its function."""


class Calls:
    """Tells somebody of losses that are calculated without gradients, where a training loss is one of these functions."""

    def __init__(self, guard: Guard, heard: Callable[[str, Any, Any], None]) -> None:
        """heard: told the name of the function, the outputs and the mean loss of them."""
        self._guard, self._heard = guard, heard
        self.trained: str | None = None
        """Name of the function whose result is trained on; empty where it is none alone, None before the first backward pass."""
        self._averages = False
        """Whether that is a mean: then a sum that is evaluated tells how large its mean is."""
        self._wrappers = Wrappers()
        for name, place in FUNCTIONS.items():
            if hasattr(OWNER, name):
                self._wrappers.put(OWNER, name, functools.partial(self._around, name, place))

    def stop(self) -> None:
        """Tell no more."""
        self._wrappers.undo()

    def root(self, loss: Tensor) -> None:
        """The first backward pass of the training begins here."""
        self.trained, self._averages = _function_of(loss)

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
                elif given[place : place + 1] == (SUM,) and self._averages and self.trained == name:
                    self._guard.call(self._heard_sum, name, given, result)
            elif self.trained is None:
                self._guard.call(_mark, result, name, given[place : place + 1] == (MEAN,))
            return result

        return call

    def _heard_sum(self, name: str, given: tuple[Any, ...], result: Any) -> None:
        terms = _terms(name, given)
        if terms is not None:
            self._heard(name, given[0], result / terms)


@contextlib.contextmanager
def untouched() -> Iterator[None]:
    """Torch's own functions stand there meanwhile, for a compiler that knows no others."""
    found: dict[str, Any] = {name: getattr(OWNER, name, None) for name in FUNCTIONS}
    ours = {name: one for name, one in found.items() if getattr(one, "__globals__", None) is globals()}
    for name, one in ours.items():
        setattr(OWNER, name, one.__wrapped__)
    try:
        yield
    finally:
        for name, one in ours.items():
            if getattr(OWNER, name, None) is one.__wrapped__:
                setattr(OWNER, name, one)


def _terms(name: str, given: tuple[Any, ...]) -> int | Tensor | None:
    """How many numbers a sum is made of, as a mean would divide it; None where classes have weights. Waits for no device."""
    outputs, targets = given[:2]
    if name not in _OF_CLASSES:
        return int(outputs.numel())
    if given[2] is not None:
        return None
    if targets.is_floating_point():
        return int(outputs.numel() // outputs.shape[min(1, outputs.dim() - 1)])
    return (targets != given[4]).sum()


def _mark(result: Any, name: str, averages: Any) -> None:
    """Leave the name of the function in the graph that it made, to be found there however the loss is scaled."""
    node: Any = result.grad_fn if isinstance(result, Tensor) else None
    if node is not None:
        node.metadata[KEY] = name, averages


def _function_of(loss: Tensor) -> tuple[str, bool]:
    """Name of the function that gave a loss, but for its scale, and whether it gave a mean; empty where none alone did."""
    node: Any = loss.grad_fn
    for _ in range(DEEP):
        if node is None or KEY in node.metadata:
            return ("", False) if node is None else node.metadata[KEY]
        before = [one for one, _ in node.next_functions if one is not None]
        if node.name() not in SCALINGS or len(before) != 1:
            return "", False
        (node,) = before
    return "", False
