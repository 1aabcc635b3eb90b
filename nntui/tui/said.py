"""What the notice says for a while in place of the run's state.

Owns the words and for how long they stand.
"""

from __future__ import annotations

import time

SAID_FOR = 10.0
"""Seconds for which they stand."""


class Said:
    """Words, or none."""

    def __init__(self) -> None:
        self.words = ""
        self._until = 0.0

    def say(self, words: str) -> None:
        """Say this from now on."""
        self.words, self._until = words, time.monotonic() + SAID_FOR

    def ended(self) -> bool:
        """Whether they have stood long enough; they are gone then, and that is told once."""
        over = bool(self.words) and time.monotonic() > self._until
        self.words = "" if over else self.words
        return over
