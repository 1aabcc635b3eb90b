"""The fixed batch: labels, predictions, and how they came to be, at any recorded moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, get_args

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from nntui.session.predictions import Order, Prediction, PredictionsView
from nntui.session.snapshot import View
from nntui.tui.actions import ACTIONS
from nntui.tui.panels import predictions as panels
from nntui.tui.panels.classes import has_table, right_lines, table_lines, table_size
from nntui.tui.screens.base import scrubbed
from nntui.tui.screens.browse import BrowseScreen

BESIDE = 120
"""Columns from which the chosen example stands beside the list."""
LIST_WIDTH = 110
"""Most columns of the list there."""
LEAST_PLOT = 8
"""Lines from which labels and predictions have a plot or a table below the chosen example."""


class PredictionsScreen(BrowseScreen):
    """The examples of a batch over all of the chosen one."""

    KIND = "predictions"
    PART = "predictions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, show=False)
        for action in ACTIONS
        if action.group == "predictions"
        for key in action.keys
    ]
    wanted = PredictionsView()
    plot = False
    """Whether labels against predictions take the place of the chosen example."""

    def body(self) -> ComposeResult:
        """Which batch and when, over the list."""
        yield self.lines(self._batch, id="batch", classes="one")
        yield self.lines(self._titles, id="titles", classes="one")
        yield from super().body()

    def view(self) -> View:
        """The batch as it is wanted."""
        return View(predictions=self.wanted)

    def items(self) -> Sequence[Prediction]:
        """The examples."""
        return self.snapshot.predictions.examples

    def key(self, item: Prediction) -> object:
        """An example keeps its number in every order."""
        return item.example

    def row(self, item: Prediction, width: int) -> Text:
        """Label, prediction, history."""
        return panels.prediction_row(item, self.snapshot.predictions, width, self.run_app.paint)

    def detail(self, item: Prediction, width: int) -> list[Text]:
        """All of an example."""
        data, paint, height = self.snapshot.predictions, self.run_app.paint, self.size.height
        room = max(6, height - 6 if self.alone else (height - 6) // 2)
        if self.plot and (shown := self._plotted(item, width, room)):
            return shown
        lines = panels.prediction_detail(item, data, width, room, paint)
        below = height - 6 - (0 if self.alone else min(len(self.items()), height // 2)) - len(lines)
        if below >= LEAST_PLOT and (panels.has_plot(data) or self._has_room(width, below)):
            lines += self._plotted(item, width, min(below, 20))
        return lines

    def beside(self, width: int) -> int:
        """Half of a wide terminal."""
        return min(LIST_WIDTH, width // 2) if width >= BESIDE else 0

    def below(self, width: int, height: int) -> list[Text]:
        """Labels by what is said, where the list leaves room."""
        data, paint = self.snapshot.predictions, self.run_app.paint
        if not self._has_room(width, height - 1):
            return []
        lines = [Text(), *table_lines(data, width, height - 1, self.items()[self.chosen], paint)]
        return [*lines, Text(), *right_lines(data, width, height - len(lines) - 1, paint)]

    def detail_beside(self, item: Prediction, width: int, height: int) -> list[Text]:
        """All of an example, how it came to be, and the batch as a whole."""
        data, paint = self.snapshot.predictions, self.run_app.paint
        if self.plot and (shown := self._plotted(item, width, height)):
            return shown
        below = self._has_room(self.beside(self.size.width), height - len(self.items()) - 1)
        lines = panels.prediction_beside(item, data, width, height, paint)
        if not below and self._has_room(width, height - len(lines) - 1):
            lines += [Text(), *table_lines(data, width, height, item, paint)]
        return lines

    def _has_room(self, width: int, height: int) -> bool:
        """Whether labels by what is said have room here."""
        data = self.snapshot.predictions
        if not has_table(data):
            return False
        wide, high = table_size(data)
        return wide <= width and high <= height

    def _plotted(self, item: Prediction, width: int, height: int) -> list[Text]:
        """Labels against predictions: numbers in a plot, classes in a table."""
        data, paint = self.snapshot.predictions, self.run_app.paint
        if has_table(data):
            return table_lines(data, width, height, item, paint, "" if self.alone else ": press enter")
        return panels.labels_plot(data, width, height, item.example, paint) if panels.has_plot(data) else []

    def nothing(self) -> str:
        """No predictions were recorded."""
        return (
            "No predictions were recorded. `nntui train` records those on a fixed batch at every evaluation; your own loop calls "
            "run.predictions(outputs, inputs=…, targets=…)."
        )

    def back(self) -> bool:
        """Leave the detail, then the past."""
        if super().back():
            return True
        past, self.wanted = self.wanted.step is not None, replace(self.wanted, step=None)
        self.show(self.snapshot)
        return past

    def action_scrub(self, by: int) -> None:
        """An earlier or a later moment."""
        steps = self.snapshot.predictions.steps
        if len(steps):
            self.wanted = replace(self.wanted, step=scrubbed(steps, self.wanted.step, by))
            self.show_soon()

    def action_order(self) -> None:
        """The next order."""
        orders = get_args(Order)
        following = orders[(orders.index(self.wanted.order) + 1) % len(orders)]
        self.wanted = replace(self.wanted, order=following)
        self.chosen, self._key = 0, None
        self.show(self.snapshot)

    def action_another(self) -> None:
        """The next batch."""
        self.wanted = replace(self.wanted, name=self.wanted.name + 1, step=None)
        self.chosen, self._key = 0, None
        self.show(self.snapshot)

    def action_plot(self) -> None:
        """Labels against predictions, or the chosen example."""
        self.plot = not self.plot
        self.show(self.snapshot)

    def _titles(self, width: int, height: int) -> list[Text]:
        data = self.snapshot.predictions
        if not data.examples or self.alone:
            return []
        line = Text("  ", end="", no_wrap=True)
        room = self.beside(width) or width
        return [line.append_text(panels.titles_line(data, max(1, room - 2), self.run_app.paint))]

    def _batch(self, width: int, height: int) -> list[Text]:
        data = self.snapshot.predictions
        return [panels.batch_line(data, width, self.run_app.paint)] if data.examples else []
