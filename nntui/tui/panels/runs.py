"""The parts of the list of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
from rich.text import Text

from nntui.session.glance import Glance
from nntui.session.outcome import Outcome
from nntui.session.runs import Runs
from nntui.tui import difference_words, run_words
from nntui.tui.canvas import spark
from nntui.tui.paint import Paint, fitted, joined
from nntui.tui.run_columns import STATE_WIDTH, Columns
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit, wrap

LABEL_WIDTH = 9
DECADES = 10.0
"""Largest by smallest value from which bars stand for logarithms."""
URGENT = ("crashed", "live", "silent", "problem", "quiet", "waiting", "ended")
"""Whose number is told first where there is no room for all."""


def bars(bar: str) -> Callable[[tuple[float, ...], int], str]:
    """What makes a row of bars of a curve; of one that spans decades by its logarithms."""

    def drawn(curve: tuple[float, ...], width: int) -> str:
        values = np.array(curve)
        known = values[np.isfinite(values)]
        decades = len(known) > 0 and known.min() > 0 and known.max() / known.min() >= DECADES
        return spark(np.log(values) if decades else values, width, bar) if curve else ""

    return drawn


def head_line(runs: Runs, width: int, paint: Paint, *, looked: bool = True) -> Text:
    """The folder, and how many of its runs are in which state. looked: whether it is known how many there are."""
    listing = runs.listing
    known = "1 run" if len(listing.runs) == 1 else f"{len(listing.runs):,} runs"
    counts = Counter(map(run_words.state, listing.runs))
    parts = [
        (0, paint.text(cut(safe(listing.root), max(8, width // 3)), bold=True)),
        (1, paint.text(known if looked else "")),
    ]
    for state, count in ((state, counts[state]) for state in run_words.GLYPHS):
        glyph, meaning = sign(state, paint)
        parts.append((2 + URGENT.index(state), paint.text(f"{glyph} {count:,} {state}" if count else "", meaning)))
    parts.append((20, paint.text(f"{listing.unread:,} not read yet" if listing.unread else "", "quiet")))
    return fitted(parts, width)


def filter_line(runs: Runs, width: int, paint: Paint) -> Text:
    """What the filter and the order do, or what of them is not understood; empty where there are none."""
    view, total = runs.view, len(runs.listing.runs)
    if runs.listing.problem:
        line = paint.text(f"{paint.glyphs.failed} {runs.listing.problem}", "error", bold=True)
    elif runs.problem or runs.unknown:
        line = paint.text(f"{paint.glyphs.warned} {'; '.join(filter(None, (runs.problem, runs.unknown)))}", "warning")
    else:
        shown = f"{len(runs.rows):,} of {total:,} runs: {view.pattern}  esc shows all" if view.pattern else ""
        order = (
            f"by {view.sort.removeprefix('-')}{', turned round' if view.sort.startswith('-') else ''}"
            if view.sort
            else ""
        )
        reading = f"reading {runs.unread:,} of {total:,} …" if runs.unread else ""
        line = joined([paint.text(shown, "accent"), paint.text(order, "accent"), paint.text(reading, "quiet")])
    line.truncate(max(0, width), overflow="ellipsis")
    return line


def titles_line(table: Columns, sort: str, width: int, paint: Paint) -> Text:
    """The titles, from the state on; that of the column by which the runs are ordered stands out."""
    name, turned = sort.removeprefix("-"), sort.startswith("-")
    line = paint.text(f"  {fit('state', STATE_WIDTH)}  ", "quiet")
    line.append_text(paint.text(fit("run", table.name), "accent" if name == "name" else "quiet"))
    for column in table.shown:
        chosen = column.key == name
        title = f"{column.title}{'↑' if turned else '↓'}" if chosen else column.title
        line.append("  ")
        line.append_text(paint.text(fit(title, column.width, right=column.right), "accent" if chosen else "quiet"))
    line.truncate(max(0, width), overflow="ellipsis")
    return line


def run_row(
    one: Glance, outcome: Outcome, table: Columns, now: float, paint: Paint, *, mark: Text, is_open: bool
) -> Text:
    """State, name and numbers. mark: of one cell, before them; now: monotonic seconds."""
    glyph, meaning = sign(run_words.state(one), paint)
    line = joined([mark, paint.text(f"{glyph} {fit(run_words.state(one), STATE_WIDTH)}", meaning)], "")
    line.append("  ")
    line.append_text(paint.text(table.label(one), bold=is_open))
    if one.problem:
        line.append("  ")
        line.append_text(paint.text(run_words.why(one)))
        return line
    for column, cell in zip(table.shown, table.cells(one, outcome, now), strict=True):
        line.append("  ")
        line.append_text(paint.text(cell, "primary" if column.key == "curve" else "foreground"))
    return line


def run_detail(one: Glance, outcome: Outcome, width: int, now: float, wall: float, paint: Paint) -> list[Text]:
    """What is known of a run without opening it, and how it was started."""
    best = {"best": f"{safe(outcome.judged_by)} {difference_words.point(outcome.best)}"} if outcome.judged_by else {}
    name = paint.text(cut(safe(one.name), width), bold=True)
    return [name, *fact_lines(best | dict(run_words.facts(one, now, wall)), one, width, paint)]


def fact_lines(facts: Mapping[str, str], one: Glance, width: int, paint: Paint) -> list[Text]:
    """Names and values, over how a run was started."""
    lines: list[Text] = []
    for name, value in facts.items():
        label = paint.text(fit(name, LABEL_WIDTH), "quiet")
        for at, words in enumerate(wrap(value, width - LABEL_WIDTH)):
            lines.append(joined([Text(" " * LABEL_WIDTH) if at else label, paint.text(words)], ""))
    settings = list(run_words.settings(one.config))
    if settings:
        lines += [Text(), paint.text("config", "quiet")]
        lines += [paint.text(cut(f"  {name}: {value}", width)) for name, value in settings]
    return lines


def differences_detail(runs: Runs, one: Glance, width: int, paint: Paint) -> list[Text]:
    """What differs between the chosen run and the one it is compared with."""
    found, asked = runs.compared, runs.view.compare
    if found is None or asked is None or asked[1] != one.path:
        waiting = asked is None or asked[1] != one.path
        words = "comparing …" if waiting else "nothing to compare with: pin a run with p, or open one"
        return [paint.text(cut(words, width), "quiet")]
    names, verdict, *rest = difference_words.lines(found, width)
    flagged = "warning" if len(found.counted) > 1 else "accent"
    return [paint.text(names, bold=True), paint.text(verdict, flagged), *map(paint.text, rest)]


def sign(state: str, paint: Paint) -> tuple[str, str]:
    """Glyph and meaning of the state of a run that may be unreadable."""
    return paint.state(state) if state != "problem" else (paint.glyphs.failed, "error")
