"""Events in one line each.

Owns how a moment is written. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from nntui.session.log import ALERT, EventRow, Log, LogView
from nntui.tui.paint import Paint, cut_line, fitted, joined, wrapped
from nntui.tui.safe import safe, safe_lines
from nntui.tui.units import fit, wrap

MEANINGS = {"error": "error", "warn": "warning", "stdout": "foreground", "stderr": "foreground", "": "warning"}


def event_row(event: EventRow, width: int, paint: Paint, clock: str = "%H:%M:%S") -> Text:
    """One event in one line: when, at which step, what."""
    meaning = MEANINGS.get(event.level, "foreground")
    step = f"{event.step:,}" if event.step >= 0 else ""
    wide = width >= 60
    parts = [
        paint.text(_clock(event, clock), "quiet"),
        paint.text(fit(step, 9, right=True), "quiet") if wide else Text(),
        paint.text(fit(safe(event.event), 10), meaning) if wide else Text(),
        paint.text(event.message, meaning),
    ]
    return cut_line(joined(parts), width)


def event_lines(event: EventRow, width: int, paint: Paint, most: int) -> list[Text]:
    """When and what, in at most so many lines below one another."""
    moment = paint.text(_clock(event, "%H:%M:%S"), "quiet")
    words = wrapped(
        event.message, width - moment.cell_len - 2, paint, MEANINGS.get(event.level, "foreground"), most=most
    )
    blank = Text(" " * moment.cell_len)
    return [cut_line(joined([blank if at else moment, line]), width) for at, line in enumerate(words)]


def clock_of(events: Sequence[EventRow]) -> str:
    """How times of these events are written: with the date once they span more than a day."""
    span = abs(events[-1].wall_time - events[0].wall_time) if events else 0.0
    return "%H:%M:%S" if span < 86400 else "%d %b %H:%M"


def event_detail(event: EventRow, width: int, paint: Paint) -> list[Text]:
    """All of an event; of a crash the traceback."""
    what = f"{event.event} at step {event.step:,}" if event.step >= 0 else event.event
    lines = [piece for line in safe_lines(event.message) for piece in wrap(line, width)]
    source = "found by the rules, from what was recorded" if not event.writer else f"from {event.writer}"
    head = joined(
        [paint.text(what, MEANINGS.get(event.level, "foreground"), bold=True), paint.text(_moment(event), "quiet")]
    )
    return [cut_line(line, width) for line in (head, paint.text(source, "faint"), *map(paint.text, lines))]


def about_line(log: Log, view: LogView, chosen: int, width: int, paint: Paint) -> Text:
    """What is listed of how much, and whether it follows."""
    count = f"{len(log.rows):,} of {log.total:,} lines" if len(log.rows) != log.total else f"{log.total:,} lines"
    alerts = sum(row.event == ALERT for row in log.rows)
    parts = [
        (0, paint.text(view.which, bold=True)),
        (1, paint.text(count, "quiet")),
        (2, paint.text(f"/{view.pattern}" if view.pattern else "", "accent")),
        (3, paint.text("following the newest" if not chosen else f"{chosen:,} newer above", "quiet")),
        (4, paint.text(f"{alerts} alerts" if alerts > 1 else "", "quiet")),
    ]
    return fitted(parts, width)


def _clock(event: EventRow, form: str) -> str:
    known = 0 < event.wall_time < 1e11
    return datetime.fromtimestamp(event.wall_time if known else 0).astimezone().strftime(form)


def _moment(event: EventRow) -> str:
    if not 0 < event.wall_time < 1e11:
        return ""
    return datetime.fromtimestamp(event.wall_time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
