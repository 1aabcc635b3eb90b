"""Functions of torch that ours stand in front of, and how little of that is to be seen.

Owns putting them there and taking them off again. Invariant: a traceback that a user is shown has no line of ours.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

_HERE = str(Path(__file__).parent)


class Wrappers:
    """What was put in front of what."""

    def __init__(self) -> None:
        self._put: list[tuple[Any, str, Any, Any]] = []

    def put(self, owner: Any, name: str, around: Callable[[Any], Callable[..., Any]]) -> None:
        """Have `owner.name` call what `around` makes of it."""
        plain = getattr(owner, name)
        ours = functools.wraps(plain)(around(plain))
        setattr(owner, name, ours)
        self._put.append((owner, name, plain, ours))

    def undo(self) -> None:
        """Take all of it off, but for what somebody else has wrapped since."""
        for owner, name, plain, ours in reversed(self._put):
            if getattr(owner, name, None) is ours:
                setattr(owner, name, plain)
        self._put = []


def hide() -> None:
    """An exception comes through one of ours: should nobody catch it, it is shown without us."""
    if not isinstance(sys.excepthook, _Shown):
        sys.excepthook = _Shown(sys.excepthook)


class _Shown:
    """An excepthook that leaves out lines of this room."""

    def __init__(self, previous: Callable[..., Any]) -> None:
        self._previous = previous

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        seen: set[int] = set()
        waiting: list[BaseException | None] = [error]
        while waiting:
            one = waiting.pop()
            if one is not None and id(one) not in seen:
                seen.add(id(one))
                one.__traceback__ = _without_ours(one.__traceback__)
                waiting += [one.__cause__, one.__context__]
        self._previous(kind, error, error.__traceback__)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    kept = [one for one in _entries(trace) if not one.tb_frame.f_code.co_filename.startswith(_HERE)]
    for one, following in zip(kept, [*kept[1:], None], strict=True):
        one.tb_next = following
    return kept[0] if kept else trace


def _entries(trace: TracebackType | None) -> list[TracebackType]:
    found = []
    while trace is not None:
        found.append(trace)
        trace = trace.tb_next
    return found
