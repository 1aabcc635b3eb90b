"""Predictions on a fixed batch as a screen shows them: label, prediction, history.

Owns what is derived from recorded outputs: which class is said and how surely, whether it is right, how often it changed.
Invariant: a number is called a probability only where it is one; what is not known is NaN or empty.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nntui.session.classes import MOST, called, confusion, probabilities
from nntui.session.examples import ABSENT, Moment, Shown

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Kind = Literal["classes", "yes or no", "number", "text", "numbers"]
"""classes: one number per class; yes or no: one number, labels 0 and 1; number: one number; text: what was recorded as such;
numbers: anything else."""
Order = Literal["example", "worst", "jitter", "flip"]
TOP = 5
NUMBERS = 3
"""Numbers of an output of several that are written out."""
WORD = 24
"""Characters up to which a text is right or wrong as a whole; of a longer one only the share of right characters is told."""


@dataclass(frozen=True, slots=True)
class PredictionsView:
    """Which batch, at which moment, in which order."""

    name: int = 0
    """Number of the batch, in the order they appeared; taken modulo how many there are."""
    step: int | None = None
    """The newest moment at or before this step, which stays where it is as training goes on; None for the newest of all."""
    order: Order = "example"


@dataclass(frozen=True, eq=False, slots=True)
class Prediction:
    """One example of the batch."""

    example: int
    label: str
    """Empty where none was recorded."""
    said: str
    """What the network says at the shown moment; empty where nothing is recorded then."""
    said_then: Sequence[str]
    """The same at every moment."""
    right: Literal["yes", "no", ""]
    score: float
    """Of classes the probability of the label (of what is said where there is none); of numbers the value."""
    history: Floats
    """Score at every moment, of shape (moments,); NaN where nothing was recorded."""
    good: Floats
    """The same from 0 to 1, larger is better: of numbers 1 for the label and 1/2 for what is one spread of the labels off it."""
    sure: Floats
    """Probability of what was said at every moment; NaN where there are none."""
    right_then: NDArray[np.bool_]
    """Whether what was said was right, at every moment."""
    target: float
    """The label as a number; NaN where it is none."""
    loss: float
    """How wrong it is at the shown moment, for the order: -log of the label's probability, or the distance to the label."""
    jitter: float
    """Of what is said: share of moments at which it changed (of longer texts: share of characters); of numbers the mean change,
    in units of the labels' spread."""
    last_change: int
    """Step of the newest change of what is said (of a number: when it last came to the other side of its label); -1 for none."""
    chances: Floats
    """Of classes: probability of each at every moment, of shape (moments, classes), NaN where nothing was recorded; (0, 0) where
    the batch names none."""
    top: tuple[tuple[str, float], ...]
    """The most probable classes at the shown moment with their probabilities."""
    given: Shown
    """The input as it was recorded."""


@dataclass(frozen=True, eq=False, slots=True)
class Predictions:
    """The fixed batch at one moment."""

    name: str = ""
    names: tuple[str, ...] = ()
    """All batches that were recorded."""
    kind: Kind = "numbers"
    steps: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """Step of every moment."""
    at: int = 0
    """Which moment is shown."""
    order: Order = "example"
    right: int = 0
    """Examples that are right at the shown moment, of those that have a label."""
    labelled: int = 0
    examples: tuple[Prediction, ...] = ()
    classes: tuple[str, ...] = ()
    """Names of the classes, in the order of their numbers; empty where there are none, or more than `classes.MOST`."""
    confusion: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    """Examples by label and by what is said at the shown moment, of shape (classes, classes); (0, 0) where none can."""


NOTHING = Predictions()


