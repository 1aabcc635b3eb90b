"""What stands in the edges of a plot: what was done to the data, labels, the axis.

Owns the words around a plot. Pure. Invariant: every line is exactly as wide as asked.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from rich.style import Style
from rich.text import Text

from nntui.session.snapshot import PlotData
from nntui.tui.canvas import column_of, row_of
from nntui.tui.glyphs import power
from nntui.tui.paint import Paint
from nntui.tui.units import cut
from nntui.tui.widgets.plot_edges import LABEL_WIDTH, lower_edge
from nntui.tui.widgets.plot_legend import NOWHERE, UNITS, Crosshair, cursor_words

STRIDES = (1, 2, 5, 4, 3)
"""Which of the ticks of a linear axis have labels, the best first."""


def y_labels(data: PlotData, rows: int, paint: Paint) -> dict[int, str]:
    """Words of the ticks by row, with a row between them where there are others to leave out: of a logarithmic axis powers of ten
    come first, of a linear one every second, fifth, fourth or third stays, or but two, so that they are equally far apart.
    """
    if not any(np.isfinite(one.low).any() for one in data.series):
        return {}
    places = [(row_of(value, data, rows), value, text) for value, text in data.y_ticks]
    places = [place for place in places if place[0] >= 0]
    if data.log_y:
        places.sort(key=lambda place: not _is_decade(place[1]))
    elif len(places) > 1:
        step = places[1][1] - places[0][1]
        strides = ([place for place in places if round(place[1] / step) % stride == 0] for stride in STRIDES)
        places = next((every for every in strides if len(every) > 1 and _are_apart(every)), places[:: len(places) - 1])
    found: dict[int, str] = {}
    for row, _, text in places:
        if not found.keys() & {row - 1, row, row + 1}:
            found[row] = power(text) if paint.glyphs.kind == "ascii" else text
    return found


def corner(data: PlotData, paint: Paint, untold: Sequence[str], width: int, *, calm: bool) -> Text:
    """What was done to the data before it was drawn, and what has no words beside it, as far as there is room; what is hidden or
    moved first. calm: there is no crosshair, whose values matter more.
    """
    view = data.view
    words = [f"{data.clipped:,} clipped"] if view.clip_outliers else []
    words += [f"{data.below:,} not > 0"] if data.below else []
    words += [f"{data.left:,} at x not > 0"] if data.left else []
    words += ["log y"] if data.log_y else ["log y needs values > 0"] if view.log_y else []
    words += ["follows" if view.follow else "zoom"] if math.isfinite(view.x_range[0]) else []
    words += [f"ema {view.smoothing:g}"] if view.smoothing else []
    words += ["log x"] if data.log_x else ["a clock is never log"] if view.log_x and view.x == "wall" else []
    words += untold
    kept = int(view.clip_outliers or (calm and bool(words)))
    ranks = max((one.ranks for one in data.series), default=0)
    words += [f"band: {ranks} more {'rank' if ranks == 1 else 'ranks'}"] if ranks else []
    words += ["dim: replaced"] if any(one.superseded for one in data.series) else []
    while len(words) > kept and len(" · ".join(words)) + 2 > width:
        words.pop()
    words = [cut(word, max(0, width - 2)) for word in words]
    return paint.text(f" {' · '.join(words)} " if words else "", "quiet")


def x_axis(
    data: PlotData,
    width: int,
    columns: int,
    paint: Paint,
    cross: Crosshair = NOWHERE,
    signs: Sequence[tuple[int, str, Style]] = (),
) -> Text:
    """The lower edge: unit, and ticks under their columns; where the crosshair is, its x and what is marked there.

    signs: column, character and style of marks; where words stand they are but a colour, and what is minor is not seen.
    """
    room, first = width - 2, LABEL_WIDTH + 1
    cells = [paint.glyphs.rule] * room
    styles = [paint.style("border")] * room

    def put(start: int, words: str, style: Style) -> None:
        cells[start : start + len(words)] = words
        styles[start : start + len(words)] = [style] * len(words)

    unit = f" {UNITS[data.view.x]} "
    taken = [(0, len(unit))]
    if cross.at >= 0:
        words = cut(f" {cursor_words(data, cross)} ", room)
        start = min(max(0, first + cross.at - len(words) // 2), room - len(words))
        put(start, words, paint.style("accent", bold=True))
        taken.append((start, start + len(words)))
    if all(start >= len(unit) for start, _ in taken[1:]):
        put(0, unit, paint.style("faint"))
    for value, text in data.x_ticks:
        column = column_of(value, data, columns)
        start = min(first + column - len(text) // 2, room - len(text))
        if column >= 0 and all(start >= end + 1 or start + len(text) < begin for begin, end in taken):
            put(start, text, paint.style("quiet"))
            taken.append((start, start + len(text)))
    for column, sign, style in signs:
        at = first + column
        if cells[at] == paint.glyphs.rule or sign != paint.glyphs.minor:
            put(at, sign if cells[at] == paint.glyphs.rule else cells[at], style)
    line, place = Text(no_wrap=True, end=""), 0
    for style, same in itertools.groupby(styles):
        count = len(list(same))
        line.append("".join(cells[place : place + count]), style)
        place += count
    return lower_edge(line, paint)


def _are_apart(places: Sequence[tuple[int, float, str]]) -> bool:
    """Whether there is a row between any two of them."""
    return all(low[0] - high[0] >= 2 for low, high in itertools.pairwise(places))


def _is_decade(value: float) -> bool:
    return math.isclose(value, 10.0 ** round(math.log10(value)), rel_tol=1e-9)
