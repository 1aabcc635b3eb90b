"""What becomes of a gradient: updates of one's own making, and small slips in them."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from sklearn.datasets import load_wine
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program
from .programs_later_bugs import table
from .programs_later_healthy import digits_in_two


class Orthogonal(torch.optim.Optimizer):
    """Momentum, made orthogonal by five Newton-Schulz iterations."""

    def __init__(self, params, lr: float = 0.02, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                buffer = self.state[p].setdefault("momentum_buffer", torch.zeros_like(p))
                buffer.mul_(group["momentum"]).add_(p.grad)
                m = p.grad + group["momentum"] * buffer
                m = m.T if (tall := m.shape[0] > m.shape[1]) else m
                m = m / (m.norm() + 1e-7)
                for _ in range(5):
                    a = m @ m.T
                    m = 3.4445 * m + (-4.775 * a + 2.0315 * a @ a) @ m
                p.add_(m.T if tall else m, alpha=-group["lr"] * max(1, p.shape[0] / p.shape[1]) ** 0.5)


@program()
def matrices_by_orthogonal_momentum_and_the_rest_by_adam(path: Path, seed: int) -> None:
    """Each update has the same size whatever the gradient, until the rate comes down."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 10))
    hidden = [p for p in net[:4].parameters() if p.ndim == 2]
    muon = Orthogonal(hidden, lr=0.02)
    adam = torch.optim.AdamW([p for p in net.parameters() if not any(p is q for q in hidden)], lr=2e-3)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, [muon, adam], run)
        for step in range(500):
            for opt, rate in ((muon, 0.02), (adam, 2e-3)):
                opt.param_groups[0]["lr"] = rate * min(1.0, (500 - step) / 200)
            idx = torch.randint(1400, (64,))
            loss = F.cross_entropy(net(x[idx]), y[idx])
            net.zero_grad()
            loss.backward()
            muon.step()
            adam.step()
            run.log({"train/loss": loss.item(), "lr/muon": muon.param_groups[0]["lr"]}, step=step)
            if step % 125 == 124:
                with torch.no_grad():
                    out = net(vx)
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


@program()
def privacy_by_clipping_each_example_and_adding_noise(path: Path, seed: int) -> None:
    """Every gradient is clipped, always; that is the method."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 10))
    opt = torch.optim.SGD(net.parameters(), lr=0.5)

    def one(params: dict[str, Tensor], a: Tensor, b: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(net, params, (a[None],)), b[None])

    each = vmap(grad(one), in_dims=(None, 0, 0))
    with nntui.init(path, total_steps=400, config={"max_grad_norm": 0.5, "sigma": 1.0}) as run:
        nntui.watch(net, opt, run)
        for step in range(400):
            idx = torch.randint(1400, (128,))
            params = {k: v.detach() for k, v in net.named_parameters()}
            grads = each(params, x[idx], y[idx])
            size = torch.stack([v.flatten(1).norm(dim=1) for v in grads.values()]).norm(dim=0)
            share = (0.5 / size).clamp(max=1)
            for name, p in net.named_parameters():
                summed = torch.einsum("n...,n->...", grads[name], share)
                p.grad = (summed + 0.5 * torch.randn_like(p)) / 128
            opt.step()
            if step % 20 == 19:
                with torch.no_grad():
                    loss, out = F.cross_entropy(net(x[idx]), y[idx]), net(vx)
                told = {"train/loss": loss.item(), "train/clipped": (share < 1).float().mean().item()}
                told |= {
                    "test/loss": F.cross_entropy(out, vy).item(),
                    "test/acc": (out.argmax(1) == vy).float().mean().item(),
                }
                run.log(told, step=step)


@program()
def forty_steps_of_second_order_and_no_more(path: Path, seed: int) -> None:
    """LBFGS with a line search on the whole table; each step is worth a hundred others."""
    x, y, vx, vy = table(load_wine(), seed, 120)
    net = nn.Sequential(nn.Linear(13, 8), nn.Softplus(), nn.Linear(8, 3))
    opt = torch.optim.LBFGS(net.parameters(), lr=1.0, max_iter=4, line_search_fn="strong_wolfe")

    def penalised() -> Tensor:
        opt.zero_grad()
        loss = F.cross_entropy(net(x), y) + 1e-3 * sum(p.square().sum() for p in net.parameters())
        loss.backward()
        return loss

    with nntui.init(path, total_steps=40) as run:
        nntui.watch(net, opt, run)
        for i in range(40):
            loss = opt.step(penalised)
            with torch.no_grad():
                out = net(vx)
            told = {"objective": loss.item(), "test_nll": F.cross_entropy(out, vy).item()}
            run.log(told | {"test_accuracy": (out.argmax(1) == vy).float().mean().item()}, step=i + 1)


@program("live.update_ratio", "live.frozen")
def weights_that_are_kept_in_sixteen_bits(path: Path, seed: int) -> None:
    """An update of a small rate is less than half a unit in the last place of a bfloat16, and is lost."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)).bfloat16()
    opt = torch.optim.AdamW(net.parameters(), lr=5e-5)
    x, vx = x.bfloat16(), vx.bfloat16()
    with nntui.init(path, total_steps=800) as run:
        nntui.watch(net, opt, run)
        for step in range(800):
            idx = torch.randint(1400, (64,))
            loss = F.cross_entropy(net(x[idx]).float(), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 100 == 99:
                with torch.no_grad():
                    out = net(vx).float()
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


@program("live.update_ratio", "overfit.lr_decay")
def warm_up_of_ten_thousand_in_a_training_of_seven_hundred(path: Path, seed: int) -> None:
    """The number is that of the paper."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 96), nn.GELU(), nn.LayerNorm(96), nn.Linear(96, 96), nn.GELU(), nn.Linear(96, 10))
    opt = torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(opt, lambda i: min((i + 1) / 10000, ((i + 1) / 10000) ** -0.5))
    with nntui.init(path, total_steps=700) as run:
        nntui.watch(net, opt, run)
        for step in range(700):
            idx = torch.randint(1400, (64,))
            loss = F.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            schedule.step()
            run.log({"train/loss": loss.item(), "lr": opt.param_groups[0]["lr"]}, step=step)
            if step % 100 == 99:
                with torch.no_grad():
                    out = net(vx)
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


@program("live.update_ratio", "live.noise", "live.divergence", "live.spike", "regularise.activations")
def ten_small_batches_summed_and_never_divided(path: Path, seed: int) -> None:
    """The rate was found with one batch."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 10))
    opt = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9)
    with nntui.init(path, total_steps=300, config={"accumulate": 10}) as run:
        nntui.watch(net, opt, run)
        for step in range(300):
            opt.zero_grad()
            total = 0.0
            for _ in range(10):
                idx = torch.randint(1400, (8,))
                loss = F.cross_entropy(net(x[idx]), y[idx])
                loss.backward()
                total += loss.item() / 10
            opt.step()
            run.log({"train/loss": total}, step=step)
            if step % 30 == 29:
                with torch.no_grad():
                    out = net(vx)
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


