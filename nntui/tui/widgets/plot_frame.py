"""The frame of a plot: legend, what was done to the data, labels, the axis or the values under the crosshair.

Owns the words around a plot. Pure. Invariant: every line is exactly as wide as asked.
"""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from nntui.analysis.ticks import format_duration, format_number
from nntui.session.snapshot import PlotData, PlottedSeries
from nntui.tui.canvas import column_of, row_of
from nntui.tui.glyphs import power
from nntui.tui.paint import Paint, joined
from nntui.tui.units import cut, fit, named

LABEL_WIDTH = 6


def blank_lines(width: int, height: int, paint: Paint, title: str) -> list[Text]:
    """The frame of a plot without points."""
    border, wall = paint.style("border"), paint.glyphs.wall
    lines = [_framed(Text(" " * (width - 2)), border, wall) for _ in range(height - 2)]
    lines[(height - 2) // 2] = _framed(paint.text(fit("  no points yet", width - 2), "quiet"), border, wall)
    edge = upper_edge(paint.text(f" {title} ", "quiet"), Text(), width, paint)
    return [edge, *lines, _x_frame(Text(paint.glyphs.rule * (width - 2), border), paint)]


def y_labels(data: PlotData, rows: int, paint: Paint) -> dict[int, str]:
    """Words of the ticks by row; none where they would touch."""
    found: dict[int, str] = {}
    for value, text in data.y_ticks:
        row = row_of(value, data, rows)
        if row >= 0 and row - 1 not in found and row + 1 not in found:
            found.setdefault(row, power(text) if paint.glyphs.kind == "ascii" else text)
    return found


def legend(data: PlotData, width: int, paint: Paint, title: str) -> Text:
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


def corner(data: PlotData, paint: Paint, untold: list[str]) -> Text:
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


def upper_edge(left: Text, right: Text, width: int, paint: Paint) -> Text:
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


def x_axis(data: PlotData, width: int, columns: int, paint: Paint, at: int, cursor: float) -> Text:
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
