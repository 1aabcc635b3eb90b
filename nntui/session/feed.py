"""The feed: a thread that wakes, polls, folds and hands over snapshots.

Owns when a run folder is looked at. Polling is the truth; a file event only ends a wait, and may be lost.
Invariant: the thread never dies silently: what it cannot do is the `problem` of the next snapshot. Arrow is imported on
the thread, so that a screen can be painted before.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntui.runlog.errors import RunFolderError, RunNotFound
from nntui.session.memory import give_back
from nntui.session.snapshot import Head, Snapshot, View
from nntui.session.sparing import Sparing

if TYPE_CHECKING:
    from nntui.runlog.reader import Poll, RunReader
    from nntui.session.pinned import Pins
    from nntui.session.run_state import RunState

IDLE_INTERVAL = 1.0
"""Seconds between looks while nothing is known to have changed."""
POLLING_INTERVAL = 0.25
"""Seconds between looks without file events."""
FIRST_READ = 0.6
"""Seconds that may pass until a run is read to its end before anything of it is shown; millions of points take less."""
SAMPLE = 16 << 20
"""Bytes of metrics, taken evenly from the whole of a longer run, of which its plots are made until all of it is read."""
SAMPLED = 1 / 8
"""Of what there is to read, which a sample takes at most."""
TELL_INTERVAL = 1.0
"""Seconds between two words on how much of it was read."""
FIRST_LOOK = 0.25
"""Seconds for which the thread leaves the processor to the screen that draws what it was told first, unless that wakes it."""
SNAPSHOT_INTERVAL = 0.25
"""Least seconds between two snapshots, unless the view changed."""
SNAPSHOT_SHARE = 0.2
"""Of the thread's time that snapshots may take."""
SCREEN_SHARE = 0.045
"""Of a processor that the whole viewer may take while data stream, so that with all else it is a twentieth."""
LATEST = 0.6
"""Seconds that a snapshot waits for that at most."""
RETRY_INTERVAL = 0.5
"""Seconds between looks for a run that is not there."""

_UNHEARD = logging.NullHandler()
"""For watchdog, which complains of races in its own stopping; unhandled, that is written over the screen."""


