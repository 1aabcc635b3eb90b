"""Recorded columns as analysis sees them.

Owns Series and RunFacts, the only inputs of a rule. Invariant: both are immutable, their arrays are never written to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nntui.analysis.answers import Answers
from nntui.finding import Finding
from nntui.intents import declares

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


PACE_POINTS = 200
"""Newest points from which the pace of a process is taken."""


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """One metric of the shown lineage, in the order logged. All arrays have shape (n,)."""

    metric: str
    step: Ints
    wall_time: Floats
    """Unix seconds."""
    value: Floats
    """As logged: NaN and ±inf included."""

    @classmethod
    def empty(cls, metric: str = "") -> Series:
        """No points."""
        return cls(metric, np.empty(0, np.int64), np.empty(0), np.empty(0))

    def __len__(self) -> int:
        return len(self.step)

    def when(self, step: int) -> float:
        """Unix seconds of the first point at or past a step, of the last where all are before; NaN before the first step."""
        if step < 0 or not len(self):
            return math.nan
        return float(self.wall_time[min(int(np.searchsorted(self.step, step)), len(self) - 1)])

    def finite(self) -> Series:
        """The points whose value is finite."""
        keep = np.isfinite(self.value)
        return self if keep.all() else Series(self.metric, self.step[keep], self.wall_time[keep], self.value[keep])


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a rule may know of a run besides its columns."""

    total_steps: int = 0
    """Planned steps; 0 unknown."""
    steps_per_epoch: int = 0
    """0 unknown."""
    state: str = "live"
    """waiting | live | quiet | silent | ended | crashed"""
    state_reason: str = ""
    seconds_since_row: float = math.nan
    seconds_since_beat: float = math.nan
    last_step: int = -1
    resumes: tuple[int, ...] = ()
    """Steps at which a later launch took over."""
    watched: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Data of the newest `watch` event (nntui.names.WATCH_EVENT); empty where nothing is watched."""
    ranks: Mapping[int, Mapping[str, Series]] = field(default_factory=dict[int, Mapping[str, "Series"]])
    """What each rank recorded of the metrics by which ranks are compared; empty where there is one rank."""
    checks: Mapping[str, Finding] = field(default_factory=dict[str, Finding])
    """Newest outcome of each check, by its row of the recipe."""
    answers: Mapping[str, Answers] = field(default_factory=dict[str, Answers])
    """What the network said about each fixed batch, by the name of the batch."""

    @property
    def declared(self) -> tuple[str, ...]:
        """What the user declared as meant (`frozen:encoder.*`, `accumulate`)."""
        return tuple(map(str, self.listed("declared")))

    def declaring(self, intent: str) -> RunFacts:
        """The same with one more intent."""
        return replace(self, watched={**self.watched, "declared": [*self.declared, intent]})

    def listed(self, key: str) -> tuple[object, ...]:
        """A list of the watch event, or the keys of a mapping of it; empty where there is none such."""
        found = cast(object, self.watched.get(key, ()))
        return tuple(cast(Sequence[object], found)) if isinstance(found, list | tuple | Mapping) else ()

    def declares(self, intent: str, layer: str = "") -> bool:
        """Whether an intent was declared, for a layer where it names some."""
        return declares(self.declared, intent, layer)


def pace(points: Series) -> float:
    """Steps per second over the newest points, pauses included; NaN when unknown."""
    step, time = points.step[-PACE_POINTS:], points.wall_time[-PACE_POINTS:]
    elapsed = float(time[-1] - time[0]) if len(time) > 1 else 0.0
    return float(step[-1] - step[0]) / elapsed if elapsed > 0 and step[-1] > step[0] else math.nan