class Low(nn.Module):
    """A linear layer that stays as it is, and a correction of low rank."""

    def __init__(self, base: nn.Linear, rank: int = 6) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.zeros(rank, base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + x @ self.down.T @ self.up.T


@program("live.frozen", "live.gradients")
def both_halves_of_the_adapter_begin_at_zero(path: Path, seed: int) -> None:
    """Each waits for the other; the new head learns what it can."""
    x, y, vx, vy = digits_in_two(seed)
    turned = lambda rows: rows.view(-1, 8, 8).transpose(1, 2).flatten(1)  # noqa: E731
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 12), nn.ReLU(), nn.Linear(12, 10))
    first = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(300):
        idx = torch.randint(1400, (64,))
        loss = F.cross_entropy(net(x[idx]), y[idx])
        first.zero_grad()
        loss.backward()
        first.step()
    net[0], net[2], net[4] = Low(net[0]), Low(net[2]), nn.Linear(12, 10)
    opt = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=2e-3)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, opt, run)
        for step in range(500):
            idx = torch.randint(1400, (64,))
            loss = F.cross_entropy(net(turned(x[idx])), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"tune/loss": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    out = net(turned(vx))
                told = {"tune/val_loss": F.cross_entropy(out, vy), "tune/val_acc": (out.argmax(1) == vy).float().mean()}
                run.log(told, step=step)


@program("live.frozen")
def outer_gradient_goes_to_the_copy(path: Path, seed: int) -> None:
    """Each task adapts a deep copy; the loss after adaptation is that of the copy, and so is its gradient."""
    g = torch.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
    meta = torch.optim.Adam(net.parameters(), lr=2e-3)

    def adapted(height: Tensor, phase: Tensor) -> Tensor:
        fast = copy.deepcopy(net)
        inner = torch.optim.SGD(fast.parameters(), lr=0.02)
        x = torch.rand(10, 1, generator=g) * 10 - 5
        for _ in range(3):
            inner.zero_grad()
            F.mse_loss(fast(x), height * torch.sin(x + phase)).backward()
            inner.step()
        x = torch.rand(20, 1, generator=g) * 10 - 5
        fast.zero_grad()
        return F.mse_loss(fast(x), height * torch.sin(x + phase))

    with nntui.init(path, total_steps=300) as run:
        nntui.watch(net, meta, run)
        for step in range(300):
            meta.zero_grad()
            total = 0.0
            for _ in range(4):
                loss = adapted(0.5 + 3 * torch.rand(1, generator=g), 3 * torch.rand(1, generator=g))
                (loss / 4).backward()
                total += loss.item() / 4
            meta.step()
            run.log({"meta/query_loss": total}, step=step)


class Choice(nn.Module):
    """Four experts, one for each input."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(8, 4)
        self.experts = nn.ModuleList([nn.Linear(8, 1) for _ in range(4)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        p = self.router(x).softmax(1)
        best = p.argmax(1)
        out = torch.zeros(len(x), 1)
        for i, expert in enumerate(self.experts):
            rows = best == i
            out[rows] = expert(x[rows]) * p[rows, i, None]
        return out, (F.one_hot(best, 4).float().mean(0) * p.mean(0)).sum() * 4


@program("live.frozen", "live.gradients", "regularise.activations")
def balance_of_the_experts_is_rewarded_with_the_wrong_sign(path: Path, seed: int) -> None:
    """One of them gets everything; the other three are there for nothing."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(3000, 8, generator=g)
    quarter = (x[:, 0] > 0).long() * 2 + (x[:, 1] > 0)
    y = (x * torch.randn(4, 8, generator=g)[quarter]).sum(1, keepdim=True)
    net = Choice()
    opt = torch.optim.Adam(net.parameters(), lr=8e-3)
    with nntui.init(path, total_steps=700) as run:
        nntui.watch(net, opt, run)
        for step in range(700):
            idx = torch.randint(2500, (64,), generator=g)
            out, balance = net(x[idx])
            mse = F.mse_loss(out, y[idx])
            opt.zero_grad()
            (mse - 2.0 * balance).backward()
            opt.step()
            run.log({"train/mse": mse.item(), "train/balance": balance.item()}, step=step)
            if step % 70 == 69:
                with torch.no_grad():
                    run.log({"val/mse": F.mse_loss(net(x[2500:])[0], y[2500:]).item()}, step=step)
