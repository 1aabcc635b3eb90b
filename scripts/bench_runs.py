#!/usr/bin/env python3
"""A folder of two thousand runs: how long until its list is on the screen, how fast it scrolls, what it costs at rest.

One run is recorded, the others are copies of it with settings and an end of their own. Then the dashboard is opened on the folder
in a pseudo-terminal of 140×40 that is read through a terminal emulator, and the folder is listed from the command line.

    .venv/bin/python scripts/bench_runs.py [--runs 2000] [--idle 20]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from terminal import COLUMNS, ROWS, Terminal

import nntui

STEPS = 2000
PATIENCE = 120.0


def main() -> int:
    """Make, open, print."""
    parser = argparse.ArgumentParser(description="A folder of two thousand runs.")
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--idle", type=float, default=20.0, help="seconds for which nothing is done (default 20)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "runs"
        begun = time.monotonic()
        make(root, options.runs)
        print(f"{options.runs:,} runs made in {time.monotonic() - begun:.0f} s", flush=True)
        rows = [*_dashboard(root, options), *_commands(root)]
    print(f"\n{options.runs:,} runs of {STEPS:,} steps, {COLUMNS}×{ROWS}\n\n| | |\n|---|---|")
    for what, value in rows:
        print(f"| {what} | {value} |")
    return 0


def make(root: Path, count: int) -> None:
    """So many runs that have ended: one is recorded, the others are copies of it with settings and an end of their own."""
    chance = random.Random(0)
    first = root / "run00000"
    with nntui.init(first, config={"lr": 1e-3, "width": 64, "seed": 0}, total_steps=STEPS) as run:
        for step in range(STEPS):
            scores = {"val/loss": 1.1 / (step + 1), "val/loss_stderr": 0.01} if step % 100 == 0 else {}
            run.log({"train/loss": 1.0 / (step + 1), "grad_norm": chance.random(), "lr": 1e-3, **scores}, step=step)
    for number in range(1, count):
        path = root / f"run{number:05}"
        shutil.copytree(first, path)
        (folder,) = path.glob("w-*")
        config = {"lr": 10 ** chance.uniform(-5, -1), "width": chance.choice((64, 128, 256)), "seed": number % 5}
        _edit(folder / "writer.json", config=config, started_ns=time.time_ns() - (count - number) * 60 * 10**9)
        loss = chance.uniform(0.1, 2.0)
        _edit(folder / "end.json", metrics={"val/loss": [20, loss, STEPS, loss, STEPS, 0.01, 2.0, 0, 0.1]})


def _edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _dashboard(root: Path, options: argparse.Namespace) -> list[tuple[str, str]]:
    terminal = Terminal([sys.executable, "-m", "nntui", "watch", str(root)])
    painted = _until(terminal, lambda lines: any(line.strip() for line in lines))
    listed = _until(terminal, lambda lines: "run0" in "".join(lines[3:6]))
    every = _until(terminal, lambda lines: f"{options.runs:,} runs" in lines[0] and "not read yet" not in lines[0])
    curves = _until(terminal, lambda lines: "█" in lines[3])
    _settle(terminal)
    before, scrolled = terminal.lines, []
    for key in "jjjjjjjjjjjjjjjjjjjjjjjjjjjjjj":
        scrolled.append(_press(terminal, key))
    ordered = _press_until(terminal, "www", lambda lines: lines[1].startswith("by ") and lines[3:] != before[3:])
    _settle(terminal)
    cpu, sent, begun = terminal.cpu(), terminal.bytes, time.monotonic()
    while time.monotonic() - begun < options.idle:
        terminal.read(0.1)
    share = (terminal.cpu() - cpu) / (time.monotonic() - begun)
    idle = terminal.bytes - sent
    memory = terminal.memory()
    terminal.close()
    scrolled.sort()
    return [
        ("first paint", f"{painted:.2f} s"),
        ("rows on the screen", f"{listed:.2f} s"),
        ("all runs listed", f"{every:.2f} s"),
        ("curves of the rows in sight", f"{curves:.2f} s"),
        (
            "one key down the list, median and slowest",
            f"{scrolled[len(scrolled) // 2] * 1e3:.0f} ms, {scrolled[-1] * 1e3:.0f} ms",
        ),
        ("another order on the screen", f"{ordered:.2f} s"),
        ("share of a core while nothing happens", f"{share:.1%}"),
        ("bytes to the terminal meanwhile", f"{idle:,} in {options.idle:g} s"),
        ("memory", f"{memory:.0f} MiB"),
    ]


def _commands(root: Path) -> list[tuple[str, str]]:
    rows = []
    for words in (["ls"], ["ls", "--filter", "cfg.lr>1e-3 val/loss<0.3", "--sort", "best"], ["ls", "--ledger"]):
        begun = time.monotonic()
        command = [sys.executable, "-m", "nntui", words[0], str(root), *words[1:]]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        rows.append((f"nntui {' '.join(words)}", f"{time.monotonic() - begun:.2f} s"))
    return rows


def _until(terminal: Terminal, seen: Callable[[list[str]], bool]) -> float:
    """Seconds since the program was started, when the screen shows it; infinite when it never does."""
    while time.time() - terminal.begun < PATIENCE:
        terminal.read(0.02)
        if seen(terminal.lines):
            return time.time() - terminal.begun
    return float("inf")


def _settle(terminal: Terminal) -> None:
    quiet = begun = time.monotonic()
    while time.monotonic() - quiet < 2.0 and time.monotonic() - begun < 8.0:  # ages go on
        if terminal.read(0.1):
            quiet = time.monotonic()


def _press(terminal: Terminal, key: str) -> float:
    """Seconds until the screen changes."""
    before, begun = terminal.lines, time.monotonic()
    terminal.press(key.encode())
    while terminal.lines == before and time.monotonic() - begun < 5.0:
        terminal.read(0.005)
    return time.monotonic() - begun


def _press_until(terminal: Terminal, keys: str, seen: Callable[[list[str]], bool]) -> float:
    begun = time.monotonic()
    for key in keys:
        terminal.press(key.encode())
    while time.monotonic() - begun < PATIENCE:
        terminal.read(0.02)
        if seen(terminal.lines):
            return time.monotonic() - begun
    return float("inf")


if __name__ == "__main__":
    sys.exit(main())
