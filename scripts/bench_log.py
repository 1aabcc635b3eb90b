#!/usr/bin/env python3
"""What recording costs the training thread: `run.log` beside other loggers, in one run on one machine.

    .venv/bin/python scripts/bench_log.py [--calls 20000] [--seconds 10] [--only nntui,append] [--peers /path/to/python]

Measures each call of the logging function with `time.perf_counter_ns`, for 1 and for 10 floats:
back to back (the loop does nothing else) and paced (200 calls a second, as a training loop makes them).
`append` is `deque.append` of a tuple that holds a copy of the values: the least that any logger with a background thread
can do. Loggers that are not installed are named, not guessed. Everything is written to a temporary folder.
--peers: a Python with trackio, wandb, tensorboardX, tensorboard, pyarrow and numpy; every logger runs in it.

Every logger runs in a process of its own, so that none pays for another's threads. Figures in microseconds per call:
mean, median, 99th and 99.9th percentile of single calls, and the largest. Reading the clock itself is in every figure
(its median is the first row); means of two loggers in one run can be compared, figures of two machines cannot.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Log = Callable[[dict[str, float], int], Any]
PACE = 200.0
"""Calls per second of the paced loop."""
WIDTHS = (1, 10)


def _clock(folder: Path) -> tuple[Log, Callable[[], Any]]:
    return lambda values, step: None, lambda: None


def _append(folder: Path) -> tuple[Log, Callable[[], Any]]:
    queue: deque[Any] = deque()
    return lambda values, step: queue.append((dict(values), step, time.time_ns())), queue.clear


def _nntui(folder: Path) -> tuple[Log, Callable[[], Any]]:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import nntui

    run = nntui.init(folder / "run")

    def finish() -> None:
        run.finish()
        if run.dropped:
            raise SystemExit(f"nntui dropped {run.dropped} points: its figures would be too good")

    return run.log, finish


def _tensorboardx(folder: Path) -> tuple[Log, Callable[[], Any]]:
    import tensorboardX  # pyright: ignore[reportMissingImports]

    return _scalars(tensorboardX.SummaryWriter(str(folder)))


def _tensorboard(folder: Path) -> tuple[Log, Callable[[], Any]]:
    from torch.utils.tensorboard import SummaryWriter

    return _scalars(SummaryWriter(str(folder)))


def _scalars(writer: Any) -> tuple[Log, Callable[[], Any]]:
    def log(values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)

    return log, writer.close


def _wandb(folder: Path) -> tuple[Log, Callable[[], Any]]:
    import wandb  # pyright: ignore[reportMissingImports]

    run = wandb.init(project="bench", mode="offline", dir=str(folder), settings=wandb.Settings(silent=True))
    return lambda values, step: run.log(values, step=step), run.finish


def _trackio(folder: Path) -> tuple[Log, Callable[[], Any]]:
    os.environ["TRACKIO_DIR"] = str(folder)
    import trackio  # pyright: ignore[reportMissingImports]

    trackio.init(project="bench", embed=False)
    return lambda values, step: trackio.log(values, step=step), trackio.finish


LOGGERS: dict[str, Callable[[Path], tuple[Log, Callable[[], Any]]]] = {
    "(clock)": _clock,
    "append": _append,
    "nntui": _nntui,
    "trackio": _trackio,
    "wandb": _wandb,
    "tensorboardX": _tensorboardx,
    "tensorboard": _tensorboard,
}


def _measure(log: Log, width: int, calls: int, interval: float) -> np.ndarray:
    """Nanoseconds of each call. interval: seconds from the start of one call to the next; 0: back to back."""
    taken = np.empty(calls, np.int64)
    clock, start = time.perf_counter_ns, time.perf_counter()
    for step in range(calls):
        values = {f"train/metric{i}": step * 0.001 + i for i in range(width)}
        if interval:
            time.sleep(max(0.0, start + step * interval - time.perf_counter()))
        before = clock()
        log(values, step)
        taken[step] = clock() - before
    return taken


def _one(name: str, calls: int, seconds: float) -> None:
    """Measure one logger in this process; the figures as JSON on the last line of stdout."""
    figures: dict[str, list[float]] = {}
    for width in WIDTHS:
        for pace, count, interval in (("back to back", calls, 0.0), ("paced", int(seconds * PACE), 1 / PACE)):
            with tempfile.TemporaryDirectory() as folder:
                log, finish = LOGGERS[name](Path(folder))
                _measure(log, width, min(200, count), 0.0)
                micro = _measure(log, width, count, interval) / 1e3
                finish()
            shares = np.percentile(micro, [50, 99, 99.9])
            figures[f"{width} {pace}"] = [float(micro.mean()), *map(float, shares), float(micro.max())]
    print(json.dumps(figures))


def main() -> int:
    """Measure every logger there is and print the table."""
    parser = argparse.ArgumentParser(description="What recording costs the training thread.")
    parser.add_argument("--calls", type=int, default=20_000, help="calls of the back-to-back loop (default 20000)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each paced loop (default 10)")
    parser.add_argument("--only", default=",".join(LOGGERS), help="loggers to measure, separated by commas")
    parser.add_argument("--peers", default=sys.executable, help="a Python with the loggers, pyarrow and numpy")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        _one(options.one, options.calls, options.seconds)
        return 0
    names = options.only.split(",")
    unknown = [name for name in names if name not in LOGGERS]
    if unknown:
        parser.error(f"--only was {unknown[0]!r}; expected some of {', '.join(LOGGERS)}")
    figures: dict[str, dict[str, list[float]]] = {}
    for name in names:
        command = [options.peers, __file__, "--one", name, "--calls", str(options.calls)]
        done = subprocess.run(
            [*command, "--seconds", str(options.seconds)], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            figures[name] = json.loads(done.stdout.splitlines()[-1])
        else:
            why = (done.stderr.strip().splitlines() or ["no word"])[-1]
            print(f"{name}: not measured ({why})")
    print(
        f"\nmicroseconds per call; {options.calls} calls back to back, {PACE:g} a second for {options.seconds:g} s paced"
    )
    for case in (f"{width} {pace}" for width in WIDTHS for pace in ("back to back", "paced")):
        width, pace = case.split(" ", 1)
        print(
            f"\n{width} float{'s' if width != '1' else ''}, {pace:<20}{'mean':>9}{'median':>9}{'p99':>9}{'p99.9':>9}{'max':>11}"
        )
        for name, cases in figures.items():
            mean, *shares, largest = cases[case]
            print(f"  {name:<28}{mean:9.2f}" + "".join(f"{share:9.2f}" for share in shares) + f"{largest:11.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
