"""`nntui report`: what happened to a run, which came first, what to try.

Owns the page as text and as markdown. Invariant: both say the same; no foreign text is read as markdown.
"""

from __future__ import annotations

import argparse
import math
import re
import shutil
from collections.abc import Iterator
from datetime import datetime

from nntui.analysis.ticks import format_duration, format_number
from nntui.cli import put
from nntui.cli.show import exit_code
from nntui.session import paths
from nntui.session.layers import LayersView
from nntui.session.load import Loaded
from nntui.session.report import Report, Score, Told, report, restarts, where
from nntui.session.snapshot import View
from nntui.tui.safe import safe
from nntui.tui.units import quantity, wrap

_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~!&])")
Line = tuple[str, str]
"""(title | heading | paragraph | item | detail, words)"""


def run(arguments: argparse.Namespace) -> int:
    """Print the report. Raises RunFolderError when there is no run."""
    loaded = Loaded(paths.resolve(arguments.path))
    snapshot = loaded.snapshot(View(sparkline_columns=1, layers=LayersView(columns=1)))
    lines = [*page(report(snapshot, loaded.series))]
    if arguments.format == "markdown":
        put(markdown(lines))
    else:
        put(text(lines, arguments.width or min(max(shutil.get_terminal_size((80, 24)).columns, 20), 120)))
    return exit_code(snapshot, strict=arguments.strict)


def page(told: Report) -> Iterator[Line]:
    """Every line of the report."""
    yield "title", f"Report of {told.head.name}"
    yield "paragraph", told.sentence
    yield from _numbers(told)
    yield "heading", "What was found, in the order it began"
    if not told.findings:
        checks = f"{told.passed:,} checks passed" if told.passed else "no check was run"
        yield "paragraph", f"Nothing: {checks}, and no alert of a warning or more stands."
    advised: set[str] = set()
    for one in told.findings:
        yield from _finding(one, advised)
    if told.notes:
        yield "heading", "Worth a look"
        for one in told.notes:
            yield from _finding(one, advised)
    if told.events:
        yield "heading", "Warnings and errors in the log"
        for event in told.events:
            place = f" at step {event.step:,}" if event.step >= 0 else ""
            yield "item", f"{_clock(event.wall_time)}{place}, {event.event}: {event.message}"
    if told.declared:
        yield "heading", "Declared as intended"
        yield from (("item", words) for words in told.declared)
    if told.blind:
        yield "heading", "What the probes could not see"
        yield from (("item", words) for words in told.blind)


def _numbers(told: Report) -> Iterator[Line]:
    head, lost = told.head, told.head.lost
    yield "heading", "The run in numbers"
    yield "item", f"folder: {head.path}"
    yield "item", f"state: {head.state}" + (f" ({head.state_reason})" if head.state_reason else "")
    if head.step >= 0:
        yield "item", f"steps: {head.step:,}" + (f" of {head.total_steps:,}" if head.total_steps else "")
    if math.isfinite(told.began):
        yield "item", f"began: {_clock(told.began)}; ran {format_duration(head.elapsed)}"
    for score in told.scores[:1]:
        yield "item", f"best validation: {_score(score)} at step {score.step:,}"
    if len(told.scores) > 1:
        yield "item", "there: " + "; ".join(_score(score) for score in told.scores[1:8])
    for metric, value in told.final:
        yield "item", f"last {metric}: {format_number(value)}"
    yield "item", f"checks: {told.passed:,} passed, {told.skipped:,} skipped"
    if head.launches > 1:
        yield "item", restarts(head)
    gone = [
        f"{count:,} {words}"
        for count, words in (
            (lost.points, "points dropped by the recorder"),
            (lost.frames, "frames damaged or missing"),
            (lost.torn, "writes cut off by a kill"),
            (lost.ignored, "odd files ignored"),
        )
        if count
    ]
    yield "item", f"data lost: {', '.join(gone) or 'none'}"


def _score(score: Score) -> str:
    error = f" ± {format_number(score.error)}" if math.isfinite(score.error) else ""
    return f"{score.metric} {format_number(score.value)}{error}"


def _finding(told: Told, advised: set[str]) -> Iterator[Line]:
    """advised: what to try that the page has said already, of another metric of the same cause; it grows."""
    one = told.finding
    clock = f" ({_clock(told.wall_time)})" if math.isfinite(told.wall_time) else ""
    yield "item", f"{where(one)}{clock}: {one.status} {one.id}. {one.message}"
    expected, measured = quantity(one.expected, one.unit), quantity(one.measured, one.unit)
    if (expected, measured) != ("–", "–"):
        yield "detail", f"expected {expected}, measured {measured}"
    if one.advice and one.advice not in advised:
        yield "detail", f"try: {one.advice}"
        advised.add(one.advice)


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def text(lines: list[Line], width: int) -> str:
    """The page for a terminal."""
    shown: list[str] = []
    for kind, words in lines:
        first, rest = {"item": ("- ", "  "), "detail": ("  ", "  ")}.get(kind, ("", ""))
        pieces = wrap(safe(words), width - len(first))
        if kind == "heading":
            shown.append("")
        shown += [f"{rest if place else first}{piece}" for place, piece in enumerate(pieces)]
        if kind in ("title", "heading"):
            shown.append(("=" if kind == "title" else "-") * min(width, len(pieces[-1])))
    return "\n".join(shown)


def markdown(lines: list[Line]) -> str:
    """The page for a document."""
    shown: list[str] = []
    before = ""
    for kind, words in lines:
        line = _MARKDOWN.sub(r"\\\1", safe(words))
        if kind in ("title", "heading", "paragraph") or (before and before not in ("item", "detail")):
            shown.append("")
        first = {"title": "# ", "heading": "## ", "item": "- ", "detail": "  - "}.get(kind, "")
        shown.append(first + line)
        before = kind
    return "\n".join(shown).strip()
