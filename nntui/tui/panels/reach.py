"""What stands beside a dependency matrix: what it is, what of it must be zero and is not, the check, and how that went over time.

Owns those words. Pure. Invariant: every foreign string goes through Paint.text; what has no room is left out whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from rich.text import Text

from nntui.analysis.ticks import format_number
from nntui.finding import Finding
from nntui.session.dependencies import Dependencies, Floats
from nntui.tui.canvas import towers
from nntui.tui.paint import Paint, cut_line, joined, wrapped
from nntui.tui.units import fit

CHECK = "skeleton.dependency"
NAME_WIDTH = 9
BARS = 6
"""Lines of the bars over time."""
GUTTER = 10
"""Cells at their left."""
EACH = {"batch": "one per example of the batch", "time": "one per place in time"}
MUST = {
    "batch": "exactly 0 off the diagonal: no output may depend on another example",
    "time": "exactly 0 right of the diagonal: no output may depend on what comes later",
}
WHERE = {"batch": "off the diagonal", "time": "right of the diagonal"}
CELL = "how strongly the output of its row depends on the input of its column: the largest |gradient|"


def about_lines(data: Dependencies, checks: Sequence[Finding], width: int, height: int, paint: Paint) -> list[Text]:
    """The parts, the most needed first."""
    lines: list[Text] = []
    for part in (_axes(data, width, paint), _crossing(data, width, paint), *_advice(checks, width, paint)):
        if part and len(lines) + len(part) + 1 <= height:
            lines += [*part, Text()]
    room = height - len(lines)
    return lines + history_lines(data, width, min(room, BARS + 2), paint) if room >= 4 else lines


def _axes(data: Dependencies, width: int, paint: Paint) -> list[Text]:
    """What rows, columns and cells are, and which of them must be zero."""
    each = EACH.get(data.axis, "")
    pairs = [
        ("rows", f"{data.size[0]:,} outputs{f', {each}' if each else ''}"),
        ("columns", f"{data.size[1]:,} inputs{f', {each}' if each else ''}"),
        ("a cell", CELL),
        ("must be", MUST.get(data.axis, "")),
    ]
    return [line for name, words in pairs if words for line in _named(name, words, width, paint)]


def _named(name: str, words: str, width: int, paint: Paint) -> list[Text]:
    lines = wrapped(words, width - NAME_WIDTH, paint, "foreground")
    names = [name, *[""] * (len(lines) - 1)]
    return [joined([paint.text(fit(n, NAME_WIDTH), "quiet"), line], "") for n, line in zip(names, lines, strict=True)]


def _crossing(data: Dependencies, width: int, paint: Paint) -> list[Text]:
    """How much is not zero, of what is where nothing crosses."""
    if not data.apart or data.axis not in WHERE:
        return []
    where = WHERE[data.axis]
    if not data.crossing:
        return wrapped(f"All {data.apart:,} numbers {where} are exactly 0.", width, paint, "success")
    words = f"{data.crossing:,} of {data.apart:,} numbers {where} are not 0, the largest {format_number(data.reach)}."
    return wrapped(words, width, paint, "error" if data.leak[0] >= 0 else "primary")


def _advice(checks: Sequence[Finding], width: int, paint: Paint) -> list[list[Text]]:
    """What the check said, and what it would try."""
    check = next((one for one in checks if one.id == CHECK and one.status not in ("pass", "skip")), None)
    if check is None:
        return []
    glyph, meaning = paint.verdict(check.status)
    said = [paint.text(f"{glyph} {check.id}", meaning, bold=True), *wrapped(check.message, width, paint, "foreground")]
    tries = wrapped(check.advice, width, paint, "foreground") if check.advice else []
    return [said, [paint.text("what to try", "quiet"), *tries] if tries else []]


def history_lines(data: Dependencies, width: int, height: int, paint: Paint) -> list[Text]:
    """The largest number that is zero where nothing crosses, of each recording; bars by their logarithms, none where it is 0."""
    values, room = data.history, width - GUTTER
    if len(values) < 2 or height < 4 or room < 8 or data.axis not in WHERE:
        return []
    each = max(1, room // len(values))
    first = max(0, len(values) - room)
    known = values[np.isfinite(values) & (values > 0)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    rows = towers(_shares(values[first:], low, high), height - 2, paint.glyphs.bar)
    name = f"largest {WHERE[data.axis]}, {len(values) - first} recordings"
    lines = [paint.text(name, "quiet")]
    for row, bars in enumerate(rows):
        tick = format_number(high) if not row else (format_number(low) if row == len(rows) - 1 and low < high else "")
        wide = "".join(bar * each for bar in bars)
        lines.append(
            joined([paint.text(fit(tick, GUTTER - 1, right=True) + " ", "quiet"), paint.text(wide, "primary")], "")
        )
    left, right = (f"step {step:,}" if step >= 0 else "start" for step in (data.steps[first], data.steps[-1]))
    axis = list(left.ljust(max(len(left) + 1 + len(right), each * (len(values) - first)) - len(right)) + right)
    lines.append(paint.text(" " * GUTTER + "".join(axis), "quiet"))
    return [cut_line(line, width) for line in lines]


def _shares(values: Floats, low: float, high: float) -> Floats:
    """Height of each bar: of the least 0.2, of the largest and of what is not finite 1, of 0 nothing."""
    sizes = np.where(values > 0, np.clip(values, low, high), 1.0)
    spread = math.log(high / low) if high > low > 0 else 0.0
    shares = 0.2 + 0.8 * np.log(sizes / low) / spread if spread else np.ones(len(values))
    return np.where(np.isfinite(values), np.where(values > 0, shares, 0.0), 1.0)
