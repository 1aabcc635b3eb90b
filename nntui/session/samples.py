# pyright: standard
"""What entered the network, as its forward call saw it: a few examples at a few steps.

Owns folding what was recorded of it. Invariants: memory is bounded, and of many steps the first and the newest are kept; a row
that no recorder writes is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nntui.session.examples import Shown, recorded

if TYPE_CHECKING:  # the screens know these classes, and are painted before Arrow is there
    import pyarrow as pa

Ints = NDArray[np.int64]
Lines = tuple[tuple[str, int], ...]
"""Writers of the shown rank, oldest first, with the step from which a later one replaced each."""

EXAMPLES = 64
"""Examples that are kept of a step."""
STEPS = 16
"""Steps that are kept of one writer, at most; of more every other one is dropped."""
LARGEST = 1 << 18
"""Numbers of an input that are kept."""
NUMBERS = 1 << 22
"""Numbers that are kept in all: steps between the first and the newest make room; what still has none is known by its text."""


@dataclass(frozen=True, slots=True)
class SamplesView:
    """Which step."""

    step: int | None = None
    """The newest recorded at or before this step; None for the first of all."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One example that entered."""

    given: Shown = field(default_factory=Shown)
    target: Shown = field(default_factory=Shown)


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """What entered at one step."""

    steps: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """Of all that are kept."""
    at: int = 0
    """Which of them is shown."""
    samples: tuple[Sample, ...] = ()


NOTHING = Samples()
Moments = dict[int, dict[tuple[str, int], Sample]]
"""By step, then by name of the batch and number of the example."""


class Entered:
    """All that was recorded, over all writers."""

    def __init__(self) -> None:
        self._moments: dict[str, Moments] = {}
        self._numbers = 0
        self.rows = 0
        """Rows taken so far: what is derived from them is as old as this number."""

    def fold(self, writer: str, batch: pa.RecordBatch) -> None:
        """Take in rows of samples."""
        columns = [batch.column(name) for name in ("name", "step", "role", "example", "shape", "data", "text")]
        known = self._moments.setdefault(writer, {})
        for row in range(batch.num_rows):
            name, step, role, example = (column[row].as_py() for column in columns[:4])
            if role not in ("input", "target") or name is None or step is None or example is None:
                continue
            moment = known.setdefault(step, {})
            if (name, example) not in moment and len(moment) >= EXAMPLES:
                continue
            shown = recorded(columns[4][row], columns[5][row], columns[6][row].as_py(), LARGEST)
            before = moment.get((name, example), Sample())
            self._numbers += len(shown.data) - len((before.given if role == "input" else before.target).data)
            if step == max(known):
                self._make_room()
            if self._numbers > NUMBERS:
                self._numbers -= len(shown.data)
                shown = Shown(text=shown.text)
            moment[name, example] = replace(before, given=shown) if role == "input" else replace(before, target=shown)
            self.rows += 1
        while len(known) > STEPS:
            self._thin(known)

    def _make_room(self) -> None:
        """Drop steps between the first and the newest, of every writer alike, until all that is left may be kept."""
        while self._numbers > NUMBERS:
            rich = [one for one in self._moments.values() if any(_size(one[step]) for step in sorted(one)[1:-1])]
            if not rich:
                return
            for known in rich:
                self._thin(known)

    def _thin(self, known: Moments) -> None:
        for dropped in sorted(known)[1:-1:2]:
            self._numbers -= _size(known.pop(dropped))

    def shown(self, view: SamplesView, lines: Lines) -> Samples:
        """One step as the view asks for it."""
        found: Moments = {}
        for writer, cut in lines:
            found |= {step: one for step, one in self._moments.get(writer, {}).items() if step < cut}
        if not found:
            return NOTHING
        steps = np.array(sorted(found), np.int64)
        at = 0 if view.step is None else max(0, int(np.searchsorted(steps, view.step, side="right")) - 1)
        moment = found[int(steps[at])]
        return Samples(steps, at, tuple(moment[place] for place in sorted(moment)))


def _size(moment: Mapping[tuple[str, int], Sample]) -> int:
    """Numbers that are kept of one step."""
    return sum(len(one.given.data) + len(one.target.data) for one in moment.values())
