"""The legend of the runs that are drawn together."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from nntui.analysis.ticks import format_number
from nntui.session.snapshot import PlotData, Snapshot
from nntui.tui.paint import Paint, joined
from nntui.tui.safe import safe
from nntui.tui.units import cut

LEAST_NAME = 4
"""Cells that a name keeps before values are left out."""


def pins_line(snapshot: Snapshot, data: PlotData | None, width: int, paint: Paint) -> Text:
    """Each run with its number, its name, the newest value of the first metric drawn, and what is wrong with it."""
    if not snapshot.pins:
        words = "this run is pinned: it stays in the plots when another one is opened (7); p lets it go"
        return paint.text(cut(words, width), "quiet")
    names = [(snapshot.called, "")] + [(pin.name, pin.trouble) for pin in snapshot.pins]
    first = data.view.metrics[0] if data is not None and data.view.metrics else ""
    values = (
        {s.run: format_number(s.last) for s in data.series if s.metric == first and not s.superseded} if data else {}
    )
    marks = [paint.glyphs.series[0] * 2, *(str(number) for number in range(1, len(names)))]
    fixed = sum(len(mark) + 3 for mark in marks) + sum(cell_len(trouble) + 1 for _, trouble in names if trouble)
    shown = {n: value for n, value in values.items() if n < len(names)}
    told = sum(len(value) + 1 for value in shown.values())
    if width - fixed - told < LEAST_NAME * len(names):
        shown, told = {}, 0
    room = _room([cell_len(safe(name)) for name, _ in names], width - fixed - told)
    parts: list[Text] = []
    for number, ((name, trouble), mark) in enumerate(zip(names, marks, strict=True)):
        style = paint.series(number)
        part = Text(f"{mark} {cut(safe(name), room)}", style, end="", no_wrap=True)
        if trouble:
            part.append(" ")
            part.append_text(paint.text(trouble, "quiet" if trouble == "loading" else "error"))
        elif number in shown:
            part.append(f" {shown[number]}", paint.style("foreground"))
        parts.append(part)
    line = joined(parts)
    line.truncate(max(0, width), overflow="ellipsis")
    return line


def _room(lengths: list[int], width: int) -> int:
    """The most cells for each name so that all of them fit; at least LEAST_NAME."""
    return next(
        (most for most in range(max(lengths), LEAST_NAME, -1) if sum(min(n, most) for n in lengths) <= width),
        LEAST_NAME,
    )
