"""data.resolution: how much detail of the inputs matters.

Symptom: a large network on large inputs where small ones say as much, or detail that was lost before anyone looked.
Test: a baseline that needs no training (the NEIGHBOURS nearest others, each left out in turn) is scored on the inputs
as they are and on averages over blocks of 2, 4, 8 … places, along both axes of a picture, along time of a series.
Told are the scores, and the coarsest inputs that lose no more than SIGMAS standard errors. Always passes: it is there
to be known.
When it is wrong: a network may use detail that nearest neighbours cannot.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from nntui.analysis.ticks import format_number
from nntui.checks.dataset import Split, drawn, neighbours_in, scaled, train_split
from nntui.checks.guard import Skip, guarded
from nntui.checks.sequence import sequences
from nntui.checks.task import Task
from nntui.finding import Finding

ROW = "data.resolution"
NEIGHBOURS = 5
SIGMAS = 2.0
MOST = 1500
WORK = 5e9
"""Products that comparing all pairs may take; fewer examples of large pictures are compared."""
LEAST = 50


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Score a baseline on coarser and coarser inputs."""
    train = train_split(task)
    if (train.labels is None and train.values is None) or len(train) < LEAST:
        raise Skip("There is no class or number per example, or too few examples, to score a baseline by.")
    whole, size = _arranged(task, train)
    width = whole[0].numel()
    chosen = drawn(len(whole), max(LEAST, min(MOST, int((WORK / width) ** 0.5))))
    scores: dict[int, tuple[float, float]] = {}
    block = 1
    while min(size) // block >= 2 or block == 1:
        coarse = _averaged(whole[chosen], block)
        scores[block] = _score(coarse, train, chosen)
        block *= 2
    finest, error = scores[1]
    enough = max(b for b, (score, _) in scores.items() if score >= finest - SIGMAS * error)
    what = "accuracy" if train.labels is not None else "share of the variance explained"
    told = ", ".join(f"{_sized(size, b)} {format_number(score, 3)}" for b, (score, _) in scores.items())
    words = (
        f"inputs of {_sized(size, enough)} say as much as those of {_sized(size, 1)}"
        if enough > 1
        else "coarser inputs say less"
    )
    return Finding(
        ROW,
        "pass",
        f"By nearest neighbours {words} ({what}: {told}).",
        expected=finest,
        measured=scores[enough][0],
        tolerance=SIGMAS * error,
        evidence={
            "scores": {str(b): list(s) for b, s in scores.items()},
            "coarsest": enough,
            "looked_at": train.looked_at,
        },
    )


def _arranged(task: Task, train: Split) -> tuple[torch.Tensor, tuple[int, ...]]:
    """Inputs as (N, C, H, W) or (N, C, T), and the sizes of the axes along which they are made coarser."""
    parts, texts = [], None
    for inputs, _ in train.raw:
        shown, texts = task.shown(inputs)
        if texts is not None or not isinstance(shown, torch.Tensor) or shown.dim() < 3:
            break
        parts.append(shown.detach().cpu().float())
    else:
        found = torch.cat(parts) if len({p.shape[1:] for p in parts}) == 1 else None
        if found is not None:
            axis = sequences(task, *train.raw[0]).axis
            if found.dim() == 3 and axis is not None:
                return found.transpose(1, 2), (found.shape[1],)
            found = found[:, None] if found.dim() == 3 else found
            if found.dim() == 4:
                return found, (found.shape[2], found.shape[3])
    raise Skip("The inputs are neither pictures nor series: there is no coarser form of them.")


def _averaged(inputs: torch.Tensor, block: int) -> np.ndarray:
    pool = torch.nn.functional.avg_pool2d if inputs.dim() == 4 else torch.nn.functional.avg_pool1d
    coarse = pool(inputs, block, ceil_mode=True) if block > 1 else inputs
    return coarse.flatten(1).double().numpy()


def _score(features: np.ndarray, train: Split, chosen: np.ndarray) -> tuple[float, float]:
    """Score of the nearest others' majority or mean, and its standard error."""
    where = neighbours_in(scaled(features), NEIGHBOURS).kneighbors(return_distance=False)
    if train.labels is not None:
        labels = train.labels[chosen]
        classes, codes = np.unique(labels, return_inverse=True)
        votes = np.stack([(codes[where] == c).sum(axis=1) for c in range(len(classes))], axis=1)
        right = float((votes.argmax(axis=1) == codes).mean())
        return right, math.sqrt(right * (1 - right) / len(labels))
    assert train.values is not None  # the check skips without either
    aims = train.values[chosen]
    left = ((aims - aims[where].mean(axis=1)) ** 2).mean(axis=1) / max(float(aims.var(axis=0).mean()), 1e-30)
    return float(1 - left.mean()), float(left.std() / math.sqrt(len(left)))


def _sized(size: tuple[int, ...], block: int) -> str:
    return "×".join(str(math.ceil(n / block)) for n in size) + ("" if len(size) > 1 else " places")
