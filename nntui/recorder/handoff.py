"""From the user's loop to the disk: a queue, a daemon thread, and the one place where an error is swallowed.

Owns when things are written and what happens when they cannot be. The loop's side is a bare append; the thread's side
does everything else.
Invariant: what was taken is written, still waiting, or counted as dropped.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from nntui.recorder.rows import Groups, Point, event_row
from nntui.runlog.layout import Beat, End
from nntui.runlog.writer import WriterFolder

FLUSH_INTERVAL = 0.5
BEAT_INTERVAL = 2.0
SYNC_INTERVAL = 30.0
NETWORK_SYNC_INTERVAL = 5.0
BACKOFF = (0.5, 10.0)
"""First and longest pause, in seconds, after the disk refused."""
HURRY = 4096
"""Queued calls at which the thread is woken before its interval is over."""
QUEUE_LIMIT = 262_144
"""Most calls that wait in the queue; beyond it (the thread is stuck in a write) new ones are dropped and counted."""
BUFFER_LIMIT = 1_000_000
"""Most points kept while the disk refuses; beyond it the oldest are dropped and counted."""
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "9p"})


@dataclass(frozen=True, slots=True)
class Row:
    """Anything but points: encoded on the thread."""

    kind: str
    encode: Callable[[], pa.RecordBatch]
    urgent: bool = False


@dataclass(slots=True)
class Barrier:
    """A wish to know when everything queued before it is in the file."""

    done: threading.Event = field(default_factory=threading.Event)
    written: bool = False


@dataclass(frozen=True, slots=True)
class _Waiting:
    kind: str
    batch: pa.RecordBatch
    points: int


class Handoff:
    """The queue and its thread. All methods but `take` and the thread's own may be called from anywhere."""

    def __init__(self, writer: WriterFolder, *, total_steps: int, clock: Callable[[], float] = time.monotonic) -> None:
        """The thread starts with `start`."""
        self.writer = writer
        self.queue: deque[Point | Row | Barrier] = deque()
        self.dropped = 0
        """Points lost so far, exactly."""
        self.over = threading.Event()
        """Set when the thread has written the end and left."""
        self._clock = clock
        self._total_steps = total_steps
        self._dropping = threading.Lock()
        self._unreported = 0
        self._noted: set[str] = set()
        self._notes: deque[tuple[str, str]] = deque()
        self._waiting: deque[_Waiting] = deque()
        self._barriers: list[Barrier] = []
        self._newest: dict[str, float] = {}
        self._step = -1
        self._beats = 0
        self._end: End | None = None
        self._outage = ""
        self._retry_at = 0.0
        self._pause = BACKOFF[0]
        self._next_beat = self._next_sync = 0.0
        self._sync_interval = NETWORK_SYNC_INTERVAL if _on_network(writer.folder) else SYNC_INTERVAL
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="nntui-recorder", daemon=True)

    # --- the loop's side ----------------------------------------------------------------------

    def start(self) -> None:
        """Begin writing."""
        self._thread.start()

    def crowded(self, points: int) -> bool:
        """Called when the queue is long: wakes the thread; True when the points must be dropped (and counts them)."""
        if len(self.queue) < QUEUE_LIMIT:
            self.wake()
            return False
        self.drop(points)
        return True

    def drop(self, points: int) -> None:
        """Count points that will never be written."""
        with self._dropping:
            self.dropped += points
            self._unreported += points

    def note(self, key: str, message: str) -> None:
        """Record a `dropped` event, once per key."""
        if key not in self._noted and len(self._noted) < 1000:
            self._noted.add(key)
            self._notes.append((key, message))

    def wake(self) -> None:
        """Have the thread write now. Takes no lock, so that a signal handler may call it."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"!")

    def flush(self, timeout: float) -> bool:
        """Whether everything queued so far is in the file within `timeout` seconds."""
        if self.over.is_set() or threading.current_thread() is self._thread:
            return False
        barrier = Barrier()
        self.queue.append(barrier)
        self.wake()
        return barrier.done.wait(timeout) and barrier.written

    def finish(self, end: End, timeout: float) -> bool:
        """Write what waits, say how it ended, leave. Takes no lock. False when that took longer than `timeout`."""
        if self._end is None:
            self._end = end
        self.wake()
        deadline = time.monotonic() + timeout
        while not self.over.is_set() and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.over.is_set()

    def abandon(self) -> None:
        """Forget everything in a forked child, whose parent goes on writing these files."""
        self.writer.close()
        for fd in (self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(fd)

    # --- the thread's side --------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            ending = self._end
            if ending is None:
                select.select([self._wake_read], [], [], FLUSH_INTERVAL)
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
            try:
                self._turn(ending)
            except Exception as error:  # noqa: BLE001 (the one boundary: recording never reaches the user's loop)
                self._complain(f"{type(error).__name__}: {error}")
            if ending is not None:
                self._leave()
                return

    def _turn(self, ending: End | None) -> None:
        self._drain()
        now = self._clock()
        if now >= self._retry_at or ending is not None or self._barriers:
            self._write_waiting(now)
        for barrier in self._barriers:
            barrier.written = not self._waiting
            barrier.done.set()
        self._barriers.clear()
        if self._outage:
            return
        try:
            if now >= self._next_beat or ending is not None:
                self._next_beat = now + BEAT_INTERVAL
                self._beat("running" if ending is None else ending.reason)
            if now >= self._next_sync:
                self._next_sync = now + self._sync_interval
                self.writer.sync()
            if ending is not None:
                self.writer.end(ending)
        except OSError as error:
            self._refused(error, now)

    def _drain(self) -> None:
        groups = Groups(self._reject)
        for _ in range(len(self.queue)):
            item = self.queue.popleft()
            if type(item) is tuple:
                groups.add(item)
                self._step = max(self._step, item[2])
            elif isinstance(item, Row):
                self._put(item.kind, item.encode, 0)
            elif isinstance(item, Barrier):
                self._barriers.append(item)
        if groups.points:
            self._put("metrics", groups.batch, groups.points)
        while self._notes:
            key, message = self._notes.popleft()
            self._put("events", lambda m=message, k=key: self._event("warn", "dropped", m, {"what": k}), 0)

    def _put(self, kind: str, encode: Callable[[], pa.RecordBatch | None], points: int) -> None:
        try:
            batch = encode()
        except Exception as error:  # noqa: BLE001 (one bad row must not take the others with it)
            self.drop(points)
            self._complain(f"a row of {kind} could not be encoded ({type(error).__name__}: {error})")
            return
        if batch is None:
            return
        if kind == "metrics":
            self._remember(batch)
        self._waiting.append(_Waiting(kind, batch, points))
        kept = sum(item.points for item in self._waiting) if self._outage else 0
        while kept > BUFFER_LIMIT:
            oldest = self._waiting.popleft()
            kept -= oldest.points
            self.drop(oldest.points)

    def _write_waiting(self, now: float) -> None:
        try:
            if not self.writer.folder.is_dir():
                raise FileNotFoundError(2, "the run folder was removed")
            while self._waiting:
                self.writer.append(self._waiting[0].kind, self._waiting[0].batch)
                self._waiting.popleft()
            if self._unreported:
                lost = self._unreported
                message = f"{lost} points were lost: {self._outage or 'they came faster than the disk took them'}"
                self.writer.append("events", self._event("error", "lost", message, {"points": lost}))
                with self._dropping:
                    self._unreported -= lost
        except OSError as error:
            self._refused(error, now)
            return
        if self._outage:
            self._outage, self._pause, self._retry_at = "", BACKOFF[0], 0.0

    def _refused(self, error: OSError, now: float) -> None:
        if not self._outage:
            self._outage = error.strerror or str(error)
            self._complain(f"{self._outage}; training goes on, recording resumes when it can")
        self._retry_at = now + self._pause
        self._pause = min(self._pause * 2, BACKOFF[1])

    def _beat(self, state: str) -> None:
        self._beats += 1
        loss = next((self._newest[n] for n in ("train/loss", "loss", "train_loss") if n in self._newest), float("nan"))
        lr = next((self._newest[n] for n in ("lr", "train/lr", "learning_rate") if n in self._newest), float("nan"))
        beat = Beat(state, self._step, self._total_steps, loss, lr, self.dropped, time.time_ns(), self._beats)
        self.writer.beat(beat)

    def _remember(self, batch: pa.RecordBatch) -> None:
        for row in range(batch.num_rows):
            for position, name in enumerate(batch["metric"][row].as_py()):
                self._newest[name] = batch["value"][row].values[position].values[-1].as_py()

    def _event(self, level: str, event: str, message: str, data: Any) -> pa.RecordBatch:
        return event_row(self._step, time.time_ns(), level, event, message, data)

    def _reject(self, name: str, why: str) -> None:
        self.note(f"{name}: {why}", f"{name[:200]}: dropped, {why}; expected one real number per name.")

    def _leave(self) -> None:
        for item in self._waiting:
            self.drop(item.points)
        for barrier in [*self._barriers, *(i for i in self.queue if isinstance(i, Barrier))]:
            barrier.done.set()
        self.writer.close()
        self.over.set()

    def _complain(self, what: str) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            print(f"nntui: {self.writer.folder.parent}: {what}.", file=sys.stderr, flush=True)  # noqa: T201


def _on_network(folder: os.PathLike[str]) -> bool:
    """Whether the folder lies on a network file system, where data becomes visible to others only when synced."""
    try:
        with open("/proc/mounts", encoding="utf-8", errors="replace") as mounts:  # noqa: PTH123
            entries = [line.split()[1:3] for line in mounts]
        path = os.path.realpath(folder)
    except (OSError, IndexError):
        return False
    around = [
        (len(point), kind) for point, kind in entries if path == point or path.startswith(point.rstrip("/") + "/")
    ]
    return bool(around) and max(around)[1] in _NETWORK
