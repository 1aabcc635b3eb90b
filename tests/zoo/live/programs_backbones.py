"""Programs about deep networks and their parts: pretrained and frozen ones, normalisation, units that die."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from pathlib import Path
from typing import Self

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import nntui

from .loop import program


class Backbone(nn.Module):
    """Thirty-two features of an 8x8 picture."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.conv2, self.bn2 = nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 32, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return torch.relu(self.conv3(x)).flatten(2).mean(2)


class Classifier(nn.Module):
    def __init__(self, backbone: Backbone, classes: int, *, frozen: bool = False) -> None:
        super().__init__()
        self.backbone, self.head, self.frozen = backbone, nn.Linear(32, classes), frozen
        if frozen:
            self.backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x))


def few_digits(wanted: range, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pictures of some digits; labels begin at zero; a third is held out."""
    found = load_digits()
    x, y = torch.tensor(found.images, dtype=torch.float32)[:, None] / 8 - 1, torch.tensor(found.target)
    inside = (y >= wanted.start) & (y < wanted.stop)
    x, y = x[inside], y[inside] - wanted.start
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed + 7))
    x, y, cut = x[order], y[order], len(x) * 2 // 3
    return x[:cut], y[:cut], x[cut:], y[cut:]


def pretrain(seed: int) -> Classifier:
    """Learn to tell 0 to 4; nobody records this part."""
    x, y, *_ = few_digits(range(5), seed)
    net = Classifier(Backbone(), 5)
    opt, rng = torch.optim.Adam(net.parameters(), 3e-3), torch.Generator().manual_seed(seed)
    for _ in range(150):
        idx = torch.randint(0, len(x), (64,), generator=rng)
        opt.zero_grad()
        nn.functional.cross_entropy(net(x[idx]), y[idx]).backward()
        opt.step()
    return net


@torch.no_grad()
def score(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    was = net.training
    net.eval()
    out = net(x)
    net.train(was)
    loss = nn.functional.cross_entropy(out, y)
    return {"val/loss": loss.item(), "val/accuracy": (out.argmax(1) == y).float().mean().item()}


def fit(net: nn.Module, opt: torch.optim.Optimizer, run: nntui.Run, split: tuple[Tensor, ...], seed: int) -> None:
    """Five hundred updates with batches of 32."""
    x, y, vx, vy = split
    rng = torch.Generator().manual_seed(seed)
    net.train()
    for step in range(500):
        idx = torch.randint(0, len(x), (32,), generator=rng)
        loss = nn.functional.cross_entropy(net(x[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        run.log({"train/loss": loss.item()}, step=step)
        if (step + 1) % 50 == 0:
            run.log(score(net, vx, vy), step=step)


# --- healthy ------------------------------------------------------------------------------------


@program()
def linear_probe_on_a_pretrained_backbone(path: Path, seed: int) -> None:
    net = Classifier(pretrain(seed).backbone, 5, frozen=True)
    optimizer = torch.optim.Adam(net.head.parameters(), lr=1e-2)
    with nntui.init(path, total_steps=500, config={"stage": "probe"}) as run:
        nntui.watch(net, optimizer, run, declared=("frozen:backbone.*",))
        fit(net, optimizer, run, few_digits(range(5, 10), seed), seed)


@program()
def fine_tuning_with_a_slow_backbone_and_a_fast_head(path: Path, seed: int) -> None:
    net = Classifier(pretrain(seed).backbone, 5)
    optimizer = torch.optim.AdamW(
        [{"params": net.backbone.parameters(), "lr": 5e-5}, {"params": net.head.parameters(), "lr": 2e-3}]
    )
    with nntui.init(path, total_steps=500, config={"lr_backbone": 5e-5, "lr_head": 2e-3}) as run:
        nntui.watch(net, optimizer, run)
        fit(net, optimizer, run, few_digits(range(5, 10), seed), seed)


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        nn.init.zeros_(self.bn2.weight)  # each block begins as the identity

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


@program()
def residual_network_with_one_cycle_at_a_high_rate(path: Path, seed: int) -> None:
    x, y, vx, vy = few_digits(range(10), seed)
    rng = torch.Generator().manual_seed(seed)
    stem = nn.Conv2d(1, 12, 3, padding=1)
    blocks = [Residual(12) for _ in range(2)]
    net = nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(48, 10))
    opt = torch.optim.SGD(net.parameters(), lr=0.4, momentum=0.9, weight_decay=1e-3)
    cycle = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.4, total_steps=450)
    with nntui.init(path, total_steps=450, config={"max_lr": 0.4}) as run:
        nntui.watch(net, opt, run, scheduler=cycle)
        for step in range(450):
            idx = torch.randint(0, len(x), (48,), generator=rng)
            loss = nn.functional.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item(), "lr": cycle.get_last_lr()[0]}, step=step)
            cycle.step()
            if step % 25 == 24:
                run.log(score(net, vx, vy), step=step)


# --- bugs ---------------------------------------------------------------------------------------


@program("live.frozen", "live.update_ratio")
def head_replaced_after_the_optimizer_was_built(path: Path, seed: int) -> None:
    net = pretrain(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-5)
    net.head = nn.Linear(32, 5)  # the new task has other classes
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, optimizer, run)
        fit(net, optimizer, run, few_digits(range(5, 10), seed), seed)


@program("live.frozen", "live.stale_gradient")
def backbone_frozen_by_a_wrong_parameter_list(path: Path, seed: int) -> None:
    """From scratch, with a rate for each part; but no parameter's name begins with `body.`."""
    net = Classifier(Backbone(), 10)
    named = dict(net.named_parameters())
    groups = [
        {"params": [p for name, p in named.items() if name.startswith("body.")], "lr": 1e-3},
        {"params": [p for name, p in named.items() if name.startswith("head.")], "lr": 3e-3},
    ]
    optimizer = torch.optim.Adam(groups)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, optimizer, run)
        fit(net, optimizer, run, few_digits(range(10), seed), seed)


