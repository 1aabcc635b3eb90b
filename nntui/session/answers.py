# pyright: standard
"""The fixed batch as rules see it: from recorded outputs to columns.

Owns what an output says. Each moment is read once, however often the rules are asked. Invariant: bounded like the history it is
made of, and a function of it alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nntui.analysis.answers import Answers, Kind
from nntui.session.examples import Moment, Shown
from nntui.session.predictions import kind_of

Floats = NDArray[np.float64]

PLACES = 1024
"""Most places of a batch; of longer sequences the first ones of each example."""


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """One moment. Arrays are by example: rows in the order of `examples`."""

    kept: int
    """Numbers of each output that were asked for."""
    examples: tuple[int, ...]
    chosen: Floats
    """Place of the largest number, (k,); NaN where any is not finite."""
    values: Floats
    """The first numbers, (k, kept)."""
    apart: float
    digest: int


def answers(targets: Mapping[int, Shown], moments: Sequence[Moment]) -> Answers:
    """The batch whose rows these are."""
    if not moments:
        return Answers()
    sizes = {len(one.data) for one in moments[-1].outputs.values()}
    width = sizes.pop() if len(sizes) == 1 else 0
    numbers = sorted({example for moment in moments for example in moment.outputs} | targets.keys())
    labels = {example: one.data for example, one in targets.items() if len(one.data)}
    kind, length, classes = _kind(moments, targets, labels, width)
    kept = min(length, max(1, PLACES // len(numbers))) if length else 0
    reads = [_read(moment, width, kept) for moment in moments]
    place = {example: k for k, example in enumerate(numbers)}
    said = np.full((len(moments), len(numbers), max(1, kept)), np.nan)
    for row, one in zip(said, reads, strict=True):
        rows = [place[example] for example in one.examples]
        row[rows] = one.values if kept else one.chosen[:, None]
    if kind == "classes" and kept == 1 and width == 1:
        halfway = 0.0 if ((said < 0) | (said > 1)).any() else 0.5
        said = np.where(np.isfinite(said), (said > halfway).astype(float), np.nan)
    target = np.full((len(numbers), max(1, kept)), np.nan)
    for example, data in labels.items():
        if len(data) == max(1, length):
            target[place[example]] = data[: max(1, kept)]
    if kind == "classes":
        target[target < 0] = np.nan  # such as the -100 that a loss leaves out
    if kind == "numbers":
        said, target = said[:, :, :0], target[:, :0]
    return Answers(
        kind,
        np.array([moment.step for moment in moments], np.int64),
        said.reshape(len(moments), -1),
        target.reshape(-1),
        classes,
        np.array([np.nan if length > 1 else one.apart for one in reads]),
        len(labels) > 0,
        len({data.tobytes() for data in labels.values()}) > 1,
        np.array([one.digest for one in reads], np.int64),
    )


def _kind(
    moments: Sequence[Moment], targets: Mapping[int, Shown], labels: Mapping[int, Floats], width: int
) -> tuple[Kind, int, int]:
    """What is said, how many numbers of an output say it (0: the largest does), and how many classes there are."""
    shown = kind_of(moments, targets)
    if shown == "classes":
        return "classes", 0, width
    if width == 1:
        known = {float(data[0]) for data in labels.values() if len(data) == 1}
        return ("classes", 1, 2) if known == {0.0, 1.0} else ("number", 1, 0)
    if width > 1 and labels and all(len(data) == width for data in labels.values()) and _whole(moments[-1], labels):
        return "classes", width, 0
    return "numbers", 0, 0


def _whole(moment: Moment, labels: Mapping[int, Floats]) -> bool:
    """Whether outputs and labels alike are numbers of classes, such as the words of a text."""
    outputs = [one.data for one in moment.outputs.values()]
    return all(bool((data == np.floor(data)).all()) for data in (*outputs, *labels.values()))


def _read(moment: Moment, width: int, kept: int) -> _Read:
    """The moment, read anew only where it has other outputs or other numbers of them are asked for."""
    known = moment.read
    if isinstance(known, _Read) and known.kept == kept:
        return known
    whole = {example: one.data for example, one in moment.outputs.items() if width and len(one.data) == width}
    examples = tuple(sorted(whole))
    data = np.stack([whole[example] for example in examples]) if examples else np.empty((0, max(1, width)))
    finite = np.isfinite(data).all(axis=1)
    chosen = np.where(finite, data.argmax(axis=1), np.nan) if len(data) else np.empty(0)
    moment.read = _Read(kept, examples, chosen, data[:, :kept].copy(), _apart(data), zlib.crc32(data.tobytes()))
    return moment.read


def _apart(data: Floats) -> float:
    """data: (examples, numbers). Whole numbers may be what somebody made of outputs, and tell nothing; zeros do."""
    if len(data) < 2 or not np.isfinite(data).all():
        return np.nan
    largest = float(np.abs(data).max())
    if not largest:
        return 0.0
    return np.nan if (data == np.floor(data)).all() else float(np.ptp(data, axis=0).max()) / largest
