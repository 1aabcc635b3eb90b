"""Events in one line each.

Owns how a moment is written. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from nntui.session.snapshot import EventRow
from nntui.tui.paint import Paint, cut_line, joined
from nntui.tui.safe import safe
from nntui.tui.units import fit


def event_row(event: EventRow, width: int, paint: Paint, clock: str = "%H:%M:%S") -> Text:
    """One event in one line: when, at which step, what."""
    moment = datetime.fromtimestamp(event.wall_time).astimezone().strftime(clock)
    meaning = {"error": "error", "warn": "warning"}.get(event.level, "foreground")
    step = f"{event.step:,}" if event.step >= 0 else ""
    wide = width >= 60
    parts = [
        paint.text(moment, "quiet"),
        paint.text(fit(step, 9, right=True), "quiet") if wide else Text(),
        paint.text(fit(safe(event.event), 10), meaning) if wide else Text(),
        paint.text(event.message, meaning),
    ]
    return cut_line(joined(parts), width)


def clock_of(events: Sequence[EventRow]) -> str:
    """How times of these events are written: with the date once they span more than a day."""
    span = events[-1].wall_time - events[0].wall_time if events else 0.0
    return "%H:%M:%S" if span < 86400 else "%d %b %H:%M"
