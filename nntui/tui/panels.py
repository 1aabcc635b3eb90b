"""What each panel says: snapshots to lines of text.

Owns the words and their places. Pure functions of a snapshot, a size and a Paint; no Textual. Invariant: no line is wider
than asked, and every foreign string goes through Paint.text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len
from rich.text import Text

from nntui.analysis.ticks import format_count, format_duration, format_number
from nntui.finding import Finding
from nntui.session.recipe import Entry
from nntui.session.snapshot import EventRow, Head, Lost, MetricSummary, Snapshot, Stage
from nntui.tui.canvas import spark
from nntui.tui.paint import Paint, fitted, joined, spread
from nntui.tui.safe import safe
from nntui.tui.units import age, cut, fit, named, quantity, wrap

LEAST_METRIC_CELL = 28
"""Cells of a metric in a list of several columns."""
FIGURES = 8
"""Least cells of a value in a list: as long as nearly all, so that bars beside them do not move with every digit."""
RAIL_LINES = 4
"""Most lines of one finding beside the plots."""
GRADES = {"error": "error", "warn": "warning", "info": "note"}


def head_line(snapshot: Snapshot, width: int, paint: Paint, data_age: float, paused: bool) -> Text:
    """The run in one line, the age of the data at its right edge; what matters least is left out when it is narrow."""
    head = snapshot.head
    glyph, meaning = (paint.glyphs.failed, "error") if snapshot.problem else paint.state(head.state)
    word = "problem" if snapshot.problem else head.state
    t = paint.text
    progress = head.step >= 0 and head.total_steps > 0
    share = min(1.0, head.step / head.total_steps) if progress else 0.0
    steps = f"step {head.step:,}" + (f"/{head.total_steps:,}" if progress else "") if head.step >= 0 else ""
    data = _labelled("data", age(data_age), paint) if math.isfinite(data_age) else Text()
    data = data if data.cell_len + 12 <= width else Text()
    parts = [
        (1, t(cut(safe(head.name), max(8, width // 4)), bold=True)),
        (0, t(f"{glyph} {word}", meaning, bold=True)),
        (2, t("paused", "accent", bold=True) if paused else Text()),
        (3, t(steps)),
        (8, _bar(share, 10 if width < 120 else 24, paint) if progress else Text()),
        (5, t(f"{share:.0%}") if progress else Text()),
        (6, _labelled("ETA", format_duration(head.eta), paint) if math.isfinite(head.eta) else Text()),
        (4, _labelled("loss", format_number(head.loss), paint) if head.loss_metric else Text()),
        (7, _labelled("lr", format_number(head.lr, 3), paint) if math.isfinite(head.lr) else Text()),
        (9, t(f"{format_count(head.samples_per_second)}/s") if math.isfinite(head.samples_per_second) else Text()),
        (10, _labelled("epoch", f"{head.epoch:.1f}", paint) if math.isfinite(head.epoch) else Text()),
        (11, _labelled("ran", format_duration(head.elapsed), paint) if math.isfinite(head.elapsed) else Text()),
        (12, t(f"{head.launches} launches", "quiet") if head.launches > 1 else Text()),
    ]
    return spread(fitted(parts, width - data.cell_len - 2 if data.cell_len else width), data, width)


def notice_line(snapshot: Snapshot, width: int, paint: Paint) -> Text:
    """The one thing to know: a problem, the first alert, lost data, or that there is none of these."""
    head = snapshot.head
    if snapshot.problem:
        return _cut(paint.text(f"{paint.glyphs.failed} {snapshot.problem}", "error", bold=True), width)
    if snapshot.alerts:
        return _alert_line(snapshot, width, paint)
    lost = _lost(head.lost, paint)
    if lost.cell_len:
        return _cut(lost, width)
    if head.state == "waiting":
        return _cut(paint.text(f"waiting for data in {head.path}", "quiet"), width)
    if head.state_reason:
        glyph, meaning = paint.state(head.state)
        return _cut(paint.text(f"{glyph} {head.state}: {head.state_reason}", meaning), width)
    return _cut(paint.text(f"{paint.glyphs.passed} no alerts", "success"), width)


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


def metric_lines(
    metrics: Sequence[MetricSummary], width: int, height: int, paint: Paint, *, chosen: str = ""
) -> list[Text]:
    """Metrics with a sparkline and the newest value, in as many columns as fit; the chosen one is marked and in sight."""
    if not metrics or height < 1:
        return [_cut(paint.text(" no metrics yet", "quiet"), width)] if height > 0 else []
    columns = max(1, min(width // LEAST_METRIC_CELL, -(-len(metrics) // height)))
    cell = width // columns
    order = [m.metric for m in metrics]
    at = order.index(chosen) if chosen and chosen in order else 0
    room = height * columns
    first = at // room * room
    shown = list(metrics[first : first + room])
    left = len(metrics) - first - len(shown)
    name = max(cell_len(named(m.metric)) for m in shown)
    figures = max(FIGURES, *(len(format_number(m.last)) for m in shown))
    cells = [_metric_cell(m, cell, name, figures, paint, m.metric == chosen != "") for m in shown]
    if left > 0 and room > 1 and shown[-1].metric != chosen:
        cells[-1] = padded(paint.text(f"  … {left + 1:,} more", "quiet"), cell)
    rows = -(-len(cells) // columns)
    return [joined(cells[row::rows], "") for row in range(rows)]


def recipe_line(snapshot: Snapshot, width: int, paint: Paint) -> Text:
    """The six stages with the counts of their verdicts; where that is too long, only those that have any."""
    for stages in (snapshot.stages, [s for s in snapshot.stages if s.passed + s.warned + s.failed + s.other]):
        line = joined([paint.text("recipe", "quiet"), *(_stage(stage, paint) for stage in stages)])
        if line.cell_len <= width:
            return line
    return _cut(line, width)


def _stage(stage: Stage, paint: Paint) -> Text:
    g = paint.glyphs
    verdicts = (
        (stage.passed, g.passed, "success"),
        (stage.warned, g.warned, "warning"),
        (stage.failed, g.failed, "error"),
        (stage.other, g.skipped, "quiet"),
    )
    counts = [paint.text(f"{count}{glyph}", meaning) for count, glyph, meaning in verdicts if count]
    name = paint.text(stage.name, "foreground" if counts else "faint")
    return joined([name, *(counts or [paint.text(g.skipped, "faint")])], " ")


def worst_check_line(snapshot: Snapshot, width: int, paint: Paint) -> Text:
    """The check that needs a look first, or how many passed."""
    if not snapshot.checks:
        return _cut(paint.text("no checks were recorded", "faint"), width)
    worst = snapshot.checks[0]
    glyph, meaning = paint.verdict(worst.status)
    if worst.status in ("pass", "skip"):
        words = "   ".join(f"{c.id} {quantity(c.measured, c.unit)}" for c in snapshot.checks if c.status == "pass")
        return _cut(paint.text(f"{glyph} {words}", meaning), width)
    return spread(paint.text(f"{glyph} {worst.id}  {worst.message}", meaning), paint.text("[2] why", "quiet"), width)


def finding_row(one: Finding, width: int, paint: Paint) -> Text:
    """Verdict, id, and expected against measured, or the step and what was found, where there is room."""
    glyph, meaning = paint.verdict(one.status)
    if width < 70:
        return _cut(joined([paint.text(f"{glyph} {one.id}", meaning), paint.text(one.message, "quiet")]), width)
    head = paint.text(f"{glyph} {fit(one.status, 6)}{fit(safe(one.id), 24)}", meaning)
    numbers = f"expected {quantity(one.expected, one.unit)}, measured {quantity(one.measured, one.unit)}"
    step = fit(f"step {one.step:,}", 13)
    return _cut(joined([head, paint.text(f"{step}  {one.message}" if one.step >= 0 else numbers)], " "), width)


def recipe_row(entry: Entry, stage: str, width: int, paint: Paint) -> Text:
    """A row of the recipe: its stage where it begins, verdict, and expected against measured, or what must hold where not run."""
    one = entry.finding
    glyph, meaning = paint.verdict(one.status) if entry.known else (paint.glyphs.skipped, "quiet")
    name = one.id.partition(".")[2] or one.id
    verdict = fit(one.status if entry.known else "", 6)
    if width < 70:
        words = one.message if entry.known else entry.row.what
        return _cut(joined([paint.text(f"{glyph} {one.id}", meaning), paint.text(words, "quiet")]), width)
    head = joined(
        [paint.text(fit(stage, 10), "quiet"), paint.text(f"{glyph} {verdict}{fit(safe(name), 15)}", meaning)], " "
    )
    if not entry.known or one.status in ("skip", "crash"):
        return _cut(joined([head, paint.text(one.message if entry.known else entry.row.what, "quiet")], " "), width)
    numbers = f"expected {quantity(one.expected, one.unit)}, measured {quantity(one.measured, one.unit)}"
    return _cut(joined([head, paint.text(numbers)], " "), width)


def recipe_detail(entry: Entry, width: int, paint: Paint) -> list[Text]:
    """Everything about a row of the recipe: what must hold and why, and what came of it."""
    what, why = entry.row.what, entry.row.why
    about = _wrapped(f"{what[:1].upper()}{what[1:]}. {why}", width, paint, "quiet") if what else []
    if entry.known:
        return finding_detail(entry.finding, width, paint, about)
    head = [paint.text(entry.row.id, "quiet", bold=True), *_wrapped(entry.finding.message, width, paint, "foreground")]
    return [_cut(line, width) for line in (*head, Text(), *about)]


def finding_detail(one: Finding, width: int, paint: Paint, about: Sequence[Text] = ()) -> list[Text]:
    """Everything a finding says, wrapped to the width. about: why it is looked for."""
    glyph, meaning = paint.verdict(one.status)
    lines = [paint.text(f"{glyph} {one.id}  {GRADES.get(one.status, one.status)}", meaning, bold=True)]
    lines += _wrapped(one.message, width, paint, "foreground")
    lines += [*([Text(), *about] if about else []), Text()]
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
    return _cut(joined(parts), width)


def clock_of(events: Sequence[EventRow]) -> str:
    """How times of these events are written: with the date once they span more than a day."""
    span = events[-1].wall_time - events[0].wall_time if events else 0.0
    return "%H:%M:%S" if span < 86400 else "%d %b %H:%M"


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


def _metric_cell(metric: MetricSummary, width: int, name: int, figures: int, paint: Paint, chosen: bool) -> Text:
    """Mark, name, sparkline, value, in exactly `width` cells; a name gives way to at least four bars."""
    value = format_number(metric.last).rjust(figures)
    name = max(1, min(name, width - figures - 8))
    bars = max(0, min(16, width - name - figures - 4))
    meaning = "foreground" if math.isfinite(metric.last) else "error"
    mark = paint.glyphs.cursor if chosen else " "
    parts = [
        paint.text(f"{mark}{fit(named(metric.metric), name)}", "accent" if chosen else "quiet"),
        paint.text(spark(metric.sparkline, bars, paint.glyphs.bar), "primary"),
        paint.text(value, meaning, bold=True),
    ]
    return padded(joined(parts, " "), width)


def padded(line: Text, width: int) -> Text:
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
    return [paint.text(" " * indent + line, meaning) for line in wrap(safe(words), width - indent)]


def _evidence(value: object) -> str:
    if isinstance(value, float):
        return format_number(value, 6)
    if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        numbers = [n for row in value for n in row if isinstance(n, int | float)]
        span = f", {format_number(min(numbers))} to {format_number(max(numbers))}" if numbers else ""
        return f"{len(value)} × {len(value[0])} numbers{span}"
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
        lines += _hanging(glyph, one.message, width, paint, meaning)
    if not snapshot.alerts:
        lines.append(paint.text(f"{paint.glyphs.passed} none", "success"))
    lines += [Text(), paint.text("checks", "quiet", bold=True)]
    for one in snapshot.checks:
        glyph, meaning = paint.verdict(one.status)
        lines.append(_cut(paint.text(f"{glyph} {one.id}", meaning), width))
        numbers = f"expected {quantity(one.expected, one.unit)}, measured {quantity(one.measured, one.unit)}"
        lines += _wrapped(numbers, width, paint, "quiet", indent=2)
        if one.status in ("fail", "warn", "crash"):
            lines += _wrapped(one.message, width, paint, "foreground", indent=2)[:RAIL_LINES]
    if not snapshot.checks:
        lines.append(paint.text("none were recorded", "faint"))
    if snapshot.events and len(lines) + 3 <= height:
        lines += [Text(), paint.text("log", "quiet", bold=True)]
        newest = reversed(snapshot.events[len(lines) - height :])
        lines += [event_row(event, width, paint) for event in newest]
    return [_cut(line, width) for line in lines[:height]]


def _hanging(glyph: str, words: str, width: int, paint: Paint, meaning: str) -> list[Text]:
    """Words beside a glyph, wrapped under themselves."""
    lines = wrap(safe(words), width - 2)[:RAIL_LINES]
    return [paint.text(f"{' ' if place else glyph} {line}", meaning) for place, line in enumerate(lines)]
