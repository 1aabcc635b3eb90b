"""Signs on a plot: lines to compare with, numbers of runs, marks of events.

Owns where they go. Pure. Invariant: no sign hides data.
"""

from __future__ import annotations

import re

import numpy as np
from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from nntui.analysis.downsampling import ABOVE, BELOW, NAN
from nntui.session.snapshot import PlotData
from nntui.tui.canvas import column_of, row_of
from nntui.tui.paint import Paint
from nntui.tui.safe import safe

Sign = tuple[int, str, Style]
"""A column of cells, and what stands there."""


def put_references(body: list[Text], data: PlotData, paint: Paint) -> list[str]:
    """Lines to compare with, where they hide no data, each with its label in the longest gap.

    Words for what has no room there, or lies outside.
    """
    untold = []
    for one in data.references:
        label = safe(one.label, 40)
        label = label.replace("±", "+-") if paint.glyphs.kind == "ascii" else label
        row = row_of(one.value, data, len(body)) if not data.log_y or one.value > 0 else -1
        if row < 0:
            above = one.value > data.y_range[0]
            untold.append(f"{label} is {'above' if above else 'below'}")
            continue
        line = body[row]
        gaps = [(found.start(), found.end()) for found in re.finditer(" +", line.plain)]
        words = f" {label} "
        cells = list(line.plain)
        for start, end in gaps:
            cells[start:end] = paint.glyphs.dash * (end - start)
        start, end = max(gaps, key=lambda gap: gap[1] - gap[0], default=(0, 0))
        room = start + 2 if end - start >= len(words) + 4 and cell_len(words) == len(words) else -1
        if room >= 0:
            cells[room : room + len(words)] = words
        else:
            untold.append(label)
        line = line.copy()
        line.plain = "".join(cells)
        for start, end in gaps:
            line.stylize(paint.style("quiet"), start, end)
        if room >= 0:
            line.stylize(paint.style("foreground"), room, room + len(words))
        body[row] = line
    return untold


def put_runs(body: list[Text], data: PlotData, columns: int, paint: Paint) -> None:
    """The number of each run drawn along, on its lines: where they end, and once more on the way; once where two lines meet."""
    runs = max((one.run for one in data.series), default=0)
    taken: dict[tuple[int, int], int] = {}
    for one in (s for s in data.series if s.run and not s.superseded):
        known = np.flatnonzero(np.isfinite(one.line))
        for share in (1.0, one.run / (runs + 1)) if len(known) else ():
            dot = known[min(len(known) - 1, int(share * len(known)))]
            row, at = row_of(float(one.line[dot]), data, len(body)), int(dot) * columns // len(one.line)
            if any(taken.get((row, near)) == one.run for near in range(at - 1, at + 2)):
                continue  # `11` would be another run
            while (row, at) in taken and at:
                at -= 1
            if row >= 0 and (row, at) not in taken:
                taken[row, at] = one.run
                body[row] = _with(body[row], at, str(one.run), paint.series(one.run))


def _with(line: Text, at: int, char: str, style: Style) -> Text:
    """The line with another character at a place."""
    line = line.copy()
    line.plain = line.plain[:at] + char + line.plain[at + 1 :]
    line.stylize(style, at, at + 1)
    return line


def put_marks(body: list[Text], data: PlotData, columns: int, paint: Paint, *, words: bool = True) -> list[Sign]:
    """Marks hang as high in the plot as they hide no data, with words only where those hide nothing either.

    Signs for the lower edge: of what has no room, and in a plot with words of what is minor, which there are many of.
    """
    cells = [list(line.plain) for line in body]
    spans: list[tuple[int, int, int, Style]] = []
    edge: list[Sign] = []
    free = " " + paint.glyphs.dash
    for mark in data.marks:
        at = column_of(mark.x, data, columns)
        if at < 0 or any(start <= at < end for _, start, end, _ in spans):
            continue
        if mark.minor and not words:
            continue
        style = paint.style(paint.verdict(mark.severity)[1] if mark.severity else "faint" if mark.minor else "accent")
        sign = paint.glyphs.minor if mark.minor else paint.glyphs.alert if mark.severity else paint.glyphs.down
        row = next((row for row, line in enumerate(cells) if line[at] in free), -1)
        if mark.minor or row < 0:
            edge.append((at, sign, style))
            continue
        label = safe(mark.label, 24) if words else ""
        said, start = _beside(sign, label, at, "".join(cells[row]), free)
        cells[row][start : start + len(said)] = said
        spans.append((row, start, start + len(said), style))
    _overwrite(body, cells, spans)
    return edge


def put_nonfinite(body: list[Text], data: PlotData, columns: int, paint: Paint) -> None:
    """A word beside the first sign of each kind of value that is not finite, where it hides nothing."""
    g = paint.glyphs
    cells = [list(line.plain) for line in body]
    spans: list[tuple[int, int, int, Style]] = []
    for row, sign, word in ((0, g.nan, "nan"), (0, g.rise, "inf"), (len(body) - 1, g.fall, "-inf")):
        bit = {"nan": NAN, "inf": ABOVE, "-inf": BELOW}[word]
        dots = [
            (int(np.flatnonzero(one.nonfinite & bit)[0]), len(one.nonfinite))
            for one in data.series
            if (one.nonfinite & bit).any()
        ]
        at = min((dot * columns // count for dot, count in dots), default=columns)
        while at + 1 < columns and cells[row][at + 1] == sign:
            at += 1
        end = at + 1 + len(word)
        if end < columns and not "".join(cells[row][at + 1 : end + 1]).strip():
            cells[row][at + 1 : end] = word
            spans.append((row, at + 1, end, paint.style("error", bold=True)))
    _overwrite(body, cells, spans)


def put_crosshair(body: list[Text], at: int, paint: Paint) -> None:
    """A line through the blank cells of a column; the others keep what they show, on the ground of a panel."""
    for row, line in enumerate(body):
        blank = line.plain[at] == " "
        body[row] = _with(line, at, paint.glyphs.wall, paint.style("quiet")) if blank else line.copy()
        body[row].stylize(paint.ground("panel"), at, at + 1)


def _beside(sign: str, label: str, at: int, line: str, free: str) -> tuple[str, int]:
    """The sign with its label right or left of it, where there is room, and where that begins; else the sign alone."""
    if label.isprintable() and cell_len(label) == len(label):
        right, left = line[at : at + len(label) + 2], line[max(0, at - len(label) - 1) : at + 1]
        if at + len(label) < len(line) and not right.strip(free):
            return sign + label, at
        if at >= len(label) and not left.strip(free):
            return label + sign, at - len(label)
    return sign, at


def _overwrite(body: list[Text], cells: list[list[str]], spans: list[tuple[int, int, int, Style]]) -> None:
    for row in dict.fromkeys(row for row, *_ in spans):
        body[row] = body[row].copy()
        body[row].plain = "".join(cells[row])
    for row, start, end, style in spans:
        body[row].stylize(style, start, end)
