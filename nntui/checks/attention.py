"""How a model attends, seen while it runs: which mask reaches the softmax, if any.

Owns naming the cause of a look into the future. Watches operations, not modules, so that a hand-written attention is seen as well
as torch's own.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from nntui.analysis.ticks import format_number

VIEWS = "a reshape, roll, cumulation or mean along time that takes in what comes later"


class _Watch(TorchDispatchMode):
    """Takes note of every softmax over pairs of places, and of every fused attention."""

    def __init__(self, places: int) -> None:
        super().__init__()
        self._places = places
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = str(func)
        if "softmax" in name and "backward" not in name and isinstance(result, Tensor):
            self._softmax(args[0], result, int(args[1]) % args[0].dim())
        elif "scaled_dot_product" in name and "backward" not in name:
            self._fused(func, args, kwargs or {})
        return result

    def _softmax(self, scores: Tensor, weights: Tensor, axis: int) -> None:
        if scores.dim() < 2 or scores.shape[-1] != self._places or scores.shape[-2] != self._places:
            return
        later = torch.ones(self._places, self._places, dtype=torch.bool, device=scores.device).triu(1)
        if axis != scores.dim() - 1:
            self.seen.append(
                f"a softmax over axis {axis} of attention scores of shape {tuple(scores.shape)}; the last is meant"
            )
        elif bool((weights[..., later] != 0).any()):
            hidden = scores[..., later]
            constant = bool((hidden == hidden.flatten()[0]).all())
            value = float(hidden.flatten()[0])
            self.seen.append(
                f"the causal mask is filled with {format_number(value)} where -inf belongs: exp({format_number(value)}) is not 0"
                if constant and math.isfinite(value)
                else "no causal mask reaches the softmax of the attention"
            )

    def _fused(self, func: Any, args: Any, kwargs: dict[str, Any]) -> None:
        names = [argument.name for argument in func._schema.arguments]
        given = dict(zip(names, args, strict=False)) | kwargs
        mask = given.get("attn_mask", given.get("attn_bias"))
        if any(t.dim() < 2 or t.shape[-2] != self._places for t in (given["query"], given["key"])):
            return
        if not given.get("is_causal") and mask is None:
            self.seen.append("no causal mask reaches scaled_dot_product_attention (is_causal=True, or attn_mask)")
        elif isinstance(mask, Tensor) and mask.is_floating_point() and mask.dim() >= 2:
            later = torch.ones(mask.shape[-2:], dtype=torch.bool, device=mask.device).triu(1)
            if bool((mask[..., later] > -1e4).any()):
                self.seen.append(
                    "the mask given to scaled_dot_product_attention is not -inf where it hides what comes later"
                )


def future_cause(task: Any, model: nn.Module, inputs: Any, places: int) -> tuple[str, str]:
    """The most likely reason why an output depends on what comes later, and the experiment that would refute it."""
    watch = _Watch(places)
    used: list[nn.Module] = []
    hooks = [m.register_forward_pre_hook(lambda m, _: used.append(m)) for m in model.modules()]
    try:
        with torch.enable_grad(), watch:  # without gradients torch's own layers run as one fused operation
            task.call(model, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if watch.seen:
        return watch.seen[0], "with scores of -inf above the diagonal before the softmax this check must pass."
    layers = [(name, m) for name, m in model.named_modules() if any(m is one for one in used)]
    both = [name for name, m in layers if isinstance(m, nn.RNNBase) and m.bidirectional]
    if both:
        return f"{both[0] or 'the model'} is bidirectional", "set bidirectional=False and run this check again."
    padded = [name for name, m in layers if isinstance(m, nn.Conv1d) and _looks_ahead(m)]
    if padded:
        return (
            f"the convolution {padded[0] or 'itself'} is padded on both sides, so that it sees what comes later",
            "pad the left side only (functional.pad(x, (kernel - 1, 0))).",
        )
    return VIEWS, "feed a sequence cut short: the outputs it has left must stay the same."


def _looks_ahead(layer: nn.Conv1d) -> bool:
    reach = layer.dilation[0] * (layer.kernel_size[0] - 1)
    return reach > 0 and (layer.padding == "same" or (isinstance(layer.padding, tuple) and layer.padding[0] < reach))
