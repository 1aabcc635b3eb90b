"""What the dependencies screen says: which input reaches which output, as a heat map.

Owns the words and the cells. Pure functions of a snapshot, a size and a Paint. Invariant: exactly zero is drawn as nothing else
is, and the leak is a cell of its own in words and in glyphs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from rich.style import Style
from rich.text import Text

from nntui.analysis.ticks import format_number
from nntui.finding import Finding
from nntui.session.dependencies import Dependencies, Ints
from nntui.tui.paint import Paint, beside, cut_line, joined, spread
from nntui.tui.panels.reach import about_lines
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit, wrap

LABEL_WIDTH = 5
FRAME = 4
"""Lines that are neither verdict nor matrix: title, reading, names of columns, legend."""
LARGEST = 12
"""Lines of a cell, at most; it is twice as many characters wide."""
PAIR = 150
"""Columns from which two matrices stand side by side, or one beside what it means."""
ABOUT_WIDTH, MOST_ABOUT = 48, 90
"""Cells of what it means."""
SHADES = {"braille": "░▒▓█", "block": "░▒▓█", "ascii": "-+*#"}
MUST = {
    "batch": ("an example", "another example", "off the diagonal"),
    "time": ("an output", "what comes later", "right of the diagonal"),
}
Cell = tuple[int, int]
NOWHERE: Cell = (-1, -1)


def along(width: int, which: int, count: int) -> int:
    """How many matrices stand side by side on the page of number `which`, of `count` that there are: the last may be alone."""
    alone = count % 2 == 1 and which % count == count - 1
    return 2 if width >= PAIR and not alone else 1


def room_for(data: Dependencies, width: int, height: int, paint: Paint, count: int = 1) -> tuple[int, int]:
    """Rows and columns of cells that a panel has for each of `count` matrices: cells are at least two characters wide."""
    each = _each(data, width, count)
    said = max(len(_verdict(one, each, paint)) for one in data.page or (data,))
    return max(1, height - FRAME - said), max(1, (each - LABEL_WIDTH - 2) // 2)


def _each(data: Dependencies, width: int, count: int) -> int:
    """Characters that each matrix may take; one alone leaves room for what it means where its cells do not need it."""
    if count > 1:
        return (width - 3) // 2
    left = width - ABOUT_WIDTH - 3
    return left if width >= PAIR and LABEL_WIDTH + 2 + 2 * data.size[1] <= left else width


def dependency_lines(
    data: Dependencies,
    width: int,
    height: int,
    paint: Paint,
    cursor: Cell = NOWHERE,
    checks: Sequence[Finding] = (),
) -> list[Text]:
    """The matrix under its verdict, over what its shades mean; where there is room the next one beside it, or what it means.

    cursor: row and column of the cell that is read.
    """
    if not data.count:
        words = (
            "No dependencies were recorded. `nntui train` records them with its checks before the first step; your own loop "
            "calls nntui.preflight(task, run=run), or run.dependencies(matrix)."
        )
        return [Text(), *(paint.text(f"  {line}", "quiet") for line in wrap(words, width - 4))]
    if width < PAIR:
        lines = _one(data, width, height, paint, cursor)
        about = about_lines(data, checks, width, height - len(lines) - 1, paint)
        return [*lines, Text(), *about] if about else lines
    wall = paint.text(f" {paint.glyphs.wall} ", "border")
    if len(data.page) < 2:
        each = _each(data, width, 1)
        if each == width:
            return _one(data, width, height, paint, cursor)
        matrix, bare = (_one(data, each, height, paint, at) for at in (cursor, NOWHERE))
        used = max(width - MOST_ABOUT - 3, *(line.cell_len for line in bare))  # the same, whichever cell is read
        return beside(matrix, about_lines(data, checks, width - used - 3, height, paint), used, height, wall)
    each = _each(data, width, 2)
    left, right = (
        _one(one, each, height, paint, cursor if one.which == data.which else NOWHERE, chosen=one.which == data.which)
        for one in data.page[:2]
    )
    return beside(left, right, each, height, wall)


def _one(data: Dependencies, width: int, height: int, paint: Paint, cursor: Cell, *, chosen: bool = True) -> list[Text]:
    lines = [_title(data, width, paint, chosen=chosen), *_verdict(data, width, paint)]
    lines.append(_reading(data, cursor, paint) if cursor[0] >= 0 else _axes(paint))
    rows, columns = data.cells.shape
    room = (height - len(lines) - 2) // rows, (width - LABEL_WIDTH - 2) // columns // 2
    high = max(1, min(*room, LARGEST))
    lines += [_columns(data, 2 * high, cursor, paint), *_matrix(data, high, cursor, paint), _legend(data, paint)]
    return [cut_line(line, width) for line in lines[:height]]


def _title(data: Dependencies, width: int, paint: Paint, *, chosen: bool) -> Text:
    when = f"step {data.step:,}" if data.step >= 0 else "before the first step"
    size = f"{data.size[0]} outputs × {data.size[1]} inputs"
    small = data.cells.shape != data.size
    pooled = f"shown as {data.cells.shape[0]} × {data.cells.shape[1]} by the largest of each" if small else ""
    name = paint.text(f"{data.name} · {data.axis}", "foreground" if chosen else "quiet", bold=chosen)
    parts = [name, paint.text(size), paint.text(pooled, "quiet")]
    if len(data.steps) > 1:
        when += f", {data.at + 1} of {len(data.steps)}"
    parts.append(paint.text(f"{when}, recorded {data.recorded} time{'' if data.recorded == 1 else 's'}", "quiet"))
    several = paint.text(f"[n] {data.which + 1} of {data.count}", "quiet") if data.count > 1 else Text()
    return spread(joined(parts), several, width)


def _verdict(data: Dependencies, width: int, paint: Paint) -> list[Text]:
    _, other, where = MUST.get(data.axis, ("an output", "another input", "where it must be zero"))
    if data.leak[0] < 0 and data.crossing:
        words = f"{paint.glyphs.info} not all {where} is zero, and no leak was recorded: right for a model that is meant to do so"
        return [paint.text(line, "primary") for line in wrap(words, width)]
    if data.leak[0] < 0:
        words = f"{paint.glyphs.passed} no leak: everything {where} is exactly zero"
        return [paint.text(words, "success")]
    row, column = data.leak
    words = (
        f"{paint.glyphs.failed} {_place(data, 'output', row)} depends on {_place(data, 'input', column)}: "
        f"{format_number(data.leak_value)}, expected exactly 0 ({other} must not reach it)"
    )
    return [paint.text(line, "error", bold=True) for line in wrap(words, width)]


def _place(data: Dependencies, what: str, first: int, last: int = -1) -> str:
    """One recorded row or column in words, or all from the first to the last."""
    name = _name(data, what, first) + (f"–{_name(data, what, last)}" if last > first else "")
    if data.axis == "batch":
        return f"example {name}'s output" if what == "output" else f"the input of example {name}"
    return f"the {what} at time {name}" if data.axis == "time" else f"{what} {name}"


def _name(data: Dependencies, what: str, index: int) -> str:
    labels = data.row_labels if what == "output" else data.column_labels
    return safe(labels[index]) if labels else str(index)


def inside(data: Dependencies, cursor: Cell) -> Cell:
    """The cell, or the nearest that there is."""
    rows, columns = data.cells.shape
    return min(max(0, cursor[0]), rows - 1), min(max(0, cursor[1]), columns - 1)


def _reading(data: Dependencies, cursor: Cell, paint: Paint) -> Text:
    """What the cell under the cursor holds."""
    row, column = inside(data, cursor)
    (top, under), (left, right) = data.rows[row : row + 2].tolist(), data.columns[column : column + 2].tolist()
    value = float(data.cells[row, column])
    several = (under - top) * (right - left)
    number = "exactly 0" if value == 0 else f"{value:.6g}"
    places = f"{_place(data, 'output', top, under - 1)} from {_place(data, 'input', left, right - 1)}:"
    most = f"the largest of {several:,}" if several > 1 else ""
    return joined([paint.text(places), paint.text(number, "accent", bold=True), paint.text(most, "quiet")], " ")


def _axes(paint: Paint) -> Text:
    """What rows and columns are."""
    words = f"{paint.glyphs.down} outputs  {paint.glyphs.cursor} inputs"
    return paint.text(" " * LABEL_WIDTH + words, "quiet")


def _columns(data: Dependencies, wide: int, cursor: Cell, paint: Paint) -> Text:
    """As many names of columns as there is room for; of a cursor only that of its own."""
    line = ""
    starts: Ints = data.columns[:-1]
    names = [cut(_name(data, "input", int(first)), LABEL_WIDTH) for first in starts]
    if cursor[0] >= 0:
        column = inside(data, cursor)[1]
        line = f"{paint.glyphs.down} {names[column]}"
        return paint.text(" " * (LABEL_WIDTH + 1 + column * wide) + line, "accent")
    stride = -(-(max(map(len, names), default=0) + 1) // wide)
    for column in range(0, len(names), stride):
        if column * wide > len(line) or not column:
            line = line.ljust(column * wide) + names[column]
    return paint.text(" " * (LABEL_WIDTH + 1) + line, "quiet")


def _matrix(data: Dependencies, high: int, cursor: Cell, paint: Paint) -> list[Text]:
    """Every cell in `high` lines of twice as many characters."""
    values = np.abs(data.cells)
    positive = values[np.isfinite(values) & (values > 0)]
    span = (math.log(float(positive.min())), math.log(float(positive.max()))) if len(positive) else (0.0, 0.0)
    at = inside(data, cursor) if cursor[0] >= 0 else NOWHERE
    lines = []
    for row in range(values.shape[0]):
        label = fit(_name(data, "output", int(data.rows[row])), LABEL_WIDTH, right=True)
        cells = [
            _cell(float(values[row, column]), span, paint, leaking=(row, column) == data.leak_cell)
            for column in range(values.shape[1])
        ]
        for part in range(high):
            meaning = "accent" if row == at[0] and not part else "quiet"
            line = joined([paint.text(fit("" if part else label, LABEL_WIDTH), meaning)], "")
            line.append(" ")
            for column, (words, style, fills) in enumerate(cells):
                shown = (words * high)[: 2 * high] if fills else _centred(words, high, part)
                line.append(shown, style + Style(reverse=True) if (row, column) == at else style)
            lines.append(line)
    return lines


def _centred(words: str, high: int, part: int) -> str:
    """What does not fill a cell stands in its middle."""
    return " " * (high - 1) + words + " " * (high - 1) if part == (high - 1) // 2 else " " * (2 * high)


def _cell(value: float, span: tuple[float, float], paint: Paint, *, leaking: bool) -> tuple[str, Style, bool]:
    """Two characters, their style, and whether they fill a larger cell."""
    if leaking:
        return paint.glyphs.failed * 2, paint.style("error", bold=True), True
    if math.isnan(value) or math.isinf(value):
        return "nn" if paint.glyphs.kind == "ascii" else "¿ ", paint.style("error"), True
    if value == 0:
        return f"{paint.glyphs.dot} ", paint.style("faint"), False
    low, high = span
    shades = SHADES[paint.glyphs.kind]
    share = (math.log(value) - low) / (high - low) if high > low else 1.0
    return shades[min(int(share * len(shades)), len(shades) - 1)] * 2, paint.style("primary"), True


def _legend(data: Dependencies, paint: Paint) -> Text:
    shades = SHADES[paint.glyphs.kind]
    values = np.abs(data.cells)
    positive = values[np.isfinite(values) & (values > 0)]
    parts = [joined([paint.text(paint.glyphs.dot, "faint"), paint.text("exactly 0", "quiet")], " ")]
    if len(positive):
        ends = f"{format_number(float(positive.min()))} to {format_number(float(positive.max()))}, logarithmic"
        parts.append(joined([paint.text(shades, "primary"), paint.text(ends, "quiet")], " "))
    if data.leak[0] >= 0:
        parts.append(joined([paint.text(paint.glyphs.failed * 2, "error"), paint.text("the leak", "quiet")], " "))
    return joined([Text(" " * LABEL_WIDTH), *parts])
