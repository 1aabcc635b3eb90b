"""`nntui diff A B`: what differs between two runs, and what came of it.

Owns the printed page and its JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from nntui.cli import OK, put
from nntui.finding import jsonable
from nntui.runlog.errors import NotARun
from nntui.session import paths
from nntui.session.differences import Differences, Side, differences, glance, side
from nntui.session.outcome import NOTHING, Outcome, Point
from nntui.tui import difference_words as words


def run(arguments: argparse.Namespace) -> int:
    """Print the differences. Raises RunFolderError when one of the runs cannot be read."""
    found = differences(_side(arguments.before), _side(arguments.after))
    if arguments.json:
        put(json.dumps(_as_json(found), ensure_ascii=True))
    else:
        width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 10_000
        put("\n".join(words.lines(found, width)))
    return OK


def _side(given: str) -> Side:
    path: Path = paths.resolve(given)
    one = glance(path)
    if one.problem:
        raise NotARun(one.problem)
    outcome: Outcome | None = one.outcome
    if outcome is None:
        from nntui.session.load import Loaded
        from nntui.session.outcomes import of_series

        outcome = of_series(Loaded(path).outside()) or NOTHING
    return side(one, outcome)


def _as_json(found: Differences) -> dict[str, object]:
    """The page for programs."""
    return {
        "format": 1,
        "before": found.before,
        "after": found.after,
        "verdict": found.verdict,
        "changes_counted": len(found.counted),
        "repetition": found.repetition,
        "changes": [{"kind": c.kind, "name": c.name, "before": c.before, "after": c.after} for c in found.changes],
        "scores": [
            {
                "metric": g.metric,
                "before": _point(g.before),
                "after": _point(g.after),
                "gain": jsonable(g.gain),
                "error": jsonable(g.error),
                "verdict": g.verdict,
            }
            for g in found.gains
        ],
    }


def _point(one: Point) -> dict[str, object]:
    return {"value": jsonable(one.value), "step": one.step, "error": jsonable(one.error)}
