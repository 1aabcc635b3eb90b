"""Tables: times until something happens, counts, grades, and columns that are not numbers."""

from __future__ import annotations

from pathlib import Path

import torch
from sklearn.datasets import load_breast_cancer, load_diabetes
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program
from .programs_later_bugs import table
from .programs_later_healthy import digits_in_two


@program()
def grades_that_have_an_order(path: Path, seed: int) -> None:
    """Five grades as four cumulative questions with one slope; scored by the distance of the grades."""
    x, y, vx, vy = table(load_diabetes(), seed, 350)
    cuts = y.float().quantile(torch.tensor([0.2, 0.4, 0.6, 0.8]))
    y, vy = torch.bucketize(y.float(), cuts), torch.bucketize(vy.float(), cuts)

    class Ordinal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score, self.cuts = (
                nn.Sequential(nn.Linear(10, 12), nn.Tanh(), nn.Linear(12, 1, bias=False)),
                nn.Parameter(torch.tensor([1.0, 0.3, -0.3, -1.0])),
            )

        def forward(self, rows: Tensor) -> Tensor:
            return self.score(rows) + self.cuts

    net = Ordinal()
    opt = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=0.1)
    with nntui.init(path, total_steps=40 * 11, steps_per_epoch=11) as run:
        nntui.watch(net, opt, run)
        for epoch in range(40):
            for idx in torch.randperm(350).split(32):
                above = (y[idx, None] > torch.arange(4)).float()
                loss = F.binary_cross_entropy_with_logits(net(x[idx]), above, reduction="none").sum(1).mean()
                opt.zero_grad()
                loss.backward()
                opt.step()
            with torch.no_grad():
                said = (net(vx) > 0).sum(1)
                held = F.binary_cross_entropy_with_logits(net(vx), (vy[:, None] > torch.arange(4)).float()) * 4
            told = {
                "coral/train": loss.item(),
                "coral/valid": held.item(),
                "mae/valid": (said - vy).abs().float().mean().item(),
            }
            run.log(told, step=(epoch + 1) * 11)


def survivals(n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Columns, the time that was seen, and whether it ended with the event."""
    x = torch.randn(n, 6, generator=g)
    risk = x[:, 0] - 0.7 * x[:, 1] + 0.5 * x[:, 2] * x[:, 3]
    event = -torch.log(torch.rand(n, generator=g)) * torch.exp(-risk) * 4
    censor = torch.full((n,), 5.0) * torch.rand(n, generator=g).sqrt() * 2
    return x, torch.minimum(event, censor), (event <= censor)


def concordance(risk: Tensor, time: Tensor, event: Tensor) -> float:
    """Of two patients, how often the one with the greater risk had the event first."""
    first = (time[:, None] < time[None]) & event[:, None]
    return (risk[:, None] > risk[None])[first].float().mean().item()


@program()
def hazards_of_twelve_intervals(path: Path, seed: int) -> None:
    """Most intervals end without an event, so that the likelihood is small from the start and falls little."""
    g = torch.Generator().manual_seed(seed)
    x, time, event = survivals(1500, g)
    interval = (time * 1.5).long().clamp(max=11)
    net = nn.Sequential(nn.Linear(6, 32), nn.ELU(), nn.Dropout(0.2), nn.Linear(32, 12))
    nn.init.constant_(net[-1].bias, -2.0)
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)

    def likelihood(rows: Tensor) -> Tensor:
        at, out = interval[rows, None], net(x[rows])
        died = (torch.arange(12) == at) & event[rows, None]
        each = F.binary_cross_entropy_with_logits(out, died.float(), reduction="none")
        return (each * (torch.arange(12) <= at)).sum() / (at + 1).sum()

    with nntui.init(path, total_steps=600) as run:
        nntui.watch(net, opt, run)
        for step in range(600):
            loss = likelihood(torch.randint(1200, (64,), generator=g))
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"nll": loss.item()}, step=step)
            if step % 60 == 59:
                net.eval()
                with torch.no_grad():
                    risk = net(x[1200:]).sigmoid().sum(1)
                    told = {"valid_nll": likelihood(torch.arange(1200, 1500)).item()}
                net.train()
                run.log(told | {"valid_c_index": concordance(risk, time[1200:], event[1200:])}, step=step)


@program()
def bicycles_counted_by_the_hour(path: Path, seed: int) -> None:
    """The Poisson likelihood without its constant lies far below nothing; hours and days are embedded."""
    g = torch.Generator().manual_seed(seed)
    hour, day = torch.randint(24, (5000,), generator=g), torch.randint(7, (5000,), generator=g)
    warm = torch.randn(5000, generator=g)
    rate = torch.exp(3 + torch.sin((hour - 6) / 3.8) + 0.4 * (day < 5) * torch.cos((hour - 8) / 1.6) + 0.3 * warm)
    count = torch.poisson(rate, generator=g)
    tables = nn.ModuleList([nn.Embedding(24, 6), nn.Embedding(7, 3)])
    net = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 1))
    opt = torch.optim.Adam([*tables.parameters(), *net.parameters()], lr=3e-3)

    def rated(rows: Tensor) -> Tensor:
        return net(torch.cat([tables[0](hour[rows]), tables[1](day[rows]), warm[rows, None]], 1))[:, 0]

    held = torch.arange(4200, 5000)
    with nntui.init(path, total_steps=12 * 66, steps_per_epoch=66) as run:
        nntui.watch(nn.ModuleDict({"tables": tables, "net": net}), opt, run)
        step = 0
        for _ in range(12):
            for rows in torch.randperm(4200, generator=g).split(64):
                loss = F.poisson_nll_loss(rated(rows), count[rows])
                opt.zero_grad()
                loss.backward()
                opt.step()
                run.log({"train/poisson": loss.item()}, step=step)
                step += 1
            with torch.no_grad():
                log_rate = rated(held)
            told = {"test/poisson": F.poisson_nll_loss(log_rate, count[held]).item()}
            run.log(told | {"test/mae": (log_rate.exp() - count[held]).abs().mean().item()}, step=step - 1)


@program()
def twenty_draws_of_dropout_are_the_evaluation(path: Path, seed: int) -> None:
    """The uncertainty is wanted, so the model stays as it is in training, and the draws are averaged."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.3))
    net.append(nn.Linear(64, 10))
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    with nntui.init(path, total_steps=700, config={"mc_samples": 20}) as run:
        nntui.watch(net, opt, run)
        for step in range(700):
            idx = torch.randint(1400, (50,))
            loss = F.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 70 == 69:
                with torch.no_grad():
                    mean = torch.stack([net(vx).softmax(1) for _ in range(20)]).mean(0)
                told = {"mc/nll": F.nll_loss(mean.clamp(min=1e-9).log(), vy).item()}
                told["mc/entropy"] = -(mean * mean.clamp(min=1e-9).log()).sum(1).mean().item()
                run.log(told | {"mc/accuracy": (mean.argmax(1) == vy).float().mean().item()}, step=step)


@program("live.below_chance", "live.contradiction", "live.underfitting")
def censored_patients_are_taken_for_the_dead(path: Path, seed: int) -> None:
    """The column says whether the time was cut off, and is read as whether somebody died."""
    g = torch.Generator().manual_seed(seed)
    x, time, event = survivals(1200, g)
    column = ~event
    net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)

    def partial(rows: Tensor) -> Tensor:
        """Breslow's likelihood of the rows."""
        order = time[rows].argsort(descending=True)
        risk = net(x[rows])[order]
        return -((risk - risk.logcumsumexp(0)) * column[rows][order]).sum() / column[rows].sum().clamp(min=1)

    held = torch.arange(900, 1200)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, opt, run)
        for step in range(500):
            loss = partial(torch.randint(900, (128,), generator=g))
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/partial_nll": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    risk, nll = net(x[held]), partial(held)
                told = {"val/partial_nll": nll.item(), "val/c_index": concordance(risk, time[held], event[held])}
                run.log(told, step=step)