def predictions(
    view: PredictionsView,
    names: Sequence[str],
    inputs: Mapping[int, Shown],
    targets: Mapping[int, Shown],
    moments: Sequence[Moment],
    reading: Reading | None = None,
) -> Predictions:
    """The batch `names[view.name]`, whose rows are given, as the view asks for it. reading: of the same rows, if there is one."""
    if not names or not moments:
        return NOTHING
    steps = np.array([moment.step for moment in moments], np.int64)
    at = len(steps) - 1
    if view.step is not None:
        at = max(0, int(np.searchsorted(steps, view.step, side="right")) - 1)
    reading = reading or Reading(moments, targets)
    numbers = sorted({example for moment in moments for example in moment.outputs} | targets.keys() | inputs.keys())
    rows = [reading.prediction(n, at, inputs.get(n, Shown())) for n in numbers]
    rows.sort(key=lambda one: _place(one, view.order))
    return Predictions(
        name=names[view.name % len(names)],
        names=tuple(names),
        kind=reading.kind,
        steps=steps,
        at=at,
        order=view.order,
        right=sum(one.right == "yes" for one in rows),
        labelled=sum(one.right != "" for one in rows),
        examples=tuple(rows),
        classes=reading.classes,
        confusion=reading.confusion(at),
    )


def _place(one: Prediction, order: Order) -> tuple[bool, float, int]:
    """Where an example stands in an order; what is not known comes last."""
    value = {"example": 0.0, "worst": -one.loss, "jitter": -one.jitter}.get(order, -float(one.last_change))
    return math.isnan(value), value, one.example


def kind_of(moments: Sequence[Moment], targets: Mapping[int, Shown]) -> Kind:
    """What the outputs are, by the shapes of the newest ones and by the labels."""
    outputs = [one for one in moments[-1].outputs.values() if len(one.data)]
    if not outputs:
        return "text"
    labels = [float(one.data[0]) for one in targets.values() if len(one.data) == 1]
    whole = bool(labels) and all(math.isfinite(label) and label == int(label) >= 0 for label in labels)
    sizes = {len(one.data) for one in outputs}
    size = sizes.pop() if len(sizes) == 1 else 0
    if size == 1:
        named = any(one.text for one in targets.values())
        return "yes or no" if whole and named and set(labels) <= {0.0, 1.0} else "number"
    if size > 1 and len(outputs[0].shape) == 1 and (not targets or (whole and max(labels) < size)):
        return "classes"
    return "text" if any(one.text for one in outputs) else "numbers"


