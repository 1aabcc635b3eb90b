"""The overview: is it healthy?

Owns the way from options to plots and numbers. Which of them there are is `arrangement`'s to say.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from nntui.session.snapshot import MetricSummary, PlotData, PlotView, View
from nntui.tui.actions import ACTIONS
from nntui.tui.arrangement import Arrangement, arrangement, is_small
from nntui.tui.options import Options
from nntui.tui.panels.findings import finding_row, recipe_line, worst_check_line
from nntui.tui.panels.frame import READING
from nntui.tui.panels.metrics import in_sight, metric_lines
from nntui.tui.panels.pins import pins_line
from nntui.tui.panels.rail import rail_lines
from nntui.tui.screens.base import RunScreen
from nntui.tui.widgets.plot import inner_width, plot_lines

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
        """The plots that fit, and the numbers that are in sight."""
        plan, pattern = self._arrangement(), self.options.pattern
        shown = in_sight(self._listed(), plan.width, plan.numbers, self.options.chosen)[0] if plan.numbers else ()
        return View(
            plots=tuple(place.view for place in plan.plots),
            listed=tuple(m.metric for m in shown),
            inside=MOST_INSIDE if pattern else 0,
            inside_pattern=pattern,
            pins=tuple(path for path in self.run_app.pins if path != self.run_app.path),
        )

    @property
    def options(self) -> Options:
        """How the plots are wanted; the app keeps it while other screens are in front."""
        return self.run_app.options

    @options.setter
    def options(self, options: Options) -> None:
        app = self.run_app
        app.set_reactive(type(app).options, options)  # what the app does for each change is done once for all that wait
        self.show_soon()

    def move(self, by: int) -> None:
        """The next metric in the main plot."""
        self.options = self.options.choose(self._listed(), by)

    def open(self) -> None:
        """The main plot alone."""
        self.options = replace(self.options, full=not self.options.full)

    def back(self) -> bool:
        """Undo what was done last: full size, crosshair, zoom, choice, filter."""
        before = self.options
        self.options = before.back()
        return self.options != before

    def action_pin(self) -> None:
        """Keep this run in the plots when another one is opened, or no longer."""
        if self.run_app.path is not None:
            self.run_app.toggle_pin(self.run_app.path)

    def action_filter(self) -> None:
        """Ask for letters that a metric's name must hold, and show at once what they leave."""
        from nntui.tui.widgets.filter import FilterScreen

        before = self.options

        def answered(pattern: str | None) -> None:
            self._filter(pattern) if pattern is not None else setattr(self, "options", before)

        self.app.push_screen(FilterScreen(before.pattern, typed=self._filter), answered)

    def _filter(self, pattern: str) -> None:
        if pattern != self.options.pattern:
            self.options = replace(self.options, pattern=pattern, chosen="")

    def action_mark(self) -> None:
        """Draw the chosen metric along with others, or no longer."""
        self.options = self.options.mark()

    def action_toggle_log_y(self) -> None:
        """Logarithmic or linear."""
        self.options = self.options.toggle_log_y(self._main())

    def action_toggle_log_x(self) -> None:
        """Logarithmic or linear."""
        self.options = replace(self.options, log_x=not self.options.log_x)

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
        plots = self._arrangement().plots
        self.options = self.options.move(by, self._main(), inner_width(plots[0].width) if plots else 1)

    def action_pan(self, by: int) -> None:
        """Move the zoomed range."""
        self.options = self.options.pan(by, self._main())

    def action_zoom(self, factor: float) -> None:
        """Zoom in, out, or show the whole run."""
        self.options = self.options.zoom(factor, self._main())

    def _main(self) -> PlotData | None:
        return self.snapshot.plots.get("main")

    def _listed(self) -> list[MetricSummary]:
        """The metrics in the order of the list: beside a plot, what it shows anyway comes last."""
        options = self.options
        metrics = options.visible(self.snapshot.metrics)
        if is_small(self.size.width, self.size.height):
            return metrics
        plotted = replace(options, chosen="", marked=()).main(self.snapshot.metrics)
        return sorted(metrics, key=lambda m: m.metric in plotted)

    def _arrangement(self) -> Arrangement:
        app, size = self.run_app, (self.size.width, self.size.height)
        return arrangement(self.options, self.snapshot.metrics, size, app.glyphs.kind, pins=bool(app.pins))

    def lay_out(self) -> None:
        """Plots, numbers, rail and strips, as far as they have room."""
        plan = self._arrangement()
        rail, plots, numbers = (self.query_one(name) for name in ("#rail", "#plots", "#numbers"))
        rail.set_class(not plan.rail, "gone")
        rail.styles.width = plan.rail or 1
        plots.set_class(not plan.plots, "gone")
        self.query_one("#pins").set_class(not plan.pins, "gone")
        numbers.set_class(not plan.numbers, "gone")
        numbers.styles.height = plan.numbers if plan.plots else "1fr"
        for place, strip in enumerate(("#recipe", "#worst")):
            self.query_one(strip).set_class(place >= plan.strips, "gone")

    def _plots(self, width: int, height: int) -> list[Text]:
        if not self.snapshot.metrics and self.snapshot.checks and not self.options.pattern:
            return self._only_checks(width, height)
        lines = [Text(end="", no_wrap=True) for _ in range(height)]
        places = self._arrangement().plots
        for place in places:
            main = place.view.key == "main"
            shown = plot_lines(
                self.snapshot.plots.get(place.view.key),
                place.width,
                place.height,
                self.run_app.paint,
                title=" · ".join(place.view.metrics) or ("" if self.unread else "no metric"),
                cursor=self.options.cursor,
                steps=inner_width(places[0].width),
                words=main,
                nothing=READING if self._awaits(place.view) else self._nothing(),
            )
            for row, line in enumerate(shown, place.y):
                if row < height:
                    lines[row].append(" " * max(0, place.x - lines[row].cell_len)).append_text(line)
        return lines

    def _pins(self, width: int, height: int) -> list[Text]:
        return [pins_line(self.snapshot, self._main(), width, self.run_app.paint)]

    def _only_checks(self, width: int, height: int) -> list[Text]:
        """What there is to see of a run that recorded checks and no metric."""
        paint = self.run_app.paint
        rows = [finding_row(one, width, paint) for one in self.snapshot.checks]
        return [paint.text(f"  {self._nothing()}; the checks:", "quiet"), Text(), *rows][:height]

    def _awaits(self, view: PlotView) -> bool:
        """Whether the points of a plot are still to come: it was not among those that the snapshot was asked for."""
        return bool(view.metrics) and view.key not in self.snapshot.plots

    def _nothing(self) -> str:
        """Why there are no points."""
        if self.options.pattern and not self.options.visible(self.snapshot.metrics):
            return "no metric has these letters; esc shows all"
        if self.unread or self.snapshot.problem:
            return READING if self.unread else "nothing can be read"
        over = self.snapshot.head.state in ("ended", "crashed", "silent")
        how = 'run.log({"train/loss": loss}, step=step) records one'
        return f"no metrics were recorded; {how}" if over else f"no points yet; {how}"

    def _numbers(self, width: int, height: int) -> list[Text]:
        options = self.options
        drawn = options.main(self.snapshot.metrics)
        return metric_lines(
            self._listed(),
            width,
            height,
            self.run_app.paint,
            chosen=options.chosen,
            drawn=drawn,
            nothing=self._nothing(),
        )

    def _rail(self, width: int, height: int) -> list[Text]:
        return rail_lines(self.snapshot, width, height, self.run_app.paint)

    def _recipe(self, width: int, height: int) -> list[Text]:
        return [recipe_line(self.snapshot, width, self.run_app.paint)]

    def _worst(self, width: int, height: int) -> list[Text]:
        return [worst_check_line(self.snapshot, width, self.run_app.paint)]
