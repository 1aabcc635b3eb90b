"""Runs in rows: which columns there is room for, and how wide each is.

Owns the arithmetic of a table of runs, printed or drawn. Invariant: every row of a table has the same columns, and none is
wider than the room; the state and the name are the last to go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len

from nntui.analysis import roles
from nntui.session.glance import Glance
from nntui.session.outcome import Outcome
from nntui.session.runs import Runs
from nntui.session.settings import flattened, short
from nntui.tui import run_words as words
from nntui.tui.safe import safe
from nntui.tui.units import age, fit

STATE_WIDTH = 7
LEAST_NAME, LONG_NAME = 12, 24
"""Cells that a name keeps before one of the FIRST columns is given up, and before any other is taken in."""
FIRST = ("best", "step", "loss")
NAME = "run"
NUMBER_WIDTH = 9
SETTING_WIDTH = 14
TITLE_WIDTH = 16
CURVE_WIDTH = 12
MOST_SETTINGS = 12
ORDER = ("step", "done", "best", "loss", "lr", "ran", "age", "curve")
"""From left to right; settings come last."""
_RANK = {key: rank for rank, key in enumerate(("best", "step", "loss", "curve", "ran", "age", "lr", "done"))}
"""The smallest are given up last."""

Row = tuple[Glance, Outcome, float]
"""A run, what it came to, and the monotonic seconds now."""
Curve = Callable[[tuple[float, ...], int], str]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table of runs."""

    key: str
    """What it is called in filters and orders."""
    title: str
    width: int
    write: Callable[[Row], str]
    right: bool = True


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table of runs."""

    root: Path
    name: int
    """Cells of the name."""
    shown: tuple[Column, ...]

    @property
    def titles(self) -> str:
        """The line above the rows, from the name on."""
        return "  ".join([fit(NAME, self.name), *(fit(one.title, one.width, right=one.right) for one in self.shown)])

    def label(self, one: Glance) -> str:
        """The name in its column."""
        return fit(words.label(one, self.root), self.name)

    def cells(self, one: Glance, outcome: Outcome, now: float) -> list[str]:
        """What stands in the other columns. now: monotonic seconds."""
        return [fit(column.write((one, outcome, now)), column.width, right=column.right) for column in self.shown]


def columns(runs: Runs, room: int | None, *, curve: Curve | None = None, sort: str = "") -> Columns:
    """The columns for these runs in `room` cells from the name on; None: as wide as they are.

    curve: what makes a row of bars of a curve; None for no curves. sort: the column that is not given up.
    """
    longest = max((cell_len(words.label(one, runs.listing.root)) for one in runs.rows), default=0)
    longest = max(longest, cell_len(NAME))
    made = [*_figures(runs, curve), *_settings(runs)]
    if room is None:
        return Columns(runs.listing.root, longest, tuple(made))
    kept: set[str] = set()
    left = room
    for column in sorted(made, key=lambda one: (one.key != sort, _RANK.get(one.key, len(_RANK)))):
        least = min(longest, LEAST_NAME if column.key in (*FIRST, sort) else LONG_NAME)
        if left - column.width - 2 >= least:
            kept.add(column.key)
            left -= column.width + 2
    shown = tuple(column for column in made if column.key in kept)
    return Columns(runs.listing.root, max(0, min(longest, left)), shown)


def _figures(runs: Runs, curve: Curve | None) -> list[Column]:
    """The columns of which any run has something to say."""
    rows = [(one, runs.outcome(one)) for one in runs.rows]
    judged = {outcome.judged_by for _, outcome in rows} - {""}
    metric = next(iter(judged)) if len(judged) == 1 else ""
    kind = "max" if roles.is_score(metric) else "min"
    best = safe(f"{kind} {metric}", TITLE_WIDTH - 1) if metric else "best"
    steps = max((len(words.steps(one)) for one, _ in rows), default=0)
    made = {
        "step": Column("step", "step", max(4, steps), lambda row: words.steps(row[0])),
        "done": Column("done", "%", 4, lambda row: words.percent(row[0])),
        "best": Column("best", best, max(NUMBER_WIDTH, len(best) + 1), lambda row: words.best(row[1])),
        "loss": Column("loss", "loss", NUMBER_WIDTH, lambda row: words.loss(row[0])),
        "lr": Column("lr", "lr", 8, lambda row: words.lr(row[0])),
        "ran": Column("ran", "ran", 6, lambda row: words.ran(row[0])),
        "age": Column("age", "data", 6, lambda row: age(row[2] - row[0].newest)),
        "curve": Column(
            "curve", "curve", CURVE_WIDTH, lambda row: curve(row[1].curve, CURVE_WIDTH) if curve else "", right=False
        ),
    }
    if not metric and judged:
        made["best"] = Column("best", "best", NUMBER_WIDTH + TITLE_WIDTH, lambda row: words.best(row[1], named=True))
    told = {
        "done": any(words.percent(one) for one, _ in rows),
        "best": bool(judged),
        "loss": any(one.has_loss for one, _ in rows),
        "lr": any(words.lr(one) for one, _ in rows),
        "curve": curve is not None,
    }
    return [made[key] for key in ORDER if told.get(key, True)]


def _settings(runs: Runs) -> list[Column]:
    """The settings that are not the same in all rows."""
    names = [name for name, _ in runs.differing]
    made: list[Column] = []
    for name, length in runs.differing[:MOST_SETTINGS]:
        last = name.rpartition(".")[2]
        alone = sum(other.rpartition(".")[2] == last for other in names) == 1
        title = f"cfg.{last}" if last in ORDER else last if alone and last else name
        title = safe(title, TITLE_WIDTH - 1)
        width = max(cell_len(title) + 1, min(length, SETTING_WIDTH))
        made.append(Column(f"cfg.{name}", title, width, _setting(name)))
    return made


def _setting(name: str) -> Callable[[Row], str]:
    def write(row: Row) -> str:
        known = flattened(row[0].config)
        return safe(short(known[name]), SETTING_WIDTH * 2) if name in known else ""

    return write
