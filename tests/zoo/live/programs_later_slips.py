"""Trainings with one slip of the keyboard or of memory, as different people make them."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from sklearn.datasets import load_wine
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program
from .programs_later_bugs import table
from .programs_later_healthy import digits_in_two


@program("live.resume")
def checkpoint_of_a_wrapped_model_loaded_without_strict(path: Path, seed: int) -> None:
    """All its keys begin with "module."; strict=False takes that for nothing to load."""
    x, y, vx, vy = digits_in_two(seed)
    saved: dict[str, Tensor] = {}

    def job(first: int, last: int) -> None:
        model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        g = torch.Generator().manual_seed(seed + first)
        if first:
            model.load_state_dict(saved, strict=False)
        with nntui.init(path, total_steps=800, resume_step=first or None) as run:
            nntui.watch(model, optimizer, run)
            for step in range(first, last):
                idx = torch.randint(len(x), (64,), generator=g)
                loss = F.cross_entropy(model(x[idx]), y[idx])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"train/loss": loss.item()}, step=step)
                if step % 50 == 49:
                    with torch.no_grad():
                        out = model(vx)
                    told = {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}
                    run.log(told, step=step)
        saved.update({f"module.{k}": v.clone() for k, v in model.state_dict().items()})

    job(0, 500)
    job(500, 800)


@program("live.spike", "live.divergence")
def sensor_that_reports_minus_9999_when_it_is_wet(path: Path, seed: int) -> None:
    """A placeholder in one of some thousand rows, no clipping."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(4000, 6, generator=g)
    y = x[:, 0] * x[:, 1] + torch.sin(2 * x[:, 2]) + 0.1 * torch.randn(4000, generator=g)
    x[torch.randint(1500, 3500, (3,), generator=g), 4] = -999.9
    net = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0))
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    order = torch.cat([torch.randperm(3500, generator=g) for _ in range(7)])
    with nntui.init(path, total_steps=700) as run:
        nntui.watch(net, opt, run)
        for step, idx in enumerate(order.split(35)):
            loss = F.mse_loss(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/mse": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    run.log({"val/mse": F.mse_loss(net(x[3500:]), y[3500:]).item()}, step=step)


@program("live.clipping")
def clipped_to_a_thousandth_by_a_misplaced_point(path: Path, seed: int) -> None:
    """It was to be 1.0; plain gradient descent gets nowhere with steps of 0.0001."""
    x, y, vx, vy = digits_in_two(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=800) as run:
        nntui.watch(model, optimizer, run)
        for step in range(800):
            idx = torch.randint(len(x), (64,), generator=g)
            loss = F.cross_entropy(model(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.01)
            optimizer.step()
            run.log({"train/loss": loss.item(), "grad_norm": norm.item()}, step=step)
            if step % 80 == 79:
                with torch.no_grad():
                    out = model(vx)
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


@program("live.below_chance", "live.divergence", "live.contradiction")
def log_likelihood_minimised_for_want_of_a_minus(path: Path, seed: int) -> None:
    x, y, vx, vy = table(load_wine(), seed, 120)
    net = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3), nn.LogSoftmax(1))
    opt = torch.optim.SGD(net.parameters(), lr=0.01)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, opt, run)
        for step in range(500):
            idx = torch.randint(120, (20,), generator=g)
            loss = net(x[idx]).gather(1, y[idx, None]).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"loss": loss.item()}, step=step)
            if step % 25 == 24:
                with torch.no_grad():
                    out = net(vx)
                told = {"val_loss": out.gather(1, vy[:, None]).mean().item()}
                run.log(told | {"val_accuracy": (out.argmax(1) == vy).float().mean().item()}, step=step)


@program("live.contradiction", "live.batch_norm")
def average_of_weights_without_the_buffers(path: Path, seed: int) -> None:
    """The averaged network is evaluated with the statistics that its batch normalisation was born with."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10),
    )  # fmt: skip
    average = copy.deepcopy(net).eval()
    opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=500, config={"ema": 0.98}) as run:
        nntui.watch(net, opt, run)
        for step in range(500):
            idx = torch.randint(len(x), (64,), generator=g)
            loss = F.cross_entropy(net(4 * x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            with torch.no_grad():
                for slow, fast in zip(average.parameters(), net.parameters(), strict=True):
                    slow.lerp_(fast, 0.02)
            run.log({"train/loss": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    out = average(4 * vx)
                run.log(
                    {"ema/loss": F.cross_entropy(out, vy), "ema/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )
