"""Inside the network: every layer's newest numbers, one statistic over depth and time, one layer's history at full size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from nntui import names
from nntui.session.layers import LOGARITHMIC, STATISTICS, Layer, LayersView
from nntui.session.snapshot import PlotView, Snapshot, View
from nntui.session.weights import WeightsView
from nntui.tui.actions import ACTIONS
from nntui.tui.panels import layers as panels
from nntui.tui.panels.weights import weights_lines
from nntui.tui.screens.browse import BrowseScreen
from nntui.tui.widgets.plot import plot_lines, raster_columns

MARGIN = 4
"""Cells of a row that the list itself takes."""
CHROME = 7
"""Lines of the screen that are neither list nor detail."""
LEAST_FILTERS = 5
"""Lines from which the filters of the chosen layer are shown below it."""


class LayersScreen(BrowseScreen):
    """The layers over all of the chosen one."""

    KIND = "layers"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, show=False) for action in ACTIONS if action.group == "layers" for key in action.keys
    ]
    wanted = LayersView()
    weights = WeightsView()
    filters = False
    """Whether first-layer weights have the whole room."""

    def body(self) -> ComposeResult:
        """What is shown and what cannot be, over the table."""
        yield self.lines(self._about, id="about", classes="one")
        yield self.lines(self._blind, id="blind", classes="one")
        yield self.lines(self._titles, id="titles", classes="one")
        yield from super().body()

    def view(self) -> View:
        """The layers, and the plot of the one that is shown alone."""
        width = max(1, self.size.width - MARGIN)
        wanted = replace(self.wanted, columns=panels.columns(width, self.wanted.statistic)[2])
        items = self.items()
        plots: tuple[PlotView, ...] = ()
        if self.alone and items:
            metric = names.layer(items[min(self.chosen, len(items) - 1)].name, wanted.statistic)
            raster = raster_columns(width, self.run_app.glyphs.kind)
            plots = (PlotView("layer", (metric,), max(1, raster), log_y=wanted.statistic in LOGARITHMIC or None),)
        return View(layers=wanted, plots=plots, weights=self.weights)

    def show(self, snapshot: Snapshot) -> None:
        """Make room for filters where they have it all, then draw."""
        for line in self.query("#about, #blind, #titles"):
            line.set_class(self.filters, "gone")
        super().show(snapshot)

    def items(self) -> Sequence[Layer]:
        """The layers."""
        return self.snapshot.layers.layers

    def key(self, item: Layer) -> object:
        """A layer keeps its name in every order."""
        return item.name

    def row(self, item: Layer, width: int) -> Text:
        """Name, numbers, strip."""
        return panels.layer_row(item, self.snapshot.layers, max(1, width - MARGIN + 2), self.run_app.paint)

    def detail(self, item: Layer, width: int) -> list[Text]:
        """All numbers of a layer; alone, its history."""
        paint = self.run_app.paint
        lines = panels.layer_detail(item, width, paint)
        if self.alone:
            statistic = self.wanted.statistic
            data = self.snapshot.plots.get("layer")
            shown = data if data and data.view.metrics == (names.layer(item.name, statistic),) else None
            room = max(3, self.size.height - 6 - len(lines))
            return lines + plot_lines(shown, width - 2, room, paint, title=panels.WORDS[statistic][1])
        weights = self.snapshot.weights
        if weights.count and weights.name.startswith(f"{item.name}."):
            height = self.size.height - CHROME
            room = height - min(len(self.items()), height // 2) - len(lines) - 1
            lines += [Text(), *weights_lines(weights, width, room, paint)] if room >= LEAST_FILTERS else []
        return lines

    def nothing(self) -> str:
        """No model was watched."""
        return panels.EMPTY

    def move(self, by: int, *, wrap: bool = False) -> None:
        """Another layer, also while one is shown alone."""
        alone, self.alone = self.alone, False
        super().move(by, wrap=wrap)
        self.alone = alone
        self._ask()

    def open(self) -> None:
        """A layer's history, or the table again."""
        super().open()
        self._ask()

    def back(self) -> bool:
        """Leave the filters, the history, the past."""
        was = self.filters or self.alone or self.weights.step is not None
        if self.filters:
            self.filters = False
        elif not super().back():
            self.weights = replace(self.weights, step=None)
        self._ask()
        return was

    def action_filters(self) -> None:
        """First-layer weights in the whole room, or the table again."""
        self.filters = not self.filters
        self._ask()

    def action_scrub(self, by: int) -> None:
        """Weights at an earlier or a later moment."""
        steps = self.snapshot.weights.steps
        if len(steps):
            at = min(max(0, self.snapshot.weights.at + by), len(steps) - 1)
            self.weights = replace(self.weights, step=None if at == len(steps) - 1 else int(steps[at]))
            self._ask()

    def action_another(self) -> None:
        """The next statistic; of weights the next tensor."""
        if self.filters:
            self.weights = WeightsView(self.weights.which + 1)
            self._ask()
            return
        following = STATISTICS[(STATISTICS.index(self.wanted.statistic) + 1) % len(STATISTICS)]
        self.wanted = replace(self.wanted, statistic=following)
        self._ask()

    def action_order(self) -> None:
        """The worst layers first, or in forward order."""
        self.wanted = replace(self.wanted, order="forward" if self.wanted.order == "worst" else "worst")
        self.chosen, self._key = 0, None
        self._ask()

    def _ask(self) -> None:
        self.run_app.ask()
        self.show(self.snapshot)

    def _body(self, width: int, height: int) -> list[Text]:
        if not self.filters:
            return super()._body(width, height)
        return weights_lines(self.snapshot.weights, width, height, self.run_app.paint)

    def _about(self, width: int, height: int) -> list[Text]:
        data = self.snapshot.layers
        return [panels.layers_line(data, width, self.run_app.paint)] if data.layers else []

    def _blind(self, width: int, height: int) -> list[Text]:
        return [panels.blind_line(self.snapshot.layers, width, self.run_app.paint)]

    def _titles(self, width: int, height: int) -> list[Text]:
        data = self.snapshot.layers
        if not data.layers or self.alone:
            return []
        line = Text("  ", end="", no_wrap=True)
        return [line.append_text(panels.titles_line(data, max(1, width - MARGIN), self.run_app.paint))]
