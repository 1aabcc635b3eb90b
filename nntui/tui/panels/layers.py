"""What the layers screen says: a table of layers with a heat map of one statistic over depth and time.

Owns the words, the columns and the cells. Pure functions of a snapshot, a size and a Paint. Invariant: what is out of bounds has
a sign of its own beside its colour, and every row of the table has the same columns.
"""

from __future__ import annotations

import math

import numpy as np
from rich.style import Style
from rich.text import Text

from nntui import names
from nntui.analysis.ticks import format_count, format_number
from nntui.session.layers import BAND, LOGARITHMIC, MUCH_DEAD, STATISTICS, TARGET, Floats, Layer, Layers
from nntui.tui.paint import Paint, fitted, joined
from nntui.tui.panels.dependencies import SHADES
from nntui.tui.safe import safe
from nntui.tui.units import fit

WORDS = {
    names.UPDATE_RATIO: ("update", "update ratio"),
    names.GRAD_NORM: ("gradient", "gradient norm"),
    names.WEIGHT_NORM: ("weights", "weight norm"),
    names.ACTIVATION_MEAN: ("mean", "activation mean"),
    names.ACTIVATION_STD: ("std", "activation std"),
    names.DEAD_FRACTION: ("dead", "dead units"),
    names.SATURATED_FRACTION: ("saturated", "saturated units"),
}
"""Title of the column and name of each statistic."""
SHARES = (names.DEAD_FRACTION, names.SATURATED_FRACTION)
_DROPPED = (
    names.ACTIVATION_MEAN,
    names.WEIGHT_NORM,
    names.ACTIVATION_STD,
    names.SATURATED_FRACTION,
    names.GRAD_NORM,
    names.DEAD_FRACTION,
    names.UPDATE_RATIO,
)
"""Columns in the order in which they are given up where there is no room."""
CELL = 11
"""Cells of a column of numbers: a blank, the sign, the number."""
LEAST_STRIP = 16
LOW, HIGH = "↓", "↑"
EMPTY = (
    "Nothing was recorded inside the model. In your own loop, one line before it does so: nntui.watch(model, optimizer, run). "
    "Then each layer has a row here: gradients, updates, weights, activations, dead and saturated units."
)


