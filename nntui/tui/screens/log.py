"""What happened and what was printed, newest first; enter goes to the plots at that step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, get_args

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from nntui.session.log import EventRow, LogView, Which
from nntui.session.snapshot import View
from nntui.tui.actions import ACTIONS
from nntui.tui.panels import log as panels
from nntui.tui.screens.browse import BrowseScreen
from nntui.tui.widgets.filter import FilterScreen

HINT = "words that a line must hold; level=warn level=error level=stdout"


class LogScreen(BrowseScreen):
    """The lines over all of the chosen one; the first line stays the newest until another is chosen."""

    KIND = "log"
    PART = "log"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, show=False) for action in ACTIONS if action.group == "log" for key in action.keys
    ]
    wanted = LogView()
    sought = ""

    def body(self) -> ComposeResult:
        """What is listed, over the list."""
        yield self.lines(self._about, id="about", classes="one")
        yield from super().body()

    def view(self) -> View:
        """The lines as they are wanted."""
        return View(log=self.wanted)

    def items(self) -> Sequence[EventRow]:
        """The lines."""
        return self.snapshot.log.rows

    def key(self, item: EventRow) -> object:
        """A line never changes."""
        return item

    def row(self, item: EventRow, width: int) -> Text:
        """When and what."""
        return panels.event_row(item, width, self.run_app.paint, panels.clock_of(self.items()))

    def detail(self, item: EventRow, width: int) -> list[Text]:
        """The whole message."""
        return panels.event_detail(item, width, self.run_app.paint)

    def nothing(self) -> str:
        """Nothing was recorded, or nothing is let through."""
        total = self.snapshot.log.total
        if total:
            return f"None of {total:,} lines is shown: esc shows all."
        return "Nothing has happened yet. What is printed is recorded by nntui.init(…, capture_output=True)."

    def open(self) -> None:
        """The plots, with the crosshair where this line was written; a line before the first step alone."""
        items = self.items()
        app = self.run_app
        if items and not self.alone and items[min(self.chosen, len(items) - 1)].step >= 0:
            app.options = app.options.at_step(items[min(self.chosen, len(items) - 1)].step, self.snapshot)
            app.action_show_screen("live")
        else:
            super().open()

    def back(self) -> bool:
        """Leave the whole text, then the filter."""
        if super().back():
            return True
        was = self.wanted
        self._want(LogView())
        return was != LogView()

    def action_whole(self) -> None:
        """The whole text alone, or the list again."""
        super().open()

    def action_which(self) -> None:
        """The next kind of lines."""
        kinds = get_args(Which)
        self._want(replace(self.wanted, which=kinds[(kinds.index(self.wanted.which) + 1) % len(kinds)]))

    def action_filter(self) -> None:
        """Ask for words that a line must hold."""
        self.app.push_screen(FilterScreen(self.wanted.pattern, HINT), self._filtered)

    def action_search(self) -> None:
        """Ask for letters, and go to the next line that has them."""
        self.app.push_screen(FilterScreen(self.sought, "letters to look for; n for the next line"), self._searched)

    def action_find(self, by: int) -> None:
        """The next line that has what was looked for, older or newer."""
        items, sought = self.items(), self.sought.lower()
        places = range(self.chosen + by, len(items) if by > 0 else -1, by)
        found = next((k for k in places if sought in f"{items[k].event} {items[k].message}".lower()), None)
        if found is not None and sought:
            self.move(found - self.chosen)

    def _searched(self, letters: str | None) -> None:
        if letters is not None:
            self.sought = letters
            self.action_find(1)

    def _filtered(self, pattern: str | None) -> None:
        if pattern is not None:
            self._want(replace(self.wanted, pattern=pattern))

    def _want(self, wanted: LogView) -> None:
        if wanted != self.wanted:
            self.wanted, self.chosen, self._key = wanted, 0, None
            self.show(self.snapshot)

    def _about(self, width: int, height: int) -> list[Text]:
        return [panels.about_line(self.snapshot.log, self.wanted, self.chosen, width, self.run_app.paint)]
