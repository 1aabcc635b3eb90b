"""A raster of dots drawn in text cells.

Owns the way from columns of numbers to characters. numpy only; no Textual. Invariant: of the open run the cell of every column's
lowest and highest value shows something, however many columns and however few rows there are; where no line runs, the exact dot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nntui.analysis.downsampling import ABOVE, BELOW, NAN
from nntui.session.snapshot import PlotData, PlottedSeries
from nntui.tui.glyphs import DOTS

Cells = NDArray[np.int64]
Floats = NDArray[np.float64]

# Bit of each dot of a braille cell, [row, column], as Unicode numbers them.
_BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_BLOCK = np.array([[1], [2]])
_BLOCK_CHARS = np.array(list(" ▀▄█"))
_BRAILLE_CHARS = np.array([" ", *(chr(0x2800 + bits) for bits in range(1, 256))])

DASHES = ((1,), (1, 0), (1, 1, 1, 1, 0, 0), (1, 1, 0, 0), (1, 1, 1, 0))
"""Which dots along x a series' line lights: by this, and not by colour alone, lines are told apart."""
_ASCII_LINES = "*o+#@"

NOWHERE = -(1 << 30)
"""Dot row of a value that is not there."""
EMPTY, BAND, LINE, BAD = 0, 1, 2, 3
"""What a cell shows; a larger one wins."""


@dataclass(frozen=True, eq=False, slots=True)
class Raster:
    """Characters with what they mean, shape (height, width)."""

    chars: list[str]
    """One string per row."""
    layer: Cells
    """EMPTY | BAND | LINE | BAD per cell."""
    series: Cells
    """Index of the series shown in each cell; -1 where there is none."""


def draw(data: PlotData, width: int, height: int, kind: str, bad: str = "x^v", dashes: Sequence[int] = ()) -> Raster:
    """The plot in width × height cells. Bands lie behind lines, the band of other ranks behind all; runs drawn along have none:
    several would hide every line. Of two lines the later series wins, of a replaced one and another the other, of two runs the
    open one; what is not finite wins over all.

    bad: signs of NaN and +inf, in the first row, and of -inf, in the last. dashes: which of DASHES each series has; all 0 (solid)
    when empty.
    """
    across, down = DOTS[kind]
    dots_wide, dots_high = width * across, height * down
    bits = np.zeros((height, width), np.int64)
    layer = np.zeros((height, width), np.int64)
    owner = np.full((height, width), -1, np.int64)
    weights = {"braille": _BRAILLE, "block": _BLOCK}.get(kind, np.ones((1, 1), np.int64))

    def light(mask: NDArray[np.bool_], index: int, level: int) -> None:
        pattern = np.zeros((height, width), np.int64)
        for (row, column), weight in np.ndenumerate(weights):
            pattern += mask[row::down, column::across] * weight
        touched = pattern > 0
        # A line is drawn alone: the band's dots around it would hide its shape.
        fresh = touched & (layer < level)
        bits[fresh] = pattern[fresh]
        same = touched & (layer == level) & ~fresh
        bits[same] |= pattern[same]
        shown = touched & (layer <= level)
        owner[shown], layer[shown] = index, level

    own = [pair for pair in enumerate(data.series) if not pair[1].run]
    for index, one in sorted(own, key=lambda pair: not pair[1].ranks):
        low, high = (_rows(a, data, dots_high)[:dots_wide] for a in (one.low, one.high))
        light(_spans(low, high, dots_wide, dots_high), index, BAND)
    marks = list(dashes) or [0] * len(data.series)
    for index, one in sorted(enumerate(data.series), key=lambda pair: (pair[1].run == 0, not pair[1].superseded)):
        rows = _rows(one.line, data, dots_high)[:dots_wide]
        light(_stroke(rows, dots_wide, dots_high) & _dashed(rows, marks[index], kind, dots_wide), index, LINE)
    chars = _characters(bits, kind, layer, np.where(owner < 0, 0, np.array([*marks, 0])[owner]))
    for index, one in enumerate(data.series):
        for row, column, sign in _bad(one, width, across):
            chars[row][column], layer[row, column], owner[row, column] = bad[sign], BAD, index
    return Raster(["".join(row) for row in chars], layer, owner)


def row_of(value: float, data: PlotData, height: int) -> int:
    """The text row of a value in a plot of `height` rows, 0 at the top; -1 outside."""
    row = _rows(np.array([value]), data, height)[0]
    return int(row) if 0 <= row < height else -1


def column_of(x: float, data: PlotData, width: int) -> int:
    """The text column of an x in a plot of `width` columns; -1 outside."""
    low, high = data.x_range
    if not low <= x <= high:
        return -1
    if data.log_x:
        x, low, high = math.log(x), math.log(low), math.log(high)
    return min(int((x - low) / (high - low) * width), width - 1)


def x_of(share: float, data: PlotData) -> float:
    """The x at a share of the width."""
    low, high = data.x_range
    if data.log_x:
        return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    return low + share * (high - low)


