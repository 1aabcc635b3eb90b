"""From the user's loop to the disk: a queue, a daemon thread, and the one place where an error is swallowed.

Owns when things are written. The loop's side is a bare append; the thread's side does everything else. Until it is over the
thread takes no lock that a caller may hold: a signal handler may interrupt a caller anywhere, and wait for the thread.
Invariant: a point that was taken is written, still waiting, or counted as dropped.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pyarrow as pa

from nntui.recorder.device import Deferred
from nntui.recorder.extremes import Extremes
from nntui.recorder.outbox import Outbox
from nntui.recorder.rows import Groups, Point, Together, event_row
from nntui.runlog.layout import Beat, End
from nntui.runlog.mounts import NETWORK, file_system
from nntui.runlog.writer import WriterFolder

FLUSH_INTERVAL = 0.5
BEAT_INTERVAL = 2.0
SYNC_INTERVAL = 30.0
NETWORK_SYNC_INTERVAL = 5.0
LANDING_INTERVAL = 0.02
"""Seconds between looks at a value on its way from a device, while somebody waits for it."""
HURRY = 4096
"""Queued calls at which the thread is woken before its interval is over."""
QUEUE_LIMIT = 262_144
"""Most calls that wait in the queue; beyond it (the thread is stuck in a write) new ones are dropped and counted."""
QUEUE_POINTS = 1_000_000
"""Most points that wait in the queue, as wide as the newest call."""
BATCH_LIMIT = 1 << 18
"""Points after which a batch is closed, so that its frame stays far below the largest one allowed."""
ROWS_LIMIT = 256 << 20
"""Most bytes of rows that wait anywhere; beyond it new ones are dropped, which an event says."""
_LOSSES = ("train/loss", "loss", "train_loss")
_RATES = ("lr", "train/lr", "learning_rate")


@dataclass(frozen=True, slots=True)
class Row:
    """Anything but points: encoded on the thread."""

    kind: str
    encode: Callable[[], pa.RecordBatch]
    size: int
    """Bytes admitted for it."""
    waits: Sequence[Deferred] = ()


@dataclass(slots=True)
class Barrier:
    """A wish to know when everything queued before it is in the file."""

    done: threading.Event = field(default_factory=threading.Event)
    written: bool = False


class Source(Protocol):
    """Rows that come from elsewhere than the loop."""

    def rows(self, step: int, *, ending: bool) -> Iterable[tuple[str, pa.RecordBatch]]:
        """(kind, batch) of what is new; asked on the writer's thread at every turn. step: the newest one written."""
        ...

    def stop(self) -> None:
        """There will be no more turns; calling it again does nothing."""


