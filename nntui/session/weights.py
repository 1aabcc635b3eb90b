# pyright: standard
"""First-layer weights as pictures: which were recorded, at which moments, and how far they are from noise.

Owns folding recorded tensors, and when a tensor is a row of pictures. Invariants: memory is bounded, however many tensors and
moments were recorded; the first and the newest moment of each are always kept; a row that no recorder writes is left out.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nntui.analysis.first_layer import FirstLayer, compared, judge
from nntui.analysis.series import RunFacts
from nntui.finding import Finding

if TYPE_CHECKING:  # the screens know these classes, and are painted before Arrow is there
    import pyarrow as pa

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shape = tuple[int, ...]
Lines = tuple[tuple[str, int], ...]
"""Writers of the shown rank, oldest first, with the step from which a later one replaced each."""

NAMES = 64
"""Tensors that are told apart by name."""
MOMENTS = 48
"""Moments that are kept of one, at most; of more every other one is dropped."""
LARGEST = 1 << 18
"""Numbers of a tensor that are kept."""
LEAST = 3
"""Rows and columns from which a filter is a picture."""
COLOURS = (1, 3)


@dataclass(frozen=True, slots=True)
class WeightsView:
    """Which tensor, at which moment."""

    which: int = 0
    """Number of the tensor; taken modulo how many there are."""
    step: int | None = None
    """The newest moment at or before this step; None for the newest of all."""


@dataclass(frozen=True, eq=False, slots=True)
class Weights:
    """One tensor at one moment, as pictures."""

    name: str = ""
    which: int = 0
    count: int = 0
    """Tensors there are to choose from."""
    steps: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """Step of every moment."""
    at: int = 0
    """Which moment is shown."""
    shape: Shape = ()
    """As recorded."""
    filters: int = 0
    """Filters that are pictures; 0 where the tensor is drawn as one matrix."""
    pictures: tuple[Floats, ...] = ()
    """Of shape (rows, columns) or (rows, columns, 3), each from its least (0) to its greatest number (1); what is not finite
    is 0. One per filter, or per channel of a filter whose channels are no colours."""
    channels: int = 1
    """Pictures of one filter."""
    broken: int = 0
    """Numbers that are not finite."""
    finding: Finding = field(default_factory=lambda: Finding("", "skip", ""))
    """How far from noise it is at this moment; without an id where that is not asked of it."""
    moved: float = math.nan
    """Median length of what was added to a filter since the first moment, in lengths of the filter then; NaN unknown."""


NOTHING = Weights()


@dataclass(frozen=True, slots=True)
class Context:
    """What else is known of a run, by which its weights are read."""

    pictures: tuple[Shape, ...] = ()
    """Shapes of inputs that were recorded: a matrix over as many numbers is filters over flat pictures."""
    watched: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Data of the newest event of `nntui.watch`."""

    def of(self, name: str) -> tuple[Shape, ...] | None:
        """Shapes of pictures over which this parameter may be filters; None where it slides along one axis alone."""
        kinds = dict(zip(self._list("layers"), self._list("kinds"), strict=False))
        return None if str(kinds.get(name.rpartition(".")[0], "")).endswith("1d") else self.pictures

    def is_frozen(self, name: str) -> bool:
        """Whether the layer of a parameter is declared to stay as it is."""
        return RunFacts(watched=self.watched).declares("frozen", name.rpartition(".")[0])

    def _list(self, name: str) -> list[Any]:
        found = self.watched.get(name)
        return [str(one) for one in found] if isinstance(found, list) else []


@dataclass(slots=True)
class _Track:
    """One tensor over time, of one writer."""

    moments: dict[int, Floats] = field(default_factory=dict)

    def add(self, step: int, data: Floats) -> None:
        self.moments[step] = data
        if len(self.moments) > MOMENTS:
            steps = sorted(self.moments)
            for dropped in steps[1:-1:2]:
                del self.moments[dropped]


