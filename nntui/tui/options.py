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
LOSS_LIMIT = 4
"""Losses drawn together in the first plot."""
CURSOR_STEPS = 100
"""Crosshair positions over the visible range."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the keys have changed so far."""

    chosen: str = ""
    """Metric in the main plot; empty for the losses together."""
    pattern: str = ""
    x: XAxis = "step"
    log_y: bool | None = None
    """None: as the values ask for it."""
    smoothing: int = 0
    clip: bool = False
    x_range: tuple[float, float] = (math.nan, math.nan)
    cursor: float = math.nan
    full: bool = False

    def visible(self, metrics: Sequence[MetricSummary]) -> list[MetricSummary]:
        """The metrics that the filter lets through, in order."""
        return [m for m in metrics if self.pattern.lower() in m.metric.lower()]

    def main(self, metrics: Sequence[MetricSummary]) -> tuple[str, ...]:
        """Metrics of the main plot: the chosen one, or training and validation losses, or whatever comes first."""
        names = [m.metric for m in self.visible(metrics)]
        if self.chosen in names:
            return (self.chosen,)
        if all(name.startswith(PROGRESS) for name in names):  # training has not begun
            return tuple(names[:LOSS_LIMIT])
        losses = [roles.pick(names, "train_loss"), roles.pick(names, "validation_loss")]
        found = [name for name in losses if name] or names[:1]
        return tuple(dict.fromkeys(found))[:LOSS_LIMIT]

    def plot(self, key: str, metrics: tuple[str, ...], columns: int) -> PlotView:
        """The view of one plot."""
        weight = SMOOTHING[self.smoothing]
        return PlotView(key, metrics, max(1, columns), self.x, self.x_range, self.log_y, weight, self.clip)

    def choose(self, metrics: Sequence[MetricSummary], by: int) -> Options:
        """The next or previous of the listed metrics; the losses together come before the first."""
        names = ["", *(m.metric for m in metrics)]
        at = names.index(self.chosen) if self.chosen in names else 0
        return replace(self, chosen=names[(at + by) % len(names)])

    def cleared(self) -> Options:
        """Without crosshair, zoom, filter and chosen metric."""
        return replace(self, chosen="", pattern="", x_range=(math.nan, math.nan), cursor=math.nan)

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
            x_range=(low, high) if keep else (math.nan, math.nan),
        )

    def cycle_x(self) -> Options:
        """The next x axis; zoom and crosshair belong to the old one."""
        following = AXES[(AXES.index(self.x) + 1) % len(AXES)]
        return replace(self, x=following, x_range=(math.nan, math.nan), cursor=math.nan)

    def smooth(self, by: int) -> Options:
        """One step more or less smoothing."""
        return replace(self, smoothing=min(max(self.smoothing + by, 0), len(SMOOTHING) - 1))

    def zoom(self, factor: float, data: PlotData | None) -> Options:
        """The visible range times `factor` around the crosshair (or the newest point); 0 shows the whole run."""
        if factor == 0 or data is None:
            return replace(self, x_range=(math.nan, math.nan), cursor=math.nan)
        low, high = self._range(data)
        centre = self.cursor if math.isfinite(self.cursor) else high
        share = (centre - low) / (high - low)
        width = (high - low) * factor
        if not width > abs(high) * 1e-9 or not width < 1e18:
            return self
        return replace(self, x_range=(centre - share * width, centre + (1 - share) * width))

    def move(self, by: int, data: PlotData | None) -> Options:
        """The crosshair one place on; at the edge of a zoomed plot the range moves along."""
        if data is None or not data.series:
            return self
        low, high = self._range(data)
        step = (high - low) / CURSOR_STEPS
        if not math.isfinite(self.cursor):
            return replace(self, cursor=high if by < 0 else low)
        moved = self.cursor + by * step
        if low <= moved <= high:
            return replace(self, cursor=moved)
        if math.isfinite(self.x_range[0]):
            shift = by * (high - low) / 4
            return replace(self, cursor=moved, x_range=(low + shift, high + shift))
        return replace(self, cursor=min(max(moved, low), high))

    def _range(self, data: PlotData) -> tuple[float, float]:
        """The range that was asked for, which the plot on the screen may not show yet."""
        return self.x_range if math.isfinite(self.x_range[0]) else data.x_range
