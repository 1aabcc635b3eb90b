"""Unusual models that learn what they should, as different people write them."""

from __future__ import annotations

import inspect
import math
import textwrap
from pathlib import Path

import torch
from sklearn.datasets import load_digits, load_wine
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program


def digits_in_two(seed: int, first: int = 1400) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(seed))
    x, y = torch.tensor(data.data, dtype=torch.float32)[order] / 16, torch.tensor(data.target)[order]
    return x[:first], y[:first], x[first:], y[first:]


class Spike(torch.autograd.Function):
    """A step forwards, the derivative of a fast sigmoid backwards."""

    @staticmethod
    def forward(ctx, v: Tensor) -> Tensor:
        ctx.save_for_backward(v)
        return (v > 0).float()

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        (v,) = ctx.saved_tensors
        return grad / (1 + 5 * v.abs()) ** 2


class LeakyNet(nn.Module):
    def __init__(self, hidden: int = 80, beta: float = 0.85) -> None:
        super().__init__()
        self.fc1, self.fc2, self.beta = nn.Linear(64, hidden), nn.Linear(hidden, 10), beta

    def forward(self, x: Tensor, ticks: int = 10) -> tuple[Tensor, Tensor]:
        drive, v, out, rate = self.fc1(x * 2), 0.0, 0.0, 0.0
        for _ in range(ticks):
            v = self.beta * v + drive
            spikes = Spike.apply(v - 1)
            v = v - spikes.detach()
            out, rate = self.beta * out + self.fc2(spikes), rate + spikes.mean() / ticks
        return out / ticks, rate


@program()
def spiking_digits_with_percentages_once_an_epoch(path: Path, seed: int) -> None:
    x, y, xt, yt = digits_in_two(seed)
    net = LeakyNet()
    opt = torch.optim.Adamax(net.parameters(), lr=4e-3)
    per_epoch, epochs = len(x) // 70, 20
    with nntui.init(path, total_steps=per_epoch * epochs, steps_per_epoch=per_epoch) as run:
        nntui.watch(net, opt, run)
        for epoch in range(epochs):
            losses, right = [], 0
            for idx in torch.randperm(len(x)).split(70):
                out, rate = net(x[idx])
                loss = F.cross_entropy(out, y[idx]) + 0.1 * (rate - 0.1) ** 2
                opt.zero_grad()
                loss.backward()
                opt.step()
                losses.append(loss.item())
                right += (out.argmax(1) == y[idx]).sum().item()
            with torch.no_grad():
                out, rate = net(xt)
            told = {"Train Loss": sum(losses) / len(losses), "Train Acc (%)": 100 * right / len(x)}
            told |= {"Test Acc (%)": 100 * (out.argmax(1) == yt).float().mean().item(), "spike rate": rate.item()}
            run.log(told, step=(epoch + 1) * per_epoch)


class BinaryLinear(nn.Linear):
    """Signs of the weights, with the gradient passed straight through."""

    def forward(self, x: Tensor) -> Tensor:
        w = self.weight + (self.weight.sign() - self.weight).detach()
        return F.linear(x, w, None) / math.sqrt(self.in_features)


