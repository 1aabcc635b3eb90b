"""Optimizers, schedules, starts and declarations that are unusual and right."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, CosineAnnealingWarmRestarts, LambdaLR, OneCycleLR, StepLR

from nntui import Task

from .bestiary import healthy
from .changes import replace, with_model
from .programs import lightning
from .programs.planned import planned

STEPS = 1000


def plan(task: Task, schedule: Any, rate: float = 1e-3) -> Task:
    return planned(replace(task, optimizer=lambda model: AdamW(model.parameters(), lr=rate), schedule=schedule), STEPS)


@healthy("vit", note="the rate ends at zero where the training ends")
def cosine_to_zero(task: Task, seed: int) -> Task:
    return plan(task, lambda optimizer: CosineAnnealingLR(optimizer, T_max=STEPS))


@healthy("friedman", "gpt", note="the rate rises for a third of the training and ends near zero")
def one_cycle(task: Task, seed: int) -> Task:
    return plan(task, lambda optimizer: OneCycleLR(optimizer, max_lr=3e-3, total_steps=STEPS))


@healthy("gpt", note="warm-up over 5 % of the training, then a cosine to a tenth")
def warm_up_of_5_percent(task: Task, seed: int) -> Task:
    def factor(step: int) -> float:
        if step < STEPS // 20:
            return (step + 1) / (STEPS // 20)
        return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - STEPS // 20) / (STEPS - STEPS // 20)))

    return plan(task, lambda optimizer: LambdaLR(optimizer, factor))


@healthy("lightning", note="the rate falls and comes back, four times")
def warm_restarts(task: Task, seed: int) -> Task:
    return plan(task, lambda optimizer: CosineAnnealingWarmRestarts(optimizer, T_0=STEPS // 4))


@healthy("digits-conv", note="a tenth of the rate after 60 % of the training, again after 85 %")
def two_late_drops(task: Task, seed: int) -> Task:
    return plan(task, lambda optimizer: torch.optim.lr_scheduler.MultiStepLR(optimizer, [600, 850]))


@healthy("recurrent", note="a step of many epochs in a schedule that is stepped per update")
def step_decay_per_update(task: Task, seed: int) -> Task:
    return plan(task, lambda optimizer: StepLR(optimizer, step_size=400, gamma=0.3), rate=3e-3)


@healthy("vit", "several-inputs", note="AdamW as everyone has it")
def adamw_with_decay_of_1_percent(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda model: AdamW(model.parameters(), lr=1e-3, weight_decay=0.01))


@healthy("digits", "lightning", note="a tenth, with momentum: high for Adam, usual for SGD")
def sgd_with_momentum_at_a_tenth(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda model: SGD(model.parameters(), lr=0.1, momentum=0.9), schedule=None)


@healthy("gpt", note="biases and norms in a group without weight decay")
def decay_on_matrices_alone(task: Task, seed: int) -> Task:
    def optimizer(model: nn.Module) -> torch.optim.Optimizer:
        parameters = list(model.parameters())
        matrices = {"params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.1}
        vectors = {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0}
        return AdamW([matrices, vectors], lr=1e-3)

    return replace(task, optimizer=optimizer)


@healthy("vit", note="the head learns ten times as fast as the body")
def two_rates(task: Task, seed: int) -> Task:
    def optimizer(model: Any) -> torch.optim.Optimizer:
        head = [*model.head.parameters()]
        body = [p for p in model.parameters() if all(p is not other for other in head)]
        return Adam([{"params": body, "lr": 3e-4}, {"params": head, "lr": 3e-3}])

    return replace(task, optimizer=optimizer)


def freeze(module: nn.Module) -> None:
    for parameter in module.parameters():
        parameter.requires_grad = False


@healthy("two-optimizers", note="the encoder is frozen, left out of the optimizer, and declared")
def frozen_encoder_declared(task: Task, seed: int) -> Task:
    return replace(
        with_model(task, lambda model: freeze(model["encoder"])),  # pyright: ignore
        optimizer=lambda model: Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3),
        declared=("frozen:encoder.*",),
    )


@healthy("lightning", note="the body under no_grad, in the optimizer all the same, and declared")
def features_under_no_grad_declared(task: Task, seed: int) -> Task:
    def forward(model: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            features = model.body(x)
        return model.head(features)

    return replace(task, forward=forward, declared=("frozen:body.*",))


def pretrained(task: Task, seed: int, steps: int = 120) -> dict[str, Tensor]:
    """The parameters of the task's model after some training."""
    with torch.random.fork_rng():
        model = task.build(seed)
        optimizer = Adam(model.parameters(), lr=3e-3)
        done = 0
        while done < steps:
            for batch in task.batches(size=64):
                inputs, targets = task.split_batch(batch)
                optimizer.zero_grad()
                task.loss(task.call(model, inputs), targets).backward()
                optimizer.step()
                done += 1
    return model.state_dict()


@healthy("lightning", "vit", note="the loss starts far below ln 10, because the network has learned before")
def pretrained_start(task: Task, seed: int) -> Task:
    state = pretrained(task, seed)
    return with_model(task, lambda model: model.load_state_dict(state) and None)


@healthy("digits-conv", note="a body that has learned before, and a fresh head")
def fine_tuning_with_a_fresh_head(task: Task, seed: int) -> Task:
    state = pretrained(task, seed)
    last = list(state)[-1].rpartition(".")[0]
    body = {name: value for name, value in state.items() if not name.startswith(f"{last}.")}
    return with_model(task, lambda model: model.load_state_dict(body, strict=False) and None)


@healthy("friedman", note="gradients of four batches, declared; the loss is divided by four")
def accumulation_declared(task: Task, seed: int) -> Task:
    return replace(task, loss=lambda out, y: F.mse_loss(out, y) / 4, declared=("accumulate:4",))


@healthy("vit", note="an optimizer without momentum")
def rmsprop(task: Task, seed: int) -> Task:
    return replace(task, optimizer=lambda model: torch.optim.RMSprop(model.parameters(), lr=1e-3))


@healthy("lightning", note="the user says what a larger model is")
def larger_given(task: Task, seed: int) -> Task:
    return replace(task, larger=lambda: lightning.LitDigits(hidden=96))
