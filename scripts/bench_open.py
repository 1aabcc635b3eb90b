#!/usr/bin/env python3
"""Opening a run of three million points: the time until its plot is on the screen, and the memory it takes, beside W&B LEET.

The same points (10 metrics, `--points` of them in all) are logged to a nntui run and to an offline W&B run, which takes a while.
Then each is opened in a pseudo-terminal of 140×40 that is read through a terminal emulator, several times in turn.

    .venv/bin/python scripts/bench_open.py [--points 3000000] [--rounds 3] [--peers /path/to/python]

--peers: a Python with wandb, pyarrow and numpy; without one, only nntui is measured. It is open when the screen shows the newest
value of the counter `sent`, so everything was read. Memory is resident memory, child processes included:
the largest, and what is left some seconds later.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from terminal import Terminal, leet

METRICS = 10
PATIENCE = 240.0
LATER = 10.0
"""Seconds after which memory is measured again."""

WRITER = """
import math, sys, time
folder, steps, root, peer = sys.argv[1], int(sys.argv[2]), sys.argv[3], None
sys.path.insert(0, root)
import nntui
if sys.argv[4] == "wandb":
    import wandb
    peer = wandb.init(project="bench", mode="offline", dir=folder, settings=wandb.Settings(silent=True))
with nntui.init(folder + "/run", total_steps=steps) as run:
    for step in range(steps):
        values = {"sent": step, **{f"metric_{i}": math.sin(step / 2000 + i) + (step * 7919 % 1000) / 5000 for i in range(9)}}
        run.log(values, step=step)
        if step % 100 == 99:
            run.flush()
        if peer:
            peer.log(values, step=step)
if peer:
    peer.finish()
"""


def main() -> int:
    """Write, open, print."""
    parser = argparse.ArgumentParser(description="Opening a run of three million points, beside W&B LEET.")
    parser.add_argument("--points", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=sys.executable, help="a Python with wandb, pyarrow and numpy")
    options = parser.parse_args()
    steps = max(1, options.points // METRICS)
    has_peer = (
        subprocess.run([options.peers, "-c", "import wandb, pyarrow"], capture_output=True, check=False).returncode == 0
    )
    if not has_peer:
        print("W&B LEET: not measured (no wandb in that Python; --peers names another)")
    with tempfile.TemporaryDirectory() as name:
        folder, root = Path(name), str(Path(__file__).resolve().parents[1])
        begun = time.monotonic()
        words = [name, str(steps), root, "wandb" if has_peer else "-"]
        subprocess.run([options.peers if has_peer else sys.executable, "-c", WRITER, *words], check=True)
        print(f"{steps * METRICS:,} points written in {time.monotonic() - begun:.0f} s", flush=True)
        commands = {"nntui": [sys.executable, "-m", "nntui", "watch", str(folder / "run")]}
        if has_peer:
            commands["W&B LEET"] = leet(options.peers, next(folder.glob("wandb/offline-run-*")))
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for viewer, command in commands.items():
                found[viewer].append(_open(command, steps - 1))
        sizes = {"nntui": _size(folder / "run"), "W&B LEET": _size(folder / "wandb") if has_peer else 0}
    print(f"\n{steps * METRICS:,} points, median of {options.rounds}\n")
    print("| | " + " | ".join(found) + " |")
    print("|---" * (len(found) + 1) + "|")
    for place, (what, digits, unit) in enumerate(
        (("opened", 2, "s"), ("memory, at most", 0, "MiB"), (f"memory, {LATER:g} s later", 0, "MiB"))
    ):
        medians = [statistics.median(row[place] for row in rows) for rows in found.values()]
        print(f"| {what} | " + " | ".join(f"{one:.{digits}f} {unit}" for one in medians) + " |")
    print("| on disk | " + " | ".join(f"{sizes[viewer] / 2**20:.0f} MiB" for viewer in found) + " |")
    return 0


def _open(command: list[str], newest: int) -> tuple[float, float, float]:
    """Seconds until the newest value is on the screen (infinite when it never was), the largest memory in MiB, and the last."""
    terminal = Terminal(command)
    begun, shown, measured, last = time.monotonic(), float("inf"), 0.0, 0.0
    while time.monotonic() - begun < PATIENCE:
        came = terminal.read(0.02)
        if time.monotonic() - measured > 0.1:
            measured = time.monotonic()
            terminal.memory()
        if came and terminal.number("sent") == newest:
            shown = time.monotonic() - begun
            break
    settled = time.monotonic() + LATER
    while time.monotonic() < settled:
        terminal.read(0.05)
        last = terminal.memory()
    terminal.close()
    return shown, terminal.peak, last


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.exit(main())
