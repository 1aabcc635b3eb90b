"""The run that is watched: its feed, and the newest that came from it.

Owns which of several feeds, opened one after the other, is listened to. Invariant: an older snapshot never replaces a newer one,
nor does one of a run that is no longer watched; a paused screen keeps what it shows unless it asked for something else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nntui.session.snapshot import EMPTY, Head, Snapshot, View
from nntui.tui.messages import SnapshotReady


class Following:
    """One run at a time, or none."""

    def __init__(self, make: Callable[..., Any], post: Callable[[SnapshotReady], object]) -> None:
        """make: what makes a feed of a path. post: takes each message, from the feed's thread."""
        self._make = make
        self._post = post
        self._source = 0
        self.path: Path | None = None
        self.feed: Any = None
        self.newest: Snapshot = EMPTY
        self._held: Snapshot = EMPTY
        """What a paused screen shows."""
        self._awaited: View | None = None
        """What it has asked for since; None once it was answered."""

    def open(self, path: Path, *, wait: bool = False) -> None:
        """Take this run in place of the one before; nothing is read until `start`."""
        self.stop(0.0)
        self._source += 1
        source = self._source
        self.path = path
        self.newest = replace(EMPTY, head=Head(name=path.name, path=str(path)))
        self.hold()
        self.feed = self._make(path, lambda snapshot: self._post(SnapshotReady(snapshot, source)), wait=wait)

    def start(self) -> None:
        """Begin to read."""
        if self.feed is not None:
            self.feed.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Let the thread go; waits at most `timeout` seconds for it."""
        if self.feed is not None:
            self.feed.stop(timeout)

    def hold(self) -> None:
        """Keep the newest for a screen that is paused."""
        self._held, self._awaited = self.newest, None

    def shown(self, *, paused: bool) -> Snapshot:
        """The newest; on a paused screen what is held, or the answer to what was asked since, and the run's own line goes on."""
        if not paused:
            return self.newest
        if self.newest.view == self._awaited:
            self.hold()
        return replace(self._held, head=self.newest.head)

    def ask(self, view: View) -> None:
        """Tell the feed what is shown. Whoever asks for something else while paused is answered once."""
        self._awaited = view if view != self._held.view else None
        if self.feed is not None:
            self.feed.show(view)

    def drawn(self) -> None:
        """Let the feed go on: what it told first is on the screen."""
        if self.feed is not None:
            self.feed.wake()

    def take(self, message: SnapshotReady) -> bool:
        """Whether this is the newest of the run that is watched; it is then kept."""
        if message.source != self._source or message.snapshot.number < self.newest.number:
            return False
        self.newest = message.snapshot
        return True

    def age(self) -> float:
        """Seconds since the newest data arrived; NaN before any."""
        return time.monotonic() - self.newest.head.newest
