"""What a person is asked: which examples, and what counts as an answer.

Owns choosing the examples, telling what kind of answer their targets take, and reading what was typed. Invariant: which examples
are asked is a function of the task, the split, their number and the seed; the same for everybody who is asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

import nntui
from trainer.batches import DataError, Examples
from trainer.showing import visible

SEEN = 256
"""Training targets that are looked at, to tell what answers there are."""
POOL = 1024
"""Examples that are read of data which can only be iterated, to choose from."""
CLASS_LIMIT = 10_000
"""Most classes without names."""
TRIES = 20
"""Examples looked at for each one asked: some may have a target that is no answer, such as -100."""


class NotAnswerable(Exception):  # noqa: N818 (reads as what was found)
    """No person can give such targets; one line for the user."""


@dataclass(frozen=True, slots=True)
class Classes:
    """One class of several, by its name, its number, or the beginning of its name."""

    names: tuple[str, ...]
    typed: tuple[str, ...] = field(init=False)
    """What is typed for each: its name with control characters as escapes; `space` for a blank."""

    def __post_init__(self) -> None:
        typed = tuple(
            visible(name) if name.strip(" ") else "space" if name == " " else f"({name})" for name in self.names
        )
        object.__setattr__(self, "typed", typed)

    def parse(self, line: str) -> float | str:
        """The class meant by a line without its end; else why none is, as words."""
        for text in (line, line.strip()):
            for names in (self.names, self.typed):
                if text in names:
                    return float(names.index(text))
        text = line.strip()
        if not text:
            return "nothing was typed"
        low = [name.casefold() for name in self.typed]
        same = [k for k, name in enumerate(low) if name == text.casefold()]
        if len(same) == 1:
            return float(same[0])
        if text.isdecimal() and len(text) < 10 and int(text) < len(self.names):
            return float(text)
        near = [k for k, name in enumerate(low) if name.startswith(text.casefold())]
        if len(near) == 1:
            return float(near[0])
        if near:
            return f"{text!r:.40} could be {', '.join(self.typed[k] for k in near[:5])}; type more of it"
        return (
            f"{text!r:.40} is no class; expected a name, the beginning of one, or a number up to {len(self.names) - 1}"
        )

    def words(self, answer: float) -> str:
        """The class as a person reads it."""
        return self.typed[int(answer)]

    def choices(self) -> list[str]:
        """Every class with its number, or alone where that is its name."""
        return [name if name == str(k) else f"{k} {name}" for k, name in enumerate(self.typed)]

    def takes(self, word: str) -> bool:
        """Whether a word is, or could begin, the name of a class."""
        return any(name.casefold().startswith(word) for name in (*self.names, *self.typed))


@dataclass(frozen=True, slots=True)
class Numbers:
    """A real number; between what the training targets have, as far as they were looked at."""

    low: float
    high: float
    middle: float
    """Their median."""

    def parse(self, line: str) -> float | str:
        """The number meant by a line; else why there is none, as words."""
        text = line.strip()
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        return number if math.isfinite(number) else f"{text!r:.40} is no number; expected one such as {self.middle:.4g}"

    def words(self, answer: float) -> str:
        """The number as a person reads it."""
        return f"{answer:.4g}"

    def choices(self) -> list[str]:
        """What range there is."""
        return [
            f"a number: in the training data {self.low:.4g} to {self.high:.4g}, half of them below {self.middle:.4g}"
        ]

    def takes(self, word: str) -> bool:
        """Whether a word could begin a number."""
        return False


@dataclass(frozen=True, eq=False, slots=True)
class Question:
    """One example, as a batch of one."""

    place: int
    """In the split's data, or among what was read of data that can only be iterated."""
    inputs: Any
    targets: Any
    truth: float
    """The right answer: a class as its number, or the target itself."""
    time: int = -1
    """Position in the sequence whose next token is asked for; the inputs end there. -1: the whole example."""


@dataclass(frozen=True, eq=False, slots=True)
class Exam:
    """Everything that is asked."""

    questions: tuple[Question, ...]
    answers: Classes | Numbers
    split: str
    """train | validation."""

    @property
    def sequential(self) -> bool:
        """Whether the next token is asked for."""
        return any(question.time >= 0 for question in self.questions)


def exam(task: nntui.Task, split: str, count: int, seed: int) -> Exam:
    """At most `count` examples of the split, drawn at random. Raises NotAnswerable and DataError."""
    source = task.train if split == "train" else task.validation
    if source is None:
        raise DataError("the task has no validation data; expected some for --split validation. Try --split train.")
    seen = _seen(task)
    generator = torch.Generator().manual_seed(seed)
    sequential = task.causal and bool(task.classes) and all(t.numel() > 1 for t in seen)
    answers = _classes(task, seen) if sequential else _answers(task, seen)
    chosen: list[Question] = []
    for tried, (place, inputs, targets) in enumerate(_drawn(task, Examples(source), generator)):
        if len(chosen) == count or tried == TRIES * count:
            break
        asked = _next(task, inputs, targets, generator) if sequential else (inputs, _number(targets), -1)
        if asked is not None and _is_answer(asked[1], answers, named=bool(task.classes)):
            chosen.append(Question(place, asked[0], targets, asked[1], asked[2]))
    if not chosen and isinstance(answers, Classes):
        raise NotAnswerable(
            f"no target of the {split} data is a class; expected 0 to {len(answers.names) - 1}. Look at `classes`."
        )
    if not chosen:
        raise NotAnswerable(f"no target of the {split} data is finite; expected real numbers. Look at the targets.")
    if isinstance(answers, Classes) and not task.classes:
        answers = _numbered(max(len(answers.names), *(int(question.truth) + 1 for question in chosen)))
    return Exam(tuple(chosen), answers, split)


