#!/usr/bin/env python3
"""What `nntui run` costs a script that knows nothing of it, in one run on one machine.

    .venv/bin/python scripts/bench_run.py [--pairs 5] [--blocks 10] [--seconds 0.5] [--warm 10] [--only mlp,conv,transformer]

A pair is two processes of the same script, one started by `nntui run` and one bare, which take turns: blocks of as many updates
each, so that whatever else the machine does meets both; which goes first alternates. A figure is the time of a block that is
recorded divided by that of its neighbour that is not, minus one: the median of a pair of processes, and of those the median and
the two outermost, by the clock on the wall and by the processor time of the training thread, which counts on a machine that has
other work. Two processes of one script differ by themselves: the second line of each model is that of two bare ones. The first
updates, where a run is opened and looks are dense on purpose (--warm seconds), are told apart: what they take more, once.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WARM = 100
"""Updates before the first block."""
MODELS = ("mlp", "conv", "transformer")


def _work(name: str) -> None:
    """The script: so many updates for each number that it reads, and how long they took."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    if name == "mlp":
        model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
        shape = (64, 64)
    elif name == "conv":
        convolutions = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU()]
        model = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(32 * 64, 10))
        shape = (64, 1, 8, 8)
    else:
        layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.1, batch_first=True)
        model = nn.Sequential(nn.TransformerEncoder(layer, 4), nn.Flatten(), nn.Linear(128 * 32, 10))
        shape = (16, 32, 128)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), 3e-4)
    inputs, targets = torch.randn(shape), torch.randint(0, 10, shape[:1])
    for line in sys.stdin:
        begun, spent = time.perf_counter(), time.thread_time()
        for _ in range(int(line)):
            loss = criterion(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(time.perf_counter() - begun, time.thread_time() - spent, flush=True)


class _Script:
    """The script in a process of its own."""

    def __init__(self, name: str, run: Path | None) -> None:
        ours = [] if run is None else [sys.executable, "-m", "nntui", "run", "--quiet", "--out", str(run), "--"]
        command = [*ours, sys.executable, __file__, "--work", name]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def updates(self, count: int) -> tuple[float, float]:
        """Seconds of so many updates: on the wall, and of the processor."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        wall, processor = map(float, self._process.stdout.readline().split())
        return wall, processor

    def end(self) -> None:
        """Let it finish."""
        self._process.communicate()


def _measure(name: str, recorded: bool, options: argparse.Namespace) -> tuple[tuple[float, float], float, float]:
    """What one pair adds, by both clocks; processor seconds of a bare update, and those that the first updates take more."""
    with tempfile.TemporaryDirectory() as folder:
        bare, other = _Script(name, None), _Script(name, Path(folder) / "run" if recorded else None)
        one = min(bare.updates(WARM)[1] for _ in range(2)) / WARM
        warm, count = max(WARM, round(options.warm / one)), max(1, round(options.seconds / one))
        first = [script.updates(warm)[1] for script in (bare, other)]
        added: tuple[list[float], list[float]] = ([], [])
        for block in range(options.blocks):
            order = [bare, other] if block % 2 else [other, bare]
            times = {script: script.updates(count) for script in order}
            for clock, ratios in enumerate(added):
                ratios.append(times[other][clock] / times[bare][clock] - 1)
        bare.end()
        other.end()
    wall, processor = map(statistics.median, added)
    return (wall, processor), one, first[1] - first[0]


def main() -> int:
    """Measure every model and print the table."""
    parser = argparse.ArgumentParser(description="What `nntui run` costs a script.")
    parser.add_argument("--pairs", type=int, default=5, help="of processes (default 5)")
    parser.add_argument("--blocks", type=int, default=10, help="of each process (default 10)")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a block (default 0.5)")
    parser.add_argument("--warm", type=float, default=10.0, help="seconds before the first block (default 10)")
    parser.add_argument("--only", default=",".join(MODELS), help="models to measure, separated by commas")
    parser.add_argument("--work", choices=MODELS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        _work(options.work)
        return 0
    names = options.only.split(",")
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        parser.error(f"--only was {unknown[0]!r}; expected some of {', '.join(MODELS)}")
    print(
        f"what `nntui run` adds to the time of training; {options.pairs} pairs of processes, {options.blocks} blocks each\n"
    )
    print(
        f"{'':<28}{'one update':>12}{'wall: median':>15}{'of pairs':>18}{'processor: median':>20}{'of pairs':>18}{'once':>10}"
    )
    for name in names:
        for recorded in (True, False):
            pairs = [_measure(name, recorded, options) for _ in range(options.pairs)]
            one, once = statistics.median(pair[1] for pair in pairs), statistics.median(pair[2] for pair in pairs)
            line = f"  {name:<12}{'nntui run' if recorded else 'two bare':<14}{1e3 * one:9.2f} ms"
            for clock, width in enumerate((15, 20)):
                ratios = [pair[0][clock] for pair in pairs]
                line += f"{statistics.median(ratios):+{width}.2%}{min(ratios):+9.2%} {max(ratios):+8.2%}"
            print(f"{line}{once:+8.2f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
