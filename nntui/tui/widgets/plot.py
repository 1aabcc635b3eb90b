"""A plot in a frame, in as many cells as there are.

Owns how many columns a plot has, and whether there is one. The lines are made by a pure function, so that they are tested without
an app. What draws points (`plot_drawn`, `canvas`, numpy) is imported with the first of them.
"""

from __future__ import annotations

import math

from rich.text import Text

from nntui.session.snapshot import PlotData
from nntui.tui.glyphs import DOTS
from nntui.tui.paint import Paint
from nntui.tui.safe import safe
from nntui.tui.units import cut
from nntui.tui.widgets.plot_edges import LABEL_WIDTH, blank_lines

LEAST_WIDTH = 20
LEAST_HEIGHT = 4


def inner_width(width: int) -> int:
    """Cells of the raster of a plot that is `width` cells wide."""
    return max(1, width - LABEL_WIDTH - 3)


def raster_columns(width: int, kind: str) -> int:
    """Raster columns to ask for when a plot is `width` cells wide."""
    return inner_width(width) * DOTS[kind][0]


def plot_lines(
    data: PlotData | None,
    width: int,
    height: int,
    paint: Paint,
    *,
    title: str,
    cursor: float = math.nan,
    steps: int = 0,
    words: bool = True,
    nothing: str = "no points yet",
) -> list[Text]:
    """The plot in exactly height lines of width cells.

    cursor: x of the crosshair; NaN for none. steps: places that it has; 0 as many as this plot has cells. words: whether marks
    and the crosshair have words beside them. nothing: why there may be no points.
    """
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return [paint.text(cut(safe(title), width), "quiet")][:height]
    if data is None or not data.series:
        return blank_lines(width, height, paint, title, nothing)
    from nntui.tui.widgets.plot_drawn import drawn_lines

    return drawn_lines(data, width, height, paint, title=title, cursor=cursor, steps=steps, words=words)
