#!/usr/bin/env python3
"""The live viewer beside W&B LEET: delay to the screen, first screen, processor, bytes to the terminal, memory.

One process logs the same 10 scalars at 10 Hz to a nntui run and to an offline W&B run; one of them, `sent`, is a counter. Both
viewers run at the same time, each in a pseudo-terminal of 140×40 that is read through a terminal emulator; then both are left
alone with a run that has ended. At last each is opened on it anew, alone and in turn with a Textual app that shows one word.

    .venv/bin/python scripts/bench_viewer.py [--seconds 60] [--idle 20] [--rounds 7] [--peers /path/to/python]

--peers: a Python with wandb, pyarrow and numpy; without one, only nntui is measured. A point has arrived when the screen
shows its counter, or a later one; its delay is the wall time at which the bytes were read minus the wall time just before it was
logged. What is seen late because the reader here was busy counts against both. Processor and memory include child processes.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from terminal import COLUMNS, ROWS, Terminal, leet

RATE = 10
PATIENCE = 30.0
"""Seconds within which a viewer has to show something."""
BARE = "a bare Textual app"
BARE_APP = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("sent 0")
Bare().run()
"""
FRAME = 5
"""Lines with something in them from which it is more than a word that answers."""
HEAD_START = 4.0
"""Seconds of data that there are when the viewers are started."""
SETTLED = 6.0
"""Seconds after their start from which their cost is the steady one."""

WRITER = """
import math, sys, time
folder, seconds, rate, root = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
sys.path.insert(0, root)
import nntui
peer = None
if sys.argv[5] == "wandb":
    import wandb
    peer = wandb.init(project="bench", mode="offline", dir=folder, settings=wandb.Settings(silent=True))
with nntui.init(folder + "/run", total_steps=int(seconds * rate)) as run, open(folder + "/sent", "w", buffering=1) as sent:
    begun = time.time()
    for step in range(int(seconds * rate)):
        values = {"sent": step, **{f"metric_{i}": math.sin(step / 20 + i) for i in range(9)}}
        print(step, time.time(), file=sent)
        run.log(values, step=step)
        if peer:
            peer.log(values, step=step)
        time.sleep(max(0.0, begun + (step + 1) / rate - time.time()))
if peer:
    peer.finish()
"""


@dataclass
class Watched:
    """What was seen of one viewer."""

    terminal: Terminal
    seen: list[tuple[int, float]] = field(default_factory=list)
    answered: float = 0.0
    painted: float = 0.0
    settled: tuple[float, float, int] = (0.0, 0.0, 0)
    """Monotonic seconds, processor seconds and bytes when the steady state began."""
    cpu: float = 0.0
    bytes: float = 0.0
    idle: int = 0

    def look(self, seconds: float = 0.0) -> None:
        """Read what came, or comes within so many seconds."""
        while self.terminal.read(seconds):
            moment = time.time()
            if not self.painted:
                lines = sum(bool(line.strip()) for line in self.terminal.lines)
                self.answered = self.answered or moment * (lines > 0)
                self.painted = moment * (lines >= FRAME)
            shown = self.terminal.number("sent")
            if shown is not None and (not self.seen or shown > self.seen[-1][0]):
                self.seen.append((shown, moment))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The live viewer beside W&B LEET.")
    parser.add_argument("--seconds", type=float, default=60.0, help="of steady streaming (default 60)")
    parser.add_argument("--idle", type=float, default=20.0, help="seconds after the end of the data (default 20)")
    parser.add_argument("--rounds", type=int, default=7, help="openings of each (default 7)")
    parser.add_argument("--peers", default=sys.executable, help="a Python with wandb, pyarrow and numpy")
    options = parser.parse_args()
    has_peer = (
        subprocess.run([options.peers, "-c", "import wandb, pyarrow"], capture_output=True, check=False).returncode == 0
    )
    if not has_peer:
        print("W&B LEET: not measured (no wandb in that Python; --peers names another)")
    if importlib.util.find_spec("nntui") is None:
        parser.error("nntui is not installed in this Python; run it with .venv/bin/python")
    with tempfile.TemporaryDirectory() as folder:
        total = HEAD_START + SETTLED + options.seconds
        root = str(Path(__file__).resolve().parents[1])
        words = [folder, str(total), str(RATE), root, "wandb" if has_peer else "-"]
        writer = subprocess.Popen([options.peers if has_peer else sys.executable, "-c", WRITER, *words])
        commands = _commands(Path(folder), options.peers if has_peer else "")
        watched = _watch(commands, writer, options)
        writer.wait()
        sent = {int(step): float(at) for step, at in map(str.split, (Path(folder) / "sent").read_text().splitlines())}
        for one in watched.values():
            one.terminal.close()
        opened = _open(commands, options.rounds)
    _report(sent, watched, opened, options)
    return 0


