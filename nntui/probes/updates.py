"""What an update does: gradients, weights, how far they move.

Owns the numbers of layers around one call of `optimizer.step`. Invariants: nothing is kept from one look to the next but the
norm of the gradients, until the next forward call has compared it; no parameter is kept alive.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from nntui import names
from nntui.probes.layers import Layer
from nntui.probes.parameters import median, norms, per_layer, rounded_away, shared, some


class Updates:
    """The layers of a model around an update."""

    def __init__(self, layers: list[Layer]) -> None:
        self._layers = layers
        self._owner = {id(p): place for place, layer in enumerate(layers) for p in layer.parameters}
        self._moving: dict[int, tuple[list[nn.Parameter], list[Tensor], set[int]]] = {}
        self._ratios: list[Tensor] = []
        self._lost: list[Tensor] = []
        self._squares: list[Tensor] = []
        self._graded: list[weakref.ref[nn.Parameter]] = []
        self._norm: Tensor | None = None
        self._orders: dict[tuple[torch.device, tuple[int, ...]], tuple[Tensor, int]] = {}

    @property
    def device(self) -> torch.device | None:
        """Where the first parameter is."""
        return next((p.device for layer in self._layers for p in layer.parameters), None)

    @property
    def pending(self) -> bool:
        """Whether the gradients of an update that was looked at may be compared."""
        return self._norm is not None

    def holds(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether an optimizer updates any of the layers."""
        return bool(self._of(optimizer))

    def keeps_state(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether an optimizer that has made an update keeps something of it."""
        return any(optimizer.state.get(p) for p in self._of(optimizer))

    def of(self, optimizer: torch.optim.Optimizer) -> frozenset[int]:
        """Which parameters of the layers an optimizer updates, as ids; two with the same take each other's place."""
        return frozenset(id(p) for p in self._of(optimizer))

    def before(self, optimizer: torch.optim.Optimizer, *, closure: bool = False) -> dict[str, Tensor | float]:
        """Gradient norms by metric; keeps what is needed to see how far the weights move.

        closure: the gradients come within the update; their norms are then those of the last ones.
        """
        own = self._of(optimizer)
        without = {id(p) for p in own if (closure or p.grad is not None) and not optimizer.state.get(p)}
        self._moving[id(optimizer)] = (own, some(own), without)
        return {} if closure else self._gradients(optimizer, own)

    def _gradients(self, optimizer: torch.optim.Optimizer, own: list[nn.Parameter]) -> dict[str, Tensor | float]:
        graded = [p for p in own if p.grad is not None]
        if not graded:
            return {}
        found = norms([p.grad for p in graded if p.grad is not None])
        scale = getattr(optimizer, "grad_scale", None)
        if isinstance(scale, Tensor):
            found = found / scale.to(found.device)
        self._squares.append(found.square().sum())
        self._graded = [weakref.ref(p) for p in graded]
        return self._named(graded, found, names.GRAD_NORM)

    def after(self, optimizer: torch.optim.Optimizer, *, closure: bool = False) -> dict[str, Tensor | float]:
        """Weight norms and update ratios by metric, and how much of the optimizer's state was missing."""
        if id(optimizer) not in self._moving:
            return {}
        own, before, without = self._moving.pop(id(optimizer))
        weights = norms(own)
        found: dict[str, Tensor | float] = dict(self._named(own, weights, names.WEIGHT_NORM))
        if closure:
            found |= self._gradients(optimizer, own)
            self._graded = []
        now = some(own)
        moved = norms([a - b for a, b in zip(now, before, strict=True)])
        self._lost += rounded_away(own, before, now)
        places = self._places(own)
        start = self._summed(norms(before), places)
        ratios = self._summed(moved, places) / start
        found |= {
            names.layer(self._layers[place].name, names.UPDATE_RATIO): ratio
            for place, ratio in zip(dict.fromkeys(places), ratios.unbind(), strict=True)
        }
        wanting = {place for place, p in zip(places, own, strict=True) if p.requires_grad or p.grad is not None}
        found |= {names.layer(self._layers[k].name, names.FROZEN): 1.0 for k in places if k not in wanting}
        self._ratios.append(ratios)
        keeping = [id(p) for p in own if optimizer.state.get(p)]  # LBFGS keeps all of its state at one parameter
        if keeping:
            found[names.WITHOUT_STATE] = sum(key in without for key in keeping) / len(keeping)
        return found

    def whole(self) -> dict[str, Tensor]:
        """The norm of all gradients and the median update ratio of the look that ends."""
        found: dict[str, Tensor] = {}
        if self._squares:
            found[names.WHOLE_GRAD_NORM] = torch.stack(self._squares).sum().sqrt()
            left = [
                grad for p in self._graded if (parameter := p()) is not None and (grad := parameter.grad) is not None
            ]
            self._norm = norms(left).square().sum().sqrt() if left else None  # some clip their gradients as they update
        if self._ratios:
            found[names.WHOLE_UPDATE_RATIO] = median(torch.cat(self._ratios))
        if self._lost:
            found[names.ROUNDED_AWAY] = shared(self._lost)
        self._squares, self._ratios, self._lost = [], [], []
        return found

    def unheld(self, held: Collection[int]) -> dict[str, Tensor | float]:
        """Of layers with parameters that have a gradient and are none of those, by id: the norm of these, by metric."""
        left = [
            p
            for layer in self._layers
            for p in layer.parameters
            if p.grad is not None and p.requires_grad and p.is_leaf and id(p) not in held
        ]
        return self._named(left, norms(left), names.UNHELD) if left else {}

    def changed_since(self) -> Tensor | None:
        """The norm of the gradients divided by that which the update used; None where they are gone. Asked once."""
        before, self._norm = self._norm, None
        known, self._graded = [p() for p in self._graded], []
        graded = [p for p in known if p is not None and p.grad is not None]
        if before is None or not graded:
            return None
        return norms([p.grad for p in graded if p.grad is not None]).square().sum().sqrt() / before

    def glance(self, optimizer: torch.optim.Optimizer) -> Tensor | None:
        """The sum of all gradient norms; not finite where any gradient is not."""
        graded = [p.grad for p in self._of(optimizer) if p.grad is not None]
        return norms(graded).sum() if graded else None

    def _of(self, optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
        return [p for group in optimizer.param_groups for p in group["params"] if id(p) in self._owner]

    def _places(self, parameters: list[nn.Parameter]) -> list[int]:
        return [self._owner[id(p)] for p in parameters]

    def _summed(self, values: Tensor, places: list[int]) -> Tensor:
        """Norms of layers from those of their parameters, in the order in which layers first come."""
        key = (values.device, tuple(places))
        if key not in self._orders:  # a copy to the device waits for it
            order = {place: k for k, place in enumerate(dict.fromkeys(places))}
            self._orders[key] = torch.tensor([order[place] for place in places]).to(values.device), len(order)
        return per_layer(values, *self._orders[key])

    def _named(self, parameters: list[nn.Parameter], values: Tensor, statistic: str) -> dict[str, Tensor | float]:
        places = self._places(parameters)
        layers = self._summed(values, places).unbind()
        return {
            names.layer(self._layers[place].name, statistic): value
            for place, value in zip(dict.fromkeys(places), layers, strict=True)
        }


def has_closure(given: Any, named: Any) -> bool:
    """Whether `optimizer.step`, called with these, evaluates the loss within it."""
    return (len(given) > 1 and any(one is not None for one in given[1:])) or named.get("closure") is not None
