#!/usr/bin/env python3
"""The dashboard left open: does its memory grow by more than the data?

One process logs `--metrics` metrics as fast as a day of training would log in minutes, then goes on living without a word. The
dashboard is open all the while in a pseudo-terminal of 140×40, and somebody walks through its screens again and again.

    .venv/bin/python scripts/bench_soak.py [--minutes 3] [--metrics 10] [--rate 1000]

Memory is resident memory, child processes included. That of the points is what their values take once, 8 bytes each, and their
steps and times once per group. Growth is given in three parts: while data stream, while nothing is new, while screens are walked.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from terminal import Terminal

SCREENS = b"2345678911"
WARM = 10.0
"""Seconds that the dashboard is given to load what it needs."""

WRITER = """
import math, sys, time
folder, seconds, metrics, rate, root = sys.argv[1], *map(float, sys.argv[2:5]), sys.argv[5]
sys.path.insert(0, root)
import nntui
with nntui.init(folder + "/run") as run:
    begun, step = time.monotonic(), 0
    while time.monotonic() < begun + seconds:
        run.log({f"metric_{i}": math.sin(step / 200 + i) for i in range(int(metrics))}, step=step)
        step += 1
        time.sleep(max(0.0, begun + step / rate - time.monotonic()))
    print(step, flush=True)
    sys.stdin.read()
"""


def main() -> int:
    """Stream, wait, walk; print."""
    parser = argparse.ArgumentParser(description="The memory of a dashboard that is left open.")
    parser.add_argument("--minutes", type=float, default=3.0, help="of each of the three parts (default 3)")
    parser.add_argument("--metrics", type=int, default=10, help="logged together (default 10)")
    parser.add_argument("--rate", type=float, default=1000.0, help="steps a second (default 1000)")
    options = parser.parse_args()
    if min(options.minutes, options.metrics, options.rate) <= 0:
        parser.error("--minutes, --metrics and --rate are above zero")
    seconds = 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        words = [folder, str(seconds + WARM), str(options.metrics), str(options.rate)]
        root = str(Path(__file__).resolve().parents[1])
        command = [sys.executable, "-c", WRITER, *words, root]
        writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while not (Path(folder) / "run" / "run.json").exists():
            time.sleep(0.05)
        terminal = Terminal([sys.executable, "-m", "nntui", "watch", str(Path(folder) / "run")])
        rows = _measure(terminal, seconds)
        assert writer.stdin is not None
        assert writer.stdout is not None
        steps = int(writer.stdout.readline())
        writer.stdin.close()
        writer.wait()
        terminal.close()
    points = steps * options.metrics
    print(f"{points:,} points, which take {(points * 8 + steps * 16) / 2**20:.0f} MiB\n")
    print("| | begins at | grows by | at the end | processor |")
    print("|---|---|---|---|---|")
    for name, begun, ended, share in rows:
        print(f"| {name} | {begun:.1f} MiB | {ended - begun:+.1f} MiB | {ended:.1f} MiB | {share:.1%} of a core |")
    return 0


def _measure(terminal: Terminal, seconds: float) -> list[tuple[str, float, float, float]]:
    """(part, MiB at its begin, MiB at its end, share of a core)."""
    _spend(terminal, WARM)
    rows = []
    for name, keys in (("data stream", b""), ("nothing is new", b""), ("screens are walked", SCREENS)):
        if keys:
            _spend(terminal, len(keys) * 0.6, keys)  # every screen once, for what it loads
        begun, cpu, at = terminal.memory(), terminal.cpu(), time.monotonic()
        _spend(terminal, seconds, keys)
        rows.append((name, begun, terminal.memory(), (terminal.cpu() - cpu) / (time.monotonic() - at)))
    return rows


def _spend(terminal: Terminal, seconds: float, keys: bytes = b"") -> None:
    """Read what comes for so long, pressing the keys in turn, two a second."""
    begun, pressed = time.monotonic(), 0
    while time.monotonic() < begun + seconds:
        if keys and time.monotonic() > begun + pressed / 2:
            terminal.press(keys[pressed % len(keys) :][:1])
            pressed += 1
        terminal.read(0.1)


if __name__ == "__main__":
    sys.exit(main())
