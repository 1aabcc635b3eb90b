"""Norms of weights, gradients and updates, per layer.

Owns one batched reduction per kind, whatever the number of layers. Invariant: results stay on the device of the parameters.
Formulas: L2 norms over all numbers of a layer's parameters; update_ratio = ‖w after - w before‖ / ‖w before‖, over at most
MOST numbers of each parameter, evenly spaced. Norms of half precision are taken in float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)
MOST = 1 << 16
"""Numbers of one parameter that are copied to measure its update."""


def norms(tensors: Sequence[Tensor]) -> Tensor:
    """L2 norms, (n,) float32, on the device of the first."""
    plain = [_plain(t) for t in tensors]
    return gathered(torch._foreach_norm(plain, 2, dtype=torch.float32))  # pyright: ignore[reportPrivateImportUsage]


def gathered(numbers: Sequence[Tensor], home: torch.device | None = None) -> Tensor:
    """Single numbers, (n,) float32, on a device; None: that of the first."""
    home = numbers[0].device if home is None else home
    there = [
        n if n.device == home and n.dtype == torch.float32 else n.to(home, torch.float32, non_blocking=True)
        for n in numbers
    ]
    return torch.stack([n if not n.dim() else n.reshape(()) for n in there])


def per_layer(values: Tensor, owners: Tensor, count: int) -> Tensor:
    """Norms of the layers, (count,), from those of their parameters, (n,); owners: (n,) the layer of each, on their device."""
    return torch.zeros(count, device=values.device).index_add_(0, owners, values * values).sqrt()


def some(parameters: Sequence[Tensor]) -> list[Tensor]:
    """Copies of at most MOST numbers of each parameter, evenly spaced."""
    found = []
    for parameter in parameters:
        flat = _plain(parameter).reshape(-1)
        stride = -(-flat.numel() // MOST)
        found.append(flat[::stride].clone() if stride > 1 else flat.clone())
    return found


def rounded_away(parameters: Sequence[Tensor], before: Sequence[Tensor], now: Sequence[Tensor]) -> list[Tensor]:
    """Of each parameter in half precision with a dense gradient: how many of its numbers had one, and how many of these stayed.

    before, now: what `some` gave around an update. Each (2,) float32.
    """
    found = []
    for parameter, old, new in zip(parameters, before, now, strict=True):
        if new.dtype in HALF and parameter.grad is not None and not parameter.grad.is_sparse:
            asked = some([parameter.grad])[0] != 0
            found.append(torch.stack([asked.sum(), (asked & (old == new)).sum()]).to(torch.float32))
    return found


def shared(counts: Sequence[Tensor]) -> Tensor:
    """The second of all counts, (2,) each, as a share of the first."""
    home = counts[0].device
    total = torch.stack([one.to(home, non_blocking=True) for one in counts]).sum(0)
    return total[1] / total[0]


def median(values: Tensor) -> Tensor:
    """The lower median, by an algorithm that is deterministic on every device."""
    return values.sort().values[(len(values) - 1) // 2]


def local(tensor: Tensor) -> Tensor:
    """Detached, and of a distributed tensor the numbers that are here: to ask for others would wait for other ranks."""
    tensor = tensor.detach()
    here = getattr(tensor, "_local_tensor", None)
    return here if isinstance(here, Tensor) else tensor


def _plain(tensor: Tensor) -> Tensor:
    """Detached, local, dense and real."""
    tensor = local(tensor)
    if tensor.is_sparse:
        tensor = tensor.coalesce().values()
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor
