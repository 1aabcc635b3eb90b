"""The recipe, row by row: what was checked, what came of it, why it matters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text
from textual.app import ComposeResult

from nntui.finding import Finding
from nntui.session import recipe
from nntui.session.recipe import Entry
from nntui.tui.paint import joined
from nntui.tui.panels.recipe import Columns, columns, recipe_detail, recipe_row, titles_row
from nntui.tui.screens.browse import BESIDE, BrowseScreen

URGENT = ("fail", "crash", "warn")
"""What is chosen first, most urgent first."""


class RecipeScreen(BrowseScreen):
    """The six stages; enter for evidence and advice."""

    _shown: tuple[tuple[Finding, ...], tuple[Entry, ...]] = ((), ())
    _measured: tuple[Sequence[Entry], int, Columns] = ((), 0, Columns())

    def body(self) -> ComposeResult:
        """Titles over the list."""
        yield self.lines(self._titles, id="titles", classes="one")
        yield from super().body()

    def items(self) -> Sequence[Entry]:
        """The rows, run or not."""
        if self._shown[0] is not self.snapshot.checks:
            self._shown = self.snapshot.checks, recipe.entries(self.snapshot.checks)
        return self._shown[1]

    def key(self, item: Entry) -> object:
        """A row is listed once."""
        return item.row.id

    def row(self, item: Entry, width: int) -> Text:
        """Stage where it begins or comes into sight, verdict and numbers."""
        items = self.items()
        place = items.index(item)
        stage = item.row.id.partition(".")[0]
        begins = place <= self.first or items[place - 1].row.id.partition(".")[0] != stage
        return recipe_row(item, stage if begins else "", self._columns(width), width, self.run_app.paint)

    def beside(self, width: int) -> int:
        """Half of a wide terminal that is too low for all rows over a detail."""
        return width // 2 if width >= BESIDE and not self.is_high() else 0

    def detail(self, item: Entry, width: int) -> list[Text]:
        """All of a finding, and why the row is there."""
        return recipe_detail(item, width, self.run_app.paint, begun=self.snapshot.head.step >= 0)

    def nothing(self) -> str:
        """No check was recorded."""
        return (
            "No checks were recorded. `nntui train` runs them before the first step; your own loop calls "
            "nntui.preflight(task, run=run), or run.check(…)."
        )

    def _columns(self, width: int) -> Columns:
        """The columns of a list of this width, measured once for as long as the rows are the same."""
        asked = (self.items(), width)
        if self._measured[0] is not asked[0] or self._measured[1] != width:
            self._measured = (*asked, columns(*asked))
        return self._measured[2]

    def _titles(self, width: int, height: int) -> list[Text]:
        if self.alone or not self.items():
            return []
        room = (self.beside(width) or width) - 2
        return [joined([Text("  "), titles_row(self._columns(room), room, self.run_app.paint)], "")]

    def _find(self, items: Sequence[Any]) -> None:
        """The most urgent row, until another one is chosen."""
        if self._key is None:
            places = {
                status: place for place, item in reversed(list(enumerate(items))) for status in [item.finding.status]
            }
            self.chosen = next((places[status] for status in URGENT if status in places), 0)
        super()._find(items)
