"""Signals, fields and agents: codes, futures, filters, one constant of nature, a game of chance."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program


class Codes(nn.Module):
    """Digits through one of 32 codes for each of four parts; the codes are averages, not parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
        self.dec = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64))
        self.register_buffer("codes", torch.randn(32, 4) * 0.5)
        self.register_buffer("used", torch.zeros(32))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = self.enc(x).view(-1, 4)
        idx = torch.cdist(z, self.codes).argmin(1)
        q = self.codes[idx]
        return self.dec((z + (q - z).detach()).view(-1, 16)), z, idx

    @torch.no_grad()
    def follow(self, z: Tensor, idx: Tensor) -> None:
        hot = F.one_hot(idx, 32).float()
        count = hot.sum(0)
        rows = count > 0
        self.codes[rows] += 0.1 * ((hot.T @ z)[rows] / count[rows, None] - self.codes[rows])
        self.used.mul_(0.9).add_(count)

    @torch.no_grad()
    def reborn(self, rows: Tensor, z: Tensor) -> None:
        self.codes[rows] = z[torch.randint(len(z), (int(rows.sum()),))]
        self.used[rows] = 10.0


def train_codes(path: Path, seed: int, dead) -> None:
    """Every twentieth update the codes that are called dead are put where an example is."""
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(seed))
    x = torch.tensor(load_digits().data, dtype=torch.float32)[order] / 16
    net = Codes()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    with nntui.init(path, total_steps=800) as run:
        nntui.watch(net, opt, run)
        for step in range(800):
            batch = x[torch.randint(1400, (64,))]
            out, z, idx = net(batch)
            mse = F.mse_loss(out, batch)
            loss = mse + 0.05 * F.mse_loss(z, net.codes[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            net.follow(z.detach(), idx)
            if step % 20 == 19:
                net.reborn(dead(net.used), z.detach())
            run.log(
                {"train/loss": loss.item(), "train/mse": mse.item(), "codes/used": (net.used > 1).sum().item()},
                step=step,
            )
            if step % 80 == 79:
                with torch.no_grad():
                    run.log({"val/mse": F.mse_loss(net(x[1400:])[0], x[1400:]).item()}, step=step)


@program()
def codes_that_nobody_uses_are_put_where_an_example_is(path: Path, seed: int) -> None:
    """Each rebirth changes what the decoder is given."""
    train_codes(path, seed, lambda used: used < 1)


@program("live.spike", "live.plateau", "live.underfitting", "live.noise")
def codes_that_everybody_uses_are_the_ones_reborn(path: Path, seed: int) -> None:
    """The comparison is the wrong way round."""
    train_codes(path, seed, lambda used: used > 1)


class Future(nn.Module):
    """A summary of what was, and a guess at a code of what comes four ticks later."""

    def __init__(self) -> None:
        super().__init__()
        self.code = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 12))
        self.summary, self.guess = nn.GRU(12, 24, batch_first=True), nn.Linear(24, 12)

    def forward(self, x: Tensor) -> Tensor:
        z = self.code(x)
        return self.guess(self.summary(z[:, :-4])[0][:, -1]) @ z[:, -1].T


@program()
def one_future_among_those_of_sixty_four_others(path: Path, seed: int) -> None:
    """Begins at the logarithm of 64; without any evaluation."""
    g = torch.Generator().manual_seed(seed)
    mixing = torch.randn(4, 6, generator=g)
    net = Future()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, opt, run)
        for step in range(500):
            rate = 0.1 + 0.6 * torch.rand(64, 1, 2, generator=g)
            phase = torch.arange(16)[None, :, None] * rate + 6.28 * torch.rand(64, 1, 2, generator=g)
            x = torch.cat([phase.sin(), phase.cos()], 2) @ mixing + 0.3 * torch.randn(64, 16, 6, generator=g)
            scores = net(x)
            loss = F.cross_entropy(scores, torch.arange(64))
            opt.zero_grad()
            loss.backward()
            opt.step()
            hit = (scores.argmax(1) == torch.arange(64)).float().mean().item()
            run.log({"cpc/info_nce": loss.item(), "cpc/hit": hit}, step=step)


class Sine(nn.Module):
    """sin(30 (Wx + b)), begun as its authors do."""

    def __init__(self, fan_in: int, fan_out: int, *, first: bool = False, frequency: float = 30.0) -> None:
        super().__init__()
        self.linear, self.frequency = nn.Linear(fan_in, fan_out), frequency
        bound = 1 / fan_in if first else math.sqrt(6 / fan_in) / frequency
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.frequency * self.linear(x))


def picture(seed: int) -> tuple[Tensor, Tensor]:
    """Places in a square and a smooth picture at them."""
    axis = torch.linspace(-1, 1, 48)
    where = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(-1, 2)
    shift = seed * 0.1
    value = torch.sin(5 * where[:, 0] + shift) * torch.cos(4 * where[:, 1]) + (where.norm(dim=1) < 0.5).float()
    return where, value[:, None]


@program()
def picture_as_a_sum_of_sines_of_sines(path: Path, seed: int) -> None:
    """The same 2304 places in every update; gradients are large, nothing is ever evaluated, only decibels are told."""
    where, value = picture(seed)
    net = nn.Sequential(Sine(2, 64, first=True), Sine(64, 64), nn.Linear(64, 1))
    nn.init.uniform_(net[-1].weight, -0.01, 0.01)
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    with nntui.init(path, total_steps=400) as run:
        nntui.watch(net, opt, run)
        for step in range(400):
            mse = F.mse_loss(net(where), value)
            opt.zero_grad()
            mse.backward()
            opt.step()
            run.log({"mse": mse.item(), "psnr": -10 * math.log10(mse.item() / 4)}, step=step)