def _bad(one: PlottedSeries, width: int, across: int) -> list[tuple[int, int, int]]:
    """(row, column, sign) of what is not finite: 0 NaN, 1 +inf, 2 -inf; of a cell NaN wins over +inf."""
    found: dict[tuple[int, int], int] = {}
    for dot in np.flatnonzero(one.nonfinite[: width * across]).tolist():
        kinds = int(one.nonfinite[dot])
        for bit, row, sign in ((NAN, 0, 0), (ABOVE, 0, 1), (BELOW, -1, 2)):
            if kinds & bit:
                place = (row, dot // across)
                found[place] = min(sign, found.get(place, sign))
    return [(row, column, sign) for (row, column), sign in found.items()]


def spark(values: Floats, width: int, bar: str, span: tuple[float, float] | None = None) -> str:
    """The values as one row of bars, lowest to highest, or over a span they lie in; blank where there is no value."""
    if not len(values) or width < 1:
        return " " * max(0, width)
    picked = values[np.minimum((np.arange(width) * len(values)) // width, len(values) - 1)]
    finite = np.isfinite(picked)
    if not finite.any():
        return " " * width
    low, high = span or (float(picked[finite].min()), float(picked[finite].max()))
    levels = len(bar) - 1
    spread = high / 2 - low / 2  # halved: the range may be the whole of float64
    scaled = np.full(width, 0.5) if not spread > 0 else (picked / 2 - low / 2) / spread
    return "".join(
        bar[1 + min(max(int(s * levels), 0), levels - 1)] if ok else " " for s, ok in zip(scaled, finite, strict=True)
    )


def towers(shares: Floats, height: int, bar: str) -> list[str]:
    """A bar for each share in [0, 1], in lines from the topmost; what is above zero shows at least the least bar."""
    levels = len(bar) - 1
    full = np.where(shares > 0, np.maximum(1, np.round(shares * height * levels)), 0).astype(int)
    here = (np.clip(full - row * levels, 0, levels) for row in reversed(range(height)))
    return ["".join(bar[level] for level in line.tolist()) for line in here]


def _rows(values: Floats, data: PlotData, dots_high: int) -> Cells:
    """Dot row of every value, 0 at the top; clipped values lie outside, what a logarithm cannot show at the lower edge; NOWHERE
    where there is none.
    """
    low, high = data.y_range
    if data.log_y:
        values = np.log(np.where(values <= 0, low, values))
        low, high = float(np.log(low)), float(np.log(high))
    scaled = (values / 2 - low / 2) / (high / 2 - low / 2)  # halved: the range may be the whole of float64
    known = np.isfinite(scaled)
    rows = np.full(len(values), NOWHERE, np.int64)
    clipped = np.clip(scaled[known], -1.0, 2.0)
    rows[known] = np.floor((1.0 - clipped) * (dots_high - 1) + 0.5).astype(np.int64)
    return rows


def _spans(low: Cells, high: Cells, dots_wide: int, dots_high: int) -> NDArray[np.bool_]:
    """Dots from the low to the high row of every column; shape (dots_high, dots_wide)."""
    mask = np.zeros((dots_high, dots_wide), bool)
    rows = np.arange(dots_high)[:, None]
    known = (low != NOWHERE) & (high != NOWHERE)
    mask[:, : len(low)] = known & (rows >= high) & (rows <= low)
    return mask


def _stroke(rows: Cells, dots_wide: int, dots_high: int) -> NDArray[np.bool_]:
    """A line through one row per column, with no holes where it is steep."""
    if not len(rows):
        return np.zeros((dots_high, dots_wide), bool)
    before = np.concatenate([rows[:1], rows[:-1]])
    before = np.where(before == NOWHERE, rows, before)
    step = np.sign(rows - before)
    start = np.where(rows == before, rows, before + step)
    low, high = np.maximum(start, rows), np.minimum(start, rows)
    low, high = np.where(rows == NOWHERE, NOWHERE, low), np.where(rows == NOWHERE, NOWHERE, high)
    return _spans(low, high, dots_wide, dots_high)


def _dashed(rows: Cells, dash: int, kind: str, dots_wide: int) -> NDArray[np.bool_]:
    """Which columns a line lights; a point without neighbours always. In ASCII each line has a character of its own."""
    if kind == "ascii" or not len(rows):
        return np.ones(dots_wide, bool)
    gaps = np.concatenate([[True], rows == NOWHERE, [True]])
    alone = np.zeros(dots_wide, bool)
    alone[: len(rows)] = gaps[:-2] & gaps[2:]
    return np.resize(np.array(DASHES[dash % len(DASHES)], bool), dots_wide) | alone


def _characters(bits: Cells, kind: str, layer: Cells, mark: Cells) -> list[list[str]]:
    if kind == "ascii":
        table = np.array([" ", ":", *_ASCII_LINES])
        chosen = np.where(layer == LINE, LINE + mark % len(_ASCII_LINES), layer)
        return table[chosen].tolist()
    table = _BRAILLE_CHARS if kind == "braille" else _BLOCK_CHARS
    return table[bits].tolist()
