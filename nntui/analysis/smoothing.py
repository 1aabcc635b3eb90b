"""Smoothing: the debiased exponential moving average.

Owns one formula, exact at any length. Invariant: never looks ahead; a smoothed value depends on earlier points only.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 256


def debiased_ema(value: Floats, weight: float) -> Floats:
    """m_t / (1 - w^t) with m_t = w m_{t-1} + (1 - w) x_t, over the finite points (Kingma & Ba 2014, section 3).

    value: shape (n,). weight w in [0, 1). Answer: shape (n,). A point that is not finite neither changes the average nor
    counts in t; there the average so far is carried on (NaN before the first finite point).
    Raises ValueError for a weight outside [0, 1).
    """
    return Ema(weight).follow(value)


class Ema:
    """A debiased moving average that goes on where it was: of pieces it gives what it gives of the whole, but for rounding."""

    def __init__(self, weight: float) -> None:
        """Raises ValueError for a weight outside [0, 1)."""
        if not 0.0 <= weight < 1.0:
            raise ValueError(f"smoothing weight was {weight!r}; expected a number in [0, 1).")
        self.weight = weight
        self._mean = 0.0
        self._count = 0
        self._last = math.nan

    def follow(self, value: Floats) -> Floats:
        """The average at each of the next n points."""
        finite = np.isfinite(value)
        kept = value[finite]
        smooth = kept.copy()
        if self.weight > 0 and len(kept):
            smooth = _recursion(kept, self.weight, self._mean)
            self._mean = float(smooth[-1])
            # expm1 keeps the digits that 1 - w^t would lose for w near 1 and small t
            smooth /= -np.expm1(np.log(self.weight) * np.arange(self._count + 1, self._count + len(kept) + 1))
        self._count += len(kept)
        result = np.concatenate([[self._last], smooth])[np.cumsum(finite)]
        self._last = float(result[-1]) if len(result) else self._last
        return result


def _recursion(x: Floats, w: float, before: float) -> Floats:
    """m_t = w m_{t-1} + (1 - w) x_t from m_0 = before: a matrix product inside blocks, a short loop between them."""
    blocks = -(-len(x) // _BLOCK)
    padded = np.zeros(blocks * _BLOCK)
    padded[: len(x)] = x
    power = w ** np.arange(_BLOCK + 1)
    distance = np.arange(_BLOCK)[:, None] - np.arange(_BLOCK)[None, :]
    kernel = np.where(distance >= 0, (1 - w) * power[np.maximum(distance, 0)], 0.0)
    inside = padded.reshape(blocks, _BLOCK) @ kernel.T
    carry = np.full(blocks, before)
    for block in range(1, blocks):
        carry[block] = inside[block - 1, -1] + power[_BLOCK] * carry[block - 1]
    inside += carry[:, None] * power[1:]
    return inside.ravel()[: len(x)]