def columns(width: int, statistic: str) -> tuple[int, tuple[str, ...], int]:
    """Cells of the name, statistics that have a column, cells of the heat map, in a row of `width` cells."""
    name = max(8, min(32, width // 5))
    kept = list(STATISTICS)
    for dropped in _DROPPED:
        if width - name - 3 - CELL * len(kept) < LEAST_STRIP and dropped != statistic:
            kept.remove(dropped)
    return name, tuple(kept), max(1, width - name - 3 - CELL * len(kept))


def layers_line(data: Layers, width: int, paint: Paint) -> Text:
    """What the heat map shows and how much is marked."""
    statistic = data.view.statistic
    low, high = data.span
    scale = "logarithmic" if statistic in LOGARITHMIC else "linear"
    if statistic in SHARES:
        scale, low, high = f"{paint.glyphs.warned} from {MUCH_DEAD:.0%}", 0.0, 1.0
    shades = joined([paint.text(SHADES[paint.glyphs.kind], "primary"), paint.text(_span(low, high), "quiet")], " ")
    low_band = f"{LOW} below {BAND[0]:g}" if not data.excused else f"small ones not marked: {data.excused}"
    band = f"{low_band}, {HIGH} above {BAND[1]:g}; target {TARGET:g}"
    count = f"{data.marked} of {len(data.layers)} layers marked"
    glyph, meaning = (paint.glyphs.warned, "warning") if data.marked else (paint.glyphs.passed, "success")
    parts = [
        (0, paint.text(WORDS.get(statistic, ("", statistic))[1], bold=True)),
        (1, paint.text(f"{glyph} {count}", meaning)),
        (2, paint.text(band if statistic == names.UPDATE_RATIO else "", "warning")),
        (3, shades),
        (5, paint.text(scale, "quiet")),
        (4, paint.text(f"steps {data.steps[0]:,} to {data.steps[1]:,}", "quiet")),
        (6, paint.text("worst first" if data.view.order == "worst" else "in forward order", "quiet")),
    ]
    return fitted(parts, width)


def blind_line(data: Layers, width: int, paint: Paint) -> Text:
    """What the probes cost and cannot see."""
    cost = f"probes take {data.overhead:.1%} of the training's time" if math.isfinite(data.overhead) else ""
    unseen = f"cannot see: {'; '.join(data.blind)}" if data.blind else ""
    parts = [paint.text(cost, "quiet"), paint.text(unseen, "warning")]
    line = joined(parts)
    line.truncate(max(0, width), overflow="ellipsis")
    return line


def titles_line(data: Layers, width: int, paint: Paint) -> Text:
    """The titles of the table."""
    name, shown, strip = columns(width, data.view.statistic)
    line = paint.text("  " + fit("layer", name), "quiet")
    for statistic in shown:
        chosen = statistic == data.view.statistic
        line.append_text(
            paint.text(fit(WORDS[statistic][0], CELL, right=True), "accent" if chosen else "quiet", bold=chosen)
        )
    line.append_text(paint.text(" " + fit(f"{WORDS[data.view.statistic][0]} over time", strip), "quiet"))
    line.truncate(max(0, width), overflow="ellipsis")
    return line


def layer_row(layer: Layer, data: Layers, width: int, paint: Paint) -> Text:
    """One layer: its mark, its name, its newest numbers, one statistic over time."""
    name, shown, strip = columns(width, data.view.statistic)
    glyph, meaning = _mark(layer, paint)
    line = paint.text(f"{glyph} {fit(safe(layer.name), name)}", meaning)
    for statistic in shown:
        sign, colour = _sign(layer, statistic, paint)
        number = _number(statistic, layer.value(statistic))
        line.append_text(paint.text(f" {sign}{fit(number, CELL - 2, right=True)}", colour))
    line.append(" ")
    slowed = data.slowed if len(data.slowed) == len(layer.strip) else np.zeros(len(layer.strip), bool)
    for value, excused in zip(layer.strip[:strip], slowed, strict=False):
        line.append(*_cell(float(value), data, paint, excused=bool(excused)))
    line.truncate(max(0, width), overflow="ellipsis")
    return line


def layer_detail(layer: Layer, width: int, paint: Paint) -> list[Text]:
    """Every number of a layer, in words."""
    glyph, meaning = _mark(layer, paint)
    about = [layer.kind, f"place {layer.depth + 1}"]
    if layer.parameters > 0:
        about.append(f"{format_count(layer.parameters)} parameters")
    if layer.parameters > 0 and layer.trained >= 0 and layer.trained != layer.parameters:
        about.append("none of them trained" if not layer.trained else f"{format_count(layer.trained)} of them trained")
    head = [paint.text(f"{glyph} {safe(layer.name)}", meaning, bold=True)]
    lines = [joined([*head, paint.text(", ".join(word for word in about if word), "quiet")])]
    parts = [joined(_said(layer, statistic, paint), " ") for statistic in STATISTICS if statistic in layer.newest]
    for part in parts:
        if len(lines) > 1 and lines[-1].cell_len + 3 + part.cell_len <= width:
            lines[-1].append("   ").append_text(part)
        else:
            lines.append(part)
    for line in lines:
        line.truncate(max(0, width), overflow="ellipsis")
    return lines


def _said(layer: Layer, statistic: str, paint: Paint) -> list[Text]:
    sign, colour = _sign(layer, statistic, paint)
    words = paint.text(WORDS[statistic][1], "quiet")
    return [words, paint.text(f"{sign.strip()}{_number(statistic, layer.value(statistic))}", colour, bold=True)]


def _mark(layer: Layer, paint: Paint) -> tuple[str, str]:
    if layer.broken:
        return paint.glyphs.failed, "error"
    return (paint.glyphs.warned, "warning") if layer.badness >= 1 else (" ", "foreground")


def _sign(layer: Layer, statistic: str, paint: Paint) -> tuple[str, str]:
    """The sign and the colour of a number."""
    value = layer.value(statistic)
    if statistic not in layer.newest:
        return " ", "faint"
    if not math.isfinite(value):
        return paint.glyphs.failed, "error"
    if layer.severity(statistic) < 1:
        return " ", "foreground"
    if statistic == names.UPDATE_RATIO:
        return (LOW if value < TARGET else HIGH), "warning"
    return paint.glyphs.warned, "warning"


def _number(statistic: str, value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.0%}" if statistic in SHARES else format_number(value)


def _cell(value: float, data: Layers, paint: Paint, *, excused: bool) -> tuple[str, Style]:
    """One character of the heat map: nothing where nothing was, a sign where it is out of bounds, else a shade.

    excused: whether the rate had decayed, so that a small update is no fault.
    """
    statistic, shades = data.view.statistic, SHADES[paint.glyphs.kind]
    if math.isnan(value):
        return " ", paint.style("faint")
    if math.isinf(value):
        return paint.glyphs.failed, paint.style("error", bold=True)
    if statistic == names.UPDATE_RATIO and not (0 if excused else BAND[0]) <= value <= BAND[1]:
        return (LOW if value < TARGET else HIGH), paint.style("warning")
    if value == 0:
        return paint.glyphs.dot, paint.style("faint")
    share = float(_shares(np.array([value]), data)[0])
    marked = statistic in SHARES and value >= MUCH_DEAD
    return shades[min(int(share * len(shades)), len(shades) - 1)], paint.style("warning" if marked else "primary")


def _shares(values: Floats, data: Layers) -> Floats:
    """Where each value lies between the least and the largest, from 0 to 1."""
    low, high = (0.0, 1.0) if data.view.statistic in SHARES else data.span
    if data.view.statistic in LOGARITHMIC:
        values, low, high = np.log(values), math.log(low), math.log(high)
    return np.clip((values - low) / (high - low), 0.0, 1.0) if high > low else np.ones_like(values)


def _span(low: float, high: float) -> str:
    return f"{format_number(low)} to {format_number(high)}" if math.isfinite(low) else "nothing recorded"
