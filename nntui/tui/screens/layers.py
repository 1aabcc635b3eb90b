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
from nntui.session.snapshot import PlotView, View
from nntui.session.weights import WeightsView
from nntui.tui.actions import ACTIONS
from nntui.tui.paint import joined
from nntui.tui.panels import layers as panels
from nntui.tui.panels.weights import weights_lines
from nntui.tui.screens.base import scrubbed
from nntui.tui.screens.browse import BrowseScreen
from nntui.tui.widgets.plot import plot_lines, raster_columns
from nntui.tui.widgets.plot_legend import renamed

MARGIN = 4
"""Cells of a row that the list itself takes."""
CHROME = 7
"""Lines of the screen that are neither list nor detail."""
DETAIL = 4
"""Most lines of the numbers of a layer."""
BESIDE = 160
"""Columns from which the chosen layer stands beside the table."""
PLOT_WIDTH, PLOT_ROWS = 34, 5
"""Least columns and lines of one of its plots."""
LONG_NAMES = 44
"""Columns of a plot from which it bears the whole name of its statistic."""
MOST_ROWS = 12
MUCH_ROOM = 12
"""Lines from which filters have room below the table."""
LEAST_FILTERS = 5
"""Lines from which the filters of the chosen layer are shown below it."""


class LayersScreen(BrowseScreen):
    """The layers over all of the chosen one."""

    KIND = "layers"
    PART = "layers"
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
        """The layers, and the plots of the one that is chosen."""
        wanted = replace(self.wanted, columns=panels.columns(self._width() - MARGIN, self.wanted.statistic)[2])
        items, plots = self.items(), ()
        if self.alone and items:
            shown, width = (wanted.statistic,), self.size.width - MARGIN
        else:
            shown, width = self._plotted(), self._grid()[0]
        if items and not self.filters:
            name, cells = items[min(self.chosen, len(items) - 1)].name, raster_columns(width, self.run_app.glyphs.kind)
            plots = tuple(
                PlotView(one, (names.layer(name, one),), max(1, cells), log_y=one in LOGARITHMIC or None)
                for one in shown
            )
        return View(layers=wanted, plots=plots, weights=self.weights)

    def lay_out(self) -> None:
        """No lines over filters that have the whole room."""
        for line in self.query("#about, #blind, #titles"):
            line.set_class(self.filters, "gone")

    def beside(self, width: int) -> int:
        """Half of a wide terminal."""
        return width // 2 if width >= BESIDE else 0

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
        lines = panels.layer_detail(item, width, self.run_app.paint)
        if self.alone:
            return lines + self._plot(item, self.wanted.statistic, width - 2, max(3, self.size.height - 6 - len(lines)))
        height = self.size.height - CHROME
        return lines + self._filters_of(item, width, height - min(len(self.items()), height // 2) - len(lines) - 1)

    def detail_beside(self, item: Layer, width: int, height: int) -> list[Text]:
        """All numbers of a layer over their plots."""
        lines = panels.layer_detail(item, width, self.run_app.paint) + self._plots(item)
        return lines if self._are_below() else lines + self._filters_of(item, width, height - len(lines) - 1)

    def _filters_of(self, item: Layer, width: int, height: int) -> list[Text]:
        """First-layer weights where they are those of this layer and have room, below a blank line."""
        if not self._has_filters(item) or height < LEAST_FILTERS:
            return []
        return [Text(), *self._pictures(width, height)]

    def below(self, width: int, height: int) -> list[Text]:
        """First-layer weights, where the table leaves room."""
        if not self._are_below():
            return []
        return [Text(), *self._pictures(width, height - 1)]

    def _pictures(self, width: int, height: int) -> list[Text]:
        """First-layer weights, drawn again only where there are others, or another room."""
        data, paint = self.snapshot.weights, self.run_app.paint
        return self.kept("weights", (data, width, height, paint), lambda: weights_lines(data, width, height, paint))

    def _are_below(self) -> bool:
        """Whether filters stand below the table, not below the plots of the layer that they are of."""
        room = self.size.height - CHROME - len(self.items())
        return bool(self.beside(self.size.width) and self.snapshot.weights.count) and room >= MUCH_ROOM

    def _has_filters(self, item: Layer) -> bool:
        weights = self.snapshot.weights
        return bool(weights.count) and weights.name.startswith(f"{item.name}.")

    def _width(self) -> int:
        """Cells of the table."""
        return self.beside(self.size.width) or self.size.width

    def _grid(self) -> tuple[int, int, int]:
        """Width and height of each plot beside the table, and how many there may be."""
        items, room = self.items(), self.size.width - self._width() - 3
        if room < PLOT_WIDTH or self.alone or not items:
            return 1, 1, 0
        item = items[min(self.chosen, len(items) - 1)]
        across, height = room // PLOT_WIDTH, self.size.height - CHROME - DETAIL
        height = height * 3 // 5 if self._has_filters(item) and not self._are_below() else height
        down = max(1, min(-(-len(item.newest) // across), height // PLOT_ROWS))
        return room // across, max(PLOT_ROWS, min(MOST_ROWS, height // down)), across * down

    def _plotted(self) -> tuple[str, ...]:
        """Statistics of the chosen layer that have a plot beside the table, that of the heat map always among them."""
        items, most = self.items(), self._grid()[2]
        if not most:
            return ()
        known = [one for one in STATISTICS if one in items[min(self.chosen, len(items) - 1)].newest]
        kept = sorted(known, key=lambda one: one != self.wanted.statistic)[:most]
        return tuple(one for one in known if one in kept)

    def _plots(self, item: Layer) -> list[Text]:
        """The plots beside the table, in rows."""
        shown, (width, height, _) = self._plotted(), self._grid()
        across = max(1, (self.size.width - self._width() - 3) // width)
        lines: list[Text] = []
        for first in range(0, len(shown), across):
            row = [self._plot(item, one, width, height) for one in shown[first : first + across]]
            lines += [joined([plot[at] for plot in row], "") for at in range(height)]
        return lines

    def _plot(self, item: Layer, statistic: str, width: int, height: int) -> list[Text]:
        """One statistic of a layer over time."""
        data, words = self.snapshot.plots.get(statistic), panels.WORDS[statistic][width >= LONG_NAMES]
        known = data if data and data.view.metrics == (names.layer(item.name, statistic),) else None
        shown = renamed(known, dict.fromkeys(known.view.metrics, words)) if known and not self.alone else known
        return plot_lines(shown, width, height, self.run_app.paint, title=words, words=self.alone)

    def nothing(self) -> str:
        """No model was watched."""
        return panels.EMPTY

    def move(self, by: int, *, wrap: bool = False) -> None:
        """Another layer, also while one is shown alone."""
        alone, self.alone = self.alone, False
        super().move(by, wrap=wrap)
        self.alone = alone
        self.show(self.snapshot)

    def open(self) -> None:
        """A layer's history, or the table again."""
        super().open()
        self.show(self.snapshot)

    def back(self) -> bool:
        """Leave the filters, the history, the past."""
        was = self.filters or self.alone or self.weights.step is not None
        if self.filters:
            self.filters = False
        elif not super().back():
            self.weights = replace(self.weights, step=None)
        self.show(self.snapshot)
        return was

    def action_filters(self) -> None:
        """First-layer weights in the whole room, or the table again."""
        self.filters = not self.filters
        self.show(self.snapshot)

    def action_scrub(self, by: int) -> None:
        """Weights at an earlier or a later moment."""
        steps = self.snapshot.weights.steps
        if len(steps):
            self.weights = replace(self.weights, step=scrubbed(steps, self.weights.step, by))
            self.show_soon()

    def action_another(self) -> None:
        """The next statistic; of weights the next tensor."""
        if self.filters:
            self.weights = WeightsView(self.weights.which + 1)
            self.show(self.snapshot)
            return
        following = STATISTICS[(STATISTICS.index(self.wanted.statistic) + 1) % len(STATISTICS)]
        self.wanted = replace(self.wanted, statistic=following)
        self.show(self.snapshot)

    def action_order(self) -> None:
        """The worst layers first, or in forward order."""
        self.wanted = replace(self.wanted, order="forward" if self.wanted.order == "worst" else "worst")
        self.chosen, self._key = 0, None
        self.show(self.snapshot)

    def _body(self, width: int, height: int) -> list[Text]:
        if not self.filters:
            return super()._body(width, height)
        return self._pictures(width, height)

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
        return [line.append_text(panels.titles_line(data, max(1, self._width() - MARGIN), self.run_app.paint))]
