"""What the terminal shows, cell by cell, so that only what differs is sent.

Owns turning an update of whole regions into one of changed runs. Refuses to guess: what may not be there is sent.
Invariant: after every update the terminal shows what it would have shown without this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.control import Control
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Size
from textual.strip import Strip

GAP = 4
"""Equal cells between two changed ones that cost less than moving the cursor over them."""

Cell = tuple[str, Any] | None
"""A character and its style; None where it is not known what the terminal shows."""
_PLAIN = Style()


class Runs(CompositorUpdate):
    """Pieces of lines at their places, from top to bottom."""

    def __init__(self, pieces: list[tuple[int, int, Strip]]) -> None:
        self.pieces = pieces

    def render_segments(self, console: Console) -> str:
        """Everything that is sent: a style is said once for all that follows in it, and the cursor moves as little as it can."""
        blocks: list[tuple[Style, list[str]]] = []
        cursor = (-1, -1)
        for x, y, strip in self.pieces:
            move = f"\x1b[{x - cursor[0]}C" if y == cursor[1] and x > cursor[0] else Control.move_to(x, y).segment.text
            for segment in strip:
                style = segment.style or _PLAIN
                if not blocks or blocks[-1][0] != style:
                    blocks.append((style, []))
                blocks[-1][1].append(move + segment.text)
                move = ""
            cursor = (x + strip.cell_length, y)
        colours = console._color_system or ColorSystem.TRUECOLOR
        return "".join(Strip.render_style(style, "".join(text), color_system=colours) for style, text in blocks)


class Terminal:
    """The cells of one terminal."""

    def __init__(self) -> None:
        self._rows: list[list[Cell]] = []
        self._size = Size(0, 0)

    def forget(self) -> None:
        """Nothing is known: the terminal was cleared, resized or written to by others."""
        self._rows = []
        self._size = Size(0, 0)

    def changes(self, update: Any, size: Size) -> Any:
        """What must be sent in place of an update; None when nothing must. An update of another kind is sent whole."""
        if not isinstance(update, ChopsUpdate):
            self.forget()
            if isinstance(update, LayoutUpdate):
                self._learn(update, size)
            return update
        self._fit(size)
        pieces = [piece for x, y, strip in _strips(update) for piece in self._differing(x, y, strip)]
        return Runs(pieces) if pieces else None

    def _fit(self, size: Size) -> None:
        """Of a terminal of another size nothing is known."""
        if size != self._size:
            self._size = size
            self._rows = [[None] * size.width for _ in range(size.height)]

    def _learn(self, update: LayoutUpdate, size: Size) -> None:
        """Note what a whole screen shows, so that the first change of each of its rows is not sent as a whole row."""
        self._fit(size)
        for y, line in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in line:
                self._differing(x, y, strip)
                x += strip.cell_length

    def _differing(self, x: int, y: int, strip: Strip) -> list[tuple[int, int, Strip]]:
        """The runs of a strip that the terminal does not show yet."""
        width = strip.cell_length
        if not 0 <= y < len(self._rows) or x + width > self._size.width:
            return [(x, y, strip)]
        row = self._rows[y]
        text = strip.text
        if len(text) != width or not all(_is_one_cell(char) for char in set(text)):
            row[x : x + width] = [None] * width
            return [(x, y, strip)]
        cells = [(char, _look(char, segment.style)) for segment in strip for char in segment.text]
        found = [(x + a, y, strip.crop(a, b)) for a, b in _runs(row[x : x + width], cells)]
        row[x : x + width] = cells
        return found


def _is_one_cell(char: str) -> bool:
    return char.isprintable() and cell_len(char) == 1


def _strips(update: ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    """(x, y, strip) of an update, as the update itself would draw them."""
    for y, x1, x2 in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x <= x2 and end > x1:
                yield x, y, strip if x2 > x >= x1 and end <= x2 else strip.crop(0, min(end, x2) - x)


def _look(char: str, style: Style | None) -> Any:
    """What tells two cells with the same character apart: of a blank its background alone."""
    style = style or _PLAIN
    if char == " " and not (style.reverse or style.underline or style.underline2 or style.overline or style.strike):
        return style.bgcolor
    return style


def _runs(old: list[Cell], new: list[tuple[str, Any]]) -> list[tuple[int, int]]:
    """(start, end) of the stretches that differ; those that are close together as one."""
    found: list[tuple[int, int]] = []
    for place, (before, after) in enumerate(zip(old, new, strict=True)):
        if before != after:
            if found and place - found[-1][1] <= GAP:
                found[-1] = (found[-1][0], place + 1)
            else:
                found.append((place, place + 1))
    return found
