"""What a run came to: each metric in a few numbers, and the one score that runs are compared by.

Owns those numbers, and reading them from end.json. Standard library only. Invariant: what a file claims is believed where it is
of the promised form, and left out where it is not; superseded points count nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from nntui.analysis import roles
from nntui.runlog.layout import End


@dataclass(frozen=True, slots=True)
class Extent:
    """One metric. NaN and step -1 where something is not known."""

    points: int = 0
    last: float = math.nan
    """Newest value, as logged."""
    last_step: int = -1
    low: float = math.nan
    """Minimum of the finite values."""
    low_step: int = -1
    low_error: float = math.nan
    """Standard error that was logged with the minimum."""
    high: float = math.nan
    high_step: int = -1
    high_error: float = math.nan

    def best(self, *, higher: bool) -> Point:
        """The best value, where higher or lower is better."""
        return (
            Point(self.high, self.high_step, self.high_error)
            if higher
            else Point(self.low, self.low_step, self.low_error)
        )


@dataclass(frozen=True, slots=True)
class Point:
    """A value with its step and its standard error."""

    value: float = math.nan
    step: int = -1
    error: float = math.nan
    """NaN where none was recorded."""


@dataclass(frozen=True)
class Outcome:
    """All metrics of a run, without those that were taken inside the model or by a check."""

    metrics: Mapping[str, Extent] = field(default_factory=dict[str, Extent])
    curve: tuple[float, ...] = ()
    """The loss that is being minimised, in a few column means; NaN where there is no point."""

    @cached_property
    def judged_by(self) -> str:
        """The metric that tells how good the run is; empty where none does."""
        return roles.outcome(self.metrics)

    @property
    def best(self) -> Point:
        """The best value of that metric."""
        return self.best_of(self.judged_by)

    def best_of(self, metric: str) -> Point:
        """The best value of a metric: the highest of a score, the lowest of anything else."""
        known = self.metrics.get(metric)
        return Point() if known is None else known.best(higher=roles.is_score(metric))


NOTHING = Outcome()
_VALUES = (1, 3, 5, 6, 8)
"""Which of the numbers of end.json may be anything: the others are counts and steps."""


def of_end(end: End) -> Outcome | None:
    """What the end of a run tells of its metrics; None where it tells nothing."""
    found = {name: one for name, told in end.metrics.items() if (one := _extent(told)) is not None}
    return Outcome(found) if found else None


def _extent(told: Any) -> Extent | None:
    """The nine numbers of a metric; None where they are not as promised."""
    numbers = [_number(value) for value in cast(list[Any], told)] if isinstance(told, list) else []
    if len(numbers) != 9 or not all(
        n is not None and (at in _VALUES or math.isfinite(n)) for at, n in enumerate(numbers)
    ):
        return None
    points, last, last_step, low, low_step, low_error, high, high_step, high_error = cast(list[float], numbers)
    return Extent(int(points), last, int(last_step), low, int(low_step), low_error, high, int(high_step), high_error)


def _number(value: Any) -> float | None:
    """A number of the file, which has those that are not finite as words."""
    if isinstance(value, bool) or not (isinstance(value, int | float) or value in ("nan", "inf", "-inf")):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number of JSON may be of any size
        return None
