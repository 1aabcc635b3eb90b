"""Runs in rows: which columns there is room for, and how wide each is.

Owns the arithmetic of a table of runs, printed or drawn. Invariant: every row of a table has the same columns, and none is
wider than the room; the state and the name are the last to go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len

from nntui.session.glance import Glance
from nntui.tui import run_words as words
from nntui.tui.units import age, fit

STATE_WIDTH = 7
LEAST_NAME = 12
"""Cells that a name keeps before a column of numbers is given up."""
_TITLES = {"step": "step", "done": "%", "loss": "loss", "lr": "lr", "data": "data"}
_DROPPED = ("lr", "data", "done", "loss", "step")
"""In this order where there is no room."""
_FIGURES: dict[str, Callable[[Glance], str]] = {
    "step": words.steps,
    "done": words.percent,
    "loss": words.loss,
    "lr": words.lr,
}
_AGE_WIDTH = 6


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table of runs."""

    root: Path
    name: int
    """Cells of the name."""
    figures: tuple[tuple[str, int], ...]
    """Name and cells of each column of numbers."""

    @property
    def titles(self) -> str:
        """The line above the rows, from the name on."""
        return "  ".join(
            [fit("run", self.name), *(fit(_TITLES[key], width, right=True) for key, width in self.figures)]
        )

    def label(self, one: Glance) -> str:
        """The name in its column."""
        return fit(words.label(one, self.root), self.name)

    def numbers(self, one: Glance, now: float) -> str:
        """The columns of numbers. now: monotonic seconds."""
        return "  ".join(
            fit(_FIGURES[key](one) if key in _FIGURES else age(now - one.newest), width, right=True)
            for key, width in self.figures
        )


def columns(runs: Sequence[Glance], root: Path, room: int | None) -> Columns:
    """The columns for these runs in `room` cells from the name on; None: as wide as they are."""
    longest = max((cell_len(words.label(one, root)) for one in runs), default=3)
    sizes = {key: max([len(_TITLES[key]), *(len(write(one)) for one in runs)]) for key, write in _FIGURES.items()}
    sizes = {key: size for key, size in sizes.items() if key in ("step", "loss") or size > len(_TITLES[key])}
    sizes["data"] = _AGE_WIDTH
    if room is None:
        return Columns(root, longest, tuple(sizes.items()))
    for key in _DROPPED:
        if sum(size + 2 for size in sizes.values()) + min(longest, LEAST_NAME) <= room:
            break
        sizes.pop(key, None)
    left = room - sum(size + 2 for size in sizes.values())
    return Columns(root, max(0, min(max(longest, 3), left)), tuple(sizes.items()))
