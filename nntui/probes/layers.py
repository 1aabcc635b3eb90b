"""What the layers of a model are, and what a probe cannot see of it.

Owns names and the order of layers. Invariants: a parameter belongs to one layer, the first that `named_modules` gives; no
module and no parameter is kept alive.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import UninitializedParameter

from nntui.probes.parameters import local

RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.Threshold)
"""Functions whose units are dead where they give exactly 0 for everything."""
WITHIN = ("_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Attributes under which FullyShardedDataParallel and checkpoint wrappers keep a part of a model: no part of its name."""
WRAPPERS = ("module", "_orig_mod", *WITHIN)
"""The same of DistributedDataParallel, DataParallel and torch.compile, which keep the model."""


class Layer:
    """A module with parameters of its own, for as long as others keep it."""

    __slots__ = ("_module", "_parameters", "kind", "name")

    def __init__(self, name: str, module: nn.Module, parameters: Iterable[nn.Parameter]) -> None:
        self.name = name
        self.kind = class_of(module).__name__
        self._module = weakref.ref(module)
        self._parameters = tuple(weakref.ref(p) for p in parameters)

    @property
    def module(self) -> nn.Module | None:
        """None once it is gone."""
        return self._module()

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Those that still exist."""
        return [parameter for known in self._parameters if (parameter := known()) is not None]


def bare(model: nn.Module) -> nn.Module:
    """The model inside of DistributedDataParallel, DataParallel, FullyShardedDataParallel or torch.compile."""
    while True:
        inner = next((m for key in WRAPPERS if isinstance(m := model._modules.get(key), nn.Module)), None)
        if inner is None or class_of(model).__module__.partition(".")[0] != "torch":
            return model
        model = inner


def class_of(module: nn.Module) -> type[nn.Module]:
    """The class of a module, which `fully_shard` replaces by one of its own."""
    own = type(module)
    return own.__mro__[2] if hasattr(module, "_get_fsdp_state") and own.__module__.startswith("torch.") else own


def named(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module of a bare model, in the order of `named_modules`, called as if nothing wrapped it."""
    for name, module in model.named_modules():
        yield ".".join(part for part in name.split(".") if part not in WITHIN), module


def is_lazy(parameter: nn.Parameter) -> bool:
    """Whether the parameter has no numbers yet."""
    return isinstance(parameter, UninitializedParameter)


def layers_of(model: nn.Module) -> list[Layer]:
    """Every module of a bare model that owns parameters which are here, in the order of `named_modules`."""
    seen: set[int] = set()
    found: list[Layer] = []
    for name, module in named(model):
        own = [
            p
            for p in module._parameters.values()
            if p is not None and id(p) not in seen and not is_lazy(p) and local(p).numel()
        ]
        seen.update(map(id, own))
        if own:
            found.append(Layer(name or class_of(model).__name__, module, own))
    return found


def activations_of(model: nn.Module) -> dict[str, nn.Module]:
    """Activation functions that can die or saturate, by name."""
    return {
        name: module for name, module in named(model) if isinstance(module, RECTIFIERS) or bounds(module) is not None
    }


def bounds(module: nn.Module) -> tuple[float, float] | None:
    """The least and the largest output of a bounded activation function; None for any other module."""
    if isinstance(module, nn.Tanh | nn.Softsign):
        return -1.0, 1.0
    if isinstance(module, nn.Sigmoid | nn.Hardsigmoid):
        return 0.0, 1.0
    if isinstance(module, nn.Hardtanh) and not isinstance(module, nn.ReLU6):
        return float(module.min_val), float(module.max_val)
    return None


def two_faced(model: nn.Module) -> list[nn.Module]:
    """Modules that act differently in training: dropout, and normalization that keeps statistics."""
    return [
        m
        for m in model.modules()
        if (isinstance(m, _DropoutNd) and m.p > 0)
        or (isinstance(m, _NormBase) and m.track_running_stats)
        or (isinstance(m, nn.RNNBase) and m.dropout > 0)
        or (isinstance(m, nn.MultiheadAttention) and m.dropout > 0)
    ]


def unseen(model: nn.Module, layers: Iterable[Layer]) -> list[str]:
    """Sentences: what probes cannot see of this model."""
    found = []
    if is_compiled(model):
        found.append("The model is compiled: what its layers give is not seen; gradients and updates are.")
    elif not activations_of(bare(model)):
        found.append(
            "The model has no activation modules (functions such as F.relu are none): dead units are not seen."
        )
    if is_sharded(model):
        found.append(
            "Parameters are sharded: each rank sees the norms of what it holds, and nothing of a layer of which it holds "
            "nothing; whether ranks drift apart is not seen."
        )
    if any(is_lazy(p) for p in model.parameters()):
        found.append("Some layers have no parameters before their first forward call: they are not seen.")
    if not list(layers):
        found.append("The model has no parameters.")
    return found


def is_sharded(model: nn.Module) -> bool:
    """Whether a rank holds other parameters than the next one, by design."""
    wrapped = any(
        "FullyShardedDataParallel" in type(m).__name__ or hasattr(m, "_get_fsdp_state") for m in model.modules()
    )
    return wrapped or any(place.is_shard() for p in model.parameters() for place in getattr(p, "placements", ()))


def is_compiled(model: nn.Module) -> bool:
    """Whether torch.compile wraps the model or any part of it."""
    modules = list(model.modules())
    return any(type(m).__name__ == "OptimizedModule" or m._compiled_call_impl is not None for m in modules)
