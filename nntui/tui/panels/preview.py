"""The run under the cursor beside the list of runs: how good it is, over time, and what it did otherwise.

Owns the order of what is told and how many lines each part may have. Pure. Invariant: what the small files tell is told at once,
what has to be read once it was; a run that cannot be read says why, and where there is no room for all the last is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from nntui.session.glance import Glance
from nntui.session.outcome import Outcome
from nntui.session.runs import Preview, Runs
from nntui.session.snapshot import Snapshot
from nntui.tui import difference_words, run_words
from nntui.tui.paint import Paint, cut_line, joined, wrapped
from nntui.tui.panels.findings import recipe_line
from nntui.tui.panels.rail import hanging
from nntui.tui.panels.runs import LABEL_WIDTH, differences_detail, sign
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit
from nntui.tui.widgets.plot import plot_lines

LEAST_PLOT, MOST_PLOT = 9, 14
"""Lines of a plot."""
MOST_NAME = 32
MOST_FOUND = 3
"""Failed checks, and alerts, that are told in words."""


@dataclass(frozen=True, slots=True)
class Along:
    """A run drawn along with the one under the cursor."""

    number: int
    name: str
    outcome: Outcome
    is_open: bool = False


def preview_lines(
    one: Glance, runs: Runs, along: Sequence[Along], width: int, height: int, paint: Paint, facts: list[Text]
) -> list[Text]:
    """The run in words and plots. facts: what stands last, where there is room."""
    head = _head(one, width, paint)
    if one.problem:
        return head[:height]
    outcome = runs.outcome(one)
    head += _scores(outcome, along, width, paint)
    known = runs.preview if runs.preview.path == one.path else Preview()
    words = [_changes(runs, one, width, paint), *_found(known, width, paint)]
    wanted = sum(len(part) + 1 for part in words)
    head += _plots(known, width, height - len(head) - wanted, height - len(head), paint)
    for part in (*words, facts):
        if part and len(head) + 2 <= height:
            head += [Text(), *part]
    return head[:height]


def _head(one: Glance, width: int, paint: Paint) -> list[Text]:
    """Name and state, and why it is in that state."""
    state = run_words.state(one)
    glyph, meaning = sign(state, paint)
    launches = paint.text(run_words.launches(one) if one.launches > 1 else "", "quiet")
    name = paint.text(cut(safe(one.name), max(8, width - 24)), bold=True)
    line = joined([name, paint.text(f"{glyph} {state}", meaning, bold=True), launches])
    why = one.problem or one.reason
    return [cut_line(line, width), *(wrapped(why, width, paint, "quiet") if why else [])[: 9 if one.problem else 2]]


def _scores(outcome: Outcome, along: Sequence[Along], width: int, paint: Paint) -> list[Text]:
    """The best value of what the run is judged by and where that was; of the runs drawn along the same."""
    metric = outcome.judged_by
    if not metric:
        return []
    room = max(LABEL_WIDTH, min(MOST_NAME, max((cell_len(safe(a.name)) + 2 for a in along), default=0)))
    best = joined(
        [paint.text(safe(metric)), paint.text(difference_words.point(outcome.best), "accent", bold=True)], " "
    )
    lines = [joined([paint.text(fit("best", room), "quiet"), best], " ")]
    for other in along:
        name = Text(fit(f"{other.number} {safe(other.name)}", room), paint.series(other.number), end="", no_wrap=True)
        value = paint.text(difference_words.point(other.outcome.best_of(metric)))
        lines.append(joined([name, value, paint.text("the open one" if other.is_open else "", "quiet")], " "))
    return [cut_line(line, width) for line in lines]


def _plots(known: Preview, width: int, height: int, most: int, paint: Paint) -> list[Text]:
    """As many plots as have room in `height` lines, one even where that takes up to `most`; until it is read an empty frame."""
    data = list(known.snapshot.plots.values()) or [None]
    count = max(1, min(len(data), height // LEAST_PLOT))
    rows = min(MOST_PLOT, max(LEAST_PLOT, height // count))
    if rows > most:
        return []
    nothing = known.trouble or ("no metrics were recorded" if known.path else "reading …")
    return [line for one in data[:count] for line in plot_lines(one, width, rows, paint, title="", nothing=nothing)]


def _changes(runs: Runs, one: Glance, width: int, paint: Paint) -> list[Text]:
    return [paint.text("what changed", "quiet"), *differences_detail(runs, one, width, paint)]


def _found(known: Preview, width: int, paint: Paint) -> list[list[Text]]:
    """Checks and alerts, the worst in words."""
    if known.path is None or known.trouble:
        return []
    snapshot = known.snapshot
    checks = [recipe_line(snapshot, width, paint)] if snapshot.checks else []
    for bad in [check for check in snapshot.checks if check.status not in ("pass", "skip")][:MOST_FOUND]:
        glyph, meaning = paint.verdict(bad.status)
        checks += hanging(glyph, f"{bad.id}  {bad.message}", width, paint, meaning, most=2)
    return [checks, _alerts(snapshot, width, paint)]


def _alerts(snapshot: Snapshot, width: int, paint: Paint) -> list[Text]:
    if not snapshot.alerts:
        return [paint.text(f"{paint.glyphs.passed} no alerts", "success")]
    lines: list[Text] = []
    for alert in snapshot.alerts[:MOST_FOUND]:
        glyph, meaning = paint.verdict(alert.status)
        lines += hanging(glyph, alert.message, width, paint, meaning)
    more = len(snapshot.alerts) - MOST_FOUND
    return [*lines, paint.text(f"and {more} more", "quiet")] if more > 0 else lines