class Tensors:
    """All recorded tensors of all writers."""

    def __init__(self) -> None:
        self._tracks: dict[str, dict[str, _Track]] = {}
        self._against_noise: dict[object, FirstLayer | None] = {}
        self.rows = 0
        """Rows taken so far: what is derived from them is as old as this number."""

    def fold(self, writer: str, batch: pa.RecordBatch) -> None:
        """Take in rows of tensors; one whose numbers are not as many as its shape says is left out."""
        for row in range(batch.num_rows):
            name, step, _, shape = (batch.column(at)[row].as_py() for at in range(4))
            values: Any = batch.column(4)[row]
            sizes = tuple(int(n or 0) for n in shape or ())
            if name is None or step is None or not values.is_valid or (name not in self._tracks and self._full):
                continue
            if not 0 < len(values) <= LARGEST or min(sizes, default=1) < 1 or math.prod(sizes) != len(values):
                continue
            data = values.values.to_numpy(zero_copy_only=False).astype(np.float32).reshape(sizes)
            self._tracks.setdefault(name, {}).setdefault(writer, _Track()).add(int(step), data)
            self.rows += 1

    @property
    def _full(self) -> bool:
        return len(self._tracks) >= NAMES

    @property
    def names(self) -> list[str]:
        """Names of the tensors, in the order they appeared."""
        return list(self._tracks)

    def shown(self, view: WeightsView, lines: Lines, context: Context) -> Weights:
        """One tensor as the view asks for it."""
        if not self._tracks:
            return NOTHING
        which = view.which % len(self._tracks)
        name = self.names[which]
        moments = self._moments(name, lines)
        if not moments:
            return Weights(name, which, len(self._tracks))
        steps = sorted(moments)
        at = len(steps) - 1 if view.step is None else max(0, int(np.searchsorted(steps, view.step, side="right")) - 1)
        recorded = moments[steps[at]]
        filters = as_filters(recorded, context.of(name))
        against = self._compared(name, lines, steps[at], context)
        pictures, channels = _pictures(recorded if filters is None else filters, matrix=filters is None)
        return Weights(
            name,
            which,
            len(self._tracks),
            np.array(steps, np.int64),
            at,
            recorded.shape,
            0 if filters is None else len(filters),
            pictures,
            channels,
            int(recorded.size - np.isfinite(recorded).sum()),
            Finding("", "skip", "") if against is None else judge(against, name),
            math.nan if against is None else against.moved,
        )

    def finding(self, lines: Lines, context: Context) -> Finding | None:
        """How far from noise the newest of the first tensor is that holds filters; None where none does."""
        for name in self.names:
            moments = self._moments(name, lines)
            found = self._compared(name, lines, max(moments), context) if moments else None
            if found is not None:
                return judge(found, name)
        return None

    def _moments(self, name: str, lines: Lines) -> dict[int, Floats]:
        found: dict[int, Floats] = {}
        for writer, cut in lines:
            track = self._tracks.get(name, {}).get(writer)
            found |= {step: data for step, data in track.moments.items() if step < cut} if track else {}
        return found

    def _compared(self, name: str, lines: Lines, step: int, context: Context) -> FirstLayer | None:
        """A moment against noise and against the first one; None where the tensor is no filters, or meant to be as it is."""
        shapes = context.of(name)
        key = (name, lines, step, self.rows, shapes, context.is_frozen(name))
        if key not in self._against_noise:
            if len(self._against_noise) >= MOMENTS:
                self._against_noise.clear()
            moments = self._moments(name, lines)
            since = min(moments)
            filters, first = (as_filters(moments[at], shapes) for at in (step, since))
            found = None
            if filters is not None and not context.is_frozen(name):
                found = compared(filters, step, filters if first is None else first, since)
            self._against_noise[key] = found
        return self._against_noise[key]


def as_filters(recorded: Floats, pictures: Collection[Shape] | None) -> Floats | None:
    """The tensor as filters, (filters, channels, rows, columns), float64; None where it is none, or where there are no pictures.

    Four axes are (filters, channels, rows, columns), or (filters, rows, columns, colours) where that alone makes pictures;
    three are (filters, rows, columns); a matrix is filters over flat pictures where inputs of as many numbers were recorded.
    """
    found = recorded.astype(np.float64)
    if pictures is None:
        return None
    if found.ndim == 2:
        fitting = [shape for shape in pictures if len(shape) in (2, 3) and math.prod(shape) == found.shape[1]]
        if not fitting:
            return None
        found = found.reshape(len(found), *fitting[0])
    if found.ndim == 3:
        found = found[:, None]
    if found.ndim != 4:
        return None
    if found.shape[3] in COLOURS and found.shape[1] >= LEAST and found.shape[1] not in COLOURS:
        found = np.moveaxis(found, 3, 1)
    return found if min(found.shape[2:]) >= LEAST else None


def _pictures(recorded: Floats, *, matrix: bool) -> tuple[tuple[Floats, ...], int]:
    """Pictures and how many make up a filter."""
    if matrix:
        flat = recorded.reshape(len(recorded), -1) if recorded.ndim else recorded.reshape(1, 1)
        return (_scaled(flat.astype(np.float64)),), 1
    channels = recorded.shape[1]
    if channels == 3:
        return tuple(_scaled(np.moveaxis(one, 0, 2)) for one in recorded), 1
    return tuple(picture for one in recorded for picture in _scaled(one)), channels


def _scaled(values: Floats) -> Floats:
    """From the least finite number (0) to the greatest (1); all alike, or not finite: 0."""
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros_like(values)
    low, high = float(values[finite].min()), float(values[finite].max())
    room = high / 2 - low / 2  # halved: the range may be the whole of float64
    return np.where(finite, (values / 2 - low / 2) / room, 0.0) if room > 0 else np.zeros_like(values)
