"""The feed of a folder of runs: a thread that looks again and again, and hands over the runs as the screen wants them.

Owns when a folder of runs is looked at, and when a run of it is read. Invariant: the thread never dies silently, does
nothing while nobody asks, and hands nothing over while nothing changes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nntui.session.catalog import Catalog, Listing
from nntui.session.choice import asks_time, choose, differing, needs_outcomes
from nntui.session.differences import Differences, Side, differences, side
from nntui.session.glance import Glance
from nntui.session.ledger import nearest
from nntui.session.outcome import NOTHING, Outcome
from nntui.session.runs import UNREAD, Pair, Runs, RunsView

if TYPE_CHECKING:
    from nntui.session.outcomes import Outcomes
    from nntui.session.preview import Previews

INTERVAL = 1.0
"""Seconds between looks; longer where a look takes long, so that it costs no more than SHARE of a core."""
SHARE = 0.03
SLICE = 0.5
"""Seconds after which a look hands over what it has; the next one goes on."""
READING = 0.2
"""Seconds for which runs are read before what is known of them is handed over."""
REST = 0.15
"""Seconds for which the cursor must rest on a run before it is read or compared: whoever holds a key down passes many."""


class Watchman:
    """Watches one folder and calls `on_runs`, from its own thread, with new Runs."""

    def __init__(self, root: Path, on_runs: Callable[[Runs], None]) -> None:
        self.root = root
        self._on_runs = on_runs
        self._view = RunsView()
        self._wanted = threading.Event()
        self._rested = threading.Event()
        self._stopped = False
        self._catalog = Catalog(root)
        self._listing: Listing | None = None
        self._outcomes: Outcomes | None = None
        self._due = 0.0
        self._looks = 0
        self._differing: tuple[tuple[Glance, ...], tuple[tuple[str, int], ...]] = ((), ())
        self._runs = Runs(Listing(root))
        self._previews: Previews | None = None
        self._pointed: object = None
        """What the cursor is on."""
        self._rests_at = self._near = 0.0
        """When it will have rested there, and when to look at it next."""
        self._compared: tuple[object, Pair | None, Differences | None] = (None, None, None)
        """Of which listing, which runs, and what differs."""
        self._thread = threading.Thread(target=self._run, name="nntui-runs", daemon=True)

    def watch(self, wanted: bool) -> None:
        """Begin to look, or rest until asked again."""
        if not wanted:
            self._wanted.clear()
            return
        self._due = 0.0
        if self._thread.ident is None:
            self._thread.start()
        self._wanted.set()
        self._rested.set()

    def show(self, view: RunsView) -> None:
        """Ask for the runs that this view wants."""
        if view != self._view:
            self._view = view
            self._rested.set()

    def stop(self) -> None:
        """Look no more; does not wait."""
        self._stopped = True
        self._wanted.set()
        self._rested.set()

    # --- on the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        shown: object = None
        while not self._stopped:
            if self._previews and not self._wanted.is_set():
                self._previews.want(None)  # nobody sees it: let go of what was read
            self._wanted.wait()
            self._rested.clear()
            if self._stopped:
                return
            view = self._view
            try:
                listing, read = self._look(), self._read(view)
                # what comes into sight or under the cursor is read, and changes nothing else
                asked = replace(view, visible=(), compare=None, preview=None)
                now = (listing, asked, self._looks if asks_time(view.pattern) else 0)
                if now != shown or read:
                    self._runs = self._chosen(listing, view)
                if self._rest(view, listing, read) or now != shown or read:
                    self._on_runs(self._told(view))
                shown = now
            except Exception as error:  # noqa: BLE001 (a dead thread would be a frozen list that looks alive)
                words = f"{self.root}: {type(error).__name__}: {error}. This is a defect of nntui; please report it."
                self._on_runs(Runs(Listing(self.root, problem=words), view=view))
                self._listing, shown = None, None
                self._due = self._near = time.monotonic() + INTERVAL
            busy = self._outcomes is not None and self._outcomes.behind
            if not busy:
                self._rested.wait(max(0.0, min(self._due, self._near) - time.monotonic()))

    def _look(self) -> Listing:
        """The folder as it is; the same listing as before where nothing changed, or where it is too early to look again."""
        begun = time.monotonic()
        if self._listing is not None and begun < self._due:
            return self._listing
        listing = self._catalog.look(SLICE)
        self._looks += 1
        took = time.monotonic() - begun
        self._due = begun + max(INTERVAL, took / SHARE) if not listing.unread else 0.0
        known = self._listing
        if known is None or (known.runs, known.unread, known.problem) != (
            listing.runs,
            listing.unread,
            listing.problem,
        ):
            self._listing = listing
        return self._listing or listing

    def _read(self, view: RunsView) -> bool:
        """Read what the view asks for; whether anything is new."""
        if self._outcomes is None:
            from nntui.session.outcomes import Outcomes  # with Arrow, so that the list can be painted before
            from nntui.session.preview import Previews

            self._outcomes, self._previews = Outcomes(), Previews()
            return False
        runs = self._listing.runs if self._listing else ()
        known = {one.path: one for one in runs}
        self._outcomes.keep(known)
        needed = needs_outcomes(view.pattern, view.sort)
        along = view.preview.along if view.preview else ()
        urgent = [known[path] for path in (*view.visible, *(view.compare or ()), *along) if path in known]
        self._outcomes.want(urgent, runs if needed else ())
        return self._outcomes.turn(READING)

    def _rest(self, view: RunsView, listing: Listing, read: bool) -> bool:
        """Read and compare what the cursor rests on; whether anything is new. read: whether outcomes are."""
        now, pointed = time.monotonic(), (view.compare, view.preview)
        if pointed != self._pointed:
            self._pointed, self._rests_at = pointed, now + REST
        self._near = self._rests_at
        if now < self._rests_at or self._previews is None or self._outcomes is None:
            return False
        self._previews.want(view.preview)
        changed = self._previews.turn()
        self._near = self._previews.due
        if read or self._compared[:2] != (listing, view.compare):
            found, known = compare(listing.runs, view, self._outcomes.known), self._compared[2]
            self._compared = (listing, view.compare, found)
            changed |= found is not None or known is not None
        return changed

    def _told(self, view: RunsView) -> Runs:
        """The runs, with what is known of the one under the cursor."""
        _, pair, found = self._compared
        preview = self._previews.found if self._previews else UNREAD
        return replace(self._runs, view=replace(view, compare=pair), compared=found, preview=preview)

    def _chosen(self, listing: Listing, view: RunsView) -> Runs:
        outcomes = dict(self._outcomes.known) if self._outcomes else {}
        choice = choose(view.pattern, view.sort, listing.runs, outcomes, self.root, time.time())
        if self._differing[0] != choice.runs:
            self._differing = choice.runs, differing(choice.runs)
        told = (choice.problem, choice.unknown, choice.unread, outcomes, self._differing[1])
        return Runs(listing, choice.runs, view, *told)


def compare(runs: Sequence[Glance], view: RunsView, outcomes: Mapping[Path, Outcome]) -> Differences | None:
    """What differs between the two runs that a view compares; None where one of them is not there."""
    known = {one.path: one for one in runs if not one.problem}
    if view.compare is None or view.compare[1] not in known:
        return None

    def seen(one: Glance) -> Side:
        return side(one, outcomes.get(one.path) or one.outcome or NOTHING)

    after, other = seen(known[view.compare[1]]), view.compare[0]
    if other is None:
        parent = nearest(
            [Side(one.name, one.path, one.config, started_at=one.started_at) for one in known.values()], after
        )
        other = parent.path if parent is not None else None
    return differences(seen(known[other]), after) if other in known else None
