"""What the log shows: events, alerts as they began and ended, and what was printed, newest first.

Owns which lines there are and which of them a filter lets through. Pure but for what it remembers. Invariant: bounded memory; an
alert stands where it began, and once more where this viewer saw it end.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nntui.finding import Finding
from nntui.session.alerts import Alerts, key

EVENT_LIMIT = 2000
OUTPUT_LIMIT = 20_000
"""Newest printed lines that are kept."""
Which = Literal["everything", "events", "trouble", "output"]
ALERT = "alert"
OVER = "cleared"
CHECKPOINT = "checkpoint"
"""What a training calls the event of having saved something: there are many, and all alike."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the log screen."""

    wall_time: float
    """Unix seconds."""
    step: int
    level: str
    """info | warn | error; of a printed line stdout | stderr, or empty where lines are missing."""
    event: str
    message: str
    writer: str


@dataclass(frozen=True, slots=True)
class LogView:
    """What the screen asks for."""

    pattern: str = ""
    """Words that a line must hold, all of them; `level=warn` is one about its level."""
    which: Which = "everything"


@dataclass(frozen=True, eq=False, slots=True)
class Log:
    """What the screen draws."""

    rows: tuple[EventRow, ...] = ()
    """Newest first."""
    total: int = 0
    """Lines without a filter."""


NOTHING = Log()


class Journal:
    """All that was said in one run."""

    def __init__(self) -> None:
        self.events: deque[EventRow] = deque(maxlen=EVENT_LIMIT)
        self._output: deque[EventRow] = deque(maxlen=OUTPUT_LIMIT)
        self._ended: deque[EventRow] = deque(maxlen=EVENT_LIMIT)
        self._alerts: Alerts | None = None
        self._folded = 0
        self._shown: tuple[object, Log] = (None, Log())

    def fold_event(self, writer: str, row: Mapping[str, Any]) -> None:
        """Take in an event."""
        moment = row["wall_time_ns"] / 1e9
        self.events.append(EventRow(moment, row["step"], row["level"], row["event"], row["message"], writer))
        self._folded += 1

    def fold_output(self, writer: str, row: Mapping[str, Any]) -> None:
        """Take in a printed line."""
        stream = row["stream"]
        moment = row["wall_time_ns"] / 1e9
        self._output.append(EventRow(moment, row["step"], stream, stream or "left out", row["text"], writer))
        self._folded += 1

    def listen(self) -> None:
        """All that was recorded has been read: from now on an alert that goes has ended."""
        self._alerts = self._alerts or Alerts()

    def hear(
        self, found: Iterable[Finding], now: float, wall: float, clock: Callable[[int], float], *, over: bool
    ) -> None:
        """Take note of alerts that ended. now: monotonic seconds; wall: Unix seconds; clock: when a step was."""
        if self._alerts is None:
            return
        for change in self._alerts.update(found, now, over=over):
            if change.kind == "cleared":
                began = alert_row(change.finding, clock)
                self._ended += [began, EventRow(wall, began.step, "info", OVER, began.message, "")]
                self._folded += 1

    def shown(self, view: LogView, alerts: tuple[Finding, ...], clock: Callable[[int], float]) -> Log:
        """What the view asks for. alerts: those that stand."""
        standing = tuple((*key(one), one.status, one.step) for one in alerts)
        known = (view, self._folded, standing)
        if self._shown[0] != known:
            raised = [alert_row(one, clock) for one in alerts]
            rows = [*self.events, *self._output, *self._ended, *raised]
            chosen = [row for row in rows if belongs(row, view.which) and holds(row, view.pattern)]
            chosen.sort(key=lambda row: row.wall_time, reverse=True)
            self._shown = (known, Log(tuple(chosen), len(rows)))
        return self._shown[1]


def alert_row(finding: Finding, clock: Callable[[int], float]) -> EventRow:
    """An alert where it began."""
    moment = clock(finding.step)
    return EventRow(moment if math.isfinite(moment) else 0.0, finding.step, finding.status, ALERT, finding.message, "")


def belongs(row: EventRow, which: Which) -> bool:
    """Whether a line is of a kind."""
    printed = row.level in ("stdout", "stderr", "")
    if which == "trouble":
        return row.level in ("warn", "warning", "error", "fail")
    return which == "everything" or printed == (which == "output")


def holds(row: EventRow, pattern: str) -> bool:
    """Whether a line holds every word of a pattern."""
    text = f"{row.event} {row.message}".lower()
    for word in pattern.lower().split():
        level = word.removeprefix("level=")
        if not (row.level.startswith(level) if level != word else word in text):
            return False
    return True
