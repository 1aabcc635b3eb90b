"""What the rules of others can see of a training, and what one of their rules is.

Owns the words of a rule over recorded columns. Invariant: nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nntui import names
from nntui.analysis.readings import playing
from nntui.analysis.series import Floats, Ints, RunFacts, Series

NEVER = -1
"""The step of a rule that does not fire."""


class Recording:
    """A training until some moment."""

    def __init__(self, series: Mapping[str, Series], facts: RunFacts) -> None:
        self.series = series
        self.facts = facts

    def metric(self, name: str) -> Series:
        """One metric; empty where it was not recorded."""
        return self.series.get(name, Series(name, np.empty(0, np.int64), np.empty(0), np.empty(0)))

    def role(self, role: str) -> Series:
        """The metric that plays a role of `nntui.analysis.roles`."""
        return playing(self.series, role) or Series.empty()

    @cached_property
    def losses(self) -> Series:
        """The training loss of each update."""
        return self.role("train_loss")

    @cached_property
    def validation(self) -> Series:
        """The validation loss of each evaluation."""
        return self.role("validation_loss")

    def layers(self, statistic: str) -> dict[str, Series]:
        """A statistic by layer."""
        found = {names.layer_of(name): points for name, points in self.series.items()}
        return {layer: points for (layer, kind), points in found.items() if kind == statistic}

    def since_evaluation(self, points: Series) -> Floats:
        """(n,) Mean of a metric of training at each evaluation of the validation loss, since the one before: that of an epoch.

        NaN where there was no point.
        """
        ends = np.searchsorted(points.step, self.validation.step, side="right")
        starts = [0, *ends[:-1].tolist()]
        return np.array([points.value[a:b].mean() if b > a else np.nan for a, b in zip(starts, ends, strict=False)])


@dataclass(frozen=True)
class Rule:
    """One rule of another tool."""

    system: str
    name: str
    fires: Callable[[Recording], int]
    """The step at which it first fires; NEVER."""
    causes: frozenset[str]
    """Alerts of nntui that say what this rule says, generously: causes to which a reader of its name would be led."""
    counted: bool = True
    """Whether it is one of those that its system asks; else another reading of one, told beside them."""


def first(step: Ints, fired: np.ndarray) -> int:
    """The first step, (n,), at which something is so, (n,) bool."""
    places = np.flatnonzero(fired)
    return int(step[places[0]]) if len(places) else NEVER


def earliest(steps: list[int]) -> int:
    """The earliest of the steps at which something happened at all."""
    return min((step for step in steps if step != NEVER), default=NEVER)
