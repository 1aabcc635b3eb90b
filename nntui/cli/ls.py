"""`nntui ls`: the runs below a folder.

Owns the printed list and its JSON. Invariant: a run that cannot be read has a line of its own and hides no other; a run is read
only where its end does not tell what it came to.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.cells import cell_len

from nntui.cli import OK, UsageError, put
from nntui.cli.status import as_json
from nntui.finding import jsonable
from nntui.runlog import layout
from nntui.runlog.errors import NotARun, RunNotFound
from nntui.session import catalog, paths
from nntui.session.catalog import Catalog, Listing
from nntui.session.choice import choose, differing, needs_outcomes
from nntui.session.differences import side
from nntui.session.glance import Glance
from nntui.session.ledger import entries
from nntui.session.outcome import Outcome
from nntui.session.runs import Runs, RunsView
from nntui.tui import run_words as words
from nntui.tui.difference_words import ledger_change, ledger_gain
from nntui.tui.run_columns import STATE_WIDTH, columns
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit

LEDGER_NAME = 28
PATIENCE = 5.0
"""Seconds for which runs are read where neither the filter nor the order asks for it."""


def run(arguments: argparse.Namespace) -> int:
    """Print the runs. Raises RunFolderError when there is no such folder, UsageError for a filter that is not understood."""
    root = Path(arguments.path) if arguments.path is not None else paths.DEFAULT
    if layout.is_run(root):
        raise NotARun(
            f"{root}: found a run; expected a folder of runs. Use `nntui status {root}`, or name the folder above it."
        )
    listing = Catalog(root).look()
    if listing.problem:
        raise RunNotFound(listing.problem)
    runs = _runs(listing, RunsView(arguments.filter, arguments.sort.strip()))
    now = time.monotonic()
    if arguments.json:
        told = [_as_json(runs, one, now) for one in runs.rows]
        put(json.dumps({"format": 1, "folder": str(root), "runs": told}, ensure_ascii=True))
    elif not listing.runs:
        put(
            f"{safe(root)}: no runs; it is {catalog.nothing_in(root)}. Record one with nntui.init('{safe(root)}/NAME')."
        )
    elif not runs.rows:
        put(f"{safe(root)}: none of {len(listing.runs):,} runs fits {safe(arguments.filter)!r}.")
    else:
        width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None
        put("\n".join(_ledger(runs, width) if arguments.ledger else _rows(runs, width, now)))
    return OK


def _runs(listing: Listing, view: RunsView) -> Runs:
    """The runs that the view wants. Raises UsageError."""
    problem = choose(view.pattern, view.sort, (), {}, listing.root, time.time()).problem
    if problem:
        raise UsageError(f"--filter {view.pattern!r}: {problem}.")
    outcomes = _outcomes(listing, math.inf if needs_outcomes(view.pattern, view.sort) else PATIENCE)
    choice = choose(view.pattern, view.sort, listing.runs, outcomes, listing.root, time.time())
    if choice.unknown:
        print(f"nntui ls: {safe(choice.unknown)}.", file=sys.stderr)
    return Runs(listing, choice.runs, view, outcomes=outcomes, differing=differing(choice.runs))


def _outcomes(listing: Listing, max_seconds: float) -> Mapping[Path, Outcome]:
    """What the runs came to whose end does not tell, as far as there is time to read them."""
    if all(one.outcome is not None or one.problem for one in listing.runs):
        return {}
    from nntui.session.outcomes import Outcomes

    outcomes = Outcomes()
    outcomes.want((), listing.runs)
    outcomes.turn(max_seconds)
    if outcomes.behind:
        print("nntui ls: not all runs were read in time; --sort best reads them all.", file=sys.stderr)
    return outcomes.known


def _as_json(runs: Runs, one: Glance, now: float) -> dict[str, object]:
    """A run for programs, with what it came to."""
    outcome = runs.outcome(one)
    best = outcome.best
    told = {
        "metric": outcome.judged_by,
        "value": jsonable(best.value),
        "step": best.step,
        "error": jsonable(best.error),
    }
    return as_json(one, now) | {"best": told if outcome.judged_by else None, "config": jsonable(one.config)}


def _rows(runs: Runs, width: int | None, now: float) -> Iterator[str]:
    """One line per run under a line of titles; width: cells of the terminal, None where there is none."""
    sort = runs.view.sort.removeprefix("-")
    table = columns(runs, None if width is None else width - STATE_WIDTH - 4, sort=sort)
    yield _cut(f"  {fit('state', STATE_WIDTH)}  {table.titles}", width)
    for one in runs.rows:
        state = words.state(one)
        numbers = [words.why(one)] if one.problem else table.cells(one, runs.outcome(one), now)
        line = [f"{words.glyph(state, sys.stdout.encoding)} {fit(state, STATE_WIDTH)}", table.label(one), *numbers]
        yield _cut("  ".join(line), width)


def _ledger(runs: Runs, width: int | None) -> Iterator[str]:
    """One line per run, oldest first: what it came to, what it changed, what it gained."""
    told = entries([side(one, runs.outcome(one)) for one in runs.rows if not one.problem])
    rows = [("run", "best", "what it changed", "what it gained")]
    for entry in told:
        best = words.best(entry.run.outcome, named=True)
        rows.append((safe(entry.run.name), best, ledger_change(entry), ledger_gain(entry)))
    sizes = [min(most, max(cell_len(row[at]) for row in rows)) for at, most in enumerate((LEDGER_NAME, 30, 70))]
    for row in rows:
        yield _cut("  ".join([*(fit(text, size) for text, size in zip(row, sizes, strict=False)), row[3]]), width)


def _cut(line: str, width: int | None) -> str:
    return (line if width is None else cut(line, width)).rstrip()
