"""The runs of a folder: which there are, how each is, and the way into one."""

from __future__ import annotations

import time
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from nntui.session.catalog import Listing
from nntui.session.glance import Glance
from nntui.session.snapshot import Snapshot
from nntui.tui import run_words
from nntui.tui.actions import ACTIONS, footer_keys
from nntui.tui.paint import fitted, joined
from nntui.tui.panels.frame import status_line
from nntui.tui.run_columns import STATE_WIDTH, Columns, columns
from nntui.tui.safe import safe
from nntui.tui.screens.browse import BrowseScreen
from nntui.tui.units import cut, fit, wrap
from nntui.tui.widgets.filter import FilterScreen

LABEL_WIDTH = 9
URGENT = ("crashed", "live", "silent", "problem", "quiet", "waiting", "ended")
"""Whose number is told first where there is no room for all."""


class RunsScreen(BrowseScreen):
    """Every run with its state, step and loss; enter opens the chosen one."""

    KIND = "runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, show=False) for action in ACTIONS if action.group == "runs" for key in action.keys
    ]
    pattern = ""
    _shown: tuple[object, tuple[Glance, ...]] = (None, ())
    _columns: tuple[object, Columns] | None = None

    def body(self) -> ComposeResult:
        """Titles over the list."""
        yield self.lines(self._titles, id="titles", classes="one")
        yield from super().body()

    @property
    def listing(self) -> Listing:
        """The runs as of the last look."""
        return self.run_app.listing

    def items(self) -> tuple[Glance, ...]:
        """The runs that the filter lets through."""
        asked = (self.listing, self.pattern)
        if self._shown[0] != asked:
            words = self.pattern.lower().split()
            self._shown = asked, tuple(one for one in self.listing.runs if _matches(one, self.listing, words))
        return self._shown[1]

    def key(self, item: Glance) -> object:
        """A run is where it is."""
        return item.path

    def row(self, item: Glance, width: int) -> Text:
        """State, name and numbers."""
        paint, table = self.run_app.paint, self._table(width)
        glyph, meaning = paint.state(item.state) if not item.problem else (paint.glyphs.failed, "error")
        state = paint.text(f"{glyph} {fit(run_words.state(item), STATE_WIDTH)}", meaning)
        name = paint.text(table.label(item), bold=item.path == self.run_app.path)
        numbers = paint.text(run_words.why(item) if item.problem else table.numbers(item, time.monotonic()))
        line = joined([state, name, numbers])
        line.truncate(max(0, width), overflow="ellipsis")
        return line

    def detail(self, item: Glance, width: int) -> list[Text]:
        """What is known of a run without opening it, and how it was started."""
        paint = self.run_app.paint
        lines = [paint.text(cut(safe(item.name), width), bold=True)]
        for name, value in run_words.facts(item, time.monotonic(), time.time()):
            room = wrap(value, width - LABEL_WIDTH)
            label = paint.text(fit(name, LABEL_WIDTH), "quiet")
            lines += [
                joined([label if not at else Text(" " * LABEL_WIDTH), paint.text(w)], "") for at, w in enumerate(room)
            ]
        settings = list(run_words.settings(item.config))
        if settings:
            lines += [Text(), paint.text("config", "quiet")]
            lines += [paint.text(cut(f"  {name}: {value}", width)) for name, value in settings]
        return lines

    def nothing(self) -> str:
        """No run, or none with these letters."""
        if self.listing.runs:
            return f"None of {len(self.listing.runs):,} runs holds “{safe(self.pattern)}”. Press esc to see them all."
        if self.listing.problem:
            return ""
        if not self.run_app.looked:
            return "Looking for runs …"
        return (
            f"No runs in {safe(self.listing.root)} yet. Record one with nntui.init('{safe(self.listing.root)}/NAME')."
        )

    def open(self) -> None:
        """Watch the chosen run."""
        items = self.items()
        if items:
            self._find(items)
            self.run_app.open_run(items[self.chosen].path)

    def back(self) -> bool:
        """Show all runs again."""
        was, self.pattern = self.pattern, ""
        self.show(self.snapshot)
        return bool(was)

    def tick(self) -> None:
        """A second has passed: the ages of all the data may have changed."""
        self.show(self.snapshot)

    def action_filter(self) -> None:
        """Ask for letters that a run must hold."""
        self.app.push_screen(FilterScreen(self.pattern, "letters of a name, a state, or name=value"), self._filtered)

    def on_mount(self) -> None:
        """Have the folder looked at."""
        self.run_app.watch_runs(True)
        super().on_mount()

    def on_screen_resume(self) -> None:
        """Look again."""
        self.run_app.watch_runs(True)
        super().on_screen_resume()

    def on_screen_suspend(self) -> None:
        """Nobody sees the list."""
        self.run_app.watch_runs(False)

    def _filtered(self, pattern: str | None) -> None:
        if pattern is not None:
            self.pattern, self.chosen, self._key = pattern, 0, None
            self.show(self.snapshot)

    def _table(self, width: int) -> Columns:
        """The columns for these rows: whoever lists thousands of runs measures them once per listing."""
        items = self.items()
        asked = (self._shown[0], width)
        if self._columns is None or self._columns[0] != asked:
            self._columns = asked, columns(items, self.listing.root, width - STATE_WIDTH - 4)
        return self._columns[1]

    def _titles(self, width: int, height: int) -> list[Text]:
        paint, state = self.run_app.paint, fit("state", STATE_WIDTH)
        titles = f"    {state}  {self._table(width - 2).titles}" if self.items() else ""
        return [paint.text(cut(titles, width), "quiet")]

    def _head(self, width: int, height: int) -> list[Text]:
        paint, listing = self.run_app.paint, self.listing
        counts = {state: sum(run_words.state(one) == state for one in listing.runs) for state in run_words.GLYPHS}
        parts = [
            (0, paint.text(cut(safe(listing.root), max(8, width // 3)), bold=True)),
            (1, paint.text("1 run" if len(listing.runs) == 1 else f"{len(listing.runs):,} runs")),
        ]
        for state, count in counts.items():
            glyph, meaning = paint.state(state) if state != "problem" else (paint.glyphs.failed, "error")
            words = paint.text(f"{glyph} {count:,} {state}" if count else "", meaning)
            parts.append((2 + URGENT.index(state), words))
        parts.append((20, paint.text(f"{listing.unread:,} not read yet" if listing.unread else "", "quiet")))
        return [fitted(parts, width)]

    def _notice(self, width: int, height: int) -> list[Text]:
        paint, app = self.run_app.paint, self.run_app
        if self.listing.problem:
            line = paint.text(f"{paint.glyphs.failed} {self.listing.problem}", "error", bold=True)
        elif self.pattern:
            words = f"{len(self.items()):,} of {len(self.listing.runs):,} runs hold “{self.pattern}”; esc shows all"
            line = paint.text(words, "accent")
        elif app.path is not None:
            line = paint.text(f"esc leads back to {app.path}", "quiet")
        else:
            line = paint.text("enter opens a run; 7 leads back here", "quiet")
        line.truncate(max(0, width), overflow="ellipsis")
        return [line]

    def _footer(self, width: int, height: int) -> list[Text]:
        head = Snapshot().head
        return [status_line(head, width, self.run_app.paint, footer_keys(self.KIND))]


def _matches(one: Glance, listing: Listing, words: list[str]) -> bool:
    """Whether every word is found in the run's name, its state, or one of its settings as `name=value`."""
    if not words:
        return True
    settings = [f"{name}={value}".lower() for name, value in run_words.settings(one.config)]
    texts = [run_words.label(one, listing.root).lower(), one.name.lower(), run_words.state(one), *settings]
    return all(any(word in text for text in texts) for word in words)
