"""Memory of this process and its device.

Owns two numbers. Invariant: asking waits for nothing.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import torch

from nntui import names

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_STATM = Path("/proc/self/statm")


def memory(device: torch.device | None) -> dict[str, float]:
    """Resident bytes of the process and bytes of tensors on the device, as far as they can be known."""
    found: dict[str, float] = {}
    with contextlib.suppress(OSError, ValueError, IndexError), _STATM.open("rb", buffering=0) as file:
        found[names.MEMORY] = float(int(file.read(256).split()[1]) * _PAGE)
    if device is not None and device.type == "cuda":
        found[names.DEVICE_MEMORY] = float(torch.cuda.memory_allocated(device))
    return found
