"""Numbers in the cells of a screen.

Owns columns and ages as text. Invariant: an age advances in few steps, so that a screen at rest sends nothing.
"""

from __future__ import annotations

import math

from rich.cells import cell_len, chop_cells, set_cell_size

from nntui.analysis.ticks import format_number
from nntui.tui.safe import safe

LEAST_ELIDED = 12
"""Cells from which both ends of a name say more than its beginning."""
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_BUCKETS = ((2, "now"), (5, "2 s"), (10, "5 s"), (30, "10 s"), (60, "30 s"))


def age(seconds: float) -> str:
    """How old data is, in buckets: now, 2 s, 5 s, 10 s, 30 s, then whole minutes, hours, days."""
    if not math.isfinite(seconds):
        return "–"
    for limit, words in _BUCKETS:
        if seconds < limit:
            return words
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "30 s"


def size(count: float) -> str:
    """Bytes in the largest unit of 1,024 that leaves a whole number: `41.2 GiB`."""
    if not math.isfinite(count):
        return "–"
    unit, each = size_unit(count)
    return f"{format_number(count / each, 3)} {unit}"


def size_unit(count: float) -> tuple[str, float]:
    """The largest unit of 1,024 that leaves a whole number of a finite count of bytes, and how many bytes that is."""
    power = next((power for power in range(len(_SIZES)) if abs(count) / 1024**power < 999.5), len(_SIZES) - 1)
    return _SIZES[power], 1024.0**power


def cut(text: str, width: int) -> str:
    """The text in at most `width` cells, with `…` where something was cut off."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def named(name: str) -> str:
    """The name of a metric, safe to draw; an empty one is still seen."""
    return safe(name) if name.strip() else f"({safe(name)})"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly `width` cells."""
    shown = cut(text, width)
    air = " " * (width - cell_len(shown))
    return air + shown if right else shown + air


def quantity(value: float | str, unit: str = "") -> str:
    """A number or words of a finding, with its unit; `–` when unknown. Safe to draw."""
    known = value if isinstance(value, str) else "" if math.isnan(value) else format_number(value)
    text = safe(known) or "–"
    return f"{text} {safe(unit)}" if unit and text != "–" else text


def elided(name: str, width: int) -> str:
    """A name in at most `width` cells, with `…` for what is left out a third of the way: ends of names tell them apart."""
    if cell_len(name) <= width or width < LEAST_ELIDED:
        return cut(name, width)
    head = set_cell_size(name, width // 3).rstrip()
    tail = name[-(width - 1 - width // 3) :]
    while cell_len(head) + 1 + cell_len(tail) > width:  # some characters are two cells wide
        tail = tail[1:]
    return f"{head}…{tail}"


def wrap(text: str, width: int, most: int = 0) -> list[str]:
    """The text in lines of at most `width` cells, broken at blanks; a word that is too long is broken anywhere.

    most: lines, the last of which ends in `…` where that is not all; 0 for as many as it takes.
    """
    width = max(2, width)
    lines = [""]
    for word in text.split(" "):
        for piece in chop_cells(word, width) or [word]:
            joint = " " if lines[-1] else ""
            if lines[-1] and cell_len(lines[-1]) + len(joint) + cell_len(piece) > width:
                lines.append(piece)
            else:
                lines[-1] += joint + piece
    return (
        lines if not 0 < most < len(lines) else [*lines[: most - 1], cut(" ".join(lines[most - 1 : most + 1]), width)]
    )
