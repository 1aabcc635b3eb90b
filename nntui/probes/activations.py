"""What layers give: mean, spread, dead and saturated units, and what normalisations would give in evaluation.

Owns the forward hooks, which are there only while a forward call is looked at. Invariants: outputs are read, never kept; no
module is kept alive; a layer whose fused path refuses hooks has none while it may take that path.
"""

from __future__ import annotations

import functools
import weakref
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from nntui import names
from nntui.probes.hooks import Clocked, Guard
from nntui.probes.layers import RECTIFIERS, Layer, bounds
from nntui.probes.normalization import gap
from nntui.probes.parameters import local

ENOUGH = 512
"""Inputs of a unit from which on it may be called dead or saturated."""
BLOCKS = 8
"""In how many parts they are kept at most, so that what was long ago can be forgotten."""
NEAR = 0.03
"""Share of the range of a bounded function within which an output counts as at its bound."""


class _Units:
    """What is known of the units of one activation function: of the newest looks with ENOUGH inputs, in blocks."""

    def __init__(self, statistic: str) -> None:
        self.statistic = statistic
        self.enough = False
        """Whether the newest batch alone told as much as is needed."""
        self._blocks: deque[tuple[int, Tensor]] = deque()

    def take(self, output: Tensor, axis: int, limits: tuple[float, float] | None) -> None:
        """output: with more than one axis; none is negative where there are no limits. axis: that of the units."""
        others = [k for k in range(output.dim()) if k != axis % output.dim()]
        if limits is None:  # 0 where all are; to count those that are not would take ten times as long
            seen = output.amax(dim=others).float()
        else:
            low, high = limits
            seen = (torch.minimum(output - low, high - output) / (high - low)).sum(dim=others, dtype=torch.float32)
        inputs = output.numel() // max(1, seen.numel())
        self.enough = inputs >= ENOUGH
        blocks = self._blocks
        if blocks and blocks[-1][1].shape != seen.shape:
            blocks.clear()
        if blocks and blocks[-1][0] < ENOUGH // BLOCKS:
            before, total = blocks.pop()
            inputs, seen = before + inputs, total + seen
        blocks.append((inputs, seen))
        while sum(count for count, _ in blocks) - blocks[0][0] >= ENOUGH:
            blocks.popleft()

    def reading(self) -> Tensor | None:
        """Share of the units that are dead or saturated; None before ENOUGH inputs."""
        inputs = sum(count for count, _ in self._blocks)
        if inputs < ENOUGH:
            return None
        limit = 0.0 if self.statistic == names.DEAD_FRACTION else NEAR * inputs
        return (torch.stack([total for _, total in self._blocks]).sum(dim=0) <= limit).float().mean()


