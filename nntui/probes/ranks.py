"""What tells the ranks of a distributed training apart.

Owns hashes of parameters and batches. Invariant: equal bits give equal hashes, on any device, without waiting for it or for
another rank.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from nntui.probes.parameters import local

PRIME = 16_777_213
"""The largest prime below 2^24: a remainder by it is a whole number that float32 holds."""
EARLY = (0, 1, 10)
EVERY = 100
"""Updates between two hashes; the same on every rank, whatever else is looked at there."""


def several() -> bool:
    """Whether this is one of several ranks."""
    distributed = torch.distributed
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def due(update: int) -> bool:
    """Whether ranks are compared at this update."""
    return update in EARLY or update % EVERY == 0


def hashed(tensors: Iterable[Tensor]) -> Tensor | None:
    """A hash of all bits, () float32, on the device of the first tensor; None for no tensor."""
    total: Tensor | None = None
    for place, tensor in enumerate(tensors):
        number = (_bits(local(tensor)) * (2 * place + 1)).remainder(PRIME)
        total = number if total is None else (total + number.to(total.device)).remainder(PRIME)
    return None if total is None else total.float()


def _bits(tensor: Tensor) -> Tensor:
    """A number, () int64, that changes with any bit of the tensor, and with the order of its numbers."""
    flat = tensor.reshape(-1)
    if flat.is_complex():
        flat = torch.view_as_real(flat).reshape(-1)
    kinds = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    whole = flat.view(kinds[flat.element_size()]).to(torch.int64).remainder(PRIME)
    weights = torch.arange(1, len(whole) + 1, device=whole.device).remainder(8191) + 1
    return (whole * weights).sum().remainder(PRIME)


def tensors_in(value: Any) -> list[Tensor]:
    """Tensors of nested tuples, lists and mappings, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        return [t for item in value.values() for t in tensors_in(item)]
    if isinstance(value, tuple | list):
        return [t for item in value for t in tensors_in(item)]
    return []
