"""The list of metrics: name, sparkline, newest value.

Owns its columns. Pure functions of summaries, a size and a Paint. Invariant: every metric is listed or counted, and
the chosen one is in sight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from nntui.analysis.ticks import format_number
from nntui.session.snapshot import MetricSummary
from nntui.tui.canvas import spark
from nntui.tui.paint import Paint, cut_line, joined, padded
from nntui.tui.units import fit, named

LEAST_METRIC_CELL = 28
"""Cells of a metric in a list of several columns."""
FIGURES = 8
"""Least cells of a value in a list: as long as nearly all, so that bars beside them do not move with every digit."""


def metric_lines(
    metrics: Sequence[MetricSummary], width: int, height: int, paint: Paint, *, chosen: str = ""
) -> list[Text]:
    """Metrics with a sparkline and the newest value, in as many columns as fit; the chosen one is marked and in sight."""
    if not metrics or height < 1:
        return [cut_line(paint.text(" no metrics yet", "quiet"), width)] if height > 0 else []
    columns = max(1, min(width // LEAST_METRIC_CELL, -(-len(metrics) // height)))
    cell = width // columns
    order = [m.metric for m in metrics]
    at = order.index(chosen) if chosen and chosen in order else 0
    room = height * columns
    first = at // room * room
    shown = list(metrics[first : first + room])
    left = len(metrics) - first - len(shown)
    name = max(cell_len(named(m.metric)) for m in shown)
    figures = max(FIGURES, *(len(format_number(m.last)) for m in shown))
    cells = [_metric_cell(m, cell, name, figures, paint, m.metric == chosen != "") for m in shown]
    if left > 0 and room > 1 and shown[-1].metric != chosen:
        cells[-1] = padded(paint.text(f"  … {left + 1:,} more", "quiet"), cell)
    rows = -(-len(cells) // columns)
    return [joined(cells[row::rows], "") for row in range(rows)]


def _metric_cell(metric: MetricSummary, width: int, name: int, figures: int, paint: Paint, chosen: bool) -> Text:
    """Mark, name, sparkline, value, in exactly `width` cells; a name gives way to at least four bars."""
    value = format_number(metric.last).rjust(figures)
    name = max(1, min(name, width - figures - 8))
    bars = max(0, min(16, width - name - figures - 4))
    meaning = "foreground" if math.isfinite(metric.last) else "error"
    mark = paint.glyphs.cursor if chosen else " "
    parts = [
        paint.text(f"{mark}{fit(named(metric.metric), name)}", "accent" if chosen else "quiet"),
        paint.text(spark(metric.sparkline, bars, paint.glyphs.bar), "primary"),
        paint.text(value, meaning, bold=True),
    ]
    return padded(joined(parts, " "), width)
