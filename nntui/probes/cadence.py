"""When to look: often at first, then as often as the overhead allows.

Owns the time that probes take. Invariant: beyond the first looks, what they take is at most a share of the time of training.
"""

from __future__ import annotations

SHARE = 0.006
"""Of the time of training that looking may take; the rest of one percent is for glances and the hooks that are always there."""
GLANCES = 0.001
"""The same for glances: is the norm of the gradients finite?"""
SMOOTH = 0.3
"""Weight of the newest measurement."""


class Cadence:
    """Which updates are looked at."""

    def __init__(self, every: int | None = None, share: float = SHARE) -> None:
        """every: look at each so many updates; None adapts. share: of the time of training."""
        self.every = every
        self._share = share
        self.cost = 0.0
        """Seconds of one look, smoothed; 0 before the second."""
        self.gap = every or 1
        """Updates from one look to the next, once the first looks are over."""
        self._next = 0
        self._looks = 0

    def due(self, update: int) -> bool:
        """Whether the update, counted from where watching began, is to be looked at."""
        return update >= self._next

    def looked(self, update: int, seconds: float, step_seconds: float) -> None:
        """Take in what the look at this update took, and how long an update takes; decides on the next.

        The first looks are at updates 0, 1, 2, 4, 8, …: what goes wrong mostly does so at the beginning.
        """
        self._looks += 1
        if self._looks > 1:  # the first warms up caches and kernels
            self.cost = seconds if not self.cost else (1 - SMOOTH) * self.cost + SMOOTH * seconds
        if self.every is not None:
            self._next = update + self.every
            return
        gap = self.cost / (self._share * step_seconds) if step_seconds > 0 else 1.0
        self.gap = max(1, round(gap + 0.5))
        self._next = update + max(1, min(update, self.gap))
