"""Many examples at once: pictures side by side, or texts and rows of numbers below one another.

Owns where each stands. Pure functions of what was recorded, a size and a Paint. Invariant: how many have no room is said by
`Plan.most`; nothing is wider or higher than asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style
from rich.text import Text

from nntui.analysis.ticks import format_number
from nntui.session.examples import Shown
from nntui.session.samples import Samples
from nntui.tui.paint import Paint, cut_line, joined, padded, spread
from nntui.tui.pictures import as_picture, cells, picture_lines, sizes
from nntui.tui.safe import safe
from nntui.tui.units import fit, wrap

LEAST_WIDTH = 8
"""Cells that the words below a picture have at least."""
ENOUGH = 24
"""Pictures for which room is made before they are made larger."""
FEW = 6
"""The same before they are made smaller than they are."""
MANY = 48
"""The same as ENOUGH where pictures have all their pixels: they can be smaller and still be read."""
CLEAR = 8
"""Cells across from which such a picture can be read."""
DETAILED = 64
"""Pixels across beyond which it takes twice as many."""
SMALLER = (2, 3, 4, 6, 8, 12, 16, 24, 32, 64)
"""Parts of its own size in which a large picture is drawn."""
NUMBER = 9
"""Cells of a number in a row."""


@dataclass(frozen=True, slots=True)
class Card:
    """One example with what is said of it."""

    given: Shown
    words: str
    meaning: str = "quiet"


@dataclass(frozen=True, slots=True)
class Plan:
    """How cards of one size are laid out."""

    wide: int
    """Cells of a card, without the gap behind it."""
    high: int
    """Lines of a card, with its words."""
    across: int
    down: int
    picture: bool
    size: tuple[int, int] = (0, 0)
    """Cells and lines that a picture may have."""

    @property
    def most(self) -> int:
        """Cards that have room."""
        return self.across * self.down

    @classmethod
    def of(cls, given: Shown, count: int, width: int, height: int, paint: Paint) -> Plan:
        """Room for cards like the given one: the larger the better, as long as `count` of them have room, or enough."""
        pixels = as_picture(given.shape, given.data)
        if pixels is None:
            lines = 1 if len(given.data) and not given.text else 2
            return cls(max(1, width), lines, 1, max(0, height // lines), False)
        rows, columns = pixels.shape[:2]
        found: list[Plan] = []
        for wide, high, enough in _wanted(rows, columns, paint):
            card = min(max(wide, LEAST_WIDTH), max(1, width))
            across = max(1, (width + 1) // (card + 1))
            found.append(cls(card, high + 1, across, max(0, height // (high + 1)), True, (min(wide, card), high)))
            if found[-1].most >= min(max(1, count), enough):
                break
        return found[-1]


def _wanted(rows: int, columns: int, paint: Paint) -> list[tuple[int, int, int]]:
    """Width and height of a picture, the larger first, each with how many must have room for it to be taken."""
    known = sizes(rows, columns, paint)
    if paint.pixels is not None:
        clear = CLEAR if max(rows, columns) <= DETAILED else 2 * CLEAR
        return [(wide, high, MANY if wide > clear else FEW) for wide, high in known]
    whole = cells(rows, columns, 1, paint)
    smaller = [(-(-whole[0] // part), -(-whole[1] // part), FEW) for part in (1, *SMALLER)]
    return [*((wide, high, ENOUGH) for wide, high in known), *smaller]


def gallery(cards: Sequence[Card], plan: Plan, paint: Paint, chosen: int = -1) -> list[Text]:
    """As many cards as there is room for, the chosen one's words marked."""
    if not plan.picture:
        return [
            line for at, card in enumerate(cards[: plan.most]) for line in _written(card, plan, paint, at == chosen)
        ]
    lines: list[Text] = []
    for first in range(0, min(len(cards), plan.most), plan.across):
        row = [
            _drawn(card, plan, paint, first + at == chosen)
            for at, card in enumerate(cards[first : first + plan.across])
        ]
        lines += [joined([card[at] for card in row], " ") for at in range(plan.high)]
    return lines


def _drawn(card: Card, plan: Plan, paint: Paint, chosen: bool) -> list[Text]:
    """A picture over its words."""
    pixels = as_picture(card.given.shape, card.given.data)
    if pixels is None:
        lines = [paint.text(line, "faint") for line in wrap(safe(card.given.text or "–"), plan.wide)]
    else:
        lines = picture_lines(pixels, *plan.size, paint)
    lines += [Text(no_wrap=True, end="") for _ in range(plan.high - 1 - len(lines))]
    words = paint.text(fit(safe(card.words), plan.wide), "accent" if chosen else card.meaning, bold=chosen)
    if chosen:
        words.stylize(Style(reverse=True))
    return [padded(line, plan.wide) for line in [*lines[: plan.high - 1], words]]


def _written(card: Card, plan: Plan, paint: Paint, chosen: bool) -> list[Text]:
    """A text over its words, or a row of numbers before them."""
    mark = paint.text(paint.glyphs.cursor if chosen else " ", "accent", bold=True)
    words = paint.text(card.words, card.meaning)
    if plan.high == 1:
        room = max(1, (plan.wide - 12) // NUMBER)
        numbers = "".join(fit(format_number(float(value), 3), NUMBER, right=True) for value in card.given.data[:room])
        rest = paint.text(f"… of {len(card.given.data):,}" if len(card.given.data) > room else "", "faint")
        return [cut_line(joined([mark, paint.text(numbers), rest, words], " "), plan.wide)]
    text = paint.text(card.given.text or "was not recorded", "foreground" if card.given.text else "faint")
    return [cut_line(joined([part, line], " "), plan.wide) for part, line in ((mark, text), (Text(" "), words))]


# --- what entered the network -----------------------------------------------------------------------


def samples_lines(data: Samples, width: int, height: int, paint: Paint, hint: str = "") -> list[Text]:
    """The examples that entered at one step, under which step that was. hint: at the right edge."""
    if not data.samples or height < 2 or width < 1:
        return []
    cards = [Card(one.given, _target(one.target)) for one in data.samples]
    plan = Plan.of(cards[0].given, len(cards), width, height - 1, paint)
    shown = gallery(cards, plan, paint)
    step = f"step {int(data.steps[data.at]):,}, {data.at + 1} of {len(data.steps)}"
    left_out = f", the first {plan.most} of {len(cards)}" if plan.most < len(cards) else ""
    title = [paint.text("entered the network", bold=True), paint.text(step + left_out, "quiet")]
    return [spread(joined(title), paint.text(hint, "quiet"), width), *shown][:height]


def _target(target: Shown) -> str:
    """A label in few words."""
    if target.text or not len(target.data):
        return target.text
    return " ".join(format_number(float(value), 3) for value in target.data[:4])
