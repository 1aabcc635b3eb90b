"""Findings of checks and rules: in a row, in full, and counted by stage.

Owns those words. Pure functions of findings, a size and a Paint. Invariant: every foreign string goes through Paint.text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

from nntui.analysis.ticks import format_number
from nntui.finding import Finding
from nntui.session.recipe import Entry
from nntui.session.snapshot import Snapshot, Stage
from nntui.tui.paint import Paint, cut_line, joined, labelled, spread, wrapped
from nntui.tui.panels.log import clock_of, event_row
from nntui.tui.safe import safe
from nntui.tui.units import fit, quantity

GRADES = {"error": "error", "warn": "warning", "info": "note"}


def recipe_line(snapshot: Snapshot, width: int, paint: Paint) -> Text:
    """The six stages with the counts of their verdicts; where that is too long, only those that have any."""
    for stages in (snapshot.stages, [s for s in snapshot.stages if s.passed + s.warned + s.failed + s.other]):
        line = joined([paint.text("recipe", "quiet"), *(_stage(stage, paint) for stage in stages)])
        if line.cell_len <= width:
            return line
    return cut_line(line, width)


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
    """The check that needs a look first; where there is none, what happened last."""
    worst = next((one for one in snapshot.checks if one.status not in ("pass", "skip")), None)
    if worst is None:
        if snapshot.events:
            return event_row(snapshot.events[-1], width, paint, clock_of(snapshot.events))
        return cut_line(paint.text("" if snapshot.checks else "no checks were recorded", "faint"), width)
    glyph, meaning = paint.verdict(worst.status)
    return spread(paint.text(f"{glyph} {worst.id}  {worst.message}", meaning), paint.text("[2] why", "quiet"), width)


def finding_row(one: Finding, width: int, paint: Paint) -> Text:
    """Verdict, id, and expected against measured, or the step and what was found, where there is room."""
    glyph, meaning = paint.verdict(one.status)
    if width < 70:
        return cut_line(joined([paint.text(f"{glyph} {one.id}", meaning), paint.text(one.message, "quiet")]), width)
    head = paint.text(f"{glyph} {fit(one.status, 6)}{fit(safe(one.id), 24)}", meaning)
    numbers = f"expected {quantity(one.expected, one.unit)}, measured {quantity(one.measured, one.unit)}"
    step = fit(f"step {one.step:,}", 13)
    return cut_line(joined([head, paint.text(f"{step}  {one.message}" if one.step >= 0 else numbers)], " "), width)


def recipe_row(entry: Entry, stage: str, width: int, paint: Paint) -> Text:
    """A row of the recipe: its stage where it begins, verdict, and expected against measured, or what must hold where not run."""
    one = entry.finding
    glyph, meaning = paint.verdict(one.status) if entry.known else (paint.glyphs.skipped, "quiet")
    name = one.id.partition(".")[2] or one.id
    verdict = fit(one.status if entry.known else "", 6)
    if width < 70:
        words = one.message if entry.known else entry.row.what
        return cut_line(joined([paint.text(f"{glyph} {one.id}", meaning), paint.text(words, "quiet")]), width)
    head = joined(
        [paint.text(fit(stage, 10), "quiet"), paint.text(f"{glyph} {verdict}{fit(safe(name), 15)}", meaning)], " "
    )
    if not entry.known or one.status in ("skip", "crash"):
        return cut_line(joined([head, paint.text(one.message if entry.known else entry.row.what, "quiet")], " "), width)
    numbers = f"expected {quantity(one.expected, one.unit)}, measured {quantity(one.measured, one.unit)}"
    return cut_line(joined([head, paint.text(numbers)], " "), width)


def recipe_detail(entry: Entry, width: int, paint: Paint) -> list[Text]:
    """Everything about a row of the recipe: what must hold and why, and what came of it."""
    what, why = entry.row.what, entry.row.why
    about = wrapped(f"{what[:1].upper()}{what[1:]}. {why}", width, paint, "quiet") if what else []
    if entry.known:
        return finding_detail(entry.finding, width, paint, about)
    head = [paint.text(entry.row.id, "quiet", bold=True), *wrapped(entry.finding.message, width, paint, "foreground")]
    return [cut_line(line, width) for line in (*head, Text(), *about)]


def finding_detail(one: Finding, width: int, paint: Paint, about: Sequence[Text] = ()) -> list[Text]:
    """Everything a finding says, wrapped to the width. about: why it is looked for."""
    glyph, meaning = paint.verdict(one.status)
    lines = [paint.text(f"{glyph} {one.id}  {GRADES.get(one.status, one.status)}", meaning, bold=True)]
    lines += wrapped(one.message, width, paint, "foreground")
    lines += [*([Text(), *about] if about else []), Text()]
    tolerance = f" ± {format_number(one.tolerance)}" if math.isfinite(one.tolerance) and one.tolerance > 0 else ""
    pairs = [
        ("expected", quantity(one.expected, one.unit) + tolerance),
        ("measured", quantity(one.measured, one.unit)),
        ("step", f"{one.step:,}" if one.step >= 0 else "before the first"),
        ("took", f"{one.seconds:.2f} s" if math.isfinite(one.seconds) else ""),
    ]
    lines += [labelled(f"{name:<9}", value, paint) for name, value in pairs if value]
    if one.advice:
        lines += [Text(), paint.text("what to try", "quiet"), *wrapped(one.advice, width, paint, "foreground")]
    if one.evidence:
        lines += [Text(), paint.text("evidence", "quiet")]
        for name, value in one.evidence.items():
            lines += wrapped(f"{safe(name)}: {_evidence(value)}", width, paint, "foreground", indent=2)
    return [cut_line(line, width) for line in lines]


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
