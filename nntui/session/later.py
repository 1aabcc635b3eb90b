# pyright: standard
"""What goes on inside a run, folded when somebody wants to know.

Owns what waits until then: the first look at a run needs none of it, and what folds it takes longer to import than that look.
Invariant: whoever asks is told of all that came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from nntui.session.inside import Inside


MOST = 4 << 20
"""Bytes that wait at most, and what came with the last of them, however long a run is."""

EVENT = 1 << 10
"""Bytes that an event counts as."""


class Later:
    """An `Inside` that is made when it is first asked for."""

    def __init__(self) -> None:
        self._made: Inside | None = None
        self._waiting: list[Callable[[Inside], None]] = []
        self._bytes = 0

    def fold(self, kind: str, writer: str, batch: pa.RecordBatch) -> None:
        """Take in a batch."""
        self._bytes += batch.nbytes
        self._do(lambda inside: inside.fold(kind, writer, batch))

    def fold_event(self, row: Mapping[str, Any]) -> None:
        """Take in an event."""
        self._bytes += EVENT
        self._do(lambda inside: inside.fold_event(row))

    @property
    def inside(self) -> Inside:
        """With all that came so far."""
        if self._made is None:
            from nntui.session.inside import Inside

            self._made = Inside()
            for fold in self._waiting:
                fold(self._made)
            self._waiting, self._bytes = [], 0
        return self._made

    def catch_up(self) -> None:
        """Let nothing wait any longer where it is much."""
        if self._bytes > MOST:
            _ = self.inside

    def _do(self, fold: Callable[[Inside], None]) -> None:
        if self._made is None:
            self._waiting.append(fold)
        else:
            fold(self._made)
