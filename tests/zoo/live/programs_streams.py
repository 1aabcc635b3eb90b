"""What changes under way: streams, noise on purpose, methods that look at the curvature, networks that grow or stop."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program
from .programs_later_bugs import table
from .programs_later_healthy import digits_in_two


@program()
def prices_that_drift_are_learned_one_at_a_time(path: Path, seed: int) -> None:
    """Each example is seen once, predicted first; the error never goes below the noise and the drift."""
    g = torch.Generator().manual_seed(seed)
    truth, model = torch.randn(6, generator=g) * 2, nn.Linear(6, 1)
    opt = torch.optim.SGD(model.parameters(), lr=0.03)
    run = nntui.init(path, total_steps=2000)
    nntui.watch(model, opt, run)
    for step in range(2000):
        truth += 0.03 * torch.randn(6, generator=g)
        x = torch.randn(1, 6, generator=g)
        price = (x @ truth)[:, None] + 0.7 * torch.randn(1, 1, generator=g)
        error = F.mse_loss(model(x), price)
        opt.zero_grad()
        error.backward()
        opt.step()
        run.log({"prequential/squared_error": error.item()}, step=step)
    run.finish()


@program()
def langevin_noise_in_every_gradient(path: Path, seed: int) -> None:
    """A sampler of the posterior: after a while the energy only wanders, and the mean of the samples predicts."""
    x, y, vx, vy = table(load_breast_cancer(), seed, 400)
    net = nn.Sequential(nn.Linear(30, 10), nn.Tanh(), nn.Linear(10, 2))
    opt = torch.optim.SGD(net.parameters(), lr=2e-4)
    mean, samples = torch.zeros(len(vx), 2), 0
    with nntui.init(path, total_steps=1500, config={"burn_in": 300, "temperature": 1.0}) as run:
        nntui.watch(net, opt, run)
        for step in range(1500):
            idx = torch.randint(400, (50,))
            energy = F.cross_entropy(net(x[idx]), y[idx], reduction="sum") * 8
            energy = energy + 0.5 * sum(p.square().sum() for p in net.parameters())
            opt.zero_grad()
            energy.backward()
            for p in net.parameters():
                p.grad += torch.randn_like(p) * math.sqrt(2 / 2e-4)
            opt.step()
            run.log({"energy": energy.item()}, step=step)
            if step >= 300 and step % 20 == 0:
                with torch.no_grad():
                    mean, samples = mean + net(vx).softmax(1), samples + 1
                p = mean / samples
                told = {
                    "posterior/nll": F.nll_loss(p.log(), vy),
                    "posterior/accuracy": (p.argmax(1) == vy).float().mean(),
                }
                run.log(told, step=step)


class Kronecker(torch.optim.Optimizer):
    """Each layer's gradient between the inverses of two covariances, as K-FAC has it."""

    def __init__(self, layers: list[nn.Linear], lr: float, damping: float) -> None:
        super().__init__([p for layer in layers for p in layer.parameters()], {"lr": lr, "damping": damping})
        self.seen: dict[nn.Module, list[Tensor]] = {layer: [] for layer in layers}
        self.cov: dict[nn.Module, list[Tensor]] = {}
        for layer in layers:
            layer.register_forward_pre_hook(
                lambda m, args: self.seen[m].append(args[0].detach()) if m.training else None
            )
            layer.register_full_backward_hook(lambda m, _, out: self.seen[m].append(out[0].detach()))

    @torch.no_grad()
    def step(self, closure=None) -> None:
        lr, damping = self.param_groups[0]["lr"], self.param_groups[0]["damping"]
        for layer, (a, b) in self.seen.items():
            a = torch.cat([a, torch.ones(len(a), 1)], 1)
            now = [a.T @ a / len(a), b.T @ b * len(b)]
            old = self.cov.get(layer, now)
            self.cov[layer] = [0.95 * o + 0.05 * n for o, n in zip(old, now, strict=True)]
            left, right = ((c + damping * torch.eye(len(c))) for c in self.cov[layer])
            joint = torch.cat([layer.weight.grad, layer.bias.grad[:, None]], 1)
            joint = torch.linalg.solve(right, torch.linalg.solve(left, joint.T).T)
            joint *= min(1.0, 1.0 / (joint.norm().item() + 1e-9))
            layer.weight -= lr * joint[:, :-1]
            layer.bias -= lr * joint[:, -1]
            self.seen[layer].clear()


