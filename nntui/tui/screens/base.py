"""What every screen of a run has: its first line, its notice, its last line.

Owns the frame around a body. Invariant: the first lines go on while the rest is paused: state and alerts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from nntui.session.snapshot import Snapshot, View
from nntui.tui.actions import ACTIONS, footer_keys
from nntui.tui.paint import cut_line
from nntui.tui.panels.frame import head_line, notice_line, status_line
from nntui.tui.widgets.lines import Draw, Lines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nntui.tui.app import NntuiApp


def scrubbed(steps: Sequence[int] | NDArray[np.int64], step: int | None, by: int) -> int | None:
    """The step of the moment so many recorded ones later than what was asked for; None is the newest, which is followed."""
    last = len(steps) - 1
    at = last if step is None else bisect_right(steps, step) - 1
    at = min(max(0, at + by), last)
    return None if at == last else int(steps[at])


class RunScreen(Screen[None]):
    """A screen that shows a snapshot."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"app.{action.name}", show=False)
        for action in ACTIONS
        for key in action.keys
        if key in ("tab", "shift+tab")  # what Textual's own screens take before the app
    ]
    KIND = "list"
    """Which keys its last line shows."""
    PART = ""
    """The field of a view without which a snapshot has nothing for this screen; empty where there is none."""
    _due = False
    """Whether it is to be drawn once the keys that came before have done what they do."""

    def compose(self) -> ComposeResult:
        """First line, notice, body, last line."""
        yield self.lines(self._head, id="head", classes="one")
        yield self.lines(self._notice, id="notice", classes="one")
        yield from self.body()
        yield self.lines(self._footer, id="footer", classes="one")

    def lines(self, draw: Draw, *, id: str, classes: str | None = None) -> Lines:
        """A panel in the glyphs of this terminal."""
        return Lines(draw, ascii_only=self.run_app.glyphs.kind == "ascii", id=id, classes=classes)

    def body(self) -> ComposeResult:
        """What lies between."""
        raise NotImplementedError

    def view(self) -> View:
        """What this screen needs of the feed."""
        return View()

    def lay_out(self) -> None:
        """Give every panel its place, for this size and what there is to show; called once all panels are there."""

    def move(self, by: int) -> None:
        """The next row, or what stands for it here."""

    def open(self) -> None:
        """Enter was pressed."""

    def next(self) -> int:
        """Go to the next of what is listed; its place."""
        return 0

    def back(self) -> bool:
        """Escape was pressed; True when there was something here to leave."""
        return False

    @property
    def run_app(self) -> NntuiApp:
        """The app, by its own type."""
        return cast("NntuiApp", self.app)

    @property
    def snapshot(self) -> Snapshot:
        """What is shown."""
        return self.run_app.snapshot

    @property
    def unread(self) -> bool:
        """Whether there may be more than the snapshot holds for this screen: then nothing is missing yet."""
        return self.snapshot.unread or (self.PART != "" and getattr(self.snapshot.view, self.PART) is None)

    def run_named(self, action: str | None) -> None:
        """Do what the palette answered, once it is gone."""
        if action:
            self.call_later(
                self.run_action, action if hasattr(self, f"action_{action.partition('(')[0]}") else f"app.{action}"
            )

    def restyle(self) -> None:
        """The colours changed."""
        for lines in self.query(Lines):
            lines.draw_anew()

    def show(self, snapshot: Snapshot) -> None:
        """Draw a snapshot: lay out, ask for what fits, and every panel draws again and sends what changed."""
        self._lay_out()
        self.run_app.ask()
        self.redraw()

    def redraw(self) -> None:
        """Every panel draws what it shows again, and sends what changed."""
        for lines in self.query(Lines):
            lines.redraw()

    def show_soon(self) -> None:
        """Draw once for all the keys that wait already, so that a key that is held down piles nothing up."""
        if not self._due:
            self._due = True
            self.app.call_later(self.call_later, self._show_due)  # keys wait at the app, then at the screen

    def _show_due(self) -> None:
        self._due = False
        self.show(self.snapshot)

    def tick(self) -> None:
        """A second has passed: only the age of the data can have changed."""
        for head in self.query("#head").results(Lines):
            head.redraw()

    def on_mount(self) -> None:
        """Ask for what this screen needs."""
        self.screen_layout_refresh_signal.subscribe(self, lambda _: self._laid_out())
        self.run_app.ask()

    def _lay_out(self) -> None:
        """Not before all panels are there, nor while they go one by one because the app leaves."""
        if self.is_mounted and self.app.is_running and self.query("#footer"):
            self.lay_out()

    def _laid_out(self) -> None:
        """Draw what fits no more, and around it what may stand elsewhere than before."""
        late = [lines for lines in self.query(Lines) if lines.fit()]
        if late:
            self.refresh()

    def on_screen_resume(self) -> None:
        """This screen is in front again."""
        self.show(self.snapshot)

    def on_resize(self) -> None:
        """More room may show more; a paused screen keeps what it shows."""
        self._lay_out()
        if not self.run_app.paused:
            self.run_app.ask()

    def _head(self, width: int, height: int) -> list[Text]:
        app = self.run_app
        return [head_line(self.snapshot, width, app.paint, app.data_age(), app.paused)]

    def _notice(self, width: int, height: int) -> list[Text]:
        app = self.run_app
        if app.said.words:
            return [cut_line(app.paint.text(app.said.words, "accent", bold=True), width)]
        alerts = app.following.newest.alerts  # also on a paused screen, which would say that all is well
        return [notice_line(replace(self.snapshot, alerts=alerts), width, app.paint)]

    def _footer(self, width: int, height: int) -> list[Text]:
        return [status_line(self.snapshot.head, width, self.run_app.paint, footer_keys(self.KIND, width))]