def _commands(folder: Path, peer: str) -> dict[str, list[str]]:
    """How each viewer is opened, once there is something to see."""
    while not (folder / "sent").exists() or (peer and not list(folder.glob("wandb/offline-run-*/*.wandb"))):
        time.sleep(0.05)
    time.sleep(HEAD_START)
    commands = {"nntui": [sys.executable, "-m", "nntui", "watch", str(folder / "run")]}
    if peer:
        commands["W&B LEET"] = leet(peer, next(folder.glob("wandb/offline-run-*")))
    return commands


def _open(commands: dict[str, list[str]], rounds: int) -> dict[str, list[list[float]]]:
    """Seconds until each showed anything, a screen, and data, time after time; of the bare app nothing but a word is asked."""
    opened: dict[str, list[list[float]]] = {}
    for name, command in [*commands.items(), (BARE, [sys.executable, "-c", BARE_APP])] * rounds:
        one = Watched(Terminal(command))
        while not (one.seen and (one.painted or name == BARE)) and time.time() < one.terminal.begun + PATIENCE:
            one.look(0.001)
        one.terminal.close()
        moments = (one.answered, one.painted, one.seen[0][1] if one.seen else 0.0)
        opened.setdefault(name, []).append([at - one.terminal.begun if at else float("nan") for at in moments])
    return opened


def _watch(
    commands: dict[str, list[str]], writer: subprocess.Popen[bytes], options: argparse.Namespace
) -> dict[str, Watched]:
    watched = {name: Watched(Terminal(command)) for name, command in commands.items()}
    begun = time.monotonic()
    while writer.poll() is None:
        _look(watched)
        if not next(iter(watched.values())).settled[0] and time.monotonic() - begun > SETTLED:
            for one in watched.values():
                one.settled = (time.monotonic(), one.terminal.cpu(), one.terminal.bytes)
        if time.monotonic() - begun > SETTLED + options.seconds - 1.0 and not next(iter(watched.values())).cpu:
            for one in watched.values():
                at, cpu, sent = one.settled
                span = time.monotonic() - at
                one.cpu, one.bytes = (one.terminal.cpu() - cpu) / span, (one.terminal.bytes - sent) / span
                one.terminal.memory()
    for seconds in (5.0, options.idle):  # the end itself is news; after it there are none
        before, end = {name: one.terminal.bytes for name, one in watched.items()}, time.monotonic() + seconds
        while time.monotonic() < end:
            _look(watched)
        for name, one in watched.items():
            one.idle = one.terminal.bytes - before[name]
    return watched


def _look(watched: dict[str, Watched]) -> None:
    for one in watched.values():
        one.look()
    time.sleep(0.01)


def _report(
    sent: dict[int, float],
    watched: dict[str, Watched],
    opened: dict[str, list[list[float]]],
    options: argparse.Namespace,
) -> None:
    rows: dict[str, list[str]] = {}
    for name, one in watched.items():
        delays = []
        for step, moment in sent.items():
            arrived = next((when for shown, when in one.seen if shown >= step), None)
            if one.seen and step > one.seen[0][0] and arrived is not None:
                delays.append(arrived - moment)
        ordered = sorted(delays) or [float("nan")]
        rows[name] = [
            f"{statistics.median(ordered):.2f} s",
            f"{ordered[int(0.95 * len(ordered))]:.2f} s",
            *(f"{statistics.median(seconds):.2f} s" for seconds in zip(*opened[name], strict=True)),
            f"{one.cpu:.1%}",
            f"{one.bytes / 1000:.2f} kB/s",
            f"{one.idle / 1000:.2f} kB in {options.idle:g} s",
            f"{one.terminal.peak:.0f} MiB",
        ]
    names = (
        "delay to screen, median",
        "delay to screen, p95",
        f"first word, median of {options.rounds}",
        f"first screen ({FRAME} lines or more)",
        "first data on screen",
        "share of a core",
    )
    names += ("bytes to the terminal", "bytes once nothing is new", "memory")
    print(f"\n{RATE} Hz × 10 scalars, {COLUMNS}×{ROWS}, {options.seconds:g} s\n")
    print("| | " + " | ".join(rows) + " |")
    print("|---" * (len(rows) + 1) + "|")
    for place, what in enumerate(names):
        print(f"| {what} | " + " | ".join(row[place] for row in rows.values()) + " |")
    print(f"\n{BARE} paints first after {statistics.median(word for word, *_ in opened[BARE]):.2f} s")


if __name__ == "__main__":
    sys.exit(main())