@program("live.contradiction", "regularise.early_stop", "live.below_chance")
def shops_numbered_anew_in_each_file(path: Path, seed: int) -> None:
    """Numbers in the order of appearance, once for training and once for validation."""
    g = torch.Generator().manual_seed(seed)
    worth, shop, size = (
        torch.randn(40, generator=g),
        torch.randint(40, (4000,), generator=g),
        torch.randn(4000, 2, generator=g),
    )
    bought = (2 * worth[shop] + size[:, 0] + 0.5 * torch.randn(4000, generator=g) > 0).float()

    def numbered(column: Tensor) -> Tensor:
        seen = list(dict.fromkeys(column.tolist()))
        return torch.tensor([seen.index(v) for v in column.tolist()])

    train, held = numbered(shop[:3200]), numbered(shop[3200:])
    embed, net = nn.Embedding(40, 8), nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
    opt = torch.optim.Adam([*embed.parameters(), *net.parameters()], lr=3e-3)
    with nntui.init(path, total_steps=20 * 50, steps_per_epoch=50) as run:
        nntui.watch(nn.ModuleList([embed, net]), opt, run)
        step = 0
        for _ in range(20):
            for rows in torch.randperm(3200, generator=g).split(64):
                out = net(torch.cat([embed(train[rows]), size[rows]], 1))
                loss = F.binary_cross_entropy_with_logits(out, bought[rows])
                opt.zero_grad()
                loss.backward()
                opt.step()
                acc = ((out > 0) == (bought[rows] > 0)).float().mean()
                run.log({"train/logloss": loss.item(), "train/acc": acc.item()}, step=step)
                step += 1
            with torch.no_grad():
                out = net(torch.cat([embed(held), size[3200:]], 1))
            told = {"valid/logloss": F.binary_cross_entropy_with_logits(out, bought[3200:]).item()}
            run.log(told | {"valid/acc": ((out > 0) == (bought[3200:] > 0)).float().mean().item()}, step=step - 1)


@program("live.underfitting", "live.jitter", "live.noise")
def nine_tenths_were_to_be_kept(path: Path, seed: int) -> None:
    """keep_prob=0.9 of an older framework has become Dropout(0.9)."""
    x, y, vx, vy = table(load_breast_cancer(), seed, 420)
    net = nn.Sequential(nn.Linear(30, 24), nn.ReLU(), nn.Dropout(0.9), nn.Linear(24, 24), nn.ReLU(), nn.Dropout(0.9))
    net.append(nn.Linear(24, 2))
    opt = torch.optim.Adam(net.parameters(), lr=5e-4)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, opt, run)
        for step in range(1, 501):
            net.train()
            idx = torch.randint(420, (32,))
            out = net(x[idx])
            loss = F.cross_entropy(out, y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log(
                {"train_loss": loss.item(), "train_acc": (out.argmax(1) == y[idx]).float().mean().item()}, step=step
            )
            if step % 25 == 0:
                net.eval()
                with torch.no_grad():
                    out = net(vx)
                run.log(
                    {
                        "val_loss": F.cross_entropy(out, vy).item(),
                        "val_acc": (out.argmax(1) == vy).float().mean().item(),
                    },
                    step=step,
                )
                run.predictions(out[:32], targets=vy[:32] if step == 25 else None, step=step)
