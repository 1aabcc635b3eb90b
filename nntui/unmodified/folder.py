"""Which run folder a training process records into.

Owns telling the trainings of one command apart: its ranks share a folder, everything else has one of its own, `RUN`, `RUN-2`, ….
Invariant: two processes that train by themselves never write the same run.
"""

from __future__ import annotations

from pathlib import Path

from nntui.recorder.environment import Place
from nntui.runlog import layout
from nntui.runlog.errors import RunFolderError
from nntui.runlog.writer import begin_run
from nntui.unmodified import beside


def claim(wanted: Path, place: Place, *, helper: bool = False) -> Path | None:
    """The folder to record into; None where there is none left.

    helper: a child of multiprocessing, which records only where no other process does. Raises OSError.
    """
    for path in beside(wanted):
        if _is_ours(path, place):
            return path
        if helper and place.world_size == 1:
            break
    return None


def _is_ours(path: Path, place: Place) -> bool:
    """Whether this process is the first to come, or one of those that came together."""
    try:
        if begin_run(path):
            return True
        known = [layout.read_manifest(folder) for folder in layout.writer_folders(path)]
    except RunFolderError:
        return False
    others = [one for one in known if one is not None]
    return bool(others or place.world_size > 1) and all(_together(one, place) for one in others)


def _together(other: layout.Manifest, place: Place) -> bool:
    """Whether a writer is another rank of this training, or the same one before the launcher started it again."""
    restarted = other.launch == place.launch and other.restart < place.restart
    return restarted or (other.world_size == place.world_size > 1 and other.rank != place.rank)
