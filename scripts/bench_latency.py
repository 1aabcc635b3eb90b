#!/usr/bin/env python3
"""From `run.log` to the screen: how long, and at what cost.

A process logs 10 scalars at 10 Hz; one of them, `sent`, is a counter. `nntui watch` runs in a pseudo-terminal of 140×40 that is
read through a terminal emulator. A point has arrived when the screen shows its counter, or a later one. Its delay is the wall
time at which the bytes were read minus the wall time just before `run.log`. What is seen late because the reader here was
busy counts against us.

    .venv/bin/python scripts/bench_latency.py [--seconds 30]

Prints delays, the viewer's share of a core, the bytes it sends to the terminal per second, and its memory.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import pyte

COLUMNS, ROWS = 140, 40
RATE = 10

WRITER = """
import math, sys, time
import nntui
path, seconds, rate = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
with nntui.init(path, total_steps=int(seconds * rate)) as run, open(path + ".sent", "w", buffering=1) as sent:
    begun = time.time()
    for step in range(int(seconds * rate)):
        values = {f"metric_{i}": math.sin(step / 20 + i) for i in range(9)}
        print(step, time.time(), file=sent)
        run.log({"sent": step, **values}, step=step)
        time.sleep(max(0.0, begun + (step + 1) / rate - time.time()))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="From run.log to the screen: how long, and at what cost.")
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(run), str(seconds), str(RATE)])
        seen, viewer = watch(run, seconds)
        writer.wait()
        sent = dict(map(parse, Path(f"{run}.sent").read_text().splitlines()))
    report(sent, seen, viewer)


def watch(run: Path, seconds: float) -> tuple[list[tuple[int, float]], dict[str, float]]:
    """(counter, wall time) whenever the screen shows a new one, and what the viewer cost."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color")
        os.environ.pop("COLORTERM", None)
        os.execv(sys.executable, [sys.executable, "-m", "nntui", "watch", str(run), "--wait"])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    seen: list[tuple[int, float]] = []
    begun, settled, count = time.monotonic(), None, 0
    before = (0.0, 0)
    while time.monotonic() - begun < seconds + 1.0:
        if not select.select([fd], [], [], 0.02)[0]:
            continue
        data = os.read(fd, 1 << 16)
        moment = time.time()
        count += len(data)
        stream.feed(data.replace(b"\x1b[>", b"\x1b[?"))
        shown = counter(screen.display)
        if shown is not None and (not seen or shown > seen[-1][0]):
            seen.append((shown, moment))
        if settled is None and time.monotonic() - begun > 5.0:  # the start is not the steady state
            settled, before = time.monotonic(), (cpu(pid), count)
    span = time.monotonic() - (settled or begun)
    viewer = {
        "cpu": (cpu(pid) - before[0]) / span,
        "bytes": (count - before[1]) / span,
        "memory": memory(pid),
    }
    os.write(fd, b"q")
    os.close(fd)
    os.waitpid(pid, 0)
    return seen, viewer


def counter(lines: list[str]) -> int | None:
    """The value of `sent` on the screen: the last number in its cell."""
    for line in lines:
        found = re.search(r"(?:^|\s)sent\s+\D*?\s(\d+)(?:\s|$)", line)
        if found:
            return int(found[1])
    return None


def cpu(pid: int) -> float:
    """Seconds of processor time used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Resident MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def parse(line: str) -> tuple[int, float]:
    """One line of the writer's own record."""
    step, moment = line.split()
    return int(step), float(moment)


def report(sent: dict[int, float], seen: list[tuple[int, float]], viewer: dict[str, float]) -> None:
    """Delay of every point after the first that was shown."""
    if not seen:
        sys.exit("nothing was ever shown; look at `nntui watch` by hand")
    delays = []
    first = seen[0][0]
    for step, moment in sent.items():
        arrived = next((when for shown, when in seen if shown >= step), None)
        if step > first and arrived is not None:
            delays.append(arrived - moment)
    ordered = sorted(delays)
    print(f"points            {len(delays)} of {len(sent)} ({RATE} Hz × 10 scalars, {COLUMNS}×{ROWS})")
    p95 = ordered[int(0.95 * len(ordered))]
    print(f"delay to screen   median {statistics.median(ordered):.2f} s, p95 {p95:.2f} s, max {ordered[-1]:.2f} s")
    sends = f"{viewer['bytes'] / 1000:.2f} kB/s to the terminal"
    print(f"viewer            {viewer['cpu']:.1%} of a core, {sends}, {viewer['memory']:.0f} MiB")


if __name__ == "__main__":
    main()
