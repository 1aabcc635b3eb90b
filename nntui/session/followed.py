"""A run that is not the open one, read little by little.

Owns one reader and what becomes of it when the run is gone or broken. Invariant: one look takes bounded time; what is wrong with
the run is said in words, and never raised; what was read of a run that is gone stays.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from nntui.runlog import layout
from nntui.runlog.errors import RunFolderError, RunNotFound
from nntui.runlog.reader import RunReader
from nntui.session.run_state import RunState


class Followed:
    """One run."""

    def __init__(self, path: Path, kinds: Collection[str] = ("metrics",)) -> None:
        """kinds: which of its files to read."""
        self.path = path
        self._kinds = kinds
        self.state: RunState | None = None
        """What is known of it; None before the first look at a run that can be read."""
        self.behind = True
        """Whether there is more to read now."""
        self.problem = ""
        """Why it cannot be read, in a word or two; empty when it can."""
        self._reader: RunReader | None = None

    def look(self, now: float, wall: float) -> bool:
        """Read on; whether anything is new. now: monotonic, wall: Unix seconds."""
        before, changed = self.problem, False
        try:
            changed = self._read(now, wall)
            self.problem = ""
        except RunNotFound:
            self.problem = "gone"
        except (RunFolderError, OSError):
            self.problem = "unreadable"
        except Exception as error:  # noqa: BLE001 (whoever else is read goes on, whatever lies in this one)
            self.problem = f"{type(error).__name__}, a defect of nntui"
        if self.problem:
            self._reader, self.behind = None, False
        return changed or before != self.problem

    def _read(self, now: float, wall: float) -> bool:
        if self._reader is None or self.state is None:
            self._reader = RunReader(self.path, kinds=self._kinds)
            self.state = RunState(self._reader.identity.name or self.path.name, self.path)
        poll = self._reader.poll()
        was, self.behind = self.behind, poll.more
        return self.state.fold(poll, now, wall) or was != self.behind


def size(path: Path, kinds: Collection[str] = ("metrics",)) -> int:
    """Bytes of all files of these kinds of a run, of every rank."""
    total = 0
    try:
        for folder in layout.writer_folders(path):
            with os.scandir(folder) as entries:
                total += sum(
                    e.stat(follow_symlinks=False).st_size for e in entries if e.name.partition("-")[0] in kinds
                )
    except OSError:
        return total
    return total
