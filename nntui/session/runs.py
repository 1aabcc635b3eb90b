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
from nntui.session.snapshot import EMPTY, Snapshot

Pair = tuple[Path | None, Path]
"""Two runs, the earlier first; None in its place: the one before that is nearest."""


@dataclass(frozen=True, slots=True)
class PreviewView:
    """One run to be read while the cursor rests on it."""

    path: Path
    along: tuple[Path, ...] = ()
    """Runs drawn along in its plots, the first of them as number 1; the run itself is drawn once."""
    columns: int = 128
    """Raster columns of each plot."""


@dataclass(frozen=True, eq=False, slots=True)
class Preview:
    """That run, as far as it was read."""

    path: Path | None = None
    """None: none was asked for, or the cursor has not rested yet."""
    snapshot: Snapshot = EMPTY
    """Its checks, its alerts, and as plots what it is judged by, then its other losses and scores."""
    trouble: str = ""
    """Why it cannot be read, in words; empty when it can."""


UNREAD = Preview()


@dataclass(frozen=True, slots=True)
class RunsView:
    """Which runs, in which order."""

    pattern: str = ""
    sort: str = ""
    """A name of the language of filters, `-` before it turns the order round; empty: those that go on first."""
    visible: tuple[Path, ...] = ()
    """Those in sight: they are read first, and their curves too."""
    compare: Pair | None = None
    """Whose differences are told; of an answer those whose are."""
    preview: PreviewView | None = None
    """The run under the cursor, where there is room to show more of it."""


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
    preview: Preview = UNREAD
    """Of the run that the view asks for, or of the one before as long as that is not read."""

    def outcome(self, one: Glance) -> Outcome:
        """What a run came to, as far as it is known."""
        return self.outcomes.get(one.path) or one.outcome or NOTHING
