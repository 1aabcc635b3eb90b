"""The ledger of a folder: every run in the order of time, with what it changed and what it gained.

Owns which earlier run a run is compared with. Invariant: that is the one with the fewest changes, of these one with the same
seed, of these the latest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nntui.session.differences import Differences, Side, differences, kind_of
from nntui.session.settings import comparable, flattened


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
    facts = [_facts(one) for one in ordered]
    made: list[Entry] = []
    for at, one in enumerate(ordered):
        best = _nearest(facts[:at], facts[at])
        parent = None if best < 0 else ordered[best]
        made.append(Entry(one, parent, differences(parent, one) if parent is not None else None))
    return made


def nearest(runs: Sequence[Side], one: Side) -> Side | None:
    """Which of the runs that began before this one it is compared with; None where there is none."""
    earlier = sorted((r for r in runs if r.started_at < one.started_at), key=lambda r: (r.started_at, str(r.path)))
    best = _nearest([_facts(run) for run in earlier], _facts(one))
    return earlier[best] if best >= 0 else None


Facts = tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]], str]


def _facts(one: Side) -> Facts:
    """What makes the experiment, the seed, and the code."""
    settings = [(name, comparable(name, value, one.name)) for name, value in flattened(one.config).items()]
    seeds = frozenset(pair for pair in settings if kind_of(pair[0]) == "seed")
    return frozenset(settings) - seeds, seeds, one.code.digest or one.manifest.git_commit


def _nearest(earlier: Sequence[Facts], one: Facts) -> int:
    """Place of the nearest; -1 where there is none."""
    return min(range(len(earlier)), key=lambda at: (*_distance(earlier[at], one), -at), default=-1)


def _distance(before: Facts, after: Facts) -> tuple[int, bool]:
    """Settings and code that differ, and whether the seed does."""
    settings = {name for name, _ in before[0] ^ after[0]}
    code = bool(before[2] and after[2] and before[2] != after[2])
    return len(settings) + code, before[1] != after[1]
