"""What the checks advise, as functions.

Owns changes of a fresh model or of data that a finding's advice names. Invariant: each says what it changed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nntui.checks.task import TaskError

FLOOR = 0.5
"""Count that a class without examples is given, so that its log is finite (Jeffreys)."""


@torch.no_grad()
def init_final_bias(model: nn.Module, targets: Tensor) -> Tensor:
    """Set the bias of the last layer to what the targets say, and return it, shape (outputs,).

    targets: whole numbers, any shape: log of the class shares; real numbers of 0 and 1, (N,) or (N, outputs): log-odds;
    other real numbers, (N,) or (N, outputs): means. The last layer is the last Linear or convolution with a bias, in the order of
    the modules. Source: the recipe, "init well". Raises TaskError when no layer fits or a target is not finite.
    """
    aims = torch.as_tensor(targets)
    if aims.numel() == 0 or not bool(aims.isfinite().all()):
        raise TaskError("targets are empty or not finite; expected at least one finite target.")
    layers = [
        m
        for m in model.modules()
        if isinstance(m, nn.Linear | nn.modules.conv._ConvNd) and isinstance(m.bias, nn.Parameter)
    ]
    if not layers:
        raise TaskError("the model has no Linear or convolution with a bias; expected one as its last layer.")
    bias = layers[-1].bias
    assert bias is not None  # chosen so
    outputs = len(bias)
    if not aims.is_floating_point() and aims.dtype != torch.bool and outputs > 1:
        known = aims[(aims >= 0) & (aims < outputs)].flatten().long()
        if known.numel() == 0:
            raise TaskError(f"targets are outside of 0 to {outputs - 1}, the last layer's outputs; expected classes.")
        counts = torch.bincount(known, minlength=outputs).double().clamp_min(FLOOR)
        found = (counts / counts.sum()).log()
    else:
        columns = aims.double().reshape(len(aims), -1)
        if columns.shape[1] not in (1, outputs):
            raise TaskError(
                f"targets have {columns.shape[1]} columns, the last layer {outputs} outputs; expected as many."
            )
        mean = columns.mean(dim=0).expand(outputs)
        if bool(((columns == 0) | (columns == 1)).all()):
            least = FLOOR / (len(columns) + 1)
            mean = mean.clamp(least, 1 - least)
            found = (mean / (1 - mean)).log()
        else:
            found = mean
    bias.copy_(found.to(bias))
    return bias.detach().clone()


@torch.no_grad()
def scale_final_layer(model: nn.Module, factor: float = 0.1) -> str:
    """Multiply the weights of the last layer by a factor and return the layer's name: for a loss at init that is too high.

    Raises TaskError when the model has no Linear or convolution.
    """
    layers: list[tuple[str, Any]] = [
        (n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd)
    ]
    if not layers:
        raise TaskError("the model has no Linear or convolution; expected one as its last layer.")
    name, layer = layers[-1]
    layer.weight.mul_(factor)
    return name or type(layer).__name__


def scaled_inputs(train: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """Inputs of mean zero and spread one per column over `train`; the others with the numbers of `train`.

    train: (N, …) floating-point; others: (M, …). A column of one value is only moved. NaN stays, and is not counted. Returns
    as many tensors as were given.
    """
    known = train.double()
    mean = known.nanmean(dim=0)
    spread = ((known - mean) ** 2).nanmean(dim=0).sqrt()
    spread = torch.where((spread > 0) & spread.isfinite(), spread, torch.ones_like(spread))
    return tuple(((t.double() - mean) / spread).to(t) for t in (train, *others))
