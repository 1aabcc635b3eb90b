"""`nntui ls`: the runs below a folder.

Owns the printed list and its JSON. Invariant: a run that cannot be read has a line of its own and hides no other.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from nntui.cli import OK, put
from nntui.cli.status import as_json
from nntui.runlog import layout
from nntui.runlog.errors import NotARun, RunNotFound
from nntui.session import catalog
from nntui.session.catalog import Catalog, Listing
from nntui.tui import run_words as words
from nntui.tui.run_columns import STATE_WIDTH, columns
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit


def run(arguments: argparse.Namespace) -> int:
    """Print the runs. Raises RunFolderError when there is no such folder."""
    root = Path(arguments.path) if arguments.path is not None else catalog.DEFAULT
    if layout.is_run(root):
        raise NotARun(
            f"{root}: found a run; expected a folder of runs. Use `nntui status {root}`, or name the folder above it."
        )
    listing = Catalog(root).look()
    if listing.problem:
        raise RunNotFound(listing.problem)
    now = time.monotonic()
    if arguments.json:
        runs = [as_json(one, now) for one in listing.runs]
        put(json.dumps({"format": 1, "folder": str(root), "runs": runs}, ensure_ascii=True))
    elif not listing.runs:
        put(
            f"{safe(root)}: no runs; it is {catalog.nothing_in(root)}. Record one with nntui.init('{safe(root)}/NAME')."
        )
    else:
        width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None
        put("\n".join(_rows(listing, width, now)))
    return OK


def _rows(listing: Listing, width: int | None, now: float) -> Iterator[str]:
    """One line per run under a line of titles; width: cells of the terminal, None where there is none."""
    table = columns(listing.runs, listing.root, None if width is None else width - STATE_WIDTH - 4)
    yield _cut(f"  {fit('state', STATE_WIDTH)}  {table.titles}", width)
    for one in listing.runs:
        state = words.state(one)
        numbers = words.why(one) if one.problem else table.numbers(one, now)
        line = f"{words.glyph(state, sys.stdout.encoding)} {fit(state, STATE_WIDTH)}  {table.label(one)}  {numbers}"
        yield _cut(line, width)


def _cut(line: str, width: int | None) -> str:
    return (line if width is None else cut(line, width)).rstrip()
