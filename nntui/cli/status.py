"""`nntui status`: how a run is, fast enough for a status bar.

Owns the line, the few lines and the JSON. Standard library only, and no row is read. Invariant: the exit code says whether
all is well (0), it crashed (4), or nobody knows (5).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator

from nntui.cli import FOUND, OK, STALE, put
from nntui.finding import jsonable
from nntui.runlog.errors import NotARun
from nntui.session import paths
from nntui.session.glance import Glance, Onlooker
from nntui.tui import run_words as words
from nntui.tui.safe import safe

WIDTH = 80
"""Most cells of the short line."""
NAME_WIDTH = 24
CODES = {"crashed": FOUND, "silent": STALE}
_FIRST_WIDE = 0x1100
"""Below this code no character takes two cells."""


def run(arguments: argparse.Namespace) -> int:
    """Print how the run is. Raises RunFolderError when there is none to read."""
    path = paths.resolve(arguments.path)
    now = time.monotonic()
    one = Onlooker(path).look(now, time.time())
    if one.problem:
        raise NotARun(one.problem)
    if arguments.json:
        put(json.dumps({"format": 1} | as_json(one, now), ensure_ascii=True))
    elif arguments.short:
        put(short(one, sys.stdout.encoding))
    else:
        put("\n".join(_lines(one, now, time.time())))
    return CODES.get(one.state, OK)


def as_json(one: Glance, now: float) -> dict[str, object]:
    """The run for programs; non-finite numbers are the strings `nan`, `inf`, `-inf`, what is unknown is null."""
    return {
        "run": one.name,
        "path": str(one.path),
        "state": one.state if not one.problem else None,
        "reason": one.reason,
        "problem": one.problem or None,
        "step": one.step if one.step >= 0 else None,
        "total_steps": one.total_steps or None,
        "loss": jsonable(one.loss) if one.has_loss else None,
        "lr": None if math.isnan(one.lr) else jsonable(one.lr),
        "data_age": None if math.isnan(one.newest) else now - one.newest,
        "started": one.started_at or None,
        "last_sign_of_life": one.active_at or None,
        "launches": one.launches,
        "ranks": dict(one.ranks),
        "lost_points": one.lost,
    }


def short(one: Glance, encoding: str | None) -> str:
    """One line of at most WIDTH cells, in ASCII where the encoding has no glyphs; `#[` cannot style a tmux bar."""
    able = words.can_write("…–", encoding)
    parts = [
        _cut(safe(one.name), NAME_WIDTH),
        f"{words.glyph(one.state, encoding)} {one.state}",
        words.steps(one),
        words.percent(one),
        words.loss(one) and f"loss {words.loss(one)}",
        words.lr(one) and f"lr {words.lr(one)}",
        words.why(one),
    ]
    line = _cut(" ".join(part for part in parts if part), WIDTH)
    line = line if able else line.replace("…", "~").replace("–", "-")
    return line.replace("#[", "##[")


def _lines(one: Glance, now: float, wall: float) -> Iterator[str]:
    yield safe(one.name)
    yield f"  {'state':<9}{words.glyph(one.state, sys.stdout.encoding)} {one.state}"
    for name, value in words.facts(one, now, wall):
        yield f"  {name:<9}{value}"


def _cut(text: str, width: int) -> str:
    if len(text) <= width and all(ord(char) < _FIRST_WIDE or char in "…–●○■✗" for char in text):
        return text
    from nntui.tui.units import cut

    return cut(text, width)
