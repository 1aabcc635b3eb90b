"""Optimizers, rates and precision: those of the textbook, those written by hand, and their usual mistakes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

import nntui

from .loop import program


def split_digits(seed: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs to train on, inputs to test with, and the labels of both."""
    found = load_digits()
    parts = train_test_split(found.data / 16, found.target, test_size=0.25, random_state=seed, stratify=found.target)
    x, test_x, y, test_y = (torch.tensor(part) for part in parts)
    return x.float(), test_x.float(), y, test_y


def scored(model: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        logits = model(x)
    return {"val/loss": functional.cross_entropy(logits, y), "val/accuracy": (logits.argmax(1) == y).float().mean()}


@program()
def lbfgs_on_breast_cancer(path: Path, seed: int) -> None:
    """The whole set at every step, a closure that is called several times, a penalty in the loss."""
    found = load_breast_cancer()
    x, test_x, y, test_y = train_test_split(found.data, found.target, test_size=0.3, random_state=seed)
    scaler = StandardScaler().fit(x)
    x, test_x = (torch.tensor(scaler.transform(part), dtype=torch.float32) for part in (x, test_x))
    y, test_y = torch.tensor(y), torch.tensor(test_y)
    model = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=2, history_size=10)

    def closure() -> Tensor:
        optimizer.zero_grad()
        penalty = sum(p.square().sum() for p in model.parameters() if p.dim() > 1)
        loss = functional.cross_entropy(model(x), y) + 1e-2 * penalty
        loss.backward()
        return loss

    with nntui.init(path, total_steps=300) as run:
        nntui.watch(model, optimizer, run)
        for step in range(300):
            loss = optimizer.step(closure)
            run.log({"train/loss": loss.item()}, step=step)
            if step % 20 == 19:
                run.log(scored(model, test_x, test_y), step=step)


@program()
def sharpness_aware_with_two_passes(path: Path, seed: int) -> None:
    """Weights are moved uphill, gradients taken there, and the step made from where they were."""
    x, test_x, y, test_y = split_digits()
    model = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    rng = torch.Generator().manual_seed(seed)

    def loss_of(chosen: Tensor) -> Tensor:
        return functional.cross_entropy(model(x[chosen]), y[chosen], label_smoothing=0.1)

    with nntui.init(path, config={"rho": 0.05}, total_steps=600) as run:
        nntui.watch(model, optimizer, run)
        for step in range(600):
            chosen = torch.randint(len(x), (48,), generator=rng)
            loss = loss_of(chosen)
            loss.backward()
            with torch.no_grad():
                norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
                away = [0.05 * p.grad / (norm + 1e-12) for p in model.parameters()]
                for p, e in zip(model.parameters(), away, strict=True):
                    p.add_(e)
            optimizer.zero_grad()
            loss_of(chosen).backward()
            with torch.no_grad():
                for p, e in zip(model.parameters(), away, strict=True):
                    p.sub_(e)
            optimizer.step()
            optimizer.zero_grad()
            run.log({"train/loss": loss.item(), "train/grad_norm": norm.item()}, step=step)
            if step % 50 == 49:
                run.log(scored(model, test_x, test_y), step=step)


