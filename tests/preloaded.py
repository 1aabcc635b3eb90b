"""A Python that has imported everything once, and forks into each command it is asked to be.

A test for which a process matters, for its signals, files or terminal, need not wait seconds for torch each time. Asked through a
socket, with the command's streams: what comes back for each is its process id, then its exit status.
Invariant: this process runs nothing itself and has no thread of Python's, so that each fork is as good as a start.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import termios
import threading
from pathlib import Path
from typing import Any, NoReturn

MODULES = (
    *("torch", "torch._dynamo", "sklearn.datasets", "sklearn.neighbors", "scipy.stats", "pyarrow.parquet"),
    *("nntui.checks", "nntui.recorder.run", "nntui.probes.watch", "nntui.session.feed", "nntui.tui.app"),
    *("nntui.cli.show", "nntui.cli.watch", "nntui.cli.plotting"),
    *("trainer.label", "trainer.loop", "trainer.precheck", "trainer.tasks.digits", "trainer.tasks.diabetes"),
)


def serve(requests: socket.socket) -> dict[str, Any]:
    """Returns, in each child, what it was asked to be."""
    awake, ended = os.pipe()
    os.set_blocking(ended, False)
    signal.set_wakeup_fd(ended)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    reports: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests, awake], [], [])
        if awake in ready:
            os.read(awake, 1 << 10)
            tell_ends(reports)
        if requests not in ready:
            continue
        message, streams, _, _ = socket.recv_fds(requests, 1 << 18, 4)
        if not message:
            os._exit(0)
        report = streams.pop()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            requests.close()
            for other in (awake, ended, report, *reports.values()):
                os.close(other)
            return json.loads(message) | {"streams": streams}
        reports[child] = report
        os.write(report, f"{child}\n".encode())
        for stream in streams:
            os.close(stream)


def tell_ends(reports: dict[int, int]) -> None:
    """Write the exit status of each child that has ended to whoever asked for it."""
    while reports:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            break
        report = reports.pop(child)
        with contextlib.suppress(BrokenPipeError):  # nobody waits for it
            os.write(report, str(status).encode())
        os.close(report)


def become(asked: dict[str, Any]) -> None:
    """Take on the streams, the folder, the environment and the arguments, as a Python that starts would."""
    if asked["new_session"]:
        os.setsid()
    for place, stream in enumerate(asked["streams"]):
        os.dup2(stream, place)
        os.close(stream)
    if asked["new_session"] and os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8")
    for name, number in (("stdout", 1), ("stderr", 2)):
        raw = io.FileIO(number, "w", closefd=False)
        unbuffered = "PYTHONUNBUFFERED" in os.environ
        how = {"line_buffering": number == 2 or raw.isatty(), "write_through": unbuffered}
        errors = "backslashreplace" if number == 2 else "strict"
        below = raw if unbuffered else io.BufferedWriter(raw)
        setattr(sys, name, io.TextIOWrapper(below, encoding="utf-8", errors=errors, **how))
    sys.argv = [asked["module"], *asked["words"]]


def end(code: object) -> NoReturn:
    """What Python does at its end, but for taking every module apart."""
    if code is not None and not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
    threading._shutdown()
    atexit._run_exitfuncs()
    status = code if isinstance(code, int) else int(code is not None)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = 120
    os._exit(status & 0xFF)


if __name__ == "__main__":
    for module in MODULES:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    asked = serve(socket.socket(fileno=int(sys.argv[1])))
    become(asked)
    try:
        if asked["module"].endswith(".py"):
            sys.path.insert(0, str(Path(asked["module"]).parent))
            runpy.run_path(asked["module"], run_name="__main__")
        else:
            runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
    except SystemExit as leaving:
        end(leaving.code)
    end(0)
