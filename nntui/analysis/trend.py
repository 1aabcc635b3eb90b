"""Is a noisy, autocorrelated series still moving?

Owns one statistic: the change of the level over a stretch, with a standard error that noise cannot fool.
Invariant: the answer does not depend on the scale or the offset of the series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCKS = 16
"""Means of this many blocks are regressed on time: a block is long against the correlation of neighbouring losses."""
LEAST_PER_BLOCK = 4
T_QUANTILE = 2.98
"""99.5 % point of Student's t with BLOCKS - 2 degrees of freedom: a two-sided 99 % interval."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Change over a stretch, in the unit of the series."""

    change: float
    """Fitted level at the end minus fitted level at the beginning."""
    error: float
    """Half width of its 99 % interval."""
    level: float
    """Mean over the stretch."""

    @property
    def surely_within(self) -> float:
        """The largest |change| that the interval still allows."""
        return abs(self.change) + self.error

    @property
    def surely_fell(self) -> float:
        """The least fall that the interval allows; negative when it may not have fallen."""
        return -self.change - self.error


def trend(value: Floats) -> Trend | None:
    """Least squares through the means of BLOCKS equal blocks (batch means, Law & Kelton 2000, section 9.5.3).

    value: shape (n,), finite, equally spaced in what counts as time. None for fewer than BLOCKS * LEAST_PER_BLOCK points.
    """
    size = len(value) // BLOCKS
    if size < LEAST_PER_BLOCK:
        return None
    means = value[len(value) - size * BLOCKS :].reshape(BLOCKS, size).mean(axis=1)
    time = np.linspace(-0.5, 0.5, BLOCKS)
    spread = float((time**2).sum())
    slope = float((time * means).sum()) / spread
    residual = means - means.mean() - slope * time
    error = T_QUANTILE * float(np.sqrt((residual**2).sum() / (BLOCKS - 2) / spread))
    return Trend(slope, error, float(means.mean()))


def progress(value: Floats) -> float:
    """How far the level has fallen from the first points to the last: medians of the first 2 % and the last 5 %.

    value: shape (n,), finite, n >= 1. Negative when it rose.
    """
    first = value[: max(1, len(value) // 50)]
    last = value[-max(1, len(value) // 20) :]
    return float(np.median(first) - np.median(last))


def thinned(value: Floats, limit: int = 20_000) -> Floats:
    """At most about `limit` exact means of equal, contiguous blocks: the same trend at a bounded cost."""
    size = -(-len(value) // limit)
    if size <= 1:
        return value
    return value[len(value) % size :].reshape(-1, size).mean(axis=1)
