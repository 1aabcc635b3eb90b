"""The weights of the first layer, at a few moments, as they are looked at: filters.

Owns which parameter that is, how much of it is kept, and when. Invariant: a model gives at most MOMENTS × NUMBERS numbers,
however long it trains; nothing is copied but what is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nntui.probes.layers import Layer
from nntui.recorder.run import Run

FILTERS = 64
"""Most filters that are kept: the first ones."""
NUMBERS = 1 << 16
"""Most numbers of one moment."""
WIDEST = 4096
"""Most numbers of one filter: channels, then rows and columns are left out of larger ones."""
CHANNELS = 4
"""Most numbers per place that are colours."""
SECOND = 16
"""Update of the second moment; each later one is at twice the update of the one before."""
MOMENTS = 32


class FirstLayer:
    """The first layer of a model, as forward calls come by them, that has a matrix or filters."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers
        self._entered: tuple[int, ...] = ()
        self._next = self._moments = 0

    def enters(self, tensors: Sequence[Tensor]) -> None:
        """What goes into the whole model: the shape of an example tells which weights are pictures of it."""
        self._entered = tuple(tensors[0].shape[1:]) if tensors else ()

    def look(self, run: Run | None, order: Sequence[str], update: int, step: int) -> None:
        """Record the weights as they are, where a moment is due. order: of the layers, by name, as far as it is known."""
        if run is None or update < self._next or self._moments >= MOMENTS or not _is_first_rank():
            return
        self._next = max(SECOND, 2 * update)
        found = self._weights(order)
        if found is not None:
            self._moments += 1
            run.tensors({found[0]: kept(found[1], self._entered)}, step=step)

    def _weights(self, order: Sequence[str]) -> tuple[str, Tensor] | None:
        """The largest parameter of the first layer that has one of two or more axes, and its name."""
        place = {name: at for at, name in enumerate(order)}
        for layer in sorted(self._layers, key=lambda layer: place.get(layer.name, len(place))):
            module = layer.module
            mine = {} if module is None else dict(module.named_parameters(layer.name, recurse=False))
            shown = {name: p.detach() for name, p in mine.items() if _is_plain(p) and p.dim() > 1 and p.numel()}
            if shown:
                return max(shown.items(), key=lambda pair: pair[1].numel())
        return None


def kept(weight: Tensor, entered: tuple[int, ...]) -> Tensor:
    """A view of the weights, (filters, …), as large as it may be.

    A matrix becomes pictures where what enters the model has rows and columns, and as many numbers as a row of it.
    """
    colours_last = False
    if weight.dim() == 2 and len(entered) in (2, 3) and math.prod(entered) == weight.shape[1]:
        weight = weight.unflatten(1, entered)
        colours_last = len(entered) == 3 and entered[-1] <= CHANNELS < entered[0]
    while weight.dim() > 4:  # of depth the middle
        weight = weight.select(-3, weight.shape[-3] // 2)
    if weight.dim() == 4 and weight.shape[1] > CHANNELS and not colours_last:
        weight = weight[:, : max(1, WIDEST // (weight.shape[2] * weight.shape[3]))]
    weight = weight[:, :WIDEST] if weight.dim() == 2 else _thinned(weight, 1 if colours_last else weight.dim() - 2)
    return weight[: min(FILTERS, max(1, NUMBERS // max(1, math.prod(weight.shape[1:]))))]


def _thinned(weight: Tensor, rows: int) -> Tensor:
    """Pictures with as many pixels as a filter may have; their rows lie along this axis, their columns along the next."""
    every = max(1, math.ceil(math.sqrt(math.prod(weight.shape[1:]) / WIDEST)))
    at = [slice(None)] * weight.dim()
    at[rows] = at[rows + 1] = slice(None, None, every)
    found = weight[tuple(at)]
    return found if math.prod(found.shape[1:]) <= WIDEST else found[:, :WIDEST, :1]


def _is_plain(parameter: Tensor) -> bool:
    """Whether it holds its own real numbers: no shard, no quantized or sparse ones."""
    return (
        parameter.is_floating_point()
        and parameter.layout is torch.strided
        and not hasattr(parameter, "_local_tensor")
        and not parameter.is_quantized
    )


def _is_first_rank() -> bool:
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized() and distributed.get_rank() > 0)
