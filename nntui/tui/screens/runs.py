"""The runs of a folder: which there are, how each is, what tells them apart, and the way into one."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from nntui.session.choice import HINT
from nntui.session.glance import Glance
from nntui.session.runs import Runs, RunsView
from nntui.session.snapshot import Snapshot
from nntui.tui.actions import ACTIONS, footer_keys
from nntui.tui.paint import joined
from nntui.tui.panels.frame import status_line
from nntui.tui.panels.runs import bars, differences_detail, filter_line, head_line, run_detail, run_row, titles_line
from nntui.tui.run_columns import STATE_WIDTH, Columns, columns
from nntui.tui.safe import safe
from nntui.tui.screens.browse import BrowseScreen
from nntui.tui.widgets.filter import FilterScreen


class RunsScreen(BrowseScreen):
    """Every run with its state and its numbers; enter opens the chosen one."""

    KIND = "runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, show=False) for action in ACTIONS if action.group == "runs" for key in action.keys
    ]
    wanted = RunsView()
    comparing = False
    """Whether the detail is what differs from another run."""
    _columns: tuple[object, Columns] | None = None

    def body(self) -> ComposeResult:
        """Titles over the list."""
        yield self.lines(self._titles, id="titles", classes="one")
        yield from super().body()

    @property
    def runs(self) -> Runs:
        """The runs as of the last look."""
        return self.run_app.runs

    def items(self) -> tuple[Glance, ...]:
        """The runs that the filter lets through."""
        return self.runs.rows

    def key(self, item: Glance) -> object:
        """A run is where it is."""
        return item.path

    def row(self, item: Glance, width: int) -> Text:
        """State, name and numbers."""
        paint, is_open = self.run_app.paint, item.path == self.run_app.path
        table, outcome = self._table(width), self.runs.outcome(item)
        mark = self._mark(item)
        line = run_row(item, outcome, table, time.monotonic(), paint, mark=mark, is_open=is_open)
        line.truncate(max(0, width), overflow="ellipsis")
        return line

    def detail(self, item: Glance, width: int) -> list[Text]:
        """What is known of a run without opening it, and how it was started."""
        if self.comparing:
            return differences_detail(self.runs, item, width, self.run_app.paint)
        now, outcome = time.monotonic(), self.runs.outcome(item)
        return run_detail(item, outcome, width, now, time.time(), self.run_app.paint)

    def nothing(self) -> str:
        """No run, or none that the filter lets through."""
        listing = self.runs.listing
        if listing.runs:
            return f"None of {len(listing.runs):,} runs fits “{safe(self.wanted.pattern)}”. Press esc to see them all."
        if listing.problem:
            return ""
        if not self.run_app.looked:
            return "Looking for runs …"
        return f"No runs in {safe(listing.root)} yet. Record one with nntui.init('{safe(listing.root)}/NAME')."

    def show(self, snapshot: Snapshot) -> None:
        """Draw, then ask for what came into sight."""
        super().show(snapshot)
        seen = tuple(one.path for one in self.items()[self.first : self.first + self.room])
        self._want(replace(self.wanted, visible=seen, compare=self._pair()))

    def open(self) -> None:
        """Watch the chosen run."""
        items = self.items()
        if items:
            self._find(items)
            self.run_app.open_run(items[self.chosen].path)

    def back(self) -> bool:
        """Show all runs again."""
        was, self.comparing = self.comparing or bool(self.wanted.pattern), False
        self._want(replace(self.wanted, pattern=""))
        self.show(self.snapshot)
        return was

    def tick(self) -> None:
        """A second has passed: the ages of all the data may have changed."""
        self.show(self.snapshot)

    def action_pin(self) -> None:
        """Draw the chosen run along with whichever is open, or no longer."""
        items = self.items()
        if items:
            self._find(items)
            self.run_app.toggle_pin(items[self.chosen].path)

    def action_compare(self) -> None:
        """Tell what differs from the newest pinned run, the open one, or the one before; or tell of the run again."""
        self.comparing = not self.comparing
        self.show(self.snapshot)

    def _pair(self) -> tuple[Path | None, Path] | None:
        """The runs to compare."""
        items = self.items()
        if not self.comparing or not items:
            return None
        chosen, app = items[min(self.chosen, len(items) - 1)].path, self.run_app
        others = [path for path in (*app.pins[::-1], app.path) if path is not None and path != chosen]
        return (others[0] if others else None), chosen

    def action_filter(self) -> None:
        """Ask for what a run must be."""
        self.app.push_screen(FilterScreen(self.wanted.pattern, HINT), self._filtered)

    def action_order(self) -> None:
        """By the next column; after the last, as they come."""
        keys = [
            "",
            "name",
            *(column.key for column in self._table(self._width()).shown if column.key not in ("curve", "done")),
        ]
        now = self.wanted.sort.removeprefix("-")
        self._want(replace(self.wanted, sort=keys[(keys.index(now) + 1) % len(keys)] if now in keys else ""))

    def action_turn(self) -> None:
        """The other way round."""
        now = self.wanted.sort
        self._want(
            replace(self.wanted, sort=now.removeprefix("-") if now.startswith("-") else f"-{now}" if now else "")
        )

    def on_mount(self) -> None:
        """Have the folder looked at."""
        self.run_app.watchman.watch(True)
        super().on_mount()

    def on_screen_resume(self) -> None:
        """Look again."""
        self.run_app.watchman.watch(True)
        super().on_screen_resume()

    def on_screen_suspend(self) -> None:
        """Nobody sees the list."""
        self.run_app.watchman.watch(False)

    def _filtered(self, pattern: str | None) -> None:
        if pattern is not None:
            self.chosen, self._key = 0, None
            self._want(replace(self.wanted, pattern=pattern))

    def _want(self, wanted: RunsView) -> None:
        if wanted != self.wanted:
            self.wanted = wanted
            self.run_app.watchman.show(wanted)

    def _mark(self, item: Glance) -> Text:
        """The number of a pinned run, as plots have it; a cell for it in every row once there is one."""
        pins = [path for path in self.run_app.pins if path != self.run_app.path]
        if item.path in pins:
            number = pins.index(item.path) + 1
            return Text(f"{number} ", self.run_app.paint.series(number))
        drawn = item.path in self.run_app.pins
        return self.run_app.paint.text(f"{'p' if drawn else ' '} " if self.run_app.pins else "", "accent")

    def _width(self) -> int:
        return self.size.width - 2

    def _table(self, width: int) -> Columns:
        """The columns for these rows: whoever lists thousands of runs measures them once per answer."""
        room = width - STATE_WIDTH - 4 - (2 if self.run_app.pins else 0)
        asked = (self.runs, room)
        if self._columns is None or self._columns[0] != asked:
            sort, curve = self.runs.view.sort.removeprefix("-"), bars(self.run_app.glyphs.bar)
            self._columns = asked, columns(self.runs, room, curve=curve, sort=sort)
        return self._columns[1]

    def _titles(self, width: int, height: int) -> list[Text]:
        if not self.items():
            return [Text()]
        line = titles_line(self._table(width - 2), self.runs.view.sort, width, self.run_app.paint)
        return [joined([Text("  " if self.run_app.pins else ""), line], "")]

    def _head(self, width: int, height: int) -> list[Text]:
        return [head_line(self.runs, width, self.run_app.paint)]

    def _notice(self, width: int, height: int) -> list[Text]:
        paint, app = self.run_app.paint, self.run_app
        line = filter_line(self.runs, width, paint)
        if not line.cell_len:
            words = "enter opens a run; 7 leads back here" if app.path is None else f"esc leads back to {app.path}"
            line = paint.text(words, "quiet")
            line.truncate(max(0, width), overflow="ellipsis")
        return [line]

    def _footer(self, width: int, height: int) -> list[Text]:
        head = Snapshot().head
        return [status_line(head, width, self.run_app.paint, footer_keys(self.KIND, width))]