@program("regularise.early_stop", "overfit.lr_decay", "live.few_examples")
def every_other_pixel_by_a_frequency_of_three_hundred(path: Path, seed: int) -> None:
    """What lies between the pixels it has seen is noise."""
    where, value = picture(seed)
    order = torch.randperm(len(where), generator=torch.Generator().manual_seed(seed))
    seen, rest = order[:1152], order[1152:]
    sizes = [Sine(2, 64, first=True, frequency=300.0), Sine(64, 64, frequency=300.0), nn.Linear(64, 1)]
    net = nn.Sequential(*sizes)
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, opt, run)
        for step in range(500):
            mse = F.mse_loss(net(where[seen]), value[seen])
            opt.zero_grad()
            mse.backward()
            opt.step()
            run.log({"train/mse": mse.item()}, step=step)
            if step % 25 == 24:
                with torch.no_grad():
                    run.log({"val/mse": F.mse_loss(net(where[rest]), value[rest]).item()}, step=step)


@program()
def length_and_friction_of_a_pendulum(path: Path, seed: int) -> None:
    """Two numbers, found through the solver of its motion; the loss falls by many orders of magnitude."""
    g = torch.Generator().manual_seed(seed)

    def motion(stiffness: Tensor, friction: Tensor) -> Tensor:
        angle, speed, seen = torch.tensor([0.3, 0.8, 1.2, 1.6]), torch.zeros(4), []
        for _ in range(40):
            speed = speed + 0.05 * (-stiffness * torch.sin(angle) - friction * speed)
            angle = angle + 0.05 * speed
            seen.append(angle)
        return torch.stack(seen)

    truth = motion(torch.tensor(9.81), torch.tensor(0.5)) + 0.002 * torch.randn(40, 4, generator=g)
    net = nn.ParameterDict({"stiffness": torch.tensor(6.0), "friction": torch.tensor(0.05)})
    opt = torch.optim.Adam(net.parameters(), lr=0.08)
    with nntui.init(path, total_steps=250) as run:
        nntui.watch(net, opt, run)
        for step in range(250):
            loss = (motion(net["stiffness"], net["friction"]) - truth).square().mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"residual": loss.item(), "stiffness": net["stiffness"].item()}, step=step)


@program()
def echo_of_a_room_that_is_changed_in_the_middle(path: Path, seed: int) -> None:
    """Normalised least mean squares; what was learned is worth nothing once somebody opens the door."""
    g = torch.Generator().manual_seed(seed)
    decay = 0.8 ** torch.arange(16.0)
    rooms = [torch.randn(16, generator=g) * decay for _ in range(2)]
    taps = nn.Linear(16, 1, bias=False)
    nn.init.zeros_(taps.weight)
    opt = torch.optim.SGD(taps.parameters(), lr=0.5)
    history = torch.zeros(16)
    with nntui.init(path, total_steps=3000) as run:
        nntui.watch(taps, opt, run)
        power = 0.0
        for step in range(3000):
            history = torch.cat([torch.randn(1, generator=g) + 0.6 * history[:1], history[:-1]])
            heard = history @ rooms[step >= 1500] + 0.05 * torch.randn((), generator=g)
            error = heard - taps(history)[0]
            opt.zero_grad()
            (0.5 * error**2 / (history @ history + 1e-3)).backward()
            opt.step()
            power = 0.95 * power + 0.05 * error.item() ** 2
            if step % 10 == 9:
                run.log(
                    {"residual_power": power, "erle_db": 10 * math.log10(heard.item() ** 2 / error.item() ** 2 + 1e-9)},
                    step=step,
                )


@program()
def entropy_that_is_paid_for_less_and_less(path: Path, seed: int) -> None:
    """Actor and critic in a walk of eight cells with slips; what is called a loss goes wherever it likes."""
    g = torch.Generator().manual_seed(seed)
    actor, critic = nn.Linear(8, 2), nn.Linear(8, 1)
    opt = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=0.02)
    where = torch.zeros(16, dtype=torch.long)
    with nntui.init(path, total_steps=600) as run:
        nntui.watch(nn.ModuleDict({"actor": actor, "critic": critic}), opt, run)
        for step in range(600):
            states, actions, rewards, ends = [], [], [], []
            for _ in range(8):
                p = actor(F.one_hot(where, 8).float()).softmax(1).detach()
                a = torch.multinomial(p, 1, generator=g)[:, 0]
                move = torch.where(torch.rand(16, generator=g) < 0.1, 1 - a, a) * 2 - 1
                there = (where + move).clamp(0, 7)
                end = there == 7
                states.append(where), actions.append(a), ends.append(end.float())
                rewards.append(end.float() - 0.02)
                where = torch.where(end, 0, there)
            s = F.one_hot(torch.stack(states), 8).float()
            ret, returns = critic(F.one_hot(where, 8).float())[:, 0].detach(), []
            for r, e in zip(reversed(rewards), reversed(ends), strict=True):
                returns.insert(0, ret := r + 0.95 * (1 - e) * ret)
            value, pi = critic(s)[..., 0], torch.distributions.Categorical(logits=actor(s))
            gain = torch.stack(returns) - value
            entropy = pi.entropy().mean()
            policy = -(pi.log_prob(torch.stack(actions)) * gain.detach()).mean()
            loss = policy + 0.5 * gain.square().mean() - 0.1 * (1 - step / 600) * entropy
            opt.zero_grad()
            loss.backward()
            opt.step()
            told = {
                "loss/policy": policy.item(),
                "loss/value": gain.square().mean().item(),
                "policy/entropy": entropy.item(),
            }
            run.log(told | {"reward/mean": torch.stack(rewards).mean().item()}, step=step)
