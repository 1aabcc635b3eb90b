"""The app without a run: its terminal, its colours, the screen in front and the keys that go to it.

Owns the stack of screens. Knows no feed. Invariant: the terminal is sent what it does not show yet, and nothing else.
"""

from __future__ import annotations

import os
import sys
from typing import Any, ClassVar, cast

from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.filter import NoColor
from textual.screen import Screen

from nntui.tui import terminals, tmux
from nntui.tui.actions import ACTIONS
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint, Pixels
from nntui.tui.screens import kind_of, load, name_of
from nntui.tui.screens.base import RunScreen
from nntui.tui.shelf import Shelf
from nntui.tui.themes import DARK, LIGHT
from nntui.tui.thrift import Runs, Terminal

LOADED_AFTER = 1.0
"""Seconds until the screens are there that were not shown first, unless a run is still being read."""
MOST_WAITS = 5
"""How often that is waited for: a key that shows one of them then is answered at once, however long the run is."""

LOOK = 5
"""Seconds after which it is asked whether another terminal shows the pictures."""


class Shell(App[None]):
    """Screens, one in front."""

    TITLE = "nntui"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, action.words, show=False, priority=key in ("ctrl+c", "ctrl+q"))
        for action in ACTIONS
        if action.group == "everywhere"
        for key in action.keys
    ]

    def __init__(self, *, glyphs: str, light: bool, pictures: str) -> None:
        super().__init__(ansi_color=False)
        self.animation_level = "none"
        if self.no_color:  # Textual's own answer to NO_COLOR is greys
            self._filters = [NoColor()]
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = LIGHT.name if light else DARK.name
        self.glyphs = SETS[glyphs]
        self._shelf = self._made_shelf(pictures)
        self._terminal = Terminal(self._shelf)
        self._ticks = 0
        self._cell = terminals.cell(sys.__stderr__) if sys.__stderr__ else terminals.CELL

    def _made_shelf(self, pictures: str) -> Shelf | None:
        """What the terminal is handed over where it shows pictures with all their pixels."""
        if self.glyphs.kind == "ascii" or not terminals.pictures(os.environ, pictures).kitty:
            return None
        if not os.environ.get("TMUX"):
            return Shelf()
        return Shelf(tmux.through, tmux.Around(os.environ))

    def on_mount(self) -> None:
        """Have the other screens ready once the first is there."""
        self._load_later(MOST_WAITS)

    def _load_later(self, waits: int) -> None:
        self.set_timer(LOADED_AFTER, lambda: self._load_later(waits - 1) if waits > 1 and self.is_reading() else load())

    def is_reading(self) -> bool:
        """Whether something is read that is waited for."""
        return False

    def first_screen(self) -> str:
        """Which screen lies below the others."""
        raise NotImplementedError

    def may_show(self, name: str) -> bool:
        """Whether there is anything for this screen to show."""
        raise NotImplementedError

    @property
    def paint(self) -> Paint:
        """What panels draw with."""
        pixels = self._shelf and Pixels(self._shelf, self._cell, self._shelf.turned)
        exact = self.console.color_system == "truecolor"
        return Paint(self.current_theme, self.glyphs, not self.no_color, exact, pixels)

    @property
    def front(self) -> RunScreen | None:
        """The uppermost screen of a run, whatever is asked above it."""
        return next((s for s in reversed(self._screen_stack) if isinstance(s, RunScreen)), None)

    def shows(self, name: str) -> bool:
        """Whether the screen of this name is in front."""
        return name_of(self.front) == name

    @property
    def failure(self) -> Exception | None:
        """The defect that ended the app; None when there was none."""
        return self._exception

    def get_default_screen(self) -> RunScreen:
        """The first screen, by the way Textual asks for it."""
        return kind_of(self.first_screen())()

    def call_out(self, signals: str) -> None:
        """Send the terminal what draws nothing: what calls for a person, pictures that are shown later."""
        if signals and self._driver is not None and not self.is_headless:
            self._driver.write(signals)

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Send what the terminal does not show yet, in place of whole regions; before it, pictures that it does not have."""
        if not self._running or self._closed or self._batch_count:
            super()._display(screen, renderable)
            return
        changes = self._terminal.changes(renderable, self.size)
        if self._shelf is not None and isinstance(changes, Runs):
            self.call_out(self._shelf.sent(changes.pictures()))
        super()._display(screen, cast("Any", changes))
        if self._shelf is not None and self._shelf.is_full:
            self.call_out(self._shelf.spared(self._terminal.pictures()))

    def _build_driver(self, *arguments: Any, **named: Any) -> Driver:
        """The driver, which deletes pictures before it gives the terminal back, for whatever reason it does."""
        driver = super()._build_driver(*arguments, **named)
        give_back = driver.stop_application_mode

        def stop() -> None:
            if self._shelf is not None:
                self.call_out(self._shelf.cleared())
            give_back()

        driver.stop_application_mode = stop
        return driver

    def on_resize(self) -> None:
        """Other letters have other cells."""
        if sys.__stderr__:
            self._cell = terminals.cell(sys.__stderr__)

    def catch_up(self) -> None:
        """Show the pictures that could not be sent while tmux showed something else, or were sent before somebody attached."""
        self._ticks += 1
        if self._shelf is not None and self._shelf.is_behind(look=self._ticks % LOOK == 0):
            self._draw_anew()

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """The screen as SVG: in blocks, because a file has no pictures of the terminal."""
        shelf, front = self._shelf, self.front
        if shelf is None or front is None:
            return super().export_screenshot(title=title, simplify=simplify)
        self._shelf = None
        try:
            front.redraw()
            return super().export_screenshot(title=title, simplify=simplify)
        finally:
            self._shelf = shelf
            front.redraw()

    def _fatal_error(self) -> None:
        """Leave without Textual's traceback: whoever ran the app says in a line what `failure` is."""
        self._close_messages_no_wait()

    # --- actions ------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave the dashboard."""
        self.exit()

    def action_redraw(self) -> None:
        """Draw everything anew, whatever the terminal shows."""
        if self._shelf is not None:
            self.call_out(self._shelf.cleared())
        self._draw_anew()

    def _draw_anew(self) -> None:
        self._terminal.forget()
        self.refresh(layout=True)

    def action_show_screen(self, name: str) -> None:
        """Put one of the screens in front; the first one stays below the others."""
        front = self.front
        if front is None or self.shows(name) or not self.may_show(name):
            return
        kind = kind_of(name)
        self._terminal.forget()  # another screen is sent whole: it mends what others wrote to the terminal
        below = self._screen_stack[0]
        if kind is type(below):
            self.pop_screen()
            return
        if not self.is_screen_installed(
            name
        ):  # one that is kept keeps its place, and Textual holds on to those it drops
            self.install_screen(kind(), name)
        if front is below:
            self.push_screen(name)
        else:
            self.switch_screen(name)

    def forget_screens(self) -> None:
        """Let the screens go that are not in sight, and what was chosen on them."""
        for name, screen in list(self._installed_screens.items()):
            if isinstance(screen, Screen) and screen not in self._screen_stack:
                self.uninstall_screen(name)
                screen.remove()

    def action_choose(self, by: int) -> None:
        """The next metric, or the next row of a list."""
        if self.front is not None:
            self.front.move(by)

    def action_open(self) -> None:
        """Full size, or a finding's evidence."""
        if self.front is not None:
            self.front.open()

    def action_toggle_theme(self) -> None:
        """Dark or light colours."""
        self.theme = DARK.name if self.theme == LIGHT.name else LIGHT.name
        if self.front is not None:
            self.call_after_refresh(self.front.restyle)

    def action_command_palette(self) -> None:
        """Ask for an action by name."""
        from nntui.tui.widgets.palette import PaletteScreen

        if self.front is not None:
            self.push_screen(PaletteScreen(self.paint, self.front.KIND), self.front.run_named)
