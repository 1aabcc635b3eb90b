# pyright: standard
"""What the network says about a fixed batch, folded from its recorded rows.

Owns memory: inputs and labels once, outputs at a bounded number of steps, thinned evenly as a run grows. Refuses to judge.
Invariant: a row that no recorder writes is left out and breaks nothing; the same rows in any chunks give the same history.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # the screens know these classes, and are painted before Arrow is there
    import pyarrow as pa

Floats = NDArray[np.float64]

EXAMPLES = 512
"""Examples that are kept of a batch."""
OUTPUTS = 1 << 16
"""Outputs that are kept of a history, at most: the more examples there are, the fewer steps."""
STEPS = 256
"""Steps that are kept of a history, at most; at least half as many once there are more."""
WIDEST = 256
"""Numbers of an output that are kept per step; of a wider one only its text is."""
LARGEST = 1 << 18
"""Numbers of an input or label that are kept."""
NAMES = 32
"""Batches that are told apart by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One input, label or output as it was recorded."""

    shape: tuple[int, ...] = ()
    data: Floats = field(default_factory=lambda: np.empty(0))
    """Flattened; empty where only a text was recorded, or where there was too much of it."""
    text: str = ""


ABSENT = Shown()
"""In place of an output or a label that was not recorded."""


@dataclass(slots=True)
class Moment:
    """What was said at one step, by example."""

    step: int
    outputs: dict[int, Shown] = field(default_factory=dict)
    read: Any = None
    """What was derived from these outputs; None once there are other ones."""
    called: dict[int, str] | None = None
    """Names that they give to classes; None until they are looked through, and once there are other ones."""


class Track:
    """What one writer recorded of one batch."""

    def __init__(self) -> None:
        self.inputs: dict[int, Shown] = {}
        self.targets: dict[int, Shown] = {}
        self._moments: list[Moment] = []
        self._count = 0
        self._stride = 1
        self._newest: Moment | None = None

    def add(self, role: str, step: int, example: int, shown: Shown) -> None:
        """Take one row."""
        if role == "output":
            moment = self._moment(step)
            moment.outputs[example], moment.read, moment.called = shown, None, None
        elif role in ("input", "target"):
            (self.inputs if role == "input" else self.targets).setdefault(example, shown)

    def moments(self) -> list[Moment]:
        """What is kept, oldest first, the newest always among it."""
        found = list(self._moments)
        if self._newest is not None and (not found or found[-1] is not self._newest):
            found.append(self._newest)
        return found

    def _moment(self, step: int) -> Moment:
        if self._newest is not None and self._newest.step == step:
            return self._newest
        self._newest = Moment(step)
        if self._count % self._stride == 0:
            self._moments.append(self._newest)
            if len(self._moments) > min(STEPS, max(16, OUTPUTS // max(1, len(self._moments[0].outputs)))):
                del self._moments[1::2]
                self._stride *= 2
        self._count += 1
        return self._newest


class Examples:
    """All batches of all writers."""

    def __init__(self) -> None:
        self._tracks: dict[str, dict[str, Track]] = {}
        self.rows = 0
        """Rows taken so far: what is derived from them is as old as this number."""

    @property
    def names(self) -> list[str]:
        """Names of the batches, in the order they appeared."""
        return list(self._tracks)

    def fold(self, writer: str, batch: pa.RecordBatch) -> None:
        """Take in rows of predictions."""
        columns = [batch.column(name) for name in ("name", "step", "role", "example", "shape", "data", "text")]
        for row in range(batch.num_rows):
            name, step, role, example = (column[row].as_py() for column in columns[:4])
            if example is None or not 0 <= example < EXAMPLES or step is None or role is None or name is None:
                continue
            if name not in self._tracks and len(self._tracks) >= NAMES:
                continue
            limit = WIDEST if role == "output" else LARGEST
            shown = recorded(columns[4][row], columns[5][row], columns[6][row].as_py(), limit)
            track = self._tracks.setdefault(name, {}).setdefault(writer, Track())
            track.add(role, int(step), int(example), shown)
            self.rows += 1

    def history(
        self, name: str, writers: Iterable[tuple[str, int]]
    ) -> tuple[dict[int, Shown], dict[int, Shown], list[Moment]]:
        """Inputs, labels and moments of a batch, over writers (name, first superseded step), oldest first."""
        by_writer = self._tracks.get(name, {})
        inputs: dict[int, Shown] = {}
        targets: dict[int, Shown] = {}
        moments: dict[int, Moment] = {}
        for writer, cut in writers:
            track = by_writer.get(writer)
            if track is None:
                continue
            inputs |= track.inputs
            targets |= track.targets
            moments |= {moment.step: moment for moment in track.moments() if moment.step < cut}
        return inputs, targets, [moments[step] for step in sorted(moments)]


def recorded(shape: Any, data: Any, text: Any, limit: int, kind: Any = np.float64) -> Shown:
    """A row's values, where they are what its shape says and at most `limit`. kind: of the numbers that are kept."""
    sizes = tuple(int(n or 0) for n in (shape.as_py() or ()))
    values: Any = data.values if data.is_valid else ()
    if not 0 < len(values) <= limit or min(sizes, default=1) < 1 or math.prod(sizes) != len(values):
        return Shown(text=text or "")
    return Shown(sizes, values.to_numpy(zero_copy_only=False).astype(kind), text or "")