@program("live.batch_norm")
def momentum_of_batch_norm_as_keras_has_it(path: Path, seed: int) -> None:
    """Ported by hand: 0.999 there is 0.001 here, and one nine was typed too many."""
    net = Classifier(Backbone(), 10)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum, module.eps = 1 - 0.9999, 1e-3
    split = few_digits(range(10), seed)
    split = (3 * split[0], split[1], 3 * split[2], split[3])
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, optimizer, run)
        fit(net, optimizer, run, split, seed)


@program("live.batch_norm")
def photographs_and_renderings_in_turn_through_one_batch_norm(path: Path, seed: int) -> None:
    """Half of the updates see bright renderings with other statistics; what counts are the photographs."""
    x, y, vx, vy = few_digits(range(10), seed)
    rng = torch.Generator().manual_seed(seed)
    net = Classifier(Backbone(), 10)
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)

    def batch(kind: int) -> tuple[Tensor, Tensor]:
        idx = torch.randint(0, len(x), (48,), generator=rng)
        return (x[idx], y[idx]) if kind == 0 else (4 - 3 * x[idx], y[idx])

    with nntui.init(path, total_steps=600) as run:
        nntui.watch(net, opt, run)
        net.train()
        for step in range(600):
            losses = []
            for kind in (0, 1):
                images, labels = batch(kind)
                losses.append(nn.functional.cross_entropy(net(images), labels))
            opt.zero_grad()
            sum(losses).backward()
            opt.step()
            photographs, renderings = losses
            run.log({"train/loss": photographs.item(), "train/loss_rendered": renderings.item()}, step=step)
            if (step + 1) % 60 == 0:
                run.log(score(net, vx, vy), step=step)


@program("live.gradients")
def ten_sigmoid_layers(path: Path, seed: int) -> None:
    x, y, vx, vy = few_digits(range(10), seed)
    rng = torch.Generator().manual_seed(seed)
    sizes = [64, *[48] * 9]
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for i, (a, b) in enumerate(itertools.pairwise(sizes), start=1):
        layers[f"fc{i}"], layers[f"act{i}"] = nn.Linear(a, b), nn.Sigmoid()
    layers["out"] = nn.Linear(48, 10)
    net = nn.Sequential(layers)
    opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    with nntui.init(path, total_steps=800, config={"activation": "sigmoid", "depth": 10}) as run:
        nntui.watch(net, opt, run)
        for step in range(800):
            idx = torch.randint(0, len(x), (64,), generator=rng)
            loss = nn.functional.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss}, step=step)
            if step % 80 == 79:
                run.log(score(net, vx, vy), step=step)


@program("regularise.activations", "live.update_ratio")
def pixels_up_to_255_and_a_large_first_step(path: Path, seed: int) -> None:
    x, y, vx, vy = ((part + 1) * 127.5 if part.is_floating_point() else part for part in few_digits(range(10), seed))
    rng = torch.Generator().manual_seed(seed)
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )  # fmt: skip
    opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, opt, run)
        for step in range(500):
            idx = torch.randint(0, len(x), (64,), generator=rng)
            out = net(x[idx])
            loss = nn.functional.cross_entropy(out, y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            accuracy = (out.argmax(1) == y[idx]).float().mean()
            run.log({"train/loss": loss.item(), "train/accuracy": accuracy.item()}, step=step)
            if step % 50 == 49:
                run.log(score(net, vx, vy), step=step)
