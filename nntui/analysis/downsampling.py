"""From points to raster columns: exact minimum, maximum and mean per column.

Owns how many points become few without hiding one. Invariant: the extreme of every column is the value of a point in it.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NAN, ABOVE, BELOW = 1, 2, 4
"""What of the values that are not finite a column holds: NaN, +inf, -inf."""


@dataclass(frozen=True, eq=False, slots=True)
class Columns:
    """All arrays have shape (columns,)."""

    low: Floats
    """Minimum of the finite values; NaN where there is none."""
    high: Floats
    mean: Floats
    """Mean of the finite values."""
    count: Ints
    """Number of finite values."""
    nonfinite: Ints
    """Number of NaN and infinite values."""
    kinds: Ints
    """NAN | ABOVE | BELOW, as far as the column holds such."""


def per_column(x: Floats, value: Floats, x_range: tuple[float, float], columns: int) -> Columns:
    """Summaries of the points with low <= x <= high in `columns` bins of equal width; the last one holds its right edge.

    x, value: shape (n,), x finite, in any order (a fast path serves sorted x). Raises ValueError for less than one column
    or an empty range.
    """
    low, high = x_range
    if columns < 1 or not high > low:
        raise ValueError(f"columns were {columns} over {x_range!r}; expected at least 1 over a range with low < high.")
    if len(x) > 1 and (np.diff(x) < 0).any():
        order = np.argsort(x, kind="stable")
        x, value = x[order], value[order]
    start, stop = int(np.searchsorted(x, low, "left")), int(np.searchsorted(x, high, "right"))
    x, value = x[start:stop], value[start:stop]
    finite = np.isfinite(value)
    bad, kinds = np.zeros(columns, np.int64), np.zeros(columns, np.int64)
    if not finite.all():
        odd, place = value[~finite], _bin(x[~finite], low, high, columns)
        np.add.at(bad, place, 1)
        np.bitwise_or.at(kinds, place, np.where(np.isnan(odd), NAN, np.where(odd > 0, ABOVE, BELOW)))
        x, value = x[finite], value[finite]
    empty = np.full(columns, np.nan)
    result = Columns(empty, empty.copy(), empty.copy(), np.zeros(columns, np.int64), bad, kinds)
    if len(x):
        # The bin of every point is non-decreasing, so each occupied bin is one contiguous stretch.
        bins = _bin(x, low, high, columns)
        starts = np.flatnonzero(np.r_[True, bins[1:] != bins[:-1]])
        occupied = bins[starts]
        counts = np.diff(np.r_[starts, len(x)])
        result.low[occupied] = np.minimum.reduceat(value, starts)
        result.high[occupied] = np.maximum.reduceat(value, starts)
        # Divided before adding, so that the largest floats do not overflow; clipped against its rounding.
        mean = np.add.reduceat(value / np.repeat(counts, counts), starts)
        result.mean[occupied] = np.clip(mean, result.low[occupied], result.high[occupied])
        result.count[occupied] = counts
    return result


def extended(before: Columns, since: int, x: Floats, value: Floats, x_range: tuple[float, float]) -> Columns:
    """`per_column` of all the points, given that of the first `since`; x sorted. Looks at the columns that can have changed."""
    low, high = x_range
    columns = len(before.low)
    if not since or x[since - 1] < low:
        return per_column(x[since:], value[since:], x_range, columns)
    if x[since - 1] > high:
        return before
    first = int(_bin(x[since - 1 : since], low, high, columns)[0])
    start = bisect.bisect_left(range(since), first, key=lambda at: _bin(x[at : at + 1], low, high, columns)[0])
    tail = per_column(x[start:], value[start:], x_range, columns)
    kept = ((getattr(before, one.name), getattr(tail, one.name)) for one in fields(Columns))
    return Columns(*(np.concatenate([old[:first], new[first:]]) for old, new in kept))


def newest_before(x: Floats, x_range: tuple[float, float], columns: int) -> Ints:
    """Place of the last point at or before the right edge of each column, -1 where there is none; x sorted. Shape (columns,)."""
    low, high = x_range
    edges = low + (high - low) * (np.arange(columns) + 1) / max(1, columns)
    edges[columns - 1 :] = high
    return np.searchsorted(x, edges, "right") - 1


def bridge(line: Floats) -> Floats:
    """The line with empty (NaN) columns between two points filled by straight interpolation; the ends stay empty."""
    known = np.flatnonzero(np.isfinite(line))
    if len(known) < 2:
        return line.copy()
    result = np.interp(np.arange(len(line)), known, line[known])
    result[: known[0]] = np.nan
    result[known[-1] + 1 :] = np.nan
    return result


def last_per_column(x: Floats, value: Floats, x_range: tuple[float, float], columns: int) -> Floats:
    """The newest finite value in each column, in the order of x; NaN where there is none. Shape (columns,)."""
    low, high = x_range
    keep = np.isfinite(value) & (x >= low) & (x <= high)
    x, value = x[keep], value[keep]
    if len(x) > 1 and (np.diff(x) < 0).any():
        order = np.argsort(x, kind="stable")
        x, value = x[order], value[order]
    result = np.full(columns, np.nan)
    result[_bin(x, low, high, columns)] = value
    return result


def _bin(x: Floats, low: float, high: float, columns: int) -> Ints:
    fraction = (x - low) / (high - low)
    return np.minimum(np.floor(fraction * columns).astype(np.int64), columns - 1)
