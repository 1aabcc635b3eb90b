"""The Textual app: one snapshot, one list of runs, one set of options, a few screens.

Owns the way from keys to options and from the feeds to the screen in front. Draws nothing itself.
Invariant: widgets learn of a run through `show` alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.reactive import reactive

from nntui.session.feed import Feed
from nntui.session.paths import above
from nntui.session.snapshot import EMPTY, PIN_LIMIT, Snapshot
from nntui.tui.bell import Bell, call
from nntui.tui.following import Following
from nntui.tui.messages import RunsReady, SnapshotReady
from nntui.tui.options import Options
from nntui.tui.safe import safe
from nntui.tui.said import Said
from nntui.tui.screens import kind_of, name_of
from nntui.tui.shell import Shell

if TYPE_CHECKING:
    from nntui.session.runs import Runs

AGE_INTERVAL = 1.0


class NntuiApp(Shell):
    """Watches one run at a time, of the runs of one folder."""

    snapshot: reactive[Snapshot] = reactive(EMPTY, repaint=False, always_update=True)
    options: reactive[Options] = reactive(Options(), repaint=False)
    paused: reactive[bool] = reactive(False, repaint=False)

    def __init__(
        self,
        path: Path | None,
        *,
        root: Path | None = None,
        wait: bool = False,
        glyphs: str = "braille",
        pictures: str = "blocks",
        light: bool = False,
        quiet: bool = False,
        feed: Callable[..., Any] = Feed,
        watchman: Callable[..., Any] | None = None,
    ) -> None:
        """path: the run to open; None begins with the runs below root. root: by default the folder above the run.

        pictures: auto | kitty | blocks. quiet: new alerts ring no bell. feed, watchman: what makes them, by default the
        session; tests give some that do nothing.
        """
        super().__init__(glyphs=glyphs, light=light, pictures=pictures)
        self.quiet = quiet
        self.said = Said()
        self.following = Following(feed, self.post_message)
        self._bell = Bell()
        if path is not None:
            self.following.open(path, wait=wait)
        self.root = root or above(path)
        self.pins: tuple[Path, ...] = ()
        """Runs that are drawn along with whichever is open."""
        self.looked = False
        """Whether the folder of runs was looked at."""
        self._make_watchman = watchman
        kind_of(self.first_screen())  # imported before the app runs, while an interrupt is still an interrupt

    @property
    def path(self) -> Path | None:
        """The run that is watched."""
        return self.following.path

    @property
    def newest(self) -> Snapshot:
        """The newest snapshot, shown or not."""
        return self.following.newest

    @cached_property
    def runs(self) -> Runs:
        """The newest list of runs."""
        from nntui.session.catalog import Listing
        from nntui.session.runs import Runs

        return Runs(Listing(self.root))

    @cached_property
    def watchman(self) -> Any:
        """Looks at the folder of runs; made, and imported, when a screen first wants that."""
        from nntui.session.watchman import Watchman

        def found(runs: Runs) -> None:
            self.post_message(RunsReady(runs))

        return (self._make_watchman or Watchman)(self.root, found)

    def first_screen(self) -> str:
        """The overview, or the runs where none is open."""
        return "runs" if self.path is None else "live"

    def is_reading(self) -> bool:
        """Until all that was recorded is on the screen."""
        return self.path is not None and self.newest.unread

    def may_show(self, name: str) -> bool:
        """Without a run there are but two screens."""
        return self.path is not None or name in ("runs", "help")

    def on_mount(self) -> None:
        """Begin to read, once the first frame is there: what reads takes the processor from it."""
        self.set_interval(AGE_INTERVAL, self._tick)
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())
        self.call_after_refresh(self.following.start)

    def on_unmount(self) -> None:
        """Let the threads go."""
        if "watchman" in vars(self):
            self.watchman.stop()
        self.following.stop()

    def open_run(self, path: Path) -> None:
        """Watch this run in place of the one before, on the live screen."""
        if path != self.path:
            self.following.open(path)
            self.paused = False
            self._bell = Bell()
            self.snapshot = self.newest
            self.options = self.options.cleared()
            self.forget_screens()
            self.following.start()
        self.action_show_screen("live")

    def toggle_pin(self, path: Path) -> None:
        """Draw this run along with whichever is open, or no longer; one too many is not taken."""
        if path in self.pins:
            self.pins = tuple(one for one in self.pins if one != path)
        elif len(self.pins) < PIN_LIMIT:
            self.pins = (*self.pins, path)
        self._redraw()

    def on_runs_ready(self, message: RunsReady) -> None:
        """Take the newest list of runs."""
        self.looked = True
        self.runs = message.runs
        if self.shows("runs"):
            self._redraw()

    def on_snapshot_ready(self, message: SnapshotReady) -> None:
        """Take the newest snapshot, and call for a person where it says so."""
        if not self.following.take(message):
            return
        words = self._bell.heard(self.newest, time.monotonic())
        if words and not self.quiet:
            self.call_out(call(words, os.environ))
        self.snapshot = self.following.shown(paused=self.paused)
        if not self.newest.complete:
            self.call_after_refresh(self.following.drawn)

    def watch_snapshot(self) -> None:
        """Draw it on the screen in front."""
        self._redraw()

    def watch_options(self) -> None:
        """A changed option changes what is asked for."""
        self._redraw()

    def watch_paused(self, paused: bool) -> None:
        """Freeze what is shown, or catch up."""
        self.following.hold()
        self.snapshot = self.newest
        if not paused:
            self.ask()

    def ask(self) -> None:
        """Tell the feed what the screen in front shows."""
        if self.front is not None:
            self.following.ask(self.front.view())

    def data_age(self) -> float:
        """Seconds since the newest data arrived; NaN before any."""
        return self.following.age()

    def _redraw(self) -> None:
        if self.front is not None and self.front.is_mounted:
            self.front.show(self.snapshot)

    def _tick(self) -> None:
        self.catch_up()
        if self.said.ended():
            self._redraw()
        if self.front is not None and self.front.is_mounted:
            self.front.tick()

    # --- actions ------------------------------------------------------------------------------

    def action_go_back(self) -> None:
        """Leave what was opened here, or go to the first screen."""
        if self.front is not None and not self.front.back():
            self.action_show_screen(self.first_screen())

    def action_next_alert(self) -> None:
        """The alerts; on that screen, the next one. The crosshair of the plots goes where it began."""
        place = self.front.next() if self.front is not None and self.shows("alerts") else 0
        if place < len(self.snapshot.alerts):
            self.options = self.options.at(self.snapshot.alerts[place], self.snapshot)
        self.action_show_screen("alerts")

    def action_export(self) -> None:
        """The screen as a picture and its plots as numbers; the notice says where they are, for a while."""
        from nntui.tui import exporting

        place, run = exporting.folder(os.environ), self.newest.head.name
        picture = self.export_screenshot(title=f"nntui watch {safe(self.newest.head.path)}")
        plots = {} if self.front is None else self.snapshot.plots
        shown = name_of(self.front) or "screen"
        self.said.say(exporting.exported(place, run, shown, picture, plots))
        self._redraw()

    def action_toggle_pause(self) -> None:
        """Freeze or go on."""
        self.paused = not self.paused
