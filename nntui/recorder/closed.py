"""What stands in the place of a run's queue where there is none: after the end, and in a forked child.

Owns saying once that nothing is recorded any more, and opening a child's own writer at its first row.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nntui.recorder.run import Run


class Closed:
    """Stands where the queue was once the run is over: takes nothing, says so once."""

    def __init__(self, run: Run, why: str = "the run is finished") -> None:
        self._path = run.path
        self._why = why
        self._said = False

    def __len__(self) -> int:
        return 0

    def append(self, item: Any) -> None:
        """Say it."""
        if not self._said:
            self._said = True
            print(f"nntui: {self._path}: {self._why}; what is logged now is not recorded.", file=sys.stderr)  # noqa: T201


class Forked:
    """Stands where the queue was in a forked child: the first row opens a writer of the child's own."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __len__(self) -> int:
        return 0

    def append(self, item: Any) -> None:
        """Open it."""
        self._run.revive().append(item)
