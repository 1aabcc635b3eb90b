"""`nntui doctor`: what of this machine, terminal and folder helps or hinders.

Owns which questions are asked and what each answer means. Asks no terminal anything (an answer may never come) and imports no
torch. Invariant: every answer says what was found, and one that is not good says what to do.
"""

from __future__ import annotations

import argparse
import json
import locale
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from nntui import __version__
from nntui.cli import FOUND, OK, put
from nntui.cli.doctor_folder import folder
from nntui.cli.doctor_terminal import pictures, terminal, tmux
from nntui.tui.safe import safe
from nntui.tui.units import wrap

MARKS = {"ok": ("✓", "+"), "look": ("▲", "!"), "broken": ("✗", "X")}
NEEDED = {
    "textual": "the dashboard",
    "pyarrow": "reading and recording",
    "numpy": "reading and recording",
    "watchdog": "noticing changes at once",
    "plotext": "the plots of nntui show",
}
TRAINING = {
    "torch": "nntui.watch, checks and the trainer",
    "scikit-learn": "checks and built-in tasks",
    "nvidia-ml-py": "GPU numbers",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found about one thing."""

    about: str
    status: str
    """ok | look (works, but less well than it could) | broken."""
    found: str
    advice: str = ""
    """What to do; empty where it is ok."""


def run(arguments: argparse.Namespace) -> int:
    """Print every answer; 4 when something is broken."""
    answers = [Answer(*one) for one in _answers(Path(arguments.path) if arguments.path else None)]
    if arguments.json:
        put(json.dumps({"format": 1, "nntui": __version__, "answers": [asdict(one) for one in answers]}))
    else:
        put("\n".join(_lines(answers)))
    return FOUND if any(one.status == "broken" for one in answers) else OK


def _answers(path: Path | None) -> Iterator[tuple[str, ...]]:
    environment = os.environ
    size = shutil.get_terminal_size((0, 0))
    encoding = getattr(sys.stdout, "encoding", None) or locale.getpreferredencoding(False)
    yield from terminal(environment, sys.stdout.isatty(), (size.columns, size.lines), encoding)
    yield from tmux(environment)
    if sys.stdout.isatty():
        yield from pictures(environment)
    yield from _packages()
    yield from folder(path)


def _packages() -> Iterator[tuple[str, ...]]:
    from importlib.metadata import PackageNotFoundError, version

    yield "python", "ok", f"{platform.python_version()}, nntui {__version__}"
    for name, use in (NEEDED | TRAINING).items():
        try:
            yield name, "ok", version(name)
        except PackageNotFoundError:
            if name in NEEDED:
                yield name, "broken", f"not installed; {use} needs it", "Install nntui anew: pip install nntui"
            else:
                advice = "Only where you train: pip install 'nntui[train]'"
                yield name, "ok", f"not installed; {use} would need it. {advice}"


def _lines(answers: list[Answer]) -> Iterator[str]:
    utf8 = "utf" in (getattr(sys.stdout, "encoding", "") or "").lower()
    room = shutil.get_terminal_size((120, 24)).columns - 17
    for one in answers:
        words = [*wrap(safe(one.found), room), *(wrap(safe(one.advice), room) if one.advice else ())]
        yield f"{MARKS[one.status][0 if utf8 else 1]} {one.about:<14} {words[0]}"
        yield from (f"  {'':<14} {line}" for line in words[1:])
    if utf8:
        yield f"  {'glyphs':<14} braille ⣿⡷⠤  blocks ▁▃▅▇  halves ▀▄  lines ╭─┤╌  marks ✓▲✗●"
        yield f"  {'':<14} Boxes or blanks there? nntui watch --glyphs block, or ascii"
