"""What the terminal shows, cell by cell, so that only what differs is sent.

Owns turning an update of regions, or of the whole screen, into one of changed runs. Refuses to guess: what may not be there is
sent. Invariant: after every update the terminal shows what it would have shown without this.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.control import Control
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Size
from textual.strip import Strip

from nntui.tui.shelf import FIRST, Shelf

GAP = 4
"""Equal cells between two changed ones that cost less than moving the cursor over them."""

Cell = tuple[str, Any] | None
"""A character and its style; None where it is not known what the terminal shows."""
_PLAIN = Style()
Codes = tuple[str, str, str]
NOTHING: Codes = ("", "", "")


class Runs(CompositorUpdate):
    """Pieces of lines at their places, from top to bottom."""

    def __init__(self, pieces: list[tuple[int, int, Strip]], shelf: Shelf) -> None:
        self.pieces = pieces
        self._shelf = shelf

    def pictures(self) -> set[int]:
        """Numbers of the pictures of which something is sent."""
        return {number for _, _, strip in self.pieces for number in self._shelf.numbers(strip.text)}

    def render_segments(self, console: Console) -> str:
        """Everything that is sent: of a style what differs from the one before, and the cursor moves as little as it can."""
        colours, said, cursor = console._color_system or ColorSystem.TRUECOLOR, NOTHING, (-1, -1)
        sent: list[str] = []
        for x, y, strip in self.pieces:
            near = y == cursor[1] and x > cursor[0]
            sent.append(f"\x1b[{x - cursor[0]}C" if near else Control.move_to(x, y).segment.text)
            for segment in strip:
                wanted = _codes(segment.style or _PLAIN, colours)
                for colour, text in self._shelf.shown(segment.text):
                    shown = (wanted[0], colour or wanted[1], wanted[2])
                    sent += (_change(said, shown), text)
                    said = shown
            cursor = (x + strip.cell_length, y)
        return "".join([*sent, _change(said, NOTHING)])


@lru_cache(maxsize=4096)
def _codes(style: Style, colours: ColorSystem) -> Codes:
    """What is said of a style: its attributes, its colour, its ground; empty where they are the terminal's own."""
    colour, ground = (
        ";".join(one.downgrade(colours).get_ansi_codes(foreground=front)) if one else ""
        for one, front in ((style.color, True), (style.bgcolor, False))
    )
    return Strip.render_ansi(style.without_color, colours), colour, ground


def _change(before: Codes, after: Codes) -> str:
    """What turns one style into another: what differs, or all of it where something can only be taken back with the rest."""
    if before == after:
        return ""
    kept = before[0] == after[0] and all(new or not old for old, new in zip(before, after, strict=True))
    parts = [new for old, new in zip(before, after, strict=True) if new != old] if kept else ["0", *filter(None, after)]
    return f"\x1b[{';'.join(parts)}m"


class Terminal:
    """The cells of one terminal."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self._shelf = shelf or Shelf()
        self._rows: list[list[Cell]] = []
        self._size = Size(0, 0)

    def forget(self) -> None:
        """Nothing is known: the terminal was cleared, resized or written to by others."""
        self._rows = []
        self._size = Size(0, 0)

    def changes(self, update: Any, size: Size) -> Any:
        """What must be sent in place of an update; None when nothing must. An update of another kind is sent whole."""
        if update is None:
            return None
        if not isinstance(update, ChopsUpdate | LayoutUpdate):
            self.forget()
            return update
        self._fit(size)
        strips = _strips(update) if isinstance(update, ChopsUpdate) else _all_strips(update)
        pieces = [piece for x, y, strip in strips for piece in self._differing(x, y, strip)]
        return Runs(pieces, self._shelf) if pieces else None

    def pictures(self) -> set[int]:
        """Numbers of the pictures on the screen."""
        return self._shelf.numbers("".join(cell[0] for row in self._rows for cell in row if cell))

    def _fit(self, size: Size) -> None:
        """Of a terminal of another size nothing is known."""
        if size != self._size:
            self._size = size
            self._rows = [[None] * size.width for _ in range(size.height)]

    def _differing(self, x: int, y: int, strip: Strip) -> list[tuple[int, int, Strip]]:
        """The runs of a strip that the terminal does not show yet."""
        width = strip.cell_length
        if not 0 <= y < len(self._rows) or x + width > self._size.width:
            return [(x, y, strip)]
        row = self._rows[y]
        text = strip.text
        if len(text) != width or not all(_is_one_cell(char) for char in set(text)):
            kept: list[Cell] = [
                (char, None) for char in text if char >= FIRST
            ]  # somewhere, like nothing that is compared
            row[x : x + width] = (kept + [None] * width)[:width]
            return [(x, y, strip)]
        cells = [cell for segment in strip for cell in _cells(segment.text, segment.style or _PLAIN)]
        found = [(x + a, y, strip.crop(a, b)) for a, b in _runs(row[x : x + width], cells)]
        row[x : x + width] = cells
        return found


def _is_one_cell(char: str) -> bool:
    return char >= FIRST or (char.isprintable() and cell_len(char) == 1)


def _strips(update: ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    """(x, y, strip) of an update, as the update itself would draw them."""
    for y, x1, x2 in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x <= x2 and end > x1:
                yield x, y, strip if x2 > x >= x1 and end <= x2 else strip.crop(0, min(end, x2) - x)


def _all_strips(update: LayoutUpdate) -> Iterator[tuple[int, int, Strip]]:
    """The same of a whole screen."""
    for y, line in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in line:
            yield x, y, strip
            x += strip.cell_length


def _cells(text: str, style: Style) -> list[tuple[str, Any]]:
    """Each character with what tells it from the same one beside it: of a blank its background alone."""
    lined = style.reverse or style.underline or style.underline2 or style.overline or style.strike
    blank = style if lined else style.bgcolor
    return [(char, blank if char == " " else style) for char in text]


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
