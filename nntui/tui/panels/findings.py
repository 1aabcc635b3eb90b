"""Findings of checks and rules: in a row, in full, and counted by stage.

Owns those words. Pure functions of findings, a size and a Paint. Invariant: every foreign string goes through Paint.text.
"""

from __future__ import annotations

import math

from rich.text import Text

from nntui.analysis.ticks import format_number
from nntui.finding import Finding
from nntui.session.snapshot import Snapshot, Stage
from nntui.tui.paint import Paint, beside, cut_line, joined, labelled, spread, wrapped
from nntui.tui.panels.frame import READING
from nntui.tui.panels.log import clock_of, event_row
from nntui.tui.safe import safe
from nntui.tui.units import fit, quantity, wrap

APART = 140
"""Cells from which the evidence stands beside the words of a detail."""
LONGEST = 120
"""Most cells of a line of words alone."""
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
        words = "" if snapshot.checks else READING if snapshot.unread else "no checks were recorded"
        return cut_line(paint.text(words, "faint"), width)
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


def finding_detail(one: Finding, width: int, paint: Paint, about: str = "", *, evidence: bool = True) -> list[Text]:
    """Everything a finding says, wrapped to the width, what helps first. about: why it is looked for."""
    glyph, meaning = paint.verdict(one.status)
    lines = [paint.text(f"{glyph} {one.id}  {GRADES.get(one.status, one.status)}", meaning, bold=True)]
    lines += wrapped(one.message, width, paint, "foreground")
    lines += _numbers(one, width, paint)
    if one.advice:
        lines += [Text(), paint.text("what to try", "quiet"), *wrapped(one.advice, width, paint, "foreground")]
    if about:
        lines += [Text(), *wrapped(about, width, paint, "quiet")]
    if evidence and one.evidence:
        lines += [Text(), *evidence_lines(one, width, paint)]
    return [cut_line(line, width) for line in lines]


def wide_detail(one: Finding, width: int, paint: Paint, about: str = "") -> list[Text]:
    """The same, with the evidence beside the words where both have room."""
    left = width * 3 // 5
    if width < APART or not one.evidence:
        return finding_detail(one, min(width, LONGEST), paint, about)
    words = finding_detail(one, left, paint, about, evidence=False)
    proofs = evidence_lines(one, width - left - 3, paint)
    return beside(words, proofs, left, max(len(words), len(proofs)), paint.text("   "))


def evidence_lines(one: Finding, width: int, paint: Paint) -> list[Text]:
    """Every number that a finding rests on."""
    lines = [paint.text("evidence", "quiet")]
    for name, value in one.evidence.items():
        lines += wrapped(f"{safe(name)}: {_evidence(value)}", width, paint, "foreground", indent=2)
    return [cut_line(line, width) for line in lines]


def _numbers(one: Finding, width: int, paint: Paint) -> list[Text]:
    """What was expected and measured, in one line where that has room; nothing where neither is known."""
    tolerance = f" ± {format_number(one.tolerance)}" if math.isfinite(one.tolerance) and one.tolerance > 0 else ""
    expected, measured = quantity(one.expected, one.unit), quantity(one.measured, one.unit)
    known = (expected, measured) != ("–", "–")
    pairs = [
        ("expected", expected + tolerance if known else ""),
        ("measured", measured if known else ""),
        ("step", f"{one.step:,}" if one.step >= 0 else ""),
        ("took", f"{one.seconds:.2f} s" if math.isfinite(one.seconds) else ""),
    ]
    line = joined([labelled(name, value, paint) for name, value in pairs if value], "   ")
    if line.cell_len <= width:
        return [line] if line.cell_len else []
    return [
        joined([paint.text(fit(name if not at else "", 9), "quiet"), paint.text(words, bold=True)], " ")
        for name, value in pairs
        if value
        for at, words in enumerate(wrap(value, width - 10))
    ]


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
