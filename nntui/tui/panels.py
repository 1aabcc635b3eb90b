"""What each panel says: snapshots to lines of text.

Owns the words and their places. Pure functions of a snapshot, a size and a Paint; no Textual. Invariant: no line is wider
than asked, and every foreign string goes through Paint.text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

from nntui.analysis.ticks import format_count, format_duration, format_number
from nntui.finding import Finding
from nntui.session.snapshot import Head, MetricSummary, Snapshot
from nntui.tui.canvas import spark
from nntui.tui.paint import Paint, fitted, joined
from nntui.tui.safe import safe
from nntui.tui.units import age, cut, fit, quantity

GRADES = {"error": "error", "warn": "warning", "info": "note"}


def head_line(snapshot: Snapshot, width: int, paint: Paint, data_age: float, paused: bool) -> Text:
    """The run in one line; what matters least is left out when it is narrow."""
    head = snapshot.head
    glyph, meaning = paint.state(head.state)
    t = paint.text
    progress = head.step >= 0 and head.total_steps > 0
    share = min(1.0, head.step / head.total_steps) if progress else 0.0
    steps = f"step {head.step:,}" + (f"/{head.total_steps:,}" if progress else "") if head.step >= 0 else ""
    parts = [
        (0, t(cut(safe(head.name), max(8, width // 4)), bold=True)),
        (0, t(f"{glyph} {head.state}", meaning, bold=True)),
        (1, t("paused", "accent", bold=True) if paused else Text()),
        (2, t(steps)),
        (6, _bar(share, 10 if width < 120 else 24, paint) if progress else Text()),
        (4, t(f"{share:.0%}") if progress else Text()),
        (5, _labelled("ETA", format_duration(head.eta), paint) if math.isfinite(head.eta) else Text()),
        (3, _labelled("loss", format_number(head.loss), paint) if head.loss_metric else Text()),
        (7, _labelled("lr", format_number(head.lr, 3), paint) if math.isfinite(head.lr) else Text()),
        (8, t(f"{format_count(head.samples_per_second)}/s") if math.isfinite(head.samples_per_second) else Text()),
        (9, _labelled("epoch", f"{head.epoch:.1f}", paint) if math.isfinite(head.epoch) else Text()),
        (2, _labelled("data", age(data_age), paint)),
        (10, _labelled("ran", format_duration(head.elapsed), paint) if math.isfinite(head.elapsed) else Text()),
        (11, t(f"{head.launches} launches", "quiet") if head.launches > 1 else Text()),
    ]
    return fitted(parts, width)


def notice_line(snapshot: Snapshot, width: int, paint: Paint) -> Text:
    """The one thing to know: a problem, lost data, the first alert, or that there is none."""
    lost = snapshot.head.lost
    if snapshot.problem:
        return _cut(paint.text(f"{paint.glyphs.failed} {snapshot.problem}", "error", bold=True), width)
    if lost.points or lost.frames:
        words = f"{paint.glyphs.failed} lost: {lost.points:,} points the disk refused, {lost.frames:,} damaged frames"
        return _cut(paint.text(words, "error", bold=True), width)
    if snapshot.alerts:
        first, more = snapshot.alerts[0], len(snapshot.alerts)
        glyph, meaning = paint.verdict(first.status)
        count = f"[a] {more} alert{'s' if more > 1 else ''}"
        room = width - len(count) - 2
        words = fit(f"{glyph} {safe(first.message)}", room)
        return (
            joined([paint.text(words, meaning), paint.text(count, "quiet")])
            if room > 10
            else _cut(paint.text(words, meaning), width)
        )
    if snapshot.head.state == "waiting":
        return _cut(paint.text(f"waiting for data in {snapshot.head.path}", "quiet"), width)
    if snapshot.head.state_reason:
        return _cut(paint.text(snapshot.head.state_reason, paint.state(snapshot.head.state)[1]), width)
    return _cut(paint.text(f"{paint.glyphs.passed} no alerts", "success"), width)


def metric_lines(
    metrics: Sequence[MetricSummary], width: int, height: int, paint: Paint, *, chosen: str = ""
) -> list[Text]:
    """Metrics with a sparkline and the newest value, in as many columns as fit; the chosen one is marked and in sight."""
    if not metrics or height < 1:
        return [_cut(paint.text("no metrics yet", "quiet"), width)] if height > 0 else []
    columns = max(1, min(width // 38, -(-len(metrics) // height)))
    cell = width // columns
    order = [m.metric for m in metrics]
    at = order.index(chosen) if chosen in order else 0
    page = at // (height * columns) * height * columns
    lines = []
    for row in range(height):
        cells = [page + column * height + row for column in range(columns)]
        shown = [_metric_cell(metrics[i], cell, paint, metrics[i].metric == chosen) for i in cells if i < len(metrics)]
        if shown:
            lines.append(joined(shown, ""))
    return lines


def recipe_line(snapshot: Snapshot, width: int, paint: Paint) -> Text:
    """The six stages with the counts of their verdicts."""
    g = paint.glyphs
    parts = [(0, paint.text("recipe", "quiet"))]
    for position, stage in enumerate(snapshot.stages):
        counts = [
            paint.text(f"{count}{glyph}", meaning)
            for count, glyph, meaning in (
                (stage.passed, g.passed, "success"),
                (stage.warned, g.warned, "warning"),
                (stage.failed, g.failed, "error"),
                (stage.other, g.skipped, "quiet"),
            )
            if count
        ]
        words = [
            paint.text(stage.name, "foreground" if counts else "faint"),
            *(counts or [paint.text(g.skipped, "faint")]),
        ]
        parts.append((1 if counts else 2 + position, joined(words, " ")))
    return fitted(parts, width)


def worst_check_line(snapshot: Snapshot, width: int, paint: Paint) -> Text:
    """The check that needs a look first, or how many passed."""
    if not snapshot.checks:
        return _cut(paint.text("no checks were run before this training", "faint"), width)
    worst = snapshot.checks[0]
    glyph, meaning = paint.verdict(worst.status)
    if worst.status in ("pass", "skip"):
        words = "   ".join(f"{c.id} {quantity(c.measured, c.unit)}" for c in snapshot.checks if c.status == "pass")
        return _cut(paint.text(f"{glyph} {words}", meaning), width)
    hint = "  [2] why"
    body = fit(f"{glyph} {worst.id}  {safe(worst.message)}", max(0, width - len(hint)))
    return _cut(joined([paint.text(body, meaning), paint.text(hint, "quiet")], ""), width)


def finding_rows(findings: Sequence[Finding], width: int, paint: Paint) -> list[Text]:
    """One line per finding: verdict, id, and expected against measured where there is room."""
    rows = []
    for one in findings:
        glyph, meaning = paint.verdict(one.status)
        name = safe(one.id)
        if width >= 70:
            step = f"step {one.step:,}" if one.step >= 0 else ""
            numbers = f"expected {quantity(one.expected, one.unit)}, measured {quantity(one.measured, one.unit)}"
            head = f"{glyph} {fit(one.status, 6)}{fit(name, 24)}"
            rest = fit(f"{step:>13}  {safe(one.message)}" if step else f"{numbers}", max(0, width - 34))
            rows.append(_cut(joined([paint.text(head, meaning), paint.text(rest)], " "), width))
        else:
            rows.append(
                _cut(joined([paint.text(f"{glyph} {name}", meaning), paint.text(safe(one.message), "quiet")]), width)
            )
    return rows


def finding_detail(one: Finding, width: int, paint: Paint) -> list[Text]:
    """Everything a finding says, wrapped to the width."""
    glyph, meaning = paint.verdict(one.status)
    lines = [paint.text(f"{glyph} {one.id}  {GRADES.get(one.status, one.status)}", meaning, bold=True)]
    lines += _wrapped(one.message, width, paint, "foreground")
    lines.append(Text())
    tolerance = f" ± {format_number(one.tolerance)}" if math.isfinite(one.tolerance) and one.tolerance > 0 else ""
    pairs = [
        ("expected", quantity(one.expected, one.unit) + tolerance),
        ("measured", quantity(one.measured, one.unit)),
        ("step", f"{one.step:,}" if one.step >= 0 else "before the first"),
        ("took", f"{one.seconds:.2f} s" if math.isfinite(one.seconds) else ""),
    ]
    lines += [_labelled(f"{name:<9}", value, paint) for name, value in pairs if value]
    if one.advice:
        lines += [Text(), paint.text("what to try", "quiet"), *_wrapped(one.advice, width, paint, "foreground")]
    if one.evidence:
        lines += [Text(), paint.text("evidence", "quiet")]
        for name, value in one.evidence.items():
            lines += _wrapped(f"{safe(name)}: {_evidence(value)}", width, paint, "foreground", indent=2)
    return [_cut(line, width) for line in lines]


def event_rows(snapshot: Snapshot, width: int, paint: Paint, clock: str = "%H:%M:%S") -> list[Text]:
    """One line per event, newest first."""
    from datetime import datetime

    rows = []
    for event in reversed(snapshot.events):
        moment = datetime.fromtimestamp(event.wall_time).astimezone().strftime(clock)
        meaning = {"error": "error", "warn": "warning"}.get(event.level, "foreground")
        step = f"{event.step:,}" if event.step >= 0 else ""
        parts = [
            paint.text(moment, "quiet"),
            paint.text(fit(step, 9, right=True), "quiet"),
            paint.text(fit(safe(event.event), 10), meaning),
            paint.text(event.message, meaning),
        ]
        rows.append(_cut(joined(parts), width))
    return rows


def status_line(head: Head, width: int, paint: Paint, keys: Sequence[tuple[str, str]]) -> Text:
    """The keys that work here, and how the run is watched where there is room."""
    line = Text(no_wrap=True, end="")
    for key, words in keys:
        if line.cell_len + len(key) + len(words) + 3 > width:
            break
        line.append_text(joined([paint.text(key, "primary", bold=True), paint.text(f"{words} ", "quiet")], " "))
        line.append(" ")
    line.rstrip()
    if head.watching and line.cell_len + len(head.watching) + 2 <= width:
        line.append(" " * (width - line.cell_len - len(head.watching)))
        line.append_text(paint.text(head.watching, "faint"))
    return _cut(line, width)


def _metric_cell(metric: MetricSummary, width: int, paint: Paint, chosen: bool) -> Text:
    value = format_number(metric.last)
    meaning = "error" if not math.isfinite(metric.last) else "foreground"
    mark = paint.glyphs.cursor if chosen else " "
    sparkline = max(0, min(16, width - 26))
    name = max(4, width - sparkline - 13)
    parts = [
        paint.text(f"{mark}{fit(safe(metric.metric), name - 1)}", "accent" if chosen else "quiet"),
        paint.text(spark(metric.sparkline, sparkline, paint.glyphs.bar), "primary"),
        paint.text(fit(value, 9, right=True), meaning, bold=True),
    ]
    return paint_padded(joined(parts, " "), width)


def paint_padded(line: Text, width: int) -> Text:
    """The line in exactly `width` cells."""
    line.truncate(max(0, width), overflow="ellipsis", pad=True)
    return line


def _bar(share: float, width: int, paint: Paint) -> Text:
    levels = paint.glyphs.bar
    eighths = round(share * width * (len(levels) - 1))
    full, rest = divmod(eighths, len(levels) - 1)
    if paint.glyphs.kind == "ascii":
        return paint.text("[" + "#" * round(share * width) + " " * (width - round(share * width)) + "]", "primary")
    partial = " ▏▎▍▌▋▊▉"[rest] if full < width else ""
    return paint.text("▕" + ("█" * full + partial).ljust(width) + "▏", "primary")


def _labelled(label: str, value: str, paint: Paint) -> Text:
    return joined([paint.text(label, "quiet"), paint.text(value, bold=True)], " ")


def _wrapped(words: str, width: int, paint: Paint, meaning: str, indent: int = 0) -> list[Text]:
    lines: list[str] = [""]
    for word in safe(words).split(" "):
        if len(lines[-1]) + len(word) + 1 > width - indent and lines[-1]:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return [paint.text(" " * indent + line, meaning) for line in lines]


def _evidence(value: object) -> str:
    if isinstance(value, float):
        return format_number(value, 6)
    if isinstance(value, list):
        shown = ", ".join(_evidence(v) for v in value[:12])
        return f"[{shown}{', …' if len(value) > 12 else ''}]"
    return safe(value, 300)


def _cut(line: Text, width: int) -> Text:
    line.truncate(max(0, width), overflow="ellipsis")
    return line


def rail_lines(snapshot: Snapshot, width: int, height: int, paint: Paint) -> list[Text]:
    """Checks and alerts beside the plots, alerts first."""
    lines = [paint.text("alerts", "quiet", bold=True)]
    for one in snapshot.alerts:
        glyph, meaning = paint.verdict(one.status)
        lines += _wrapped(f"{glyph} {one.message}", width, paint, meaning)[:4]
    if not snapshot.alerts:
        lines.append(paint.text(f"{paint.glyphs.passed} none", "success"))
    lines += [Text(), paint.text("checks", "quiet", bold=True)]
    for one in snapshot.checks:
        glyph, meaning = paint.verdict(one.status)
        lines.append(_cut(paint.text(f"{glyph} {one.id}", meaning), width))
        numbers = f"  expected {quantity(one.expected, one.unit)}, measured {quantity(one.measured, one.unit)}"
        lines += _wrapped(numbers, width - 2, paint, "quiet", indent=2)
        if one.status in ("fail", "warn", "crash"):
            lines += _wrapped(one.message, width - 2, paint, "foreground", indent=2)[:4]
    if not snapshot.checks:
        lines.append(paint.text("none were recorded", "faint"))
    if snapshot.events:
        lines += [Text(), paint.text("log", "quiet", bold=True)]
        lines += [_cut(row, width) for row in event_rows(snapshot, width, paint)[: max(0, height - len(lines))]]
    return lines[:height]
