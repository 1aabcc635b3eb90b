# pyright: standard
"""What is known of single examples, folded from its recorded rows.

Owns memory: of every example the newest known value of each column, and its step. Invariant: the same rows in any chunks give the
same table; a row that no recorder writes is left out and breaks nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nntui.session.examples import Shown, recorded

if TYPE_CHECKING:  # the screens know these classes, and are painted before Arrow is there
    import pyarrow as pa

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

TEXTS = ("label", "prediction", "duplicate_split")
NUMBERS = ("loss", "confidence", "outlier", "suspect", "duplicate_of")
COLUMNS = (*TEXTS, *NUMBERS)
MEASURED = ("prediction", "loss", "confidence")
"""Columns that a later measurement of the whole split puts out of date."""
LIMIT = 500_000
"""Examples that are kept, of all writers together."""
SPLITS = 64
INPUT_NUMBERS = 1 << 23
"""Numbers of inputs that are kept, of all examples together, as float32; later ones are left out."""
WIDEST = 1 << 16
"""Numbers of one input that are kept."""
LONGEST = 4000
"""Characters of one text that are kept."""
TEXT_LIMIT = 1_000_000
"""Different texts after which those that nothing refers to are forgotten."""
NEVER = -(1 << 62)


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """All examples at one moment, by split and index. Arrays have shape (rows,)."""

    splits: tuple[str, ...] = ()
    split: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """Number of the split of each row; rows of one split lie together, in the order of `index`."""
    index: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    texts: tuple[str, ...] = ()
    """What the numbers of texts stand for."""
    words: Mapping[str, Ints] = field(default_factory=lambda: {name: np.empty(0, np.int64) for name in TEXTS})
    """Of TEXTS: number of the text of each row; -1 where it is not known."""
    numbers: Mapping[str, Floats] = field(default_factory=lambda: {name: np.empty(0) for name in NUMBERS})
    """Of NUMBERS: NaN where it is not known."""
    step: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """Newest step at which one of MEASURED was recorded; NEVER where none was."""
    rests: tuple[tuple[int, float], ...] = ()
    """Of each split: step at which all of it was measured last, and the largest loss of those not listed then; NEVER, NaN."""
    given: Mapping[tuple[int, int], Shown] = field(default_factory=dict)
    """Inputs by (split, index)."""
    beyond: int = 0
    """Rows of examples that were left out because there are too many."""

    def __len__(self) -> int:
        return len(self.index)

    @property
    def old(self) -> Bools:
        """Which rows a later measurement of their whole split has put out of date."""
        since = np.array([step for step, _ in self.rests] or [NEVER], np.int64)
        return (self.step != NEVER) & (self.step < since[self.split])


class _Known:
    """What one writer recorded of one split."""

    def __init__(self) -> None:
        self.slots: dict[int, int] = {}
        self.values: Floats = np.full((len(COLUMNS), 64), math.nan)
        self.steps: Ints = np.full((len(COLUMNS), 64), NEVER, np.int64)
        self.first: Ints = np.full(64, -NEVER, np.int64)
        """Lowest step at which anything was recorded of each slot."""
        self.given: dict[int, tuple[int, Shown]] = {}
        self.rests: dict[int, float] = {}

    def grow(self, size: int) -> None:
        """Make room for so many slots."""
        have = self.values.shape[1]
        if size > have:
            more = max(size, have * 3 // 2) - have
            self.values = np.pad(self.values, ((0, 0), (0, more)), constant_values=math.nan)
            self.steps = np.pad(self.steps, ((0, 0), (0, more)), constant_values=NEVER)
            self.first = np.pad(self.first, (0, more), constant_values=-NEVER)

    def put(self, slot: Ints, step: Ints, values: Mapping[str, Floats]) -> None:
        """Take known values, by ascending step: the newest stays, of one step the last."""
        np.minimum.at(self.first, slot, step)
        for row, name in enumerate(COLUMNS):
            known = ~np.isnan(values["duplicate_of" if name == "duplicate_split" else name])
            known &= step >= self.steps[row, slot]
            self.values[row, slot[known]] = values[name][known]
            self.steps[row, slot[known]] = step[known]


class Known:
    """All that was recorded of single examples, by all writers."""

    def __init__(self) -> None:
        self._stores: dict[str, dict[str, _Known]] = {}
        self._splits: list[str] = []
        self._ids: dict[str, int] = {}
        self._texts: list[str] = []
        self._kept = self._numbers = self._beyond = 0
        self.rows = 0
        """Rows taken so far: what is derived from them is as old as this number."""

    def fold(self, writer: str, batch: pa.RecordBatch) -> None:
        """Take in rows of examples."""
        split = batch.column("split").dictionary_encode()
        code = split.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        index = batch.column("index").fill_null(-2).to_numpy(zero_copy_only=False)
        step = batch.column("step").fill_null(-1).to_numpy(zero_copy_only=False)
        values = {name: _floats(batch.column(name)) for name in NUMBERS}
        values["duplicate_of"] = np.where(values["duplicate_of"] < 0, math.nan, values["duplicate_of"])
        values |= {name: self._numbered(batch.column(name)) for name in TEXTS}
        for number, name in enumerate(split.dictionary.to_pylist()):
            store = self._store(writer, name)
            if store is None:
                continue
            of_split = code == number
            for row in np.flatnonzero(of_split & (index == -1) & ~np.isnan(values["loss"])).tolist():
                store.rests[int(step[row])] = float(values["loss"][row])
            rows = np.flatnonzero(of_split & (index >= 0))
            rows = rows[np.argsort(step[rows], kind="stable")]
            slot = self._slots(store, index[rows])
            rows, slot = rows[slot >= 0], slot[slot >= 0]
            store.put(slot, step[rows], {name: column[rows] for name, column in values.items()})
            self._take_inputs(store, batch, rows, index, step)
        self.rows += batch.num_rows
        if len(self._texts) > TEXT_LIMIT:
            self._forget_texts()

    def table(self, writers: Iterable[tuple[str, int]]) -> Table:
        """What is known over writers (name, first superseded step), oldest first."""
        found = [(self._stores.get(name, {}), cut) for name, cut in writers]
        names = sorted({name for stores, _ in found for name in stores}, key=self._place_of_split)
        parts = [_merged([(stores[name], cut) for stores, cut in found if name in stores]) for name in names]
        if not parts:
            return Table()
        values = np.concatenate([part.values for part in parts], axis=1)
        texts = tuple(self._texts)
        words = {name: np.nan_to_num(values[row], nan=-1.0).astype(np.int64) for row, name in enumerate(TEXTS)}
        return Table(
            splits=tuple(names),
            split=np.repeat(np.arange(len(parts)), [len(part.index) for part in parts]),
            index=np.concatenate([part.index for part in parts]),
            texts=texts,
            words=words,
            numbers={name: values[row + len(TEXTS)] for row, name in enumerate(NUMBERS)},
            step=np.concatenate([part.step for part in parts]),
            rests=tuple(part.rest for part in parts),
            given={(n, index): shown for n, part in enumerate(parts) for index, shown in part.given.items()},
            beyond=self._beyond,
        )

    def _store(self, writer: str, split: str) -> _Known | None:
        if split not in self._splits:
            if len(self._splits) >= SPLITS:
                return None
            self._splits.append(split)
        return self._stores.setdefault(writer, {}).setdefault(split, _Known())

    def _place_of_split(self, name: str) -> tuple[int, int]:
        usual = ("train", "validation", "test")
        return (usual.index(name) if name in usual else len(usual), self._splits.index(name))

    def _slots(self, store: _Known, index: Ints) -> Ints:
        """Where each example is kept; -1 where there is no room for it."""
        before = len(store.slots)
        room = LIMIT - self._kept + before
        slots = store.slots
        found: list[int] = []
        for one in index.tolist():
            slot = slots.get(one, -1)
            if slot < 0 and len(slots) < room:
                slot = slots[one] = len(slots)
            found.append(slot)
        self._kept += len(slots) - before
        store.grow(len(slots))
        at = np.array(found, np.int64)
        self._beyond += int((at < 0).sum())
        return at

    def _take_inputs(self, store: _Known, batch: pa.RecordBatch, rows: Ints, index: Ints, step: Ints) -> None:
        shapes, data, texts = (batch.column(name) for name in ("shape", "data", "text"))
        sizes = np.diff(data.offsets.to_numpy()) if len(data) else np.zeros(0, np.int64)
        lengths = texts.fill_null("").to_pylist()
        for row in rows.tolist():
            if not sizes[row] and not lengths[row]:
                continue
            at, moment = int(index[row]), int(step[row])
            before = store.given.get(at, (NEVER, Shown()))
            if moment < before[0]:
                continue
            shown = recorded(shapes[row], data[row], lengths[row][:LONGEST], WIDEST, np.float32)
            self._numbers += len(shown.data) - len(before[1].data)
            if self._numbers > INPUT_NUMBERS:
                self._numbers -= len(shown.data)
                shown = Shown(text=shown.text)
            store.given[at] = (moment, shown)

    def _numbered(self, column: pa.Array) -> Floats:
        """Numbers of texts, as floats so that NaN is the unknown, empty one."""
        encoded = column.dictionary_encode()
        ids = self._ids
        found = [math.nan]
        for text in encoded.dictionary.to_pylist():
            kept = text[:LONGEST]
            number = ids.get(kept, -1)
            if kept and number < 0:
                number = ids[kept] = len(self._texts)
                self._texts.append(kept)
            found.append(float(number) if kept else math.nan)
        return np.array(found)[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1]

    def _forget_texts(self) -> None:
        """Number the texts anew, those alone that a value refers to."""
        stores = [store for known in self._stores.values() for store in known.values()]
        rows = slice(0, len(TEXTS))
        used = [store.values[rows][~np.isnan(store.values[rows])] for store in stores]
        old = np.unique(np.concatenate(used)) if used else np.zeros(0)
        for store in stores:
            values = store.values[rows]
            store.values[rows] = np.where(np.isnan(values), math.nan, np.searchsorted(old, values).astype(np.float64))
        self._texts = [self._texts[int(number)] for number in old.tolist()]
        self._ids = {text: number for number, text in enumerate(self._texts)}


@dataclass(frozen=True, eq=False, slots=True)
class _Part:
    """One split over all writers, in the order of index."""

    index: Ints
    values: Floats
    step: Ints
    rest: tuple[int, float]
    given: dict[int, Shown]


def _merged(stores: list[tuple[_Known, int]]) -> _Part:
    """The newest value of each column over writers; of those that a restart replaced only what came before it."""
    indices = [np.fromiter(store.slots, np.int64, len(store.slots)) for store, _ in stores]
    slots = [np.flatnonzero(store.first[: len(own)] < cut) for (store, cut), own in zip(stores, indices, strict=True)]
    index = np.unique(np.concatenate([own[slot] for own, slot in zip(indices, slots, strict=True)]))
    values = np.full((len(COLUMNS), len(index)), math.nan)
    steps = np.full((len(COLUMNS), len(index)), NEVER, np.int64)
    given: dict[int, tuple[int, Shown]] = {}
    rests: dict[int, float] = {}
    for (store, cut), own, slot in zip(stores, indices, slots, strict=True):
        at = np.searchsorted(index, own[slot])
        known, when = store.values[:, slot], store.steps[:, slot]
        newer = (when != NEVER) & (when < cut) & (when >= steps[:, at])
        values[:, at] = np.where(newer, known, values[:, at])
        steps[:, at] = np.where(newer, when, steps[:, at])
        rests |= {step: loss for step, loss in store.rests.items() if step < cut}
        given |= {
            place: one for place, one in store.given.items() if one[0] < cut and one[0] >= given.get(place, one)[0]
        }
    measured = steps[[COLUMNS.index(name) for name in MEASURED]].max(axis=0, initial=NEVER)
    last = max(rests, default=NEVER)
    inputs = {place: shown for place, (_, shown) in given.items()}
    return _Part(index, values, measured, (last, rests.get(last, math.nan)), inputs)


def _floats(column: Any) -> Floats:
    return column.to_numpy(zero_copy_only=False).astype(np.float64)
