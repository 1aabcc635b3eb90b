"""The runs of a folder as a screen wants them: filtered, in order, with what they came to.

Owns the view that asks for them and the answer. Invariant: an answer never changes after it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nntui.session.catalog import Listing
from nntui.session.differences import Differences
from nntui.session.glance import Glance
from nntui.session.outcome import NOTHING, Outcome


@dataclass(frozen=True, slots=True)
class RunsView:
    """Which runs, in which order."""

    pattern: str = ""
    sort: str = ""
    """A name of the language of filters, `-` before it turns the order round; empty: those that go on first."""
    visible: tuple[Path, ...] = ()
    """Those in sight: they are read first, and their curves too."""
    compare: tuple[Path | None, Path] | None = None
    """Two runs to tell the differences of, the earlier first; None in its place: the one before that is nearest."""


@dataclass(frozen=True, eq=False, slots=True)
class Runs:
    """The answer."""

    listing: Listing
    """All runs of the folder, those that the filter hides too."""
    rows: tuple[Glance, ...] = ()
    view: RunsView = field(default_factory=RunsView)
    problem: str = ""
    """What of the filter is not understood."""
    unknown: str = ""
    """What the filter or the order asks for and no run knows."""
    unread: int = 0
    """Runs whose metrics the filter or the order asks for, and that are not read yet."""
    outcomes: Mapping[Path, Outcome] = field(default_factory=dict[Path, Outcome])
    """Of those that were read."""
    differing: tuple[tuple[str, int], ...] = ()
    """The settings that are not the same in all rows, with the characters of the longest value of each."""

    compared: Differences | None = None
    """Of the two runs that the view compares; None where one of them is not there."""

    def outcome(self, one: Glance) -> Outcome:
        """What a run came to, as far as it is known."""
        return self.outcomes.get(one.path) or one.outcome or NOTHING
