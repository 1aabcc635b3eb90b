"""The list of metrics: name, sparkline, newest value.

Owns its columns, and which metrics are in sight. Pure functions of summaries, a size and a Paint. Invariant: every metric is
listed or counted, and the chosen one is in sight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from nntui.analysis.ticks import format_number
from nntui.session.snapshot import MetricSummary
from nntui.tui.paint import Paint, cut_line, joined, padded
from nntui.tui.units import elided, fit, named

LEAST_METRIC_CELL = 36
"""Cells of a metric in a list of several columns."""
FIGURES = 8
"""Least cells of a value in a list: as long as nearly all, so that bars beside them do not move with every digit."""
LEAST_BARS, MOST_BARS = 4, 16
MARK = 3
"""Cells before a name: whether it is chosen, and how it is drawn."""


def in_sight(
    metrics: Sequence[MetricSummary], width: int, height: int, chosen: str = ""
) -> tuple[list[MetricSummary], int, int]:
    """The metrics that a list of this size shows, in how many columns, and how many more there are."""
    columns = max(1, min(width // LEAST_METRIC_CELL, -(-len(metrics) // max(1, height))))
    room = max(1, height * columns)
    at = next((place for place, m in enumerate(metrics) if m.metric == chosen), 0) if chosen else 0
    first = at // room * room
    shown = list(metrics[first : first + room])
    left = len(metrics) - first - len(shown)
    if left > 0 and room > 1 and shown[-1].metric != chosen:
        return shown[:-1], columns, left + 1
    return shown, columns, 0


def metric_lines(
    metrics: Sequence[MetricSummary],
    width: int,
    height: int,
    paint: Paint,
    *,
    chosen: str = "",
    drawn: Sequence[str] = (),
    nothing: str = "no metrics yet",
) -> list[Text]:
    """Metrics with a sparkline and the newest value, in as many columns as fit; the chosen one is marked and in sight.

    drawn: metrics of the main plot; each has the mark of its line. nothing: what an empty list means.
    """
    if not metrics or height < 1:
        return [cut_line(paint.text(f" {nothing}", "quiet"), width)] if height > 0 else []
    shown, columns, left = in_sight(metrics, width, height, chosen)
    cell, rows = width // columns, -(-(len(shown) + bool(left)) // columns)
    cells: list[Text] = []
    for column in (shown[at : at + rows] for at in range(0, len(shown), rows)):
        name = max(cell_len(named(m.metric)) for m in column)
        figures = max(FIGURES, *(len(format_number(m.last)) for m in column))
        cells += [_metric_cell(m, cell, name, figures, paint, _mark(m.metric, chosen, drawn, paint)) for m in column]
    if left:
        cells.append(padded(paint.text(f"   … {left:,} more", "quiet"), cell))
    return [joined(cells[row::rows], "") for row in range(rows)]


def _mark(metric: str, chosen: str, drawn: Sequence[str], paint: Paint) -> Text:
    """Whether a metric is chosen, and the mark of its line where it is drawn."""
    g = paint.glyphs
    pointer = paint.text(g.cursor if metric == chosen != "" else " ", "accent", bold=True)
    if metric not in drawn:
        return pointer.append("  ")
    index = list(drawn).index(metric)
    return pointer.append(g.series[index % len(g.series)], paint.series(index)).append(" ")


def _metric_cell(metric: MetricSummary, width: int, name: int, figures: int, paint: Paint, mark: Text) -> Text:
    """Mark, name, sparkline, value, in exactly `width` cells; a name gives way to at least four bars."""
    from nntui.tui.panels.sparkline import sparkline

    value = format_number(metric.last).rjust(figures)
    name = max(1, min(name, width - figures - LEAST_BARS - MARK - 3))
    bars = max(0, min(MOST_BARS, width - name - figures - MARK - 3))
    meaning = "foreground" if math.isfinite(metric.last) else "error"
    chosen = mark.plain[:1] != " "
    parts = [
        joined([mark, paint.text(fit(elided(named(metric.metric), name), name), "accent" if chosen else "quiet")], ""),
        sparkline(metric, bars, paint),
        paint.text(value, meaning, bold=True),
    ]
    return padded(joined(parts, " "), width)
