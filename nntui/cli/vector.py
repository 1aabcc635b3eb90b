"""A plot as a vector file.

Owns the drawing. Fed with the same prepared columns as every other plot. Invariant: every foreign text is safe and escaped,
and the exact minimum and maximum of every column is in the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from nntui.analysis.downsampling import ABOVE, BELOW, NAN
from nntui.analysis.ticks import format_number
from nntui.cli import UsageError
from nntui.session.load import Loaded
from nntui.session.snapshot import PlotData, PlottedSeries, View
from nntui.tui.options import Options
from nntui.tui.safe import safe

WIDTH, HEIGHT = 960, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 44, 40
COLUMNS = 860
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
DASHES = ("", "6 3", "2 3", "9 3 2 3", "1 2", "12 4")
LIGHT, DARK = ("#ffffff", "#222222", "#dddddd"), ("#121212", "#dddddd", "#3a3a3a")
SUPERSEDED = "#888888"
SIGNS = ((NAN, "✗", TOP + 10), (ABOVE, "▲", TOP + 22), (BELOW, "▼", HEIGHT - BOTTOM - 2))
"""What is not finite: the sign of it and its height."""


def drawn(path: Path, patterns: Sequence[str] | None, *, light: bool) -> str:
    """The plot of the metrics that fit the patterns, of the losses without any. Raises RunFolderError, UsageError."""
    loaded = Loaded(path)
    first = loaded.snapshot(View(inside=1 << 20))
    if patterns:
        names = [m.metric for m in first.metrics]
        metrics = tuple(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))
    else:
        metrics = Options().main(first.metrics)
    if not metrics:
        raise UsageError(
            f"{path}: no metric to draw{f' fits {patterns[0]!r}' if patterns else ''}; expected one of its own."
        )
    view = Options().plot("main", metrics, COLUMNS)
    return svg(loaded.snapshot(View((view,))).plots["main"], first.head.name, light=light)


def svg(data: PlotData, title: str, *, light: bool) -> str:
    """The plot as an SVG document."""
    ground, ink, faint = LIGHT if light else DARK
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{ground}"/>',
        *_axes(data, ink, faint),
    ]
    order = {metric: place for place, metric in enumerate(dict.fromkeys(data.view.metrics))}
    for one in sorted(data.series, key=lambda s: not s.superseded):
        parts += _series(one, data, order.get(one.metric, 0))
    parts += _legend(data, order, title, ink)
    return "\n".join([*parts, "</svg>", ""])


def _axes(data: PlotData, ink: str, faint: str) -> Iterator[str]:
    x, y = _x(data), _y(data)
    for value, label in data.y_ticks:
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="{faint}"/>'
        yield f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" fill="{ink}">{_text(label)}</text>'
    for value, label in data.x_ticks:
        yield f'<text x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="{ink}">{_text(label)}</text>'
    for mark in data.marks:
        at = x(mark.x)
        ends = f'x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"'
        yield f'<line {ends} stroke="{faint}" stroke-dasharray="2 4"/>'
        yield f'<text x="{at + 3:.1f}" y="{TOP + 10}" fill="{ink}" font-size="10">{_text(mark.label)}</text>'
    for one in data.references:
        if data.y_range[0] <= one.value <= data.y_range[1]:
            at = y(one.value)
            ends = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"'
            yield f'<line {ends} stroke="{ink}" stroke-dasharray="4 4"/>'
            yield f'<text x="{WIDTH - RIGHT}" y="{at - 4:.1f}" text-anchor="end" fill="{ink}">{_text(one.label)}</text>'
    yield f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end" fill="{ink}">{_text(data.view.x)}</text>'


def _series(one: PlottedSeries, data: PlotData, place: int) -> Iterator[str]:
    """The band from lowest to highest, then the line; what is not finite as signs at the edge where it lies, NaN at the top."""
    colour = SUPERSEDED if one.superseded else COLOURS[place % len(COLOURS)]
    y, columns = _y(data), len(one.line)
    across = LEFT + (np.arange(columns) + 0.5) * (WIDTH - LEFT - RIGHT) / max(1, columns)
    for start, stop in _stretches(np.isfinite(one.low) & np.isfinite(one.high)):
        up = [f"{across[k]:.1f},{y(float(one.high[k])):.1f}" for k in range(start, stop)]
        down = [f"{across[k]:.1f},{y(float(one.low[k])):.1f}" for k in reversed(range(start, stop))]
        faded = 'fill-opacity="0.2" stroke-width="0.5" stroke-opacity="0.3"'
        yield f'<polygon points="{" ".join([*up, *down])}" fill="{colour}" stroke="{colour}" {faded}/>'
    dash = f' stroke-dasharray="{DASHES[place % len(DASHES)]}"' if place % len(DASHES) else ""
    for start, stop in _stretches(np.isfinite(one.line)):
        points = " ".join(f"{across[k]:.1f},{y(float(one.line[k])):.1f}" for k in range(start, stop))
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"{dash}/>'
    for bit, sign, height in SIGNS:
        for k in np.flatnonzero(one.nonfinite & bit):
            yield f'<text x="{across[k]:.1f}" y="{height}" text-anchor="middle" fill="#d00000">{sign}</text>'


def _legend(data: PlotData, order: dict[str, int], title: str, ink: str) -> Iterator[str]:
    yield f'<text x="{LEFT}" y="18" fill="{ink}" font-weight="bold">{_text(title)}</text>'
    at = float(LEFT)
    for one in (s for s in data.series if not s.superseded):
        place = order.get(one.metric, 0)
        words = f"{safe(one.metric, 60)} " + (f"of {one.ranks} other ranks" if one.ranks else format_number(one.last))
        dash = f' stroke-dasharray="{DASHES[place % len(DASHES)]}"' if place % len(DASHES) else ""
        colour = COLOURS[place % len(COLOURS)]
        yield f'<line x1="{at:.0f}" x2="{at + 24:.0f}" y1="32" y2="32" stroke="{colour}" stroke-width="2"{dash}/>'
        yield f'<text x="{at + 30:.0f}" y="36" fill="{ink}">{_text(words)}</text>'
        at += 50 + 7 * len(words)


def _stretches(known: np.ndarray) -> list[tuple[int, int]]:
    """(start, stop) of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], known.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _x(data: PlotData) -> Callable[[float], float]:
    low, high = data.x_range
    return lambda value: LEFT + (value / 2 - low / 2) / (high / 2 - low / 2) * (WIDTH - LEFT - RIGHT)


def _y(data: PlotData) -> Callable[[float], float]:
    low, high = (math.log(edge) for edge in data.y_range) if data.log_y else data.y_range

    def at(value: float) -> float:
        known = math.log(max(value, 1e-300)) if data.log_y else value
        share = (known / 2 - low / 2) / (high / 2 - low / 2)
        return HEIGHT - BOTTOM - min(max(share, -0.02), 1.02) * (HEIGHT - TOP - BOTTOM)

    return at


def _text(words: str) -> str:
    return escape(safe(words, 200))