class Reading:
    """How the outputs of one batch are read."""

    def __init__(self, moments: Sequence[Moment], targets: Mapping[int, Shown], before: Reading | None = None) -> None:
        """before: of the same batch when less was known of it: what was read of an output is not read again."""
        self.kind: Kind = kind_of(moments, targets)
        self._moments, self._targets = moments, targets
        self._called = called(moments, targets) if self.kind == "classes" else {}
        sizes = {max(2, len(one.data)) for one in moments[-1].outputs.values() if len(one.data)}
        few = self.kind in ("classes", "yes or no") and len(sizes) == 1 and max(sizes) <= MOST
        self.classes = tuple(self._called.get(k, str(k)) for k in range(max(sizes))) if few else ()
        """Names of the classes, as many as the newest outputs tell apart."""
        labels = [one.data for one in targets.values() if len(one.data) and np.isfinite(one.data).all()]
        same = len(labels) > 1 and len({len(one) for one in labels}) == 1
        spread = float(np.sqrt(np.stack(labels).var(axis=0).mean())) if same else 0.0
        self.spread = spread if 0 < spread < math.inf else 1.0
        """Standard deviation of the labels; of several numbers each, the root of their mean variance; 1 where there is none."""
        single = [one.data[0] for moment in moments for one in moment.outputs.values() if len(one.data) == 1]
        self._sigmoid = any(not 0.0 <= value <= 1.0 for value in single)
        self._known: dict[int, _History] = {}
        self._rules = (self.kind, self._sigmoid, self._called)
        """What an output is read by, beside its label."""
        self._before = dict(before._known) if before is not None and before._rules == self._rules else {}

    def prediction(self, example: int, at: int, given: Shown) -> Prediction:
        """One example with its history, as of moment `at`."""
        target = self._targets.get(example, ABSENT)
        label = float(target.data[0]) if len(target.data) == 1 else math.nan
        if example not in self._known:
            self._known[example] = self._history(example, target, label)
        seen = self._known[example]
        outputs, said, scores, right = seen.outputs, seen.said, seen.scores, seen.right
        so_far = list(zip(self._moments, said, strict=True))[: at + 1]
        known = [(moment.step, words) for moment, words in so_far if words]
        sides = known
        if self.kind == "number" and math.isfinite(label):
            both = zip(self._moments, scores.tolist(), strict=True)
            sides = [(m.step, str(score > label)) for m, score in list(both)[: at + 1] if math.isfinite(score)]
        changes = [step for (_, before), (step, after) in itertools.pairwise(sides) if before != after]
        word = self.kind == "text" and 0 < len(target.text) <= WORD
        judged = said[at] and (word or (self.kind in ("classes", "yes or no") and math.isfinite(label)))
        return Prediction(
            example=example,
            label=self._label(target, label),
            said=said[at],
            said_then=said,
            right="" if not judged else "yes" if right[at] else "no",
            score=float(scores[at]),
            history=scores,
            good=seen.good,
            sure=seen.sure,
            right_then=right,
            target=label,
            loss=self._loss(float(scores[at]), label),
            jitter=self._jitter(outputs[: at + 1], scores[: at + 1], [words for _, words in known]),
            last_change=changes[-1] if changes else -1,
            chances=seen.chances,
            top=self._top(outputs[at]),
            given=given,
        )

    def confusion(self, at: int) -> Ints:
        """Examples by label and by what is said at moment `at`."""
        labels = {n: float(one.data[0]) for n, one in self._targets.items() if len(one.data) == 1}
        outputs = {n: one.data for n, one in self._moments[at].outputs.items() if len(one.data)}
        return confusion(
            {n: int(label) for n, label in labels.items() if math.isfinite(label)},
            {n: int(np.argmax(self._sure(one))) for n, one in outputs.items() if np.isfinite(one).all()},
            len(self.classes),
        )

    def _history(self, example: int, target: Shown, label: float) -> _History:
        """What is the same whatever moment is shown."""
        outputs = [moment.outputs.get(example, ABSENT) for moment in self._moments]
        before = self._before.pop(example, None)
        known = before.read if before is not None and before.target is target else {}
        read = {one: known.get(one) or self._read(one, label, target) for one in outputs}
        said, right = [read[one].said for one in outputs], np.array([read[one].right for one in outputs])
        scores = np.array([read[one].score for one in outputs], np.float64)
        sure, chances = np.array([read[one].most for one in outputs], np.float64), np.empty((0, 0))
        good = scores
        if self.kind in ("classes", "yes or no"):
            finite = [at for at, one in enumerate(outputs) if len(read[one].sure)]
            rows = [read[outputs[at]].sure for at in finite]
            if {len(one) for one in rows} == {len(self.classes)}:
                chances = np.full((len(outputs), len(rows[0])), math.nan)
                chances[finite] = rows
        elif self.kind in ("number", "numbers"):
            distance = np.abs(scores - label) if self.kind == "number" else scores
            with np.errstate(over="ignore"):
                good = 1.0 / (1.0 + distance / self.spread)
        return _History(outputs, said, scores, good, sure, right, chances, target, read)

    def _read(self, one: Shown, label: float, target: Shown) -> _Read:
        """What one output says."""
        said, score = self._said(one), self._score(one, label, target)
        of_classes = self.kind in ("classes", "yes or no") and len(one.data) and np.isfinite(one.data).all()
        sure = self._sure(one.data) if of_classes else np.empty(0)
        most = float(sure.max()) if len(sure) else math.nan
        return _Read(said, score, self._is_right(one, said, label, target.text), sure, most)

    def _said(self, one: Shown) -> str:
        if one.text or not len(one.data):
            return one.text
        if not np.isfinite(one.data).all():
            return "nan"
        if self.kind == "classes":
            best = int(np.argmax(one.data))
            return self._called.get(best, str(best))
        if self.kind == "yes or no":
            return str(int(self._sure(one.data)[1] > 0.5))
        return _in_words(one.data)

    def _label(self, target: Shown, label: float) -> str:
        if target.text:
            return target.text
        if not math.isfinite(label):
            return _in_words(target.data) if len(target.data) > 1 else ""
        return self._called.get(int(label), str(int(label))) if self.kind == "classes" else f"{label:.4g}"

    def _score(self, one: Shown, label: float, target: Shown) -> float:
        text = target.text
        if len(one.data) and not np.isfinite(one.data).all():
            return math.nan
        if self.kind in ("classes", "yes or no") and len(one.data):
            sure = self._sure(one.data)
            known = math.isfinite(label) and 0 <= label < len(sure)
            return float(sure[int(label) if known else int(np.argmax(sure))])
        if self.kind == "number" and len(one.data):
            return float(one.data[0])
        if self.kind == "numbers" and len(one.data) and len(one.data) == len(target.data):
            if _are_whole(one.data) and _are_whole(target.data):  # the share of places that are right
                return float((one.data != target.data).mean())
            return _distance(one.data, target.data)
        if text and one.text:  # the share of characters that are right
            return sum(a == b for a, b in zip(one.text, text, strict=False)) / max(len(one.text), len(text))
        return math.nan

    def _is_right(self, one: Shown, said: str, label: float, text: str) -> bool:
        if self.kind in ("classes", "yes or no") and math.isfinite(label) and len(one.data):
            return bool(np.isfinite(one.data).all()) and int(np.argmax(self._sure(one.data))) == int(label)
        return bool(text) and said == text

    def _sure(self, data: Floats) -> Floats:
        return probabilities(data, sigmoid=self._sigmoid)

    def _top(self, one: Shown) -> tuple[tuple[str, float], ...]:
        if self.kind != "classes" or not len(one.data) or not np.isfinite(one.data).all():
            return ()
        sure = self._sure(one.data)
        return tuple((self._called.get(int(k), str(int(k))), float(sure[k])) for k in np.argsort(-sure)[:TOP])

    def _loss(self, score: float, label: float) -> float:
        if self.kind == "number":
            return abs(score - label)
        if self.kind == "numbers":
            return score
        return -math.log(max(score, 1e-300)) if math.isfinite(score) else math.nan

    def _jitter(self, outputs: list[Shown], scores: Floats, said: list[str]) -> float:
        if self.kind == "number":
            finite = scores[np.isfinite(scores)]
            return float(np.abs(np.diff(finite)).mean() / self.spread) if len(finite) > 1 else math.nan
        if self.kind == "numbers":
            finite = [one.data for one in outputs if len(one.data) and np.isfinite(one.data).all()]
            moves = [_distance(a, b) for a, b in itertools.pairwise(finite) if len(a) == len(b)]
            return float(np.mean(moves)) / self.spread if moves else math.nan
        if len(said) < 2:
            return math.nan
        return 1.0 - sum(_alike(one, other) for one, other in itertools.pairwise(said)) / (len(said) - 1)


@dataclass(frozen=True, eq=False, slots=True)
class _History:
    """One example at every moment."""

    outputs: list[Shown]
    said: list[str]
    scores: Floats
    good: Floats
    sure: Floats
    right: NDArray[np.bool_]
    chances: Floats
    target: Shown
    read: dict[Shown, _Read]


class _Read(NamedTuple):
    """One output with its label."""

    said: str
    score: float
    right: bool
    sure: Floats
    """Probabilities of the classes; empty where there are none, or where it is not finite."""
    most: float
    """The largest of them, or NaN."""


def _in_words(data: Floats) -> str:
    """The first numbers."""
    return ", ".join(f"{value:.4g}" for value in data[:NUMBERS]) + (", …" if len(data) > NUMBERS else "")


def _distance(one: Floats, other: Floats) -> float:
    """Root of the mean squared difference."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(((one - other) ** 2).mean()))


def _are_whole(data: Floats) -> bool:
    return bool((data == np.floor(data)).all())


def _alike(one: str, other: str) -> float:
    """1 for the same words; of longer texts the share of characters that are the same."""
    if one == other or max(len(one), len(other)) <= WORD:
        return float(one == other)
    return sum(a == b for a, b in zip(one, other, strict=False)) / max(len(one), len(other))
