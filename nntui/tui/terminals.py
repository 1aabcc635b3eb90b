"""What the environment tells of the terminal: whether it shows pictures, and how large its cells are.

Owns which names mean what. Asks the terminal nothing, because an answer may never come; tmux alone is asked, once, which terminal
is around it. Invariant: of a terminal that may not show pictures none is expected to, unless the user says so.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nntui.tui import tmux

TERMS = ("xterm-kitty", "xterm-ghostty")
RECENT = (0, 28)
"""The first version of kitty that shows pictures in place of characters; before it they would be characters."""
BETWEEN = ("STY", "ZELLIJ")
"""Variables of programs that stand between and hand no pictures on."""
OTHERS = (
    "NVIM",
    "INSIDE_EMACS",
    "VTE_VERSION",
    "XTERM_VERSION",
    "KONSOLE_VERSION",
    "ALACRITTY_WINDOW_ID",
    "TERMINAL_EMULATOR",
)
"""Variables of terminals that may have been started from another one, and inherit what it set, but for TERM."""
THROUGH = ("on", "all")
"""Values of tmux's `allow-passthrough` with which pictures reach the terminal around it."""


CELL = (10, 20)
"""Width and height in pixels of the cells of a terminal that does not say."""
LEAST_CELL = 3
"""Pixels below which a terminal that says what a cell measures does not mean it."""


@dataclass(frozen=True, slots=True)
class Found:
    """How pictures are shown, and why."""

    kitty: bool
    why: str
    advice: str = ""


def pictures(environment: Mapping[str, str], wanted: str = "auto", ask: tmux.Ask = tmux.ask) -> Found:
    """Whether pictures are sent by kitty's protocol. wanted: auto | kitty | blocks."""
    if wanted == "blocks":
        return Found(False, "as --pictures asks")
    if "NO_COLOR" in environment:
        return Found(False, "NO_COLOR is set")
    if wanted == "kitty":
        return Found(True, "as --pictures asks")
    return _around_tmux(ask) if environment.get("TMUX") else _named(environment)


def _named(environment: Mapping[str, str]) -> Found:
    def first(names: tuple[str, ...]) -> str:
        return next((name for name in names if environment.get(name)), "")

    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "").lower()
    if between := first(BETWEEN):
        return Found(False, f"{between} is set, of a program that hands none on")
    if term in TERMS:
        why = f"TERM is {term}"
        return _kitty(environment, why) if term == TERMS[0] else Found(True, why)
    if other := first(OTHERS):
        return Found(False, f"{other} is set, of a terminal that shows none")
    if program == "ghostty":
        return Found(True, "TERM_PROGRAM is ghostty")
    mark = first(("KITTY_WINDOW_ID", "GHOSTTY_RESOURCES_DIR"))
    if mark and not program and term.startswith("xterm"):
        return _kitty(environment, f"{mark} is set")
    return Found(False, "nothing tells of kitty or ghostty")


def _kitty(environment: Mapping[str, str], why: str) -> Found:
    """What its own files tell of how old it is, where they are on this machine."""
    place, known = environment.get("KITTY_INSTALLATION_DIR"), ""
    with contextlib.suppress(OSError, ValueError):
        known = (Path(place) / "kitty" / "constants.py").read_text("utf-8", "replace") if place else ""
    return _of_version(re.search(r"Version\((\d+), (\d+)", known)) or Found(True, why)


def _of_version(found: re.Match[str] | None) -> Found | None:
    """None unless it is too old."""
    version = tuple(map(int, found.groups())) if found else RECENT
    if version >= RECENT:
        return None
    return Found(False, "this is kitty {}.{}; pictures among text came with {}.{}".format(*version, *RECENT))


def _around_tmux(ask: tmux.Ask) -> Found:
    named = ask("display-message", "-p", "#{client_termname} #{client_termtype}")
    if not any(word in named.lower() for word in ("kitty", "ghostty")):
        return Found(False, f"the terminal around tmux is {named.split(' ')[0] or 'not known'}")
    if old := _of_version(re.search(r"kitty\((\d+)\.(\d+)", named)):
        return old
    if ask("show-options", "-gqv", "allow-passthrough") not in THROUGH:
        advice = "For pictures with all their pixels: tmux set -g allow-passthrough on"
        return Found(False, f"tmux hands none on to {named.split(' ')[0]}", advice)
    return Found(True, f"the terminal around tmux is {named.split(' ')[0]}")


def cell(file: IO[str]) -> tuple[int, int]:
    """Width and height in pixels of a cell of the terminal that a file is."""
    with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):
        import fcntl
        import termios

        asked = fcntl.ioctl(file.fileno(), termios.TIOCGWINSZ, bytes(8))
        rows, columns, width, height = struct.unpack("HHHH", asked)
        found = (width // max(1, columns), height // max(1, rows))
        return found if min(found) >= LEAST_CELL else CELL
    return CELL
