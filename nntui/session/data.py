"""Single examples as a screen shows them: which, in which order, and how one of their numbers is spread.

Owns what is derived from the table of examples: right or wrong, filter, order, histogram. Invariant: nothing is judged by a value
that a later measurement has put out of date; what is not known comes last in every order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from nntui.session.examples import Shown
from nntui.session.filters import Condition, as_number, parsed
from nntui.session.histogram import Histogram, of_classes, of_numbers
from nntui.session.table import NEVER, Table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Order = Literal["loss", "confident", "outlier", "suspect", "place"]
Column = Literal["", "label", "loss", "confidence", "outlier", "suspect"]
OF_ORDER: dict[Order, Column] = {
    "loss": "loss",
    "confident": "confidence",
    "outlier": "outlier",
    "suspect": "suspect",
    "place": "label",
}
"""What the histogram shows for an order, unless it is asked for something else."""
WORD = 24
"""Characters up to which a prediction is right or wrong as a whole."""
SUSPECT = 0.5
"""Where the word `suspect` alone begins."""
NUMERIC = 1000
"""Different texts by which it is told whether labels are numbers that one is near to, not classes that one hits."""


@dataclass(frozen=True, slots=True)
class DataView:
    """Which examples, in which order, and the spread of what."""

    order: Order | Literal[""] = ""
    """Empty: the first one whose column anything is known of."""
    pattern: str = ""
    column: Column = ""
    """Of the histogram; empty for the one that goes with the order."""
    bars: int = 40


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One example."""

    split: str
    index: int
    label: str = ""
    prediction: str = ""
    right: Literal["yes", "no", ""] = ""
    loss: float = math.nan
    confidence: float = math.nan
    outlier: float = math.nan
    suspect: float = math.nan
    duplicate_of: int = -1
    duplicate_split: str = ""
    """The split that the other one is in."""
    step: int = NEVER
    """When prediction, loss or confidence were measured last; NEVER where they were not."""
    old: bool = False
    """Whether the whole split was measured after that."""
    at_most: float = math.nan
    """Where it is old: what its loss was at most by then."""
    since: int = NEVER
    """Where it is old: the step of that later measurement."""
    given: Shown = field(default_factory=Shown)


