"""A run as it is now, read once to its end.

Owns the one-shot way to a Snapshot, for commands that print and leave.
"""

from __future__ import annotations

import time
from pathlib import Path

from nntui.analysis.series import Series
from nntui.runlog.reader import RunReader
from nntui.session.run_state import RunState
from nntui.session.snapshot import Snapshot, View


def load(path: Path, view: View) -> Snapshot:
    """Everything whole in the run folder.

    A view without plots may be answered first, to learn the metrics: reading is what costs, so use `Loaded` for two views.
    Raises RunFolderError when there is no run to read.
    """
    return Loaded(path).snapshot(view)


class Loaded:
    """A run read to its end, from which snapshots of several views can be taken."""

    def __init__(self, path: Path) -> None:
        """Raises RunFolderError when there is no run to read."""
        reader = RunReader(path)
        self._state = RunState(reader.identity.name or path.name, path)
        while True:
            poll = reader.poll(max_bytes=64 << 20, max_seconds=60.0)
            self._state.fold(poll, time.monotonic(), time.time())
            if not poll.more:
                break

    def series(self, metric: str) -> Series:
        """The points of a metric that count."""
        return self._state.series(metric)

    def outside(self) -> dict[str, Series]:
        """The points that count of every metric that was neither taken inside the model nor by a check."""
        return self._state.outside()

    def snapshot(self, view: View) -> Snapshot:
        """What the view needs."""
        return self._state.snapshot(view, time.monotonic())
