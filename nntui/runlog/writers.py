"""Who writes a run, as the small files of its writer folders tell.

Owns what is known of a writer besides its rows. Standard library only: opens writer.json, beat and end.json, and of the
data files looks at nothing but when they were last written. Invariant: a folder that tells nothing is still a writer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nntui.runlog import layout

SILENT_AFTER = 60.0
"""Seconds without a beat after which a writer of another machine counts as over."""


@dataclass(frozen=True, slots=True)
class Writer:
    """What is known of one writer besides its rows."""

    folder: Path
    manifest: layout.Manifest
    beat: layout.Beat | None
    end: layout.End | None


def read_writers(path: Path) -> list[Writer]:
    """The writers of a run as they are now, by the name of their folders. Raises OSError when it cannot be listed."""
    return [read_writer(folder) for folder in layout.writer_folders(path)]


def read_writer(folder: Path) -> Writer:
    """One writer as it is now; until writer.json is there, the folder's name says what it can."""
    manifest = layout.read_manifest(folder) or layout.manifest_of_name(folder.name)
    beat = layout.read_beat(folder) or layout.read_beat(folder)  # the first look may have met it half written
    return Writer(folder, manifest, beat, layout.read_end(folder))


def of_first_rank(writers: Iterable[Writer]) -> list[Writer]:
    """The writers of the lowest rank, which speaks for the run; oldest first."""
    known = list(writers)
    rank = min((w.manifest.rank for w in known), default=0)
    return sorted(
        (w for w in known if w.manifest.rank == rank), key=lambda w: (w.manifest.started_ns, w.manifest.writer)
    )


def is_over(writer: Writer) -> bool:
    """Whether a writer will write no more, judged once by the wall clock: ended, gone, or silent for SILENT_AFTER."""
    if writer.end is not None:
        return True
    alive = layout.process_alive(writer.manifest)
    if alive is not None:
        return not alive
    newest = writer.beat.wall_time_ns if writer.beat else writer.manifest.started_ns
    return time.time() - newest / 1e9 > SILENT_AFTER


def newest_sign_ns(writer: Writer) -> int:
    """Unix nanoseconds of the writer's last sign of life, its end or its beat; 0 when it gave none."""
    return max(writer.end.wall_time_ns if writer.end else 0, writer.beat.wall_time_ns if writer.beat else 0)


def written_at(folder: Path) -> float:
    """Unix seconds at which training last wrote in a writer folder, by the clock of its disk; 0 when it never did."""
    newest = 0.0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                aside = entry.name.partition("-")[0] in layout.ASIDE
                if entry.name.endswith(layout.DATA_SUFFIX) and not aside and entry.is_file(follow_symlinks=False):
                    newest = max(newest, entry.stat(follow_symlinks=False).st_mtime)
    except OSError:
        return newest
    return newest
