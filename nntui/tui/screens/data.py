"""Single examples: the worst mistakes, outliers, suspect labels, duplicates; and how their numbers are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, get_args

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from nntui.session import data, filters
from nntui.session.data import DataView, Example
from nntui.session.examples import Shown
from nntui.session.samples import SamplesView
from nntui.session.snapshot import View
from nntui.tui.actions import ACTIONS
from nntui.tui.inputs import has_picture
from nntui.tui.paint import joined, wrapped
from nntui.tui.panels import data as panels
from nntui.tui.panels.gallery import Plan, gallery, samples_lines
from nntui.tui.safe import safe
from nntui.tui.screens.browse import BrowseScreen
from nntui.tui.widgets.filter import FilterScreen

BESIDE = 120
"""Columns from which the chosen example stands beside the list."""
DETAIL_WIDTH = 58
NOTHING_ENTERED = (
    "What entered the network was not recorded. `nntui train` records a few examples of the first step and of each power of ten "
    "after it; your own loop calls run.samples(inputs, targets)."
)
LIKELY = 64
"""Examples among which there is a picture if there are any."""
LEAST_ENTERED = 5
"""Lines from which what entered the network stands below the chosen example."""
LEAST_ROWS = 18
"""Rows from which there is a histogram."""


class DataScreen(BrowseScreen):
    """The examples over, or beside, all of the chosen one."""

    KIND = "data"
    PART = "data"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, show=False) for action in ACTIONS if action.group == "data" for key in action.keys
    ]
    wanted = DataView()
    entering = SamplesView()
    mode: Literal["list", "grid", "batch"] = "list"
    """Whether examples stand in a list or side by side, or what entered the network has the whole room."""

    def body(self) -> ComposeResult:
        """What is listed and how it is spread, over the list."""
        yield self.lines(self._order, id="order", classes="one")
        yield self.lines(self._entered, id="entered", classes="one")
        yield self.lines(self._spread, id="spread")
        yield self.lines(self._titles, id="titles", classes="one")
        yield from super().body()

    def view(self) -> View:
        """The examples as they are wanted."""
        wanted = replace(self.wanted, bars=min(panels.BARS, max(1, self.size.width - panels.GUTTER)))
        visible = self.mode == "batch" or (self.size.width >= BESIDE and not self.alone) or not self.items()
        return View(data=wanted, samples=self.entering if visible else None)

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

    def detail_beside(self, item: Example, width: int, height: int) -> list[Text]:
        """All of an example over what entered the network."""
        lines = self.detail(item, width)
        room = height - len(lines) - 1
        entered = self._pictures(width, room, "[b] alone")
        return [*lines, Text(), *entered] if room >= LEAST_ENTERED and entered else lines

    def listed(self, items: Sequence[Example], width: int, height: int) -> list[Text]:
        """Rows, or pictures side by side."""
        if self.mode != "grid":
            return super().listed(items, width, height)
        plan = self._plan(width, height)
        down = min(
            max(0, self.chosen // plan.across - plan.down // 2), max(0, -(-len(items) // plan.across) - plan.down)
        )
        first, paint = down * plan.across, self.run_app.paint

        def drawn() -> list[Text]:
            cards = [panels.card(one, paint) for one in items[first : first + max(1, plan.most)]]
            return gallery(cards, plan, paint, self.chosen - first)

        return self.kept("grid", (self.snapshot.data, plan, paint, first, self.chosen), drawn)

    def move(self, by: int, *, wrap: bool = False) -> None:
        """Another example; of a grid the one above or below."""
        if self.mode == "grid" and abs(by) == 1 and not self.alone:
            width, height = self.size.width, self.query_one("#browse").size.height
            by *= self._plan(self.beside(width) or width, height).across
        super().move(by, wrap=wrap)

    def action_across(self, by: int) -> None:
        """The next example of a grid."""
        if self.mode == "grid":
            super().move(by)

    def action_grid(self) -> None:
        """Examples side by side, or in a list again."""
        self._turn("grid")

    def action_batch(self) -> None:
        """What entered the network alone, or the examples again."""
        self._turn("batch")

    def action_scrub(self, by: int) -> None:
        """What entered at an earlier or a later step."""
        steps, at = self.snapshot.samples.steps, self.snapshot.samples.at
        if len(steps):
            self.entering = SamplesView(int(steps[min(max(0, at + by), len(steps) - 1)]))
            self.show(self.snapshot)

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
        """Leave the detail, then the grid or the batch, then the filter."""
        if super().back():
            return True
        if self.mode != "list":
            self._turn("list")
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
        self.show(self.snapshot)

    def _turn(self, mode: Literal["list", "grid", "batch"]) -> None:
        self.mode = "list" if self.mode == mode else mode
        self.alone = False
        self.show(self.snapshot)

    def _plan(self, width: int, height: int) -> Plan:
        """How the pictures of the examples are laid out, in so much room."""
        items = self.items()
        given = [one.given for one in items[:LIKELY]] or [Shown()]
        picture = next((one for one in given if has_picture(one)), given[0])
        return Plan.of(picture, len(items), width, height, self.run_app.paint)

    def _body(self, width: int, height: int) -> list[Text]:
        items, paint = self.items(), self.run_app.paint
        if self.mode == "batch" or not items:
            entered = self._pictures(width, height)
            words = [] if items or self.mode == "batch" else super()._body(width, height)
            lines = [*words, Text(), *entered] if words and entered else words or entered
            return (lines or [Text(), *wrapped(NOTHING_ENTERED, width - 2, paint, "quiet", indent=2)])[:height]
        if self.mode == "grid" and not self.alone and not self.beside(width):
            self._find(items)
            return self.listed(items, width, height)
        return super()._body(width, height)

    def _pictures(self, width: int, height: int, hint: str = "") -> list[Text]:
        """What entered the network, drawn again only where something else did, or in another room."""
        data, paint = self.snapshot.samples, self.run_app.paint
        key = (data, width, height, paint, hint)
        return self.kept("entered", key, lambda: samples_lines(data, width, height, paint, hint))

    def _filtered(self, pattern: str | None) -> None:
        if pattern is not None:
            self._want(replace(self.wanted, pattern=pattern))

    def _want(self, wanted: DataView) -> None:
        """Ask for other examples, from the first of them on."""
        self.wanted, self.chosen, self._key = wanted, 0, None
        self.show(self.snapshot)

    def _find(self, items: Sequence[Any]) -> None:
        """As for any list, but without looking at every row."""
        self.chosen = min(self.chosen, len(items) - 1)
        if isinstance(self._key, tuple) and self.chosen and self.key(items[self.chosen]) != self._key:
            place = items.place(*self._key) if isinstance(items, data.Rows) else -1
            self.chosen = place if place >= 0 else self.chosen

    def lay_out(self) -> None:
        """A histogram where it has room, titles over a list."""
        height, known = self.size.height, self.snapshot.data
        spread = self.query_one("#spread")
        spread.set_class(height < LEAST_ROWS or self.alone or self.mode == "batch" or not known.total, "gone")
        spread.styles.height = 4 if height < 36 else 7
        bare = height < LEAST_ROWS and not known.problem
        self.query_one("#entered").set_class(bare or not (known.entered or known.problem), "gone")
        self.query_one("#titles").set_class(
            self.alone or self.mode != "list" or not len(known.rows) or height < 10, "gone"
        )

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
