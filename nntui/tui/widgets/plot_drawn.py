"""A plot that has points: bands, lines, axes, marks, legend and crosshair.

Owns how PlotData looks in text. Pure. Invariant: a plot never computes on points; everything it shows is in its PlotData.
"""

from __future__ import annotations

import itertools

import numpy as np
from rich.style import Style
from rich.text import Span, Text

from nntui.session.snapshot import PlotData
from nntui.tui.canvas import BAD, BAND, LINE, Raster, draw
from nntui.tui.paint import Paint, joined
from nntui.tui.units import fit
from nntui.tui.widgets.plot_edges import LABEL_WIDTH, upper_edge
from nntui.tui.widgets.plot_frame import corner, x_axis, y_labels
from nntui.tui.widgets.plot_legend import NOWHERE, colours, crosshair, dashes, legend
from nntui.tui.widgets.plot_signs import put_crosshair, put_marks, put_nonfinite, put_references, put_runs

LEAST_CORNER = 14
"""Cells in which the upper edge says how many points were clipped, whatever else it has to say."""


def drawn_lines(
    data: PlotData, width: int, height: int, paint: Paint, *, title: str, cursor: float, steps: int, words: bool
) -> list[Text]:
    """The plot in exactly height lines of width cells, both enough for one; the rest as `plot.plot_lines` has it."""
    g, border = paint.glyphs, paint.style("border")
    columns, rows = width - LABEL_WIDTH - 3, height - 2
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
