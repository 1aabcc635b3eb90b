"""A metric in a few bars.

Owns what a bar shows where nothing was measured or nothing finite. Pure; imported with the first numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from nntui.session.snapshot import MetricSummary
from nntui.tui.canvas import spark
from nntui.tui.paint import Paint


def _held(metric: MetricSummary) -> NDArray[np.float64]:
    """The sparkline with what was known last where no point came since and one is to come: what is seldom measured has no gap."""
    values = metric.sparkline
    known = np.isfinite(values)
    if len(metric.broken) == len(values):
        known |= metric.broken > 0
    places = np.flatnonzero(known)
    if not len(places):
        return values
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    last[places[-1] + 1 :] = -1
    return np.where(last >= 0, values[last], np.nan)


def sparkline(metric: MetricSummary, bars: int, paint: Paint) -> Text:
    """Bars; a sign where there were only values that are not finite."""
    shown = spark(_held(metric), bars, paint.glyphs.bar)
    line = paint.text(shown, "primary")
    if metric.nonfinite and bars and len(metric.broken):
        cells = list(shown)
        for bar in range(bars):
            place = min(bar * len(metric.broken) // bars, len(metric.broken) - 1)
            if cells[bar] == " " and metric.broken[place]:
                cells[bar] = paint.glyphs.nan
        line.plain = "".join(cells)
        for bar, char in enumerate(cells):
            if char == paint.glyphs.nan:
                line.stylize(paint.style("error", bold=True), bar, bar + 1)
    return line
