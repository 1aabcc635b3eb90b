"""Signs on a plot: lines to compare with, numbers of runs, marks of events.

Owns where they go. Pure. Invariant: no sign hides data.
"""

from __future__ import annotations

import re

import numpy as np
from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from nntui.session.snapshot import PlotData
from nntui.tui.canvas import column_of, row_of
from nntui.tui.paint import Paint
from nntui.tui.safe import safe


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
    """The number of each run drawn along, on its lines: where they end, and once more on the way."""
    runs = max((one.run for one in data.series), default=0)
    taken: set[tuple[int, int]] = set()
    for one in (s for s in data.series if s.run and not s.superseded):
        known = np.flatnonzero(np.isfinite(one.line))
        for share in (1.0, one.run / (runs + 1)) if len(known) else ():
            dot = known[min(len(known) - 1, int(share * len(known)))]
            row, at = row_of(float(one.line[dot]), data, len(body)), int(dot) * columns // len(one.line)
            while (row, at) in taken and at:
                at -= 1
            if row >= 0 and (row, at) not in taken:
                taken.add((row, at))
                body[row] = _with(body[row], at, str(one.run), paint.series(one.run))


def _with(line: Text, at: int, char: str, style: Style) -> Text:
    """The line with another character at a place."""
    line = line.copy()
    line.plain = line.plain[:at] + char + line.plain[at + 1 :]
    line.stylize(style, at, at + 1)
    return line


def put_marks(body: list[Text], data: PlotData, columns: int, paint: Paint) -> None:
    """Marks hang from the top of the plot; words only where they hide neither data nor an earlier mark."""
    line = body[0]
    cells = list(line.plain)
    spans = []
    for mark in data.marks:
        at = column_of(mark.x, data, columns)
        if at < 0 or any(start <= at < end for start, end, _ in spans):
            continue
        label = safe(mark.label, 24)
        words = (paint.glyphs.alert if mark.severity else paint.glyphs.down) + (label if label.isprintable() else "")
        room = "".join(cells[at : at + len(words) + 1])
        if cell_len(words) != len(words) or at + len(words) > columns or room.strip(" " + paint.glyphs.dash):
            words = words[0]
        cells[at : at + len(words)] = words
        spans.append((at, at + len(words), paint.style(paint.verdict(mark.severity)[1] if mark.severity else "accent")))
    if spans:
        line = line.copy()
        line.plain = "".join(cells)
        for start, end, style in spans:
            line.stylize(style, start, end)
        body[0] = line