@program()
def curvature_in_kronecker_factors_and_a_rate_of_three_tenths(path: Path, seed: int) -> None:
    """Most of it is done after twenty updates."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    opt = Kronecker([net[0], net[2]], lr=0.3, damping=0.03)
    with nntui.init(path, total_steps=200) as run:
        nntui.watch(net, opt, run)
        for step in range(200):
            idx = torch.randint(1400, (200,))
            loss = F.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"loss": loss.item()}, step=step)
            if step % 10 == 9:
                net.eval()
                with torch.no_grad():
                    out = net(vx)
                net.train()
                run.log(
                    {"val_loss": F.cross_entropy(out, vy), "val_acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


@program()
def network_that_is_widened_twice_without_forgetting(path: Path, seed: int) -> None:
    """Units are copied and their outgoing weights halved; the optimizer is a new one each time."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))
    step = 0
    with nntui.init(path, total_steps=750) as run:
        for stage in range(3):
            if stage:
                wide = nn.Sequential(nn.Linear(64, 8 * 2**stage), nn.ReLU(), nn.Linear(8 * 2**stage, 10))
                with torch.no_grad():
                    wide[0].weight.copy_(torch.cat([net[0].weight] * 2) + 0.02 * torch.randn(8 * 2**stage, 64))
                    wide[0].bias.copy_(torch.cat([net[0].bias] * 2))
                    wide[2].weight.copy_(torch.cat([net[2].weight] * 2, 1) / 2)
                    wide[2].bias.copy_(net[2].bias)
                net = wide
            opt = torch.optim.Adam(net.parameters(), lr=4e-3)
            with nntui.watch(net, opt, run):
                for _ in range(250):
                    idx = torch.randint(1400, (64,))
                    loss = F.cross_entropy(net(x[idx]), y[idx])
                    opt.zero_grad()
                    loss.backward()
                    opt.step()
                    run.log({"train/loss": loss.item(), "units": 8 * 2**stage}, step=step)
                    if step % 50 == 49:
                        with torch.no_grad():
                            out = net(vx)
                        told = {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}
                        run.log(told, step=step)
                    step += 1


@program()
def everything_first_and_for_the_second_half_the_head_alone(path: Path, seed: int) -> None:
    """The body is frozen at half time; the classes are balanced anew in what remains."""
    x, y, vx, vy = digits_in_two(seed)
    few = (y < 5) | (torch.rand(1400) < 0.15)
    tx, ty = x[few], y[few]
    body, head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()), nn.Linear(32, 10)
    net = nn.Sequential(body, head)
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.0)
    share = torch.bincount(ty, minlength=10).float()
    with nntui.init(path, total_steps=800) as run:
        nntui.watch(net, opt, run)
        for step in range(800):
            if step == 400:
                body.requires_grad_(False)
            even = torch.multinomial(1 / share[ty], 64, replacement=True)
            idx = torch.randint(len(ty), (64,)) if step < 400 else even
            loss = F.cross_entropy(net(tx[idx]), ty[idx])
            opt.zero_grad(set_to_none=True)
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 80 == 79:
                with torch.no_grad():
                    out = net(vx)
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


@program()
def rate_of_one_with_every_gradient_cut_to_a_tenth(path: Path, seed: int) -> None:
    """The clip is what sets the size of a step; the rate falls to a hundredth at the end."""
    x, y, vx, vy = table(load_wine(), seed, 130)
    net = nn.Sequential(nn.Linear(13, 24), nn.GELU(), nn.Linear(24, 3))
    opt = torch.optim.SGD(net.parameters(), lr=1.0)
    with nntui.init(path, total_steps=400, config={"lr": 1.0, "clip": 0.1}) as run:
        nntui.watch(net, opt, run)
        for step in range(400):
            opt.param_groups[0]["lr"] = lr = 10 ** (-2 * step / 400)
            idx = torch.randint(130, (16,))
            loss = F.cross_entropy(net(x[idx]), y[idx], label_smoothing=0.1)
            opt.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(net.parameters(), 0.1)
            opt.step()
            told = {"loss": loss.item(), "grad_norm": norm.item(), "lr": lr}
            with torch.no_grad():
                out = net(vx)
            told |= {
                "val_loss": F.cross_entropy(out, vy).item(),
                "val_acc": (out.argmax(1) == vy).float().mean().item(),
            }
            run.log(told, step=step)


@program("live.underfitting", "live.update_ratio", "live.frozen", "live.plateau")
def slow_weights_that_are_never_moved(path: Path, seed: int) -> None:
    """Lookahead returns to the first weights each fifth update; half of what was learned is lost each time."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    slow = [p.detach().clone() for p in net.parameters()]
    opt = torch.optim.SGD(net.parameters(), lr=0.05)
    with nntui.init(path, total_steps=700) as run:
        nntui.watch(net, opt, run)
        for step in range(700):
            idx = torch.randint(1400, (64,))
            loss = F.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            if step % 5 == 4:
                with torch.no_grad():
                    for p, q in zip(net.parameters(), slow, strict=True):
                        p.copy_(q + 0.5 * (p - q))
            run.log({"train/loss": loss.item()}, step=step)
            if step % 70 == 69:
                with torch.no_grad():
                    out = net(vx)
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


@program("overfit.lr_decay", "live.update_ratio", "live.frozen", "live.underfitting")
def remaining_share_by_a_division_of_integers(path: Path, seed: int) -> None:
    """Of 500 updates in 500 there remains one for the first and none for the others."""
    x, y, vx, vy = table(load_iris(), seed, 110)
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(opt, lambda i: (500 - i) // 500)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, opt, run)
        for step in range(500):
            idx = torch.randint(110, (32,))
            loss = F.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            schedule.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    out = net(vx)
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


@program("live.noise", "live.spike", "live.divergence", "live.update_ratio")
def noise_of_the_gradient_that_grows_instead_of_fading(path: Path, seed: int) -> None:
    """The exponent of the paper has a minus."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    with nntui.init(path, total_steps=800) as run:
        nntui.watch(net, opt, run)
        for step in range(800):
            idx = torch.randint(1400, (64,))
            loss = F.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            for p in net.parameters():
                p.grad += torch.randn_like(p) * math.sqrt(0.01 * (1 + step) ** 0.55)
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    out = net(vx)
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )
