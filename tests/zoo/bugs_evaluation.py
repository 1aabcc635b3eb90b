"""Mistakes in what a score is measured on: too little, not all, at random, or what was trained on."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import DataLoader, RandomSampler, Subset, TensorDataset

from nntui import Task

from .bestiary import bug
from .changes import Changed, replace, with_validation
from .programs import script

FEW = (r"\b3 examples", r"too few", r"too small", r"standard error")
WHOLE = (r"drop_last", r"whole", r"not all", r"only \d+ of", r"covers", r"left out", r"of the \d+", r"are never")
RANDOM = (r"random", r"twice", r"not the same", r"shuffl", r"sampler", r"augment", r"drawn anew")
SAME = (
    r"same (data|examples|rows|split)",
    r"leak",
    r"shared",
    r"trained on",
    r"duplicat",
    r"also in",
    r"in both",
    r"(are|is|were) in train",
)


@bug("digits", "forecast", cause=FEW)
def three_validation_examples(task: Task, seed: int) -> Task:
    return with_validation(task, lambda x, y: (x[:3], y[:3]))


@bug("script", cause=WHOLE)
def most_of_validation_dropped(task: Task, seed: int) -> Task:
    """One batch size for both loaders, and drop_last for both: 128 of 140 rows in training, one batch of 128 here."""
    _, valid = script.table(seed)
    valid = TensorDataset(*(t[:120] for t in valid.tensors))
    return replace(task, validation=lambda: DataLoader(valid, batch_size=64, drop_last=True))


@bug("digits-conv", cause=WHOLE)
def nearly_half_of_validation_dropped(task: Task, seed: int) -> Task:
    return replace(task, validation=DataLoader(task.validation, batch_size=200, drop_last=True))  # pyright: ignore


@bug("digits", "vit", cause=(*WHOLE, r"empty", r"no (validation|batch|example)"))
def all_of_validation_dropped(task: Task, seed: int) -> Task:
    return replace(task, validation=DataLoader(task.validation, batch_size=512, drop_last=True))  # pyright: ignore


@bug("vit", cause=RANDOM)
def validation_sampled_anew_each_time(task: Task, seed: int) -> Task:
    held_out: Any = task.validation
    sampler = RandomSampler(held_out, replacement=True, num_samples=100)
    return replace(task, validation=DataLoader(held_out, batch_size=50, sampler=sampler))


@bug("friedman", cause=RANDOM)
def validation_noise_added_at_reading(task: Task, seed: int) -> Task:
    return replace(task, validation=Changed(task.validation, lambda pair: (pair[0] + torch.randn(10), pair[1])))


@bug("vit", "friedman", cause=SAME)
def validation_is_the_training_split(task: Task, seed: int) -> Task:
    return replace(task, validation=task.train)


@bug("recurrent", cause=SAME)
def validation_is_a_part_of_training(task: Task, seed: int) -> Task:
    train: Any = task.train
    return replace(task, validation=Subset(train, range(100)))


@bug("digits", cause=(r"balance", r"one class", r"only (one )?class", r"drift", r"missing", r"share", r"single class"))
def validation_of_one_class(task: Task, seed: int) -> Task:
    """The folders were sorted, and the first hundred files kept."""
    return with_validation(task, lambda x, y: (x[y == 0], y[y == 0]))


@bug(
    "digits-rare",
    cause=(r"positive", r"missing", r"only (one )?class", r"balance", r"absent", r"share", r"never", *FEW),
)
def no_positive_in_validation(task: Task, seed: int) -> Task:
    return with_validation(task, lambda x, y: (x[y[:, 0] == 0], y[y[:, 0] == 0]))
