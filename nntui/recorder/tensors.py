"""Rows of tensors worth a picture: taken in the loop, encoded on the writer thread.

Owns how much of a tensor is kept and how that is said. Invariant: a row holds at most NUMBERS numbers, the first ones along the
first axis; what cannot be taken does not take the others with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from nntui.recorder.arrays import lists, numbers, texts
from nntui.recorder.device import Deferred
from nntui.recorder.rows import shown, single
from nntui.recorder.scalars import NotAScalar, capture_array
from nntui.runlog.schema import TENSORS

NUMBERS = 1 << 16
"""Most numbers of one tensor that are kept."""
NAMES = 64
"""Most tensors of one call."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A tensor as it was."""

    name: str
    values: np.ndarray | Deferred
    shape: tuple[int, ...]


def capture_tensors(tensors: Mapping[str, Any], note: Callable[[str, str], None]) -> list[Taken]:
    """Copies of the tensors as they are now, without waiting for a device. note: told (key, message) of what is left out.

    Raises NotAScalar for what is no mapping, NotNow as `capture_array`.
    """
    if not isinstance(tensors, Mapping):
        raise NotAScalar(f"a {type(tensors).__name__}; expected a mapping of names to tensors")
    taken: list[Taken] = []
    for name, tensor in tensors.items():
        if len(taken) == NAMES:
            note("tensors names", f"tensors: {len(tensors):,} in one call; the first {NAMES} of them are recorded.")
            break
        try:
            taken.append(_taken(name if isinstance(name, str) else shown(name), tensor, note))
        except NotAScalar as error:
            note(f"tensors {shown(name)}", f"tensors: {shown(name)} was {error}; it is not recorded.")
    return taken


def tensor_rows(step: int, time_ns: int, taken: Sequence[Taken]) -> pa.RecordBatch:
    """One row per tensor."""
    data = [single(one.values.read() if isinstance(one.values, Deferred) else one.values).ravel() for one in taken]
    n = len(taken)
    columns = [
        texts([one.name for one in taken]),
        numbers(np.full(n, step), np.int64),
        numbers(np.full(n, time_ns), np.int64),
        lists([len(one.shape) for one in taken], numbers([size for one in taken for size in one.shape], np.int64)),
        lists([len(values) for values in data], numbers(np.concatenate(data), np.float32)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=TENSORS)


def _taken(name: str, tensor: Any, note: Callable[[str, str], None]) -> Taken:
    if not hasattr(tensor, "shape"):
        tensor = np.asarray(capture_array(tensor))
    shape = tuple(int(size) for size in tensor.shape)
    each = math.prod(shape[1:])
    if each > NUMBERS:
        raise NotAScalar(f"of {each:,} numbers along its first axis; at most {NUMBERS:,} are kept")
    if math.prod(shape) > NUMBERS:
        first = NUMBERS // each
        note(
            f"tensors {name}", f"tensors: of {shape[0]:,} along the first axis of {name} the first {first:,} are kept."
        )
        tensor, shape = tensor[:first], (first, *shape[1:])
    return Taken(name, capture_array(tensor), shape)
