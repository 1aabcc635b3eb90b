"""The tasks that ship with the trainer, small enough to be looked at in seconds; the seed orders the training examples."""

from __future__ import annotations

import dataclasses

import numpy as np
from torch.utils.data import Subset

from nntui import Task
from trainer import tasks

WIDTH = 32
KEPT = {"stdlib-chars": 300}
"""Examples kept of the tasks that have many."""


def task(name: str, seed: int) -> Task:
    """The built-in task of this name."""
    made = tasks.named(name, WIDTH)
    order = np.random.default_rng(seed).permutation(len(made.train))[: KEPT.get(name)]  # pyright: ignore
    if hasattr(made.train, "tensors"):
        from torch.utils.data import TensorDataset

        kept = TensorDataset(*(t[order] for t in made.train.tensors))  # pyright: ignore
    else:
        kept = Subset(made.train, order.tolist())  # pyright: ignore
    return dataclasses.replace(made, train=kept)
