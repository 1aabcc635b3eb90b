"""`nntui watch`: the dashboard.

Owns what happens before the screen is taken and after it is given back.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from nntui.cli import OK, UsageError, put
from nntui.runlog import layout
from nntui.runlog.errors import RunNotFound
from nntui.session import catalog


def run(arguments: argparse.Namespace) -> int:
    """Open the dashboard; 0 whatever it showed. Raises RunFolderError when there is nothing to watch."""
    path = _path(arguments)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(f"no terminal here; expected one for the dashboard. Use `nntui show {path}`.")
    from nntui.tui.app import NntuiApp

    app = NntuiApp(path, wait=arguments.wait, glyphs=arguments.glyphs, light=arguments.light)
    stopped = _leave_on_sigterm()
    app.run()
    if app.failure is not None:
        raise app.failure
    from nntui.tui.safe import safe

    head = app.newest.head
    at = f", step {head.step:,}" if head.step >= 0 else ""
    put(f"{safe(path)}: {head.state}{at}. Back to it with `nntui watch {safe(path)}`.")
    return 128 + signal.SIGTERM if stopped else OK


def _leave_on_sigterm() -> list[int]:
    """Give the terminal back when the process is asked to end, by the way that ctrl-c goes; says afterwards whether it was."""
    stopped: list[int] = []

    def leave(number: int, _: object) -> None:
        stopped.append(number)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, leave)
    return stopped


def _path(arguments: argparse.Namespace) -> Path:
    """The run to watch; with --wait it need not be there yet."""
    try:
        path = catalog.resolve(arguments.path)
    except RunNotFound:
        if not (arguments.wait and arguments.path):
            raise
        return Path(arguments.path)
    layout.read_identity(path)
    return path