@dataclass(frozen=True, eq=False)
class Rows(Sequence[Example]):
    """Examples in an order; each is made when it is asked for."""

    listed: Listed
    at: Ints
    """Row of the table, for every place."""

    def __len__(self) -> int:
        return len(self.at)

    @overload
    def __getitem__(self, place: int) -> Example: ...
    @overload
    def __getitem__(self, place: slice) -> list[Example]: ...
    def __getitem__(self, place: int | slice) -> Example | list[Example]:
        """The example at a place."""
        if isinstance(place, slice):
            return [self.listed.example(int(row)) for row in self.at[place]]
        return self.listed.example(int(self.at[place]))

    def __iter__(self) -> Iterator[Example]:
        return (self.listed.example(int(row)) for row in self.at)

    def place(self, split: str, index: int) -> int:
        """Where an example is; -1 where it is not among them."""
        found = np.flatnonzero(self.at == self.listed.row(split, index))
        return int(found[0]) if len(found) else -1


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Examples at one moment."""

    rows: Sequence[Example] = ()
    total: int = 0
    """Examples that are known, whether they are chosen or not."""
    wrong: int = 0
    """Chosen ones whose prediction is wrong, of those that are judged."""
    judged: int = 0
    old: int = 0
    """Chosen ones that a later measurement has put out of date."""
    longest: Mapping[str, int] = field(default_factory=dict[str, int])
    """Characters of the longest value in each column that has one; of columns of numbers with fractions 0."""
    splits: int = 0
    """Splits that the chosen ones are of."""
    order: Order = "loss"
    pattern: str = ""
    problem: str = ""
    """What of the pattern could not be understood, in words."""
    column: Column = "loss"
    """What the histogram shows."""
    histogram: Histogram = field(default_factory=Histogram)
    beyond: int = 0
    """Recorded rows of examples for which there was no room."""
    entered: str = ""
    """What entered the network at the first step, in words; empty where that was not recorded."""


NOTHING = Data()


class Listed:
    """A table with what is derived from it whatever the view."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.old = table.old
        words, numbers = table.words, table.numbers
        self.label, self.prediction = words["label"], words["prediction"]
        fresh = ~self.old
        self.loss = np.where(fresh, numbers["loss"], math.nan)
        self.confidence = np.where(fresh, numbers["confidence"], math.nan)
        short = np.array([len(text) <= WORD for text in table.texts] or [True], bool)
        both = fresh & (self.label >= 0) & (self.prediction >= 0) & short[self.label]
        self.judged: Bools = both & ~self._numeric[table.split]
        self.wrong: Bools = self.judged & (self.label != self.prediction)

    @cached_property
    def _numeric(self) -> Bools:
        """Of each split: whether labels and predictions are numbers that need not be whole."""
        found = np.zeros(max(1, len(self.table.splits)), bool)
        for split in range(len(self.table.splits)):
            here = self.table.split == split
            ids = np.unique(np.concatenate([self.label[here], self.prediction[here]]))
            first: list[int] = ids[ids >= 0][:NUMERIC].tolist()
            values = [as_number(self.table.texts[number]) for number in first]
            found[split] = any(math.isfinite(value) and value != int(value) for value in values)
        return found

    @cached_property
    def usual(self) -> Order:
        """The first order whose column anything is known of."""
        for order, column in OF_ORDER.items():
            if order != "place" and not np.isnan(self.column(column)).all():
                return order
        return "place"

    @cached_property
    def as_numbers(self) -> Floats:
        """Every text as a number; NaN where it is none."""
        return np.array([as_number(text) for text in self.table.texts] or [math.nan])

    @cached_property
    def lower(self) -> list[str]:
        """Every text in lower case."""
        return [text.lower() for text in self.table.texts]

    def column(self, name: Column) -> Floats:
        """A column of numbers, NaN where it is not known or out of date; labels as the numbers they are."""
        if name == "label":
            return np.where(self.label >= 0, self.as_numbers[self.label], math.nan)
        current = {"loss": self.loss, "confidence": self.confidence}
        return current[name] if name in current else self.table.numbers[name]

    def row(self, split: str, index: int) -> int:
        """Row of an example in the table; -1 where there is none."""
        table = self.table
        if split not in table.splits:
            return -1
        first, end = np.searchsorted(table.split, [table.splits.index(split), table.splits.index(split) + 1]).tolist()
        row = first + int(np.searchsorted(table.index[first:end], index))
        return row if row < end and table.index[row] == index else -1

    def example(self, row: int) -> Example:
        """One row of the table."""
        table, split = self.table, int(self.table.split[row])
        words = {name: int(numbers[row]) for name, numbers in table.words.items()}
        numbers = {name: float(values[row]) for name, values in table.numbers.items()}
        texts = {name: table.texts[number] if number >= 0 else "" for name, number in words.items()}
        repeated, old = numbers.pop("duplicate_of"), bool(self.old[row])
        since, at_most = table.rests[split] if old else (NEVER, math.nan)
        given = table.given.get((split, int(table.index[row])), Shown())
        return Example(
            split=table.splits[split],
            index=int(table.index[row]),
            label=texts["label"],
            prediction=texts["prediction"],
            right="" if not self.judged[row] else "no" if self.wrong[row] else "yes",
            **numbers,
            duplicate_of=-1 if math.isnan(repeated) else int(repeated),
            duplicate_split="" if math.isnan(repeated) else texts["duplicate_split"] or table.splits[split],
            step=int(table.step[row]),
            old=old,
            at_most=at_most,
            since=since,
            given=Shown(given.shape, given.data.astype(np.float64), given.text),
        )

    def chosen(self, condition: Condition) -> Bools:
        """Which rows a condition of a filter lets through."""
        hit = self._hit(condition)
        return ~hit if condition.negated else hit

    def _hit(self, condition: Condition) -> Bools:
        table, sign = self.table, condition.sign
        if not sign:
            return self._by_word(condition.field) if condition.field else self._by_letters(condition)
        if condition.field == "split":
            return np.array([condition.fits(name) for name in table.splits], bool)[table.split]
        if condition.field in ("label", "prediction"):
            ids = table.words[condition.field]
            values = np.where(ids >= 0, self.as_numbers[ids], math.nan)
            if sign not in ("=", "!="):
                return _compared(values, condition)
            same = np.array([any(one.fits(text) for one in condition.values) for text in self.lower] or [False], bool)
            hit = ((ids >= 0) & same[ids]) | np.isin(values, [one.number for one in condition.values])
            return hit if sign == "=" else ~hit
        columns = {"index": table.index, "loss": self.loss, "confidence": self.confidence, "step": table.step}
        columns |= {"duplicate": table.numbers["duplicate_of"]}
        found = columns.get(condition.field)
        return _compared(table.numbers[condition.field] if found is None else found, condition)

    def longest(self, at: Ints) -> dict[str, int]:
        """Characters of the longest value in each column that has one in these rows; of numbers with fractions 0."""
        table = self.table
        splits: list[int] = np.unique(table.split[at]).tolist()
        found = {"split": max((len(table.splits[n]) for n in splits), default=0)}
        found["index"] = len(str(int(table.index[at].max(initial=0))))
        sizes = np.array([len(text) for text in table.texts] or [0])
        for name in ("label", "prediction"):
            ids = table.words[name][at]
            if (ids >= 0).any():
                found[name] = int(sizes[ids[ids >= 0]].max())
        repeated = table.numbers["duplicate_of"][at]
        if not np.isnan(repeated).all():
            found["duplicate"] = len(str(int(np.nanmax(repeated))))
        numbers = ("loss", "confidence", "outlier", "suspect")
        return found | {name: 0 for name in numbers if not np.isnan(table.numbers[name][at]).all()}

    def histogram(self, at: Ints, column: Column, bars: int) -> Histogram:
        """How these rows are spread over at most so many bars; labels that are classes have one each."""
        if column == "label" and not self._numeric.any():
            return of_classes(self.label[at], self.table.texts, self.as_numbers, bars)
        return of_numbers(self.column(column)[at], bars)

    def _by_word(self, word: str) -> Bools:
        numbers = self.table.numbers
        return {
            "wrong": self.wrong,
            "right": self.judged & ~self.wrong,
            "old": self.old,
            "duplicate": ~np.isnan(numbers["duplicate_of"]),
            "suspect": numbers["suspect"] >= SUSPECT,
        }[word]

    def _by_letters(self, condition: Condition) -> Bools:
        table = self.table
        holds = np.array([condition.fits(text) for text in self.lower] or [False], bool)
        found = np.array([condition.fits(name) for name in table.splits], bool)[table.split]
        for ids in (self.label, self.prediction):
            found |= (ids >= 0) & holds[ids]
        for (split, index), shown in table.given.items():
            if condition.fits(shown.text):
                found[self.row(table.splits[split], index)] = True
        return found


