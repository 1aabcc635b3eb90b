"""Whether a run is alive, judged from what its writers leave behind.

Owns the states of a run. Standard library only.
Invariant: `crashed` is only said of a process known to be gone, or of one that said so itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nntui.runlog import layout
from nntui.runlog.layout import End
from nntui.runlog.writers import Writer

State = Literal["waiting", "live", "quiet", "silent", "ended", "crashed"]
"""waiting: no data yet; live: the beat moves; quiet: the beat moves, no new row for a while;
silent: the beat stopped, the process may be gone; ended: orderly exit; crashed: gone without one, or by an exception."""
OVER: tuple[State, ...] = ("ended", "crashed", "silent")
"""States in which nothing more is expected."""
SILENT_AFTER = 15.0
"""Seconds without a new beat (they come every 2 s)."""
QUIET_AFTER = 30.0
"""Seconds without a new row while the beat goes on."""
STOPPED = {130: "stopped from the keyboard", 143: "stopped by SIGTERM"}
"""Exit codes of a program that was asked to stop and did so in order."""
WORDS = {"interrupted": "interrupted from the keyboard", "signal": "ended by"}


@dataclass(slots=True)
class Pulse:
    """What this viewer saw of one writer, on its own monotonic clock."""

    count: int = -1
    beat_at: float = math.nan
    row_at: float = math.nan
    gone: bool = False

    def see_beat(self, writer: Writer, now: float, wall: float) -> bool:
        """Take note of the newest beat; True when it moved. The first one is dated by its own wall time."""
        if writer.beat is None:
            if math.isnan(self.beat_at):
                self.beat_at = now - _age(writer.manifest.started_ns, wall)
            return False
        if writer.beat.count == self.count:
            return False
        self.beat_at = now if self.count >= 0 else now - _age(writer.beat.wall_time_ns, wall)
        self.count = writer.beat.count
        return True

    def see_row(self, newest_wall_time: float, now: float, wall: float, *, behind: bool = False) -> None:
        """Take note of new rows. The first ones are dated by their own wall time, and so are all while the reader is behind."""
        old = behind or math.isnan(self.row_at)
        self.row_at = now - max(0.0, wall - newest_wall_time) if old else now


def leading(names: Sequence[str], states: Mapping[str, tuple[State, str]]) -> str:
    """The writer whose state is the run's: the newest one still going, else the newest; empty when there is none.

    names: writers of one rank, oldest first.
    """
    going = [name for name in names if states[name][0] not in OVER]
    return (going or names or [""])[-1]


def judge(writer: Writer, pulse: Pulse, now: float) -> tuple[State, str]:
    """State of one writer and the reason in words."""
    if writer.end is not None:
        return _ended(writer.end)
    alive = False if pulse.gone else layout.process_alive(writer.manifest)
    if alive is False and not pulse.gone:
        late = layout.read_end(writer.folder)  # it may have ended between the two looks
        if late is not None:
            return _ended(late)
        pulse.gone = True
    if pulse.gone:
        return "crashed", f"process {writer.manifest.pid} is gone without a word"
    if now - pulse.beat_at > SILENT_AFTER:
        where = f"process {writer.manifest.pid}, which still exists" if alive else writer.manifest.host or "its host"
        return "silent", f"no sign of life from {where}"
    if now - pulse.row_at > QUIET_AFTER:
        return "quiet", "the process is alive but logs nothing"
    return "live", ""


def _ended(end: End) -> tuple[State, str]:
    if end.reason == "finished" and end.exit_code in STOPPED:
        return "ended", STOPPED[end.exit_code]
    if end.reason == "exception" or (end.reason == "finished" and end.exit_code != 0):
        return "crashed", end.message or f"exit code {end.exit_code}"
    if end.reason == "finished":
        return "ended", ""
    return "ended", f"{WORDS.get(end.reason, end.reason)} {end.message if end.reason == 'signal' else ''}".strip()


def _age(wall_time_ns: int, wall: float) -> float:
    return max(0.0, wall - wall_time_ns / 1e9)
