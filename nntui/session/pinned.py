"""Runs drawn along with the open one.

Owns their readers and when each is looked at again. Lives on the feed thread. Invariant: one turn takes bounded time and reads of
one run only; what is wrong with a pinned run is said of it, and never stops the open one.
"""

from __future__ import annotations

import itertools
import math
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nntui.session.followed import Followed
from nntui.session.liveness import OVER
from nntui.session.plotting import Drawn
from nntui.session.snapshot import PIN_LIMIT, Pin

PIN_INTERVAL = 2.0
"""Seconds between looks at a run that goes on."""
OVER_INTERVAL = 10.0
"""Seconds between looks at one that is over, or gone."""
_TOKEN = re.compile(r"[A-Za-z_]*\d[\d.]*(?:e[+-]?\d+)?|[^\W\d_]+|[\W_]+?")


class Pins:
    """The runs drawn along, read little by little."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._pinned: dict[Path, _Pinned] = {}

    def want(self, paths: Sequence[Path]) -> None:
        """Draw these along, and no others."""
        self._pinned = {path: self._pinned.get(path) or _Pinned(path) for path in paths[:PIN_LIMIT]}

    @property
    def behind(self) -> bool:
        """Whether one of them has not been read to its end."""
        return any(one.run.behind for one in self._pinned.values())

    def turn(self) -> bool:
        """Read on in the run that waits longest; whether anything is new."""
        now = self._clock()
        due = [one for one in self._pinned.values() if now >= one.due]
        return bool(due) and min(due, key=lambda one: one.due).look(now, self._wall())

    def drawn(self, metrics: Sequence[str]) -> list[Drawn]:
        """What each of them gives to a plot of these metrics."""
        return [one.drawn(metrics) for one in self._pinned.values()]

    def told(self, path: Path) -> tuple[str, tuple[Pin, ...]]:
        """What the open run and each of them is called."""
        if not self._pinned:
            return "", ()
        called, *names = told_apart([str(path.absolute()), *(str(one.absolute()) for one in self._pinned)])
        return called, tuple(one.told(name) for name, one in zip(names, self._pinned.values(), strict=True))


class _Pinned:
    """One of them."""

    def __init__(self, path: Path) -> None:
        self.due = -math.inf
        """When to look again, on the clock."""
        self.run = Followed(path)

    def look(self, now: float, wall: float) -> bool:
        """Read on; whether anything is new."""
        changed, run = self.run.look(now, wall), self.run
        over = bool(run.problem) or run.state is None or run.state.state in OVER
        self.due = now if run.behind else now + (OVER_INTERVAL if over else PIN_INTERVAL)
        return changed

    def drawn(self, metrics: Sequence[str]) -> Drawn:
        """What it gives to a plot."""
        return Drawn.nothing() if self.run.state is None else self.run.state.drawn(metrics)

    def told(self, name: str) -> Pin:
        """How it is."""
        path, state, loading = self.run.path, self.run.state, "loading" if self.run.behind else ""
        if state is None:
            return Pin(path, name, trouble=self.run.problem or loading)
        frames = state.lost.frames
        damaged = f"{frames:,} {'frame' if frames == 1 else 'frames'} damaged" if frames else ""
        return Pin(path, name, state.state, self.run.problem or loading or damaged)


def told_apart(names: Sequence[str]) -> list[str]:
    """Each name without what all of them begin and end with, whole words and numbers at a time; never empty."""
    split = [_TOKEN.findall(name) for name in names]
    first = _alike(split)
    last = _alike([tokens[first:][::-1] for tokens in split])
    while first + last:
        told = ["".join(tokens[first : len(tokens) - last]).strip("-_/. ") for tokens in split]
        if all(told) and len(set(told)) == len(set(names)):
            return told
        first, last = (first, last - 1) if last else (first - 1, 0)
    return list(names)


def _alike(lists: Sequence[Sequence[str]]) -> int:
    """How many first items are the same in all."""
    return sum(1 for _ in itertools.takewhile(lambda items: len(set(items)) == 1, zip(*lists, strict=False)))
