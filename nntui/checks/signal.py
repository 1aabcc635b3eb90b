"""What leaves the activations of a model, seen while it runs.

Owns watching operations, not modules, so that a functional relu is seen as well as a layer. Invariant: the model
computes what it would have computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from nntui.checks.task import Task, tensors

CUT = {"aten.relu.default", "aten.relu_.default"}
"""Activations of which a unit may be zero for every input."""
BOUNDS = {
    "aten.tanh.default": (-0.97, 0.97),
    "aten.tanh_.default": (-0.97, 0.97),
    "aten.sigmoid.default": (0.03, 0.97),
    "aten.sigmoid_.default": (0.03, 0.97),
}
"""Activations with bounds, and where they hardly pass a gradient: 6 % and 12 % of the most that they pass."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What one activation put out over all batches."""

    name: str
    """`relu`, `tanh`, …"""
    layer: str
    """The layer with parameters before it."""
    kind: str
    """`cut` or `bounded`."""
    dead: float
    """Share of its units that are zero for every input; 0 for bounded ones."""
    saturated: float
    """Share of its outputs at the bounds; 0 for the others."""
    units: int
    inputs: int
    """How many inputs each unit saw: examples, and places where weights are shared."""


class _Watch(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str, Tensor]] = []
        self.layer = "the inputs"

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = str(func)
        if (name in CUT or name in BOUNDS) and isinstance(result, Tensor) and result.dim() > 1:
            self.seen.append((name, self.layer, result))
        return result


@torch.no_grad()
def listened(task: Task, model: nn.Module, batches: list[tuple[Any, Any]]) -> list[Signal]:
    """One Signal per activation inside the model, in the order of their calls; that of the outputs is left out."""
    gathered: list[list[tuple[str, str, Tensor, Tensor, int]]] = []
    for inputs, _ in batches:
        watch = _Watch()

        def named(name: str, watch: _Watch = watch) -> Any:
            def note(*_: Any) -> None:
                watch.layer = name

            return note

        layers = [
            (n or type(m).__name__, m)
            for n, m in model.named_modules()
            if any(True for _ in m.parameters(recurse=False))
        ]
        hooks = [m.register_forward_hook(named(name)) for name, m in layers]
        try:
            with watch:
                outputs = task.call(model, inputs)
        finally:
            for hook in hooks:
                hook.remove()
        last = {t.data_ptr() for t in tensors(outputs)}
        axis = -1
        one = []
        for name, layer, result in watch.seen:
            if result.data_ptr() in last:
                continue
            axis = 1 if result.dim() >= 4 else result.dim() - 1  # channels of pictures, else features
            units = result.movedim(axis, 0).flatten(1)
            low, high = BOUNDS.get(name, (0.0, 0.0))
            one.append(
                (name, layer, (units != 0).any(dim=1), ((units < low) | (units > high)).double().mean(), units.shape[1])
            )
        gathered.append(one)
    found = []
    for same in zip(*(g for g in gathered if len(g) == len(gathered[0])), strict=False):
        name, layer = same[0][0], same[0][1]
        alike = all(s[2].shape == same[0][2].shape for s in same)
        cut = name in CUT
        alive = torch.stack([s[2] for s in same]).any(dim=0) if alike else same[0][2]
        found.append(
            Signal(
                name.split(".")[1].rstrip("_"),
                layer,
                "cut" if cut else "bounded",
                1.0 - float(alive.double().mean()) if cut else 0.0,
                0.0 if cut else float(torch.stack([s[3] for s in same]).mean()),
                len(alive),
                sum(s[4] for s in same) if alike else same[0][4],
            )
        )
    return found
