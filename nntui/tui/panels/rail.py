"""Alerts, checks and newest events beside the plots.

Owns their order and how many lines each may have. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from rich.text import Text

from nntui.finding import Finding
from nntui.session.log import CHECKPOINT, EventRow
from nntui.session.snapshot import Snapshot
from nntui.tui.paint import Paint, cut_line, joined, spread, wrapped
from nntui.tui.panels.frame import READING
from nntui.tui.panels.log import event_lines
from nntui.tui.safe import safe
from nntui.tui.units import cut, quantity, wrap

RAIL_LINES = 5
"""Most lines of one finding beside the plots."""
EVENT_LINES = 2
"""Most lines of one event there."""
LOG_LINES = 6
"""Lines that the log keeps from what to try of checks."""
QUIET = ("pass", "skip")
"""Verdicts that call for nobody."""


def rail_lines(snapshot: Snapshot, width: int, height: int, paint: Paint) -> list[Text]:
    """Alerts, checks and what happened, each with the worst or newest first.

    Of checks that passed the measured value alone; no more than their number where what to try needs the room: of the first
    alert, then of checks that did not pass, failed ones first.
    """
    told: set[str] = set()
    found: list[tuple[list[Text], list[Text]]] = []
    for one in snapshot.alerts:  # several metrics may tell of one cause
        found.append(_alert(one, "" if one.advice in told else one.advice, width, paint))
        told.add(one.advice)
    room = (
        height - sum(len(words) for words, _ in found) - sum(len(tries) for _, tries in found[:1]) - (1 if found else 2)
    )
    checks = _checks(snapshot, width, room, paint)
    lines = [*_alerts(found, height - len(checks), paint), *checks]
    if not found:
        none = paint.text(f"{paint.glyphs.passed} none", "success")
        lines.insert(1, paint.text(READING, "faint") if snapshot.unread else none)
    if snapshot.events and len(lines) + 3 <= height:
        lines += [Text(), paint.text("log", "quiet", bold=True)]
        newest = _told(snapshot.events)[: height - len(lines)]
        lines += [line for event in newest for line in event_lines(event, width, paint, EVENT_LINES)]
    return [cut_line(line, width) for line in lines[:height]]


def _told(events: Sequence[EventRow]) -> list[EventRow]:
    """The newest first, and of the checkpoints, which are many and alike, but the newest."""
    newest = next((event for event in reversed(events) if event.event == CHECKPOINT), None)
    return [event for event in reversed(events) if event.event != CHECKPOINT or event is newest]


def _checks(snapshot: Snapshot, width: int, room: int, paint: Paint) -> list[Text]:
    """Checks in their order, in `room` lines where that can be; with what to try of as many as the log leaves room for."""
    head = [Text(), paint.text("checks", "quiet", bold=True)]
    if not snapshot.checks:
        return [*head, paint.text(READING if snapshot.unread else "none were recorded", "faint")]
    blocks = [
        (one.status in QUIET, _check(one, width, paint), _tries(one.advice, width, paint)) for one in snapshot.checks
    ]
    counts = Counter(one.status for one in snapshot.checks if one.status in QUIET)
    words = [paint.text(f"{paint.verdict(s)[0]} {n} {s}", paint.verdict(s)[1]) for s, n in counts.items()]
    total = [spread(joined(words), paint.text("[2] all", "quiet"), width)] if counts else []
    troubled = [at for at, (quiet, _, _) in enumerate(blocks) if not quiet]
    troubled.sort(key=lambda at: snapshot.checks[at].status != "fail")

    def listed(advised: Collection[int], *, brief: bool) -> list[Text]:
        lines = [*head]
        for at, (quiet, found, tries) in enumerate(blocks):
            lines += [] if quiet and brief else [*found, *(tries if at in advised else [])]
        return [*lines, *total] if brief else lines

    spare = room - (LOG_LINES if snapshot.events else 0)
    for count in range(len(troubled), 0, -1):
        for brief in (False, True):
            lines = listed(troubled[:count], brief=brief)
            if len(lines) <= spare:
                return lines
    whole, short = listed((), brief=False), listed((), brief=True)
    return short if snapshot.alerts and len(short) < len(whole) > room else whole


def _alert(one: Finding, advice: str, width: int, paint: Paint) -> tuple[list[Text], list[Text]]:
    """What was found, and what to try."""
    glyph, meaning = paint.verdict(one.status)
    return hanging(glyph, one.message, width, paint, meaning), _tries(advice, width, paint)


def _tries(advice: str, width: int, paint: Paint) -> list[Text]:
    return wrapped(f"try: {advice}", width, paint, "quiet", indent=2) if advice else []


def _alerts(found: Sequence[tuple[list[Text], list[Text]]], height: int, paint: Paint) -> list[Text]:
    """What was found, and what to try of the first ones as far as `height` lines have room for all of it."""
    lines = [paint.text("alerts", "quiet", bold=True)]
    spare = height - 1 - sum(len(words) for words, _ in found)
    for words, tries in found:
        spare -= len(tries)
        lines += [*words, *(tries if spare >= 0 else [])]
    return lines


def _check(one: Finding, width: int, paint: Paint) -> list[Text]:
    glyph, meaning = paint.verdict(one.status)
    head = paint.text(f"{glyph} {one.id}", meaning)
    if one.status in QUIET:
        measured = quantity(one.measured, one.unit) if one.status == "pass" else "skipped"
        room = max(0, width - head.cell_len - 2)
        return [spread(head, paint.text(cut(measured, room), "quiet"), width)]
    numbers = f"expected {quantity(one.expected, one.unit)}, measured {quantity(one.measured, one.unit)}"
    words = wrapped(numbers, width, paint, "quiet", indent=2)
    return [head, *words, *wrapped(one.message, width, paint, "foreground", indent=2, most=RAIL_LINES)]


def hanging(glyph: str, words: str, width: int, paint: Paint, meaning: str, most: int = RAIL_LINES) -> list[Text]:
    """Words beside a glyph, wrapped under themselves, in at most so many lines."""
    lines = wrap(safe(words), width - 2, most)
    return [paint.text(f"{' ' if place else glyph} {line}", meaning) for place, line in enumerate(lines)]
