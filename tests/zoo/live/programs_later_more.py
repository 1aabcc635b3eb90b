"""Training that shares, quantises, counts or doubts, and works, as different people write it."""

from __future__ import annotations

import copy
import inspect
import textwrap
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program
from .programs_later_healthy import digits_in_two


class Quantised(nn.Module):
    """An autoencoder of eight codes each; the codebook is a moving average and no parameter."""

    def __init__(self, codes: int = 32, size: int = 6) -> None:
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 8 * size))
        self.dec = nn.Sequential(nn.Linear(8 * size, 96), nn.ReLU(), nn.Linear(96, 64), nn.Sigmoid())
        self.register_buffer("book", torch.randn(codes, size) * 0.5)
        self.register_buffer("count", torch.ones(codes))
        self.register_buffer("total", self.book.clone())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = self.enc(x).view(-1, self.book.shape[1])
        which = torch.cdist(z, self.book).argmin(1)
        q = self.book[which]
        if self.training:
            one_hot = F.one_hot(which, len(self.book)).float()
            self.count.mul_(0.97).add_(0.03 * one_hot.sum(0))
            self.total.mul_(0.97).add_(0.03 * one_hot.T @ z.detach())
            self.book.copy_(self.total / (self.count[:, None] + 1e-3))
        straight = z + (q - z).detach()
        return self.dec(straight.view(len(x), -1)), F.mse_loss(z, q), which.unique().numel() / torch.ones(())


@program()
def vector_quantised_digits_whose_codebook_nobody_optimises(path: Path, seed: int) -> None:
    x, _, vx, _ = digits_in_two(seed)
    model = Quantised()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with nntui.init(path, total_steps=900, config={"beta": 0.25}) as run:
        nntui.watch(model, optimizer, run, declared=("reconstruction",))
        for it in range(900):
            batch = x[torch.randint(len(x), (64,))]
            recon, commit, used = model(batch)
            mse = F.mse_loss(recon, batch)
            optimizer.zero_grad()
            (mse + 0.25 * commit).backward()
            optimizer.step()
            run.log({"vq/recon": mse.item(), "vq/commit": commit.item(), "vq/codes_used": used.item()}, step=it)
            if it % 75 == 74:
                model.eval()
                with torch.no_grad():
                    recon, _, _ = model(vx)
                run.log({"vq/val_recon": F.mse_loss(recon, vx).item()}, step=it)
                model.train()


class SumOfSet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        return ((4.5 + 3 * self.phi(x).squeeze(2)) * there).sum(1)


@program()
def sum_of_a_bag_of_digits_with_its_error_in_units(path: Path, seed: int) -> None:
    """One to six pictures in a bag; only the sum of what is written on them is known."""
    x, y, vx, vy = digits_in_two(seed)
    g = torch.Generator().manual_seed(seed)

    def bags(x: Tensor, y: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
        idx = torch.randint(len(x), (n, 6), generator=g)
        there = (torch.arange(6) < torch.randint(1, 7, (n, 1), generator=g)).float()
        return x[idx], there, (y[idx] * there).sum(1)

    net, held = SumOfSet(), bags(vx, vy, 300)
    opt = torch.optim.RAdam(net.parameters(), lr=4e-3)
    sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, patience=4, factor=0.4)
    with nntui.init(path, total_steps=900) as run:
        nntui.watch(net, opt, run, scheduler=sched)
        for step in range(900):
            pictures, there, total = bags(x, y, 32)
            loss = F.huber_loss(net(pictures, there), total, delta=2.0)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 20.0)
            opt.step()
            run.log({"train_huber": loss.item()}, step=step)
            if step % 45 == 44:
                with torch.no_grad():
                    said = net(*held[:2])
                huber = F.huber_loss(said, held[2], delta=2.0).item()
                sched.step(huber)
                told = {
                    "val_huber": huber,
                    "val_mae": (said - held[2]).abs().mean().item(),
                    "lr": opt.param_groups[0]["lr"],
                }
                run.log(told, step=step)
                run.predictions(said[:24, None], targets=held[2][:24, None] if step == 44 else None, step=step)


