#!/usr/bin/env python3
"""Opening a run of three million points, and one of a hundred million: the time until its plot is on the screen, the memory it
takes, beside W&B LEET.

The same points (10 metrics, `--points` of them in all) are logged to a nntui run and to an offline W&B run, which takes a while.
Then each is opened in a pseudo-terminal of 140×40 that is read through a terminal emulator, several times in turn.

    .venv/bin/python scripts/bench_open.py [--points 3000000] [--long 100000000] [--rounds 3] [--peers /path/to/python]

--peers: a Python with wandb, pyarrow and numpy; without one, only nntui is measured. It is open when the screen shows the newest
value of the counter `sent` and a curve, and read when it says no more that it reads: nntui shows a run that takes long to read
from a sample first, LEET tells the newest value once it has read everything. Memory is resident memory, child processes included:
the largest until it is read, and what is left some seconds later. Processor time is that of the viewer until then.

--long: points of a further run, one gigabyte, that only nntui opens; 0 for none. It is written in large batches through the run
log's own writer.
"""

from __future__ import annotations

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from terminal import Terminal, leet

METRICS = 10
PATIENCE = 240.0
AT_ONCE = 400
"""Steps in a frame of the longer run."""
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
    parser.add_argument("--long", type=int, default=100_000_000)
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
        _report(
            _rounds(commands, steps, options.rounds),
            steps,
            {"nntui": _size(folder / "run"), "W&B LEET": _size(folder / "wandb") if has_peer else 0},
        )
    if options.long >= METRICS:
        with tempfile.TemporaryDirectory() as name:
            steps = options.long // METRICS
            _write_long(Path(name, "run"), steps)
            commands = {"nntui": [sys.executable, "-m", "nntui", "watch", str(Path(name, "run"))]}
            _report(_rounds(commands, steps, options.rounds), steps, {"nntui": _size(Path(name))})
    return 0


@dataclass(frozen=True)
class Opened:
    """One opening. Infinite: it never was."""

    shown: float
    """Seconds until the newest value and a curve are on the screen."""
    read: float
    """Seconds until all was read."""
    cpu: float
    """Processor seconds until then."""
    most: float
    """Largest resident memory until then, in MiB."""
    left: float
    """The same some seconds later."""


def _rounds(commands: dict[str, list[str]], steps: int, rounds: int) -> dict[str, list[Opened]]:
    """Each viewer in turn, so many times."""
    found: dict[str, list[Opened]] = {name: [] for name in commands}
    for _ in range(rounds):
        for viewer, command in commands.items():
            found[viewer].append(_open(command, steps - 1))
    return found


def _report(found: dict[str, list[Opened]], steps: int, sizes: dict[str, int]) -> None:
    """A table of medians."""
    print(f"\n{steps * METRICS:,} points, median of {max(map(len, found.values()))}\n")
    print("| | " + " | ".join(found) + " |")
    print("|---" * (len(found) + 1) + "|")
    rows = [
        ("newest value and curve shown", "shown", 2, "s"),
        ("all read", "read", 2, "s"),
        ("processor time until then", "cpu", 2, "s"),
        ("memory, at most", "most", 0, "MiB"),
        (f"memory, {LATER:g} s later", "left", 0, "MiB"),
    ]
    for what, field, digits, unit in rows:
        medians = [statistics.median(getattr(one, field) for one in opened) for opened in found.values()]
        print(f"| {what} | " + " | ".join(f"{one:.{digits}f} {unit}" for one in medians) + " |")
    print("| on disk | " + " | ".join(f"{sizes[viewer] / 2**20:.0f} MiB" for viewer in found) + " |", flush=True)


def _open(command: list[str], newest: int) -> Opened:
    """One opening in a terminal of its own."""
    terminal = Terminal(command)
    begun, measured, last = time.monotonic(), 0.0, 0.0
    shown = read = cpu = math.inf
    while time.monotonic() - begun < PATIENCE and read == math.inf:
        came = terminal.read(0.01)
        if time.monotonic() - measured > 0.05:
            measured = time.monotonic()
            terminal.memory()
        if not came:
            continue
        text = "\n".join(terminal.lines)
        if (terminal.number("sent") == newest or f"step {newest:,}" in text) and any(
            "\u2800" < one <= "\u28ff" for one in text
        ):
            shown = min(shown, time.monotonic() - begun)
            if "reading …" not in text:
                read, cpu = time.monotonic() - begun, terminal.cpu()
    most, settled = terminal.peak, time.monotonic() + LATER
    while time.monotonic() < settled:
        terminal.read(0.05)
        last = terminal.memory()
    terminal.close()
    return Opened(shown, read, cpu, most, last)


def _write_long(folder: Path, steps: int) -> None:
    """The same metrics with slower waves, in frames of many steps."""
    import numpy as np
    import pyarrow as pa

    from nntui.runlog import layout
    from nntui.runlog.schema import SCHEMAS
    from nntui.runlog.writer import WriterFolder

    names = ["sent", *(f"metric_{i}" for i in range(METRICS - 1))]
    writer, begun = WriterFolder.create(folder, total_steps=steps), time.time_ns()
    for first in range(0, steps, AT_ONCE):
        step = np.arange(first, min(first + AT_ONCE, steps))
        noise = (step * 7919 % 1000) / 5000
        values = [step.astype(float), *(np.sin(step / steps * 20 + i) + noise for i in range(METRICS - 1))]
        row = names, step, begun + step, values
        arrays = [pa.array([one], field.type) for one, field in zip(row, SCHEMAS["metrics"], strict=True)]
        writer.append("metrics", pa.RecordBatch.from_arrays(arrays, schema=SCHEMAS["metrics"]))
    writer.end(layout.End(step=steps - 1, wall_time_ns=time.time_ns()))
    writer.close()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    sys.exit(main())