# --- what is an answer ------------------------------------------------------------------------


def _answers(task: nntui.Task, seen: list[Tensor]) -> Classes | Numbers:
    """What targets of one number each take. Raises NotAnswerable."""
    if any(t.numel() != 1 for t in seen):
        shape = tuple(next(t for t in seen if t.numel() != 1).shape[1:])
        raise NotAnswerable(
            f"the targets have the shape {shape} for each example; expected one class or one number for each, or a causal "
            "sequence of classes with names (classes=, causal=True): more a person cannot type."
        )
    numbers = [float(t) for t in seen]
    whole = all(number.is_integer() for number in numbers)
    yes_or_no = all(number in (0.0, 1.0) for number in numbers)
    real = all(t.is_floating_point() for t in seen)
    if task.kind == "regression" or (task.kind == "auto" and not task.classes and real and not yes_or_no):
        return _range(numbers)
    if not whole:
        raise NotAnswerable(
            "the targets of a classification are no whole numbers; expected the number of one class each. "
            "Say kind='regression' where they are quantities."
        )
    return _classes(task, seen)


def _classes(task: nntui.Task, seen: list[Tensor]) -> Classes:
    if task.classes:
        return Classes(tuple(map(str, task.classes)))
    top = int(max((float(t.max()) for t in seen), default=0.0))
    if top >= CLASS_LIMIT:
        raise NotAnswerable(f"class {top:,} without a name; expected fewer than {CLASS_LIMIT:,}, or names (classes=).")
    return _numbered(max(2, top + 1))


def _numbered(count: int) -> Classes:
    return Classes(tuple(map(str, range(count))))


def _range(numbers: Sequence[float]) -> Numbers:
    finite = sorted(number for number in numbers if math.isfinite(number)) or [0.0]
    return Numbers(finite[0], finite[-1], finite[len(finite) // 2])


def _is_answer(truth: float, answers: Classes | Numbers, *, named: bool) -> bool:
    if isinstance(answers, Numbers):
        return math.isfinite(truth)
    return truth.is_integer() and 0 <= truth < (len(answers.names) if named else CLASS_LIMIT)


def _number(targets: Any) -> float:
    """The one number of a batch of one; NaN where there is none."""
    return float(targets) if isinstance(targets, Tensor) and targets.numel() == 1 else math.nan


def _next(task: nntui.Task, inputs: Any, targets: Any, generator: torch.Generator) -> tuple[Any, float, int] | None:
    """Inputs up to a position drawn evenly, as the score of a split weighs positions, and the class that follows."""
    axis = task.time_axis if task.time_axis is not None else 1
    if not isinstance(targets, Tensor) or targets.dim() != 2 or targets.is_floating_point():
        return None
    row = targets.flatten()
    good = torch.nonzero((row >= 0) & (row < len(task.classes or ()))).flatten()
    if not len(good):
        return None
    time = int(good[int(torch.randint(len(good), (1,), generator=generator))])

    def before(tensor: Tensor) -> Tensor:
        return tensor.narrow(axis, 0, time + 1) if tensor.dim() > axis and tensor.shape[axis] == len(row) else tensor

    return _mapped(inputs, before), float(row[time]), time


# --- where examples come from -----------------------------------------------------------------


def _seen(task: nntui.Task) -> list[Tensor]:
    """Targets of the first training examples, one by one. Raises NotAnswerable for what are no tensors."""
    found: list[Tensor] = []
    for batch, _ in Examples(task.train).batches():
        targets = task.split_batch(batch)[1]
        if not isinstance(targets, Tensor) or targets.dim() <= task.batch_axis:
            raise NotAnswerable(
                f"the targets are a {type(targets).__name__}; expected one tensor with a class or a number for each example."
            )
        found += targets.split(1, task.batch_axis)
        if len(found) >= SEEN:
            break
    return found


def _drawn(task: nntui.Task, examples: Examples, generator: torch.Generator) -> Iterator[tuple[int, Any, Any]]:
    """Place, inputs and targets of every example in random order, read as they are asked for."""
    places = examples.places()
    if places is None:
        pool: list[tuple[Any, Any]] = []
        for batch, _ in examples.batches():
            pool += _apart(task, *task.split_batch(batch))
            if len(pool) >= POOL:
                break
        for k in torch.randperm(len(pool), generator=generator).tolist():
            yield k, *pool[k]
        return
    for k in torch.randperm(len(places), generator=generator).tolist():
        inputs, targets = task.split_batch(examples.at(places[k : k + 1]))
        yield int(places[k]), inputs, targets


def _apart(task: nntui.Task, inputs: Any, targets: Any) -> Iterator[tuple[Any, Any]]:
    axis = task.batch_axis
    count = targets.shape[axis] if isinstance(targets, Tensor) and targets.dim() > axis else 0
    for k in range(count):

        def one(tensor: Tensor, k: int = k) -> Tensor:
            return tensor.narrow(axis, k, 1) if tensor.dim() > axis and tensor.shape[axis] == count else tensor

        yield _mapped(inputs, one), one(targets)


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same nesting with every tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _mapped(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_mapped(item, change) for item in value]
        return getattr(type(value), "_make", type(value))(items)  # pyright: ignore[reportCallIssue] (a named tuple's own way)
    return value