@program()
def eight_batches_of_four_for_each_update(path: Path, seed: int) -> None:
    """Memory for four pictures at a time; what is logged is the loss of the last four, and jumps."""
    x, test_x, y, test_y = split_digits()
    loader = DataLoader(
        TensorDataset(x.view(-1, 1, 8, 8), y),
        batch_size=4,
        shuffle=True,
        drop_last=True,
        generator=torch.Generator().manual_seed(seed),
    )
    body = (nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3))
    model = nn.Sequential(*body, nn.ReLU(), nn.Flatten(), nn.Linear(128, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    update = 0
    with nntui.init(path, total_steps=10 * (len(loader) // 8)) as run:
        nntui.watch(model, optimizer, run, declared=("accumulate:8",))
        for _ in range(10):
            for i, (inputs, labels) in enumerate(loader, 1):
                if i > len(loader) // 8 * 8:
                    break
                loss = functional.cross_entropy(model(inputs), labels)
                (loss / 8).backward()
                if i % 8:
                    continue
                optimizer.step()
                optimizer.zero_grad()
                run.log({"train/loss": loss.item()}, step=update)
                update += 1
            run.log(scored(model, test_x.view(-1, 1, 8, 8), test_y), step=update - 1)


class Residual(nn.Module):
    """Four residual blocks whose insides are calculated anew in the backward pass."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(64, width), nn.Linear(width, 10)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            for _ in range(4)
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x)
        for block in self.blocks:
            h = h + checkpoint(block, h, use_reentrant=False)
        return self.leave(h)


@program()
def warm_up_stable_decay_in_bfloat16(path: Path, seed: int) -> None:
    """Half precision, checkpointed blocks, and a loss that stands until the rate falls in the last quarter."""
    x, test_x, y, test_y = split_digits()
    rng = torch.Generator().manual_seed(seed)
    model = Residual()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    steps = 500

    def share(step: int) -> float:
        return min(1.0, (step + 1) / 40, (steps - step) / 125)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    with nntui.init(path, total_steps=steps) as run:
        nntui.watch(model, optimizer, run, scheduler=schedule)
        for step in range(steps):
            chosen = torch.randint(len(x), (32,), generator=rng)
            noisy = x[chosen] + 0.35 * torch.randn(32, 64, generator=rng)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = functional.cross_entropy(model(noisy), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            run.log({"train/loss": loss.item(), "lr": schedule.get_last_lr()[0]}, step=step)
            schedule.step()
            if step % 25 == 24:
                model.eval()
                run.log(scored(model, test_x, test_y), step=step)
                model.train()


class Lion(torch.optim.Optimizer):
    """The sign of an interpolation between momentum and gradient."""

    def __init__(self, params: Iterable[Any], lr: float, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(group["lr"] * momentum.lerp(p.grad, 0.1).sign())
                momentum.lerp_(p.grad, 0.01)


@program()
def student_of_a_larger_network_with_lion(path: Path, seed: int) -> None:
    """Distillation: soft targets of a frozen teacher; the loss has a floor that is not zero."""
    x, test_x, y, test_y = split_digits()
    rng = torch.Generator().manual_seed(seed)
    teacher = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    adam = torch.optim.Adam(teacher.parameters(), lr=2e-3)
    for _ in range(250):
        chosen = torch.randint(len(x), (64,), generator=rng)
        adam.zero_grad()
        functional.cross_entropy(teacher(x[chosen]), y[chosen]).backward()
        adam.step()
    teacher.eval().requires_grad_(False)

    student = nn.Sequential(nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))
    optimizer = Lion(student.parameters(), lr=1e-3, weight_decay=0.01)
    with nntui.init(path, total_steps=900) as run:
        nntui.watch(student, optimizer, run)
        for step in range(900):
            chosen = torch.randint(len(x), (64,), generator=rng)
            said, meant = student(x[chosen]), teacher(x[chosen])
            soft = functional.cross_entropy(said / 3, (meant / 3).softmax(1)) * 9
            loss = 0.9 * soft + 0.1 * functional.cross_entropy(said, y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/distill_loss": loss.item()}, step=step)
            if step % 60 == 59:
                run.log(scored(student, test_x, test_y), step=step)


@program()
def reptile_on_sine_waves(path: Path, seed: int) -> None:
    """Meta-learning: each update is another task, so the loss before and after adapting is all noise."""
    rng = torch.Generator().manual_seed(seed)
    meta = nn.Sequential(nn.Linear(1, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))
    outer = torch.optim.SGD(meta.parameters(), lr=0.5)

    def adapted(net: nn.Module, steps: int) -> tuple[float, float]:
        height, phase = 0.5 + 2 * torch.rand(1, generator=rng), math.pi * torch.rand(1, generator=rng)
        x = 10 * torch.rand(20, 1, generator=rng) - 5
        inner = torch.optim.SGD(net.parameters(), lr=0.02)
        losses = []
        for _ in range(steps):
            loss = functional.mse_loss(net(x), height * (x + phase).sin())
            inner.zero_grad()
            loss.backward()
            inner.step()
            losses.append(loss.item())
        return losses[0], losses[-1]

    with nntui.init(path, config={"inner_steps": 8}, total_steps=800) as run:
        nntui.watch(meta, outer, run)
        for step in range(800):
            fast = copy.deepcopy(meta)
            before, after = adapted(fast, 8)
            outer.zero_grad()
            for slow, moved in zip(meta.parameters(), fast.parameters(), strict=True):
                slow.grad = (slow - moved).detach()
            outer.step()
            run.log({"loss/before": before, "loss/after": after}, step=step)
            if step % 100 == 99:
                found = [adapted(copy.deepcopy(meta), 16)[1] for _ in range(30)]
                run.log({"eval/loss_after_16": sum(found) / 30}, step=step)


class HandmadeAdam(torch.optim.Optimizer):
    """Adam from memory."""

    def __init__(self, params: Iterable[Any], lr: float = 2e-2, eps: float = 1e-8) -> None:
        super().__init__(params, {"lr": lr, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                m = state.setdefault("m", torch.zeros_like(p))
                v = state.setdefault("v", torch.zeros_like(p))
                m.mul_(0.9).add_(p.grad, alpha=0.1)
                v.mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
                p.sub_(group["lr"] * m / (v.sqrt() + group["eps"]))


@program("live.update_ratio", "regularise.activations")
def adam_by_hand_without_bias_correction(path: Path, seed: int) -> None:
    """The second moment begins at zero and is never corrected: the first thirty steps are several times too long."""
    x, test_x, y, test_y = split_digits()
    rng = torch.Generator().manual_seed(seed)
    hidden = [layer for _ in range(4) for layer in (nn.Linear(64, 64), nn.ReLU())]
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), *hidden, nn.Linear(64, 10))
    optimizer = HandmadeAdam(model.parameters())
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(model, optimizer, run)
        for step in range(500):
            chosen = torch.randint(len(x), (64,), generator=rng)
            loss = functional.cross_entropy(model(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 50 == 49:
                run.log(scored(model, test_x, test_y), step=step)


@program("overfit.lr_decay")
def step_schedule_stepped_at_every_batch(path: Path, seed: int) -> None:
    """A tenth of the rate every ten epochs was meant; it is every ten batches."""
    x, test_x, y, test_y = split_digits()
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True, generator=torch.Generator().manual_seed(seed))
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.1)
    seen = 0
    with nntui.init(path, config={"epochs": 30}, total_steps=30 * len(loader)) as run:
        nntui.watch(model, optimizer, run, scheduler=scheduler)
        for epoch in range(30):
            for inputs, labels in loader:
                optimizer.zero_grad()
                loss = functional.cross_entropy(model(inputs), labels)
                loss.backward()
                optimizer.step()
                run.log({"loss": loss.item(), "lr": optimizer.param_groups[0]["lr"], "epoch": epoch}, step=seen)
                scheduler.step()
                seen += 1
            run.log(scored(model, test_x, test_y), step=seen - 1)


@program("live.clipping", "live.update_ratio")
def gradients_clipped_before_they_are_unscaled(path: Path, seed: int) -> None:
    """The norm is still times 65,536 when it is cut to one, so what is left after unscaling is nearly nothing."""
    x, test_x, y, test_y = split_digits()
    rng = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu")
    with nntui.init(path, config={"clip": 1.0, "amp": True}, total_steps=600) as run:
        nntui.watch(model, optimizer, run, scaler=scaler)
        for step in range(600):
            chosen = torch.randint(len(x), (64,), generator=rng)
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = functional.cross_entropy(model(x[chosen]), y[chosen])
            scaler.scale(loss).backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            run.log({"train/loss": loss.item(), "train/grad_norm": norm.item()}, step=step)
            if step % 50 == 49:
                run.log(scored(model, test_x, test_y), step=step)
