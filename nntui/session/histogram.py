"""How numbers or classes are spread, in bars.

Owns the edges of bars. Invariant: every value is counted once, in a bar or as unknown; the first bar begins at the least finite
value and the last one ends at the greatest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DECADES = 2.0
"""Powers of ten between least and greatest from which bars are equal factors wide."""


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """How many there are for each class or stretch of numbers."""

    counts: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    names: tuple[str, ...] = ()
    """Of classes, one per bar; empty for numbers."""
    low: float = math.nan
    high: float = math.nan
    factors: bool = False
    """Whether the stretches are equal factors, not equal differences."""
    unknown: int = 0
    """Values that are not known, or not finite."""
    more: int = 0
    """Classes that have no bar."""


def of_numbers(values: Floats, bars: int) -> Histogram:
    """`bars` stretches from the least to the greatest finite value."""
    finite = values[np.isfinite(values)]
    unknown = len(values) - len(finite)
    if not len(finite):
        return Histogram(unknown=unknown)
    low, high = float(finite.min()), float(finite.max())
    factors = low > 0 and math.log10(high) - math.log10(low) > DECADES
    scaled = np.log10(finite) if factors else finite
    first, last = float(scaled.min()), float(scaled.max())
    room = last / 2 - first / 2  # halved: the range may be the whole of float64
    place = np.zeros(len(scaled)) if not room > 0 else (scaled / 2 - first / 2) / room * bars
    counts = np.bincount(np.minimum(place.astype(np.int64), bars - 1), minlength=bars)
    return Histogram(counts, (), low, high, factors, unknown)


def of_classes(codes: Ints, texts: Sequence[str], numbers: Floats, bars: int) -> Histogram:
    """A bar per class, in the order of their numbers, then of their letters; of more than `bars` the most frequent.

    codes: number of each one's text, -1 for none. numbers: every text as a number, NaN where it is none.
    """
    known = codes[codes >= 0]
    found, counts = np.unique(known, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:bars]
    more = len(found) - len(most)
    bar: list[tuple[bool, float, str, int]] = []
    for place in most.tolist():
        code = int(found[place])
        number = float(numbers[code])
        bar.append((math.isnan(number), 0.0 if math.isnan(number) else number, texts[code], int(counts[place])))
    bar.sort()
    sizes = np.array([size for _, _, _, size in bar], np.int64)
    return Histogram(sizes, tuple(name for _, _, name, _ in bar), unknown=len(codes) - len(known), more=more)