def choose(view: DataView, listed: Listed, entered: str = "") -> Data:
    """The examples that the view asks for."""
    table = listed.table
    if not len(table):
        return Data(entered=entered, order=view.order or "loss", pattern=view.pattern)
    asked = parsed(view.pattern)
    kept = np.ones(len(table), bool)
    for condition in asked.conditions:
        kept &= listed.chosen(condition)
    at = np.flatnonzero(kept)
    order = view.order or listed.usual
    column = view.column or OF_ORDER[order]
    return Data(
        rows=Rows(listed, at[_ordered(listed, at, order)]),
        total=len(table),
        wrong=int(listed.wrong[at].sum()),
        judged=int(listed.judged[at].sum()),
        old=int(listed.old[at].sum()),
        longest=listed.longest(at),
        splits=len(np.unique(table.split[at])),
        order=order,
        pattern=view.pattern,
        problem=asked.problem,
        column=column,
        histogram=listed.histogram(at, column, max(1, view.bars)),
        beyond=table.beyond,
        entered=entered,
    )


def _ordered(listed: Listed, at: Ints, order: Order) -> Ints:
    """Places of these rows in an order; ties by split and index, out of date after current, unknown last."""
    if order == "place":
        return np.arange(len(at))
    column = listed.column(OF_ORDER[order])[at]
    groups = [np.where(np.isnan(column), math.inf, -column), np.isnan(column), listed.old[at] & np.isnan(column)]
    if order == "confident":
        groups.append(~listed.wrong[at])
    if order == "loss":
        groups[0] = np.where(listed.old[at], -np.nan_to_num(listed.table.numbers["loss"][at], nan=-math.inf), groups[0])
        groups[2] = np.where(np.isnan(column), np.where(listed.old[at], 1, 2), 0)
    return np.lexsort(groups)


def _compared(values: Floats | Ints, condition: Condition) -> Bools:
    """Which values are as a condition wants them; of one that is not known nothing holds."""
    known = values > NEVER if values.dtype.kind == "i" else ~np.isnan(values)
    if condition.sign in ("=", "!="):
        return known & (np.isin(values, [one.number for one in condition.values]) == (condition.sign == "="))
    order = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[condition.sign]
    return known & order(values, condition.number)
