"""Alerts, checks and newest events beside the plots.

Owns their order and how many lines each may have. Pure.
"""

from __future__ import annotations

from rich.text import Text

from nntui.finding import Finding
from nntui.session.snapshot import Snapshot
from nntui.tui.paint import Paint, cut_line, spread, wrapped
from nntui.tui.panels.log import event_row
from nntui.tui.safe import safe
from nntui.tui.units import cut, quantity, wrap

RAIL_LINES = 4
"""Most lines of one finding beside the plots."""


def rail_lines(snapshot: Snapshot, width: int, height: int, paint: Paint) -> list[Text]:
    """Alerts, checks and what happened, each with the worst or newest first. Of checks that passed the measured value alone."""
    lines = [paint.text("alerts", "quiet", bold=True)]
    for one in snapshot.alerts:
        glyph, meaning = paint.verdict(one.status)
        lines += hanging(glyph, one.message, width, paint, meaning)
    if not snapshot.alerts:
        lines.append(paint.text(f"{paint.glyphs.passed} none", "success"))
    lines += [Text(), paint.text("checks", "quiet", bold=True)]
    for one in snapshot.checks:
        lines += _check(one, width, paint)
    if not snapshot.checks:
        lines.append(paint.text("none were recorded", "faint"))
    if snapshot.events and len(lines) + 3 <= height:
        lines += [Text(), paint.text("log", "quiet", bold=True)]
        newest = reversed(snapshot.events[len(lines) - height :])
        lines += [event_row(event, width, paint) for event in newest]
    return [cut_line(line, width) for line in lines[:height]]


def _check(one: Finding, width: int, paint: Paint) -> list[Text]:
    glyph, meaning = paint.verdict(one.status)
    head = paint.text(f"{glyph} {one.id}", meaning)
    if one.status in ("pass", "skip"):
        measured = quantity(one.measured, one.unit) if one.status == "pass" else "skipped"
        room = max(0, width - head.cell_len - 2)
        return [spread(head, paint.text(cut(measured, room), "quiet"), width)]
    numbers = f"expected {quantity(one.expected, one.unit)}, measured {quantity(one.measured, one.unit)}"
    words = wrapped(numbers, width, paint, "quiet", indent=2)
    return [head, *words, *wrapped(one.message, width, paint, "foreground", indent=2)[:RAIL_LINES]]


def hanging(glyph: str, words: str, width: int, paint: Paint, meaning: str) -> list[Text]:
    """Words beside a glyph, wrapped under themselves."""
    lines = wrap(safe(words), width - 2)[:RAIL_LINES]
    return [paint.text(f"{' ' if place else glyph} {line}", meaning) for place, line in enumerate(lines)]
