"""What `nntui doctor` says of the folder of runs.

Owns what its file system means for noticing new data. Writes nothing there.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from nntui.runlog import layout
from nntui.runlog.errors import RunFolderError
from nntui.runlog.mounts import NETWORK, file_system
from nntui.session import paths
from nntui.tui.units import size

SILENT = NETWORK | {"fuse", "overlay", "virtiofs", "vboxsf", "drvfs"}
"""Kinds on which the system tells nobody of changes made elsewhere."""
LEAST_FREE = 1 << 30
"""Bytes below which a recording may soon have to drop what it is given."""
LEAST_WATCHES = 1024
SKEW = 5.0
"""Seconds by which clocks may differ before ages of data mislead."""
_INOTIFY = Path("/proc/sys/fs/inotify")


def folder(path: Path | None) -> Iterator[tuple[str, ...]]:
    """(about, status, found, advice) of a run or a folder of runs."""
    root = path or paths.DEFAULT
    if not root.exists():
        status = "look" if path is None else "broken"
        yield (
            "runs",
            status,
            f"{root}: no such folder",
            "Record a run with nntui.init('runs/NAME'), or name its folder.",
        )
        return
    try:
        yield "runs", "ok", f"{root}: the newest is {paths.resolve(path).name}"
    except RunFolderError as error:
        yield "runs", "look", str(error), "Nothing to watch yet."
    yield _changes(file_system(root))
    yield from _space(root)
    yield from _clock(root)


def _changes(kind: str) -> tuple[str, ...]:
    """How new data are noticed there."""
    if kind in SILENT or kind.startswith("fuse"):
        words = f"{kind}: changes made elsewhere are not told; looked for four times a second"
        advice = "Data of another machine come up to five seconds late there." if kind in NETWORK else ""
        return "file system", "ok", words + (f". {advice}" if advice else "")
    with contextlib.suppress(OSError, ValueError):
        watches = int((_INOTIFY / "max_user_watches").read_text())
        if watches < LEAST_WATCHES:
            advice = "sysctl fs.inotify.max_user_watches=65536; until then runs are looked at four times a second."
            return "file system", "look", f"{kind or 'unknown'}; only {watches:,} inotify watches", advice
        return "file system", "ok", f"{kind or 'unknown'}; changes are told at once (inotify)"
    return "file system", "ok", f"{kind or 'unknown'}; looked at four times a second"


def _space(root: Path) -> Iterator[tuple[str, ...]]:
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(root).free
        if free < LEAST_FREE:
            yield "disk", "look", f"{size(free)} free", "A full disk drops what is recorded, and says how much."
        else:
            yield "disk", "ok", f"{size(free)} free"


def _clock(root: Path) -> Iterator[tuple[str, ...]]:
    """Whether the clock of whoever writes the newest run agrees with that of the file system and of this machine."""
    with contextlib.suppress(RunFolderError, OSError):
        for writer in layout.writer_folders(paths.resolve(root))[-1:]:
            beat = layout.read_beat(writer)
            if beat is None:
                return
            written, said = (writer / layout.BEAT_FILE).stat().st_mtime, beat.wall_time_ns / 1e9
            skew = max(said - written, said - time.time()) if said > time.time() else said - written
            if abs(skew) > SKEW:
                found = f"the writer's is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
                yield (
                    "clock",
                    "look",
                    found,
                    "Ages of data will mislead by as much; have both machines keep time (NTP).",
                )
            else:
                yield "clock", "ok", "that of the newest run agrees"
