"""Batches on their way to the disk, and what becomes of them while it refuses.

Owns the bounded buffer of an outage, its backoff, and the lines on stderr. Used by the writer thread alone; knows nothing
of queues or loops.
Invariant: what was put is written, still kept, or counted as lost.
"""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from nntui.runlog.writer import WriterFolder

BACKOFF = (0.5, 10.0)
"""First and longest pause, in seconds, after the disk refused."""
BUFFER_LIMIT = 1_000_000
"""Most points kept while the disk refuses; beyond it the oldest are dropped and counted."""


@dataclass(frozen=True, slots=True)
class _Kept:
    kind: str
    batch: pa.RecordBatch
    points: int
    size: int


class Outbox:
    """What waits for the disk."""

    def __init__(self, writer: WriterFolder, note: Callable[[str, str], None]) -> None:
        """note: told (key, message) of a batch that can never be written."""
        self.writer = writer
        self.outage = ""
        """Why the disk refuses; empty while it does not."""
        self.lost = 0
        """Points that were dropped here."""
        self.released = 0
        """Bytes of rows that no longer wait."""
        self._note = note
        self._rows: deque[_Kept] = deque()
        self._points: deque[_Kept] = deque()
        self._said: set[str] = set()
        self._retry_at = 0.0
        self._pause = BACKOFF[0]

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._rows and not self._points

    def put(self, kind: str, batch: pa.RecordBatch, *, points: int = 0, size: int = 0) -> None:
        """Keep a batch until it is written. points: how many are in it; size: the bytes it was admitted for."""
        if batch.num_rows:
            (self._points if points else self._rows).append(_Kept(kind, batch, points, size))
        else:
            self.released += size

    def due(self, now: float) -> bool:
        """Whether it is time to write, or to try again."""
        return now >= self._retry_at

    def write(self, now: float, afterwards: Callable[[], None]) -> None:
        """Write all that waits, then call `afterwards`; an OSError of either begins or prolongs an outage."""
        try:
            if not self.writer.folder.is_dir():
                raise FileNotFoundError
            while not self.empty:
                self._write_oldest(self._rows or self._points)
            afterwards()
        except OSError as error:
            self.refused(error, now)
            return
        self.outage, self._pause, self._retry_at = "", BACKOFF[0], 0.0

    def refused(self, error: OSError, now: float) -> None:
        """The disk refused something: try again later, and say so once per outage."""
        if not self.outage:
            gone = isinstance(error, FileNotFoundError)
            self.outage = "the run folder was removed" if gone else error.strerror or str(error)
            self.complain(f"{self.outage}; training goes on, recording resumes when it can")
        self._retry_at = now + self._pause
        self._pause = min(self._pause * 2, BACKOFF[1])
        kept = sum(item.points for item in self._points)
        while kept > BUFFER_LIMIT:
            oldest = self._points.popleft()
            kept -= oldest.points
            self.lost += oldest.points

    def give_up(self) -> bool:
        """Drop what waits, for good; False when there was something."""
        points, rows = sum(item.points for item in self._points), len(self._rows)
        if not points and not rows:
            return True
        self.lost += points
        self.complain(f"{points} points and {rows} rows could not be written before the end: {self.outage}")
        return False

    def complain(self, what: str, *, once: bool = False) -> None:
        """One line on stderr."""
        if once and (what in self._said or len(self._said) >= 100):
            return
        self._said.add(what)
        with contextlib.suppress(OSError, ValueError, AttributeError, RuntimeError):
            print(f"nntui: {self.writer.folder.parent}: {what}.", file=sys.stderr, flush=True)  # noqa: T201

    def _write_oldest(self, kept: deque[_Kept]) -> None:
        """Raises OSError when the disk refuses; what can never be written is dropped."""
        item = kept[0]
        try:
            self.writer.append(item.kind, item.batch)
        except (ValueError, pa.ArrowException) as error:
            self.lost += item.points
            self._note(f"{item.kind} cannot be written", f"dropped: {error!s:.300}")
        self.released += item.size
        kept.popleft()
