"""Lists with a detail below: checks, alerts, events.

Owns choosing a row and reading all of it. Invariant: the chosen row is in sight, whatever the size and however the list
changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult

from nntui.finding import Finding
from nntui.tui import panels
from nntui.tui.paint import joined
from nntui.tui.safe import safe_lines
from nntui.tui.screens.base import RunScreen
from nntui.tui.widgets.lines import Lines


class BrowseScreen(RunScreen):
    """A list; enter gives the detail the whole room."""

    chosen = 0
    alone = False
    top = 0

    def body(self) -> ComposeResult:
        """The list over the detail of the chosen row, in one panel."""
        yield Lines(self._body, id="browse")

    def rows(self, width: int) -> Sequence[Text]:
        """One line per row."""
        raise NotImplementedError

    def detail(self, index: int, width: int) -> list[Text]:
        """Everything about a row."""
        raise NotImplementedError

    def nothing(self) -> str:
        """What an empty list means."""
        raise NotImplementedError

    def move(self, by: int, *, wrap: bool = False) -> None:
        """Another row; in a detail shown alone, scroll."""
        if self.alone:
            self.top = max(0, self.top + by)
        else:
            count = max(1, len(self.rows(80)))
            self.chosen = (self.chosen + by) % count if wrap else min(max(self.chosen + by, 0), count - 1)
        self.show(self.snapshot)

    def open(self) -> None:
        """The detail alone, or the list again."""
        self.alone, self.top = not self.alone, 0
        self.show(self.snapshot)

    def _body(self, width: int, height: int) -> list[Text]:
        paint = self.run_app.paint
        rows = list(self.rows(width - 2))
        if not rows:
            return [Text(), paint.text(f"  {self.nothing()}", "quiet")]
        self.chosen = min(self.chosen, len(rows) - 1)
        detail = self.detail(self.chosen, width - 2)
        if self.alone:
            self.top = min(self.top, max(0, len(detail) - height))
            return [_indented(line) for line in detail[self.top : self.top + height]]
        room = min(len(rows), max(1, height - len(detail) - 1, height // 2))
        first = min(max(0, self.chosen - room // 2), max(0, len(rows) - room))
        lines = []
        for place in range(first, min(first + room, len(rows))):
            mark = paint.text(paint.glyphs.cursor if place == self.chosen else " ", "accent", bold=True)
            lines.append(joined([mark, rows[place]], " "))
        rule = paint.text(paint.glyphs.rule * width, "border")
        return [*lines, rule, *(_indented(line) for line in detail)][:height]


class RecipeScreen(BrowseScreen):
    """The checks: verdict, expected, measured; enter for evidence and advice."""

    def findings(self) -> Sequence[Finding]:
        """What is listed."""
        return self.snapshot.checks

    def rows(self, width: int) -> Sequence[Text]:
        """One line per check."""
        return panels.finding_rows(self.findings(), width, self.run_app.paint)

    def detail(self, index: int, width: int) -> list[Text]:
        """All of a finding."""
        return panels.finding_detail(self.findings()[index], width, self.run_app.paint)

    def nothing(self) -> str:
        """No check was recorded."""
        return (
            "No checks were recorded. `nntui train` runs them before the first step; your own loop calls run.check(…)."
        )


class AlertsScreen(RecipeScreen):
    """What was found while training."""

    def findings(self) -> Sequence[Finding]:
        """What is listed."""
        return self.snapshot.alerts

    def nothing(self) -> str:
        """All is well, as far as the rules can see."""
        return "No alerts."


class LogScreen(BrowseScreen):
    """What happened, newest first."""

    def rows(self, width: int) -> Sequence[Text]:
        """One line per event."""
        return panels.event_rows(self.snapshot, width, self.run_app.paint)

    def detail(self, index: int, width: int) -> list[Text]:
        """The whole message; of a crash the traceback."""
        event = list(reversed(self.snapshot.events))[index]
        paint = self.run_app.paint
        words = f"{event.event} at step {event.step:,}" if event.step >= 0 else event.event
        return [paint.text(words, bold=True), *(paint.text(line) for line in safe_lines(event.message))]

    def nothing(self) -> str:
        """Nothing was recorded."""
        return "Nothing has happened yet."


def _indented(line: Text) -> Text:
    return joined([Text("  "), line], "")
