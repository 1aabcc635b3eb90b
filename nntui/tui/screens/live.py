"""The overview: is it healthy?

Owns which plots there are for a size. 80×24 and up to 99 columns: one plot over the numbers; from 100 a rail with checks and
alerts; from 160 a grid of plots. Below 60 columns or 16 rows: numbers only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from nntui.session.snapshot import MetricSummary, PlotView, Snapshot, View
from nntui.tui.actions import ACTIONS
from nntui.tui.options import Options
from nntui.tui.panels.findings import recipe_line, worst_check_line
from nntui.tui.panels.metrics import LEAST_METRIC_CELL, metric_lines
from nntui.tui.panels.pins import pins_line
from nntui.tui.panels.rail import rail_lines
from nntui.tui.screens.base import RunScreen
from nntui.tui.widgets.filter import FilterScreen
from nntui.tui.widgets.plot import plot_lines, raster_columns

NARROW, RAIL, GRID = 60, 100, 160
LEAST_ROWS = 16
RAIL_WIDTH = 44
GRID_PLOT_ROWS = 11
MOST_INSIDE = 100
"""Metrics of layers that a filter lists: each costs a sparkline."""


class LiveScreen(RunScreen):
    """Plots, numbers, checks and alerts of one run."""

    KIND = "live"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, show=False) for action in ACTIONS if action.group == "live" for key in action.keys
    ]

    def body(self) -> ComposeResult:
        """Plot over numbers, with a rail beside them."""
        yield self.lines(self._pins, id="pins", classes="one")
        with Container(id="body"):
            with Container(id="left"):
                yield self.lines(self._plots, id="plots")
                yield self.lines(self._numbers, id="numbers")
            yield self.lines(self._rail, id="rail")
        yield self.lines(self._recipe, id="recipe", classes="one")
        yield self.lines(self._worst, id="worst", classes="one")

    def view(self) -> View:
        """The plots that fit."""
        pattern = self.options.pattern
        plots = tuple(view for view, *_ in self._layout())
        inside = MOST_INSIDE if pattern else 0
        along = tuple(path for path in self.run_app.pins if path != self.run_app.path)
        return View(plots=plots, inside=inside, inside_pattern=pattern, pins=along)

    def show(self, snapshot: Snapshot) -> None:
        """Lay out for this size, ask for the plots that fit, draw."""
        self._arrange()
        self.run_app.ask()
        super().show(snapshot)

    def on_resize(self) -> None:
        """Lay out for the new size."""
        self._arrange()
        super().on_resize()

    @property
    def options(self) -> Options:
        """How the plots are wanted; the app keeps it while other screens are in front."""
        return self.run_app.options

    @options.setter
    def options(self, options: Options) -> None:
        self.run_app.options = options

    def move(self, by: int) -> None:
        """The next metric in the main plot."""
        self.options = self.options.choose(self._listed(), by)

    def open(self) -> None:
        """The main plot alone."""
        self.options = replace(self.options, full=not self.options.full)

    def back(self) -> bool:
        """Leave full size; then crosshair, zoom, filter and chosen metric together."""
        options = self.options
        left = replace(options, full=False) if options.full else options.cleared()
        self.options = left
        return left != options

    def action_pin(self) -> None:
        """Keep this run in the plots when another one is opened, or no longer."""
        if self.run_app.path is not None:
            self.run_app.toggle_pin(self.run_app.path)

    def action_filter(self) -> None:
        """Ask for letters that a metric's name must hold."""
        self.app.push_screen(FilterScreen(self.options.pattern), self._filtered)

    def _filtered(self, pattern: str | None) -> None:
        if pattern is not None:
            self.options = replace(self.options, pattern=pattern, chosen="")

    def action_toggle_log_y(self) -> None:
        """Logarithmic or linear."""
        self.options = replace(self.options, log_y=not self.options.log_y)

    def action_cycle_x(self) -> None:
        """The next x axis."""
        self.options = self.options.cycle_x()

    def action_smooth(self, by: int) -> None:
        """More or less smoothing."""
        self.options = self.options.smooth(by)

    def action_toggle_outliers(self) -> None:
        """Clip them or not."""
        self.options = replace(self.options, clip=not self.options.clip)

    def action_move(self, by: int) -> None:
        """Move the crosshair."""
        self.options = self.options.move(by, self.snapshot.plots.get("main"))

    def action_zoom(self, factor: float) -> None:
        """Zoom in, out, or show the whole run."""
        self.options = self.options.zoom(factor, self.snapshot.plots.get("main"))

    def _listed(self) -> list[MetricSummary]:
        """The metrics in the order of the list: beside a plot, what it shows anyway comes last."""
        options = self.options
        metrics = options.visible(self.snapshot.metrics)
        if self._small():
            return metrics
        plotted = replace(options, chosen="").main(self.snapshot.metrics)
        return sorted(metrics, key=lambda m: m.metric in plotted)

    def _small(self) -> bool:
        return self.size.width < NARROW or self.size.height < LEAST_ROWS

    def _arrange(self) -> None:
        if not self.is_mounted or not self.query("#rail"):
            return
        full, small = self.options.full, self._small()
        self.query_one("#rail").set_class(full or small or self.size.width < RAIL, "gone")
        self.query_one("#plots").set_class(small, "gone")
        self.query_one("#pins").set_class(not self._pin_rows(), "gone")
        numbers = self.query_one("#numbers")
        numbers.set_class(full and not small, "gone")
        numbers.styles.height = "1fr" if small else self._number_rows()
        for strip in ("#recipe", "#worst"):
            self.query_one(strip).set_class(self.size.height < 10, "gone")

    def _number_rows(self) -> int:
        columns = max(1, self._left_width() // LEAST_METRIC_CELL)
        wanted = -(-len(self._listed()) // columns)
        return max(1, min(wanted, 3 + (self.size.height - 24) // 4))

    def _pin_rows(self) -> int:
        return int(bool(self.run_app.pins) and not self._small())

    def _left_width(self) -> int:
        rail = RAIL_WIDTH if self.size.width >= RAIL and not self.options.full else 0
        return max(1, self.size.width - rail)

    def _layout(self) -> list[tuple[PlotView, int, int, int, int]]:
        """(view, x, y, width, height) of every plot, in cells of the plots' panel."""
        if self._small():
            return []
        options, kind = self.options, self.run_app.glyphs.kind
        width = self._left_width()
        height = max(1, self.size.height - 5 - self._pin_rows() - (0 if options.full else self._number_rows()))
        main = options.main(self.snapshot.metrics)
        others = [m.metric for m in options.visible(self.snapshot.metrics) if m.metric not in main]
        rows = 0 if options.full or self.size.width < GRID else max(0, (height - GRID_PLOT_ROWS - 3) // GRID_PLOT_ROWS)
        rows = min(rows, -(-len(others) // 2))
        top = height - rows * GRID_PLOT_ROWS
        plots = [(options.plot("main", main, raster_columns(width, kind)), 0, 0, width, top)]
        half = width // 2
        for place, metric in enumerate(others[: rows * 2]):
            x, wide = (0, half) if place % 2 == 0 else (half, width - half)
            view = options.plot(f"metric {metric}", (metric,), raster_columns(wide, kind))
            plots.append((view, x, top + place // 2 * GRID_PLOT_ROWS, wide, GRID_PLOT_ROWS))
        return plots

    def _plots(self, width: int, height: int) -> list[Text]:
        lines = [Text(end="", no_wrap=True) for _ in range(height)]
        cursor = self.options.cursor
        for view, _, y, wide, high in self._layout():
            data = self.snapshot.plots.get(view.key)
            title = " · ".join(view.metrics) or "plot"
            for row, line in enumerate(plot_lines(data, wide, high, self.run_app.paint, title=title, cursor=cursor)):
                if y + row < height:
                    lines[y + row].append_text(line)
        return lines

    def _pins(self, width: int, height: int) -> list[Text]:
        return [pins_line(self.snapshot, self.snapshot.plots.get("main"), width, self.run_app.paint)]

    def _numbers(self, width: int, height: int) -> list[Text]:
        options = self.options
        shown = self._listed()
        return metric_lines(shown, width, height, self.run_app.paint, chosen=options.chosen)

    def _rail(self, width: int, height: int) -> list[Text]:
        return rail_lines(self.snapshot, width, height, self.run_app.paint)

    def _recipe(self, width: int, height: int) -> list[Text]:
        return [recipe_line(self.snapshot, width, self.run_app.paint)]

    def _worst(self, width: int, height: int) -> list[Text]:
        return [worst_check_line(self.snapshot, width, self.run_app.paint)]
