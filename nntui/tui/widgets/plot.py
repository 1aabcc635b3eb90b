"""A plot in a frame: bands, lines, axes, marks, legend and crosshair.

Owns how PlotData looks in text. The lines are made by a pure function, so that they are tested without an app.
Invariant: a plot never computes on points; everything it shows is in its PlotData.
"""

from __future__ import annotations

import math

from rich.style import Style
from rich.text import Text

from nntui.session.snapshot import PlotData
from nntui.tui.canvas import BAD, BAND, DOTS, LINE, Raster, column_of, draw
from nntui.tui.paint import Paint, joined
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit
from nntui.tui.widgets.plot_frame import LABEL_WIDTH, blank_lines, corner, legend, upper_edge, x_axis, y_labels
from nntui.tui.widgets.plot_signs import put_marks, put_references, put_runs

LEAST_WIDTH = 20
LEAST_HEIGHT = 4


def inner_width(width: int) -> int:
    """Cells of the raster of a plot that is `width` cells wide."""
    return max(1, width - LABEL_WIDTH - 3)


def raster_columns(width: int, kind: str) -> int:
    """Raster columns to ask for when a plot is `width` cells wide."""
    return inner_width(width) * DOTS[kind][0]


def plot_lines(
    data: PlotData | None, width: int, height: int, paint: Paint, *, title: str, cursor: float = math.nan
) -> list[Text]:
    """The plot in exactly height lines of width cells. cursor: x of the crosshair; NaN for none."""
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return [paint.text(cut(safe(title), width), "quiet")][:height]
    if data is None or not data.series:
        return blank_lines(width, height, paint, title)
    g, border = paint.glyphs, paint.style("border")
    columns, rows = inner_width(width), height - 2
    raster = draw(data, columns, rows, g.kind, g.nan, _dashes(data))
    body = [_row(raster, row, paint, data) for row in range(rows)]
    untold = put_references(body, data, paint)
    put_runs(body, data, columns, paint)
    put_marks(body, data, columns, paint)
    at = column_of(cursor, data, columns) if math.isfinite(cursor) else -1
    if at >= 0:
        for line in body:
            line.stylize(Style(reverse=True), at, at + 1)
    labels = y_labels(data, rows, paint)
    said = corner(data, paint, untold)
    lines = [upper_edge(legend(data, width - 6 - said.cell_len, paint, title), said, width, paint)]
    for row, line in enumerate(body):
        tick = g.corner if row in labels else g.wall
        label = paint.text(fit(labels.get(row, ""), LABEL_WIDTH, right=True), "quiet")
        lines.append(joined([Text(g.wall, border), label, Text(tick, border), line, Text(g.wall, border)], ""))
    lines.append(x_axis(data, width, columns, paint, at, cursor))
    return lines


def _row(raster: Raster, row: int, paint: Paint, data: PlotData) -> Text:
    line = Text(no_wrap=True, end="")
    chars, layers, owners = raster.chars[row], raster.layer[row], raster.series[row]
    colours = _colours(data)
    start = 0
    for at in range(1, len(chars) + 1):
        if at == len(chars) or layers[at] != layers[start] or owners[at] != owners[start]:
            line.append(chars[start:at], _style(int(layers[start]), int(owners[start]), paint, data, colours))
            start = at
    return line


def _style(layer: int, owner: int, paint: Paint, data: PlotData, colours: list[int]) -> Style | None:
    if layer == BAD:
        return paint.style("error", bold=True)
    if layer in (BAND, LINE) and owner >= 0:
        faded = data.series[owner].superseded
        return paint.series(colours[owner], band=layer == BAND or faded, dim=faded)
    return None


def _dashes(data: PlotData) -> list[int]:
    """Which dashes every series has: a metric keeps its own, superseded or not, whatever the run."""
    names = list(dict.fromkeys(data.view.metrics))
    return [names.index(s.metric) if s.metric in names else 0 for s in data.series]


def _colours(data: PlotData) -> list[int]:
    """Number of the colour of every series: of one run each metric has its own, of several each run."""
    several = any(s.run for s in data.series)
    return [s.run for s in data.series] if several else _dashes(data)
