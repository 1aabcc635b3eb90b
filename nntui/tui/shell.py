"""The app without a run: its terminal, its colours, the screen in front and the keys that go to it.

Owns the stack of screens. Knows no feed. Invariant: the terminal is sent what it does not show yet, and nothing else.
"""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import NoColor
from textual.screen import Screen

from nntui.tui.actions import ACTIONS
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint
from nntui.tui.screens import kind_of, load, name_of
from nntui.tui.screens.base import RunScreen
from nntui.tui.themes import DARK, LIGHT
from nntui.tui.thrift import Terminal

LOADED_AFTER = 1.0
"""Seconds until the screens are there that were not shown first."""


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

    def __init__(self, *, glyphs: str, light: bool) -> None:
        super().__init__(ansi_color=False)
        self.animation_level = "none"
        if self.no_color:  # Textual's own answer to NO_COLOR is greys
            self._filters = [NoColor()]
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = LIGHT.name if light else DARK.name
        self.glyphs = SETS[glyphs]
        self._terminal = Terminal()

    def on_mount(self) -> None:
        """Have the other screens ready once the first is there."""
        self.set_timer(LOADED_AFTER, load)

    def first_screen(self) -> str:
        """Which screen lies below the others."""
        raise NotImplementedError

    def may_show(self, name: str) -> bool:
        """Whether there is anything for this screen to show."""
        raise NotImplementedError

    @property
    def paint(self) -> Paint:
        """What panels draw with."""
        return Paint(self.current_theme, self.glyphs, not self.no_color, self.console.color_system == "truecolor")

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
        """Send the terminal what calls for a person."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(signals)

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Send what the terminal does not show yet, in place of whole regions."""
        sent = self._running and not self._closed and not self._batch_count
        super()._display(screen, self._terminal.changes(renderable, self.size) if sent else renderable)

    def _fatal_error(self) -> None:
        """Leave without Textual's traceback: whoever ran the app says in a line what `failure` is."""
        self._close_messages_no_wait()

    # --- actions ------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave the dashboard."""
        self.exit()

    def action_redraw(self) -> None:
        """Draw everything anew, whatever the terminal shows."""
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
