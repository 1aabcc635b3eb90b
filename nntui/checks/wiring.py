"""What the gradient reaches, and where information is lost, in one model.

Owns exact tests of a network's wiring that several checks name as causes. Invariant: nothing here needs a threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nntui.checks.task import Task, mapped, tensors

SHIFT = 1.0
"""What is added to parameters to see whether the loss depends on them."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """Parameters that require a gradient and get none."""

    detached: list[str]
    """The loss depends on them: the graph is cut between them and the loss."""
    unused: list[str]
    """The loss does not depend on them."""


def unreached(task: Task, model: nn.Module, batches: list[tuple[Any, Any]]) -> Unreached:
    """Parameters without a gradient in every one of the batches, those declared frozen left out.

    The model is given in the mode it is to be judged in; its parameters are put back.
    """
    waiting = {n: p for n, p in model.named_parameters() if p.requires_grad and not task.declares("frozen", n)}
    for inputs, targets in batches:
        model.zero_grad(set_to_none=True)
        with torch.enable_grad():
            loss = task.loss(task.call(model, inputs), targets)
            if loss.requires_grad:
                loss.backward()
        waiting = {name: p for name, p in waiting.items() if p.grad is None}
        if not waiting:
            break
    model.zero_grad(set_to_none=True)
    if not waiting:
        return Unreached([], [])
    inputs, targets = batches[0]
    detached = [name for name, p in waiting.items() if _matters(task, model, p, inputs, targets)]
    return Unreached(detached, [name for name in waiting if name not in detached])


@torch.no_grad()
def _matters(task: Task, model: nn.Module, parameter: nn.Parameter, inputs: Any, targets: Any) -> bool:
    """Whether the loss changes when noise is added to a parameter."""
    kept = parameter.detach().clone()

    def loss() -> float:
        torch.manual_seed(0)  # what is drawn inside the model is the same both times
        return float(task.loss(task.call(model, inputs), targets))

    before = loss()
    parameter.add_(SHIFT * torch.randn(kept.shape, generator=torch.Generator().manual_seed(1)).to(kept))
    after = loss()
    parameter.copy_(kept)
    return before != after


@dataclass(frozen=True, slots=True)
class LikeUnits:
    """Layers whose units are all alike, so that each layer is one unit, many times."""

    started: list[str]
    """Alike at the start, with weights that are not zero: no scheme of initialisation does that."""
    stayed: list[str]
    """Alike at the start, trained, and alike still."""


def like_units(trained: nn.Module, fresh: nn.Module) -> LikeUnits:
    """Layers of more than one unit whose rows of weights are equal. trained: the fresh model after some updates."""
    found = LikeUnits([], [])
    layers = dict(fresh.named_modules())
    for name, module in trained.named_modules():
        before, after = (getattr(m, "weight", None) for m in (layers[name], module))
        if not isinstance(module, nn.Linear | nn.modules.conv._ConvNd):
            continue
        if (
            not isinstance(before, nn.Parameter)
            or not isinstance(after, nn.Parameter)
            or len(after) < 2
            or not _alike(before)
        ):
            continue
        if before.requires_grad and bool((before != 0).any()):
            found.started.append(name or type(module).__name__)
        if _alike(after) and not torch.equal(before, after):
            found.stayed.append(name or type(module).__name__)
    return found


def _alike(weight: Tensor) -> bool:
    return bool((weight == weight[:1]).all())


@torch.no_grad()
def lost_in(call: Callable[[Any], Any], model: nn.Module, one: Any, other: Any) -> str:
    """The first layer that two different inputs enter and leave as the same, or what follows the last; empty if they enter none.

    call: runs the model on inputs.
    """
    trails = [_trail(call, model, given) for given in (one, other)]
    for (name, given, made), (_, given_too, made_too) in zip(*trails, strict=False):
        if not _same(given, given_too) and _same(made, made_too):
            return name
    last = [trail[-1] for trail in trails if trail]
    if len(last) == len(trails) and not _same(last[0][2], last[1][2]):
        return f"what follows {last[0][0]}"
    return ""


def _trail(call: Callable[[Any], Any], model: nn.Module, inputs: Any) -> list[tuple[str, list[Tensor], list[Tensor]]]:
    """What entered and left each layer without layers of its own, in the order of their calls."""
    steps: list[tuple[str, list[Tensor], list[Tensor]]] = []
    hooks = []
    for name, module in model.named_modules():
        if not any(module.children()):

            def note(m: nn.Module, given: Any, made: Any, name: str = name) -> None:
                label = f"{name or 'the model'} ({type(m).__name__})"
                steps.append((label, [t.clone() for t in tensors(given)], [t.clone() for t in tensors(made)]))

            hooks.append(module.register_forward_hook(note))
    try:
        call(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return steps


def _same(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(
        a.shape == b.shape and torch.equal(a, b) for a, b in zip(one, other, strict=True)
    )


@torch.no_grad()
def affine(task: Task, model: nn.Module, inputs: Any) -> bool:
    """Whether outputs are an affine function of floating-point inputs: f(x + y) + f(0) = f(x) + f(y), to rounding.

    False where an input is of another type, or the outputs are not one tensor. The model is judged in eval mode.
    """
    if not tensors(inputs) or any(not t.is_floating_point() for t in tensors(inputs)):
        return False
    model.eval()
    other = mapped(inputs, lambda t: torch.roll(t, 1, 0) * 0.7)
    both = iter([a + b for a, b in zip(tensors(inputs), tensors(other), strict=True)])
    summed = mapped(inputs, lambda _: next(both))
    found = [task.call(model, given) for given in (summed, mapped(inputs, torch.zeros_like), inputs, other)]
    if not all(isinstance(one, Tensor) and one.is_floating_point() for one in found):
        return False
    f = [one.double() for one in found]
    off = float((f[0] + f[1] - f[2] - f[3]).abs().max())
    return off <= 1e-4 * float((f[2] - f[1]).abs().max() + (f[3] - f[1]).abs().max() + 1e-12)
