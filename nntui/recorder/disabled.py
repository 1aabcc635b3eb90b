"""A run that is switched off: an object with the same methods, not an `if` in the loop."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nntui.finding import Finding
from nntui.recorder.run import Run
from nntui.recorder.scalars import index


class DisabledRun(Run):
    """A Run that records nothing and touches no file."""

    def __init__(self, path: str | os.PathLike[str] = "", resume_step: int | None = None) -> None:
        self.path = Path(path)
        self._next = resume_step or 0

    @property
    def dropped(self) -> int:
        """Nothing is recorded, so nothing is lost."""
        return 0

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Only counts the step."""
        with contextlib.suppress(Exception):
            self._next = (self._next if step is None else index(step)) + 1

    def predictions(self, outputs: Any, **_: Any) -> None:
        """Does nothing."""

    def samples(self, inputs: Any, targets: Any = None, **_: Any) -> None:
        """Does nothing."""

    def examples(self, split: str, index: Any, **_: Any) -> None:
        """Does nothing."""

    def dependencies(self, matrix: Any, **_: Any) -> None:
        """Does nothing."""

    def tensors(self, tensors: Mapping[str, Any], **_: Any) -> None:
        """Does nothing."""

    def check(self, finding: Finding) -> None:
        """Does nothing."""

    def observe(self, names: Sequence[str], values: Any, step: int) -> None:
        """Does nothing."""

    def check_progress(self, check: str, values: Mapping[str, Any], step: int) -> None:
        """Does nothing."""

    def event(self, event: str, message: str, **_: Any) -> None:
        """Does nothing."""

    def flush(self, timeout: float = 5.0) -> bool:
        """True: there is nothing to write."""
        return True

    def finish(self, exit_code: int = 0) -> None:
        """Does nothing."""

    def crashed(self, error: BaseException) -> None:
        """Does nothing."""
