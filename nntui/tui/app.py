"""The Textual app: one snapshot, one listing, one set of options, a few screens.

Owns the way from keys to options and from the feeds to the screen in front. Draws nothing itself.
Invariant: widgets learn of a run through `show` alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import NoColor
from textual.reactive import reactive
from textual.screen import Screen

from nntui.session.alerts import Alerts
from nntui.session.catalog import DEFAULT, Listing
from nntui.session.feed import Feed
from nntui.session.liveness import OVER
from nntui.session.snapshot import EMPTY, Head, Snapshot
from nntui.session.watchman import Watchman
from nntui.tui.actions import ACTIONS
from nntui.tui.bell import call
from nntui.tui.glyphs import SETS
from nntui.tui.messages import ListingReady, SnapshotReady
from nntui.tui.options import Options
from nntui.tui.paint import Paint
from nntui.tui.screens.base import RunScreen
from nntui.tui.screens.browse import AlertsScreen, LogScreen
from nntui.tui.screens.data import DataScreen
from nntui.tui.screens.dependencies import DependenciesScreen
from nntui.tui.screens.help import HelpScreen
from nntui.tui.screens.layers import LayersScreen
from nntui.tui.screens.live import LiveScreen
from nntui.tui.screens.predictions import PredictionsScreen
from nntui.tui.screens.recipe import RecipeScreen
from nntui.tui.screens.runs import RunsScreen
from nntui.tui.themes import DARK, LIGHT
from nntui.tui.thrift import Terminal
from nntui.tui.widgets.palette import PaletteScreen

AGE_INTERVAL = 1.0
SCREENS: dict[str, type[RunScreen]] = {
    "live": LiveScreen,
    "recipe": RecipeScreen,
    "alerts": AlertsScreen,
    "predictions": PredictionsScreen,
    "dependencies": DependenciesScreen,
    "layers": LayersScreen,
    "data": DataScreen,
    "runs": RunsScreen,
    "log": LogScreen,
    "help": HelpScreen,
}


class NntuiApp(App[None]):
    """Watches one run at a time, of the runs of one folder."""

    TITLE = "nntui"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, action.words, show=False, priority=key in ("ctrl+c", "ctrl+q"))
        for action in ACTIONS
        if action.group == "everywhere"
        for key in action.keys
    ]

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
        light: bool = False,
        quiet: bool = False,
        feed: Callable[..., Any] = Feed,
        watchman: Callable[..., Any] = Watchman,
    ) -> None:
        """path: the run to open; None begins with the runs below root. root: by default the folder above the run.

        quiet: new alerts ring no bell. feed, watchman: what makes them; tests give some that do nothing.
        """
        super().__init__(ansi_color=False)
        self.animation_level = "none"
        if self.no_color:  # Textual's own answer to NO_COLOR is greys
            self._filters = [NoColor()]
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = LIGHT.name if light else DARK.name
        self.glyphs = SETS[glyphs]
        self._terminal = Terminal()
        self.newest: Snapshot = EMPTY
        self.quiet = quiet
        self._alerts: Alerts | None = None
        self._frozen: Snapshot = EMPTY
        self.path = path
        self._make_feed = feed
        self._source = 0
        self._feed: Any = None if path is None else self._new_feed(path, wait=wait)
        self.listing = Listing(root or _above(path))
        self.looked = False
        """Whether the folder of runs was looked at."""
        self._watchman = watchman(self.listing.root, lambda listing: self.post_message(ListingReady(listing)))

    def _new_feed(self, path: Path, *, wait: bool = False) -> Any:
        """A feed whose thread posts one message per snapshot, and nothing else."""
        self._source += 1
        source = self._source
        return self._make_feed(path, lambda snapshot: self.post_message(SnapshotReady(snapshot, source)), wait=wait)

    @property
    def paint(self) -> Paint:
        """What panels draw with."""
        return Paint(self.current_theme, self.glyphs, not self.no_color)

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Send what the terminal does not show yet, in place of whole regions."""
        sent = self._running and not self._closed and not self._batch_count
        super()._display(screen, self._terminal.changes(renderable, self.size) if sent else renderable)

    def get_default_screen(self) -> RunScreen:
        """The overview is the first screen, or the runs where none is open."""
        return RunsScreen() if self.path is None else LiveScreen()

    def on_mount(self) -> None:
        """Begin to read."""
        self.set_interval(AGE_INTERVAL, self._tick)
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())
        if self._feed is not None:
            self._feed.start()

    @property
    def failure(self) -> Exception | None:
        """The defect that ended the app; None when there was none."""
        return self._exception

    def _fatal_error(self) -> None:
        """Leave without Textual's traceback: whoever ran the app says in a line what `failure` is."""
        self._close_messages_no_wait()

    def on_unmount(self) -> None:
        """Let the threads go."""
        self._watchman.stop()
        if self._feed is not None:
            self._feed.stop()

    def open_run(self, path: Path) -> None:
        """Watch this run in place of the one before, on the live screen."""
        if path != self.path:
            if self._feed is not None:
                self._feed.stop(0.0)
            self.path = path
            self._feed = self._new_feed(path)
            self.newest = replace(EMPTY, head=Head(name=path.name, path=str(path)))
            self.paused = False
            self._alerts = None
            self.snapshot = self._frozen = self.newest
            self.options = self.options.cleared()
            self._feed.start()
        self.action_show_screen("live")

    def watch_runs(self, wanted: bool) -> None:
        """Have the folder of runs looked at, or not: a list nobody sees costs nothing."""
        self._watchman.watch(wanted)

    def on_listing_ready(self, message: ListingReady) -> None:
        """Take the newest list of runs."""
        self.looked = True
        self.listing = message.listing
        if isinstance(self._front(), RunsScreen):
            self._redraw()

    def on_snapshot_ready(self, message: SnapshotReady) -> None:
        """Take the newest snapshot; a paused screen keeps its plots."""
        if message.source != self._source or message.snapshot.number < self.newest.number:
            return
        self.newest = message.snapshot
        self._hear(message.snapshot)
        self.snapshot = replace(self._frozen, head=self.newest.head) if self.paused else self.newest

    def _hear(self, snapshot: Snapshot) -> None:
        """Call for a person when an alert is new; those that were there when the run was opened are not."""
        if not snapshot.complete or snapshot.problem:
            return
        known, alerts = self._alerts is not None, self._alerts or Alerts()
        self._alerts = alerts
        changes = alerts.update(snapshot.alerts, time.monotonic(), over=snapshot.head.state in OVER)
        loud = [change for change in changes if change.loud]
        if known and loud and not self.quiet:
            self.call_out(call(f"{snapshot.head.name}: {loud[0].finding.message}", os.environ))

    def call_out(self, signals: str) -> None:
        """Send the terminal what calls for a person."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(signals)

    def watch_snapshot(self) -> None:
        """Draw it on the screen in front."""
        self._redraw()

    def watch_options(self) -> None:
        """A changed option changes what is asked for."""
        self.ask()
        self._redraw()

    def watch_paused(self, paused: bool) -> None:
        """Freeze what is shown, or catch up."""
        self._frozen = self.newest
        self.snapshot = self.newest
        if not paused:
            self.ask()

    def ask(self) -> None:
        """Tell the feed what the screen in front shows."""
        screen = self._front()
        if screen is not None and self._feed is not None and not self.paused:
            self._feed.show(screen.view())

    def _front(self) -> RunScreen | None:
        return next((s for s in reversed(self._screen_stack) if isinstance(s, RunScreen)), None)

    def _redraw(self) -> None:
        screen = self._front()
        if screen is not None and screen.is_mounted:
            screen.show(self.snapshot)

    def _tick(self) -> None:
        screen = self._front()
        if screen is not None and screen.is_mounted:
            screen.tick()

    def data_age(self) -> float:
        """Seconds since the newest data arrived; NaN before any."""
        return time.monotonic() - self.newest.head.newest

    # --- actions ------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave the dashboard."""
        self.exit()

    def action_redraw(self) -> None:
        """Draw everything anew, whatever the terminal shows."""
        self._terminal.forget()
        self.refresh(layout=True)

    def action_show_screen(self, name: str) -> None:
        """Put one of the screens in front; the first one stays below the others. Without a run there are but two."""
        front, kind = self._front(), SCREENS[name]
        if front is None or type(front) is kind or (self.path is None and name not in ("runs", "help")):
            return
        below = self._screen_stack[0]
        if kind is type(below):
            self.pop_screen()
        elif front is below:
            self.push_screen(kind())
        else:
            self.switch_screen(kind())

    def action_go_back(self) -> None:
        """Leave what was opened here, or go to the live screen; without a run, to the list."""
        front = self._front()
        if front is not None and not front.back():
            self.action_show_screen("runs" if self.path is None else "live")

    def action_next_alert(self) -> None:
        """The alerts; on that screen, the next one. The crosshair of the plots goes where it began."""
        front = self._front()
        place = 0
        if isinstance(front, AlertsScreen):
            front.move(1, wrap=True)
            place = front.chosen
        if place < len(self.snapshot.alerts):
            self.options = self.options.at(self.snapshot.alerts[place], self.snapshot)
        self.action_show_screen("alerts")

    def action_toggle_pause(self) -> None:
        """Freeze or go on."""
        self.paused = not self.paused

    def action_choose(self, by: int) -> None:
        """The next metric, or the next row of a list."""
        front = self._front()
        if front is not None:
            front.move(by)

    def action_open(self) -> None:
        """Full size, or a finding's evidence."""
        front = self._front()
        if front is not None:
            front.open()

    def action_toggle_theme(self) -> None:
        """Dark or light colours."""
        self.theme = DARK.name if self.theme == LIGHT.name else LIGHT.name
        front = self._front()
        if front is not None:
            self.call_after_refresh(front.restyle)

    def action_command_palette(self) -> None:
        """Ask for an action by name."""
        front = self._front()
        if front is not None:
            self.push_screen(PaletteScreen(self.paint, front.KIND), front.run_named)


def _above(path: Path | None) -> Path:
    """The folder that holds a run."""
    if path is None:
        return DEFAULT
    return path.parent if path.name not in ("", "..") else path.absolute().parent
