"""skeleton.seed: two runs from one seed are one run.

Symptom: a difference between two runs is luck, and nobody can tell.
Test (exact): twice, seed Python, numpy and torch, build the model, read the data, take STEPS updates; the losses must be
bit-identical on the CPU. On a GPU the first loss may differ by rounding, TOLERANCE of its size.
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
    differing = [i for i, (a, b) in enumerate(zip(one.losses, other.losses, strict=False)) if not _same(a, b, one.gpu)]
    if not differing and len(one.losses) == len(other.losses):
        return Finding(
            ROW,
            "pass",
            f"Two runs from seed {seed} have the same first {len(one.losses)} losses, bit by bit."
            if not one.gpu
            else f"Two runs from seed {seed} have the same first {len(one.losses)} losses, up to rounding.",
            expected=one.losses[0],
            measured=other.losses[0],
            tolerance=TOLERANCE * abs(one.losses[0]) if one.gpu else 0.0,
            evidence=evidence,
        )
    step = differing[0] if differing else min(len(one.losses), len(other.losses))
    cause, test = _cause(one, other)
    return Finding(
        ROW,
        "fail",
        f"Two runs from seed {seed} differ from loss {step} on ({format_number(one.losses[step], 6)} and "
        f"{format_number(other.losses[step], 6)}): {cause}.",
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
    if one.parameters != other.parameters:
        return (
            "the initial parameters differ, so a random source of the model's own is not seeded",
            "seed it from torch.initial_seed(), or draw from torch's global generator.",
        )
    if any(a != b for a, b in zip(one.batches, other.batches, strict=False)):
        return (
            "the batches differ, so a random source of the data is not seeded (shuffling, augmentation)",
            "give the DataLoader generator= and worker_init_fn=, or draw from torch's global generator.",
        )
    return (
        "model and data are equal, so the forward or backward pass draws from an unseeded source",
        "look for numpy's default_rng() or the time of day in forward().",
    )
