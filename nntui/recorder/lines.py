"""From what a program writes to the lines that a person would have read.

Owns carriage returns, the cursor movements of progress bars, escapes, and how long a line may be. Standard library only; knows no
stream. Invariant: bounded memory, whatever is written; of a line that is written over, only its last state is a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LENGTH = 4000
"""Most characters of a line that are kept."""
REACH = 64
"""Most lines above the last one that are held back because a cursor may go up to them."""
SETTLED = 256
"""Lines without a movement upwards after which none is expected any more."""
_TOKEN = re.compile(
    r"\x1b\[(?P<number>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[@-Z\\^_]"
    r"|(?P<move>[\r\n])"
    r"|(?P<text>[^\x1b\r\n]+)"
    r"|\x1b"
)
_CUT_OFF = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,256}\x1b?)?\Z")
"""An escape whose end may come with the next write."""
_SILENT = dict.fromkeys((*range(9), 11, 12, *range(14, 27), *range(28, 32), 127))
"""Control characters that draw nothing, the bell and the backspace among them."""


class Line(NamedTuple):
    """What stands on one line in the end."""

    text: str
    time_ns: int
    """Unix time of its first character in this state."""
    step: int


class _Row:
    """A line that may still change."""

    __slots__ = ("more", "step", "text", "time_ns")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.text, self.time_ns, self.step, self.more = "", 0, -1, 0

    def add(self, text: str, time_ns: int, step: int) -> None:
        if not self.text:
            self.time_ns, self.step = time_ns, step
        kept = text[: max(0, LENGTH - len(self.text))]
        self.text += kept
        self.more += len(text) - len(kept)

    def line(self) -> Line:
        more = f"… {self.more:,} more characters" if self.more else ""
        return Line(self.text.rstrip() + more, self.time_ns, self.step)


class Paper:
    """One stream, as a terminal would show it."""

    def __init__(self) -> None:
        self._rows = [_Row()]
        self._at = 0
        self._over = False
        """Whether what comes next replaces what stands on the line."""
        self._reach = 0
        self._since = 0
        self._left = ""

    def write(self, text: str, time_ns: int, step: int) -> Iterator[Line]:
        """Take it in; the lines for which there is no room any more."""
        text, self._left = self._left + text, ""
        cut_off = _CUT_OFF.search(text, max(0, len(text) - 512))
        if cut_off:
            text, self._left = text[: cut_off.start()], cut_off[0]
        for token in _TOKEN.finditer(text):
            if token["text"] is not None:
                self._put(token["text"].translate(_SILENT), time_ns, step)
            elif token["move"] == "\r":
                self._over = True
            elif token["move"] == "\n":
                yield from self._down()
            elif token["final"] is not None:
                self._steer(token["final"], token["number"])

    def finished(self) -> Iterator[Line]:
        """The lines to which no cursor will come back, as far as can be told; blank ones are left out."""
        if self._since > SETTLED:
            self._reach = 0
        count = max(0, min(self._at, len(self._rows) - 1 - min(self._reach, REACH)))
        done, self._rows = self._rows[:count], self._rows[count:]
        self._at -= count
        yield from (row.line() for row in done if row.text.strip())

    def rest(self) -> Iterator[Line]:
        """What is left, finished or not."""
        rows, self._rows, self._at, self._over = self._rows, [_Row()], 0, False
        yield from (row.line() for row in rows if row.text.strip())

    def _put(self, text: str, time_ns: int, step: int) -> None:
        if text:
            if self._over:
                self._rows[self._at].clear()
                self._over = False
            self._rows[self._at].add(text, time_ns, step)

    def _down(self) -> Iterator[Line]:
        self._at += 1
        self._over = self._at < len(self._rows)  # a line that is there already is written over
        if not self._over:
            self._rows.append(_Row())
            self._since += 1
            if len(self._rows) > 2 * REACH:
                yield from self.finished()

    def _steer(self, final: str, number: str) -> None:
        if final in "AF":
            by = min(max(1, int(number) if number.isdecimal() and len(number) < 4 else 1), self._at, REACH)
            self._at -= by
            self._reach, self._since = max(self._reach, len(self._rows) - 1 - self._at), 0
            self._over |= final == "F"
        elif final == "K" and (number == "2" or self._over):
            self._rows[self._at].clear()
