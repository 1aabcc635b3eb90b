# pyright: standard
"""The run under the cursor of a list, read to its end: what it came to over time, beside others.

Owns which run that is and when it is looked at again. Lives on the thread that watches the folder. Invariant: one turn takes
bounded time; nothing is told of a run before it was read to its end; what is wrong with one is said, and stops nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from nntui.analysis import roles
from nntui.analysis.ticks import format_number
from nntui.session.followed import Followed, size
from nntui.session.outcome import Point
from nntui.session.outcomes import READ_LIMIT, of_series
from nntui.session.pinned import PIN_INTERVAL, Pins
from nntui.session.plotting import Drawn
from nntui.session.runs import UNREAD, Preview, PreviewView
from nntui.session.snapshot import Mark, PlotData, PlotView, View

KINDS = ("metrics", "checks", "events", "predictions", "tensors")
"""What the rules and the recipe need."""
PLOTS = 4
"""Most plots of a run."""
TOO_LARGE = "too large to be read here; enter opens it"


class Previews:
    """One run at a time, and those drawn along with it."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.found = UNREAD
        self.due = math.inf
        """When there is something to do, on the clock."""
        self._clock = clock
        self._wall = wall
        self._view: PreviewView | None = None
        self._run: Followed | None = None
        self._news = False
        self._along: tuple[Path, ...] = ()
        """Those that are small enough to be read."""
        self._pins = Pins(clock=clock, wall=wall)

    def want(self, view: PreviewView | None) -> None:
        """Read this run, and no other."""
        if view == self._view:
            return
        if view is None or self._view is None or view.path != self._view.path:
            self._run = None
        self._view, self._news, self.due = view, True, math.inf if view is None else -math.inf
        along = view.along if view else ()
        self._along = tuple(path for path in along if path in self._along or size(path) <= READ_LIMIT)
        self._pins.want(self._along)

    def turn(self) -> bool:
        """Read on where it is time to; whether `found` is another one."""
        view, now = self._view, self._clock()
        if view is None or now < self.due:
            return False
        if self._run is None and size(view.path, KINDS) > READ_LIMIT:
            self.found, self.due = Preview(view.path, trouble=TOO_LARGE), math.inf
            return True
        self._run = self._run or Followed(view.path, KINDS)
        self._news |= self._run.look(now, self._wall())
        if self._run.behind:
            return False
        self._news |= self._pins.turn()
        self.due = now if self._pins.behind else now + PIN_INTERVAL
        if not self._news or (self._pins.behind and self.found.path == view.path):
            return False
        self.found, self._news = self._told(self._run, view, now), False
        return True

    def _told(self, run: Followed, view: PreviewView, now: float) -> Preview:
        """What is known of a run that was read to its end."""
        if run.state is None:
            return Preview(view.path, trouble=run.problem)
        known = run.state.outside()
        plots = tuple(PlotView(metrics[0], metrics, view.columns) for metrics in plotted(known))
        snapshot = run.state.snapshot(View(plots, sparkline_columns=1, listed=()), now, self._drawn)
        best = of_series(known).best
        marked = {one.key: with_best(snapshot.plots[one.key], best) for one in plots[:1]}
        return Preview(view.path, replace(snapshot, plots={**snapshot.plots, **marked}), run.problem)

    def _drawn(self, metrics: Sequence[str]) -> list[Drawn]:
        """What each of those drawn along gives to a plot, by its number; what is not read, or the run itself, nothing."""
        view = self._view or PreviewView(Path())
        known = dict(zip(self._along, self._pins.drawn(metrics), strict=False))
        return [known.get(path, Drawn.nothing()) if path != view.path else Drawn.nothing() for path in view.along]


def plotted(metrics: Iterable[str]) -> list[tuple[str, ...]]:
    """The metrics that share a plot, what a run is judged by first, then losses, scores and the rest by name."""
    ordered = sorted((metric for metric in metrics if not roles.is_spread(metric)), key=roles.order)
    judged = roles.outcome(ordered)
    return sorted(roles.grouped(ordered), key=lambda group: judged not in group)[:PLOTS]


def with_best(data: PlotData, best: Point) -> PlotData:
    """The plot with a sign where the best value is."""
    if best.step < 0:
        return data
    return replace(data, marks=(*data.marks, Mark(float(best.step), f"best {format_number(best.value)}")))
