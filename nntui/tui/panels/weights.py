"""First-layer weights as pictures, under what is known of them.

Owns the words and where each picture stands. Pure functions of a snapshot, a size and a Paint. Invariant: how many there are that
have no room is said.
"""

from __future__ import annotations

import math

from rich.text import Text

from nntui.session.weights import Floats, Weights
from nntui.tui.paint import Paint, cut_line, fitted, joined, spread, wrapped
from nntui.tui.pictures import picture_lines, sizes
from nntui.tui.safe import safe

EMPTY = (
    "No weights were recorded. nntui.watch(model, optimizer, run) records those of the first layer at the first update, and at "
    "the 16th, 32nd, 64th, …; your own loop may call run.tensors({name: weights})."
)


def weights_lines(data: Weights, width: int, height: int, paint: Paint) -> list[Text]:
    """Which weights, as of when, how far from noise, and all pictures that have room."""
    if not data.count:
        return [Text(), *wrapped(EMPTY, width - 2, paint, "quiet", indent=2)]
    lines = [_title(data, width, paint)]
    if data.finding.id:
        glyph, meaning = paint.verdict(data.finding.status)
        words = f"{glyph} {safe(data.finding.message)}"
        verdict = wrapped(words, width, paint, meaning)
        lines += verdict if len(verdict) + 4 < height else [paint.text(words, meaning)]
    room = height - len(lines) - 1
    pictures, shown = grid(data.pictures, width, room, paint)
    legend = _legend(data, shown, paint)
    return [cut_line(line, width) for line in [*lines, *pictures, legend][: max(0, height)]]


def grid(pictures: tuple[Floats, ...], width: int, height: int, paint: Paint) -> tuple[list[Text], int]:
    """Pictures of one size side by side, as large as all have room for, and how many have."""
    if not pictures or width < 1 or height < 1:
        return [], 0
    rows, columns = pictures[0].shape[:2]
    if len(pictures) == 1:
        return picture_lines(pictures[0], width, height, paint), 1
    known = sizes(rows, columns, paint)
    room = [((width + 1) // (wide + 1), (height + 1) // (high + 1)) for wide, high in known]
    best = next((at for at, (across, down) in enumerate(room) if across * down >= len(pictures)), len(room) - 1)
    (wide, high), (across, down) = known[best], room[best]
    wide, high, across, down = min(wide, width), min(high, height), max(1, across), max(1, down)
    lines: list[Text] = []
    for first in range(0, min(len(pictures), across * down), across):
        drawn = [picture_lines(picture, wide, high, paint) for picture in pictures[first : first + across]]
        lines += [Text()] if lines else []
        lines += [joined([one[row] for one in drawn], " ") for row in range(len(drawn[0]))]
    return lines, min(len(pictures), across * down)


def _title(data: Weights, width: int, paint: Paint) -> Text:
    past = data.at < len(data.steps) - 1
    moment = f"step {int(data.steps[data.at]):,}, {data.at + 1} of {len(data.steps)}" if len(data.steps) else ""
    when = paint.text(moment, "accent" if past else "foreground", bold=past)
    size = " × ".join(map(str, _size(data)))
    what = f"{data.filters} filters of {size}" if data.filters else f"a matrix of {size}" if data.shape else ""
    moved = f"moved {data.moved:.0%} since step {int(data.steps[0]):,}" if math.isfinite(data.moved) else ""
    several = f"[n] {data.which + 1} of {data.count}" if data.count > 1 else ""
    room = width - (len(several) + 2 if several else 0)
    parts = [(0, paint.text(data.name, bold=True)), (2, paint.text(what)), (1, when), (3, paint.text(moved, "quiet"))]
    return spread(fitted(parts, room), paint.text(several, "quiet"), width)


def _size(data: Weights) -> tuple[int, ...]:
    """Of a filter, or of the whole matrix."""
    if not data.filters or len(data.shape) > 2:
        return data.shape[1:] if data.filters else data.shape
    return data.pictures[0].shape


def _legend(data: Weights, shown: int, paint: Paint) -> Text:
    each = "each filter" if data.filters and data.channels == 1 else "each channel of a filter" if data.filters else ""
    scale = (
        f"{each} from its least (dark) to its greatest weight (bright)"
        if each
        else "dark: the least, bright: the greatest"
    )
    rest = f"the first {shown} of {len(data.pictures)}" if shown < len(data.pictures) else ""
    broken = f"{data.broken:,} numbers are not finite" if data.broken else ""
    return joined([paint.text(rest), paint.text(broken, "error"), paint.text(scale, "faint")])
