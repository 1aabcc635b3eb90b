#!/usr/bin/env python3
"""What `nntui run` costs a script that knows nothing of it, in one run on one machine.

    .venv/bin/python scripts/bench_run.py [--blocks 30] [--seconds 1] [--only mlp,conv,transformer]

Two processes of the same script, one started by `nntui run` and one bare, take turns: blocks of as many updates each, so that
whatever else the machine does meets both; which goes first alternates. A figure is the time of a block that is recorded divided
by that of its neighbour that is not, minus one: the median of all pairs and their quartiles, by the clock on the wall and by
the processor time of the training thread, which counts on a machine that has other work. The first updates, where a run is
opened and looks are dense on purpose, are told apart: what they take more, once.
"""

from __future__ import annotations

import argparse
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


def _measure(name: str, blocks: int, seconds: float) -> tuple[list[list[float]], float, float]:
    """What each pair adds, by both clocks; processor seconds of a bare update, and those that the first updates take more."""
    with tempfile.TemporaryDirectory() as folder:
        bare, recorded = _Script(name, None), _Script(name, Path(folder) / "run")
        first = [script.updates(WARM)[1] for script in (bare, recorded)]
        one = bare.updates(WARM)[1] / WARM
        count = max(1, round(seconds / one))
        added: list[list[float]] = [[], []]
        for block in range(blocks):
            order = [bare, recorded] if block % 2 else [recorded, bare]
            times = {script: script.updates(count) for script in order}
            for clock, ratios in enumerate(added):
                ratios.append(times[recorded][clock] / times[bare][clock] - 1)
        bare.end()
        recorded.end()
    return [sorted(ratios) for ratios in added], one, first[1] - first[0]


def main() -> int:
    """Measure every model and print the table."""
    parser = argparse.ArgumentParser(description="What `nntui run` costs a script.")
    parser.add_argument("--blocks", type=int, default=30, help="pairs of blocks (default 30)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a block (default 1)")
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
    print(f"what `nntui run` adds to the time of training; {options.blocks} pairs of {options.seconds:g} s\n")
    print(
        f"{'':<14}{'one update':>12}{'wall: median':>15}{'quartiles':>18}{'processor: median':>20}{'quartiles':>18}{'once':>10}"
    )
    for name in names:
        added, one, start = _measure(name, options.blocks, options.seconds)
        line = f"  {name:<12}{1e3 * one:9.2f} ms"
        for width, ratios in zip((15, 20), added, strict=True):
            low, middle, high = (ratios[round(share * (len(ratios) - 1))] for share in (0.25, 0.5, 0.75))
            line += f"{middle:+{width}.2%}{low:+9.2%} {high:+8.2%}"
        print(f"{line}{start:+8.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
