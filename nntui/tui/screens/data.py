"""Single examples: the worst mistakes, outliers, suspect labels, duplicates; and how their numbers are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, get_args

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from nntui.session import data, filters
from nntui.session.data import DataView, Example
from nntui.session.snapshot import Snapshot, View
from nntui.tui.actions import ACTIONS
from nntui.tui.paint import joined
from nntui.tui.panels import data as panels
from nntui.tui.safe import safe
from nntui.tui.screens.browse import BrowseScreen
from nntui.tui.widgets.filter import FilterScreen

BESIDE = 120
"""Columns from which the chosen example stands beside the list."""
DETAIL_WIDTH = 58
LEAST_ROWS = 18
"""Rows from which there is a histogram."""


class DataScreen(BrowseScreen):
    """The examples over, or beside, all of the chosen one."""

    KIND = "data"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, show=False) for action in ACTIONS if action.group == "data" for key in action.keys
    ]
    wanted = DataView()

    def body(self) -> ComposeResult:
        """What is listed and how it is spread, over the list."""
        yield self.lines(self._order, id="order", classes="one")
        yield self.lines(self._entered, id="entered", classes="one")
        yield self.lines(self._spread, id="spread")
        yield self.lines(self._titles, id="titles", classes="one")
        yield from super().body()

    def view(self) -> View:
        """The examples as they are wanted."""
        return View(data=replace(self.wanted, bars=min(panels.BARS, max(1, self.size.width - panels.GUTTER))))

    def show(self, snapshot: Snapshot) -> None:
        """Make room for the histogram where there is any, then draw."""
        self._arrange()
        super().show(snapshot)

    def on_resize(self) -> None:
        """Lay out for the new size."""
        self._arrange()
        super().on_resize()

    def items(self) -> Sequence[Example]:
        """The examples."""
        return self.snapshot.data.rows

    def key(self, item: Example) -> object:
        """An example keeps its place in the data, whatever the order."""
        return item.split, item.index

    def row(self, item: Example, width: int) -> Text:
        """What is known of it in one line."""
        columns = panels.columns(self.snapshot.data, self._room(self.size.width) - 2)
        return panels.example_row(item, columns, width, self.run_app.paint)

    def detail(self, item: Example, width: int) -> list[Text]:
        """All of an example."""
        height = self.size.height
        room = max(6, height - 6 if self.alone or self._beside(width) else (height - 12) // 2)
        return panels.example_detail(item, width, room, self.run_app.paint)

    def beside(self, width: int) -> int:
        """As wide as its columns."""
        if width < BESIDE:
            return 0
        return 2 + sum(1 + column.width for column in panels.columns(self.snapshot.data, self._room(width) - 2))

    def nothing(self) -> str:
        """Nothing was recorded, or the filter lets nothing through."""
        found = self.snapshot.data
        if found.total:
            return f"None of {found.total:,} examples fits “{safe(found.pattern)}”. Press esc to see them all."
        return (
            "No examples were recorded. `nntui check` lists outliers, suspect labels and duplicates, `nntui train` the worst "
            "mistakes too; your own loop calls run.examples(split, index, label=…, prediction=…, loss=…, inputs=…)."
        )

    def back(self) -> bool:
        """Leave the detail, then the filter."""
        if super().back():
            return True
        was = self.wanted.pattern
        if was:
            self._want(replace(self.wanted, pattern=""))
        return bool(was)

    def action_filter(self) -> None:
        """Ask for what an example must be."""
        self.app.push_screen(FilterScreen(self.wanted.pattern, filters.HINT), self._filtered)

    def action_order(self) -> None:
        """The next order by something that is known."""
        orders, known = get_args(data.Order), self.snapshot.data.longest
        at = orders.index(self.wanted.order or self.snapshot.data.order) + 1
        following = [*orders[at:], *orders[: at - 1]]
        useful = [order for order in following if order == "place" or data.OF_ORDER[order] in known]
        self._want(replace(self.wanted, order=(useful or following)[0]))

    def action_histogram(self) -> None:
        """The spread of the next column; after the last, of the one that the order goes by."""
        columns, known = get_args(data.Column), self.snapshot.data.longest
        of_order = data.OF_ORDER[self.wanted.order or self.snapshot.data.order]
        at = columns.index(self.wanted.column) + 1
        useful = [one for one in (*columns[at:], "") if not one or (one in known and one != of_order)]
        self.wanted = replace(self.wanted, column=useful[0])
        self.run_app.ask()
        self.show(self.snapshot)

    def _filtered(self, pattern: str | None) -> None:
        if pattern is not None:
            self._want(replace(self.wanted, pattern=pattern))

    def _want(self, wanted: DataView) -> None:
        """Ask for other examples, from the first of them on."""
        self.wanted, self.chosen, self._key = wanted, 0, None
        self.run_app.ask()
        self.show(self.snapshot)

    def _find(self, items: Sequence[Any]) -> None:
        """As for any list, but without looking at every row."""
        self.chosen = min(self.chosen, len(items) - 1)
        if isinstance(self._key, tuple) and self.chosen and self.key(items[self.chosen]) != self._key:
            place = items.place(*self._key) if isinstance(items, data.Rows) else -1
            self.chosen = place if place >= 0 else self.chosen

    def _arrange(self) -> None:
        if not self.is_mounted or not self.query("#spread"):
            return
        height, known = self.size.height, self.snapshot.data
        spread = self.query_one("#spread")
        spread.set_class(height < LEAST_ROWS or self.alone or not known.total, "gone")
        spread.styles.height = 4 if height < 36 else 7
        bare = height < LEAST_ROWS and not known.problem
        self.query_one("#entered").set_class(bare or not (known.entered or known.problem), "gone")
        self.query_one("#titles").set_class(self.alone or not len(known.rows) or height < 10, "gone")

    def _beside(self, width: int) -> bool:
        return not self.alone and self.size.width >= BESIDE and width < self.size.width - 4

    def _order(self, width: int, height: int) -> list[Text]:
        return [panels.order_line(self.snapshot.data, width, self.run_app.paint)]

    def _entered(self, width: int, height: int) -> list[Text]:
        return [panels.problem_line(self.snapshot.data, width, self.run_app.paint)]

    def _spread(self, width: int, height: int) -> list[Text]:
        return panels.histogram_lines(self.snapshot.data, width, height, self.run_app.paint)

    def _titles(self, width: int, height: int) -> list[Text]:
        room = self._room(width) - 2
        return [
            joined(
                [Text(" "), panels.titles_line(panels.columns(self.snapshot.data, room), room, self.run_app.paint)], " "
            )
        ]

    def _room(self, width: int) -> int:
        """Cells that the list may take."""
        return width - DETAIL_WIDTH - 3 if self.size.width >= BESIDE else width
