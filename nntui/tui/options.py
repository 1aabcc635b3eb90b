"""How a user wants the plots: chosen metric, axes, smoothing, zoom, crosshair.

Owns the arithmetic of the view. Immutable; knows nothing of widgets. Invariant: every option value gives a valid View.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nntui.analysis import roles
from nntui.finding import PROGRESS, Finding
from nntui.session.snapshot import MetricSummary, PlotData, PlotView, Snapshot, XAxis

SMOOTHING = (0.0, 0.6, 0.9, 0.97, 0.99, 0.997)
AXES: tuple[XAxis, ...] = ("step", "epoch", "relative", "wall")
MOST_TOGETHER = 8
"""Metrics in one plot: as many as there are colours."""
LOSS_LIMIT = 4
"""Of what checks measure, drawn together before training has begun."""
WHOLE = (math.nan, math.nan)
"""The range of the whole run."""
PAN = 0.25
"""Of the visible range, by which it is moved."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the keys have changed so far."""

    chosen: str = ""
    """Metric in the main plot; empty for the losses together."""
    marked: tuple[str, ...] = ()
    """Metrics drawn along with whatever is chosen."""
    pattern: str = ""
    x: XAxis = "step"
    log_x: bool = False
    log_y: bool | None = None
    """None: as the values ask for it."""
    smoothing: int = 0
    clip: bool = False
    x_range: tuple[float, float] = WHOLE
    follow: bool = False
    """Whether the range reached the newest point when it was made, and moves along with it."""
    cursor: float = math.nan
    full: bool = False

    # --- which metrics ------------------------------------------------------------------------

    def visible(self, metrics: Sequence[MetricSummary]) -> list[MetricSummary]:
        """The metrics that the filter lets through, in order: those whose name holds every word of it."""
        wanted = self.pattern.lower().split()
        return [m for m in metrics if all(word in m.metric.lower() for word in wanted)]

    def main(self, metrics: Sequence[MetricSummary]) -> tuple[str, ...]:
        """Metrics of the main plot: the chosen one and the same of other splits, or the losses, or whatever comes first.

        Those that are marked are drawn along.
        """
        names = [m.metric for m in self.visible(metrics)]
        own = self._own(names)
        known = {m.metric for m in metrics}
        return tuple(dict.fromkeys([*own, *(name for name in self.marked if name in known)]))[:MOST_TOGETHER]

    def choose(self, metrics: Sequence[MetricSummary], by: int) -> Options:
        """The next or previous of the listed metrics; the losses together come before the first."""
        names = ["", *(m.metric for m in metrics)]
        at = names.index(self.chosen) if self.chosen in names else 0
        if abs(by) > 1:  # a page does not lead round
            return replace(self, chosen=names[min(max(at + by, 0), len(names) - 1)])
        return replace(self, chosen=names[(at + by) % len(names)])

    def mark(self) -> Options:
        """The chosen metric drawn along with others from now on, or no longer."""
        if not self.chosen:
            return self
        others = tuple(name for name in self.marked if name != self.chosen)
        return replace(self, marked=others if self.chosen in self.marked else (*others, self.chosen))

    def _own(self, names: Sequence[str]) -> Sequence[str]:
        if self.chosen in names:
            return roles.together(self.chosen, names)
        if all(name.startswith(PROGRESS) for name in names):  # training has not begun
            return names[:LOSS_LIMIT]
        losses = [roles.pick(names, "train_loss"), roles.pick(names, "validation_loss")]
        return [name for name in losses if name] or roles.together(names[0], names)

    # --- how they are drawn -------------------------------------------------------------------

    def plot(self, key: str, metrics: tuple[str, ...], columns: int, readings: int = 0) -> PlotView:
        """The view of one plot."""
        return PlotView(
            key,
            metrics,
            max(1, columns),
            x=self.x,
            x_range=self.x_range,
            readings=readings,
            follow=self.follow,
            log_x=self.log_x,
            log_y=self.log_y,
            smoothing=SMOOTHING[self.smoothing],
            clip_outliers=self.clip,
        )

    def toggle_log_y(self, data: PlotData | None) -> Options:
        """The other y axis than the one that is shown."""
        shown = bool(data and data.log_y) if self.log_y is None else self.log_y
        return replace(self, log_y=not shown)

    def cycle_x(self) -> Options:
        """The next x axis; zoom and crosshair belong to the old one."""
        following = AXES[(AXES.index(self.x) + 1) % len(AXES)]
        return replace(self, x=following, x_range=WHOLE, follow=False, cursor=math.nan)

    def smooth(self, by: int) -> Options:
        """One step more or less smoothing."""
        return replace(self, smoothing=min(max(self.smoothing + by, 0), len(SMOOTHING) - 1))

    def back(self) -> Options:
        """Without what was done last: full size, the crosshair, the zoom, the choice, the filter."""
        if self.full:
            return replace(self, full=False)
        if math.isfinite(self.cursor):
            return replace(self, cursor=math.nan)
        if math.isfinite(self.x_range[0]):
            return replace(self, x_range=WHOLE, follow=False)
        if self.chosen or self.marked:
            return replace(self, chosen="", marked=())
        return replace(self, pattern="")

    def cleared(self) -> Options:
        """Without crosshair, zoom, filter and choice, for another run."""
        return replace(self, chosen="", marked=(), pattern="", x_range=WHOLE, follow=False, cursor=math.nan)

    # --- zoom and crosshair -------------------------------------------------------------------

    def zoom(self, factor: float, data: PlotData | None) -> Options:
        """The visible range times `factor` around the crosshair (or the newest point); 0 shows the whole run."""
        if factor == 0 or data is None:
            return replace(self, x_range=WHOLE, follow=False, cursor=math.nan)
        low, high = self._range(data)
        inside = low <= self.cursor <= high
        centre = self.cursor if inside else min(high, data.newest) if low <= data.newest else high
        low, high, centre = (_to(value, data) for value in (low, high, centre))
        share, width = (centre - low) / (high - low), (high - low) * factor
        if not width > abs(high) * 1e-9 or not width < 1e18:
            return self
        return self._zoomed(_back(centre - share * width, data), _back(centre + (1 - share) * width, data), data)

    def pan(self, by: int, data: PlotData | None) -> Options:
        """A zoomed range a quarter of itself to the left or right, as far as there are points."""
        if data is None or not math.isfinite(self.x_range[0]):
            return self
        low, high = (_to(value, data) for value in self._range(data))
        first, last = (_to(value, data) for value in data.whole)
        shift = by * PAN * (high - low)
        shift = min(shift, max(0.0, last - high)) if shift > 0 else max(shift, min(0.0, first - low))
        return self._zoomed(_back(low + shift, data), _back(high + shift, data), data)

    def move(self, by: int, data: PlotData | None, cells: int) -> Options:
        """The crosshair so many cells on, not beyond the first and the newest point; a zoomed range moves along.

        cells: how many the plot is wide.
        """
        if data is None or not data.series:
            return self
        low, high = self._range(data)
        last = data.newest if math.isfinite(data.newest) else high
        begun = min(max(self.cursor if math.isfinite(self.cursor) else last if by < 0 else low, low), high)
        left, right, width = _to(low, data), _to(high, data), (_to(high, data) - _to(low, data)) / max(1, cells)
        cell = min(math.floor((_to(begun, data) - left) / width + 1e-9), max(1, cells) - 1)
        cell += by if math.isfinite(self.cursor) else 0
        place = left + (cell + 0.5) * width  # the middle of a cell
        place = min(max(place, _to(data.whole[0], data)), max(_to(last, data), left))
        moved = replace(self, cursor=_back(place, data))
        if left <= place <= right or not math.isfinite(self.x_range[0]):
            return replace(moved, cursor=_back(min(max(place, left), right), data))
        shift = place - right + PAN * (right - left) if place > right else place - left - PAN * (right - left)
        return moved._zoomed(_back(left + shift, data), _back(right + shift, data), data)

    def at(self, finding: Finding, snapshot: Snapshot) -> Options:
        """The crosshair where a finding is, on its metric; as before where it is at no step.

        Its step is known, its time is not: an axis of time becomes one of steps.
        """
        if finding.step < 0:
            return self
        metric = str(finding.evidence.get("metric", ""))
        known = metric in {m.metric for m in self.visible(snapshot.metrics)}
        return replace(self.at_step(finding.step, snapshot), chosen=metric if known else self.chosen)

    def at_step(self, step: int, snapshot: Snapshot) -> Options:
        """The crosshair at a step."""
        head = snapshot.head
        epochs = self.x == "epoch" and head.step > 0 and math.isfinite(head.epoch)
        cursor = step * head.epoch / head.step if epochs else float(step)
        low, high = self.x_range
        keep = (self.x == "step" or epochs) and low <= cursor <= high
        return replace(
            self,
            x="epoch" if epochs else "step",
            cursor=cursor,
            x_range=(low, high) if keep else WHOLE,
            follow=self.follow and keep,
        )

    def _zoomed(self, low: float, high: float, data: PlotData) -> Options:
        """This range; the whole run where that is no more than it. What reaches the newest point follows it."""
        if low <= data.whole[0] and high >= data.whole[1]:
            return replace(self, x_range=WHOLE, follow=False)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            return self
        return replace(self, x_range=(low, high), follow=low <= data.newest <= high)

    def _range(self, data: PlotData) -> tuple[float, float]:
        """What is visible, or will be: the plot on the screen may not show yet what was asked for last."""
        answered = data.view.x_range == self.x_range or not math.isfinite(self.x_range[0])
        return data.x_range if answered else self.x_range


def _to(x: float, data: PlotData) -> float:
    """An x where the axis has it."""
    return math.log(max(x, data.whole[0], 5e-324)) if data.log_x else x


def _back(place: float, data: PlotData) -> float:
    """The x of a place on the axis."""
    return math.exp(place) if data.log_x else place
