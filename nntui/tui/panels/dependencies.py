"""What the dependencies screen says: which input reaches which output, as a heat map.

Owns the words and the cells. Pure functions of a snapshot, a size and a Paint. Invariant: exactly zero is drawn as nothing else
is, and the leak is a cell of its own in words and in glyphs.
"""

from __future__ import annotations

import math

import numpy as np
from rich.style import Style
from rich.text import Text

from nntui.analysis.ticks import format_number
from nntui.session.dependencies import Dependencies
from nntui.tui.paint import Paint, cut_line, joined, spread
from nntui.tui.units import fit, wrap

LABEL_WIDTH = 5
SHADES = {"braille": "░▒▓█", "block": "░▒▓█", "ascii": "-+*#"}
MUST = {
    "batch": ("an example", "another example", "off the diagonal"),
    "time": ("an output", "what comes later", "right of the diagonal"),
}


def room_for(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of cells that a panel has for the matrix: cells are two characters wide."""
    return max(1, height - 7), max(1, (width - LABEL_WIDTH - 2) // 2)


def dependency_lines(data: Dependencies, width: int, height: int, paint: Paint) -> list[Text]:
    """The matrix under its verdict, over what its shades mean."""
    if not data.count:
        words = (
            "No dependencies were recorded. `nntui train` records them with its checks before the first step; your own loop "
            "calls nntui.preflight(task, run=run), or run.dependencies(matrix)."
        )
        return [Text(), *(paint.text(f"  {line}", "quiet") for line in wrap(words, width - 4))]
    lines = [_title(data, width, paint), *_verdict(data, width, paint), Text()]
    lines.append(paint.text(f"{'':<{LABEL_WIDTH}} inputs {paint.glyphs.cursor}", "quiet"))
    lines += _matrix(data, paint)
    lines.append(_legend(data, paint))
    return [cut_line(line, width) for line in lines[:height]]


def _title(data: Dependencies, width: int, paint: Paint) -> Text:
    when = f"step {data.step:,}" if data.step >= 0 else "before the first step"
    size = f"{data.size[0]} outputs × {data.size[1]} inputs"
    small = data.cells.shape != data.size
    pooled = f"shown as {data.cells.shape[0]} × {data.cells.shape[1]} by the largest of each" if small else ""
    parts = [paint.text(f"{data.name} · {data.axis}", bold=True), paint.text(size), paint.text(pooled, "quiet")]
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


def _place(data: Dependencies, what: str, index: int) -> str:
    labels = data.row_labels if what == "output" else data.column_labels
    name = labels[index] if labels else str(index)
    if data.axis == "batch":
        return f"example {name}'s output" if what == "output" else f"the input of example {name}"
    return f"the {what} at time {name}" if data.axis == "time" else f"{what} {name}"


def _matrix(data: Dependencies, paint: Paint) -> list[Text]:
    shades = SHADES[paint.glyphs.kind]
    values = np.abs(data.cells)
    positive = values[np.isfinite(values) & (values > 0)]
    low, high = (math.log(float(positive.min())), math.log(float(positive.max()))) if len(positive) else (0.0, 0.0)
    rows = []
    for row in range(values.shape[0]):
        first = row * data.size[0] // values.shape[0]
        label = data.row_labels[first] if data.row_labels else str(first)
        line = joined([paint.text(fit(label, LABEL_WIDTH, right=True), "quiet")], "")
        line.append(" ")
        for column in range(values.shape[1]):
            leaking = (row, column) == data.leak_cell
            line.append(*_cell(float(values[row, column]), low, high, shades, paint, leaking=leaking))
        rows.append(line)
    return rows


def _cell(value: float, low: float, high: float, shades: str, paint: Paint, *, leaking: bool) -> tuple[str, Style]:
    if leaking:
        return paint.glyphs.failed * 2, paint.style("error", bold=True)
    if math.isnan(value) or math.isinf(value):
        return "nn" if paint.glyphs.kind == "ascii" else "¿ ", paint.style("error")
    if value == 0:
        return f"{paint.glyphs.dot} ", paint.style("faint")
    share = (math.log(value) - low) / (high - low) if high > low else 1.0
    return shades[min(int(share * len(shades)), len(shades) - 1)] * 2, paint.style("primary")


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
