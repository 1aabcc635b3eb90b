"""A plot in a frame: bands, lines, axes, marks, legend and crosshair.

Owns how PlotData looks in text. The lines are made by a pure function, so that they are tested without an app.
Invariant: a plot never computes on points; everything it shows is in its PlotData.
"""

from __future__ import annotations

import math
import re
from datetime import datetime

import numpy as np
from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from nntui.analysis.ticks import format_duration, format_number
from nntui.session.snapshot import PlotData, PlottedSeries
from nntui.tui.canvas import BAD, BAND, DOTS, LINE, Raster, column_of, draw, row_of
from nntui.tui.glyphs import power
from nntui.tui.paint import Paint, joined
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit, named

LABEL_WIDTH = 6
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
    g = paint.glyphs
    border = paint.style("border")
    if data is None or not data.series:
        blank = [_framed(Text(" " * (width - 2)), border, g.wall) for _ in range(height - 2)]
        message = paint.text(fit("  no points yet", width - 2), "quiet")
        blank[(height - 2) // 2] = _framed(message, border, g.wall)
        return [
            _edge(paint.text(f" {title} ", "quiet"), Text(), width, paint),
            *blank,
            _x_frame(Text(g.rule * (width - 2), border), paint),
        ]
    columns, rows = inner_width(width), height - 2
    raster = draw(data, columns, rows, g.kind, g.nan, _dashes(data))
    body = [_row(raster, row, paint, data) for row in range(rows)]
    untold = _put_references(body, data, paint)
    _put_runs(body, data, columns, paint)
    _put_marks(body, data, columns, paint)
    at = column_of(cursor, data, columns) if math.isfinite(cursor) else -1
    if at >= 0:
        for line in body:
            line.stylize(Style(reverse=True), at, at + 1)
    labels = _labels(data, rows, paint)
    corner = _corner(data, paint, untold)
    lines = [_edge(_legend(data, width - 6 - corner.cell_len, paint, title), corner, width, paint)]
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


def _dashes(data: PlotData) -> list[int]:
    """Which dashes every series has: a metric keeps its own, superseded or not, whatever the run."""
    names = list(dict.fromkeys(data.view.metrics))
    return [names.index(s.metric) if s.metric in names else 0 for s in data.series]


def _colours(data: PlotData) -> list[int]:
    """Number of the colour of every series: of one run each metric has its own, of several each run."""
    several = any(s.run for s in data.series)
    return [s.run for s in data.series] if several else _dashes(data)


def _labels(data: PlotData, rows: int, paint: Paint) -> dict[int, str]:
    found: dict[int, str] = {}
    for value, text in data.y_ticks:
        row = row_of(value, data, rows)
        if row >= 0 and row - 1 not in found and row + 1 not in found:
            found.setdefault(row, power(text) if paint.glyphs.kind == "ascii" else text)
    return found


def _put_references(body: list[Text], data: PlotData, paint: Paint) -> list[str]:
    """Lines to compare with, where they hide no data, each with its label in the longest gap.

    Words for what has no room there, or lies outside.
    """
    untold = []
    for one in data.references:
        label = safe(one.label, 40)
        label = label.replace("±", "+-") if paint.glyphs.kind == "ascii" else label
        row = row_of(one.value, data, len(body)) if not data.log_y or one.value > 0 else -1
        if row < 0:
            above = one.value > data.y_range[0]
            untold.append(f"{label} is {'above' if above else 'below'}")
            continue
        line = body[row]
        gaps = [(found.start(), found.end()) for found in re.finditer(" +", line.plain)]
        words = f" {label} "
        cells = list(line.plain)
        for start, end in gaps:
            cells[start:end] = paint.glyphs.dash * (end - start)
        start, end = max(gaps, key=lambda gap: gap[1] - gap[0], default=(0, 0))
        room = start + 2 if end - start >= len(words) + 4 and cell_len(words) == len(words) else -1
        if room >= 0:
            cells[room : room + len(words)] = words
        else:
            untold.append(label)
        line = line.copy()
        line.plain = "".join(cells)
        for start, end in gaps:
            line.stylize(paint.style("quiet"), start, end)
        if room >= 0:
            line.stylize(paint.style("foreground"), room, room + len(words))
        body[row] = line
    return untold


def _put_runs(body: list[Text], data: PlotData, columns: int, paint: Paint) -> None:
    """The number of each run drawn along, on its lines: where they end, and once more on the way."""
    runs = max((one.run for one in data.series), default=0)
    taken: set[tuple[int, int]] = set()
    for one in (s for s in data.series if s.run and not s.superseded):
        known = np.flatnonzero(np.isfinite(one.line))
        for share in (1.0, one.run / (runs + 1)) if len(known) else ():
            dot = known[min(len(known) - 1, int(share * len(known)))]
            row, at = row_of(float(one.line[dot]), data, len(body)), int(dot) * columns // len(one.line)
            while (row, at) in taken and at:
                at -= 1
            if row >= 0 and (row, at) not in taken:
                taken.add((row, at))
                body[row] = _with(body[row], at, str(one.run), paint.series(one.run))


def _with(line: Text, at: int, char: str, style: Style) -> Text:
    """The line with another character at a place."""
    line = line.copy()
    line.plain = line.plain[:at] + char + line.plain[at + 1 :]
    line.stylize(style, at, at + 1)
    return line


def _put_marks(body: list[Text], data: PlotData, columns: int, paint: Paint) -> None:
    """Marks hang from the top of the plot; words only where they hide neither data nor an earlier mark."""
    line = body[0]
    cells = list(line.plain)
    spans = []
    for mark in data.marks:
        at = column_of(mark.x, data, columns)
        if at < 0 or any(start <= at < end for start, end, _ in spans):
            continue
        label = safe(mark.label, 24)
        words = (paint.glyphs.alert if mark.severity else paint.glyphs.down) + (label if label.isprintable() else "")
        room = "".join(cells[at : at + len(words) + 1])
        if cell_len(words) != len(words) or at + len(words) > columns or room.strip(" " + paint.glyphs.dash):
            words = words[0]
        cells[at : at + len(words)] = words
        spans.append((at, at + len(words), paint.style(paint.verdict(mark.severity)[1] if mark.severity else "accent")))
    if spans:
        line = line.copy()
        line.plain = "".join(cells)
        for start, end, style in spans:
            line.stylize(style, start, end)
        body[0] = line


def _legend(data: PlotData, width: int, paint: Paint, title: str) -> Text:
    """Names with their marks and newest values of the open run; the title when there is nothing to tell apart."""
    own = [s for s in data.series if not s.run]
    several = len(own) < len(data.series)
    shown: dict[str, PlottedSeries] = {s.metric: s for s in own if not s.superseded}
    shown = shown or {s.metric: s for s in own}
    names = list(dict.fromkeys(data.view.metrics))
    values = {name: format_number(one.last) for name, one in shown.items()}
    spare = width - 2 - sum(len(value) + 6 for value in values.values())
    room = spare // max(1, len(shown))
    if sum(cell_len(named(name)) for name in shown) <= spare:
        room = width
    parts = []
    for name, value in values.items():
        index = names.index(name) if name in names else 0
        mark = paint.glyphs.series[index % len(paint.glyphs.series)]
        style = paint.series(0 if several else index)
        part = Text(f"{mark}{mark} {cut(named(name), max(4, room))} ", style, end="", no_wrap=True)
        part.append(value, Style(color=style.color, bold=True))
        parts.append(part)
    line = joined(parts or [paint.text(title, "quiet")])
    line.truncate(max(0, width), overflow="ellipsis")
    return joined([Text(" "), line, Text(" ")], "")


def _corner(data: PlotData, paint: Paint, untold: list[str]) -> Text:
    """What was done to the data before it was drawn, and the references that have no words beside them."""
    view = data.view
    words = ["zoom"] if math.isfinite(view.x_range[0]) else []
    words += ["log y"] if data.log_y else ["log y needs values > 0"] if view.log_y else []
    if view.smoothing:
        words.append(f"ema {view.smoothing:g}")
    if view.clip_outliers:
        words.append(f"{data.clipped:,} clipped")
    words += untold
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
    """The lower edge: the unit under the labels, ticks under their columns; or the values under the crosshair."""
    border = paint.style("border")
    room = width - 2
    if at >= 0:
        words = cut(f" {_x_words(data, cursor)}  {_cursor_values(data, at, columns)} ", room)
        rule = Text(paint.glyphs.rule * (room - cell_len(words)), border)
        return _x_frame(joined([paint.text(words, "accent"), rule], ""), paint)
    cells = [paint.glyphs.rule] * room
    spans: list[tuple[int, int, Style]] = []

    def put(start: int, words: str, meaning: str) -> int:
        cells[start : start + len(words)] = words
        spans.append((start, start + len(words), paint.style(meaning)))
        return start + len(words) + 1

    free = put(0, f" {_unit(data)} ", "faint")
    for value, text in data.x_ticks:
        column = column_of(value, data, columns)
        start = min(LABEL_WIDTH + 1 + column - len(text) // 2, room - len(text))
        if column >= 0 and start >= free:
            free = put(start, text, "quiet")
    line = Text("".join(cells), border, end="", no_wrap=True)
    for start, end, style in spans:
        line.stylize(style, start, end)
    return _x_frame(line, paint)


def _x_frame(line: Text, paint: Paint) -> Text:
    border = paint.style("border")
    corners = "++" if paint.glyphs.kind == "ascii" else "╰╯"
    return joined([Text(corners[0], border), line, Text(corners[1], border)], "")


def _cursor_values(data: PlotData, at: int, columns: int) -> str:
    """Exact values under the crosshair: the line, and the extremes where they differ; of runs drawn along the line alone."""
    words = []
    along: dict[int, list[str]] = {}
    for one in data.series:
        span = slice(
            at * len(one.line) // columns, max(at * len(one.line) // columns + 1, (at + 1) * len(one.line) // columns)
        )
        line, low, high = one.line[span], one.low[span], one.high[span]
        if one.superseded or not np.isfinite(line).any():
            continue
        value = format_number(float(np.nanmean(line)))
        if one.run:
            along.setdefault(one.run, [str(one.run)]).append(value)
            continue
        text = f"{cut(named(one.metric), 20)} {value}"
        if np.isfinite(low).any() and np.nanmin(low) < np.nanmax(high):
            text += f" [{format_number(float(np.nanmin(low)))}, {format_number(float(np.nanmax(high)))}]"
        words.append(text)
    return "  ".join([*words, *(" ".join(values) for values in along.values())])


def _x_words(data: PlotData, x: float) -> str:
    if data.view.x == "step":
        return f"step {x:,.0f}"
    if data.view.x == "wall":
        return datetime.fromtimestamp(x).astimezone().strftime("%d %b %H:%M:%S")
    return f"time {format_duration(x)}" if data.view.x == "relative" else f"epoch {format_number(x)}"


def _unit(data: PlotData) -> str:
    return {"step": "step", "epoch": "epoch", "relative": "time", "wall": "clock"}[data.view.x]


def _framed(line: Text, border: Style, wall: str) -> Text:
    return joined([Text(wall, border), line, Text(wall, border)], "")
