"""Trainings with one mistake in their numbers or their optimizer, as different people make them."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path

import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine, make_friedman1
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program
from .programs_later_healthy import digits_in_two


def table(data, seed: int, first: int, *, scale: bool = True) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(seed))
    x, y = torch.tensor(data.data, dtype=torch.float32)[order], torch.tensor(data.target)[order]
    if scale:
        x = (x - x[:first].mean(0)) / x[:first].std(0)
    return x[:first], y[:first], x[first:], y[first:]


@program("live.nonfinite")
def variance_of_a_forecast_that_may_become_negative(path: Path, seed: int) -> None:
    """The second output should be a logarithm, or go through softplus."""
    g = torch.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Linear(3, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 2))
    nn.init.constant_(net[-1].bias, 0.3)
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    with nntui.init(path, total_steps=600) as run:
        nntui.watch(net, opt, run)
        for step in range(600):
            x = torch.randn(64, 3, generator=g)
            noise = 0.003 + 0.1 * torch.relu(x[:, 0])
            y = torch.sin(x[:, 1]) + noise * torch.randn(64, generator=g)
            mean, var = net(x).unbind(1)
            nll = 0.5 * (torch.log(var) + (y - mean) ** 2 / var).mean()
            opt.zero_grad()
            nll.backward()
            opt.step()
            run.log({"nll": nll.item(), "rmse": (y - mean).square().mean().sqrt().item()}, step=step)


@program("live.nonfinite")
def sentences_without_a_word_are_masked_wholly(path: Path, seed: int) -> None:
    """A softmax over nothing but minus infinity; of 6400 lines one is empty."""
    g = torch.Generator().manual_seed(seed)

    class Pool(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.score, self.out = nn.Embedding(50, 24), nn.Linear(24, 1), nn.Linear(24, 2)

        def forward(self, words: Tensor, there: Tensor) -> Tensor:
            h = self.embed(words)
            weight = self.score(h).squeeze(2).masked_fill(~there, float("-inf")).softmax(1)
            return self.out((weight[..., None] * h).sum(1))

    lines = torch.randint(50, (6400, 9), generator=g)
    length = torch.randint(1, 10, (6400, 1), generator=g)
    length[4321] = 0
    mask = torch.arange(9) < length
    label = ((lines < 5) & mask).any(1).long()
    model = Pool()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(model, optimizer, run)
        order = torch.stack([torch.randperm(6400, generator=g) for _ in range(3)]).view(-1, 32)
        for step, idx in enumerate(order[:500]):
            loss = F.cross_entropy(model(lines[idx], mask[idx]), label[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train_loss": loss.item(), "lr": 3e-3}, step=step)


@program("live.nonfinite")
def batches_standardised_by_a_column_that_is_rarely_set(path: Path, seed: int) -> None:
    """The standard deviation of sixteen zeros."""
    x, y, vx, vy = table(load_breast_cancer(), seed, 420)
    g = torch.Generator().manual_seed(seed)
    x = torch.cat([x, (torch.rand(420, 1, generator=g) < 0.4).float()], 1)
    vx = torch.cat([vx, (torch.rand(149, 1, generator=g) < 0.4).float()], 1)
    clf = nn.Sequential(nn.Linear(31, 24), nn.ReLU(), nn.Linear(24, 1))
    opt = torch.optim.SGD(clf.parameters(), lr=0.05, momentum=0.9)

    def scaled(rows: Tensor) -> Tensor:
        return (rows - rows.mean(0)) / rows.std(0)

    with nntui.init(path, total_steps=20 * 53, steps_per_epoch=53) as run:
        nntui.watch(clf, opt, run)
        step = 0
        for _ in range(20):
            for idx in torch.randperm(420, generator=g)[:416].split(8)[:53]:
                loss = F.binary_cross_entropy_with_logits(clf(scaled(x[idx])).squeeze(1), y[idx].float())
                opt.zero_grad()
                loss.backward()
                opt.step()
                run.log({"bce": loss.item()}, step=step)
                step += 1
            with torch.no_grad():
                right = (clf(scaled(vx)).squeeze(1) > 0) == (vy > 0)
            run.log({"val_acc": right.float().mean().item()}, step=step - 1)


@program("live.optimizer_state")
def optimizer_made_anew_for_each_epoch(path: Path, seed: int) -> None:
    """`train_one_epoch` makes its own Adam, so that every epoch of five updates begins without a memory."""
    x, y = (torch.tensor(part, dtype=torch.float32) for part in make_friedman1(1400, 8, noise=0.5, random_state=seed))
    x, y = x * 2 - 1, (y - y.mean()) / y.std()
    model = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1), nn.Flatten(0))
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=120 * 5, steps_per_epoch=5) as run:
        nntui.watch(model, None, run)

        def train_one_epoch(epoch: int) -> None:
            optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
            for i, idx in enumerate(torch.randperm(1000, generator=g).split(200)):
                loss = F.mse_loss(model(x[idx]), y[idx])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"train/mse": loss.item()}, step=epoch * 5 + i)

        for epoch in range(120):
            train_one_epoch(epoch)
            with torch.no_grad():
                run.log({"val/mse": F.mse_loss(model(x[1000:]), y[1000:]).item()}, step=epoch * 5 + 4)


@program("overfit.lr_decay", "live.update_ratio")
def polynomial_decay_told_of_epochs_and_called_for_batches(path: Path, seed: int) -> None:
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 12, 3), nn.ReLU(), nn.Flatten(), nn.Linear(432, 10))
    optim = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    epochs, per_epoch = 25, 29
    sched = torch.optim.lr_scheduler.PolynomialLR(optim, total_iters=epochs, power=0.9)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=epochs * per_epoch, steps_per_epoch=per_epoch) as run:
        nntui.watch(net, optim, run, scheduler=sched)
        for step in range(epochs * per_epoch):
            idx = torch.randint(len(x), (48,), generator=g)
            loss = F.cross_entropy(net(x[idx]), y[idx])
            optim.zero_grad()
            loss.backward()
            optim.step()
            run.log({"Loss/train": loss.item(), "LR": optim.param_groups[0]["lr"]}, step=step)
            sched.step()
            if step % per_epoch == per_epoch - 1:
                with torch.no_grad():
                    out = net(vx)
                run.log(
                    {"Loss/test": F.cross_entropy(out, vy), "Top1/test": (out.argmax(1) == vy).float().mean()},
                    step=step,
                )


@program("overfit.lr_decay")
def plateau_schedule_that_waits_for_a_loss_to_rise(path: Path, seed: int) -> None:
    """mode="max" is from the days when it was given the accuracy."""
    data = make_friedman1(450, 8, noise=0.5, random_state=seed)
    x, y = (torch.tensor(part, dtype=torch.float32) for part in data)
    x, y = x * 2 - 1, (y - y[:350].mean()) / y[:350].std()
    x, vx, y, vy = x[:350], x[350:], y[:350], y[350:]
    model = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 1))
    opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, mode="max", factor=0.3, patience=2)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=60 * 14, steps_per_epoch=14) as run:
        nntui.watch(model, opt, run, scheduler=plateau)
        for epoch in range(60):
            total = 0.0
            for idx in torch.randperm(350, generator=g).split(25):
                loss = F.mse_loss(model(x[idx]).squeeze(1), y[idx])
                opt.zero_grad()
                loss.backward()
                opt.step()
                total += loss.item() / 14
            with torch.no_grad():
                held = F.mse_loss(model(vx).squeeze(1), vy).item()
            plateau.step(held)
            rate = opt.param_groups[0]["lr"]
            run.log({"train_mse": total, "val_mse": held, "learning_rate": rate}, step=14 * epoch + 13)


@program("live.underfitting", "live.update_ratio")
def progression_of_a_disease_in_its_own_unit(path: Path, seed: int) -> None:
    """Targets of 25 to 346, a bias of nothing, and a rate made for targets of one."""
    x, y, vx, vy = table(load_diabetes(), seed, 350)
    y, vy = y.float(), vy.float()
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
    opt = torch.optim.Adam(model.parameters(), lr=3e-4)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=900) as run:
        nntui.watch(model, opt, run)
        for step in range(900):
            idx = torch.randint(350, (32,), generator=g)
            loss = F.mse_loss(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/mse": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    said = model(vx)
                run.log({"val/mse": F.mse_loss(said, vy).item(), "val/mae": (said - vy).abs().mean().item()}, step=step)
                run.predictions(said[:40, None], targets=vy[:40, None] if step == 49 else None, step=step)


@program("regularise.activations")
def proline_in_milligrams_saturates_every_unit(path: Path, seed: int) -> None:
    x, y, vx, vy = table(load_wine(), seed, 120, scale=False)
    mlp = nn.Sequential(nn.Linear(13, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 3))
    optimizer = torch.optim.Adam(mlp.parameters(), lr=1e-3)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=600) as run:
        nntui.watch(mlp, optimizer, run)
        for step in range(600):
            idx = torch.randint(120, (24,), generator=g)
            loss = F.cross_entropy(mlp(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train loss": loss.item()}, step=step)
            if step % 30 == 29:
                with torch.no_grad():
                    out = mlp(vx)
                told = {"test loss": F.cross_entropy(out, vy).item(), "test acc": (out.argmax(1) == vy).float().mean()}
                run.log(told, step=step)


@program("live.weight_decay")
def decay_by_hand_that_forgets_the_rate(path: Path, seed: int) -> None:
    """Decoupled decay of 0.05 at every update, instead of 0.05 times the rate."""
    x, y, vx, vy = digits_in_two(seed)
    model = nn.Sequential(nn.Linear(64, 80), nn.ReLU(), nn.Linear(80, 80), nn.ReLU(), nn.Linear(80, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
    decay, g = 0.05, torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=600, config={"wd": decay}) as run:
        nntui.watch(model, optimizer, run)
        for step in range(600):
            idx = torch.randint(len(x), (64,), generator=g)
            loss = F.cross_entropy(model(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            with torch.no_grad():
                for p in model.parameters():
                    p.mul_(1 - decay)
            optimizer.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 40 == 39:
                with torch.no_grad():
                    out = model(vx)
                told = {
                    "val/loss": F.cross_entropy(out, vy).item(),
                    "val/acc": (out.argmax(1) == vy).float().mean().item(),
                }
                run.log(told, step=step)


@program("live.gradients")
def twelve_layers_begun_as_a_language_model_is(path: Path, seed: int) -> None:
    """Normal weights of 0.02, without the residual connections and the normalisation that go with them."""
    x, y, vx, vy = digits_in_two(seed)
    layers: list[nn.Module] = [nn.Linear(64, 64), nn.GELU()]
    for _ in range(10):
        layers += [nn.Linear(64, 64), nn.GELU()]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    for p in model.parameters():
        if p.dim() == 2:
            nn.init.normal_(p, std=0.02)
        else:
            nn.init.zeros_(p)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(model, optimizer, run)
        for step in range(500):
            idx = torch.randint(len(x), (64,), generator=g)
            loss = F.cross_entropy(model(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"loss": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    out = model(vx)
                run.log(
                    {"val_loss": F.cross_entropy(out, vy), "val_acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


@program("live.stale_gradient")
def zero_grad_without_its_parentheses(path: Path, seed: int) -> None:
    source = inspect.getsource(textwrap)
    chars = sorted(set(source))
    ids = torch.tensor([chars.index(c) for c in source])
    g = torch.Generator().manual_seed(seed)
    net = nn.Sequential(
        nn.Embedding(len(chars), 16), nn.Flatten(), nn.Linear(128, 96), nn.ReLU(), nn.Linear(96, len(chars))
    )
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    with nntui.init(path, total_steps=800) as run:
        nntui.watch(net, optimiser, run)
        for step in range(800):
            at = torch.randint(len(ids) - 9, (64, 1), generator=g) + torch.arange(9)
            loss = F.cross_entropy(net(ids[at[:, :8]]), ids[at[:, 8]])
            optimiser.zero_grad  # noqa: B018
            loss.backward()
            optimiser.step()
            run.log({"nats": loss.item()}, step=step)
