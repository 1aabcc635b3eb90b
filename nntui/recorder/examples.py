"""Rows of what is known of single examples: taken in the loop, encoded on the writer thread.

Owns which columns there are, what is cut off and how that is said. Invariant: every column has one value per example, or the
whole call is refused; a row takes at most PICTURE numbers and TEXT characters besides its columns.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from nntui.recorder.arrays import lists, numbers, texts
from nntui.recorder.device import Deferred
from nntui.recorder.rows import single
from nntui.recorder.scalars import ARRAY_LIMIT, NotAScalar, capture, capture_array, is_tensor
from nntui.runlog.schema import EXAMPLES

ROWS = 100_000
"""Most examples of one call; those after them are left out, which an event says."""
PICTURE = 4096
"""Most numbers kept of an input: of pictures every k-th row and column, of anything else the first ones."""
TEXT = 2000
"""Most characters kept of an input's text."""
WORDS = 200
"""Most characters kept of a label or a prediction."""
CHANNELS = 4
"""Most values per place that make an axis one of colours."""
WORDY = ("label", "prediction", "texts")
_LOW = 20
"""Bits of an index that a device's copy carries at once: float32 holds 24 exactly."""

Taken = np.ndarray | Deferred | list[str]
Whole = tuple[Taken, ...]
"""Whole numbers: themselves, or their high and their low bits."""


@dataclass(slots=True)
class Examples:
    """One call of `Run.examples`, as it was."""

    split: str
    count: int
    index: Whole
    columns: dict[str, Taken]
    duplicates: Whole = ()
    duplicate_split: str = ""
    pictures: np.ndarray | Deferred | None = None
    shape: tuple[int, ...] = ()
    """Of pictures: how many of the first examples have one, and the shape of each."""
    rest: float | Deferred | None = None
    notes: list[tuple[str, str]] = field(default_factory=list)
    """(key, message) of what was cut off."""

    @property
    def arrays(self) -> list[Any]:
        """All that was captured as numbers."""
        found = [*self.index, *self.duplicates, *self.columns.values(), self.pictures, self.rest]
        return [one for one in found if isinstance(one, np.ndarray | Deferred)]

    @property
    def characters(self) -> int:
        """Length of all texts."""
        return sum(len(text) for one in self.columns.values() if isinstance(one, list) for text in one)

    def batch(self, step: int, time_ns: int) -> pa.RecordBatch:
        """One row per example, and one of index -1 where there is a rest."""
        more = self.rest is not None
        n = self.count + more
        index = _joined(self.index, self.count)
        if (index < 0).any():
            raise ValueError(f"index {int(index.min())}; expected places from 0")
        loss = self._number("loss", n)
        if more:
            loss[-1] = self.rest.read().reshape(-1)[0] if isinstance(self.rest, Deferred) else self.rest
        kept = self.shape[0] if self.shape else 0
        data = np.empty(0) if self.pictures is None else _read(self.pictures)
        width = math.prod(self.shape[1:]) if kept else 0
        columns = [
            texts([self.split] * n),
            numbers(_padded(index, n, -1), np.int64),
            numbers(np.full(n, step), np.int64),
            numbers(np.full(n, time_ns), np.int64),
            texts(self._words("label", n, WORDS)),
            texts(self._words("prediction", n, WORDS)),
            numbers(loss, np.float64),
            *(numbers(self._number(name, n), np.float64) for name in ("confidence", "outlier", "suspect")),
            numbers(_padded(_joined(self.duplicates, self.count), n, -1), np.int64),
            texts([self.duplicate_split] * self.count + [""] * more),
            lists(_counts(len(self.shape) - 1, kept, n), numbers(np.tile(self.shape[1:], kept), np.int64)),
            lists(_counts(width, kept, n), numbers(single(data), np.float32)),
            texts(self._words("texts", n, TEXT)),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=EXAMPLES)

    def _number(self, name: str, n: int) -> np.ndarray:
        found = self.columns.get(name)
        known = np.empty(0) if found is None or isinstance(found, list) else _read(found).astype(np.float64).reshape(-1)
        return _padded(known, n, math.nan)

    def _words(self, name: str, n: int, limit: int) -> list[str]:
        found = self.columns.get(name, [])
        words = found if isinstance(found, list) else [_word(value) for value in _read(found).reshape(-1).tolist()]
        return [word[:limit] for word in words] + [""] * (n - len(words))


def capture_examples(
    split: Any,
    index: Any,
    columns: Mapping[str, Any],
    *,
    duplicates: Any = None,
    duplicate_split: Any = "",
    inputs: Any = None,
    rest: Any = None,
) -> Examples:
    """Take a call as it is now. columns: `label`, `prediction`, `loss`, `confidence`, `outlier`, `suspect`, `texts`; None for
    what is not known. Raises NotAScalar for what is not one value per example, NotNow as `capture`.
    """
    index = _plain(index)
    length, index = _length(index), _first(index, ROWS)
    count = min(length, ROWS)
    taken = Examples(str(split), count, _whole("index", index), {})
    if length > ROWS:
        taken.notes.append(
            ("examples rows", f"examples: {length:,} in one call; the first {ROWS:,} of them are recorded.")
        )
    for name, values in columns.items():
        if values is not None:
            known = _each(name, values, length)
            taken.columns[name] = (_some_words if name in WORDY else _some_numbers)(known)
    if duplicates is not None:
        taken.duplicates = _whole("duplicate_of", _each("duplicate_of", duplicates, length))
        taken.duplicate_split = str(duplicate_split)
    if inputs is not None and count:
        _take_pictures(taken, _plain(inputs), length)
    taken.rest = None if rest is None else capture(rest)
    return taken


