"""What a plot shows in words: its series with their newest values, or with those under the crosshair.

Owns the words in the upper edge, and those of an x. Pure. Invariant: a value under the crosshair is one that was logged, with its
own x where that is another.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from datetime import datetime

import numpy as np
from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from nntui.analysis.ticks import decade_ticks, format_duration, format_number, linear_ticks
from nntui.session.snapshot import PlotData, PlottedSeries
from nntui.tui.canvas import column_of, x_of
from nntui.tui.paint import Paint, joined
from nntui.tui.safe import safe
from nntui.tui.units import elided, named

LEAST_NAME = 4
TICKS = 8
"""About how many a vertical axis has that is counted in another unit."""
UNITS = {"step": "step", "epoch": "epoch", "relative": "time", "wall": "clock"}


@dataclasses.dataclass(frozen=True, slots=True)
class Crosshair:
    """Where the crosshair is in a plot."""

    cursor: float
    at: int
    """Column of cells; -1: it is not in the plot, and nothing is read."""
    columns: int
    """Of cells."""
    read: int = 0
    """Place of the last part that the view reads under it."""
    left: float = math.nan
    """x at the left edge of the first."""


NOWHERE = Crosshair(math.nan, -1, 1)


def crosshair(cursor: float, data: PlotData, columns: int, steps: int) -> Crosshair:
    """The crosshair at an x, of a plot of so many columns of cells. steps: places that it has, in all the plots of a screen."""
    at = column_of(cursor, data, columns) if math.isfinite(cursor) else -1
    if at < 0:
        return NOWHERE
    step, readings = column_of(cursor, data, steps), data.view.readings
    return Crosshair(cursor, at, columns, max(0, (step + 1) * readings // steps - 1), x_of(step / steps, data))


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """One series under the crosshair."""

    value: float = math.nan
    """As logged, of the newest point up to here."""
    x: float = math.nan
    """Its x; NaN: there is none yet."""
    here: bool = False
    """Whether it lies under the crosshair; else it is the last one before."""
    low: float = math.nan
    """Extremes of the points in the column of cells."""
    high: float = math.nan
    line: float = math.nan
    """What the line shows."""


def reading(one: PlottedSeries, data: PlotData, cross: Crosshair) -> Reading:
    """What a series is under the crosshair."""
    count = len(one.line)
    first, last = cross.at * count // cross.columns, (cross.at + 1) * count // cross.columns
    span = slice(first, max(first + 1, last))
    low, high, line = np.fmin.reduce(one.low[span]), np.fmax.reduce(one.high[span]), one.line[span]
    line = float(np.nanmean(line)) if np.isfinite(line).any() else math.nan
    if not len(one.at):
        return Reading(low=float(low), high=float(high), line=line)
    place = min(cross.read, len(one.at) - 1)
    x, value = float(one.at[place]), float(one.value[place])
    return Reading(value, x, x >= cross.left, float(low), float(high), line)


def legend(data: PlotData, width: int, paint: Paint, title: str, cross: Crosshair = NOWHERE) -> Text:
    """Names, marks and values of the open run, the newest or those under the crosshair; the title where nothing is named."""
    shown = [one for one in _shown(data) if not one.ranks]
    readings = [reading(one, data, cross) if cross.at >= 0 else None for one in shown]
    parts: list[Text] = []
    for detail in (3, 2, 1, 0) if cross.at >= 0 else (0,):
        values = [_value(one, found, data, detail) for one, found in zip(shown, readings, strict=True)]
        along = _along(data, cross, paint) if cross.at >= 0 else []
        spare = width - 2 - sum(cell_len(value) + 6 for value in values) - sum(one.cell_len + 2 for one in along)
        names = sum(cell_len(named(one.metric)) for one in shown)
        room = width if names <= spare else max(LEAST_NAME, spare // max(1, len(shown)))
        parts = [_named(one, value, room, data, paint) for one, value in zip(shown, values, strict=True)] + along
        if names <= spare:
            break
    line = joined(parts or [paint.text(title, "quiet")])
    line.truncate(max(0, width - 2), overflow="ellipsis")
    return joined([Text(" "), line, Text(" ")], "")


def renamed(data: PlotData, words: Mapping[str, str]) -> PlotData:
    """The plot with other names for its metrics, where their own would be too long or lack a unit."""
    series = tuple(dataclasses.replace(one, metric=words.get(one.metric, one.metric)) for one in data.series)
    metrics = tuple(words.get(metric, metric) for metric in data.view.metrics)
    return dataclasses.replace(data, series=series, view=dataclasses.replace(data.view, metrics=metrics))


def counted_in(data: PlotData, unit: float) -> PlotData:
    """The plot with so much as one: its newest values and ticks as multiples of it. The points stay what they are."""
    if unit == 1.0:
        return data
    low, high = (end / unit for end in data.y_range)
    ticks = (decade_ticks if data.log_y else linear_ticks)(low, high, TICKS)
    series = tuple(dataclasses.replace(one, last=one.last / unit) for one in data.series)
    return dataclasses.replace(data, series=series, y_ticks=tuple((value * unit, words) for value, words in ticks))


def x_words(data: PlotData, x: float) -> str:
    """An x with its unit."""
    if data.view.x == "step":
        return f"step {x:,.0f}"
    if data.view.x == "wall":
        return datetime.fromtimestamp(x).astimezone().strftime("%d %b %H:%M:%S")
    return f"time {format_duration(x)}" if data.view.x == "relative" else f"epoch {format_number(x)}"


def cursor_words(data: PlotData, cross: Crosshair) -> str:
    """Where the crosshair is: the x of the newest point under it, and what is marked there."""
    points = [reading(one, data, cross) for one in data.series if not one.ranks and not one.run]
    x = max((found.x for found in points if found.here), default=cross.cursor)
    marks = [safe(mark.label, 40) for mark in data.marks if column_of(mark.x, data, cross.columns) == cross.at]
    words = " · ".join([x_words(data, x), *dict.fromkeys(mark for mark in marks if mark)])
    return words if cell_len(words) == len(words) else x_words(data, x)


def colours(data: PlotData) -> list[int]:
    """Number of the colour of every series: of one run each metric has its own, of several each run."""
    several = any(s.run for s in data.series)
    return [s.run for s in data.series] if several else dashes(data)


def dashes(data: PlotData) -> list[int]:
    """Which dashes every series has: a metric keeps its own, superseded or not, whatever the run."""
    names = list(dict.fromkeys(data.view.metrics))
    return [names.index(s.metric) if s.metric in names else 0 for s in data.series]


def _shown(data: PlotData) -> Iterator[PlottedSeries]:
    """One series per metric of the open run: the one that counts, where there is such."""
    found: dict[str, PlottedSeries] = {}
    for one in data.series:
        if not one.run and not one.ranks and (one.metric not in found or not one.superseded):
            found[one.metric] = one
    yield from found.values()


def _value(one: PlottedSeries, found: Reading | None, data: PlotData, detail: int) -> str:
    """The newest value; or the one under the crosshair, with the smoothed one or else the extremes (2), or with both (3)."""
    if found is None:
        return format_number(one.last)
    if math.isnan(found.x):
        return "–"
    words = format_number(found.value, 5)
    if not found.here and detail >= 1:
        words += f" {_at(found.x, data)}"
    smoothed = data.view.smoothing > 0 and math.isfinite(found.line)
    if found.here and found.low < found.high and detail >= (3 if smoothed else 2):
        words += f" [{format_number(found.low)}, {format_number(found.high)}]"
    if smoothed and detail >= 2:
        words += f" ~{format_number(found.line)}"
    return words


def _named(one: PlottedSeries, value: str, room: int, data: PlotData, paint: Paint) -> Text:
    place = next(k for k, other in enumerate(data.series) if other is one)
    style = paint.series(colours(data)[place])
    mark = paint.glyphs.series[dashes(data)[place] % len(paint.glyphs.series)]
    part = Text(f"{mark}{mark} {elided(named(one.metric), room)} ", style, end="", no_wrap=True)
    loud = value.startswith(("nan", "inf", "-inf"))
    return part.append(value, paint.style("error", bold=True) if loud else style + Style(bold=True))


def _along(data: PlotData, cross: Crosshair, paint: Paint) -> list[Text]:
    """Of each run drawn along its number and its values; of the other ranks their extremes."""
    found: list[Text] = []
    runs: dict[int, list[Reading]] = {}
    for one in (s for s in data.series if not s.superseded):
        here = reading(one, data, cross)
        if one.ranks and math.isfinite(here.low):
            words = f"+{one.ranks} [{format_number(here.low)}, {format_number(here.high)}]"
            found.append(paint.text(words, "quiet"))
        elif one.run and math.isfinite(here.x):
            runs.setdefault(one.run, []).append(here)
    for run, known in runs.items():
        words = " ".join([str(run), *(format_number(one.value) for one in known)])
        over = "" if any(one.here for one in known) else f" {_at(max(one.x for one in known), data)}"
        found.append(Text(words + over, paint.series(run), end="", no_wrap=True))
    return found


def _at(x: float, data: PlotData) -> str:
    """Where a value lies that is not under the crosshair."""
    return f"@{x_words(data, x).partition(' ')[2]}" if data.view.x != "wall" else f"@{x_words(data, x)}"
