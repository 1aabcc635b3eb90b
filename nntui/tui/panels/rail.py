"""Alerts, checks and newest events beside the plots.

Owns their order and how many lines each may have. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

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
QUIET = ("pass", "skip")
"""Verdicts that call for nobody."""


def rail_lines(snapshot: Snapshot, width: int, height: int, paint: Paint) -> list[Text]:
    """Alerts, checks and what happened, each with the worst or newest first.

    Of checks that passed the measured value alone; no more than their number where what to try of the first alert needs the room.
    """
    told: set[str] = set()
    found: list[tuple[list[Text], list[Text]]] = []
    for one in snapshot.alerts:  # several metrics may tell of one cause
        found.append(_alert(one, "" if one.advice in told else one.advice, width, paint))
        told.add(one.advice)
    checks = _checks(snapshot.checks, width, paint, unread=snapshot.unread)
    needed = sum(len(words) for words, _ in found) + sum(len(tries) for _, tries in found[:1]) + 1
    if found and needed + len(checks) > height:
        checks = min(checks, _checks(snapshot.checks, width, paint, brief=True), key=len)
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


def _checks(
    checks: Sequence[Finding], width: int, paint: Paint, *, brief: bool = False, unread: bool = False
) -> list[Text]:
    """Checks in their order. brief: of those that passed or do not apply only how many they are. unread: more may come."""
    lines = [Text(), paint.text("checks", "quiet", bold=True)]
    counted = Counter(one.status for one in checks if brief and one.status in QUIET)
    for one in checks:
        lines += [] if one.status in counted else _check(one, width, paint)
    if counted:
        words = [paint.text(f"{paint.verdict(s)[0]} {n} {s}", paint.verdict(s)[1]) for s, n in counted.items()]
        lines.append(spread(joined(words), paint.text("[2] all", "quiet"), width))
    return lines if checks else [*lines, paint.text(READING if unread else "none were recorded", "faint")]


def _alert(one: Finding, advice: str, width: int, paint: Paint) -> tuple[list[Text], list[Text]]:
    """What was found, and what to try."""
    glyph, meaning = paint.verdict(one.status)
    tries = wrapped(f"try: {advice}", width, paint, "quiet", indent=2) if advice else []
    return hanging(glyph, one.message, width, paint, meaning), tries


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