class Activations:
    """The outputs of layers and activation functions in the forward calls that are looked at."""

    def __init__(
        self,
        layers: Sequence[Layer],
        functions: Mapping[str, nn.Module],
        normalizations: Mapping[str, nn.Module],
        encoders: Iterable[nn.TransformerEncoderLayer],
        guard: Guard,
    ) -> None:
        """encoders: those of the model, which calculate in another order in eval mode where no hook is in them."""
        self.order: list[str] = []
        """Names of layers as the first forward call came by them."""
        modules = {layer.name: layer.module for layer in layers} | {**functions, **normalizations}
        self._modules = weakref.WeakValueDictionary({name: m for name, m in modules.items() if m is not None})
        self._normalizations = frozenset(normalizations)
        self._gaps: dict[str, list[Tensor]] = {}
        self._encoders = weakref.WeakSet(encoders)
        self._layers = {layer.name for layer in layers}
        self._units = {
            name: _Units(names.SATURATED_FRACTION if bounds(module) is not None else names.DEAD_FRACTION)
            for name, module in functions.items()
        }
        self._moments: dict[str, tuple[list[Tensor], list[Tensor]]] = {}
        """Means of the outputs and of their squares, of each forward call."""
        self._broken: dict[str, list[Tensor]] = {}
        self.hunting = False
        """Whether numbers that are not finite are counted."""
        self._guard = guard
        self._handles: list[RemovableHandle] = []
        self._narrow = False
        self._channels_second = False

    @property
    def listening(self) -> bool:
        """Whether there are hooks."""
        return bool(self._handles)

    def listen(self, *, units: bool = False) -> None:
        """Look at forward calls from here on. units: at those of activation functions alone, whose batches are too small."""
        if self._narrow and not units:
            self.stop()
        if not self._handles:
            self._narrow = units
            fused = {id(m) for encoder in self._encoders if not encoder.training for m in encoder.modules()}
            self._handles = [
                module.register_forward_hook(Clocked(self._guard, functools.partial(self._hear, name)))
                for name, module in self._modules.items()
                if id(module) not in fused and (not units or self._wants(name))
            ]

    def _wants(self, name: str) -> bool:
        return name in self._units and not self._units[name].enough

    def stop(self) -> None:
        """Look no more; the hooks are gone."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._narrow = [], False

    def readings(self) -> dict[str, Tensor]:
        """What was seen since the last reading, and of units with it: by metric, numbers on the device."""
        found: dict[str, Tensor] = {}
        for home in {moments[0].device for moments, _ in self._moments.values()}:  # all of them in one piece
            here = [name for name, (means, _) in self._moments.items() if means[0].device == home]
            means, squares = (torch.stack([_mean(self._moments[name][which]) for name in here]) for which in range(2))
            spreads = (squares - means * means).clamp(min=0).sqrt()
            for name, mean, spread in zip(here, means.unbind(), spreads.unbind(), strict=True):
                found[names.layer(name, names.ACTIVATION_MEAN)] = mean
                found[names.layer(name, names.ACTIVATION_STD)] = spread
        for name, shares in self._broken.items():
            found[names.layer(name, names.NONFINITE)] = _mean(shares)
        for name, gaps in self._gaps.items():
            found[names.layer(name, names.NORM_GAP)] = _mean(gaps)
        self._moments, self._broken, self._gaps = {}, {}, {}
        for name, units in self._units.items():
            reading = units.reading()
            if reading is not None:
                found[names.layer(name, units.statistic)] = reading
        return found

    def _hear(self, name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        if not torch.is_grad_enabled() or torch.compiler.is_compiling():
            return
        given = _first(output)
        given = None if given is None else local(given)
        if given is None or not given.is_floating_point() or not given.numel():
            return
        if name in self._layers:
            if name not in self.order:
                self.order.append(name)
            self._channels_second = isinstance(module, nn.modules.conv._ConvNd)
            wide = given.float()
            if self.hunting:
                self._broken.setdefault(name, []).append((~wide.isfinite()).float().mean())
            means, squares = self._moments.setdefault(name, ([], []))
            means.append(wide.mean())
            squares.append((wide * wide).mean())
        if name in self._normalizations and isinstance(module, _BatchNorm):
            known = gap(module, local(inputs[0])) if inputs and isinstance(inputs[0], Tensor) else None
            if known is not None:
                self._gaps.setdefault(name, []).append(known)
        if name in self._units and given.dim() > 1:
            second = given.dim() >= 4 or (given.dim() == 3 and self._channels_second)
            rectifies = isinstance(module, RECTIFIERS)
            given = given.abs() if isinstance(module, nn.Threshold) else given
            self._units[name].take(given, 1 if second else -1, None if rectifies else bounds(module))


def _mean(numbers: list[Tensor]) -> Tensor:
    return numbers[0] if len(numbers) == 1 else torch.stack(numbers).mean()


def _first(output: Any) -> Tensor | None:
    """The first tensor of what a module gave."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        output = list(output.values())
    if isinstance(output, tuple | list):
        return next((found for item in output if (found := _first(item)) is not None), None)
    return None
