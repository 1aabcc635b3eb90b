"""Printed plots, through plotext.

Owns the only use of plotext: a private figure per plot (its module-level state is shared between threads), fed with finite
numbers that are already prepared. Invariant: at most two points per column and series reach plotext, and no foreign text.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from plotext._figure import _figure_class

from nntui.session.snapshot import PlotData
from nntui.tui.safe import safe
from nntui.tui.units import cut

LABEL_WIDTH = 9
"""Columns that plotext takes for its frame and labels, at least."""
COLOURS = ("blue", "orange", "green", "magenta", "yellow", "red")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def raster_columns(width: int) -> int:
    """Raster columns to ask for when a plot is printed `width` columns wide."""
    return max(1, (width - LABEL_WIDTH) * 2)


def printed(data: PlotData, width: int, height: int, *, colour: bool) -> str:
    """The plot as text of about width × height cells; empty when there is nothing finite to draw."""
    figure: Any = _figure_class()
    figure.plot_size(width, height)
    if not colour:
        figure.theme("clear")
    else:
        figure.canvas_color("default")
        figure.axes_color("default")
        figure.ticks_color("default")
    drawn = 0
    for place, one in enumerate(s for s in data.series if not s.superseded):
        x, y = _points(data, one.line)
        if len(x):
            drawn += 1
            figure.plot(x, y, marker="braille", label=cut(safe(one.metric), 30), color=COLOURS[place % len(COLOURS)])
    if not drawn:
        return ""
    for one in data.references:
        if data.y_range[0] <= one.value <= data.y_range[1]:
            x, y = _points(data, np.full(raster_columns(width), one.value))
            figure.plot(x, y, marker="-", label=cut(safe(one.label), 30), color="gray")
    low, high = (_scaled(np.array([edge]), data)[0] for edge in data.y_range)
    figure.xlim(*data.x_range)
    figure.ylim(low, high)
    figure.xticks([position for position, _ in data.x_ticks], [label for _, label in data.x_ticks])
    positions = _scaled(np.array([position for position, _ in data.y_ticks]), data)
    figure.yticks(list(positions), [label for _, label in data.y_ticks])
    text = str(figure.build()).rstrip("\n")
    return text if colour else _COLOUR.sub("", text)


def _points(data: PlotData, line: np.ndarray) -> tuple[list[float], list[float]]:
    """Finite points inside the frame, at the middle of their columns."""
    low, high = data.x_range
    x = low + (np.arange(len(line)) + 0.5) * (high - low) / len(line)
    inside = np.isfinite(line) & (line >= data.y_range[0]) & (line <= data.y_range[1])
    return list(x[inside]), list(_scaled(line[inside], data))


def _scaled(values: np.ndarray, data: PlotData) -> np.ndarray:
    """The values on the axis that plotext draws, which is linear: logarithms where y is logarithmic."""
    return np.log10(values) if data.log_y else values
