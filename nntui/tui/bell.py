"""What a terminal is sent to call for a person: a bell, and a notification of the desktop.

Owns the bytes. Pure. Invariant: the words are safe, and a terminal that knows no notification shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from nntui.tui.safe import safe
from nntui.tui.units import cut

BELL = "\a"
LONGEST = 200
"""Cells of a notification."""


def call(words: str, environment: Mapping[str, str]) -> str:
    """A bell and an OSC 9 notification; inside tmux wrapped so that it reaches the terminal around it.

    tmux hands it on where `allow-passthrough` is set; the bell it handles itself. The Linux console and GNU screen would print
    the notification, and are given the bell alone.
    """
    if environment.get("TERM", "").startswith("linux") or environment.get("STY"):
        return BELL
    notification = f"\x1b]9;nntui: {cut(safe(words), LONGEST)}\a"
    if environment.get("TMUX"):
        notification = "\x1bPtmux;" + notification.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return BELL + notification
