"""Lists with a detail below: checks, alerts.

Owns choosing a row and reading all of it. Invariant: the chosen row is in sight, whatever the size, and stays the same row
however the list grows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.text import Text
from textual.app import ComposeResult

from nntui.finding import Finding
from nntui.tui.paint import beside, joined
from nntui.tui.panels.findings import finding_row, wide_detail
from nntui.tui.panels.frame import READING
from nntui.tui.screens.base import RunScreen
from nntui.tui.units import wrap

BESIDE = 160
"""Columns from which a detail in words stands beside its list."""

LEAST_DETAIL = 12
"""Lines of a detail below the whole list, from which a wide terminal gives the list its whole width."""
FRAME = 5
"""First line, notice, titles, rule, last line."""


class BrowseScreen(RunScreen):
    """A list; enter gives the detail the whole room."""

    chosen = 0
    alone = False
    top = 0
    first = 0
    """Place of the uppermost row in sight."""
    room = 0
    """Rows in sight."""
    _key: object = None

    def __init__(self) -> None:
        super().__init__()
        self._drawn: dict[str, tuple[object, list[Text]]] = {}
        """Pictures as they were last drawn: they change seldom, and are many cells."""

    def body(self) -> ComposeResult:
        """The list over the detail of the chosen row, in one panel."""
        yield self.lines(self._body, id="browse")

    def items(self) -> Sequence[Any]:
        """What is listed."""
        raise NotImplementedError

    def key(self, item: Any) -> object:
        """What tells a row from the others when the list changes."""
        raise NotImplementedError

    def row(self, item: Any, width: int) -> Text:
        """One line."""
        raise NotImplementedError

    def detail(self, item: Any, width: int) -> list[Text]:
        """Everything about a row."""
        raise NotImplementedError

    def beside(self, width: int) -> int:
        """Cells of the list where the detail stands at its right; 0 where it stands below."""
        return 0

    def detail_beside(self, item: Any, width: int, height: int) -> list[Text]:
        """Everything about a row, at the right of the list."""
        return self.detail(item, width)

    def is_high(self) -> bool:
        """Whether the whole list has room over a detail."""
        return self.size.height >= len(self.items()) + LEAST_DETAIL + FRAME

    def below(self, width: int, height: int) -> list[Text]:
        """What stands below a list that leaves so much room, where the detail stands beside it."""
        return []

    def nothing(self) -> str:
        """What an empty list means."""
        raise NotImplementedError

    def kept(self, name: str, key: object, draw: Callable[[], list[Text]]) -> list[Text]:
        """Pictures, drawn again only under another key."""
        if name not in self._drawn or self._drawn[name][0] != key:
            self._drawn[name] = (key, draw())
        return [line.copy() for line in self._drawn[name][1]]  # whoever puts lines beside others cuts and pads them

    def move(self, by: int, *, wrap: bool = False) -> None:
        """Another row; in a detail shown alone, scroll."""
        items = self.items()
        if self.alone and not wrap:
            self.top = max(0, self.top + by)
        elif items:
            self._find(items)
            moved = self.chosen + by
            self.chosen = moved % len(items) if wrap else min(max(moved, 0), len(items) - 1)
            self._key, self.top = self.key(items[self.chosen]), 0
        self.show_soon()

    def open(self) -> None:
        """The detail alone, or the list again."""
        self.alone, self.top = not self.alone, 0
        self.show(self.snapshot)

    def back(self) -> bool:
        """Leave the detail; True when there was one to leave."""
        was, self.alone = self.alone, False
        self.show(self.snapshot)
        return was

    def _find(self, items: Sequence[Any]) -> None:
        """Follow the chosen row to where it is now; the first row stays the first until it is moved from."""
        self.chosen = min(self.chosen, len(items) - 1)
        if self._key is not None and self.chosen and self.key(items[self.chosen]) != self._key:
            self.chosen = next((i for i, item in enumerate(items) if self.key(item) == self._key), self.chosen)

    def _body(self, width: int, height: int) -> list[Text]:
        items, paint = self.items(), self.run_app.paint
        if not items:
            words = READING if self.unread else self.nothing()
            return [Text(), *(paint.text(f"  {line}", "quiet") for line in wrap(words, width - 4))]
        self._find(items)
        left = 0 if self.alone else self.beside(width)
        if left:
            return self._side_by_side(items, left, width, height)
        detail = self.detail(items[self.chosen], width - 2)
        if self.alone:
            self.top = min(self.top, max(0, len(detail) - height))
            return [_indented(line) for line in detail[self.top : self.top + height]]
        room = min(len(items), max(1, height - len(detail) - 1, height // 2))
        lines = self.listed(items, width, room)
        rest = [_indented(line) for line in detail]
        return [*lines, self._rule(width, len(items), room), *rest][:height]

    def listed(self, items: Sequence[Any], width: int, height: int) -> list[Text]:
        """The rows in sight, the chosen one among them."""
        paint = self.run_app.paint
        self.first, self.room = (
            min(max(0, self.chosen - height // 2), max(0, len(items) - height)),
            min(len(items), height),
        )
        lines = []
        for place in range(self.first, self.first + self.room):
            mark = paint.text(paint.glyphs.cursor if place == self.chosen else " ", "accent", bold=True)
            lines.append(joined([mark, self.row(items[place], width - 2)], " "))
        return lines

    def _side_by_side(self, items: Sequence[Any], left: int, width: int, height: int) -> list[Text]:
        """The list, a wall, the detail."""
        paint = self.run_app.paint
        lines = self.listed(items, left, height)
        lines += self.below(left, height - len(lines))
        detail = self.detail_beside(items[self.chosen], width - left - 3, height)
        return beside(lines, detail, left, height, paint.text(f" {paint.glyphs.wall} ", "border"))

    def _rule(self, width: int, count: int, room: int) -> Text:
        """The line between list and detail; it says where in a longer list one is."""
        paint = self.run_app.paint
        words = f" {self.chosen + 1:,} of {count:,} " if count > room else ""
        rule = paint.text(paint.glyphs.rule * max(0, width - len(words) - 2), "border")
        return joined([rule, paint.text(words, "quiet"), paint.text(paint.glyphs.rule * 2, "border")], "")


class AlertsScreen(BrowseScreen):
    """What was found while training."""

    def items(self) -> Sequence[Finding]:
        """The alerts."""
        return self.snapshot.alerts

    def key(self, item: Finding) -> object:
        """A rule may fire for several metrics."""
        return item.id, item.evidence.get("metric")

    def row(self, item: Finding, width: int) -> Text:
        """Verdict and numbers."""
        return finding_row(item, width, self.run_app.paint)

    def beside(self, width: int) -> int:
        """More than half of a wide terminal that is too low for the list over a detail."""
        return width * 11 // 20 if width >= BESIDE and not self.is_high() else 0

    def detail(self, item: Finding, width: int) -> list[Text]:
        """All of a finding."""
        return wide_detail(item, width, self.run_app.paint)

    def next(self) -> int:
        """Go to the next alert, after the last to the first; its place."""
        self.move(1, wrap=True)
        return self.chosen

    def nothing(self) -> str:
        """All is well, as far as the rules can see."""
        return "No alerts: the rules that watch this run found nothing."


def _indented(line: Text) -> Text:
    return joined([Text("  "), line], "")
