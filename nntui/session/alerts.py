"""The life of an alert: raised, changed in severity, cleared.

Owns what tells one alert from another and when people hear of it. Knows no clock and no screen: whoever asks says what time it
is. Invariant: an alert is raised once for as long as it lasts, and an alert that flickers lasts.

An alert is over once the rules have not found it for `HOLD` seconds, so one that comes and goes around its threshold is raised
once. One that comes back later still is new, and after each return it must be gone twice as long, up to `LONGEST`: whatever its
period, it is raised at most six times in the first hour and once an hour from then on. A worse severity is said at once; a milder
one once it has held as long.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from nntui.finding import Finding

HOLD = 60.0
"""Seconds without an alert after which it is over."""
LONGEST = 3600.0
"""Most seconds of that for an alert that returned again and again."""
LOUD = ("warn", "error")
"""Severities for which people are called."""
WEIGHT = {"info": 1, "warn": 2, "error": 3}

Key = tuple[str, str]
Kind = Literal["raised", "worsened", "eased", "cleared"]


@dataclass(frozen=True, slots=True)
class Change:
    """One moment in the life of an alert."""

    kind: Kind
    finding: Finding
    """The alert as it is now; of a cleared one, as it was last."""
    severity: str
    """Severity from now on; of a cleared one, the last."""

    @property
    def loud(self) -> bool:
        """Whether it is new bad news: raised or worsened to a warning or an error."""
        return self.kind in ("raised", "worsened") and self.severity in LOUD


@dataclass(slots=True)
class _Standing:
    finding: Finding
    severity: str
    seen: float
    """When the rules last found it."""
    milder_since: float = -1.0
    """When it began to be milder than it was told; -1 while it is not."""


def key(finding: Finding) -> Key:
    """What tells an alert from the others: its rule, and the metric that a rule may find several of."""
    return finding.id, str(finding.evidence.get("metric", ""))


class Alerts:
    """The alerts of one run over time."""

    def __init__(self, hold: float = HOLD) -> None:
        self._hold = hold
        self._standing: dict[Key, _Standing] = {}
        self._returns: dict[Key, int] = {}

    def update(self, found: Iterable[Finding], now: float, *, over: bool = False) -> list[Change]:
        """What changed. now: seconds that only grow. over: the run has ended, so what is gone does not come back."""
        changes: list[Change] = []
        present = {key(finding): finding for finding in reversed([*found])}
        for name, finding in present.items():
            changes += self._see(name, finding, now)
        for name in [name for name in self._standing if name not in present]:
            standing = self._standing[name]
            hold = min(self._hold * 2 ** (self._returns[name] - 1), max(LONGEST, self._hold))
            if over or now - standing.seen >= hold:
                del self._standing[name]
                changes.append(Change("cleared", standing.finding, standing.severity))
        return changes

    def _see(self, name: Key, finding: Finding, now: float) -> list[Change]:
        standing = self._standing.get(name)
        if standing is None:
            self._returns[name] = min(self._returns.get(name, 0) + 1, 16)
            self._standing[name] = _Standing(finding, finding.status, now)
            return [Change("raised", finding, finding.status)]
        standing.finding, standing.seen = finding, now
        weight = WEIGHT.get(finding.status, 0) - WEIGHT.get(standing.severity, 0)
        if weight > 0:
            standing.severity, standing.milder_since = finding.status, -1.0
            return [Change("worsened", finding, finding.status)]
        if weight == 0:
            standing.milder_since = -1.0
        elif standing.milder_since < 0:
            standing.milder_since = now
        elif now - standing.milder_since >= self._hold:
            standing.severity, standing.milder_since = finding.status, -1.0
            return [Change("eased", finding, finding.status)]
        return []
