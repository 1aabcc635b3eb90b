"""A batch of classes as a whole: what is said for which label.

Owns the names of classes, the way from outputs to probabilities, and counting them by label. Invariant: an output that is not
finite says nothing and is counted nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nntui.session.examples import Moment, Shown

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST = 32
"""Classes up to which labels and what is said are counted against each other, and their probabilities kept."""


def probabilities(outputs: Floats, *, sigmoid: bool = False) -> Floats:
    """The outputs of one example as they are where they add up to one, else by softmax.

    A single one is the probability of yes, or with `sigmoid` what stands for it; two numbers come out, of no and of yes.
    """
    if len(outputs) == 1:
        yes = 1.0 / (1.0 + np.exp(-np.clip(outputs[0], -500.0, 500.0))) if sigmoid else outputs[0]
        return np.array([1.0 - yes, yes])
    if (outputs >= 0).all() and abs(float(outputs.sum()) - 1.0) < 1e-3:
        return outputs
    power = np.exp(outputs - outputs.max())
    return power / power.sum()


def confusion(labels: Mapping[int, int], said: Mapping[int, int], classes: int) -> Ints:
    """How many examples of each label are said to be what, of shape (labels, said); (0, 0) where none are, or classes too many.

    labels, said: numbers of classes by example.
    """
    pairs = [(label, said[example]) for example, label in labels.items() if example in said]
    pairs = [pair for pair in pairs if min(pair) >= 0 and max(pair) < classes]
    if not pairs or classes > MOST:
        return np.zeros((0, 0), np.int64)
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, tuple(np.array(pairs).T), 1)
    return counts


def called(moments: Sequence[Moment], targets: Mapping[int, Shown]) -> dict[int, str]:
    """Names of classes, as far as texts were recorded with the numbers they stand for; each moment is looked through once."""
    labels = [one for one in targets.values() if one.text and len(one.data) == 1 and math.isfinite(one.data[0])]
    found = {int(one.data[0]): one.text for one in labels}
    for moment in moments:
        if moment.called is None:
            moment.called = {}
            for one in moment.outputs.values():
                if one.text and len(one.data) and np.isfinite(one.data).all():
                    moment.called.setdefault(int(np.argmax(one.data)), one.text)
        found = moment.called | found
    return found
