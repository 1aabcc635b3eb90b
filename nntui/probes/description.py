"""What is watched, in words and numbers for the event that tells it.

Owns the data of nntui.names.WATCH_EVENT that comes from the model and its optimizers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from nntui.probes.layers import Layer, activations_of, bare, unseen


def described(
    model: nn.Module, layers: Sequence[Layer], called: Sequence[str], optimizers: Sequence[torch.optim.Optimizer]
) -> dict[str, Any]:
    """called: names of layers as the first forward call came by them, as far as that was seen."""
    held = {id(p) for one in optimizers for group in one.param_groups for p in group["params"]}
    order = {name: place for place, name in enumerate(called)}
    layers = sorted(layers, key=lambda layer: order.get(layer.name, len(order)))
    functions = activations_of(bare(model)) if called else {}
    return {
        "layers": [layer.name for layer in layers],
        "kinds": [layer.kind for layer in layers],
        "parameters": [sum(p.numel() for p in layer.parameters) for layer in layers],
        "trained": [sum(p.numel() for p in layer.parameters if id(p) in held) for layer in layers],
        "wanting": [sum(p.numel() for p in layer.parameters if p.requires_grad) for layer in layers],
        "functions": {name: type(module).__name__ for name, module in functions.items()},
        "optimizers": [type(one).__name__ for one in optimizers],
        "blind": unseen(model, layers),
    }
