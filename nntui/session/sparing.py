"""How often to do again what becomes slower as a run grows.

Owns one number, the seconds that it took last. Knows no clock. Invariant: it takes at most a share of the time, unless it is
said how long it may be put off, and is never due sooner than its interval.
"""

from __future__ import annotations

import math


class Sparing:
    """When something is due again."""

    def __init__(self, interval: float, share: float, longest: float = math.inf) -> None:
        """interval: least seconds from one time to the next. share: of all time that it may take, in (0, 1].

        longest: seconds after which it is due however much it takes.
        """
        self._interval, self._share, self._longest = interval, share, longest
        self._at, self._took = -math.inf, 0.0

    def due(self, now: float) -> bool:
        """Whether it may be done. now: seconds of any clock that never goes back."""
        return self.left(now) <= 0

    def left(self, now: float) -> float:
        """Seconds until it is due; not above 0 where it is."""
        return self._at + max(self._interval, min(self._took / self._share, self._longest)) - now

    def done(self, now: float, took: float) -> None:
        """It was done, began at now, and took so many seconds."""
        self._at, self._took = now, took

    def forget(self) -> None:
        """It is due, however recently it was done."""
        self._at = -math.inf
