"""Which runs lie below a folder.

Owns finding runs, and their order. Standard library only. Invariant: what looks like a run but cannot be read is listed with what
is wrong with it.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nntui.runlog import layout
from nntui.session.glance import Glance, Onlooker, alike

DEPTH = 2
"""Levels below a folder in which runs are looked for."""
FOLDER_LIMIT = 20_000
"""Most folders that are looked into for runs."""
SETTLED_AFTER = 3.0
"""Seconds after its last change from which a folder's time of change can tell a later one, on the coarsest of clocks."""


def _unlistable(root: Path) -> str:
    """Why a folder cannot be listed, in one line; empty when it can."""
    try:
        os.scandir(root).close()
    except (FileNotFoundError, ValueError):  # ValueError: a NUL in the path
        return f"{root}: no such folder; expected a folder of runs. Record one with nntui.init('{root}/NAME')."
    except NotADirectoryError:
        return f"{root}: found a file; expected a folder of runs. Name the folder above it."
    except OSError as error:
        return f"{root}: cannot be listed ({error.strerror}); expected a readable folder of runs."
    return ""


def nothing_in(root: Path) -> str:
    """What a folder is in which no run was found, in words."""
    return "an empty folder" if not any(root.iterdir()) else "a folder without a run"


@dataclass(frozen=True, eq=False, slots=True)
class Listing:
    """The runs below a folder at one moment."""

    root: Path
    runs: tuple[Glance, ...] = ()
    """Those still going first, the one started last before the others; then by last activity."""
    unread: int = 0
    """Runs that were found and not yet looked at."""
    problem: str = ""
    """Why the folder cannot be listed, in one line; empty when it can."""


class Catalog:
    """The runs below a folder, looked at again and again; what cannot have changed is not read again."""

    def __init__(
        self, root: Path, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        """clock: seconds that only go forward; wall: Unix seconds."""
        self.root = root
        self._clock = clock
        self._wall = wall
        self._folders: dict[Path, _Folder] = {}
        self._known: dict[Path, _Known] = {}

    def look(self, max_seconds: float = math.inf) -> Listing:
        """The runs as they are; after max_seconds, those not looked at yet stay as they were and come first next time."""
        start, wall = self._clock(), self._wall()
        problem = _unlistable(self.root)
        if problem:
            return Listing(self.root, problem=problem)
        found = dict(self._find(wall))
        self._known = {path: self._known.get(path) or _Known(Onlooker(path)) for path in found}
        for path, known in sorted(self._known.items(), key=lambda item: item[1].looked):
            if self._clock() - start > max_seconds:
                break
            known.look(found[path], self._clock(), wall)
        glances = [known.glance for known in self._known.values() if known.glance is not None]
        return Listing(self.root, tuple(sorted(glances, key=_order)), len(found) - len(glances))

    def _find(self, wall: float) -> Iterator[tuple[Path, int]]:
        """Every run at most DEPTH levels below the root, with when its folder changed."""
        folders: dict[Path, _Folder] = {}
        level = [self.root]
        for depth in range(DEPTH + 1):
            below: list[Path] = []
            for path in level[: FOLDER_LIMIT - len(folders)]:
                folders[path] = folder = self._folder(path, wall)
                if folder.is_run and depth:
                    yield path, folder.changed
                elif depth < DEPTH:
                    below += folder.below
            level = below
        self._folders = folders

    def _folder(self, path: Path, wall: float) -> _Folder:
        known = self._folders.get(path)
        try:
            changed = path.stat().st_ctime_ns
        except OSError:
            return _Folder()
        if known is not None and known.changed == changed and known.settled:
            return known
        return _read_folder(path, changed, wall)


@dataclass(frozen=True, slots=True)
class _Folder:
    """What lies in a folder, as of its last change."""

    changed: int = -1
    """st_ctime_ns; -1 when it is gone."""
    settled: bool = False
    is_run: bool = False
    """Whether it is a run, or looks like one."""
    below: tuple[Path, ...] = ()


def _read_folder(path: Path, changed: int, wall: float) -> _Folder:
    below: list[Path] = []
    is_run = False
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                is_run |= name == layout.RUN_FILE
                if not name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    is_run |= name.startswith(layout.WRITER_PREFIX) and name[2:10].isdecimal()
                    below.append(path / name)
    except PermissionError:
        is_run = True  # it may be one; its line says what is wrong
    except OSError:
        return _Folder(changed)
    return _Folder(changed, _settled(changed, wall), is_run, tuple(below))


def _settled(changed: int, wall: float) -> bool:
    return not abs(wall - changed / 1e9) <= SETTLED_AFTER


@dataclass(slots=True)
class _Known:
    """One run of the catalog and when it was looked at."""

    onlooker: Onlooker
    looked: float = -math.inf
    changed: int = -1
    glance: Glance | None = None

    def look(self, changed: int, now: float, wall: float) -> None:
        """Look again, unless the run is over and its folder as it was."""
        self.looked = now
        over = self.glance is not None and self.glance.state in ("ended", "crashed") and not self.glance.problem
        if not over or changed != self.changed or not _settled(changed, wall):
            found, self.changed = self.onlooker.look(now, wall), changed
            if self.glance is None or not alike(found, self.glance):  # an unchanged one stays the same object
                self.glance = found


def _order(one: Glance) -> tuple[float, float, str]:
    return (-math.inf, -one.started_at, str(one.path)) if one.going else (-one.active_at, 0.0, str(one.path))
