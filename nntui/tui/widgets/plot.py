"""A plot in a frame: bands, lines, axes, marks, legend and crosshair.

Owns how PlotData looks in text. The lines are made by a pure function, so that they are tested without an app.
Invariant: a plot never computes on points; everything it shows is in its PlotData.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from rich.style import Style
from rich.text import Span, Text

from nntui.session.snapshot import PlotData
from nntui.tui.canvas import BAD, BAND, DOTS, LINE, Raster, draw
from nntui.tui.paint import Paint, joined
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit
from nntui.tui.widgets.plot_frame import LABEL_WIDTH, blank_lines, corner, upper_edge, x_axis, y_labels
from nntui.tui.widgets.plot_legend import NOWHERE, colours, crosshair, dashes, legend
from nntui.tui.widgets.plot_signs import put_crosshair, put_marks, put_nonfinite, put_references, put_runs

LEAST_WIDTH = 20
LEAST_HEIGHT = 4
LEAST_CORNER = 14
"""Cells in which the upper edge says how many points were clipped, whatever else it has to say."""


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
    g, border = paint.glyphs, paint.style("border")
    columns, rows = inner_width(width), height - 2
    raster = draw(data, columns, rows, g.kind, g.nan + g.rise + g.fall, dashes(data))
    numbers = colours(data)
    body = [_row(raster, row, paint, data, numbers) for row in range(rows)]
    untold = put_references(body, data, paint)
    put_runs(body, data, columns, paint)
    signs = put_marks(body, data, columns, paint, words=words)
    put_nonfinite(body, data, columns, paint)
    cross = crosshair(cursor, data, columns, steps or columns)
    if cross.at >= 0:
        put_crosshair(body, cross.at, paint)
    labels = y_labels(data, rows, paint)
    named = legend(data, width - 4, paint, title, cross)
    least = max(LEAST_CORNER, width // 3) if cross.at < 0 else LEAST_CORNER if data.view.clip_outliers else 0
    said = corner(data, paint, untold, max(least, width - 4 - named.cell_len), calm=cross.at < 0)
    named = legend(data, width - 4 - said.cell_len, paint, title, cross)
    lines = [upper_edge(named, said, width, paint)]
    for row, line in enumerate(body):
        tick = g.corner if row in labels else g.wall
        label = paint.text(fit(labels.get(row, ""), LABEL_WIDTH, right=True), "quiet")
        lines.append(joined([Text(g.wall, border), label, Text(tick, border), line, Text(g.wall, border)], ""))
    lines.append(x_axis(data, width, columns, paint, cross if words else NOWHERE, signs))
    return lines


def _row(raster: Raster, row: int, paint: Paint, data: PlotData, numbers: list[int]) -> Text:
    layers, owners = raster.layer[row], raster.series[row]
    edges = np.flatnonzero(np.diff(layers) | np.diff(owners)) + 1
    spans: list[Span] = []
    for start, end in itertools.pairwise([0, *edges.tolist(), len(layers)]):
        style = _style(int(layers[start]), int(owners[start]), paint, data, numbers)
        spans += [] if style is None else [Span(start, end, style)]
    return Text(raster.chars[row], spans=spans, no_wrap=True, end="")


def _style(layer: int, owner: int, paint: Paint, data: PlotData, numbers: list[int]) -> Style | None:
    if layer == BAD:
        return paint.style("error", bold=True)
    if layer in (BAND, LINE) and owner >= 0:
        one = data.series[owner]
        return paint.series(numbers[owner], band=layer == BAND or one.superseded, dim=one.superseded or one.ranks > 0)
    return None
