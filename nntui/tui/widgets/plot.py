"""A plot in a frame: bands, lines, axes, marks, legend and crosshair.

Owns how PlotData looks in text. The lines are made by a pure function, so that they are tested without an app.
Invariant: a plot never computes on points; everything it shows is in its PlotData.
"""

from __future__ import annotations

import math

import numpy as np
from rich.style import Style
from rich.text import Text

from nntui.analysis.ticks import format_count, format_duration, format_number
from nntui.session.snapshot import PlotData, PlottedSeries
from nntui.tui.canvas import BAD, BAND, DOTS, LINE, Raster, column_of, draw, row_of
from nntui.tui.paint import Paint, joined
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit

LABEL_WIDTH = 7
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
        return [paint.text(cut(safe(title), width), "quiet")]
    g = paint.glyphs
    border = paint.style("border")
    if data is None or not data.series:
        blank = [_framed(Text(" " * (width - 2)), border, g.wall) for _ in range(height - 2)]
        message = paint.text(fit("  no points yet", width - 2), "quiet")
        blank[(height - 2) // 2] = _framed(message, border, g.wall)
        return [
            _edge(paint.text(f" {title} ", "quiet"), Text(), width, paint),
            *blank,
            _edge(Text(), Text(), width, paint),
        ]
    columns, rows = inner_width(width), height - 2
    raster = draw(data, columns, rows, g.kind, g.nan)
    body = [_row(raster, row, paint, data) for row in range(rows)]
    _put_marks(body, data, columns, paint)
    at = column_of(cursor, data, columns) if math.isfinite(cursor) else -1
    if at >= 0:
        for line in body:
            line.stylize(Style(reverse=True), at, at + 1)
    labels = _labels(data, rows)
    lines = [_edge(_legend(data, width - 16, paint, title), _corner(data, paint), width, paint)]
    for row, line in enumerate(body):
        tick = g.corner if row in labels else g.wall
        label = paint.text(fit(labels.get(row, ""), LABEL_WIDTH, right=True), "quiet")
        lines.append(joined([Text(g.wall, border), label, Text(tick, border), line, Text(g.wall, border)], ""))
    lines.append(_x_axis(data, width, columns, paint, at, cursor))
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


def _colours(data: PlotData) -> list[int]:
    """Colour number of every series: the same metric has the same colour, superseded or not."""
    names = list(dict.fromkeys(data.view.metrics))
    return [names.index(s.metric) if s.metric in names else 0 for s in data.series]


def _labels(data: PlotData, rows: int) -> dict[int, str]:
    found: dict[int, str] = {}
    for value, text in data.y_ticks:
        row = row_of(value, data, rows)
        if row >= 0 and row - 1 not in found and row + 1 not in found:
            found.setdefault(row, text)
    return found


def _put_marks(body: list[Text], data: PlotData, columns: int, paint: Paint) -> None:
    """Marks hang from the top of the plot; those that would overlap an earlier one show their glyph only."""
    top, free = body[0].plain, 0
    cells = list(top)
    spans = []
    for mark in data.marks:
        at = column_of(mark.x, data, columns)
        if at < 0:
            continue
        glyph = paint.glyphs.alert if mark.severity else paint.glyphs.down
        words = glyph + safe(mark.label, 24)
        words = words if at >= free and at + len(words) <= columns else glyph
        meaning = paint.verdict(mark.severity)[1] if mark.severity else "accent"
        cells[at : at + len(words)] = words
        spans.append((at, at + len(words), paint.style(meaning)))
        free = max(free, at + len(words) + 1)
    if spans:
        line = body[0].copy()
        line.plain = "".join(cells)
        for start, end, style in spans:
            line.stylize(style, start, end)
        body[0] = line


def _legend(data: PlotData, width: int, paint: Paint, title: str) -> Text:
    """Names with their marks and newest values; the title when there is nothing to tell apart."""
    shown: dict[str, PlottedSeries] = {s.metric: s for s in data.series if not s.superseded}
    shown = shown or {s.metric: s for s in data.series}
    names = list(dict.fromkeys(data.view.metrics))
    room = max(6, width // max(1, len(shown)) - 12)
    parts = []
    for name, one in shown.items():
        index = names.index(name) if name in names else 0
        mark = paint.glyphs.series[index % len(paint.glyphs.series)]
        style = paint.series(index)
        part = Text(f"{mark}{mark} {cut(safe(name), room)} ", style, end="", no_wrap=True)
        part.append(format_number(one.last), style + Style(bold=True))
        parts.append(part)
    line = joined(parts or [paint.text(title, "quiet")])
    line.truncate(max(0, width), overflow="ellipsis")
    return joined([Text(" "), line, Text(" ")], "")


def _corner(data: PlotData, paint: Paint) -> Text:
    words = ["log y"] if data.log_y else []
    if data.view.smoothing:
        words.append(f"ema {data.view.smoothing:g}")
    if data.clipped:
        words.append(f"{data.clipped:,} clipped")
    return paint.text(f" {' · '.join(words)} " if words else "", "quiet")


def _edge(left: Text, right: Text, width: int, paint: Paint) -> Text:
    """The upper edge with words in it."""
    border = paint.style("border")
    corners = "++" if paint.glyphs.kind == "ascii" else "╭╮"
    if left.cell_len + right.cell_len + 4 > width:
        right = Text()
    left = left.copy()
    left.truncate(max(0, width - 4), overflow="ellipsis")
    fill = paint.glyphs.rule * max(0, width - 4 - left.cell_len - right.cell_len)
    rule = paint.glyphs.rule
    return joined(
        [Text(corners[0] + rule, border), left, Text(fill, border), right, Text(rule + corners[1], border)], ""
    )


def _x_axis(data: PlotData, width: int, columns: int, paint: Paint, at: int, cursor: float) -> Text:
    border = paint.style("border")
    corners = "++" if paint.glyphs.kind == "ascii" else "╰╯"
    cells = [paint.glyphs.rule] * (width - 2)
    spans: list[tuple[int, int, Style]] = []
    left = LABEL_WIDTH + 1
    if at >= 0:
        words = f" {_x_words(data, cursor)} {_cursor_values(data, at, columns)}"
        words = cut(words, width - 4)
        cells[1 : 1 + len(words)] = words
        spans.append((1, 1 + len(words), paint.style("accent")))
    else:
        free = 0
        for value, text in data.x_ticks:
            column = column_of(value, data, columns)
            start = left + column - len(text) // 2
            if column >= 0 and start >= free and start + len(text) <= len(cells):
                cells[start : start + len(text)] = text
                spans.append((start, start + len(text), paint.style("quiet")))
                free = start + len(text) + 1
        unit = f" {_unit(data)} "
        if len(cells) - len(unit) >= free:
            cells[-len(unit) :] = unit
            spans.append((len(cells) - len(unit), len(cells), paint.style("faint")))
    line = Text("".join(cells), border, end="", no_wrap=True)
    for start, end, style in spans:
        line.stylize(style, start, end)
    return joined([Text(corners[0], border), line, Text(corners[1], border)], "")


def _cursor_values(data: PlotData, at: int, columns: int) -> str:
    """Exact values under the crosshair: the line, and the extremes where they differ."""
    words = []
    for one in data.series:
        span = slice(
            at * len(one.line) // columns, max(at * len(one.line) // columns + 1, (at + 1) * len(one.line) // columns)
        )
        line, low, high = one.line[span], one.low[span], one.high[span]
        if one.superseded or not np.isfinite(line).any():
            continue
        text = f"{cut(safe(one.metric), 20)} {format_number(float(np.nanmean(line)))}"
        if np.isfinite(low).any() and np.nanmin(low) < np.nanmax(high):
            text += f" [{format_number(float(np.nanmin(low)))}, {format_number(float(np.nanmax(high)))}]"
        words.append(text)
    return "  ".join(words)


def _x_words(data: PlotData, x: float) -> str:
    if data.view.x == "step":
        return f"step {x:,.0f}"
    return f"{_unit(data)} {format_duration(x) if data.view.x == 'relative' else format_count(x)}"


def _unit(data: PlotData) -> str:
    return {"step": "step", "epoch": "epoch", "relative": "elapsed", "wall": "clock"}[data.view.x]


def _framed(line: Text, border: Style, wall: str) -> Text:
    return joined([Text(wall, border), line, Text(wall, border)], "")
