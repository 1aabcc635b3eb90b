"""Signs on the x axis: changes of the learning rate, restarts, alerts, checkpoints and what else a run said.

Owns which they are and where they lie. Invariant: each lies at its own step, and none is looked for twice.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from nntui.analysis import ticks
from nntui.analysis.series import Series
from nntui.finding import Finding
from nntui.session.columns import Lineage
from nntui.session.log import CHECKPOINT, EventRow
from nntui.session.plotting import MARK_LIMIT
from nntui.session.snapshot import Mark, XAxis
from nntui.session.tracks import BLOCK, XScale

LR_JUMP = 1.9
"""Factor between two neighbouring learning rates from which the change is marked."""
ISOLATED = 2.0
"""Times the change before it, both as logarithms, from which a change is a jump: no schedule that bends to zero ends with one."""
UNMARKED = frozenset({"start", "resume", "end", "task", "system", "inputs", "watch", "lost", "exception", "output"})
"""Events that the recorder and the probes write of themselves: what they mean is seen elsewhere."""


class Jumps:
    """Where a rate jumps from one point to the next, by LR_JUMP or more and not as it did before; the newest MARK_LIMIT."""

    def __init__(self) -> None:
        self._era = self._seen = 0
        self._last = self._change = math.nan
        self._found: deque[tuple[int, float]] = deque(maxlen=MARK_LIMIT)

    def marks(self, lineage: Lineage, scale: XScale, axis: XAxis) -> list[Mark]:
        """They, of the series as it is now."""
        series = lineage.current
        if lineage.era != self._era or len(series) < self._seen:
            self._era, self._seen, self._last, self._change = lineage.era, 0, math.nan, math.nan
            self._found.clear()
        for start in range(self._seen, len(series), BLOCK):
            self._look(np.abs(series.value[start : start + BLOCK]))
        return [Mark(_x_at(series, place, scale, axis), _factor(change)) for place, change in self._found]

    def _look(self, value: NDArray[np.float64]) -> None:
        """At the next rates, without their signs."""
        known = np.flatnonzero(np.isfinite(value) & (value > 0))
        if len(known):
            # the ratio of a subnormal rate to any other would overflow
            changes = np.diff(np.log(np.concatenate([[self._last], value[known]])))
            before = np.concatenate([[self._change], changes[:-1]])
            bent = ISOLATED * np.abs(np.where(before * changes > 0, before, 0.0))
            large = np.flatnonzero((np.abs(changes) >= math.log(LR_JUMP)) & (np.abs(changes) > bent))
            self._found.extend(zip((self._seen + known[large]).tolist(), changes[large].tolist(), strict=True))
            self._last, self._change = float(value[known[-1]]), float(changes[-1])
        self._seen += len(value)


def marks(
    clock: Series,
    scale: XScale,
    axis: XAxis,
    *,
    resumes: Iterable[int] = (),
    alerts: Iterable[Finding] = (),
    events: Sequence[EventRow] = (),
) -> list[Mark]:
    """Of restarts, alerts and events. clock: a series that says when which step was."""
    if not len(clock):
        return []
    found = [_of_event(event, _x_of(clock, event.step, scale, axis)) for event in events if _is_marked(event)]
    found += [Mark(_x_of(clock, step, scale, axis), "restart") for step in resumes]
    found += [
        Mark(_x_of(clock, a.step, scale, axis), a.id.rpartition(".")[2], a.status)  # pyright: ignore[reportArgumentType]
        for a in alerts
        if a.step >= 0
    ]
    return found


def _is_marked(event: EventRow) -> bool:
    return event.step >= 0 and event.event not in UNMARKED


def _of_event(event: EventRow, x: float) -> Mark:
    minor = event.event == CHECKPOINT
    return Mark(x, event.message if minor else event.event, "warn" if event.level == "warn" else "", minor)


def _x_of(clock: Series, step: int, scale: XScale, axis: XAxis) -> float:
    """x of a step, reached or not."""
    place = min(int(np.searchsorted(clock.step, step)), len(clock) - 1)
    if axis in ("step", "epoch"):
        return float(scale.values(Series("", np.array([step]), np.zeros(1), np.zeros(1)), axis)[0])
    return _x_at(clock, place, scale, axis)


def _x_at(series: Series, place: int, scale: XScale, axis: XAxis) -> float:
    part = slice(place, place + 1)
    return float(scale.values(Series("", series.step[part], series.wall_time[part], series.value[part]), axis)[0])


def _factor(change: float) -> str:
    sign = "×" if change >= 0 else "÷"
    return f"lr{sign}{ticks.format_number(math.exp(min(abs(change), 700.0)), 2)}"
