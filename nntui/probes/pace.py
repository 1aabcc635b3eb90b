"""How long updates take, and what the loop waits for.

Owns the clock of the training thread. Invariant: time spent in evaluation is none of an update. Updates that pass unseen are as
many examples as those that were seen, and take as long.
"""

from __future__ import annotations

import statistics
import time
from collections import deque

from nntui import names

KEPT = 1000


class Pace:
    """Times of the updates since the last reading."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=KEPT)
        self._waits: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._owns: deque[float] = deque(maxlen=KEPT)
        self._examples = self._seen = self._unseen = 0
        self._ended = self._began = self._entered = self._computed = 0.0
        self._mixed = False
        self._since = time.perf_counter()
        self.typical = 0.0
        """Median seconds of an update at the last reading; 0 before the first."""

    def evaluated(self) -> None:
        """A forward call without gradients came: the time until the next update is not its own."""
        self._mixed = True

    def forward(self, examples: int) -> None:
        """A forward call of training begins."""
        self._examples += examples
        self._entered = time.perf_counter()
        if not self._began:
            self._began = self._entered

    def forward_over(self) -> None:
        """The forward call that began last is over."""
        if self._entered:
            self._computed += time.perf_counter() - self._entered
            self._entered = 0.0

    def updated(self) -> None:
        """An update is over."""
        now = time.perf_counter()
        self._seen += 1
        if self._ended and not self._mixed:
            self._seconds.append(now - self._ended)
            if self._began:  # forward calls of a compiled model are not noticed
                self._waits.append((self._began - self._ended, now - self._ended))
                self._owns.append(self._began - self._ended + self._computed)
        self._ended, self._began, self._mixed = now, 0.0, False
        self._entered = self._computed = 0.0

    def passed(self, updates: int) -> None:
        """So many updates have passed unseen, until now."""
        self._unseen += updates
        self._ended, self._began, self._mixed = 0.0, 0.0, False
        self._entered = self._computed = 0.0

    def rest(self) -> None:
        """Time from the last update until now was not the loop's."""
        self._ended = time.perf_counter()

    def readings(self) -> dict[str, float]:
        """Step time (median), share of waiting, own time, examples per second; empty before there was a whole update."""
        now = time.perf_counter()
        elapsed, self._since = now - self._since, now
        if not self._seconds:
            return {}
        self.typical = statistics.median(self._seconds)
        found = {names.STEP_SECONDS: self.typical}
        if self._waits:
            waited, whole = map(sum, zip(*self._waits, strict=True))
            found[names.DATA_WAIT] = waited / whole if whole else 0.0
            found[names.OWN_SECONDS] = statistics.median(self._owns)
        if self._examples and elapsed > 0:
            whole = 1 + self._unseen / max(1, self._seen)
            found[names.SAMPLES_PER_SECOND] = whole * self._examples / elapsed
        self._seconds.clear()
        self._waits.clear()
        self._owns.clear()
        self._examples = self._seen = self._unseen = 0
        return found
