"""Mistakes in how a network starts, and in what is random."""

from __future__ import annotations

import math
import random
import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from nntui import Task

from .bestiary import bug
from .changes import Changed, halfway, layers, replace, with_start
from .programs import script

BIAS = (r"\bbias",)
CONSTANT = (r"constant", r"symmetr", r"alike", r"same (weight|value)", r"identical", r"equal")
DEAD = (r"dead", r"\blost\b", r"zero", r"no gradient", r"never active", r"vanish", r"does not reach")
LARGE = (r"too large", r"last layer", r"scale", r"initiali[sz]", r"spread", r"overconfident", r"explod")
SATURATED = (r"saturat", r"tanh", r"too large", r"explod", r"vanish", r"scale")
SEED = (r"seed", r"not (the same|reproducible)", r"differ(s)? (between|from run)")


@bug("digits-rare", "diabetes", "gpt", cause=BIAS)
def bias_left_at_zero(task: Task, seed: int) -> Task:
    return with_start(task, lambda model: layers(model)[-1].bias.zero_())


@bug("digits-rare", cause=BIAS)
def bias_with_the_wrong_sign(task: Task, seed: int) -> Task:
    return with_start(task, lambda model: layers(model)[-1].bias.neg_())


@bug("digits-rare", cause=BIAS)
def bias_is_the_share_and_not_its_log_odds(task: Task, seed: int) -> Task:
    return with_start(task, lambda model: layers(model)[-1].bias.fill_(1.0 / (1.0 + math.exp(-layers(model)[-1].bias))))


@bug("lightning", "friedman", "several-inputs", cause=CONSTANT)
def all_weights_one_constant(task: Task, seed: int) -> Task:
    def init(model: nn.Module) -> None:
        for layer in layers(model):
            nn.init.constant_(layer.weight, 0.01)
            if not isinstance(layer, nn.Embedding):
                nn.init.zeros_(layer.bias)

    return with_start(task, init)


@bug("multi-label", "digits", cause=(*DEAD, *CONSTANT))
def a_middle_layer_of_zeros(task: Task, seed: int) -> Task:
    def init(model: nn.Module) -> None:
        nn.init.zeros_(layers(model)[1].weight)
        nn.init.zeros_(layers(model)[1].bias)

    return with_start(task, init)


@bug("vit", "script", cause=LARGE)
def last_layer_a_hundred_times_too_large(task: Task, seed: int) -> Task:
    return with_start(task, lambda model: layers(model)[-1].weight.mul_(100))


@bug("lightning", "multi-label", cause=LARGE)
def weights_from_a_normal_of_one(task: Task, seed: int) -> Task:
    def init(model: nn.Module) -> None:
        for layer in layers(model):
            nn.init.normal_(layer.weight, 0.0, 1.0)

    return with_start(task, init)


@bug("friedman", "forecast", cause=(*DEAD, r"too small", r"tiny", r"small"))
def weights_from_a_normal_of_one_in_a_million(task: Task, seed: int) -> Task:
    def init(model: nn.Module) -> None:
        for layer in layers(model)[:-1]:
            nn.init.normal_(layer.weight, 0.0, 1e-6)
            nn.init.zeros_(layer.bias)

    return with_start(task, init)


@bug("digits-conv", "forecast", cause=DEAD)
def dead_before_the_first_step(task: Task, seed: int) -> Task:
    def init(model: nn.Module) -> None:
        nn.init.constant_(layers(model)[0].bias, -100.0)
        for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
            nn.init.constant_(norm.bias, -100.0)

    return with_start(task, init)


@bug("digits", cause=SATURATED)
def saturated_tanh(task: Task, seed: int) -> Task:
    def model() -> nn.Module:
        net = nn.Sequential(nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 10))
        for layer in (net[0], net[2]):
            nn.init.normal_(layer.weight, 0.0, 5.0)  # pyright: ignore
        return net

    return replace(task, model=model)


@bug("digits", cause=(*DEAD, r"sigmoid", r"deep", r"depth", r"saturat"))
def twelve_sigmoid_layers(task: Task, seed: int) -> Task:
    def model() -> nn.Module:
        middle = [part for _ in range(11) for part in (nn.Linear(32, 32), nn.Sigmoid())]
        return nn.Sequential(nn.Linear(64, 32), nn.Sigmoid(), *middle, nn.Linear(32, 10))

    return replace(task, model=model)


@bug("friedman", cause=(*DEAD, r"relu", r"negative", r"positive", r"below", r"range", r"held"))
def relu_after_the_last_layer(task: Task, seed: int) -> Task:
    return halfway(task, 5, torch.relu)


@bug("lightning", "gpt", cause=SEED)
def weights_from_an_unseeded_numpy(task: Task, seed: int) -> Task:
    rng = np.random.default_rng()

    def init(model: nn.Module) -> None:
        weight = layers(model)[0].weight
        weight.copy_(torch.tensor(rng.normal(0, 0.1, weight.shape), dtype=torch.float32))

    return with_start(task, init)


@bug("vit", cause=SEED)
def weights_seeded_by_the_clock(task: Task, seed: int) -> Task:
    def model() -> nn.Module:
        torch.manual_seed(time.time_ns() % 2**31)
        return task.model()

    return replace(task, model=model)


@bug("script", cause=(*SEED, r"random", r"shuffl"))
def shuffled_by_an_unseeded_generator(task: Task, seed: int) -> Task:
    train, _ = script.table(seed)

    def loader() -> DataLoader:
        generator = torch.Generator()
        generator.seed()
        return script.train_loader(train, seed, generator=generator)

    return replace(task, train=loader)


@bug("digits", "friedman", cause=(*SEED, r"random", r"augment", r"twice"))
def noise_from_pythons_random(task: Task, seed: int) -> Task:
    source = random.SystemRandom()
    return replace(task, train=Changed(task.train, lambda pair: (pair[0] + source.gauss(0, 0.05), pair[1])))


@bug("digits", cause=(*SEED, r"random", r"dropout", r"losses differ"))
def noise_in_forward_from_an_unseeded_source(task: Task, seed: int) -> Task:
    rng = np.random.default_rng()
    return halfway(task, 2, lambda x: x + torch.tensor(rng.normal(0, 0.1, x.shape), dtype=x.dtype))


@bug("vit", cause=(*LARGE, r"position"))
def positions_from_0_to_1000(task: Task, seed: int) -> Task:
    def init(model: nn.Module) -> None:
        model.position.copy_(torch.arange(17.0).view(1, 17, 1).expand_as(model.position) * 60)  # pyright: ignore

    return with_start(task, init)
