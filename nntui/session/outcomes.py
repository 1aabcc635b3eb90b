"""The outcomes of many runs, read as they are asked for.

Owns which runs are read when, and what is kept of them: a few numbers of each. Invariant: a turn takes bounded time; a run that
is over is read once, one whose end tells of it not at all unless its curve is asked for; of those that go on few are kept open.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.series import Series
from nntui.session import plotting
from nntui.session.columns import Lineage
from nntui.session.followed import Followed, size
from nntui.session.glance import Glance
from nntui.session.outcome import NOTHING, Extent, Outcome

CURVE_COLUMNS = 32
READ_LIMIT = 64 << 20
"""Most bytes of metrics that are read of one run for its outcome."""
CURVE_LIMIT = 8 << 20
"""Most bytes that are read of one whose outcome is known, for its curve."""
OPEN_LIMIT = 16
"""Most runs that go on and are kept open."""
LIVE_INTERVAL, UNSEEN_INTERVAL = 5.0, 60.0
"""Seconds between looks at one that goes on: in sight, and not."""


class Outcomes:
    """Of each run that was asked for, what it came to as of the last look."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.known: dict[Path, Outcome] = {}
        self._clock = clock
        self._wall = wall
        self._read: dict[Path, _Read] = {}
        self._open: dict[Path, Followed] = {}
        self._wanted: list[Glance] = []

    def want(self, urgent: Sequence[Glance], others: Sequence[Glance]) -> None:
        """Read these: the urgent ones with their curves, the others only where nothing else tells what they came to."""
        now = self._clock()
        curves = [one for one in urgent if not one.problem and self._is_due(one, now, LIVE_INTERVAL)]
        known = {one.path for one in urgent}
        rest = (one for one in others if one.outcome is None and not one.problem and one.path not in known)
        self._wanted = [*curves, *(one for one in rest if self._is_due(one, now, UNSEEN_INTERVAL))]

    def keep(self, paths: Mapping[Path, object]) -> None:
        """Forget the runs that are no longer there."""
        for path in self.known.keys() - paths.keys():
            del self.known[path]
        for path in self._read.keys() - paths.keys():
            del self._read[path]

    @property
    def behind(self) -> bool:
        """Whether a wanted run was not read yet."""
        return bool(self._wanted)

    def turn(self, max_seconds: float) -> bool:
        """Read on for about so many seconds; whether anything is new."""
        begun, changed = self._clock(), False
        while self._wanted and self._clock() - begun < max_seconds:
            changed |= self._look(self._wanted[0])
        return changed

    def _is_due(self, one: Glance, now: float, interval: float) -> bool:
        read = self._read.get(one.path)
        if read is None:
            return True
        return read.sign != _sign(one) and (not one.going or now - read.at >= interval)

    def _look(self, one: Glance) -> bool:
        """Read on in a run; whether it is now known."""
        limit = READ_LIMIT if one.outcome is None else CURVE_LIMIT
        run = self._open.pop(one.path, None)
        if run is None and size(one.path) > limit:
            return self._done(one, one.outcome or NOTHING)
        run = run or Followed(one.path)
        run.look(self._clock(), self._wall())
        if run.behind:
            self._open[one.path] = run
            return False
        if one.going and not run.problem:
            while len(self._open) >= OPEN_LIMIT:
                self._open.pop(next(iter(self._open)))
            self._open[one.path] = run
        found = NOTHING if run.state is None else of_series(run.state.outside())
        return self._done(one, found if one.outcome is None else replace(one.outcome, curve=found.curve))

    def _done(self, one: Glance, outcome: Outcome) -> bool:
        self._wanted.pop(0)
        self.known[one.path] = outcome
        self._read[one.path] = _Read(_sign(one), self._clock())
        return True


@dataclass(frozen=True, slots=True)
class _Read:
    """When a run was read, and how it looked."""

    sign: tuple[object, ...]
    at: float


def _sign(one: Glance) -> tuple[object, ...]:
    return one.state, one.step, one.launches, one.active_at


def of_series(series: Mapping[str, Series]) -> Outcome:
    """The outcome of the points that count."""
    loss = roles.pick(series, "train_loss") or roles.outcome(series)
    curve = tuple(plotting.summary(Lineage(series[loss]), CURVE_COLUMNS).sparkline.tolist()) if loss else ()
    return Outcome(
        {metric: _extent(one, series.get(metric + names.STANDARD_ERROR)) for metric, one in series.items()}, curve
    )


def _extent(series: Series, errors: Series | None) -> Extent:
    finite = np.isfinite(series.value)
    last, last_step = float(series.value[-1]), int(series.step[-1])
    if not finite.any():
        return Extent(len(series), last, last_step)
    lowest = int(np.where(finite, series.value, math.inf).argmin())
    highest = int(np.where(finite, series.value, -math.inf).argmax())
    low, high = (
        (float(series.value[at]), int(series.step[at]), _error_at(int(series.step[at]), errors))
        for at in (lowest, highest)
    )
    return Extent(len(series), last, last_step, *low, *high)


def _error_at(step: int, errors: Series | None) -> float:
    """The standard error that was logged at a step; the newest of several."""
    found = errors.value[errors.step == step] if errors is not None else np.empty(0)
    return float(found[-1]) if len(found) else math.nan
