"""Styles by meaning, taken from the theme in force.

Owns the way from a word (`quiet`, `error`) to a Rich style. Invariant: a panel names meanings, never colours.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style
from rich.text import Span, Text
from textual.theme import Theme

from nntui.tui.glyphs import Glyphs
from nntui.tui.safe import safe
from nntui.tui.shelf import Shelf
from nntui.tui.themes import series_style, style_of
from nntui.tui.units import wrap

LOUD = frozenset({"warning", "error"})
SOFT = frozenset({"faint", "border"})


@dataclass(frozen=True, slots=True)
class Pixels:
    """How a terminal shows pictures with all their pixels."""

    shelf: Shelf
    cell: tuple[int, int] = (10, 20)
    """Width and height of a cell, in its pixels."""
    turned: int = 0
    """How often pictures were let go: what was drawn before may show none."""


@dataclass(frozen=True, slots=True)
class Paint:
    """What a panel draws with."""

    theme: Theme
    glyphs: Glyphs
    colours: bool = True
    """Whether the terminal may be sent colours; without them (NO_COLOR) what matters is bold and what does not is dim."""
    exact: bool = False
    """Whether it says that it shows any colour (COLORTERM), not the nearest of 256 or 16."""
    pixels: Pixels | None = None
    """None where pictures are drawn in characters."""

    def style(self, meaning: str, *, bold: bool = False) -> Style:
        """foreground | quiet | faint | border | primary | accent | success | warning | error."""
        if not self.colours:
            return Style(bold=bold or meaning in LOUD or None, dim=meaning in SOFT or None)
        colour = self.theme.variables.get(meaning) or getattr(self.theme, meaning)
        return style_of(colour, bold=bold)

    def ground(self, meaning: str) -> Style:
        """What lies under words: panel | surface."""
        return Style(bgcolor=getattr(self.theme, meaning)) if self.colours else Style(reverse=True)

    def text(self, words: object, meaning: str = "foreground", *, bold: bool = False) -> Text:
        """Words from anywhere, made safe, never read as markup, on one line."""
        return Text(safe(words), self.style(meaning, bold=bold), no_wrap=True, end="")

    def series(self, index: int, *, band: bool = False, dim: bool = False) -> Style:
        """The style of a series of a plot."""
        if not self.colours:
            return Style(dim=band or dim or None)
        return series_style(index, dark=self.theme.dark, band=band, dim=dim)

    def verdict(self, status: str) -> tuple[str, str]:
        """Glyph and meaning of a check's verdict or an alert's severity."""
        g = self.glyphs
        return {
            "pass": (g.passed, "success"),
            "warn": (g.warned, "warning"),
            "fail": (g.failed, "error"),
            "error": (g.failed, "error"),
            "crash": (g.failed, "warning"),
            "skip": (g.skipped, "quiet"),
            "info": (g.info, "primary"),
        }.get(status, (g.info, "quiet"))

    def state(self, state: str) -> tuple[str, str]:
        """Glyph and meaning of a run's state."""
        g = self.glyphs
        return {
            "live": (g.live, "success"),
            "quiet": (g.live, "warning"),
            "silent": (g.waiting, "warning"),
            "ended": (g.ended, "primary"),
            "crashed": (g.failed, "error"),
        }.get(state, (g.waiting, "quiet"))


def joined(parts: list[Text], gap: str = "  ") -> Text:
    """The parts side by side."""
    words: list[str] = []
    spans: list[Span] = []
    end = 0
    for part in parts:
        plain = part.plain
        if not plain:
            continue
        if words and gap:
            words.append(gap)
            end += len(gap)
        if part.style:
            spans.append(Span(end, end + len(plain), part.style))
        spans += [Span(start + end, stop + end, style) for start, stop, style in part.spans]
        words.append(plain)
        end += len(plain)
    return Text("".join(words), spans=spans, no_wrap=True, end="")


def fitted(parts: list[tuple[int, Text]], width: int, gap: str = "  ") -> Text:
    """The parts side by side in at most `width` cells; the smallest numbers are placed first, what has no room is left out."""
    kept: set[int] = set()
    used = -len(gap)
    for index in sorted(range(len(parts)), key=lambda i: parts[i][0]):
        size = parts[index][1].cell_len
        if size and (not kept or used + len(gap) + size <= width):
            kept.add(index)
            used += len(gap) + size
    line = joined([text for index, (_, text) in enumerate(parts) if index in kept], gap)
    line.truncate(max(0, width), overflow="ellipsis")
    return line


def spread(left: Text, right: Text, width: int) -> Text:
    """One at each edge; the left one is cut where they would meet, the right one left out where it alone has no room."""
    if not right.cell_len or right.cell_len + 8 > width:
        right = Text()
    line = joined([left], "")
    room = width - right.cell_len - (2 if right.cell_len else 0)
    line.truncate(max(0, room), overflow="ellipsis")
    if right.cell_len:
        line.append(" " * (width - line.cell_len - right.cell_len))
        line.append_text(right)
    return line


def cut_line(line: Text, width: int) -> Text:
    """The line in at most `width` cells."""
    line.truncate(max(0, width), overflow="ellipsis")
    return line


def padded(line: Text, width: int) -> Text:
    """The line in exactly `width` cells."""
    line.truncate(max(0, width), overflow="ellipsis", pad=True)
    return line


def beside(left: list[Text], right: list[Text], width: int, height: int, between: Text) -> list[Text]:
    """Two blocks of lines in exactly `height` lines, the left one `width` cells wide."""
    lines: list[Text] = []
    for row in range(height):
        line = padded(joined(left[row : row + 1]), width)  # joined: the style of a whole line is that of no other
        lines.append(line.append_text(between).append_text(right[row] if row < len(right) else Text()))
    return lines


def labelled(label: str, value: str, paint: Paint) -> Text:
    """A quiet word and what it names."""
    return joined([paint.text(label, "quiet"), paint.text(value, bold=True)], " ")


def wrapped(words: str, width: int, paint: Paint, meaning: str, indent: int = 0, most: int = 0) -> list[Text]:
    """Words from anywhere in lines of at most `width` cells. most: lines; 0 for as many as it takes."""
    return [paint.text(" " * indent + line, meaning) for line in wrap(safe(words), width - indent, most)]
