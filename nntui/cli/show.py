"""`nntui show`: a run on one page, with or without a terminal.

Owns the page and the JSON. Invariant: the exit code says what the page says.
"""

from __future__ import annotations

import argparse
import difflib
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence

from nntui import names
from nntui.analysis.ticks import format_duration, format_number
from nntui.cli import FOUND, OK, UsageError, put
from nntui.finding import Finding, jsonable
from nntui.session import paths
from nntui.session.load import Loaded
from nntui.session.report import restarts
from nntui.session.snapshot import Head, MetricSummary, Snapshot, View
from nntui.tui.options import Options
from nntui.tui.safe import safe
from nntui.tui.units import age, cut, fit, named, quantity, wrap

PLOT_HEIGHT = 18
MARKS = {"pass": "✓", "warn": "▲", "fail": "✗", "error": "✗", "crash": "✗", "skip": "–", "info": "·"}


def run(arguments: argparse.Namespace) -> int:
    """Print the run. Raises RunFolderError when there is none, UsageError for an unknown metric."""
    loaded = Loaded(paths.resolve(arguments.path))
    snapshot = loaded.snapshot(_view(arguments))
    metrics = _plotted(snapshot, arguments.plot)
    if arguments.json:
        put(json.dumps(as_json(snapshot, time.monotonic()), ensure_ascii=True))
    else:
        width = arguments.width or min(max(shutil.get_terminal_size((80, 24)).columns, 20), 1000)
        put("\n".join(_page(loaded, snapshot, metrics, width)))
    return exit_code(snapshot, strict=arguments.strict)


def _view(arguments: argparse.Namespace) -> View:
    """Metrics of layers are listed only for programs, and for whoever names one."""
    every = arguments.json or names.is_aside(arguments.plot or "")
    return View(inside=sys.maxsize if every else 0, inside_pattern="" if arguments.json else arguments.plot or "")


def exit_code(snapshot: Snapshot, *, strict: bool) -> int:
    """4 for a failed check or an alert of severity error, with `strict` for warnings too; else 0."""
    statuses = {one.status for one in (*snapshot.checks, *snapshot.alerts)}
    return FOUND if statuses & ({"fail", "error", "warn"} if strict else {"fail", "error"}) else OK


def as_json(snapshot: Snapshot, now: float) -> dict[str, object]:
    """The page for programs; non-finite numbers are the strings `nan`, `inf`, `-inf`. now: monotonic seconds."""
    head = snapshot.head
    return {
        "format": 1,
        "run": head.name,
        "state": head.state,
        "step": head.step,
        "total_steps": head.total_steps,
        "data_age": jsonable(now - head.newest),
        "metrics": {
            m.metric: {"last": jsonable(m.last), "step": m.step, "min": jsonable(m.low), "max": jsonable(m.high)}
            for m in snapshot.metrics
        },
        "checks": [one.as_dict() for one in snapshot.checks],
        "alerts": [one.as_dict() for one in snapshot.alerts],
        "lost": {"points": head.lost.points, "frames": head.lost.frames + head.lost.torn},
    }


def _plotted(snapshot: Snapshot, wanted: str | None) -> tuple[str, ...]:
    known = [m.metric for m in snapshot.metrics]
    if wanted is None:
        return Options().main(snapshot.metrics)
    if wanted not in known:
        near = ", ".join(difflib.get_close_matches(wanted, known, 3, 0.3)) or ", ".join(known[:5]) or "none"
        raise UsageError(
            f"--plot {wanted!r}: no such metric in {snapshot.head.path}; expected one of its own, such as {near}."
        )
    return (wanted,)


def _page(loaded: Loaded, snapshot: Snapshot, metrics: tuple[str, ...], width: int) -> Iterator[str]:
    yield _head(snapshot.head, time.monotonic())
    if metrics:
        from nntui.cli import plotting

        view = Options().plot("main", metrics, plotting.raster_columns(width))
        plot = loaded.snapshot(View((view,))).plots["main"]
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        drawn = plotting.printed(plot, width, PLOT_HEIGHT, colour=colour)
        yield f"\n{drawn}" if drawn else ""
    yield from _metrics([m for m in snapshot.metrics if not names.is_aside(m.metric)], width)
    if snapshot.inside:
        yield cut(f"and {snapshot.inside:,} metrics taken inside the model: nntui watch, key 5", width)
    yield from _findings("checks", snapshot.checks, width)
    yield from _findings("alerts", snapshot.alerts, width)
    lost = snapshot.head.lost
    if lost.points or lost.frames or lost.torn or lost.ignored:
        yield (
            f"\nlost: {lost.points:,} points the recorder had to drop, {lost.frames:,} damaged frames, "
            f"{lost.torn:,} unfinished, {lost.ignored:,} ignored files"
        )
    if snapshot.head.launches > 1:
        yield from _wrapped(restarts(snapshot.head), width)


def _head(head: Head, now: float) -> str:
    step = (
        f"step {head.step:,}" + (f"/{head.total_steps:,}" if head.total_steps else "")
        if head.step >= 0
        else "no step yet"
    )
    parts = [safe(head.path), head.state, step]
    if head.loss_metric:
        parts.append(f"{safe(head.loss_metric)} {format_number(head.loss)}")
    if math.isfinite(head.lr):
        parts.append(f"lr {format_number(head.lr)}")
    parts += [f"ran {format_duration(head.elapsed)}", f"data {age(now - head.newest)}"]
    reason = f"\n{safe(head.state_reason)}" if head.state_reason else ""
    return "  ".join(parts) + reason


def _metrics(metrics: Sequence[MetricSummary], width: int) -> Iterator[str]:
    if not metrics:
        yield "\nno metrics yet"
        return
    name = max(10, min(40, width - 48))
    yield f"\n{fit('metric', name)}{'last':>10}{'step':>12}{'min':>11}{'max':>11}"
    for m in metrics:
        numbers = f"{format_number(m.last):>10} {m.step:>11,} {format_number(m.low):>10} {format_number(m.high):>10}"
        yield fit(named(m.metric), name) + numbers


def _wrapped(text: str, width: int) -> Iterator[str]:
    yield ""
    yield from wrap(text, width)


def _findings(title: str, findings: Sequence[Finding], width: int) -> Iterator[str]:
    yield f"\n{title}" if findings else f"\n{title}: none"
    for one in findings:
        yield cut(f"  {MARKS.get(one.status, ' ')} {fit(one.status, 6)}{safe(one.id)}", width)
        yield from _indented(safe(one.message), width)
        numbers = f"expected {quantity(one.expected, one.unit)}, measured {quantity(one.measured, one.unit)}"
        yield from _indented(numbers, width)
        if one.advice and one.status != "pass":
            yield from _indented(f"try: {safe(one.advice)}", width)


def _indented(text: str, width: int) -> list[str]:
    return [f"      {line}" for line in wrap(text, width - 6)]
