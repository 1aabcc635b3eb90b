"""Values from a training loop, taken at once and read later.

Owns what counts as a scalar or an array, and how to take a copy of one without waiting for a device. torch is reached
by what the value itself offers, never imported.
Invariant: after capture, nothing the user does to the original changes what was captured, and no autograd graph is
kept alive.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

PLAIN: frozenset[type] = frozenset({float, int, bool})
"""Types that are immutable and need no capture."""

ARRAY_LIMIT = 1 << 22
"""Most elements of one captured array."""


class NotAScalar(TypeError):  # noqa: N818 (reads as what happened)
    """The value has no single number."""


class NotNow(RuntimeError):  # noqa: N818
    """The value cannot be taken at this moment without disturbing the device (CUDA graph capture)."""


class Deferred:
    """A value on its way from a device; `read` waits for it, so only the writer thread calls that."""

    __slots__ = ("_copy", "_event")

    def __init__(self, copy: Any, event: Any) -> None:
        """copy: a tensor that nobody else writes; event: recorded after the copy was queued, or None."""
        self._copy = copy
        self._event = event

    def read(self) -> np.ndarray:
        """The values as float64 on the host."""
        if self._event is not None:
            self._event.synchronize()
        return np.asarray(self._copy.cpu().double().numpy(), dtype=np.float64)


def capture(value: Any) -> float | Deferred:
    """One number: a float now, or a Deferred from a device.

    Takes Python and numpy numbers, one-element arrays and tensors of any real type, and whatever has `__float__`.
    Raises NotAScalar for anything else and NotNow during CUDA graph capture.
    """
    if isinstance(value, str | bytes | complex) or value is None:
        raise NotAScalar(f"a {type(value).__name__}")
    if is_tensor(value):
        if value.numel() != 1:
            raise NotAScalar(f"a tensor of shape {tuple(value.shape)}")
        if value.is_complex():
            raise NotAScalar("a complex tensor")
        return _take(value) if value.device.type != "cpu" else float(value.detach())
    if isinstance(value, np.ndarray):
        if value.size != 1:
            raise NotAScalar(f"an array of shape {value.shape}")
        value = value.reshape(())[()]
    if isinstance(value, np.complexfloating):
        raise NotAScalar("a complex number")
    try:
        return float(value)
    except OverflowError:
        raise NotAScalar("a number too large for a float") from None
    except (TypeError, ValueError):
        raise NotAScalar(f"a {type(value).__name__}") from None


def capture_array(value: Any) -> np.ndarray | Deferred:
    """An array of real numbers as it is now: a private copy, or a Deferred from a device.

    Raises NotAScalar when it is no array of numbers or has more than ARRAY_LIMIT elements; NotNow as `capture`.
    """
    if is_tensor(value):
        if value.numel() > ARRAY_LIMIT or value.is_complex():
            raise NotAScalar(f"a tensor of {value.numel()} elements of {value.dtype}; at most {ARRAY_LIMIT} real ones")
        if value.device.type != "cpu":
            return _take(value)
        return np.array(value.detach().double().numpy(), dtype=np.float32)
    try:
        array = np.array(value, dtype=np.float32)
    except (TypeError, ValueError):
        raise NotAScalar(f"a {type(value).__name__} that is no array of numbers") from None
    if array.size > ARRAY_LIMIT:
        raise NotAScalar(f"an array of {array.size} elements; at most {ARRAY_LIMIT}")
    return array


def is_tensor(value: Any) -> bool:
    """Whether it is a torch tensor; without torch loaded nothing is."""
    torch = sys.modules.get("torch")
    kind = getattr(torch, "Tensor", None)
    return kind is not None and isinstance(value, kind)


def _take(value: Any) -> Deferred:
    """Queue a copy of a device tensor behind the work that makes it; waits for nothing."""
    detached = value.detach()
    if not value.is_cuda:
        return Deferred(detached.clone(), None)
    torch: Any = sys.modules["torch"]
    if torch.cuda.is_current_stream_capturing():
        raise NotNow("during CUDA graph capture")
    pinned = torch.empty(detached.shape, dtype=detached.dtype, pin_memory=True)
    pinned.copy_(detached, non_blocking=True)
    event = torch.cuda.Event()
    event.record(torch.cuda.current_stream(detached.device))
    return Deferred(pinned, event)
