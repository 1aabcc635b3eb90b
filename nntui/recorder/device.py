"""Values on their way from a device: a copy is queued now and read once it has arrived.

Owns the copies and the pinned buffers they land in. torch is reached through `sys.modules`, never imported.
Invariant: taking a value waits for no device, and reading one calls nothing of CUDA. Another thread may be capturing a
CUDA graph, which a call from ours would break; so arrival is seen in host memory, where a mark gives way to the value.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

import numpy as np

NOT_YET = 0x7FF85A170FF1CE55
"""Bits of a NaN that no computation makes: they stand in a buffer until the device's copy overwrites them."""


class NotNow(RuntimeError):  # noqa: N818 (reads as what happened)
    """The value cannot be taken at this moment without disturbing the device (CUDA graph capture)."""


class Deferred:
    """A copy that nobody else writes; only the writer thread reads it, once."""

    __slots__ = ("_copy", "nbytes", "size")

    def __init__(self, copy: Any) -> None:
        """copy: a tensor."""
        self._copy = copy
        self.size: int = copy.numel()
        self.nbytes: int = 8 * self.size

    def ready(self) -> bool:
        """Whether `read` returns at once."""
        return True

    def read(self) -> np.ndarray:
        """The values as float64 on the host."""
        return np.asarray(self._copy.cpu().double().numpy(), np.float64)


class Landing(Deferred):
    """A copy from CUDA into pinned memory: the value itself, or an array followed by a number that says it is there."""

    __slots__ = ("_slot",)

    def __init__(self, slot: _Slot, array: Any = None) -> None:
        """array: a pinned tensor that the device fills before it fills the slot; None: the slot is the value."""
        self._slot = slot
        self._copy = array
        self.size = 1 if array is None else array.numel()
        self.nbytes = 8 if array is None else 4 * array.numel()

    def ready(self) -> bool:
        """Whether the device's copy has arrived."""
        return bool(self._slot.bits[()] != NOT_YET)

    def read(self) -> np.ndarray:
        """The values as float64; meaningful once they are ready."""
        values = np.array(self._slot.number if self._copy is None else self._copy.numpy(), np.float64)
        _landed.append(self._slot)
        _spent.append(self._copy)
        return values


class _Slot:
    """One pinned float64."""

    __slots__ = ("bits", "number", "tensor")

    def __init__(self, torch: Any) -> None:
        with torch.inference_mode(False):  # a buffer made inside inference mode could not be written outside it
            self.tensor = torch.empty((), dtype=torch.float64, device="cpu", pin_memory=True)
        self.number: np.ndarray = self.tensor.numpy()
        self.bits = self.number.view(np.int64)


used: dict[int, str] = {}
"""UUID of each CUDA device from which a value was taken, by torch's number of it; empty where torch does not tell."""
_landed: deque[_Slot] = deque()
"""Slots that were read, for the next values."""
_spent: deque[Any] = deque()
"""Pinned arrays that were read: released by a thread that logs, since releasing them calls CUDA."""


def take(value: Any) -> Deferred:
    """Queue a private copy of a tensor on a device behind the work that makes it; waits for nothing.

    Raises NotNow during CUDA graph capture.
    """
    detached = value.detach()
    if not value.is_cuda:
        return Deferred(detached.clone())
    torch: Any = sys.modules["torch"]
    if torch.cuda.is_current_stream_capturing():
        raise NotNow("during CUDA graph capture")
    if value.device.index not in used:
        used[value.device.index] = _uuid(torch, value.device.index)
    _spent.clear()
    try:
        slot = _landed.popleft()
    except IndexError:  # not asked before: another thread may log too
        slot = _Slot(torch)
    slot.bits[()] = NOT_YET
    if detached.numel() == 1 and detached.ndim == 0:
        slot.tensor.copy_(detached.to(torch.float64), non_blocking=True)
        return Landing(slot)
    with torch.inference_mode(False):
        array = torch.empty(detached.shape, dtype=torch.float32, device="cpu", pin_memory=True)
    array.copy_(detached.to(torch.float32), non_blocking=True)
    slot.tensor.copy_(detached.new_zeros((), dtype=torch.float64), non_blocking=True)
    return Landing(slot, array)


def _uuid(torch: Any, index: int) -> str:
    try:
        return str(torch.cuda.get_device_properties(index).uuid)
    except (AttributeError, RuntimeError, AssertionError):  # an older torch
        return ""
