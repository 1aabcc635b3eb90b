"""What happens to open runs when the process ends, is told to end, or forks.

Owns the interpreter-wide hooks: atexit, sys.excepthook, SIGTERM, fork. They are installed with the first run and hand on
to whatever was there before.
Invariant: a hook changes neither the exit status nor what else would have happened.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Protocol


class Open(Protocol):
    """What the hooks need of a run."""

    def crashed(self, error: BaseException) -> None:
        """The process ends by this exception."""

    def interrupted_by(self, number: int) -> None:
        """The process is about to end by this signal."""

    def hurry(self) -> None:
        """Write now."""

    def forked(self) -> None:
        """This is a child."""

    def finish(self, exit_code: int = 0) -> None:
        """The process ends."""


_runs: weakref.WeakSet[Any] = weakref.WeakSet()
_installed = False
_previous_excepthook: Callable[..., Any] = sys.excepthook
_previous_sigterm: Any = None


def watch_over(run: Open) -> None:
    """Have the run told of the process's end."""
    global _installed, _previous_excepthook
    _runs.add(run)
    if not _installed:
        _installed = True
        atexit.register(_at_exit)
        _previous_excepthook, sys.excepthook = sys.excepthook, _on_exception
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork)
    _install_sigterm()


def let_go(run: Open) -> None:
    """The run is over; the signal's disposition is given back with the last one."""
    _runs.discard(run)
    if not _runs:
        _restore_sigterm()


def _at_exit() -> None:
    for run in list(_runs):
        run.finish()


def _on_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    for run in list(_runs):
        run.crashed(error.with_traceback(trace))
    _previous_excepthook(kind, error, trace)


def _after_fork() -> None:
    for run in list(_runs):
        run.forked()


def _install_sigterm() -> None:
    global _previous_sigterm
    if threading.current_thread() is not threading.main_thread():
        return
    current = signal.getsignal(signal.SIGTERM)
    if current in (signal.SIG_IGN, None, _on_sigterm):
        return
    _previous_sigterm = current
    signal.signal(signal.SIGTERM, _on_sigterm)


def _restore_sigterm() -> None:
    on_main = threading.current_thread() is threading.main_thread()
    if on_main and signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, _previous_sigterm)


def _on_sigterm(number: int, where: FrameType | None) -> None:
    if callable(_previous_sigterm):  # the user's handler decides what happens; it may well go on
        for run in list(_runs):
            run.hurry()
        _previous_sigterm(number, where)
        return
    for run in list(_runs):
        run.interrupted_by(number)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
