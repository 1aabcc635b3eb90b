"""Vertical ranges of plots.

Owns what part of the y axis is shown. Invariant: a range is finite with low < high, and positive when logarithmic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

OUTLIER_SAMPLE = 50_000
"""Points from which the spread is taken where there are more, evenly apart."""
OUTLIER_SPREAD = 5.0
"""Clipping keeps what lies within this many spreads (5th to 95th percentile) of the middle half."""


_LARGEST = float(np.finfo(np.float64).max)
_SMALLEST = float(np.finfo(np.float64).smallest_subnormal)
LEAST_SHARE = 0.3
"""Of the height, what the data keep at least when the range is made to hold a reference line."""
AIR = 0.06
"""Of the height, what there is beyond a reference line for which the range was made longer."""
STEPS = 16
"""Steps by which the ends of a growing range move, of the largest power of two that it holds."""
WIDE = 30.0
"""Ratio of the largest to the smallest number from which a logarithmic axis tells more."""


def y_range(arrays: Iterable[Floats], *, log: bool | None) -> tuple[tuple[float, float], bool]:
    """The range that holds every finite number of the arrays with a little air, and whether it is logarithmic.

    log None: logarithmic when all are positive and span more than a factor WIDE. log True: refused only where none is
    positive; the others then lie below the range. Nothing finite gives (0, 1); a single value is put in the middle.
    """
    flat = np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays] or [np.empty(0)])
    flat = flat[np.isfinite(flat)]
    if not len(flat):
        return (0.0, 1.0), False
    if log and (flat > 0).any():
        flat = flat[flat > 0]
    low, high = float(flat.min()), float(flat.max())
    if low > 0 and (log or (log is None and high / WIDE > low)):
        return _padded_log(low, high), True
    spread = high / 50 - low / 50  # divided first: high - low may overflow
    air = spread or abs(low) * 0.1 or 0.5
    return (max(low - air, -_LARGEST), min(high + air, _LARGEST)), False


def in_steps(bounds: tuple[float, float], *, log: bool) -> tuple[float, float]:
    """The range made longer at both ends, to multiples of a STEPS-th of its size or less: one that grows seldom moves.

    Where float64 has no such numbers it stays as it is.
    """
    low, high = (math.log(edge) for edge in bounds) if log else bounds
    if not 0 < high - low < math.inf:
        return bounds
    step = 2.0 ** (math.floor(math.log2(high - low))) / STEPS
    if not step > 0:
        return bounds
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    if log:
        low, high = (math.exp(min(max(end, math.log(_SMALLEST)), math.log(_LARGEST))) for end in (low, high))
    return max(min(low, bounds[0]), -_LARGEST), min(max(high, bounds[1]), _LARGEST)


def without_outliers(value: Floats, bounds: tuple[float, float]) -> tuple[tuple[float, float], int]:
    """The range narrowed to the bulk of the points, and how many points then lie outside.

    The bulk is within OUTLIER_SPREAD times the 5–95 % spread around it; nothing is cut when all points are in there.
    """
    finite = value[np.isfinite(value)]
    if len(finite) < 20:
        return bounds, 0
    p5, p95 = (float(q) for q in np.quantile(finite[:: -(-len(finite) // OUTLIER_SAMPLE)], (0.05, 0.95)))
    if not p95 > p5:
        return bounds, 0
    air = OUTLIER_SPREAD * (p95 - p5)
    low, high = max(bounds[0], p5 - air), min(bounds[1], p95 + air)
    outside = beyond(finite, (low, high))
    return ((low, high), outside) if outside and high > low else (bounds, 0)


def beyond(value: Floats, bounds: tuple[float, float]) -> int:
    """How many finite numbers lie outside of a range."""
    return int((np.isfinite(value) & ((value < bounds[0]) | (value > bounds[1]))).sum())


def reaching(bounds: tuple[float, float], value: float, *, log: bool) -> tuple[float, float]:
    """The range made long enough to hold the value too, with a little air, when it is near; else the range as it is.

    Near: what the range held keeps at least the share LEAST_SHARE of the height; on a logarithmic axis, of its logarithm. The
    distance is that of the value from the nearest edge.
    """
    low, high = (math.log(edge) for edge in bounds) if log else bounds
    if not math.isfinite(value) or (log and value <= 0) or bounds[0] <= value <= bounds[1]:
        return bounds
    at = math.log(value) if log else value
    half = high / 2 - low / 2  # halved: the range may be the whole of float64
    away = max(at / 2 - high / 2, low / 2 - at / 2)
    if away > half * (1 / LEAST_SHARE - 1):
        return bounds
    air = (half + away) * 2 * AIR
    edge = at + air if at > high else at - air
    edge = math.exp(min(max(edge, math.log(_SMALLEST)), math.log(_LARGEST))) if log else edge
    edge = min(max(edge, -_LARGEST), _LARGEST)
    return (bounds[0], max(edge, value)) if at > high else (min(edge, value), bounds[1])


def _padded_log(low: float, high: float) -> tuple[float, float]:
    air = (high / low) ** 0.02 if high > low else 1.5
    return max(low / air, _SMALLEST), min(high * air, _LARGEST)
