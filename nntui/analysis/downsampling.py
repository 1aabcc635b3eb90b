"""From points to raster columns: exact minimum, maximum and mean per column.

Owns how many points become few without hiding one. Invariant: the extreme of every column is the value of a point in it.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Xs = Callable[[Ints | slice], Floats]
"""x of the points at some places. Of many points it is asked for those alone by which an edge is found."""
FEW = 1 << 12
"""Points up to which looking at all of them costs less than looking for some."""

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
    if (x[1:] < x[:-1]).any():
        order = np.argsort(x, kind="stable")
        x, value = x[order], value[order]
    return of_stretches(value, stretches(x.__getitem__, len(x), x_range, columns))


def stretches(x: Xs, size: int, x_range: tuple[float, float], columns: int) -> Ints:
    """Where each column begins among `size` sorted points, and where the last one ends. Shape (columns + 1,).

    Raises ValueError for less than one column or an empty range.
    """
    low, high = x_range
    if columns < 1 or not high > low:
        raise ValueError(f"columns were {columns} over {x_range!r}; expected at least 1 over a range with low < high.")
    number = np.arange(columns)
    if size <= FEW:
        at = x(slice(0, size))
        start, stop = np.searchsorted(at, low, "left"), np.searchsorted(at, high, "right")
        begun = np.searchsorted(_bin(at[start:stop], low, high, columns), number)
        return np.append(start + begun, max(start, stop))

    def reached(place: Ints) -> Bools:
        at = x(place)
        inside = np.clip(at, low, high)  # far outside a bin has no number
        return np.append((at[:-1] >= low) & (_bin(inside[:-1], low, high, columns) >= number), at[-1:] > high)

    return _first(reached, size, columns + 1)


def of_stretches(value: Floats, edges: Ints) -> Columns:
    """Column i is of the values from edges[i] to edges[i + 1]. edges: ascending, shape (columns + 1,)."""
    columns = len(edges) - 1
    empty, none = np.full(columns, np.nan), np.zeros(columns, np.int64)
    result = Columns(empty, empty.copy(), empty.copy(), none, none.copy(), none.copy())
    occupied = np.flatnonzero(edges[1:] > edges[:-1])
    if not len(occupied):
        return result
    value, starts = value[: edges[-1]], edges[occupied]
    counts = edges[occupied + 1] - starts
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = np.minimum.reduceat(value, starts), np.maximum.reduceat(value, starts)
        mean = np.add.reduceat(value, starts) / counts
    result.low[occupied], result.high[occupied], result.count[occupied] = low, high, counts
    result.mean[occupied] = np.clip(mean, low, high)  # against its rounding
    for column in occupied[~np.isfinite(mean)].tolist():  # what is not finite, or a sum of the largest floats
        _with_care(result, column, value[edges[column] : edges[column + 1]])
    return result


def _with_care(result: Columns, column: int, value: Floats) -> None:
    """A column that holds values that are not finite, or whose sum is not."""
    finite = np.isfinite(value)
    kept, odd = value[finite], value[~finite]
    above, below = odd == np.inf, odd == -np.inf
    result.count[column], result.nonfinite[column] = len(kept), len(odd)
    result.kinds[column] = NAN * (~above & ~below).any() + ABOVE * above.any() + BELOW * below.any()
    if len(kept):
        low, high = kept.min(), kept.max()
        result.low[column], result.high[column] = low, high
        result.mean[column] = np.clip((kept / len(kept)).sum(), low, high)
    else:
        result.low[column] = result.high[column] = result.mean[column] = np.nan


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


def newest_before(x: Xs, size: int, x_range: tuple[float, float], columns: int) -> Ints:
    """Place of the last of `size` sorted points at or before the right edge of each column, -1 where there is none.

    Shape (columns,).
    """
    low, high = x_range
    edges = low + (high - low) * (np.arange(columns) + 1) / max(1, columns)
    edges[columns - 1 :] = high
    if size <= FEW:
        return np.searchsorted(x(slice(0, size)), edges, "right") - 1
    return _first(lambda place: x(place) > edges, size, columns) - 1


def _first(reached: Callable[[Ints], Bools], size: int, count: int) -> Ints:
    """The first place at which each of `count` conditions holds, `size` where none does: bisections side by side.

    reached: whether each holds at a place of its own; once one holds it does so at all later places.
    """
    first, last = np.zeros(count, np.int64), np.full(count, size)
    while (open_ := first < last).any():
        middle = (first + last) // 2
        holds = reached(np.minimum(middle, size - 1))
        last = np.where(open_ & holds, middle, last)
        first = np.where(open_ & ~holds, middle + 1, first)
    return first


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