class Handoff:
    """The queue and its thread."""

    def __init__(self, writer: WriterFolder, *, total_steps: int, clock: Callable[[], float] = time.monotonic) -> None:
        """The thread starts with `start`."""
        self.writer = writer
        self.queue: deque[Point | Row | Barrier] = deque()
        self.sources: list[Source] = []
        """Asked at every turn; complete before `start`."""
        self.over = threading.Event()
        """Set when the thread has written the end and left."""
        self.complete = False
        """Whether everything taken, and the end, was written by then."""
        self._clock = clock
        self._total_steps = total_steps
        self._callers = threading.RLock()
        self._turned_away = self._admitted = 0  # written by the loop's side, under the lock
        self._lost = self._asked = self._released = self._reported = self._crowded = 0  # written by the thread alone
        self._outbox = Outbox(writer, self.note)
        self._noted: set[str] = set()
        self._notes: deque[tuple[str, str]] = deque()
        self._barriers: list[Barrier] = []
        self._newest: dict[str, float] = {}
        self._extremes = Extremes()
        self._step = -1
        self._longest = 0
        self._beats = 0
        self._end: End | None = None
        self._deadline = self._awaited_until = 0.0
        self._landing = False
        self._next_beat = self._next_sync = 0.0
        network = file_system(writer.folder) in NETWORK
        self._sync_interval = NETWORK_SYNC_INTERVAL if network else SYNC_INTERVAL
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._poller = select.poll()  # select() refuses descriptors from 1024
        self._poller.register(self._wake_read, select.POLLIN)
        self._thread = threading.Thread(target=self._run, name="nntui-recorder", daemon=True)

    # --- the loop's side ----------------------------------------------------------------------

    @property
    def dropped(self) -> int:
        """Points lost so far, exactly."""
        return self._turned_away + self._lost + self._outbox.lost

    def start(self) -> None:
        """Begin writing."""
        self._thread.start()

    def crowded(self, points: int) -> bool:
        """Called when the queue is long: wakes the thread; True when the points must be dropped (and counts them)."""
        length = len(self.queue)
        if length < QUEUE_LIMIT and length * points < QUEUE_POINTS:
            self.wake()
            return False
        self.drop(points)
        return True

    def drop(self, points: int) -> None:
        """Count points that were never taken."""
        with self._callers:
            self._turned_away += points

    def admit(self, size: int) -> bool:
        """Whether there is room for a row of so many bytes; it is then taken."""
        with self._callers:
            room = self._has_room(size)
            self._admitted += size * room
        return room

    def _has_room(self, size: int) -> bool:
        return self._admitted + self._asked - self._released - self._outbox.released + size <= ROWS_LIMIT

    def note(self, key: str, message: str) -> None:
        """Record a `dropped` event, once per key."""
        if key not in self._noted and len(self._noted) < 1000:
            self._noted.add(key)
            self._notes.append((key, message))

    def load(self) -> tuple[int, int]:
        """Bytes written so far, and the most calls that waited in the queue since this was asked last."""
        longest, self._longest = self._longest, 0
        return self.writer.written, longest

    def wake(self) -> None:
        """Have the thread write now."""
        with self._callers, contextlib.suppress(OSError):  # else the number may be another file's by now
            os.write(self._wake_write, b"!")

    def flush(self, timeout: float) -> bool:
        """Whether everything queued so far is in the file within `timeout` seconds."""
        if self.over.is_set() or threading.current_thread() is self._thread:
            return self.complete
        barrier = Barrier()
        self._awaited_until = time.monotonic() + timeout
        self.queue.append(barrier)
        self.wake()
        return barrier.done.wait(timeout) and barrier.written

    def ask_to_end(self, end: End, patience: float) -> None:
        """Have the thread write what waits, say how it ended, and leave.

        patience: seconds for which values on their way from a device are waited for.
        """
        if self._end is None:
            self._deadline = time.monotonic() + patience
            self._end = end
        self.wake()

    def wait_over(self, deadline: float) -> bool:
        """Whether the thread has left before the deadline (monotonic seconds). Takes no lock."""
        while not self.over.is_set() and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.over.is_set()

    def abandon(self) -> None:
        """Forget everything in a forked child, whose parent goes on writing these files."""
        self._stop_sources()
        self.writer.close()
        self._callers = threading.RLock()  # a thread that the child has not may have held it
        self._close_pipe()

    def _close_pipe(self) -> None:
        with self._callers:
            fds, self._wake_read, self._wake_write = (self._wake_read, self._wake_write), -1, -1
        for fd in fds:
            with contextlib.suppress(OSError):
                os.close(fd)

    # --- the thread's side --------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            ending = self._end
            if ending is None:
                awaited = self._landing and time.monotonic() < self._awaited_until
                self._sleep(LANDING_INTERVAL if awaited else FLUSH_INTERVAL)
            try:
                self._turn(ending)
            except Exception as error:  # noqa: BLE001 (the one boundary: recording never reaches the user's loop)
                self._outbox.complain(f"{type(error).__name__}: {error}", once=True)
            if ending is not None:
                self._leave()
                return

    def _sleep(self, seconds: float) -> None:
        try:
            self._poller.poll(seconds * 1000)
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass
        except OSError:  # somebody closed every descriptor of the process
            time.sleep(seconds)

    def _turn(self, ending: End | None) -> None:
        self._drain(ending)
        self._ask_sources(ending)
        now = self._clock()
        if ending is not None or self._barriers or self._outbox.due(now):
            self._outbox.write(now, self._report)
            if self._notes:
                self._put_notes()
                self._outbox.write(now, self._report)
        for barrier in self._barriers:
            barrier.written = self._outbox.empty
            barrier.done.set()
        self._barriers.clear()
        if ending is None:
            self._keep_up(now)
        else:
            self._conclude(ending, now)

    def _drain(self, ending: End | None) -> None:
        groups = Groups(self._reject)
        self._landing = False
        queue = self.queue
        self._longest = max(self._longest, len(queue))
        for _ in range(len(queue)):
            item = queue.popleft()
            if type(item) is tuple and len(item) == 3:
                groups.add(item)
            elif isinstance(item, Barrier):
                self._barriers.append(item)
            elif self._arrived(item.waits if isinstance(item, Row) else item[3], ending):
                if isinstance(item, Row):
                    self._put_row(item)
                else:
                    groups.add((item[0].read(), *item[1:3]) if isinstance(item[0], Together) else item)
            elif ending is None:
                queue.appendleft(item)
                self._landing = True
                break
            else:
                self._give_up(item)
            if groups.points >= BATCH_LIMIT:
                self._put_points(groups)
                groups = Groups(self._reject)
        self._put_points(groups)
        self._put_notes()

    def _ask_sources(self, ending: End | None) -> None:
        for source in self.sources:
            try:
                for kind, batch in source.rows(self._step, ending=ending is not None):
                    if self._has_room(batch.nbytes):
                        self._asked += batch.nbytes
                        self._outbox.put(kind, batch, size=batch.nbytes)
            except Exception as error:  # noqa: BLE001 (what comes beside the loop must not hold it up)
                what = f"{type(source).__name__.lower()}: {type(error).__name__}: {error!s:.200}"
                self.note(what, f"{what}; some of its rows were not recorded.")
        self._put_notes()

    def _stop_sources(self) -> None:
        for source in self.sources:
            with contextlib.suppress(Exception):
                source.stop()

    def _arrived(self, waits: Sequence[Deferred], ending: End | None) -> bool:
        while not all(one.ready() for one in waits):
            if ending is None or time.monotonic() >= self._deadline:
                return False
            time.sleep(0.002)
        return True

    def _give_up(self, item: Any) -> None:
        if isinstance(item, Row):
            self._released += item.size
        else:
            self._lost += len(item[0])
        self.note("device", "values that were still on their way from the device at the end were not recorded.")

    def _put_points(self, groups: Groups) -> None:
        try:
            batch = groups.batch()
        except Exception as error:  # noqa: BLE001 (points that cannot be encoded must not take later ones with them)
            self._lost += groups.points
            self.note("points", f"points could not be encoded ({type(error).__name__}: {error!s:.200}).")
            return
        if batch is None:
            return
        self._step = max(self._step, batch.step)
        self._newest.update({n: v for n, v in batch.newest.items() if n in _RATES or "loss" in n})
        for group in batch.groups:
            self._extremes.take(*group)
        self._outbox.put("metrics", batch.data, points=batch.points)

    def _put_row(self, row: Row) -> None:
        try:
            batch = row.encode()
        except Exception as error:  # noqa: BLE001 (one bad row must not take the others with it)
            self._released += row.size
            why = f"{type(error).__name__}: {error!s:.200}"
            self.note(f"{row.kind} {type(error).__name__}", f"a row of {row.kind} could not be encoded ({why}).")
            return
        self._outbox.put(row.kind, batch, size=row.size)

    def _put_notes(self) -> None:
        while self._notes:
            key, message = self._notes.popleft()
            batch = self._event("warn", "dropped", message, {"what": key})
            self._outbox.put("events", batch)

    def _report(self) -> None:
        """Say what was lost, and that the run is alive. Raises OSError."""
        lost, crowded, outage = self.dropped - self._reported, self._turned_away - self._crowded, self._outbox.outage
        if lost:
            why = "they came faster than the disk took them" if crowded else "events of this moment say why"
            message = f"{lost} points were lost: {outage or why}"
            self.writer.append("events", self._event("error", "lost", message, {"points": lost}))
            self._reported, self._crowded = self._reported + lost, self._crowded + crowded
        if outage:
            self._beat("running")

    def _keep_up(self, now: float) -> None:
        """Beat and sync when it is time. The beat goes on while the disk is full: it takes no room."""
        try:
            if now >= self._next_beat:
                self._next_beat = now + BEAT_INTERVAL
                self._beat("running")
            if now >= self._next_sync and not self._outbox.outage:
                self._next_sync = now + self._sync_interval
                self.writer.sync()
        except OSError as error:
            if not self._outbox.outage:
                self._outbox.refused(error, now)

    def _conclude(self, ending: End, now: float) -> None:
        self.complete = self._outbox.give_up()
        try:
            self._beat(ending.reason)
            self.writer.end(replace(ending, metrics=self._extremes.told()))
        except OSError as error:
            self.complete = False
            if not self._outbox.outage:
                self._outbox.refused(error, now)

    def _beat(self, state: str) -> None:
        self._beats += 1
        losses = [*_LOSSES, *(name for name in self._newest if "loss" in name)]
        loss, lr = (
            next((self._newest[n] for n in names if n in self._newest), float("nan")) for names in (losses, _RATES)
        )
        has_loss = any(name in self._newest for name in losses)
        moment, lost = time.time_ns(), self.dropped
        self.writer.beat(Beat(state, self._step, self._total_steps, loss, lr, lost, moment, self._beats, has_loss))

    def _event(self, level: str, event: str, message: str, data: Any) -> pa.RecordBatch:
        return event_row(self._step, time.time_ns(), level, event, message, data)

    def _reject(self, name: str, why: str) -> None:
        self.note(f"{name:.200}: {why}", f"{name:.200}: dropped, {why}; expected one real number per name.")

    def _leave(self) -> None:
        for barrier in [*self._barriers, *(item for item in self.queue if isinstance(item, Barrier))]:
            barrier.done.set()
        self._stop_sources()
        self.writer.close()
        self.over.set()
        self._close_pipe()
