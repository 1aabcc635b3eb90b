"""What a network said about a fixed batch, as columns.

Owns Answers and the few numbers that rules draw from it. Invariant: immutable like a Series, and bounded: whoever makes one
thins moments and places.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Kind = Literal["classes", "number", "numbers"]
"""classes: each place is a class; number: each example is one number; numbers: anything else, of which nothing is said."""


@dataclass(frozen=True, eq=False, slots=True)
class Answers:
    """m moments of n places; a place is an example, or a position within one where a sequence is labelled throughout."""

    kind: Kind = "numbers"
    step: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """Shape (m,), rising."""
    said: Floats = field(default_factory=lambda: np.empty((0, 0)))
    """Shape (m, n): number of the class, or the number itself; NaN where nothing, or nothing finite, was said."""
    target: Floats = field(default_factory=lambda: np.empty(0))
    """Shape (n,): the label in the same terms; NaN where there is none."""
    classes: int = 0
    """How many there are to choose from; 0 unknown."""
    apart: Floats = field(default_factory=lambda: np.empty(0))
    """Shape (m,): the largest difference between two examples in any output number, divided by the largest magnitude of an
    output; 0 where all examples are told exactly the same, NaN where that is unknown, as of whole numbers."""
    labels: bool = True
    """Whether the batch has labels, of whatever kind."""
    differ: bool = False
    """Whether any two labels differ."""
    digest: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """Shape (m,): equal where all outputs are equal to the last bit."""

    def __len__(self) -> int:
        return len(self.step)

    @property
    def labelled(self) -> Bools:
        """Which places have a label, (n,)."""
        return np.isfinite(self.target)

    @property
    def right(self) -> Bools:
        """Which places are right at each moment, (m, n); false where there is no label."""
        return self.said == self.target

    @property
    def commonest(self) -> float:
        """Share of the labelled places that have the commonest label; NaN without labels."""
        known = self.target[self.labelled]
        return float(np.unique(known, return_counts=True)[1].max()) / len(known) if len(known) else np.nan

    def knows(self, right: float, sigmas: float) -> bool:
        """Whether a share of right answers is beyond what always saying the commonest label gets, by standard errors of it."""
        chance, count = self.commonest, int(self.labelled.sum())
        return count > 0 and right > chance + sigmas * float(np.sqrt(chance * (1 - chance) / count))

    def variety(self) -> Ints:
        """How many different things are said at each moment, (m,)."""
        return np.array([len(np.unique(row[np.isfinite(row)])) for row in self.said], np.int64)


def trailing(holds: Bools) -> int:
    """How many of the last of a condition, (m,), hold without a break."""
    wrong = np.flatnonzero(~holds)
    return len(holds) - (int(wrong[-1]) + 1 if len(wrong) else 0)
