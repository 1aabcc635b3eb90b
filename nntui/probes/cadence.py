"""When to look: often at first, then as often as the overhead allows.

Owns the time that probes take. Invariant: beyond the first looks, looking, glancing and what is watched between two looks each
take at most their share of the time that training takes by itself.
"""

from __future__ import annotations

import math

SHARE = 0.0025
"""Of the time of training that looking may take, with the updates that are watched before it; what is left of one percent is for
the rest, for the thread that writes, and for what no clock sees: the update that comes next finds its caches cold."""
GLANCES = 0.0005
"""The same for glances: is the norm of the gradients finite?"""
WATCHED = 0.0005
"""The same for further updates that are timed, and watched for evaluations, without being looked at."""
SMOOTH = 0.3
"""Weight of the newest measurement."""
SAMPLE = 4
"""Updates that are watched before each look at the least, so that it can say how long one takes."""


class Cadence:
    """Which updates are looked at, and which are watched."""

    def __init__(self, every: int | None = None, share: float = SHARE) -> None:
        """every: look at each so many updates; None adapts. share: of the time of training."""
        self.every = every
        self._share = share
        self._held = 0.0
        self.cost = 0.0
        """Seconds of one look, smoothed; 0 before the second."""
        self.gap = every or 1
        """Updates from one look to the next, once the first looks are over."""
        self.next = self.wake = 0
        """The update that is looked at next, and that from which on each is watched until then."""
        self._looks = 0

    def due(self, update: int) -> bool:
        """Whether the update, counted from where watching began, is to be looked at."""
        return update >= self.next

    def watched(self, seconds: float, updates: int) -> None:
        """Take in what it took to watch so many updates that were not looked at, if there were any."""
        if updates:
            self._held = seconds / updates

    def looked(self, update: int, seconds: float, step_seconds: float) -> None:
        """Take in what the look at this update took, and how long one that is watched takes; decides on the next.

        The first looks are at updates 0, 1, 2, 4, 8, …: what goes wrong mostly does so at the beginning.
        """
        self._looks += 1
        if self._looks > 1:  # the first warms up caches and kernels
            self.cost = seconds if not self.cost else (1 - SMOOTH) * self.cost + SMOOTH * seconds
        step_seconds -= min(self._held, step_seconds / 2)
        if self.every is None:
            cost = self.cost + SAMPLE * self._held
            gap = cost / (self._share * step_seconds) if step_seconds > 0 else 1.0
            self.gap = max(1, round(gap + 0.5))
        ahead = self.gap if self.every is not None else max(1, min(update, self.gap))
        share = min(1.0, WATCHED * step_seconds / self._held) if self._held > 0 and step_seconds > 0 else 1.0
        self.next = update + ahead
        self.wake = self.next - max(SAMPLE, math.ceil(share * ahead))
