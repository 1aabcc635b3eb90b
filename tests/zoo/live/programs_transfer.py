"""Networks that begin with what another has learned, go on after a break, or are averaged."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

import nntui

from .loop import program

Rows = tuple[Tensor, Tensor]


def low_and_high(few: int = 300) -> tuple[Rows, Rows, Rows]:
    """Digits below five to learn from first; then some of the others, and the rest of them to test with."""
    found = load_digits()
    x, y = torch.tensor(found.data, dtype=torch.float32) / 16, torch.tensor(found.target)
    mixed = torch.randperm(len(x), generator=torch.Generator().manual_seed(2))
    x, y = x[mixed], y[mixed]
    low, high = y < 5, y >= 5
    later, labels = x[high], y[high] - 5
    return (x[low], y[low]), (later[:few], labels[:few]), (later[few:], labels[few:])


def pretrained(data: Rows, rng: torch.Generator, width: int = 64) -> nn.Sequential:
    """A network that tells the digits below five apart."""
    net = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 5))
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(300):
        chosen = torch.randint(len(data[0]), (64,), generator=rng)
        optimizer.zero_grad()
        functional.cross_entropy(net(data[0][chosen]), data[1][chosen]).backward()
        optimizer.step()
    return net


def drawn(data: Rows, n: int, rng: torch.Generator) -> Rows:
    chosen = torch.randint(len(data[0]), (n,), generator=rng)
    return data[0][chosen], data[1][chosen]


@torch.no_grad()
def evaluated(model: nn.Module, data: Rows) -> dict[str, Tensor]:
    model.eval()
    logits = model(data[0])
    model.train()
    right = (logits.argmax(1) == data[1]).float().mean()
    return {"val/loss": functional.cross_entropy(logits, data[1]), "val/accuracy": right}


@program()
def layers_thawed_one_after_another(path: Path, seed: int) -> None:
    """First the new head alone, then the layer below it, then all, each lower layer with a smaller rate."""
    rng = torch.Generator().manual_seed(seed)
    low, train, test = low_and_high()
    net = pretrained(low, rng)
    net[4] = nn.Linear(64, 5)
    for layer in (net[0], net[2]):
        layer.requires_grad_(False)
    optimizer = torch.optim.AdamW(net[4].parameters(), lr=3e-3)
    with nntui.init(path, total_steps=600) as run:
        nntui.watch(net, optimizer, run)
        for step in range(600):
            if step in {200, 400}:
                layer, rate = (net[2], 1e-3) if step == 200 else (net[0], 3e-4)
                layer.requires_grad_(True)
                optimizer.add_param_group({"params": layer.parameters(), "lr": rate})
                run.event("thawed", f"a layer is trained from here on, at {rate}", step=step)
            x, y = drawn(train, 16, rng)
            loss = functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss}, step=step)
            if step % 50 == 49:
                run.log(evaluated(net, test), step=step)


class Lora(nn.Module):
    """A linear layer that stays as it is, and a change of low rank beside it."""

    def __init__(self, base: nn.Linear, rank: int = 4) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + x @ self.down.T @ self.up.T


@program()
def adapters_of_rank_four(path: Path, seed: int) -> None:
    """The weights of before are frozen and meant to be; adapters and a new head learn other digits."""
    rng = torch.Generator().manual_seed(seed)
    low, train, test = low_and_high()
    old = pretrained(low, rng)
    model = nn.Sequential(Lora(old[0]), nn.ReLU(), Lora(old[2]), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400, eta_min=1e-4)
    with nntui.init(path, config={"rank": 4}, total_steps=400) as run:
        nntui.watch(model, optimizer, run, scheduler=schedule, declared=("frozen:*.base.*",))
        for step in range(400):
            x, y = drawn(train, 24, rng)
            loss = functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            run.log({"train/loss": loss}, step=step)
            if step % 40 == 39:
                run.log(evaluated(model, test), step=step)


@program("live.frozen")
def head_replaced_after_the_optimizer_was_made(path: Path, seed: int) -> None:
    """The optimizer holds the head of the old task, and moves all but the head that is used."""
    rng = torch.Generator().manual_seed(seed)
    low, train, test = low_and_high()
    model = pretrained(low, rng)
    body = [p for layer in (model[0], model[2]) for p in layer.parameters()]
    groups = [{"params": body, "lr": 1e-4}, {"params": model[4].parameters(), "lr": 3e-3}]
    optimizer = torch.optim.AdamW(groups)
    model[4] = nn.Linear(64, 5)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(model, optimizer, run)
        for step in range(500):
            x, y = drawn(train, 32, rng)
            loss = functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss}, step=step)
            if step % 50 == 49:
                run.log(evaluated(model, test), step=step)


def all_digits() -> tuple[Rows, Rows]:
    found = load_digits()
    x, y = torch.tensor(found.data, dtype=torch.float32) / 16, torch.tensor(found.target)
    mixed = torch.randperm(len(x), generator=torch.Generator().manual_seed(4))
    return (x[mixed[:1300]], y[mixed[:1300]]), (x[mixed[1300:]], y[mixed[1300:]])


@program("live.optimizer_state", "live.resume")
def resumed_without_the_state_of_adam(path: Path, seed: int) -> None:
    """The checkpoint has the weights alone; after the restart Adam begins anew in the middle of a training."""
    train, test = all_digits()
    rng = torch.Generator().manual_seed(seed)

    def fresh() -> tuple[nn.Sequential, torch.optim.Optimizer]:
        net = nn.Sequential(nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 10))
        return net, torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.9, 0.9999))

    def train_between(run: nntui.Run, first: int, last: int, weights: dict[str, Tensor] | None) -> dict[str, Tensor]:
        net, optimizer = fresh()
        if weights is not None:
            net.load_state_dict(weights)
        nntui.watch(net, optimizer, run)
        for step in range(first, last):
            x, y = drawn(train, 64, rng)
            loss = functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 50 == 49:
                run.log(evaluated(net, test), step=step)
        return copy.deepcopy(net.state_dict())

    with nntui.init(path, total_steps=900) as run:
        weights = train_between(run, 0, 450, None)
    with nntui.init(path, total_steps=900, resume_step=450) as run:
        train_between(run, 450, 900, weights)


@program("live.stale_evaluation")
def average_that_is_never_written_back(path: Path, seed: int) -> None:
    """An average of the weights is evaluated, but its update binds a name and changes no parameter."""
    train, test = all_digits()
    rng = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10))
    ema_model = copy.deepcopy(model).eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    decay = 0.98
    with nntui.init(path, config={"ema": decay}, total_steps=600) as run:
        nntui.watch(model, optimizer, run)
        for step in range(600):
            x, y = drawn(train, 64, rng)
            loss = functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for e, p in zip(ema_model.parameters(), model.parameters(), strict=True):
                    e = decay * e + (1 - decay) * p
            run.log({"train/loss": loss.item()}, step=step)
            if step % 40 == 39:
                with torch.no_grad():
                    logits = ema_model(test[0])
                right = (logits.argmax(1) == test[1]).float().mean()
                run.log({"val/loss": functional.cross_entropy(logits, test[1]), "val/accuracy": right}, step=step)


@program()
def averaged_weights_after_a_high_rate(path: Path, seed: int) -> None:
    """A high constant rate keeps the loss noisy; from the middle on the average is evaluated, and val/loss drops."""
    train, test = all_digits()
    rng = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    average = AveragedModel(model)
    with nntui.init(path, config={"average_from": 400}, total_steps=800) as run:
        nntui.watch(model, optimizer, run)
        for step in range(800):
            x, y = drawn(train, 16, rng)
            loss = functional.cross_entropy(model(x + 0.3 * torch.randn(x.shape, generator=rng)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step >= 400:
                average.update_parameters(model)
            run.log({"train/loss": loss.item()}, step=step)
            if step % 40 == 39:
                run.log(evaluated(average if step >= 400 else model, test), step=step)


@program()
def plateau_schedule_on_a_tiny_table(path: Path, seed: int) -> None:
    """Diabetes: 330 rows, half of the variance is beyond anybody; the rate is halved when validation stands still."""
    found = load_diabetes()
    x, y = torch.tensor(found.data / found.data.std(0)).float(), torch.tensor(found.target).float()
    y = (y - y.mean()) / y.std()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    x, y = x[order], y[order]
    model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 1), nn.Flatten(0))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-2)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=6, min_lr=1e-3)
    step = 0
    with nntui.init(path, total_steps=60 * 11) as run:
        nntui.watch(model, optimizer, run, scheduler=scheduler)
        for _ in range(60):
            model.train()
            for chosen in torch.randperm(330).split(30):
                loss = functional.mse_loss(model(x[chosen]), y[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"train/mse": loss.item(), "lr": optimizer.param_groups[0]["lr"]}, step=step)
                step += 1
            model.eval()
            with torch.no_grad():
                val = functional.mse_loss(model(x[330:]), y[330:]).item()
            scheduler.step(val)
            run.log({"val/mse": val}, step=step - 1)
