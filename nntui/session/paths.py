"""Which run a path means.

Owns the folder that is meant where none is named. Standard library only; what looks for runs is imported where a folder is meant.
Invariant: a path that is a run means that run; a folder means the run below it that was active last.
"""

from __future__ import annotations

import os
from pathlib import Path

from nntui.runlog import layout
from nntui.runlog.errors import NotARun, RunNotFound

DEFAULT = Path("runs")


def resolve(path: str | os.PathLike[str] | None) -> Path:
    """The run folder meant by `path`; None means the latest run below `runs`.

    Raises RunNotFound or NotARun with a line for the user.
    """
    root = Path(path) if path is not None else DEFAULT
    if layout.is_run(root) or not root.is_dir():
        if path is None and not root.exists():
            raise RunNotFound(
                f"{root}: no such folder here; expected runs below it. Name a run, or record one with nntui.init('runs/NAME')."
            )
        layout.read_identity(root)
        return root
    from nntui.session.catalog import Catalog, nothing_in

    listing = Catalog(root).look()
    found = listing.runs
    if listing.problem:
        raise NotARun(listing.problem)
    if not found:
        raise NotARun(
            f"{root}: found {nothing_in(root)}; expected a run or a folder of runs. "
            f"Record one with nntui.init('{root}/NAME')."
        )
    return next((one.path for one in found if not one.problem), found[0].path)


def above(path: Path | None) -> Path:
    """The folder of runs that holds a run; of none the one that is looked into where nothing is said."""
    return DEFAULT if path is None else path.parent