@program()
def five_hospitals_that_average_their_networks(path: Path, seed: int) -> None:
    """Each has mostly two of the digits; every round they begin at the average with a new optimizer."""
    x, y, vx, vy = digits_in_two(seed)
    g = torch.Generator().manual_seed(seed)
    mostly = [torch.where(((y // 2) == k) | (torch.rand(len(y), generator=g) < 0.25))[0] for k in range(5)]
    server = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
    with nntui.init(path, total_steps=40, config={"clients": 5, "local_steps": 8}) as run:
        for round_ in range(40):
            states, losses = [], []
            for mine in mostly:
                client = copy.deepcopy(server)
                opt = torch.optim.SGD(client.parameters(), lr=0.2)
                for _ in range(8):
                    idx = mine[torch.randint(len(mine), (32,), generator=g)]
                    loss = F.cross_entropy(client(x[idx]), y[idx])
                    opt.zero_grad()
                    loss.backward()
                    opt.step()
                    losses.append(loss.item())
                states.append(client.state_dict())
            server.load_state_dict({k: torch.stack([s[k] for s in states]).mean(0) for k in states[0]})
            with torch.no_grad():
                out = server(vx)
            told = {"client_loss": sum(losses) / len(losses), "server_loss": F.cross_entropy(out, vy).item()}
            run.log(told | {"server_acc": (out.argmax(1) == vy).float().mean().item()}, step=round_)


@program()
def a_third_of_the_labels_are_wrong_and_it_learns_the_others(path: Path, seed: int) -> None:
    """Bootstrapped targets and much dropout: training stays far worse than the clean validation."""
    x, y, vx, vy = digits_in_two(seed)
    wrong = torch.rand(len(y)) < 0.33
    labels = torch.where(wrong, torch.randint(10, y.shape), y)
    model = nn.Sequential(
        nn.Linear(64, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(64, 10),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total_iters=30 * 22)
    with nntui.init(path, total_steps=30 * 22, steps_per_epoch=22) as run:
        nntui.watch(model, optimizer, run, scheduler=schedule)
        for epoch in range(30):
            for i, idx in enumerate(torch.randperm(len(x)).split(64)):
                out = model(x[idx])
                target = 0.7 * F.one_hot(labels[idx], 10) + 0.3 * out.detach().softmax(1)
                loss = F.cross_entropy(out, target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                acc = (out.argmax(1) == labels[idx]).float().mean().item()
                run.log({"noisy/loss": loss.item(), "noisy/acc": acc}, step=epoch * 22 + i)
            model.eval()
            with torch.no_grad():
                out = model(vx)
            told = {"clean/loss": F.cross_entropy(out, vy), "clean/acc": (out.argmax(1) == vy).float().mean()}
            run.log(told, step=epoch * 22 + 21)
            model.train()


@program()
def denoiser_that_earns_decibels(path: Path, seed: int) -> None:
    """The loss is the negative scale-invariant ratio of signal to noise."""
    g = torch.Generator().manual_seed(seed)

    def decibels(said: Tensor, clean: Tensor) -> Tensor:
        along = (said * clean).sum(1, keepdim=True) / clean.square().sum(1, keepdim=True) * clean
        return 10 * torch.log10(along.square().sum(1) / ((said - along).square().sum(1) + 1e-6)).mean()

    def sounds(n: int) -> tuple[Tensor, Tensor]:
        t = torch.linspace(0, 1, 128)
        pitch, phase = 4 + 12 * torch.rand(n, 2, 1, generator=g), 6.3 * torch.rand(n, 2, 1, generator=g)
        clean = torch.sin(6.3 * pitch * t + phase).sum(1)
        return clean + torch.randn(n, 128, generator=g), clean

    net = nn.Sequential(
        nn.Unflatten(1, (1, 128)), nn.Conv1d(1, 16, 15, padding=7), nn.PReLU(),
        nn.Conv1d(16, 16, 9, padding=4), nn.PReLU(), nn.Conv1d(16, 1, 9, padding=4), nn.Flatten(),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    noisy, clean = sounds(128)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, optimizer, run)
        for step in range(500):
            x, y = sounds(16)
            loss = -decibels(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/neg_si_snr": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    run.log({"val/si_snr_db": decibels(net(noisy), clean).item()}, step=step)


@program()
def echo_state_whose_reservoir_is_never_trained(path: Path, seed: int) -> None:
    """Predicts the next value of a chaotic series; only what reads the states learns."""
    g = torch.Generator().manual_seed(seed)
    series = [0.3]
    for _ in range(1500):
        series.append(3.8 * series[-1] * (1 - series[-1]))
    u = torch.tensor(series) - 0.5
    reservoir = nn.RNN(1, 80, batch_first=True)
    radius = torch.linalg.eigvals(reservoir.weight_hh_l0).abs().max()
    with torch.no_grad():
        reservoir.weight_hh_l0.mul_(0.5 / radius)
        reservoir.weight_ih_l0.mul_(15)
    reservoir.requires_grad_(False)
    model = nn.ModuleDict({"reservoir": reservoir, "readout": nn.Linear(80, 1)})
    states = model["reservoir"](u[None, :-1, None])[0][0]
    x, y = states[100:], u[101:, None]
    opt = torch.optim.Adam(model["readout"].parameters(), lr=1e-2)
    with nntui.init(path, total_steps=1000) as run:
        nntui.watch(model, opt, run, declared=("frozen:reservoir*",))
        for step in range(1000):
            idx = torch.randint(1100, (64,), generator=g)
            loss = F.mse_loss(model["readout"](x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"mse": loss.item()}, step=step)
            if step % 100 == 99:
                with torch.no_grad():
                    nrmse = F.mse_loss(model["readout"](x[1100:]), y[1100:]).sqrt() / y.std()
                run.log({"test_nrmse": nrmse.item()}, step=step)


@program()
def three_small_batches_for_each_update_and_micro_steps_logged(path: Path, seed: int) -> None:
    """Every backward pass is logged as a step, updates come every third."""
    text = inspect.getsource(textwrap) + inspect.getsource(inspect)
    chars = sorted(set(text))
    ids = torch.tensor([chars.index(c) for c in text])
    g = torch.Generator().manual_seed(seed)

    class Tagger(nn.Module):
        """The letter in the gap between six and six others."""

        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(len(chars), 20)
            self.rnn = nn.GRU(20, 24, batch_first=True, bidirectional=True)
            self.out = nn.Linear(96, len(chars))

        def forward(self, left: Tensor, right: Tensor) -> Tensor:
            return self.out(torch.cat([self.rnn(self.embed(side))[0][:, -1] for side in (left, right.flip(1))], 1))

    model = Tagger()
    opt = torch.optim.Adam(model.parameters(), lr=4e-3)
    with nntui.init(path, total_steps=600) as run:
        nntui.watch(model, opt, run, declared=("accumulate:3", "bidirectional"))
        for micro in range(600):
            at = torch.randint(len(ids) - 13, (20, 1), generator=g) + torch.arange(13)
            window = ids[at]
            loss = F.cross_entropy(model(window[:, :6], window[:, 7:]), window[:, 6])
            (loss / 3).backward()
            run.log({"xent": loss.item()}, step=micro)
            if micro % 3 == 2:
                opt.step()
                opt.zero_grad()
