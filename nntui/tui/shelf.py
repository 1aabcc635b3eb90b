"""Which pictures a terminal has been handed over, by what is on them, and the characters that stand for their cells.

Owns the numbers of pictures, and when each is sent and deleted. Inside the app a cell of a picture is one character of Unicode's
private planes, which no foreign text brings here (`safe`); what it is on its way to the terminal is said by `shown`. So whatever
cuts, pads or compares lines needs to know nothing of pictures. Invariant: a picture is sent at most once while the terminal keeps
it; of those that are not on the screen only so many are kept, the newest.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import chain, groupby

from nntui.tui import kitty

Size = tuple[int, int]
"""Columns and rows."""

FIRST = "\U000f0000"
"""The least character that may stand for a cell."""
CELLS = (range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))
"""The two private planes."""
MOST = 1024
"""Pictures that are kept, besides those on the screen."""
MOST_CELLS = 1 << 16
"""The same of their cells: half of those there are, so that the next screen has room."""
MOST_BYTES = 32 << 20
"""The same of their pixels; kitty keeps ten times as many of all programs."""


@dataclass(slots=True)
class _Picture:
    """One picture at one size."""

    key: tuple[bytes, Size, Size]
    """Its pixels, how many there are, and its cells."""
    lines: list[str] = field(default_factory=list[str])
    is_there: bool = False
    """Whether the terminal has it."""


class Shelf:
    """The pictures of one terminal."""

    def __init__(
        self, wrap: Callable[[str], str] = str, around: Callable[[], str] = lambda: "it", first: int | None = None
    ) -> None:
        """wrap: what each sequence goes through. around: which terminal shows what is sent now; empty for none.

        first: where numbers begin, by default anywhere: programs in the panes of one tmux share those of the terminal around.
        """
        self.turned = 0
        """How often pictures were let go: lines drawn before may show none."""
        self._wrap, self._around = wrap, around
        self._where = ""
        """The terminal that has what was sent."""
        self._owes = False
        """Whether the terminal may lack pictures that are on the screen."""
        self._next = random.randrange(kitty.NUMBERS) if first is None else first
        self._numbers: dict[tuple[bytes, Size, Size], int] = {}
        self._pictures: dict[int, _Picture] = {}
        """By number, the one that was wanted last at the end."""
        self._bytes = 0
        self._fresh, self._freed = map(chr, chain(*CELLS)), deque[str]()
        """Characters that stand for nothing: those that never did are taken first."""
        self._shown: dict[str, tuple[int, str]] = {}
        """Picture of each character in use, and what the terminal is sent for it."""

    def put(self, pixels: bytes, size: Size, room: Size) -> list[str]:
        """Lines of characters that show a picture. pixels: red, green, blue, …; size: of pixels; room: of cells."""
        key = (pixels, size, room)
        if key in self._numbers:
            number = self._numbers[key]
            self._pictures[number] = self._pictures.pop(number)
            return self._pictures[number].lines
        if len(self._shown) + room[0] * room[1] > sum(map(len, CELLS)):
            return [" " * room[0]] * room[1]
        number = self._numbers[key] = self._number()
        self._bytes += len(pixels)
        picture = self._pictures[number] = _Picture(key)
        for row in range(room[1]):
            characters = [next(self._fresh, "") or self._freed.popleft() for _ in range(room[0])]
            picture.lines.append("".join(characters))
            for column, character in enumerate(characters):
                self._shown[character] = number, kitty.character(number, row, column)
        return picture.lines

    def _number(self) -> int:
        """The next that is free: some are after all have been given."""
        while (number := kitty.number(self._next)) in self._pictures:
            self._next += 1
        self._next += 1
        return number

    def numbers(self, text: str) -> set[int]:
        """The pictures that the text shows."""
        return {self._shown[char][0] for char in text if char in self._shown}

    def shown(self, text: str) -> list[tuple[str, str]]:
        """(colour, characters) as the terminal is sent them: a colour in place of that of the text where a picture is shown."""
        if not self._shown or text.isascii():
            return [("", text)]
        known = [(self._shown.get(char, (0, " ")) if char >= FIRST else (0, char)) for char in text]
        parts = [
            (number, "".join(char for _, char in group)) for number, group in groupby(known, key=lambda one: one[0])
        ]
        return [(kitty.colour(number) if number else "", characters) for number, characters in parts]

    def sent(self, shown: Collection[int]) -> str:
        """What must be sent before these pictures are shown."""
        missing = [number for number in sorted(shown) if not self._pictures[number].is_there]
        if missing and not self._where_now():
            self._owes = True
            return ""
        found: list[str] = []
        for number in missing:
            self._pictures[number].is_there = True
            found += map(self._wrap, kitty.sent(number, *self._pictures[number].key))
        return "".join(found)

    def is_behind(self, *, look: bool) -> bool:
        """Whether the terminal now lacks pictures that were shown, and the screen must be drawn anew. look: ask in any case."""
        if not self._owes and not (look and any(picture.is_there for picture in self._pictures.values())):
            return False
        behind = self._where_now() != "" and self._owes
        self._owes = self._owes and not behind
        return behind

    def _where_now(self) -> str:
        """The terminal around; another one than before has nothing yet."""
        where = self._around()
        if where and where != self._where:
            self._owes = self._owes or self._where != ""
            self._where = where
            self.lost()
        return where

    @property
    def is_full(self) -> bool:
        """Whether some must go that are not on the screen."""
        return self._is_over(1)

    def spared(self, shown: Collection[int]) -> str:
        """What deletes the oldest pictures that are not on the screen, until half of what may be kept is left."""
        deleted: list[str] = []
        for number, picture in list(self._pictures.items()):
            if not self._is_over(2):
                break
            if number in shown:
                continue
            del self._pictures[number], self._numbers[picture.key]
            for character in chain(*picture.lines):
                del self._shown[character]
                self._freed.append(character)
            self._bytes -= len(picture.key[0])
            self.turned += 1
            deleted += [self._wrap(kitty.deleted(number))] if picture.is_there else []
        return "".join(deleted)

    def _is_over(self, part: int) -> bool:
        kept, most = (len(self._pictures), len(self._shown), self._bytes), (MOST, MOST_CELLS, MOST_BYTES)
        return any(one * part > limit for one, limit in zip(kept, most, strict=True))

    def lost(self) -> None:
        """The terminal has none of them any more, or is another one."""
        for picture in self._pictures.values():
            picture.is_there = False

    def cleared(self) -> str:
        """What deletes all that the terminal has."""
        there = [number for number, picture in self._pictures.items() if picture.is_there]
        self.lost()
        return "".join(self._wrap(kitty.deleted(number)) for number in there)
