"""What happens to open runs when the process ends, is told to end, or forks.

Owns the interpreter-wide hooks: atexit, sys.excepthook, SIGTERM, fork. They are installed with the first run and hand on
to whatever was there before.
Invariant: a hook changes neither the exit status nor what else would have happened. An open run is kept alive here, so
that one whose variable went out of scope is ended in order all the same.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Protocol

SIGNAL_PATIENCE = 3.0
"""Seconds that all runs together may take to end when told to: most take milliseconds, and whoever tells waits ten or more."""


class Open(Protocol):
    """What the hooks need of a run."""

    def crashed(self, error: BaseException) -> None:
        """The process ends by this exception."""

    def interrupted_by(self, number: int) -> None:
        """The process is about to end by this signal: end, without waiting."""

    def wait_over(self, deadline: float) -> None:
        """Wait until the end is written, at most until the deadline (monotonic seconds)."""

    def hurry(self) -> None:
        """Write now."""

    def forked(self) -> None:
        """This is a child."""

    def finish(self, exit_code: int = 0) -> None:
        """The process ends."""


_runs: dict[int, Open] = {}
_installed = False
_previous_excepthook: Callable[..., Any] = sys.excepthook


def watch_over(run: Open) -> None:
    """Have the run told of the process's end."""
    global _installed, _previous_excepthook
    _runs[id(run)] = run
    if not _installed:
        _installed = True
        atexit.register(_at_exit)
        _previous_excepthook, sys.excepthook = sys.excepthook, _on_exception
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork)
    _end_with_child(run)
    _install_sigterm()


def _end_with_child(run: Open) -> None:
    """A child of multiprocessing leaves without atexit."""
    process, util = (sys.modules.get(f"multiprocessing.{name}") for name in ("process", "util"))
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, run.finish, exitpriority=0)


def let_go(run: Open) -> None:
    """The run is over; the signal's disposition is given back with the last one."""
    _runs.pop(id(run), None)
    if not _runs:
        _restore_sigterm()


def open_runs() -> int:
    """How many runs this process records."""
    return len(_runs)


def _at_exit() -> None:
    for run in list(_runs.values()):
        with contextlib.suppress(KeyboardInterrupt):  # pressed again while the run ends: nobody is left to be told
            run.finish()


def _on_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    with contextlib.suppress(Exception, KeyboardInterrupt):
        for run in list(_runs.values()):
            run.crashed(error.with_traceback(trace))
    _previous_excepthook(kind, error, trace)


def _after_fork() -> None:
    _restore_sigterm()  # a child that records nothing dies of SIGTERM as if we were not here
    for run in list(_runs.values()):
        run.forked()


class _OnSigterm:
    """Our handler, with the disposition it stands in for: a user's own handler may lie between two of ours."""

    def __init__(self, previous: Any) -> None:
        self.previous = previous

    def __call__(self, number: int, where: FrameType | None) -> None:
        runs = list(_runs.values())
        if callable(self.previous):  # the user's handler decides what happens; it may well go on
            for run in runs:
                run.hurry()
            self.previous(number, where)
            return
        try:
            deadline = time.monotonic() + SIGNAL_PATIENCE
            for run in runs:
                run.interrupted_by(number)
            for run in runs:
                run.wait_over(deadline)
        finally:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


def _install_sigterm() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    current = signal.getsignal(signal.SIGTERM)
    if current is signal.SIG_IGN or current is None or isinstance(current, _OnSigterm):
        return
    signal.signal(signal.SIGTERM, _OnSigterm(current))


def _restore_sigterm() -> None:
    ours = signal.getsignal(signal.SIGTERM)
    if isinstance(ours, _OnSigterm) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ours.previous)
