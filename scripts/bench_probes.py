#!/usr/bin/env python3
"""What `nntui.watch` costs a training at its default settings, in one run on one machine.

    .venv/bin/python scripts/bench_probes.py [--blocks 20] [--seconds 3] [--only mlp,conv,transformer]

Trains the models of the trainer's tasks at their default sizes. Blocks of updates with probes and blocks of as many without
alternate, so that whatever else the machine does meets both; which comes first alternates too. A figure is the
time of a block with probes divided by that of its neighbour without, minus one: the median of all pairs and their
quartiles. Two models of equal size take turns, one with probes, since a pause would look like slow updates; a hook on all
optimizers is there for both. The first looks, at updates 0, 1, 2, 4, …, are denser on
purpose: 40 updates before the first pair are not counted.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).parents[1]))
import nntui
from trainer import tasks

CASES = {"mlp": "digits", "conv": "digits-conv", "transformer": "stdlib-chars"}
WIDTH = 128
BATCH = 64
WARM = 40
"""Updates before the first block, over which the first looks come."""


class Training:
    """One task's model, and a plain loop over its data."""

    def __init__(self, task: nntui.Task) -> None:
        torch.manual_seed(0)
        self.task = task
        self.model = task.build(0)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=3e-4)
        examples: Any = task.train
        self._batches: Iterator[Any] = itertools.cycle(itertools.islice(DataLoader(examples, BATCH), 16))

    def updates(self, count: int) -> float:
        """Seconds of so many updates."""
        begun = time.perf_counter()
        for _ in range(count):
            inputs, targets = self.task.split_batch(next(self._batches))
            self.optimizer.zero_grad()
            self.task.loss(self.task.call(self.model, inputs), targets).backward()
            self.optimizer.step()
        return time.perf_counter() - begun


def _measure(name: str, blocks: int, seconds: float) -> tuple[np.ndarray, float]:
    """Ratio of each pair of blocks, and the seconds of one update."""
    plain, watched = (Training(tasks.named(CASES[name], WIDTH)) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder, nntui.init(Path(folder) / "run") as run:
        probes = nntui.watch(watched.model, watched.optimizer, run)
        watched.updates(WARM)
        one = plain.updates(WARM) / WARM
        count = max(1, round(seconds / one))
        ratios = []
        for block in range(blocks):
            both: list[Callable[[int], float]] = [plain.updates, watched.updates]
            first, second = both if block % 2 else both[::-1]
            times = first(count), second(count)
            without, with_probes = times if block % 2 else times[::-1]
            ratios.append(with_probes / without)
        probes.detach()
    return np.array(ratios) - 1, one


def main() -> int:
    """Measure every model and print the table."""
    parser = argparse.ArgumentParser(description="What nntui.watch costs a training.")
    parser.add_argument("--blocks", type=int, default=20, help="pairs of blocks (default 20)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a block (default 3)")
    parser.add_argument("--only", default=",".join(CASES), help="models to measure, separated by commas")
    options = parser.parse_args()
    names = options.only.split(",")
    unknown = [name for name in names if name not in CASES]
    if unknown:
        parser.error(f"--only was {unknown[0]!r}; expected some of {', '.join(CASES)}")
    torch.set_num_threads(1)
    print(f"what probes add to the time of training, in percent; {options.blocks} pairs of {options.seconds:g} s\n")
    print(f"{'':<16}{'one update':>12}{'median':>10}{'quartiles':>18}")
    for name in names:
        added, one = _measure(name, options.blocks, options.seconds)
        low, middle, high = np.percentile(100 * added, [25, 50, 75])
        print(f"  {name:<14}{1e3 * one:9.2f} ms{middle:+9.2f}%{low:+9.2f}{high:+8.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
