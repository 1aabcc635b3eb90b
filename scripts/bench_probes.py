#!/usr/bin/env python3
"""What looking inside a model costs its training: `nntui.watch` at its default settings, beside others, in one run.

    .venv/bin/python scripts/bench_probes.py [--seconds 60] [--block 6] [--only tiny,mlp,conv,transformer,wide]
        [--systems nothing,nntui,torch,wandb] [--peers /path/to/python]

One model is trained in one process. A few updates in which it is watched and a few in which every hook is taken off take turns,
so that whatever else the machine does meets both; which comes first changes too. Most updates are as cheap as can be. Of these
the fastest of a block is divided by the fastest of the bare block beside it, since other programs only ever make an update
slower, and of such pairs the middle half is taken. Updates in which something happened (a look, a glance), and the one AFTER,
whose caches are cold, are few and dear: what each took more than those of the bare block beside it is summed, and nothing is
left out. What is shown is how much longer an update takes with both, in percent, with an interval of 95 % from a bootstrap over
the pairs: by the time that the training thread had a processor, which other programs disturb less, and by the clock. Beside it
stand the part that comes of what happened (by the processor), the seconds of a processor that all other threads took in a
hundred (the one that writes), the looks of a thousand updates, and what the probes say of themselves (`probe/overhead`, over the
last half). The first looks are denser on purpose: --warm seconds of training before the first pair are not counted.

nothing: nobody looks in either block. This shows what is left to chance on this machine; less than that cannot be told.
torch: the norm of all gradients at every update, read at every hundredth, as a plain loop does it. wandb: `wandb.watch(model)`
offline with its defaults (a histogram of each gradient at every thousandth update). --peers: a Python with torch, wandb and
numpy, in which that one runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

sys.path.insert(0, str(Path(__file__).parents[1]))

Watched = tuple[Callable[[], dict[str, float]], Callable[[], object], Callable[[], object]]
"""What a system says of itself at the end, what it is told after a pause, and what changes when something happens."""
AFTER = 1
"""Updates after one in which something happened that are slower for it."""
EVERY = 100
"""Updates from one reading of a plain loop's own norm to the next."""


class Training:
    """A model, and a plain loop over a few batches of random data."""

    def __init__(
        self, model: nn.Module, inputs: torch.Tensor, classes: int, optimizer: Callable[..., torch.optim.Optimizer]
    ) -> None:
        self.model = model
        self.optimizer = optimizer(model.parameters(), lr=1e-3)
        self.batches = [(inputs, torch.randint(0, classes, inputs.shape[:1])) for _ in range(4)]
        self.count = 0
        self.after: Callable[[int], None] | None = None
        """Called after each backward pass with the number of the update."""

    def updates(self, count: int) -> None:
        """Train for so many updates."""
        for _ in range(count):
            inputs, targets = self.batches[self.count % len(self.batches)]
            self.optimizer.zero_grad()
            nn.functional.cross_entropy(self.model(inputs), targets).backward()
            if self.after is not None:
                self.after(self.count)
            self.optimizer.step()
            self.count += 1


