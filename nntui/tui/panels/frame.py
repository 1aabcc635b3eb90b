"""What frames every screen: the run in one line, the one thing to know, the keys.

Owns the words and their places. Pure functions of a snapshot, a size and a Paint; no Textual. Invariant: no line is wider
than asked, and every foreign string goes through Paint.text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

from nntui.analysis.ticks import format_count, format_duration, format_number
from nntui.session.snapshot import Head, Lost, Snapshot
from nntui.tui.paint import Paint, cut_line, fitted, joined, labelled, spread
from nntui.tui.safe import safe
from nntui.tui.units import age, cut

READING = "reading …"
"""What is said in place of what is missing, as long as more may come."""


def head_line(snapshot: Snapshot, width: int, paint: Paint, data_age: float, paused: bool) -> Text:
    """The run in one line, the age of the data at its right edge; what matters least is left out when it is narrow."""
    head = snapshot.head
    glyph, meaning = (paint.glyphs.failed, "error") if snapshot.problem else paint.state(head.state)
    word = "problem" if snapshot.problem else "opening" if untold(snapshot) else head.state
    t = paint.text
    progress = head.step >= 0 and head.total_steps > 0
    share = min(1.0, head.step / head.total_steps) if progress else 0.0
    steps = f"step {head.step:,}" + (f"/{head.total_steps:,}" if progress else "") if head.step >= 0 else ""
    data = labelled("data", age(data_age), paint) if math.isfinite(data_age) else Text()
    data = data if data.cell_len + 12 <= width else Text()
    parts = [
        (1, t(cut(safe(head.name), max(8, width // 4)), bold=True)),
        (0, t(f"{glyph} {word}", meaning, bold=True)),
        (2, t("paused", "accent", bold=True) if paused else Text()),
        (3, t(steps)),
        (8, _bar(share, 10 if width < 120 else 24, paint) if progress else Text()),
        (5, t(f"{share:.0%}") if progress else Text()),
        (6, labelled("ETA", format_duration(head.eta), paint) if math.isfinite(head.eta) else Text()),
        (4, labelled("loss", format_number(head.loss), paint) if head.loss_metric else Text()),
        (7, labelled("lr", format_number(head.lr, 3), paint) if math.isfinite(head.lr) else Text()),
        (9, t(f"{format_count(head.samples_per_second)}/s") if math.isfinite(head.samples_per_second) else Text()),
        (10, labelled("epoch", f"{head.epoch:.1f}", paint) if math.isfinite(head.epoch) else Text()),
        (11, labelled("ran", format_duration(head.elapsed), paint) if math.isfinite(head.elapsed) else Text()),
        (12, t(f"{head.launches} launches", "quiet") if head.launches > 1 else Text()),
    ]
    return spread(fitted(parts, width - data.cell_len - 2 if data.cell_len else width), data, width)


def untold(snapshot: Snapshot) -> bool:
    """Whether nothing was told of the run yet, not even that there is none."""
    return snapshot.unread and snapshot.head.state == "waiting"


def notice_line(snapshot: Snapshot, width: int, paint: Paint) -> Text:
    """The one thing to know: a problem, the first alert, lost data, or that there is none of these."""
    head = snapshot.head
    if snapshot.problem:
        return cut_line(paint.text(f"{paint.glyphs.failed} {snapshot.problem}", "error", bold=True), width)
    if snapshot.alerts:
        return _alert_line(snapshot, width, paint)
    reading = paint.text(_reading(snapshot.sketch), "quiet")
    lost = _lost(head.lost, paint)
    if lost.cell_len:
        return spread(cut_line(lost, width), reading, width)
    if head.state == "waiting" and not untold(snapshot):
        return cut_line(paint.text(f"waiting for data in {head.path}", "quiet"), width)
    if head.state_reason:
        glyph, meaning = paint.state(head.state)
        return spread(
            cut_line(paint.text(f"{glyph} {head.state}: {head.state_reason}", meaning), width), reading, width
        )
    if snapshot.unread:
        return cut_line(reading if reading.cell_len else paint.text(READING, "quiet"), width)
    return cut_line(paint.text(f"{paint.glyphs.passed} no alerts", "success"), width)


def _reading(share: float) -> str:
    """How much of a long run was read, and what its plots are until then; empty where they are of all its points."""
    return f"{READING} {share:.0%}; until all is read, plots show a sample of it" if math.isfinite(share) else ""


def _alert_line(snapshot: Snapshot, width: int, paint: Paint) -> Text:
    """The first alert; beside it what was lost and how many alerts there are, as far as that leaves it half the line."""
    first, lost = snapshot.alerts[0], snapshot.head.lost
    glyph, meaning = paint.verdict(first.status)
    gone = lost.points + lost.frames
    missing = paint.text(f"{paint.glyphs.failed} lost {gone:,}", "error", bold=True) if gone else Text()
    count = paint.text(f"[a] {_plural(len(snapshot.alerts), 'alert')}", "quiet")
    beside = next((t for t in (joined([missing, count]), missing, count) if 0 < t.cell_len <= width // 2), Text())
    return spread(paint.text(f"{glyph} {first.message}", meaning), beside, width)


def _lost(lost: Lost, paint: Paint) -> Text:
    """What was logged and cannot be shown, in as few words as say it."""
    parts = [
        (lost.points, _plural(lost.points, "point"), "error"),
        (lost.frames, _plural(lost.frames, "damaged frame"), "error"),
        (lost.torn, f"{_plural(lost.torn, 'write')} cut off by a kill", "quiet"),
        (lost.ignored, f"{_plural(lost.ignored, 'odd file')} ignored", "quiet"),
    ]
    serious = any(count for count, _, meaning in parts if meaning == "error")
    words = ", ".join(said for count, said, meaning in parts if count and (meaning == "error" or not serious))
    if not words:
        return Text()
    return (
        paint.text(f"{paint.glyphs.failed} lost {words}", "error", bold=True) if serious else paint.text(words, "quiet")
    )


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def status_line(head: Head, width: int, paint: Paint, keys: Sequence[tuple[str, str]]) -> Text:
    """The keys that work here, and how the run is watched where there is room."""
    parts = []
    used = 0
    for key, words in keys:
        part = joined([paint.text(key, "primary", bold=True), paint.text(words, "quiet")], " ")
        used += part.cell_len + 2
        if used - 2 > width:
            break
        parts.append(part)
    line = joined(parts)
    watching = paint.text(head.watching, "faint")
    return spread(line, watching if line.cell_len + 2 + watching.cell_len <= width else Text(), width)


def _bar(share: float, width: int, paint: Paint) -> Text:
    levels = paint.glyphs.bar
    eighths = round(share * width * (len(levels) - 1))
    full, rest = divmod(eighths, len(levels) - 1)
    if paint.glyphs.kind == "ascii":
        return paint.text("[" + "#" * round(share * width) + " " * (width - round(share * width)) + "]", "primary")
    partial = " ▏▎▍▌▋▊▉"[rest] if full < width else ""
    return paint.text("▕" + ("█" * full + partial).ljust(width) + "▏", "primary")
