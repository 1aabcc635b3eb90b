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
from nntui.session.outcome import Outcome
from nntui.session.runs import PreviewView, Runs, RunsView
from nntui.session.snapshot import PIN_LIMIT, Snapshot
from nntui.tui import run_words
from nntui.tui.actions import ACTIONS, footer_keys
from nntui.tui.paint import joined
from nntui.tui.panels.frame import status_line
from nntui.tui.panels.preview import Along, preview_lines
from nntui.tui.panels.runs import (
    bars,
    differences_detail,
    fact_lines,
    filter_line,
    head_line,
    run_detail,
    run_row,
    titles_line,
)
from nntui.tui.run_columns import STATE_WIDTH, Columns, columns
from nntui.tui.safe import safe
from nntui.tui.screens.browse import BESIDE, BrowseScreen
from nntui.tui.widgets.filter import FilterScreen
from nntui.tui.widgets.plot import raster_columns


class RunsScreen(BrowseScreen):
    """Every run with its state and its numbers; enter opens the chosen one."""

    KIND = "runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, show=False) for action in ACTIONS if action.group == "runs" for key in action.keys
    ]
    wanted = RunsView()
    comparing = False
    """Whether the detail is what differs from another run."""
    _columns: tuple[object, Runs, Columns] | None = None
    """The columns, of which runs they are, and what of these they depend on."""

    def __init__(self) -> None:
        super().__init__()
        self._second = 0
        self._rows: dict[Path, tuple[object, Text]] = {}
        """The rows that were drawn in this second: whoever holds a key down sees most of them many times."""
        self._named: tuple[object, dict[Path, Glance]] = (None, {})
        """The listing, and its runs by where they are."""

    def body(self) -> ComposeResult:
        """Titles over the list."""
        yield self.lines(self._titles, id="titles", classes="one")
        yield from super().body()

    @property
    def unread(self) -> bool:
        """No snapshot is listed here, but runs."""
        return False

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
        """State, name and numbers; made once for as long as no age can have changed."""
        paint, is_open, now = self.run_app.paint, item.path == self.run_app.path, time.monotonic()
        table, outcome, mark = self._table(width), self.runs.outcome(item), self._mark(item)
        made_of = (item, outcome, table, paint, mark, is_open, width)
        if int(now) != self._second:
            self._second, self._rows = int(now), {}
        known = self._rows.get(item.path)
        if known is None or known[0] != made_of:
            line = run_row(item, outcome, table, now, paint, mark=mark, is_open=is_open)
            line.truncate(max(0, width), overflow="ellipsis")
            known = self._rows[item.path] = (made_of, line)
        return known[1]

    def detail(self, item: Glance, width: int) -> list[Text]:
        """What is known of a run without opening it, and how it was started."""
        if self.comparing:
            return differences_detail(self.runs, item, width, self.run_app.paint)
        now, outcome = time.monotonic(), self.runs.outcome(item)
        return run_detail(item, outcome, width, now, time.time(), self.run_app.paint)

    def beside(self, width: int) -> int:
        """More than half of a wide terminal."""
        return width * 11 // 20 if width >= BESIDE else 0

    def below(self, width: int, height: int) -> list[Text]:
        """How the chosen run was started, where the list leaves room."""
        facts = self._facts(width)
        return [Text(), *facts] if len(facts) < height else []

    def detail_beside(self, item: Glance, width: int, height: int) -> list[Text]:
        """The run over time, and what it did otherwise than others."""
        if self.comparing:
            return self.detail(item, width)
        along = [
            Along(number, *self._known(path), path == self.run_app.path)
            for number, path in enumerate(self._along(), 1)
            if path != item.path
        ]
        is_below = bool(self.below(self.beside(self.size.width), height - self.room))
        facts = [] if is_below else self._facts(width)
        return preview_lines(item, self.runs, along, width, height, self.run_app.paint, facts)

    def _facts(self, width: int) -> list[Text]:
        """What is known of the chosen run, and its settings."""
        item = self.items()[self.chosen]
        facts = dict(run_words.facts(item, time.monotonic(), time.time()))
        return fact_lines(facts, item, width, self.run_app.paint)

    def _along(self) -> tuple[Path, ...]:
        """Runs drawn along with the chosen one, by their numbers: those pinned, as they are marked, then the open one."""
        app = self.run_app
        pins = (path for path in app.pins if path != app.path)
        return (*pins, *(path for path in (app.path,) if path is not None))[:PIN_LIMIT]

    def _known(self, path: Path) -> tuple[str, Outcome]:
        """What a run is called, and what it came to."""
        listing = self.runs.listing
        if self._named[0] is not listing:
            self._named = (listing, {one.path: one for one in listing.runs})
        one = self._named[1].get(path) or Glance(path, path.name)
        return run_words.label(one, self.runs.listing.root), self.runs.outcome(one)

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
        self._see()

    def on_resize(self) -> None:
        """Another size has room for other runs, and for more or less of the chosen one."""
        super().on_resize()
        self._see()

    def _see(self) -> None:
        """Ask for the runs in sight and for the chosen one."""
        seen = tuple(one.path for one in self.items()[self.first : self.first + self.room])
        self._want(replace(self.wanted, visible=seen, compare=self._pair(), preview=self._preview()))

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
        if not (self.comparing or self.beside(self.size.width)) or not items:
            return None
        chosen, app = items[min(self.chosen, len(items) - 1)].path, self.run_app
        others = [path for path in (*app.pins[::-1], app.path) if path is not None and path != chosen]
        return (others[0] if others else None), chosen

    def _preview(self) -> PreviewView | None:
        """The chosen run, where there is room to show more of it."""
        items, left = self.items(), self.beside(self.size.width)
        if not left or not items:
            return None
        columns = raster_columns(self.size.width - left - 3, self.run_app.glyphs.kind)
        return PreviewView(items[min(self.chosen, len(items) - 1)].path, self._along(), columns)

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
        """Cells of a row."""
        return (self.beside(self.size.width) or self.size.width) - 2

    def _table(self, width: int) -> Columns:
        """The columns for these rows: whoever lists thousands of runs measures them once as long as they are the same."""
        room, runs = width - STATE_WIDTH - 4 - (2 if self.run_app.pins else 0), self.runs
        asked = (room, runs.view.sort, id(runs.rows), id(runs.outcomes), id(runs.differing))
        if self._columns is None or self._columns[0] != asked:
            sort, curve = runs.view.sort.removeprefix("-"), bars(self.run_app.glyphs.bar)
            self._columns = asked, runs, columns(runs, room, curve=curve, sort=sort)
        return self._columns[2]

    def _titles(self, width: int, height: int) -> list[Text]:
        if not self.items():
            return [Text()]
        before = "    " if self.run_app.pins else "  "  # as before a row: the cursor and the sign of a pinned run
        line = titles_line(self._table(self._width()), self.runs.view.sort, self._width(), self.run_app.paint)
        return [joined([Text(before), line], "")]

    def _head(self, width: int, height: int) -> list[Text]:
        return [head_line(self.runs, width, self.run_app.paint, looked=self.run_app.looked)]

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