@program()
def binary_weights_with_latents_held_within_one(path: Path, seed: int) -> None:
    x, y, vx, vy = digits_in_two(seed)
    model = nn.Sequential(
        BinaryLinear(64, 256, bias=False), nn.BatchNorm1d(256), nn.Hardtanh(),
        BinaryLinear(256, 256, bias=False), nn.BatchNorm1d(256), nn.Hardtanh(),
        BinaryLinear(256, 10, bias=False), nn.BatchNorm1d(10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 700)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=700, config={"bits": 1}) as run:
        nntui.watch(model, optimizer, run, scheduler=schedule)
        for step in range(700):
            idx = torch.randint(len(x), (64,), generator=g)
            loss = F.multi_margin_loss(model(x[idx]), y[idx], p=2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                for module in model:
                    if isinstance(module, BinaryLinear):
                        module.weight.clamp_(-1, 1)
            run.log({"train/squared_hinge": loss.item(), "lr": schedule.get_last_lr()[0]}, step=step)
            if step % 35 == 34:
                model.eval()
                with torch.no_grad():
                    said = model(vx)
                hinge = F.multi_margin_loss(said, vy, p=2)
                run.log({"val/squared_hinge": hinge, "val/top1": (said.argmax(1) == vy).float().mean()}, step=step)
                run.predictions(said[:40], targets=vy[:40] if step == 34 else None, step=step)
                model.train()


class Automaton(nn.Module):
    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.see = nn.Conv2d(channels, 32, 3, padding=1)
        self.act = nn.Conv2d(32, channels, 1, bias=False)
        nn.init.zeros_(self.act.weight)

    def forward(self, grid: Tensor) -> Tensor:
        alive = (torch.rand(grid.shape[0], 1, *grid.shape[2:]) < 0.5).float()
        return grid + alive * self.act(torch.relu(self.see(grid)))


@program()
def cells_that_grow_a_ring_with_gradients_of_length_one(path: Path, seed: int) -> None:
    """Each parameter's gradient is normalised; the loss is logged as its logarithm, as the article does."""
    ticks = torch.linspace(-1, 1, 12)
    radius = (ticks[:, None] ** 2 + ticks[None] ** 2).sqrt()
    target = ((radius > 0.4) & (radius < 0.8)).float()
    ca = Automaton()
    opt = torch.optim.Adam(ca.parameters(), lr=2e-3)
    lr_sched = torch.optim.lr_scheduler.MultiStepLR(opt, [300], 0.3)
    with nntui.init(path, total_steps=400) as run:
        nntui.watch(ca, opt, run)
        for i in range(400):
            grid = torch.zeros(4, 8, 12, 12)
            grid[:, :, 6, 6] = 1
            for _ in range(int(torch.randint(10, 15, ()))):
                grid = ca(grid)
            loss = (grid[:, 0] - target).square().mean()
            opt.zero_grad()
            loss.backward()
            for p in ca.parameters():
                p.grad /= p.grad.norm() + 1e-8
            opt.step()
            lr_sched.step()
            run.log({"log10_loss": math.log10(loss.item())}, step=i)


class Equilibrium(nn.Module):
    """z = tanh(Wz + Ux + b), found by iteration; the gradient is that of a few last steps."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.w, self.u, self.out = (
            nn.Linear(width, width, bias=False),
            nn.Linear(inputs, width),
            nn.Linear(width, outputs),
        )
        nn.init.orthogonal_(self.w.weight, 0.6)
        self.residual = 0.0

    def forward(self, x: Tensor) -> Tensor:
        drive, z = self.u(x), torch.zeros(len(x), self.w.in_features)
        with torch.no_grad():
            for _ in range(20):
                z = torch.tanh(self.w(z) + drive)
        for _ in range(4):
            last, z = z, torch.tanh(self.w(z) + drive)
        self.residual = (z - last).norm().item() / z.norm().item()
        return self.out(z)


@program()
def equilibrium_of_an_implicit_layer_on_wine(path: Path, seed: int) -> None:
    wine = load_wine()
    g = torch.Generator().manual_seed(seed)
    order = torch.randperm(178, generator=g)
    x, y = torch.tensor(wine.data, dtype=torch.float32)[order], torch.tensor(wine.target)[order]
    x = (x - x[:120].mean(0)) / x[:120].std(0)
    model = Equilibrium(13, 32, 3)
    optim = torch.optim.RMSprop(model.parameters(), lr=3e-4, alpha=0.95, weight_decay=1e-3)
    with nntui.init(path, total_steps=400) as run:
        nntui.watch(model, optim, run)
        for step in range(400):
            pick = torch.randint(120, (30,), generator=g)
            loss = F.cross_entropy(model(x[pick]), y[pick], label_smoothing=0.05)
            optim.zero_grad()
            loss.backward()
            optim.step()
            run.log({"loss": loss.item(), "solver_residual": model.residual}, step=step)
            if step % 20 == 0:
                with torch.no_grad():
                    out = model(x[120:])
                run.log(
                    {
                        "valid_loss": F.cross_entropy(out, y[120:]),
                        "valid_err": (out.argmax(1) != y[120:]).float().mean(),
                    }
                )


class Switch(nn.Module):
    """Of six experts one, by a router."""

    def __init__(self, width: int = 48, experts: int = 6) -> None:
        super().__init__()
        self.inp, self.router = nn.Linear(64, width), nn.Linear(width, experts)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)) for _ in range(experts)
        )
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.inp(x)
        gate = self.router(h).softmax(-1)
        top, who = gate.max(-1)
        mixed = torch.zeros_like(h)
        for i, expert in enumerate(self.experts):
            mine = (who == i).nonzero().squeeze(1)
            if len(mine):
                mixed = mixed.index_add(0, mine, expert(h[mine]) * top[mine, None])
        share = F.one_hot(who, len(self.experts)).float().mean(0)
        balance = len(self.experts) * (share * gate.mean(0)).sum()
        return self.out(self.norm(h + mixed)), balance, share


@program()
def switch_of_six_experts_some_of_whom_get_nobody(path: Path, seed: int) -> None:
    x, y, vx, vy = digits_in_two(seed)
    moe = Switch()
    opt = torch.optim.AdamW(moe.parameters(), lr=1.5e-3, weight_decay=0.01)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=600, config={"experts": 6, "aux": 0.02}) as run:
        nntui.watch(moe, opt, run)
        for step in range(600):
            idx = torch.randint(len(x), (32,), generator=g)
            out, balance, share = moe(x[idx])
            ce = F.cross_entropy(out, y[idx])
            opt.zero_grad(set_to_none=True)
            (ce + 0.02 * balance).backward()
            nn.utils.clip_grad_norm_(moe.parameters(), 1.0)
            opt.step()
            if step % 10 == 0:
                told = {"train/ce": ce.item(), "train/aux": balance.item()}
                run.log(told | {f"router/expert{i}": s for i, s in enumerate(share.tolist())}, step=step)
            if step % 100 == 99:
                with torch.no_grad():
                    out, _, _ = moe(vx)
                run.log(
                    {"val/ce": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


class Hyper(nn.Module):
    """Weights of a curve's network from two numbers that describe it."""

    def __init__(self, hidden: int = 12) -> None:
        super().__init__()
        self.hidden, self.body = hidden, nn.Sequential(nn.Linear(2, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.head = nn.Linear(48, 3 * hidden + 1)
        nn.init.normal_(self.head.weight, std=0.05)

    def forward(self, code: Tensor, t: Tensor) -> Tensor:
        w = self.head(self.body(code))
        a, b, c, d = w.split([self.hidden, self.hidden, self.hidden, 1], 1)
        return (torch.sin(t[..., None] * (3 * a[:, None]) + b[:, None]) * c[:, None]).sum(-1) + d


@program()
def hypernetwork_for_a_family_of_sine_waves(path: Path, seed: int) -> None:
    g = torch.Generator().manual_seed(seed)

    def tasks(n: int) -> tuple[Tensor, Tensor, Tensor]:
        code, t = torch.rand(n, 2, generator=g) * 2 - 1, torch.rand(n, 24, generator=g) * 4 - 2
        return code, t, (1.5 + code[:, :1]) * torch.sin(t * 1.5 + code[:, 1:] * 2)

    model, test = Hyper(), tasks(200)
    opt = torch.optim.NAdam(model.parameters(), lr=2e-3)
    with nntui.init(path, total_steps=1200) as run:
        nntui.watch(model, opt, run)
        for it in range(1, 1201):
            code, t, target = tasks(16)
            mse = F.mse_loss(model(code, t), target)
            opt.zero_grad()
            mse.backward()
            opt.step()
            if it % 25 == 0:
                run.log({"mse": mse}, step=it)
            if it % 100 == 0:
                with torch.no_grad():
                    run.log({"test_mse": F.mse_loss(model(*test[:2]), test[2])}, step=it)


@program()
def bits_per_character_counted_in_characters(path: Path, seed: int) -> None:
    """A small convolutional language model; its steps are characters read, its losses in bits."""
    text = inspect.getsource(textwrap) + inspect.getsource(inspect)
    chars = sorted(set(text))
    ids = torch.tensor([chars.index(c) for c in text])
    cut, g, size = int(0.9 * len(ids)), torch.Generator().manual_seed(seed), len(chars)

    class Causal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(size, 32)
            self.convs = nn.ModuleList(nn.Conv1d(32, 64, 3, dilation=2**i) for i in range(3))
            self.out = nn.Linear(32, size)

        def forward(self, ids: Tensor) -> Tensor:
            h = self.embed(ids).transpose(1, 2)
            for i, conv in enumerate(self.convs):
                h = h + F.glu(conv(F.pad(h, (2 * 2**i, 0))), 1)
            return self.out(h.transpose(1, 2))

    lm = Causal()
    opt = torch.optim.AdamW(lm.parameters(), lr=3e-3, betas=(0.9, 0.95))

    held = torch.arange(cut, len(ids) - 65, 200)[:, None] + torch.arange(65)

    def bits(at: Tensor) -> Tensor:
        return F.cross_entropy(lm(ids[at[:, :-1]]).flatten(0, 1), ids[at[:, 1:]].flatten()) / math.log(2)

    with nntui.init(path, total_steps=600 * 8 * 64) as run:
        nntui.watch(lm, opt, run)
        for update in range(1, 601):
            loss = bits(torch.randint(cut - 65, (8, 1), generator=g) + torch.arange(65))
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/bpc": loss.item()}, step=update * 8 * 64)
            if update % 50 == 0:
                with torch.no_grad():
                    run.log({"valid/bpc": bits(held)}, step=update * 8 * 64)


@program()
def horizon_of_a_neural_equation_grows(path: Path, seed: int) -> None:
    """A pendulum's equation of motion; every 250 updates it must be right for longer."""
    g = torch.Generator().manual_seed(seed)

    def swing(s: Tensor) -> Tensor:
        return torch.stack([s[..., 1], -2 * torch.sin(s[..., 0]) - 0.1 * s[..., 1]], -1)

    def rolled(f, s: Tensor, n: int, h: float = 0.15) -> Tensor:
        path_of_states = []
        for _ in range(n):
            k1 = f(s)
            s = s + h * f(s + h / 2 * k1)
            path_of_states.append(s)
        return torch.stack(path_of_states, 1)

    ode = nn.Sequential(nn.Linear(2, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 2))
    opt = torch.optim.Adam(ode.parameters(), lr=3e-3)
    held = torch.rand(64, 2, generator=g) * 3 - 1.5
    truth = rolled(swing, held, 8)
    with nntui.init(path, total_steps=750) as run:
        nntui.watch(ode, opt, run, declared=("curriculum",))
        for step in range(750):
            horizon = 2 ** (1 + step // 250)
            start = torch.rand(32, 2, generator=g) * 3 - 1.5
            loss = F.l1_loss(rolled(ode, start, horizon), rolled(swing, start, horizon))
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"loss/train": loss.item(), "horizon": horizon}, step=step)
            if step % 30 == 29:
                with torch.no_grad():
                    run.log({"loss/rollout8": F.l1_loss(rolled(ode, held, 8), truth)}, step=step)
