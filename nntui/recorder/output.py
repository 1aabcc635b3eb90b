"""What the process prints, on its way into the run: a source of rows for the handoff.

Owns listening to sys.stdout and sys.stderr, and how much of it is kept. The streams stay the same objects, terminals or not, with
their buffers and descriptors; only their `write` is told of what was written, once it has been. What goes around it (bytes
written to the buffer, C libraries, other processes) is not seen. Invariant: what the user prints is printed first, unchanged and
never later for our sake, and an error in it is the user's; what is left out here is counted.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from time import time_ns
from typing import Any

import pyarrow as pa

from nntui.recorder.arrays import numbers, texts
from nntui.recorder.lines import Line, Paper
from nntui.runlog.schema import OUTPUT

INTERVAL = 2.0
"""Least seconds between two batches, so that a line a second is no frame a second."""
WAITING = 4 << 20
"""Most characters that wait for the thread."""
AT_ONCE = 64 << 10
"""Most characters of one call that are taken."""
RATE, BURST = 64 << 10, 4 << 20
"""Characters a second that are kept over time, and more at once."""
TOTAL = 256 << 20
"""Most characters of one process that are kept."""
LINE_COST = 64
"""Characters that a line, or a call, counts for besides its own."""
SAID_EVERY = 60.0
"""Seconds between two lines about what was left out."""


class Output:
    """Both streams of this process."""

    def __init__(self, step: Callable[[], int], streams: Sequence[str] = ("stdout", "stderr")) -> None:
        """step: the newest step of the run. Listens from now on."""
        self._step = step
        self._written: deque[tuple[str, str, int, int]] = deque()
        self._put = self._taken = 0
        self._missed = 0  # writes that came while too many waited
        self._paper = {name: Paper() for name in streams}
        self._lines: list[tuple[str, Line]] = []
        self._allowance = Allowance()
        self._next = self._say_next = 0.0
        self._over = False
        self._hooks = [hook for name in streams if (hook := _listen(getattr(sys, name), self._hears(name)))]

    def write(self, stream: str, text: str) -> None:
        """Take what was written to a stream, by whatever way it is known here; waits for nothing."""
        if self._over or not isinstance(text, str) or not text:
            return
        if self._put - self._taken > WAITING:
            self._missed += 1
            return
        taken = text if len(text) <= AT_ONCE else text[:AT_ONCE]
        self._put += LINE_COST + len(taken)
        self._written.append((stream, taken, time_ns(), self._step()))

    def rows(self, step: int, *, ending: bool) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The lines that were finished, when it is time."""
        if ending:
            self.stop()
        now = time.monotonic()
        for _ in range(len(self._written)):
            stream, text, moment, at = self._written.popleft()
            self._taken += LINE_COST + len(text)
            self._keep(stream, self._paper[stream].write(text, moment, at), now)
        for stream, paper in self._paper.items():
            self._keep(stream, paper.finished(), now)
        if not self._written:
            self._taken = self._put  # callers on several threads may have miscounted
        if ending:
            for stream, paper in self._paper.items():
                self._keep(stream, paper.rest(), now)
        if ending or now >= self._next:
            self._say_left_out(step, now)
            if self._lines:
                self._next = now + INTERVAL
                lines, self._lines = self._lines, []
                yield "output", _batch(lines)

    def stop(self) -> None:
        """Listen no more; the streams are as they were."""
        self._over = True
        for stop in self._hooks:
            stop()
        self._hooks = []

    def _hears(self, name: str) -> Callable[[str], None]:
        return lambda text: self.write(name, text)

    def _keep(self, stream: str, lines: Iterator[Line], now: float) -> None:
        for line in lines:
            if self._allowance.take(LINE_COST + len(line.text), now):
                self._lines.append((stream, line))

    def _say_left_out(self, step: int, now: float) -> None:
        if now < self._say_next and not self._over:
            return
        lines, self._allowance.left_out = self._allowance.left_out, 0
        writes, self._missed = self._missed, 0
        limit = f"at most {RATE >> 10} KiB a second and {TOTAL >> 20} MiB in all are kept"
        for count, what in (
            (lines, f"lines were not recorded: {limit}"),
            (writes, "writes were not: they came too fast"),
        ):
            if count:
                self._say_next = now + SAID_EVERY
                self._lines.append(("", Line(f"{count:,} {what}", time_ns(), step)))


class Allowance:
    """How much may be kept: RATE over time, BURST at once, TOTAL in all."""

    def __init__(self) -> None:
        self._room, self._since, self._total = float(BURST), 0.0, 0
        self.left_out = 0
        """Lines that had no room since somebody set this to 0."""

    def take(self, size: int, now: float) -> bool:
        """Whether there is room for so many characters; it is then taken, and what has no room is counted."""
        self._room = min(float(BURST), self._room + (now - self._since) * RATE) if self._since else self._room
        self._since = now
        if size > self._room or self._total + size > TOTAL:
            self.left_out += 1
            return False
        self._room -= size
        self._total += size
        return True


def _listen(stream: Any, heard: Callable[[str], None]) -> Callable[[], None] | None:
    """Have `heard` told of every text written to a stream; what ends that. None where the stream cannot be listened to."""
    try:
        original, before = stream.write, vars(stream).get("write")

        def write(*words: Any, **named: Any) -> Any:
            done = original(*words, **named)
            with contextlib.suppress(Exception):
                heard(words[0])
            return done

        stream.write = write
    except (AttributeError, TypeError):  # there is no such stream, or one that takes no attribute
        return None

    def stop() -> None:
        if vars(stream).get("write") is not write:
            return  # somebody listens after us, and goes on through us
        if before is None:
            del stream.write
        else:
            stream.write = before

    return stop


def _batch(lines: Sequence[tuple[str, Line]]) -> pa.RecordBatch:
    columns = [
        numbers([line.step for _, line in lines], "int64"),
        numbers([line.time_ns for _, line in lines], "int64"),
        texts([stream for stream, _ in lines]),
        texts([line.text for _, line in lines]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=OUTPUT)
