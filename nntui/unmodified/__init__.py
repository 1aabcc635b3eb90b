"""Recording a training script that knows nothing of nntui: what `nntui run` sets up, and what happens in the script's process.

Owns how a script is reached (`site/`, a folder on PYTHONPATH) and what is taken of it there. Knows nothing of screens.
Invariants: the script computes what it would have computed, bit by bit; nothing here raises into it; the first doubt ends the
recording, never the script; importing this brings the standard library alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

SITE = Path(__file__).parent / "site"
"""Holds the `sitecustomize` that every Python below `nntui run` starts with."""

FOLDER = "NNTUI_RECORD"
"""Environment variable: the run folder to record into. Empty or absent: nothing is recorded."""
SAID = "NNTUI_RECORD_SAID"
"""The run folder that the user was told of."""
COMMAND = "NNTUI_RECORD_COMMAND"
"""The command of `nntui run`, as one line."""
DECLARED = "NNTUI_RECORD_DECLARED"
"""What is meant, as for `nntui.watch`: words separated by newlines."""
MOST = 1000
"""Folders of one name."""


def beside(folder: Path) -> Iterator[Path]:
    """Where runs of this name go, one after the other: RUN, RUN-2, …."""
    yield folder
    for number in range(2, MOST + 1):
        yield folder.with_name(f"{folder.name}-{number}")
