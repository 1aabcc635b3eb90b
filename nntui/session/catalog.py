"""Which run a path means.

Owns finding runs below a folder. Standard library only. Invariant: a path that is a run means that run; a folder means
the run below it that was active last.
"""

from __future__ import annotations

import os
from pathlib import Path

from nntui.runlog import layout
from nntui.runlog.errors import NotARun, RunNotFound

DEFAULT = Path("runs")
DEPTH = 2
"""Levels below a folder in which runs are looked for."""


def resolve(path: str | os.PathLike[str] | None) -> Path:
    """The run folder meant by `path`; None means the latest run below `runs`.

    Raises RunNotFound or NotARun with a line for the user.
    """
    root = Path(path) if path is not None else DEFAULT
    if layout.is_run(root) or not root.exists() or not root.is_dir():
        if path is None:
            raise RunNotFound(
                f"{root}: no such folder here; expected runs below it. Name a run, or record one with nntui.init('runs/NAME')."
            )
        layout.read_identity(root)
        return root
    found = runs(root)
    if not found:
        what = "an empty folder" if not any(root.iterdir()) else "a folder without a run"
        raise NotARun(
            f"{root}: found {what}; expected a run or a folder of runs. Record one with nntui.init('{root}/NAME')."
        )
    return found[0]


def runs(root: Path) -> list[Path]:
    """The runs at most DEPTH levels below a folder, latest activity first. Unreadable folders are left out."""
    found: list[tuple[float, Path]] = []
    level = [root]
    for _ in range(DEPTH):
        below = [child for folder in level for child in _folders(folder)]
        found += [(_activity(child), child) for child in below if layout.is_run(child)]
        level = [child for child in below if not layout.is_run(child)]
    return [path for _, path in sorted(found, key=lambda item: (-item[0], str(item[1])))]


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [folder / e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
    except OSError:
        return []


def _activity(run: Path) -> float:
    """Unix seconds of the newest beat, or of the newest writer folder."""
    newest = _modified(run)
    try:
        writers = layout.writer_folders(run)
    except OSError:
        return newest
    for folder in writers:
        newest = max(newest, _modified(folder), _modified(folder / layout.BEAT_FILE))
    return newest


def _modified(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0
