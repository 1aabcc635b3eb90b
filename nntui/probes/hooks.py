"""Hooks that hurt nobody.

Owns the one boundary between measuring and the user's training. Invariant: nothing raises through it, and neither a copy nor
a pickle of a module takes a hook along.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import torch


class Guard:
    """Swallows what goes wrong while measuring, and tells how long it took."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        """failed: told the first error, after which nothing is measured any more."""
        self.seconds = 0.0
        """Taken since it was last set to 0."""
        self._failed = failed
        self._over = False

    def call(self, what: Callable[..., None], *given: Any) -> None:
        """Measure."""
        if self._over:
            return
        begun = time.perf_counter()
        try:
            what(*given)
        except Exception as error:  # noqa: BLE001 (the boundary)
            self._over = True
            with contextlib.suppress(Exception):
                self._failed(error)
        self.seconds += time.perf_counter() - begun


class Hook:
    """Something to call at a certain moment; gives nothing back, so that nothing changes."""

    def __init__(self, guard: Guard | None, what: Callable[..., None] | None) -> None:
        self._guard, self._what = guard, what

    def __call__(self, *given: Any) -> None:
        """Measure, unless a compiler is looking."""
        if torch.compiler.is_compiling():
            return
        if self._guard is not None and self._what is not None:
            self._guard.call(self._what, *given)

    def __deepcopy__(self, memo: Any) -> Hook:
        return Hook(None, None)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (
            contextlib.nullcontext(),
            "__exit__",
        )  # takes anything, gives None, and needs no nntui to be loaded
