"""The machine below the run: readings of one process over time, over the processes that write it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult

from nntui.session.snapshot import PlotView, View
from nntui.session.system import Process, SystemView
from nntui.tui.panels import system as panels
from nntui.tui.screens.browse import BrowseScreen
from nntui.tui.widgets.lines import Lines
from nntui.tui.widgets.plot import plot_lines, raster_columns

PLOTS_FROM = (110, 36)
"""Columns and rows from which there are plots."""
PLOT_WIDTH, PLOT_ROWS, MOST_PLOT_ROWS = 55, 9, 13
LEAST_LIST = 9
"""Rows that the list of processes keeps."""


class SystemScreen(BrowseScreen):
    """Readings of the chosen process, then all processes over all of the chosen one."""

    KIND = "system"
    PART = "system"
    _rows = 0
    """Lines of readings."""

    def body(self) -> ComposeResult:
        """Readings, plots, list."""
        yield self.lines(self._readings, id="readings")
        yield self.lines(self._plots, id="machine")
        yield self.lines(self._titles, id="titles", classes="one")
        yield from super().body()

    def view(self) -> View:
        """The process that is chosen, and the plots that fit."""
        data = self.snapshot.system
        wanted = SystemView(self._writer(), panels.strip_width(self.size.width))
        plots = [
            PlotView(
                title,
                metrics,
                raster_columns(self._plot_width(place), self.run_app.glyphs.kind),
                x="relative",
                clip_outliers=title in panels.SPIKY,
                writer=data.writer,
            )
            for place, (title, metrics) in enumerate(self._shown())
        ]
        return View(system=wanted, plots=tuple(plots))

    def items(self) -> Sequence[Process]:
        """The processes."""
        return self.snapshot.system.processes

    def key(self, item: Process) -> object:
        """A process has its folder for itself."""
        return item.writer

    def row(self, item: Process, width: int) -> Text:
        """Rank, state, step, pace."""
        return panels.process_row(item, width, self.run_app.paint, time.monotonic())

    def detail(self, item: Process, width: int) -> list[Text]:
        """Where it runs, since when, and what."""
        return panels.process_detail(item, width, self.run_app.paint)

    def nothing(self) -> str:
        """No process yet."""
        return "No process has written here yet."

    def move(self, by: int, *, wrap: bool = False) -> None:
        """Another process: the readings are its own."""
        super().move(by, wrap=wrap)
        self.run_app.ask()

    def tick(self) -> None:
        """Ages have changed."""
        super().tick()
        for panel in self.query("#readings, #browse").results(Lines):  # they go one by one as the app leaves
            panel.redraw()

    def _writer(self) -> str:
        """The chosen process; none as long as nobody moved, so that it is the leading one."""
        items = self.items()
        return items[min(self.chosen, len(items) - 1)].writer if self._key is not None and items else ""

    def _grid(self) -> tuple[int, int]:
        """(columns, rows) of plots."""
        width, height = self.size.width, self.size.height
        if self.alone or width < PLOTS_FROM[0] or height < PLOTS_FROM[1]:
            return 0, 0
        return width // PLOT_WIDTH, min(3, self._room() // PLOT_ROWS)

    def _room(self) -> int:
        """Lines that readings and processes leave to plots."""
        return self.size.height - 4 - self._rows - LEAST_LIST

    def _plot_width(self, place: int) -> int:
        """Cells of a plot: together they are as wide as the terminal."""
        columns = max(1, self._grid()[0])
        at = place % columns
        return (at + 1) * self.size.width // columns - at * self.size.width // columns

    def _plot_rows(self) -> int:
        """Lines of a plot, more where there are few."""
        rows = -(-len(self._shown()) // max(1, self._grid()[0]))
        return min(MOST_PLOT_ROWS, self._room() // rows) if rows else 0

    def _shown(self) -> list[tuple[str, tuple[str, ...]]]:
        columns, rows = self._grid()
        found = panels.plotted(self.snapshot.system)[: columns * rows]
        return found[: len(found) // columns * columns] if len(found) > columns else found

    def lay_out(self) -> None:
        """Readings, plots where they have room, the list."""
        self._rows = len(self._lines(self.size.width))
        columns, each = self._grid()[0], self._plot_rows()
        readings, plots = self.query_one("#readings"), self.query_one("#machine")
        readings.set_class(self.alone, "gone")
        readings.styles.height = self._rows
        plots.set_class(not each, "gone")
        plots.styles.height = each * -(-len(self._shown()) // max(1, columns))
        self.query_one("#titles").set_class(self.alone, "gone")

    def _lines(self, width: int) -> list[Text]:
        app, room = self.run_app, max(1, self.size.height - 8)
        return panels.reading_lines(self.snapshot.system, self.snapshot.head, width, room, app.paint, app.data_age())

    def _readings(self, width: int, height: int) -> list[Text]:
        return self._lines(width)[:height]

    def _plots(self, width: int, height: int) -> list[Text]:
        columns, each = self._grid()[0], self._plot_rows()
        lines = [Text(end="", no_wrap=True) for _ in range(height)]
        for place, (title, metrics) in enumerate(self._shown()):
            data = self.snapshot.plots.get(title)
            known = data if data is not None and data.view.metrics == metrics else None
            known = panels.in_units(known) if known is not None else None
            drawn = plot_lines(known, self._plot_width(place), each, self.run_app.paint, title=title)
            for at, line in enumerate(drawn, place // columns * each):
                if at < height:
                    lines[at].append_text(line)
        return lines

    def _titles(self, width: int, height: int) -> list[Text]:
        return [panels.title_row(width, self.run_app.paint)] if self.items() else []
