"""Alerts, checks and newest events beside the plots.

Owns their order and how many lines each may have. Pure.
"""

from __future__ import annotations

from rich.text import Text

from nntui.session.snapshot import Snapshot
from nntui.tui.paint import Paint, cut_line, wrapped
from nntui.tui.panels.log import event_row
from nntui.tui.safe import safe
from nntui.tui.units import quantity, wrap

RAIL_LINES = 4
"""Most lines of one finding beside the plots."""


def rail_lines(snapshot: Snapshot, width: int, height: int, paint: Paint) -> list[Text]:
    """Checks and alerts beside the plots, alerts first."""
    lines = [paint.text("alerts", "quiet", bold=True)]
    for one in snapshot.alerts:
        glyph, meaning = paint.verdict(one.status)
        lines += _hanging(glyph, one.message, width, paint, meaning)
    if not snapshot.alerts:
        lines.append(paint.text(f"{paint.glyphs.passed} none", "success"))
    lines += [Text(), paint.text("checks", "quiet", bold=True)]
    for one in snapshot.checks:
        glyph, meaning = paint.verdict(one.status)
        lines.append(cut_line(paint.text(f"{glyph} {one.id}", meaning), width))
        numbers = f"expected {quantity(one.expected, one.unit)}, measured {quantity(one.measured, one.unit)}"
        lines += wrapped(numbers, width, paint, "quiet", indent=2)
        if one.status in ("fail", "warn", "crash"):
            lines += wrapped(one.message, width, paint, "foreground", indent=2)[:RAIL_LINES]
    if not snapshot.checks:
        lines.append(paint.text("none were recorded", "faint"))
    if snapshot.events and len(lines) + 3 <= height:
        lines += [Text(), paint.text("log", "quiet", bold=True)]
        newest = reversed(snapshot.events[len(lines) - height :])
        lines += [event_row(event, width, paint) for event in newest]
    return [cut_line(line, width) for line in lines[:height]]


def _hanging(glyph: str, words: str, width: int, paint: Paint, meaning: str) -> list[Text]:
    """Words beside a glyph, wrapped under themselves."""
    lines = wrap(safe(words), width - 2)[:RAIL_LINES]
    return [paint.text(f"{' ' if place else glyph} {line}", meaning) for place, line in enumerate(lines)]
