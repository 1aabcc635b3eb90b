"""Values from a training loop, taken at once and read later.

Owns what counts as a scalar or an array, and how to take a copy of one. torch is reached by what the value itself
offers, never imported.
Invariant: after capture, nothing the user does to the original changes what was captured, and no autograd graph is
kept alive.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from nntui.recorder.device import Deferred, take

PLAIN: frozenset[type] = frozenset({float, int, bool, np.float64, np.float32, np.int64, np.int32})
"""Types that are immutable numbers and need no capture."""

INT64_LIMIT = 1 << 63
ARRAY_LIMIT = 1 << 22
"""Most elements of one captured array."""


class NotAScalar(TypeError):  # noqa: N818 (reads as what happened)
    """The value has no single number."""


def capture(value: Any) -> float | Deferred:
    """One number: a float now, or a Deferred from a device.

    Takes Python and numpy numbers, one-element arrays and tensors of any real type, and whatever has `__float__` or
    `__index__`. Raises NotAScalar for anything else (text that reads as a number too), NotNow during CUDA graph capture.
    """
    if is_tensor(value):
        if value.numel() != 1:
            raise NotAScalar(f"a tensor of shape {tuple(value.shape)}")
        if value.is_complex():
            raise NotAScalar("a complex tensor")
        return take(value.reshape(())) if value.device.type != "cpu" else float(value.detach())
    if isinstance(value, np.ndarray):
        if value.size != 1:
            raise NotAScalar(f"an array of shape {value.shape}")
        value = value.reshape(())[()]
    kind = type(value)
    if not hasattr(kind, "__float__") and not hasattr(kind, "__index__"):
        raise NotAScalar(f"a {kind.__name__}")
    if isinstance(value, np.complexfloating | np.flexible | np.timedelta64):
        raise NotAScalar(f"a {kind.__name__}")
    try:
        return float(value)
    except OverflowError:
        raise NotAScalar("a number too large for a float") from None
    except (TypeError, ValueError):
        raise NotAScalar(f"a {kind.__name__}") from None


def capture_array(value: Any) -> np.ndarray | Deferred:
    """An array of real numbers as it is now: a private copy of its own type, or a Deferred.

    Raises NotAScalar when it is no array of real numbers or has more than ARRAY_LIMIT elements; NotNow as `capture`.
    """
    if is_tensor(value):
        if value.numel() > ARRAY_LIMIT or value.is_complex():
            raise NotAScalar(f"a tensor of {value.numel()} elements of {value.dtype}; at most {ARRAY_LIMIT} real ones")
        return Deferred(value.detach().clone()) if value.device.type == "cpu" else take(value)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        raise NotAScalar(f"a {type(value).__name__} that is no array of numbers") from None
    if array.size > ARRAY_LIMIT:
        raise NotAScalar(f"an array of {array.size} elements; at most {ARRAY_LIMIT}")
    if array.dtype.kind not in "biuf":
        raise NotAScalar(f"an array of {array.dtype}; expected real numbers")
    return np.array(array, copy=True)


def index(value: Any) -> int:
    """A whole number of 64 bits from an int, a numpy integer, an integral float, or a one-element tensor on the CPU.

    Raises TypeError or ValueError for anything else; reading a step from a device would wait for it.
    """
    if is_tensor(value) and value.device.type != "cpu":
        raise TypeError(f"a tensor on {value.device.type}; pass the loop's own counter")
    if isinstance(value, str | bytes):
        raise TypeError("text")
    try:
        number = int(operator.index(value))
    except TypeError:
        real = float(value)
        if not real.is_integer():
            raise ValueError("it is not whole") from None
        number = int(real)
    if not -INT64_LIMIT <= number < INT64_LIMIT:
        raise ValueError("it does not fit in 64 bits")
    return number


def as_dict(values: Mapping[str, Any]) -> dict[str, Any]:
    """A dict of its own. Raises TypeError for what is no mapping."""
    if not isinstance(values, Mapping):
        raise TypeError("no mapping")
    return dict(values)


def is_tensor(value: Any) -> bool:
    """Whether it is a torch tensor; without torch loaded nothing is."""
    torch = sys.modules.get("torch")
    kind = getattr(torch, "Tensor", None)
    return kind is not None and isinstance(value, kind)
