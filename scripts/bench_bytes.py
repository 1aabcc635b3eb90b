#!/usr/bin/env python3
"""Bytes on disk per scalar: the same points in each format.

Ten metrics logged together, and one alone, at `--steps` steps, flushed every 100 steps as at the pace of a real loop. Each format
is written by its own package in a process of its own; those that are not installed are named, not guessed.

    .venv/bin/python scripts/bench_bytes.py [--steps 20000] [--peers /path/to/python]

--peers: a Python with tensorboardX, wandb, trackio, pyarrow and numpy.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

FLUSH = 100
WIDTHS = (10, 1)

Log = Callable[[dict[str, float], int], Any]


def _nntui(folder: Path) -> tuple[Log, Callable[[], Any], Callable[[], Any]]:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import nntui

    run = nntui.init(folder / "run")
    return lambda values, step: run.log(values, step=step), run.flush, run.finish


def _tensorboardx(folder: Path) -> tuple[Log, Callable[[], Any], Callable[[], Any]]:
    import tensorboardX  # pyright: ignore[reportMissingImports]

    writer = tensorboardX.SummaryWriter(str(folder))

    def log(values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)

    return log, writer.flush, writer.close


def _wandb(folder: Path) -> tuple[Log, Callable[[], Any], Callable[[], Any]]:
    import wandb  # pyright: ignore[reportMissingImports]

    quiet = wandb.Settings(silent=True, x_disable_stats=True)
    run = wandb.init(project="bench", mode="offline", dir=str(folder), settings=quiet)
    return lambda values, step: run.log(values, step=step), lambda: None, run.finish


def _trackio(folder: Path) -> tuple[Log, Callable[[], Any], Callable[[], Any]]:
    os.environ["TRACKIO_DIR"] = str(folder)
    import trackio  # pyright: ignore[reportMissingImports]

    trackio.init(project="bench", embed=False)
    return lambda values, step: trackio.log(values, step=step), lambda: None, trackio.finish


def _csv(folder: Path) -> tuple[Log, Callable[[], Any], Callable[[], Any]]:
    import time

    file = (folder / "metrics.csv").open("w", newline="")
    writer = csv.writer(file)
    return lambda values, step: writer.writerow([step, f"{time.time():.3f}", *values.values()]), file.flush, file.close


FORMATS = {"nntui": _nntui, "CSV (no names)": _csv, "tensorboardX": _tensorboardx, "trackio": _trackio, "wandb": _wandb}


def main() -> int:
    """Write every format and print the table."""
    parser = argparse.ArgumentParser(description="Bytes on disk per scalar.")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument(
        "--peers", default=sys.executable, help="a Python with tensorboardX, wandb, trackio, pyarrow and numpy"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, _, width = options.one.rpartition(":")
        print(_measure(name, int(width), options.steps))
        return 0
    print(f"bytes per scalar, {options.steps:,} steps\n")
    print("| | 10 metrics together | 1 metric |\n|---|---|---|")
    missing = []
    for name in FORMATS:
        sizes = []
        for width in WIDTHS:
            command = [options.peers, __file__, "--one", f"{name}:{width}", "--steps", str(options.steps)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                missing.append(f"{name}: not measured ({(done.stderr.strip().splitlines() or ['no word'])[-1]})")
                break
            sizes.append(float(done.stdout.splitlines()[-1]))
        else:
            print(f"| {name} | " + " | ".join(f"{size:.1f}" for size in sizes) + " |", flush=True)
    print("\n".join(["", *missing]) if missing else "")
    return 0


def _measure(name: str, width: int, steps: int) -> float:
    """Bytes of everything in the folder per scalar that was logged."""
    with tempfile.TemporaryDirectory() as folder:
        log, flush, finish = FORMATS[name](Path(folder))
        for step in range(steps):
            log({f"train/metric{i}": math.sin(step / 20 + i) + step / 7 for i in range(width)}, step)
            if step % FLUSH == FLUSH - 1:
                flush()
        finish()
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink())
    return size / (steps * width)


if __name__ == "__main__":
    sys.exit(main())
