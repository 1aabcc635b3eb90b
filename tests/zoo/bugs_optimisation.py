"""Mistakes in the optimizer, its groups, its rate and its schedule, and in what holds the training back."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR, LinearLR, OneCycleLR, StepLR

from nntui import Task

from .bestiary import bug
from .changes import replace, with_model
from .programs.planned import planned

HIGH = (r"too (high|large|fast)", r"diverg", r"learning rate", r"\brate\b", r"\blr\b", r"lower", r"smaller")
LOW = (r"too (low|small|slow)", r"learning rate", r"\brate\b", r"\blr\b", r"hardly|barely|not mov")
DECAY = (r"weight[_ ]decay",)
DROPOUT = (r"dropout", r"drops")
SCHEDULE = (
    r"schedule",
    r"rate (is|has|drops|falls|never|stays)",
    r"warm-?up",
    r"decay",
    r"epoch",
    r"\blr\b",
    r"\brate\b",
)
GROUP = (r"group", r"rate of (0|zero)", r"lr ?= ?0", r"\brate\b.*\b(0|zero)\b", r"never (learns?|changes?|moves?)")


@bug("lightning", "friedman", cause=HIGH)
def rate_of_ten(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda model: SGD(model.parameters(), lr=10.0), schedule=None)


@bug("vit", cause=HIGH)
def adam_at_one(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda model: Adam(model.parameters(), lr=1.0))


@bug("digits", "vit", cause=LOW)
def rate_of_a_billionth(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda model: Adam(model.parameters(), lr=1e-9))


@bug("lightning", cause=LOW)
def sgd_at_the_rate_of_adam(task: Task, seed: int) -> Task:
    """SGD without momentum, with the rate that Adam was tuned for, divided by ten to be safe."""
    return replace(task, optimizer=lambda model: SGD(model.parameters(), lr=3e-5), schedule=None)


@bug("lightning", "friedman", cause=DECAY)
def weight_decay_of_ten(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda model: SGD(model.parameters(), lr=0.05, weight_decay=10.0), schedule=None)


@bug("multi-label", cause=DECAY)
def adamw_with_decay_of_a_hundred(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda model: AdamW(model.parameters(), lr=1e-3, weight_decay=100.0))


@bug("lightning", cause=DROPOUT)
def dropout_of_95_percent(task: Task, seed: int) -> Task:
    def change(model: Any) -> None:
        model.drop.p = 0.95

    return with_model(task, change)


@bug("digits", cause=(*DROPOUT, r"keep"))
def dropout_given_the_share_to_keep(task: Task, seed: int) -> Task:
    def model() -> nn.Module:
        hidden = [part for _ in range(2) for part in (nn.LazyLinear(32), nn.ReLU(), nn.Dropout(0.9))]
        return nn.Sequential(*hidden, nn.LazyLinear(10))

    return replace(task, model=model)


@bug("script", "forecast", cause=(r"momentum", *HIGH))
def momentum_of_three_nines(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda model: SGD(model.parameters(), lr=0.1, momentum=0.999), schedule=None)


@bug("lightning", "script", cause=SCHEDULE)
def decay_per_epoch_stepped_per_batch(task: Task, seed: int) -> Task:
    """StepLR(step_size=10) is meant in epochs, and `scheduler.step()` stands in the inner loop."""
    return planned(replace(task, schedule=lambda optimizer: StepLR(optimizer, step_size=10, gamma=0.1)), 600)


@bug("vit", cause=SCHEDULE)
def exponential_decay_stepped_per_batch(task: Task, seed: int) -> Task:
    return planned(replace(task, schedule=lambda optimizer: ExponentialLR(optimizer, gamma=0.9)), 1000)


@bug("friedman", cause=SCHEDULE)
def warm_up_longer_than_the_training(task: Task, seed: int) -> Task:
    schedule = lambda optimizer: LinearLR(optimizer, start_factor=1e-6, total_iters=10_000)  # noqa: E731
    return planned(replace(task, schedule=schedule), 500)


@bug("recurrent", cause=SCHEDULE)
def one_cycle_of_far_too_many_steps(task: Task, seed: int) -> Task:
    schedule = lambda optimizer: OneCycleLR(optimizer, max_lr=3e-3, total_steps=100_000)  # noqa: E731
    return planned(replace(task, schedule=schedule), 500)


@bug("digits", "vit", cause=SCHEDULE)
def warm_up_by_integer_division(task: Task, seed: int) -> Task:
    """step // 500 of 400 steps: the rate is zero and stays so."""
    schedule = lambda optimizer: LambdaLR(optimizer, lambda step: min(1, step // 500))  # noqa: E731
    optimizer = task.optimizer or (lambda model: Adam(model.parameters(), lr=1e-3))
    return planned(replace(task, optimizer=optimizer, schedule=schedule), 400)


@bug("multi-label", cause=SCHEDULE)
def schedule_ends_before_a_tenth(task: Task, seed: int) -> Task:
    schedule = lambda optimizer: LambdaLR(optimizer, lambda step: max(0.0, 1 - step / 100))  # noqa: E731
    return planned(replace(task, schedule=schedule), 2000)


@bug("gpt", cause=(*SCHEDULE, *HIGH, r"grow"))
def schedule_that_grows(task: Task, seed: int) -> Task:
    return planned(replace(task, schedule=lambda optimizer: ExponentialLR(optimizer, gamma=1.05)), 1000)


@bug("lightning", "two-optimizers", cause=GROUP)
def a_group_at_rate_zero(task: Task, seed: int) -> Task:
    def optimizer(model: Any) -> torch.optim.Optimizer:
        body, head = (model.body, model.head) if hasattr(model, "body") else (model["encoder"], model["head"])
        return Adam([{"params": body.parameters(), "lr": 0.0}, {"params": head.parameters()}], lr=1e-3)

    return replace(task, optimizer=optimizer, schedule=None)


@bug("vit", cause=(*LOW, r"eps"))
def adam_with_eps_of_a_thousand(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda model: Adam(model.parameters(), lr=1e-3, eps=1e3))


@bug("digits", cause=(*HIGH, r"maximi[sz]e", r"sign", r"rises", r"ascent"))
def gradient_ascent(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda model: Adam(model.parameters(), lr=1e-3, maximize=True))