class Sequence(nn.Module):
    """A small transformer that tells one of ten classes from 64 symbols."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.embed = nn.Embedding(64, width)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        """(n, 64) -> (n, 10)"""
        return self.head(self.blocks(self.embed(symbols)).mean(dim=1))


def _mlp(width: int, depth: int, dropout: float = 0.0) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in [64, *[width] * (depth - 1)]:
        layers += [nn.Linear(before, width), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def _conv() -> nn.Sequential:
    block = [nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU()]
    return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), *block, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


CASES: dict[str, Callable[[], Training]] = {
    "tiny": lambda: Training(_mlp(16, 1), torch.randn(8, 64), 10, torch.optim.SGD),
    "mlp": lambda: Training(_mlp(128, 2, 0.1), torch.randn(64, 64), 10, torch.optim.Adam),
    "conv": lambda: Training(_conv(), torch.randn(64, 64), 10, torch.optim.Adam),
    "transformer": lambda: Training(Sequence(), torch.randint(0, 64, (16, 64)), 10, torch.optim.AdamW),
    "wide": lambda: Training(_mlp(1024, 3), torch.randn(64, 64), 10, torch.optim.Adam),
}


def _nntui(training: Training, folder: Path) -> Watched:
    import nntui
    from nntui import names

    run = nntui.init(folder / "run")
    probes = nntui.watch(training.model, training.optimizer, run)

    def said() -> dict[str, float]:
        probes.detach()
        run.finish()
        metrics = nntui.read(folder / "run").metrics.to_pylist()
        told = [(row["step"], row["value"]) for row in metrics if row["metric"] == names.OVERHEAD]
        steps, values = np.array(told).T
        weights = np.where(steps[1:] > steps[-1] / 2, np.diff(steps), 0)  # each is that since the look before it
        return {"looks": len(told) / (told[-1][0] + 1), "says": 100 * float(weights @ values[1:] / weights.sum())}

    return said, probes.rested, lambda: probes._guard.total


def _torch(training: Training, folder: Path) -> Watched:
    read: list[float] = []

    def norm(update: int) -> None:
        grads = [p.grad for p in training.model.parameters() if p.grad is not None]
        found = torch.nn.utils.get_total_norm(grads)
        if update % EVERY == 0:
            read.append(float(found))

    training.after = norm
    return lambda: {"looks": 1.0}, lambda: None, lambda: training.count // EVERY


def _wandb(training: Training, folder: Path) -> Watched:
    import wandb  # pyright: ignore[reportMissingImports]

    run = wandb.init(project="bench", mode="offline", dir=str(folder), settings=wandb.Settings(silent=True))
    run.watch(training.model)
    training.after = lambda update: run.log({"update": update}) if update % EVERY == 0 else None

    def said() -> dict[str, float]:
        run.finish()
        return {"looks": 1e-3}

    return said, lambda: None, lambda: training.count // EVERY


def _nothing(training: Training, folder: Path) -> Watched:
    return lambda: {"looks": 0.0}, lambda: None, lambda: 0


SYSTEMS: dict[str, Callable[[Training, Path], Watched]] = {
    "nothing": _nothing,
    "nntui": _nntui,
    "torch": _torch,
    "wandb": _wandb,
}


@contextmanager
def _bare(training: Training) -> Iterator[None]:
    """Nothing looks at the training."""
    places: list[dict[Any, Any]] = [_global_optimizer_pre_hooks, _global_optimizer_post_hooks]
    for module in training.model.modules():
        places += [module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks]
    places += [hooks for p in training.model.parameters() if (hooks := p._backward_hooks) is not None]
    kept, after = [dict(place) for place in places], training.after
    for place in places:
        place.clear()
    training.after = None
    try:
        yield
    finally:
        training.after = after
        for place, hooks in zip(places, kept, strict=True):
            place.update(hooks)


def _measure(case: str, system: str, seconds: float, block: int, warm: float) -> dict[str, Any]:
    """Times of the updates of pairs of blocks, the seconds of an update, and what the system says."""
    torch.manual_seed(0)
    training = CASES[case]()
    training.updates(10)
    one = statistics.median(wall for _, wall, _ in _timed(training, 50, lambda: 0))
    with tempfile.TemporaryDirectory() as folder:
        said, after, happened = SYSTEMS[system](training, Path(folder))
        training.updates(max(10, round(warm / one)))
        pairs = []
        begun, others = time.perf_counter(), time.process_time() - time.thread_time()
        while time.perf_counter() < begun + seconds or len(pairs) < 2:
            pair = {}
            for watched in (True, False) if len(pairs) % 2 else (False, True):
                if watched:
                    with _bare(training):  # which leaves the caches as it does before a bare block
                        pass
                    pair[watched] = _timed(training, block, happened)
                    continue
                with _bare(training):
                    pair[watched] = _timed(training, block, lambda: 0)
                after()
            pairs.append([pair[True], pair[False]])
        others = (time.process_time() - time.thread_time() - others) / (time.perf_counter() - begun)
        return {"pairs": pairs, "one": one, "others": others, **said()}


def _timed(training: Training, count: int, happened: Callable[[], object]) -> list[tuple[float, float, bool]]:
    """Of so many updates the seconds of the training thread on a processor, and by the clock, and whether something happened."""
    found, since = [], AFTER
    for _ in range(count):
        before, begun = happened(), (time.thread_time(), time.perf_counter())
        training.updates(1)
        took = time.thread_time() - begun[0], time.perf_counter() - begun[1]
        since = 0 if happened() != before else since + 1
        found.append((*took, since <= AFTER))
    return found


class Added:
    """What was added to the time of updates."""

    def __init__(self, watched: np.ndarray, bare: np.ndarray, rare: np.ndarray) -> None:
        """Each (pairs, updates): times of updates, and in which of the watched ones something happened."""
        quiet = ~rare.any(axis=1)
        self._ratios = np.where(quiet, watched.min(axis=1) / bare.min(axis=1) - 1, np.nan)
        self._more = np.where(rare, watched - bare.mean(axis=1, keepdims=True), 0.0).sum(axis=1)
        self._whole = bare.sum(axis=1)

    def shares(self, chosen: np.ndarray) -> tuple[float, float]:
        """Of all, and of what happened. chosen: indices of pairs."""
        ratios = np.sort(self._ratios[chosen])
        ratios = ratios[np.isfinite(ratios)]
        quiet = ratios[len(ratios) // 4 : -(len(ratios) // 4) or None].mean() if len(ratios) else 0.0
        happened = self._more[chosen].sum() / self._whole[chosen].sum()
        return quiet + happened, happened

    def words(self) -> tuple[str, str]:
        """In percent, the first with its interval."""
        count = len(self._whole)
        share, happened = self.shares(np.arange(count))
        drawn = np.random.default_rng(0).integers(0, count, (1000, count))
        low, high = np.percentile([self.shares(chosen)[0] for chosen in drawn], [2.5, 97.5])
        return f"{100 * share:+7.2f} [{100 * low:+.2f}, {100 * high:+.2f}]", f"{100 * happened:.2f}"


def _asked(options: argparse.Namespace, case: str, system: str) -> dict[str, Any] | str:
    """Measure in a process of its own; one line where that cannot be."""
    python = options.peers if system == "wandb" else sys.executable
    words = ["--one", case, system, "--seconds", options.seconds, "--block", options.block, "--warm", options.warm]
    done = subprocess.run([python, __file__, *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no word"])[-1]
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    """Measure every model with every system and print the table."""
    parser = argparse.ArgumentParser(description="What looking inside a model costs its training.")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of a measurement (default 60)")
    parser.add_argument("--block", type=int, default=6, help="updates of a block (default 6)")
    parser.add_argument("--warm", type=float, default=2.0, help="seconds of training before the first pair (default 2)")
    parser.add_argument("--only", default=",".join(CASES), help="models to measure, separated by commas")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="what watches, separated by commas")
    parser.add_argument("--peers", default=sys.executable, help="a Python with torch, wandb and numpy")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.one:
        case, system = options.one
        print(json.dumps(_measure(case, system, options.seconds, options.block, options.warm)))
        return 0
    for given, known in ((options.only, CASES), (options.systems, SYSTEMS)):
        unknown = [name for name in given.split(",") if name not in known]
        if unknown:
            parser.error(f"{unknown[0]!r} is not known; expected some of {', '.join(known)}")
    print(f"what is added to the time of training, in percent; {options.seconds:g} s each\n")
    columns = f"{'of the processor':>25}{'happened':>10}{'by the clock':>25}{'others':>8}{'looks/1000':>12}{'says':>8}"
    print(f"{'':<22}{'an update':>11}{columns}")
    for case in options.only.split(","):
        for system in options.systems.split(","):
            found = _asked(options, case, system)
            if isinstance(found, str):
                print(f"  {case:<12}{system:<8} not measured ({found})", flush=True)
                continue
            pairs = np.array(
                found["pairs"]
            )  # (pairs, watched or bare, updates, two times and whether something happened)
            watched, bare = pairs[:, 0], pairs[:, 1]
            share = watched[..., 1].sum() / pairs[..., 1].sum()  # of the time between two looks it was watched for that
            times = [Added(watched[..., k], bare[..., k], watched[..., 2] > 0).words() for k in range(2)]
            (processor, happened), (clock, _) = times
            looks, says = 1e3 * found["looks"], f"{found['says'] / share:.2f}" if "says" in found else ""
            line = (
                f"  {case:<12}{system:<8}{1e3 * found['one']:8.2f} ms{processor:>25}{happened:>10}{clock:>25}"
                f"{100 * found['others']:8.2f}{looks:12.1f}{says:>8}"
            )
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
