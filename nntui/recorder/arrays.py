"""Arrow arrays from numpy arrays and texts, built from their buffers.

Owns the three shapes that the tables are made of. `pyarrow.array` would do the same, but its first call imports
pyarrow.compute and pandas, where there is one: half a second inside the user's loop.
Invariant: a text that UTF-8 cannot hold keeps its place, lone surrogates as backslash escapes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, DTypeLike

_TYPES = {np.dtype(np.int64): pa.int64(), np.dtype(np.float32): pa.float32(), np.dtype(np.float64): pa.float64()}


def numbers(values: ArrayLike, kind: DTypeLike) -> pa.Array:
    """A column of int64, float32 or float64."""
    data = np.ascontiguousarray(values, kind).ravel()
    return pa.Array.from_buffers(_TYPES[data.dtype], len(data), [None, pa.py_buffer(data)])


def texts(values: Sequence[str]) -> pa.Array:
    """A column of utf8."""
    encoded = [value.encode("utf-8", "backslashreplace") for value in values]
    offsets = pa.py_buffer(_offsets([len(value) for value in encoded]))
    return pa.Array.from_buffers(pa.utf8(), len(encoded), [None, offsets, pa.py_buffer(b"".join(encoded))])


def lists(lengths: Sequence[int], values: pa.Array) -> pa.Array:
    """A column of lists with these lengths, cut from `values` one after the other."""
    kind = pa.list_(values.type)
    return pa.Array.from_buffers(kind, len(lengths), [None, pa.py_buffer(_offsets(lengths))], children=[values])


def _offsets(lengths: Sequence[int]) -> np.ndarray:
    ends = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    if ends[-1] > np.iinfo(np.int32).max:
        raise ValueError(f"{ends[-1]} values; expected at most 2³¹ in one batch")
    return ends.astype(np.int32)
