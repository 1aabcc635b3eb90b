"""The few lines that a user gets to read beside the script's own.

Owns how they look. Invariant: a closed or broken stderr is nobody's trouble.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path


def say(what: str) -> None:
    """One line."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(f"nntui: {what}", file=sys.stderr, flush=True)  # noqa: T201


def shown(path: Path) -> str:
    """The path as a user would type it here."""
    try:
        near = os.path.relpath(path)
    except (OSError, ValueError):
        return str(path)
    return str(path) if near.startswith(os.pardir) else near
