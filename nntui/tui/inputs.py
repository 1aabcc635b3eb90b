"""An input as a person sees it, beside the facts about it: a picture, a text, numbers.

Owns where it stands. Pure functions of what was recorded, a size and a Paint. Invariant: no line is wider than asked.
"""

from __future__ import annotations

from rich.text import Text

from nntui.analysis.ticks import format_number
from nntui.session.examples import Shown
from nntui.tui.paint import Paint
from nntui.tui.pictures import as_picture, picture_lines
from nntui.tui.safe import safe
from nntui.tui.units import wrap

PICTURE_WIDTH = 36
NUMBERS = 200
"""Most numbers that are written out."""


def with_input(facts: list[Text], given: Shown, width: int, height: int, paint: Paint) -> list[Text]:
    """The facts with a picture at their left where there is room, else above them; a text or numbers below them."""
    pixels = as_picture(given.shape, given.data)
    if pixels is None:
        return [shortened(line, width) for line in [*facts, *_written(given, width, paint)]]
    beside = width >= 2 * PICTURE_WIDTH
    room = (min(PICTURE_WIDTH, width // 2), max(4, height)) if beside else (width, max(4, height // 2))
    picture = picture_lines(pixels, *room, paint)
    if not beside:
        return [*picture, *(shortened(line, width) for line in facts)]
    wide = max((line.cell_len for line in picture), default=0)
    lines = []
    for row in range(max(len(picture), len(facts))):
        left = picture[row].copy() if row < len(picture) else Text(no_wrap=True, end="")
        left.append(" " * (wide - left.cell_len + 2))
        lines.append(shortened(left.append_text(facts[row]) if row < len(facts) else left, width))
    return lines


def has_picture(given: Shown) -> bool:
    """Whether an input is drawn as a picture."""
    return as_picture(given.shape, given.data) is not None


def _written(given: Shown, width: int, paint: Paint) -> list[Text]:
    """The input as text or as numbers; a word where none was recorded."""
    title = [Text(), paint.text("input", "quiet")]
    if given.text:
        return title + [paint.text(line) for line in wrap(safe(given.text), width)]
    if not len(given.data):
        return [*title, paint.text("was not recorded", "faint")]
    numbers = "  ".join(format_number(float(value), 3) for value in given.data[:NUMBERS])
    shape = " × ".join(str(n) for n in given.shape) or "1"
    rest = f" … of {len(given.data):,}" if len(given.data) > NUMBERS else ""
    return [*title, *(paint.text(line) for line in wrap(f"{shape}:  {numbers}{rest}", width))]


def shortened(line: Text, width: int) -> Text:
    """The line in at most `width` cells."""
    line.truncate(max(0, width), overflow="ellipsis")
    return line
