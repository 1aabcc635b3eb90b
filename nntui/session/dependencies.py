# pyright: standard
"""Which input reaches which output: the recorded matrices, the newest of each.

Owns folding them and making them small enough for a screen. Invariant: pooling is by maximum and a leak is a place of its own, so
that no leak is ever hidden.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # the screens know these classes, and are painted before Arrow is there
    import pyarrow as pa

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LARGEST = 4096
"""Rows or columns of a matrix that are kept as they are; larger ones are pooled when they are read."""
EARLIER = 64
"""The same of matrices that are not the newest."""
MOMENTS = 32
"""Matrices before the newest that are kept of one, at most."""
MATRICES = 64
"""Matrices that are told apart by name and axis."""


@dataclass(frozen=True, slots=True)
class DependenciesView:
    """Which matrix, in how many cells."""

    which: int = 0
    """Number of the matrix; taken modulo how many there are."""
    rows: int = 16
    columns: int = 32
    step: int | None = None
    """The newest recording at or before this step; None for the newest of all."""
    along: int = 1
    """How many are shown side by side, in their order."""


@dataclass(frozen=True, eq=False, slots=True)
class Dependencies:
    """One matrix, ready to be drawn."""

    name: str = ""
    axis: str = ""
    step: int = -1
    which: int = 0
    count: int = 0
    """Matrices there are to choose from."""
    recorded: int = 0
    """How often this one was recorded."""
    size: tuple[int, int] = (0, 0)
    """Rows (outputs) and columns (inputs) as recorded."""
    cells: Floats = field(default_factory=lambda: np.empty((0, 0)))
    """Maxima over equal stretches of rows and columns, of shape (rows, columns); as recorded where they fit."""
    row_labels: tuple[str, ...] = ()
    """As recorded, one per row of the recorded matrix, or none."""
    column_labels: tuple[str, ...] = ()
    crossing: int = 0
    """Numbers that cross, between examples or from a later time, as recorded; of a model that may, that is no leak."""
    apart: int = 0
    """Numbers that are zero where nothing crosses."""
    reach: float = 0.0
    """The largest size of those; NaN where all are."""
    leak: tuple[int, int] = (-1, -1)
    """Row and column, as recorded, of the first value that must be zero and is not; -1 where there is none."""
    leak_value: float = math.nan
    leak_cell: tuple[int, int] = (-1, -1)
    """Where that is in `cells`."""
    steps: tuple[int, ...] = ()
    """Steps of the recordings that are kept, oldest first."""
    history: Floats = field(default_factory=lambda: np.empty(0))
    """`reach` of each of them."""
    at: int = 0
    """Which of them is shown."""
    rows: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """First recorded row of every row of `cells`, then how many there are."""
    columns: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """The same of columns."""
    page: tuple[Dependencies, ...] = ()
    """All that are shown side by side, this one among them."""


NOTHING = Dependencies()


class Matrices:
    """The matrices of each name and axis: the newest in full, earlier ones small, thinned evenly as a run grows."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], Dependencies] = {}
        self._earlier: dict[tuple[str, str], list[Dependencies]] = {}
        self.rows = 0
        """Rows taken so far: what is derived from them is as old as this number."""

    def fold(self, batch: pa.RecordBatch) -> None:
        """Take in rows of dependencies; one whose numbers do not make a matrix is left out."""
        for row in batch.to_pylist():
            rows, columns = row["rows"] or 0, row["cols"] or 0
            data = np.array(row["data"] or [], np.float64)
            key = (row["name"] or "", row["axis"] or "")
            if rows < 1 or columns < 1 or rows * columns != len(data) or (key not in self._newest and self._full):
                continue
            before = self._newest.get(key, NOTHING)
            if before.recorded:
                self._keep(key, before)
            leak = (row["leak_row"], row["leak_col"])
            inside = all(
                place is not None and 0 <= place < size for place, size in zip(leak, (rows, columns), strict=True)
            )
            labels = _labels(row["row_labels"], rows)
            apart = np.abs(_apart(data.reshape(rows, columns), key[1], labels))
            self._newest[key] = Dependencies(
                name=key[0],
                axis=key[1],
                step=-1 if row["step"] is None else row["step"],
                recorded=before.recorded + 1,
                size=(rows, columns),
                cells=pooled(data.reshape(rows, columns), LARGEST, LARGEST),
                crossing=int((apart != 0).sum()),
                apart=len(apart),
                reach=float(np.fmax.reduce(apart, initial=math.nan if len(apart) else 0.0)),
                row_labels=labels,
                column_labels=_labels(row["col_labels"], columns),
                leak=leak if inside else (-1, -1),
                leak_value=float(row["leak_value"]) if inside and row["leak_value"] is not None else math.nan,
            )
            self.rows += 1

    def _keep(self, key: tuple[str, str], before: Dependencies) -> None:
        earlier = self._earlier.setdefault(key, [])
        earlier.append(replace(before, cells=pooled(before.cells, EARLIER, EARLIER)))
        if len(earlier) > MOMENTS:
            del earlier[1::2]

    @property
    def _full(self) -> bool:
        return len(self._newest) >= MATRICES

    def shown(self, view: DependenciesView) -> Dependencies:
        """One matrix in at most as many cells as the view has, and those that are shown along with it."""
        count = len(self._newest)
        if not count:
            return NOTHING
        which, along = view.which % count, max(1, view.along)
        first = which - which % along
        page = [self._shown(number, view) for number in range(first, min(first + along, count))]
        return replace(page[which - first], page=tuple(page))

    def _shown(self, which: int, view: DependenciesView) -> Dependencies:
        key, newest = list(self._newest.items())[which]
        moments = [*self._earlier.get(key, []), newest]
        before = [at for at, one in enumerate(moments) if view.step is None or one.step <= view.step]
        at = before[-1] if before else 0
        found = moments[at]
        cells = pooled(found.cells, max(1, view.rows), max(1, view.columns))
        places = [
            np.arange(size) * kept // size * have // kept  # pooled in two steps
            for size, kept, have in zip(found.size, found.cells.shape, cells.shape, strict=True)
        ]
        rows, columns = (
            np.searchsorted(where, np.arange(have + 1)) for where, have in zip(places, cells.shape, strict=True)
        )
        leak = (int(places[0][found.leak[0]]), int(places[1][found.leak[1]])) if found.leak[0] >= 0 else (-1, -1)
        return replace(
            found,
            which=which,
            recorded=newest.recorded,
            steps=tuple(one.step for one in moments),
            history=np.array([one.reach for one in moments]),
            at=at,
            count=len(self._newest),
            cells=cells,
            leak_cell=leak,
            rows=rows,
            columns=columns,
        )


def pooled(matrix: Floats, rows: int, columns: int) -> Floats:
    """The matrix in at most rows × columns cells: each the maximum of those that fall into it; NaN only where all are NaN.

    Row r of R falls into cell r * rows // R.
    """
    for axis, limit in ((0, rows), (1, columns)):
        size = matrix.shape[axis]
        if size > limit:
            starts = -(-np.arange(limit) * size // limit)
            matrix = np.fmax.reduceat(matrix, starts, axis=axis)
    return matrix


def _apart(matrix: Floats, axis: str, labels: tuple[str, ...]) -> Floats:
    """The numbers off the diagonal, or, of time, right of it."""
    places = np.arange(len(matrix))
    if labels and all(label.isdecimal() and len(label) < 10 for label in labels):
        places = np.array([int(label) for label in labels])
    beyond = np.arange(matrix.shape[1])[None, :] - places[:, None]
    return matrix[beyond > 0 if axis == "time" else beyond != 0]


def _labels(labels: list[str] | None, size: int) -> tuple[str, ...]:
    return tuple(label or "" for label in labels) if labels and len(labels) == size else ()
