"""skeleton.seed: two runs from one seed are one run.

Symptom: a difference between two runs is luck, and nobody can tell.
Test (exact): twice, seed Python, numpy and torch, build the model, read the data, take STEPS updates; parameters, batches and
losses must be bit-identical on the CPU. On a GPU losses may differ by rounding, TOLERANCE of their size.
When it is wrong: kernels that are documented to be non-deterministic on a GPU.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from nntui.analysis.ticks import format_number
from nntui.checks.experiment import Training
from nntui.checks.guard import guarded, same_randomness
from nntui.checks.task import Task, tensors
from nntui.finding import Finding

ROW = "skeleton.seed"
STEPS = 3
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class _Trace:
    losses: list[float]
    parameters: list[float]
    """Sum of each parameter at the start."""
    batches: list[float]
    """Sum of each batch's tensors."""
    gpu: bool


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Compare the first losses of two runs from the same seed."""
    with same_randomness(task.train):
        one = _run(task, seed)
    other = _run(task, seed)
    evidence = {"losses": one.losses, "losses_again": other.losses, "steps": len(one.losses)}
    cause, test = _cause(one, other)
    if not cause:
        alike = "bit by bit" if not one.gpu else "up to rounding"
        return Finding(
            ROW,
            "pass",
            f"Two runs from seed {seed} have the same parameters, batches and first {len(one.losses)} losses, {alike}.",
            expected=one.losses[0],
            measured=other.losses[0],
            tolerance=TOLERANCE * abs(one.losses[0]) if one.gpu else 0.0,
            evidence=evidence,
        )
    differing = [i for i, (a, b) in enumerate(zip(one.losses, other.losses, strict=False)) if not _same(a, b, one.gpu)]
    step = differing[0] if differing else 0
    said = f"from loss {step} on ({format_number(one.losses[step], 6)} and {format_number(other.losses[step], 6)})"
    return Finding(
        ROW,
        "fail",
        f"Two runs from seed {seed} differ {said if differing else 'though their first losses coincide'}: {cause}.",
        expected=one.losses[step],
        measured=other.losses[step],
        tolerance=0.0,
        advice=f"Most likely {cause}. Refute: {test}",
        evidence=evidence,
    )


def _run(task: Task, seed: int) -> _Trace:
    random.seed(seed)
    np.random.seed(seed)
    model = task.build(seed).train()
    start = [float(p.detach().double().sum()) for p in model.parameters()]
    losses: list[float] = []
    sums: list[float] = []

    def batches() -> Any:
        for batch in task.batches():
            inputs, targets = task.split_batch(batch)
            sums.append(sum(float(t.double().sum()) for t in tensors([inputs, targets])))
            yield inputs, targets
            if len(losses) > STEPS:
                return

    def enough(step: int, loss: float) -> bool:
        losses.append(loss)
        return step + 1 >= STEPS

    Training(task, model, batches()).go_on(enough)
    gpu = any(p.is_cuda for p in model.parameters())
    if not losses:
        task.first_batch()  # says that there is no data
    return _Trace(losses, start, sums, gpu)


def _same(one: float, other: float, gpu: bool) -> bool:
    both_nan = one != one and other != other
    return both_nan or one == other or (gpu and abs(one - other) <= TOLERANCE * abs(one))


def _cause(one: _Trace, other: _Trace) -> tuple[str, str]:
    """What differs first between two runs, and the experiment that would refute it; empty when nothing does."""
    if one.parameters != other.parameters:
        return (
            "the initial parameters differ, so a random source of the model's own is not seeded",
            "seed it from torch.initial_seed(), or draw from torch's global generator.",
        )
    if not _all_same(one.batches, other.batches, gpu=False):
        return (
            "the batches differ, so a random source of the data is not seeded (shuffling, augmentation)",
            "give the DataLoader generator= and worker_init_fn=, or draw from torch's global generator.",
        )
    if not _all_same(one.losses, other.losses, one.gpu):
        return (
            "model and data are equal, so the forward or backward pass draws from an unseeded source",
            "look for numpy's default_rng() or the time of day in forward().",
        )
    return "", ""


def _all_same(one: list[float], other: list[float], gpu: bool) -> bool:
    return len(one) == len(other) and all(_same(a, b, gpu) for a, b in zip(one, other, strict=True))