def _each(name: str, values: Any, length: int) -> Any:
    """The values of a column that are recorded. Raises NotAScalar where there is not one per example."""
    values = _plain(values)
    if _length(values) != length:
        raise NotAScalar(f"{name} of {_length(values):,} values for {length:,} examples; expected one each")
    return _first(values, ROWS)


def _plain(values: Any) -> Any:
    """Tensors and plain sequences as they are, whatever else is an array as one of numpy's."""
    return np.asarray(values) if hasattr(values, "__array__") and not is_tensor(values) else values


def _length(values: Any) -> int:
    """How many values there are: one number alone is one."""
    if hasattr(values, "shape"):
        return math.prod(values.shape)
    return len(values) if hasattr(values, "__len__") and not isinstance(values, str | bytes) else 1


def _first(values: Any, most: int) -> Any:
    """The first of the values, as a sequence, an array or a tensor of one axis."""
    if hasattr(values, "shape"):
        return values.reshape(-1)[:most]
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        return [values]
    return values[:most] if isinstance(values, Sequence) else list(itertools.islice(values, most))


def _some_numbers(values: Any) -> np.ndarray | Deferred:
    """One number each; None is unknown."""
    if not hasattr(values, "shape") and any(value is None for value in values):
        values = [math.nan if value is None else value for value in values]
    return capture_array(values)


def _some_words(values: Any) -> Taken:
    """One text each; numbers become text once they are read."""
    if hasattr(values, "shape") and (is_tensor(values) or np.asarray(values).dtype.kind in "biuf"):
        return capture_array(values)
    return [value if type(value) is str else _word(value) for value in values]


def _whole(name: str, values: Any) -> Whole:
    """Whole numbers; None and NaN are -1."""
    if is_tensor(values) and values.device.type != "cpu":
        if values.is_floating_point() or values.is_complex():
            raise NotAScalar(f"{name} of {values.dtype}; expected whole numbers")
        return capture_array(values >> _LOW), capture_array(values & ((1 << _LOW) - 1))
    values = values.detach().numpy() if is_tensor(values) else values
    array = capture_array(values if hasattr(values, "shape") else [-1 if one is None else one for one in values])
    if isinstance(array, np.ndarray) and array.dtype.kind == "f":
        array = np.where(np.isnan(array), -1.0, array)
        if not (array == np.floor(array)).all() or not (np.abs(array) < 2.0**63).all():
            raise NotAScalar(f"{name} with fractions; expected whole numbers")
        array = array.astype(np.int64)
    return (array,)


def _take_pictures(taken: Examples, inputs: Any, length: int) -> None:
    """The inputs of the first examples, as large as they may be."""
    given = inputs if hasattr(inputs, "shape") else np.asarray(inputs)
    if not given.shape or given.shape[0] != length:
        have = given.shape[0] if given.shape else 1
        raise NotAScalar(f"inputs of {have:,} examples for {length:,}; expected one each")
    size = math.prod(given.shape[1:])
    view, how = _smaller(given)
    kept = min(taken.count, ARRAY_LIMIT // max(1, math.prod(view.shape[1:])))
    if how:
        taken.notes.append(("examples inputs", f"examples: inputs of {size:,} numbers are kept as {how}."))
    if kept < taken.count:
        taken.notes.append(
            ("examples kept", f"examples: of {taken.count:,} in one call, the inputs of the first {kept:,} are kept.")
        )
    taken.pictures = capture_array(view[:kept])
    taken.shape = (kept, *(int(n) for n in view.shape[1:]))


def _smaller(values: Any) -> tuple[Any, str]:
    """A view of at most PICTURE numbers per example, and in words what it leaves out."""
    if math.prod(values.shape[1:]) <= PICTURE:
        return values, ""
    while len(values.shape) > 4:
        values = values[:, 0]
    shape = tuple(values.shape[1:])
    if len(shape) == 1:
        return values[:, :PICTURE], f"the first {PICTURE:,} of them"
    if len(shape) == 3 and shape[0] > CHANNELS and shape[2] > CHANNELS:
        values, shape = values[:, 0], shape[1:]
    last = len(shape) == 3 and shape[2] <= CHANNELS  # (H, W, C)
    rows, columns = (shape[0], shape[1]) if len(shape) == 2 or last else (shape[1], shape[2])
    depth = math.prod(shape) // (rows * columns)
    every = math.ceil(math.sqrt(rows * columns * depth / PICTURE))
    while -(-rows // every) * -(-columns // every) * depth > PICTURE:
        every += 1
    cut = (slice(None, None, every),) * 2
    view = values[(slice(None), *cut)] if len(shape) == 2 or last else values[(slice(None), slice(None), *cut)]
    return view, f"one row and column of {every}"


def _read(values: np.ndarray | Deferred | list[str]) -> np.ndarray:
    return values.read() if isinstance(values, Deferred) else np.asarray(values)


def _joined(parts: Whole, count: int) -> np.ndarray:
    if not parts:
        return np.full(count, -1, np.int64)
    read = [_read(part).reshape(-1).astype(np.int64) for part in parts]
    return read[0] if len(read) == 1 else (read[0] << _LOW) + read[1]


def _padded(values: np.ndarray, n: int, fill: float) -> np.ndarray:
    return np.concatenate([values, np.full(n - len(values), fill, values.dtype)])


def _counts(each: int, kept: int, n: int) -> list[int]:
    return [max(0, each)] * kept + [0] * (n - kept)


def _word(value: Any) -> str:
    """A label as text: whole numbers without a point; unknown ones are empty."""
    if value is None:
        return ""
    if isinstance(value, bool | int | np.integer | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        return (
            ""
            if math.isnan(number)
            else str(int(number))
            if abs(number) < 2**53 and number == int(number)
            else f"{number:.6g}"
        )
    return str(value)
