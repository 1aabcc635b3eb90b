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
from nntui.tui.screens.browse import BrowseScreen


class PredictionsScreen(BrowseScreen):
    """The examples of a batch over all of the chosen one."""

    KIND = "predictions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, show=False)
        for action in ACTIONS
        if action.group == "predictions"
        for key in action.keys
    ]
    wanted = PredictionsView()

    def body(self) -> ComposeResult:
        """Which batch and when, over the list."""
        yield self.lines(self._batch, id="batch", classes="one")
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
        height = max(6, self.size.height - 6 if self.alone else (self.size.height - 6) // 2)
        return panels.prediction_detail(item, self.snapshot.predictions, width, height, self.run_app.paint)

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
        past, self.wanted = self.wanted.back > 0, replace(self.wanted, back=0)
        self._ask()
        return past

    def action_scrub(self, by: int) -> None:
        """An earlier or a later moment."""
        moments = len(self.snapshot.predictions.steps)
        back = min(max(0, self.wanted.back - by), max(0, moments - 1))
        self.wanted = replace(self.wanted, back=back)
        self._ask()

    def action_order(self) -> None:
        """The next order."""
        orders = get_args(Order)
        following = orders[(orders.index(self.wanted.order) + 1) % len(orders)]
        self.wanted = replace(self.wanted, order=following)
        self.chosen, self._key = 0, None
        self._ask()

    def action_another(self) -> None:
        """The next batch."""
        self.wanted = replace(self.wanted, name=self.wanted.name + 1, back=0)
        self.chosen, self._key = 0, None
        self._ask()

    def _ask(self) -> None:
        self.run_app.ask()
        self.show(self.snapshot)

    def _batch(self, width: int, height: int) -> list[Text]:
        data = self.snapshot.predictions
        return [panels.batch_line(data, width, self.run_app.paint)] if data.examples else []