class Feed:
    """Watches one run folder and calls `on_snapshot`, from its own thread, with every new Snapshot."""

    def __init__(self, path: Path, on_snapshot: Callable[[Snapshot], None], *, wait: bool = False) -> None:
        """wait: a run that does not exist yet is no problem; the feed waits for it."""
        self.path = path
        self._on_snapshot = on_snapshot
        self._wait = wait
        self._view = View()
        self._view_changed = False
        self._hinted = threading.Event()
        """Set by file events, and by whoever asks."""
        self._asked = threading.Event()
        """Set by whoever asks only: while data stream, file events would but cost."""
        self._dirty = True
        self._behind = True
        """Whether the run has not been read to its end yet."""
        self._stopped = False
        self._number = 0
        self._last = Snapshot(head=Head(name=path.name, path=str(path)))
        self._posting = Sparing(SNAPSHOT_INTERVAL, SNAPSHOT_SHARE)
        self._screen = Sparing(SNAPSHOT_INTERVAL, SCREEN_SHARE, LATEST)
        self._spent = time.process_time()
        """Processor time of all threads until the last snapshot: from one to the next it is what showing one costs."""
        self._sample: RunState | None = None
        """What is shown of a long run until all of it is read: points taken evenly from all of it."""
        self._read = 0
        """Bytes read of it so far."""
        self._share = 1.0
        """How much of it that is, above 0."""
        self._telling = Sparing(TELL_INTERVAL, SNAPSHOT_SHARE)
        self._pins: Pins | None = None
        self._thread = threading.Thread(target=self._run, name="nntui-feed", daemon=True)

    def start(self) -> None:
        """Begin watching."""
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Stop watching; waits at most `timeout` seconds for the thread."""
        self._stopped = True
        self.wake()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def show(self, view: View) -> None:
        """Ask for what this view needs; a snapshot of it comes at once."""
        if view != self._view:
            self._view = view
            self._view_changed = True
            self.wake()

    def wake(self) -> None:
        """Look at the folder now."""
        self._asked.set()
        self._hinted.set()

    # --- on the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        give_back()
        while not self._stopped:
            try:
                self._follow()
            except RunFolderError as error:
                self._report("" if self._wait and isinstance(error, RunNotFound) else str(error))
            except Exception as error:  # noqa: BLE001 (a dead thread would be a frozen screen that looks alive)
                self._report(
                    f"{self.path}: {type(error).__name__}: {error}. This is a defect of nntui; please report it."
                )
            if not self._stopped:
                self._asked.wait(RETRY_INTERVAL)
                self._asked.clear()

    def _follow(self) -> None:
        """Read the run from its beginning for as long as it is there."""
        from nntui.runlog.reader import RunReader
        from nntui.session.pinned import Pins
        from nntui.session.run_state import RunState

        self._pins = self._pins or Pins()
        reader = RunReader(self.path)
        state = RunState(reader.identity.name or self.path.name, self.path)
        self._behind, self._sample, self._read = True, None, 0
        if not self._number:
            self._introduce(reader, state)
        hints = _Hints(self.path, self._hinted)
        try:
            while not self._stopped:
                self._turn(reader, state, self._pins, hints)
        finally:
            hints.stop()

    def _introduce(self, reader: RunReader, state: RunState) -> None:
        """Show what can be read in a moment before anything else is imported or judged: what there is, then the plots of it."""
        begun, more = time.monotonic(), True
        while more and not self._stopped:
            poll = self._poll(reader, state)
            more = poll.more and (time.monotonic() - begun) / self._share < FIRST_READ
            if poll.more and not more:
                self._begin_sample(reader, poll, state)
        shown = self._sample or state
        for _ in ("what there is", "what the screen asks for then") if shown.any_points else ():
            self._sketch(shown)

    def _poll(self, reader: RunReader, state: RunState) -> Poll:
        """Read on."""
        poll = reader.poll()
        self._dirty |= state.fold(poll, time.monotonic(), time.time())
        self._read += poll.bytes_read
        self._share = self._read / (self._read + poll.left) if poll.left else 1.0
        return poll

    def _begin_sample(self, reader: RunReader, poll: Poll, state: RunState) -> None:
        """Take points from the whole of a run that is too long to be waited for."""
        taken = reader.sample(min(SAMPLE, int(poll.left * SAMPLED)))
        if taken:
            spread = dataclasses.replace(poll, batches=taken, left=0)
            self._sample = state.with_points_of(spread, time.monotonic(), time.time())

    def _sketch(self, state: RunState) -> None:
        """Show what was read before it is judged, and leave the processor to the screen until that is drawn."""
        self._view_changed = False
        self._asked.clear()
        snapshot = state.snapshot(self._view, time.monotonic(), judged=False)
        self._post(dataclasses.replace(snapshot, complete=False, sketch=self._sketched))
        self._asked.wait(FIRST_LOOK)

    @property
    def _sketched(self) -> float:
        """How much was read where a sample is shown; NaN elsewhere."""
        return self._share if self._sample else math.nan

    def _turn(self, reader: RunReader, state: RunState, pins: Pins, hints: _Hints) -> None:
        poll, now = self._poll(reader, state), time.monotonic()
        hints.follow([w.folder for w in poll.writers.values() if w.end is None])
        state.watching = hints.words
        if self._sample:
            self._sample.watching = hints.words
        pins.want(self._view.pins)
        if not poll.more:
            self._dirty |= pins.turn()
        whole = self._behind and not poll.more
        if whole:
            self._sample = None
            if poll.bytes_read and not (self._last.complete or self._view.pins):
                self._sketch(state)
            self._behind = False
            state.listen()
        due = self._dirty and self._left(now) <= 0 and not (poll.more and self._number)
        if due or whole or self._view_changed:
            begun = time.thread_time()
            self._view_changed = False
            self._dirty = False
            called, drawn_along = pins.told(self.path)
            snapshot = (self._sample or state).snapshot(self._view, now, pins.drawn, judged=not self._behind)
            told = {"complete": not self._behind, "sketch": self._sketched, "called": called, "pins": drawn_along}
            self._post(dataclasses.replace(snapshot, **told))
            took = 0.0 if whole else time.thread_time() - begun  # what is done once puts off nothing
            self._posting.done(now, took)
            before, self._spent = self._spent, time.process_time()
            self._screen.done(now, self._spent - before)
        if self._sample and self._telling.due(now):
            self._post(dataclasses.replace(self._last, sketch=self._share))
            self._telling.done(now, 0.0)
        if poll.more or pins.behind:
            return
        if poll.bytes_read or self._dirty:
            self._asked.wait(min(self._left(now), IDLE_INTERVAL))  # looking sooner would show nothing sooner
        else:
            self._hinted.wait(IDLE_INTERVAL if hints.working else POLLING_INTERVAL)
        self._asked.clear()
        self._hinted.clear()

    def _left(self, now: float) -> float:
        """Seconds until what changed may be shown."""
        return max(self._posting.left(now), self._screen.left(now))

    def _report(self, problem: str) -> None:
        if problem != self._last.problem or not self._number:
            self._post(dataclasses.replace(self._last, problem=problem))

    def _post(self, snapshot: Snapshot) -> None:
        self._number += 1
        self._last = dataclasses.replace(snapshot, number=self._number)
        self._on_snapshot(self._last)


class _Hints:
    """File events that end a wait early, where the system gives them."""

    def __init__(self, path: Path, wake: threading.Event) -> None:
        self._path = path
        self._wake = wake
        self._watched: dict[Path, Any] = {}
        self._observer: Any = None
        try:
            self._start()
        except (OSError, ImportError, RuntimeError):
            self._observer = None

    @property
    def working(self) -> bool:
        """Whether events can be expected."""
        return self._observer is not None and self._path in self._watched

    @property
    def words(self) -> str:
        """How changes are noticed, for the status bar."""
        name = type(self._observer).__name__.removesuffix("Observer").lower() if self.working else ""
        return f"{name} + poll" if name else f"poll {POLLING_INTERVAL:g} s"

    def follow(self, folders: list[Path]) -> None:
        """Watch the run and exactly these writer folders."""
        wanted = {self._path, *folders}
        if self._observer is None or wanted == self._watched.keys():
            return
        for gone in self._watched.keys() - wanted:
            self._observer.unschedule(self._watched.pop(gone))
        for folder in wanted - self._watched.keys():
            try:
                self._watched[folder] = self._observer.schedule(self._handler, os.fspath(folder), recursive=False)
            except OSError:  # the watch limit, or a folder just removed: polling sees it all the same
                return

    def stop(self) -> None:
        """Let the observer's thread go."""
        if self._observer is not None:
            self._observer.stop()

    def _start(self) -> None:
        from watchdog.events import FileSystemEventHandler
        from watchdog.observers import Observer

        wake = self._wake

        class Wake(FileSystemEventHandler):
            def on_created(self, event: Any) -> None:
                wake.set()

            def on_modified(self, event: Any) -> None:
                wake.set()

        for name in ("watchdog", "fsevents"):
            logging.getLogger(name).addHandler(_UNHEARD)
        self._handler = Wake()
        self._observer = Observer()
        self._observer.daemon = True
        self._observer.start()
        self.follow([])
