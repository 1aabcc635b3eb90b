"""What a terminal is sent to call for a person: a bell, and a notification of the desktop.

Owns the bytes, and when. Invariant: the words are safe, a terminal that knows no notification shows nothing, and what was there
when a run was opened calls nobody.
"""

from __future__ import annotations

from collections.abc import Mapping

from nntui.session.alerts import Alerts
from nntui.session.liveness import OVER
from nntui.session.snapshot import Snapshot
from nntui.tui.safe import safe
from nntui.tui.tmux import through
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
        notification = through(notification)
    return BELL + notification


class Bell:
    """Hears what is new in one run."""

    def __init__(self) -> None:
        self._alerts: Alerts | None = None

    def heard(self, snapshot: Snapshot, now: float) -> str:
        """Words to call a person with; empty where nothing new is loud. now: monotonic seconds."""
        if not snapshot.complete or snapshot.problem:
            return ""
        known, alerts = self._alerts is not None, self._alerts or Alerts()
        self._alerts = alerts
        changes = alerts.update(snapshot.alerts, now, over=snapshot.head.state in OVER)
        loud = [change for change in changes if change.loud]
        return f"{snapshot.head.name}: {loud[0].finding.message}" if known and loud else ""
