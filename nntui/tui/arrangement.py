"""What the live screen shows at which size.

Owns which plots there are and where. Pure. Invariant: nothing overlaps, all is inside, and the main plot is the last to go.

80×24 and up to 99 columns: one plot over the numbers; from 100 a rail with checks and alerts; from 160, and wherever it is high
enough, a grid of further plots. Below 60 columns or 14 rows: numbers only, or the main plot only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nntui.analysis import roles
from nntui.session.snapshot import MetricSummary, PlotView
from nntui.tui.options import Options
from nntui.tui.panels.metrics import LEAST_METRIC_CELL
from nntui.tui.widgets.plot import raster_columns

NARROW, RAIL, WIDE_RAIL, GRID = 60, 100, 120, 160
LEAST_ROWS = 14
FRAME = 3
"""First line, notice and last line."""
STRIPS = 2
"""Recipe, and the check or event below it, which a rail tells too."""
STRIPS_FROM = 10
NUMBERS = 3
"""Rows of the list of numbers in 24 rows."""
GRID_WIDTH = 56
"""Least cells of a plot of the grid."""
GRID_ROWS, MOST_GRID_ROWS = 9, 13
MAIN_ROWS = 16
"""Rows that the main plot keeps."""
BESIDE_ROWS = 7
"""Least rows of a plot beside the main one, where there is no room below."""


@dataclass(frozen=True, slots=True)
class Place:
    """A plot at its place in the panel of plots, in cells."""

    view: PlotView
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Arrangement:
    """All of the screen."""

    plots: tuple[Place, ...] = ()
    """The main one first; it fills the panel where there is no other."""
    numbers: int = 0
    """Rows of the list; 0 for none."""
    rail: int = 0
    """Columns of the rail; 0 for none."""
    strips: int = STRIPS
    """Lines below all of this."""
    pins: bool = False
    """Whether there is a line that names the runs drawn together."""
    width: int = 0
    """Columns of plots and numbers."""


def arrangement(
    options: Options, metrics: Sequence[MetricSummary], size: tuple[int, int], kind: str, *, pins: bool = False
) -> Arrangement:
    """The screen at this size. metrics: all that are known. kind: of glyphs. pins: whether other runs are drawn along."""
    width, height = size
    small = is_small(width, height)
    rail = 0 if small or options.full or width < RAIL else 40 if width < WIDE_RAIL else 44
    strips = 0 if height < STRIPS_FROM else 1 if rail else STRIPS
    room = max(1, height - FRAME - strips)
    if small and not options.full:
        return Arrangement(numbers=room, strips=strips, width=width)
    pins = pins and not small
    room, main = room - pins, options.main(metrics)
    if options.full:
        return Arrangement((_place("main", options, main, (0, 0, width, room), kind),), 0, 0, strips, pins, width)
    left, visible = width - rail, [m.metric for m in options.visible(metrics)]
    numbers = min(-(-len(visible) // max(1, left // LEAST_METRIC_CELL)), NUMBERS + max(0, height - 24) // 5)
    plots = _plots(options, main, roles.grouped(visible), (left, room - numbers), wide=width >= GRID, kind=kind)
    return Arrangement(tuple(plots), numbers, rail, strips, pins, left)


def is_small(width: int, height: int) -> bool:
    """Whether there is room for either numbers or a plot, not for both."""
    return width < NARROW or height < LEAST_ROWS


def _plots(
    options: Options,
    main: tuple[str, ...],
    groups: Sequence[tuple[str, ...]],
    size: tuple[int, int],
    *,
    wide: bool,
    kind: str,
) -> list[Place]:
    """The main plot, and as many groups of metrics below or beside it as fit."""
    width, height = size
    across, left = max(1, width // GRID_WIDTH), sum(not set(group) <= set(main) for group in groups)
    below = max(0, height - MAIN_ROWS) // GRID_ROWS if wide or height >= 2 * MAIN_ROWS else 0
    below = min(below, -(-left // across))
    beside = min(left, height // BESIDE_ROWS) if wide and across > 1 and not below else 0
    each = min(MOST_GRID_ROWS, max(GRID_ROWS, height * 3 // 5 // below)) if below else 0
    top, right = height - below * each, width // 2 if beside else 0
    shown = _page(options, main, groups, beside or below * across)
    places = [_place("main", options, main, (0, 0, width - right, top), kind)]
    steps = places[0].view.readings
    rows = [shown[at : at + across] for at in range(0, len(shown), across)] if below else [[group] for group in shown]
    for row, inside in enumerate(rows):
        y, last = (top + row * each, top + (row + 1) * each) if below else _share(row, len(rows), height)
        for column, group in enumerate(inside):
            x, end = _share(column, len(inside), width) if below else (width - right, width)
            places.append(_place(f"metric {group[0]}", options, group, (x, y, end - x, last - y), kind, steps))
    return places


def _page(
    options: Options, main: tuple[str, ...], groups: Sequence[tuple[str, ...]], room: int
) -> list[tuple[str, ...]]:
    """The groups beside the main one: those of the page on which the chosen metric is, so that choosing seldom moves them."""
    chosen = next((place for place, group in enumerate(groups) if options.chosen in group), 0)
    first = min(chosen // (room + 1) * (room + 1), max(0, len(groups) - room - 1))
    return [group for group in groups[first:] if not set(group) <= set(main)][:room]


def _share(place: int, count: int, length: int) -> tuple[int, int]:
    """Where one of several equal parts of a length begins and ends."""
    return place * length // count, (place + 1) * length // count


def _place(
    key: str, options: Options, metrics: tuple[str, ...], box: tuple[int, int, int, int], kind: str, steps: int = 0
) -> Place:
    """steps: places of the crosshair; 0 for as many as this plot has columns."""
    columns = raster_columns(box[2], kind)
    return Place(options.plot(key, metrics, columns, steps or columns), *box)
