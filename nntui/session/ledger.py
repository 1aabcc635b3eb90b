"""The ledger of a folder: every run in the order of time, with what it changed and what it gained.

Owns which earlier run a run is compared with. Invariant: that is the one with the fewest changes, of these one with the same
seed, of these the latest.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from nntui.analysis.series import Ints
from nntui.session.differences import Differences, Side, differences, kind_of
from nntui.session.settings import comparable, flattened

NONE = -1
"""In place of a number: not set, or not known."""


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """One run."""

    run: Side
    parent: Side | None = None
    """What it is compared with; None for the first."""
    differences: Differences | None = None


def entries(runs: Sequence[Side]) -> list[Entry]:
    """All runs, oldest first."""
    ordered = sorted(runs, key=lambda one: (one.started_at, str(one.path)))
    facts = _Facts(ordered)
    made: list[Entry] = []
    for at, one in enumerate(ordered):
        best = facts.nearest(at)
        parent = None if best < 0 else ordered[best]
        made.append(Entry(one, parent, differences(parent, one) if parent is not None else None))
    return made


def nearest(runs: Sequence[Side], one: Side) -> Side | None:
    """Which of the runs that began before this one it is compared with; None where there is none."""
    earlier = sorted((r for r in runs if r.started_at < one.started_at), key=lambda r: (r.started_at, str(r.path)))
    best = _Facts([*earlier, one]).nearest(len(earlier))
    return earlier[best] if best >= 0 else None


class _Facts:
    """What makes the experiment of each run, its seed and its code, as numbers that are equal where these are."""

    def __init__(self, runs: Sequence[Side]) -> None:
        known: dict[Hashable, int] = {}

        def number(value: Hashable) -> int:
            return known.setdefault(value, len(known))

        settings: list[dict[str, str]] = []
        self._seeds = np.zeros(len(runs), np.int64)
        self._code, self._commit = np.full((2, len(runs)), NONE, np.int64)
        for at, run in enumerate(runs):
            pairs = {name: comparable(name, value, run.name) for name, value in flattened(run.config).items()}
            seeds = frozenset(pair for pair in pairs.items() if kind_of(pair[0]) == "seed")
            settings.append(dict(pairs.items() - seeds))
            self._seeds[at] = number(seeds)
            self._code[at] = number(run.code.digest) if run.code.digest else NONE
            self._commit[at] = number(run.manifest.git_commit) if run.manifest.git_commit else NONE
        places = {name: place for place, name in enumerate({name for one in settings for name in one})}
        self._settings = np.full((len(runs), len(places)), NONE, np.int64)
        for at, one in enumerate(settings):
            for name, value in one.items():
                self._settings[at, places[name]] = number(value)

    def nearest(self, at: int) -> int:
        """Place of the run before this place that is nearest to it; -1 where there is none."""
        if not at:
            return -1
        changed = (self._settings[:at] != self._settings[at]).sum(axis=1)
        code = self._differ(self._code, at)
        changed += np.where(code < 0, self._differ(self._commit, at) > 0, code > 0)
        distance = 2 * changed + (self._seeds[:at] != self._seeds[at])
        return at - 1 - int(distance[::-1].argmin())

    def _differ(self, facts: Ints, at: int) -> Ints:
        """1 where the fact differs from that of this place, 0 where not, NONE where either is not known."""
        known = (facts[:at] != NONE) & (facts[at] != NONE)
        return np.where(known, facts[:at] != facts[at], NONE)
