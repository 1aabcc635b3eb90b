"""`nntui watch`: the dashboard.

Owns what happens before the screen is taken and after it is given back.
"""

from __future__ import annotations

import argparse
import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nntui.cli import OK, UsageError, put
from nntui.runlog import layout
from nntui.runlog.errors import RunNotFound
from nntui.session import paths

if TYPE_CHECKING:
    from nntui.session.snapshot import Snapshot

TAKE_SCREEN, GIVE_BACK = "\x1b[?1049h\x1b[H", "\x1b[?1049l"
"""What switches a terminal to its second screen, cursor at the top, and back."""


def run(arguments: argparse.Namespace) -> int:
    """Open the dashboard; 0 whatever it showed. Raises RunFolderError when there is nothing to watch."""
    path, root = _places(arguments)
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):  # Textual draws on the last
        instead = f"nntui ls {root}" if path is None else f"nntui show {path}"
        raise UsageError(
            f"no terminal here; expected one for the dashboard, as stdin, stdout and stderr. Use `{instead}`."
        )
    stopped = _leave_on_sigterm()
    try:
        with _answered(path or root or paths.DEFAULT):
            from nntui.tui.app import NntuiApp

            app = NntuiApp(
                path,
                root=root,
                wait=arguments.wait,
                glyphs=arguments.glyphs,
                pictures=arguments.pictures,
                light=arguments.light,
                quiet=arguments.quiet,
            )
        app.run()
    except BaseException as error:
        put(GIVE_BACK)
        if stopped and isinstance(error, KeyboardInterrupt):
            return 128 + signal.SIGTERM
        raise
    if app.failure is not None:
        raise app.failure
    put(_goodbye(app.path, root, app.newest))
    return 128 + signal.SIGTERM if stopped else OK


@contextmanager
def _answered(place: Path) -> Iterator[None]:
    """Take the screen and name what is opened; meanwhile the dashboard is imported, which takes longer than a key may.

    An interrupt that meets a class half made comes out as a RuntimeError, and one that meets a destructor not at all.
    """
    from nntui.tui.safe import safe

    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    handler = signal.signal(signal.SIGINT, interrupt)
    gc.disable()  # all of it stays: looking through it for garbage would take a tenth of the time, now or later
    try:
        put(f"{TAKE_SCREEN}{safe(place.name or place)}  opening")
        yield
    except BaseException:
        if not interrupted:
            raise
    finally:
        gc.freeze()
        gc.enable()
        signal.signal(signal.SIGINT, handler)
    if interrupted:
        raise KeyboardInterrupt


def _goodbye(path: Path | None, root: Path | None, newest: Snapshot) -> str:
    """How the run was, as far as it was read, and how to come back."""
    from nntui.tui.panels.frame import untold
    from nntui.tui.safe import safe

    if path is None:
        return f"Back to the runs with `nntui watch {safe(root)}`."
    head = newest.head
    at = f", step {head.step:,}" if head.step >= 0 else ""
    state = "not read yet" if untold(newest) else head.state
    return f"{safe(path)}: {state}{at}. Back to it with `nntui watch {safe(path)}`."


def _leave_on_sigterm() -> list[int]:
    """Give the terminal back when the process is asked to end, by the way that ctrl-c goes; says afterwards whether it was."""
    stopped: list[int] = []

    def leave(number: int, _: object) -> None:
        stopped.append(number)
        signal.raise_signal(signal.SIGINT)

    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell without job control starts what goes behind it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, leave)
    return stopped


def _places(arguments: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """The run to watch, None for a folder of runs, and that folder; with --wait neither need be there yet."""
    named = Path(arguments.path) if arguments.path is not None else None
    if named is not None and named.is_dir() and not layout.is_run(named):
        if not arguments.wait:
            paths.resolve(named)  # says what is wrong with a folder without a run
        return None, named
    try:
        path = paths.resolve(named)
    except RunNotFound:
        if not (arguments.wait and named):
            raise
        return named, None
    layout.read_identity(path)
    if path.name in ("", ".."):  # the list of runs knows it by its name
        path = path.resolve()
    return path, paths.DEFAULT if named is None and path != paths.DEFAULT else None
