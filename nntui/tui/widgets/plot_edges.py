"""The edges of a plot, and the plot that has no points yet.

Owns what of a plot can be drawn before there are numbers, and imports nothing that draws them. Pure. Invariant: every line is
exactly as wide as asked.
"""

from __future__ import annotations

from rich.style import Style
from rich.text import Text

from nntui.tui.paint import Paint, joined
from nntui.tui.units import fit

LABEL_WIDTH = 6


def blank_lines(width: int, height: int, paint: Paint, title: str, words: str) -> list[Text]:
    """The frame of a plot without points, and why there are none."""
    border, wall = paint.style("border"), paint.glyphs.wall
    lines = [_framed(Text(" " * (width - 2)), border, wall) for _ in range(height - 2)]
    lines[(height - 2) // 2] = _framed(paint.text(fit(f"  {words}", width - 2), "quiet"), border, wall)
    edge = upper_edge(paint.text(f" {title} " if title else "", "quiet"), Text(), width, paint)
    return [edge, *lines, lower_edge(Text(paint.glyphs.rule * (width - 2), border), paint)]


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


def lower_edge(line: Text, paint: Paint) -> Text:
    """The lower edge with the axis in it."""
    border = paint.style("border")
    corners = "++" if paint.glyphs.kind == "ascii" else "╰╯"
    return joined([Text(corners[0], border), line, Text(corners[1], border)], "")


def _framed(line: Text, border: Style, wall: str) -> Text:
    return joined([Text(wall, border), line, Text(wall, border)], "")
