"""Equations and graphs: what follows from a law, or from one's neighbours, and what does not."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program


@program()
def energy_whose_slope_is_the_motion(path: Path, seed: int) -> None:
    """A Hamiltonian is learned by its derivatives; it has no unit, and its outputs may drift together."""
    g = torch.Generator().manual_seed(seed)
    state = (torch.rand(1500, 2, generator=g) - 0.5) * torch.tensor([5.0, 3.0])
    motion = torch.stack([state[:, 1], -torch.sin(state[:, 0])], 1) + 0.05 * torch.randn(1500, 2, generator=g)
    net = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
    opt = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-5)

    def moved(s: Tensor) -> Tensor:
        s = s.detach().requires_grad_()
        (slope,) = torch.autograd.grad(net(s).sum(), s, create_graph=True)
        return torch.stack([slope[:, 1], -slope[:, 0]], 1)

    with nntui.init(path, total_steps=600) as run:
        nntui.watch(net, opt, run)
        for step in range(600):
            idx = torch.randint(1200, (100,), generator=g)
            loss = (moved(state[idx]) - motion[idx]).square().mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"loss": loss.item()}, step=step)
            if step % 200 == 199:
                s = torch.tensor([[1.5, 0.0]])
                for _ in range(100):
                    s = s + 0.02 * moved(s + 0.01 * moved(s)).detach()
                drift = (0.5 * s[0, 1] ** 2 - s[0, 0].cos() + math.cos(1.5)).abs().item()
                held = (moved(state[1200:]) - motion[1200:]).square().mean().item()
                run.log({"held_out": held, "energy_drift": drift}, step=step)


@program()
def communities_found_by_their_edges_alone(path: Path, seed: int) -> None:
    """A graph autoencoder: nine pairs in ten have no edge, so that the loss has little to fall."""
    g = torch.Generator().manual_seed(seed)
    group = torch.arange(160) % 4
    chance = torch.where(group[:, None] == group, 0.28, 0.02)
    upper = (torch.rand(160, 160, generator=g) < chance).triu(1)
    hidden = upper & (torch.rand(160, 160, generator=g) < 0.1)
    none = (~upper).triu(1).nonzero()
    a = (upper & ~hidden).float()
    a = a + a.T + torch.eye(160)
    norm = a / a.sum(1, keepdim=True).sqrt() / a.sum(0).sqrt()
    names, second = nn.Embedding(160, 24), nn.Linear(24, 8)
    opt = torch.optim.Adam([*names.parameters(), *second.parameters()], lr=1e-2)

    def embedded() -> Tensor:
        return norm @ second(F.relu(norm @ names.weight))

    with nntui.init(path, total_steps=250) as run:
        nntui.watch(nn.ModuleList([names, second]), opt, run)
        for epoch in range(250):
            z = embedded()
            loss = F.binary_cross_entropy_with_logits(z @ z.T - 1, a, pos_weight=torch.tensor(3.0))
            opt.zero_grad()
            loss.backward()
            opt.step()
            told = {"recon": loss.item()}
            if epoch % 10 == 9:
                with torch.no_grad():
                    z = embedded()
                yes, no = ((z[p[:, 0]] * z[p[:, 1]]).sum(1) for p in (hidden.nonzero(), none))
                told["link_auc"] = (yes[:, None] > no).float().mean().item()
            run.log(told, step=epoch)


@program("live.contradiction")
def equation_without_its_boundary(path: Path, seed: int) -> None:
    """The weight of the border is read from a key that is not there; nothing is a solution, and is found."""
    config = {"lr": 2e-3, "border_weight": 20.0}
    net = nn.Sequential(nn.Linear(2, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1))
    opt = torch.optim.Adam(net.parameters(), lr=config["lr"])
    grid = torch.cartesian_prod(torch.linspace(0, 1, 25), torch.linspace(0, 1, 25))
    truth = torch.sin(math.pi * grid[:, :1]) * torch.exp(-(math.pi**2) * 0.1 * grid[:, 1:])
    weight = config.get("boundary_weight", 0.0)
    with nntui.init(path, total_steps=500, config=config) as run:
        nntui.watch(net, opt, run)
        for step in range(500):
            inside = torch.rand(100, 2).requires_grad_()
            u = net(inside)
            du = torch.autograd.grad(u.sum(), inside, create_graph=True)[0]
            dxx = torch.autograd.grad(du[:, 0].sum(), inside, create_graph=True)[0][:, 0]
            residual = (du[:, 1] - 0.1 * dxx).square().mean()
            r = torch.rand(60, 1)
            zero, sides = torch.zeros(60, 1), torch.randint(2, (60, 1)).float()
            border = (net(torch.cat([r, zero], 1)) - torch.sin(math.pi * r)).square().mean()
            border = border + net(torch.cat([sides, r], 1)).square().mean()
            loss = residual + weight * border
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"pde/loss": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    error = ((net(grid) - truth).norm() / truth.norm()).item()
                run.log({"pde/relative_error": error}, step=step)


@program("live.collapse", "live.gradients", "live.underfitting")
def sixteen_rounds_of_messages_until_all_nodes_are_one(path: Path, seed: int) -> None:
    """Each round averages over the neighbours, and nothing of a node itself is kept."""
    g = torch.Generator().manual_seed(seed)
    label = torch.arange(300) % 3
    x = F.one_hot(label, 3).float() @ torch.randn(3, 12, generator=g) + 1.2 * torch.randn(300, 12, generator=g)
    a = (torch.rand(300, 300, generator=g) < torch.where(label[:, None] == label, 0.06, 0.015)).triu(1).float()
    a = a + a.T + torch.eye(300)
    a = a / a.sum(1, keepdim=True).sqrt() / a.sum(0).sqrt()
    rounds = 16
    layers = nn.ModuleList([nn.Linear(12 if i == 0 else 24, 24) for i in range(rounds)])
    net = nn.ModuleDict({"layers": layers, "head": nn.Linear(24, 3)})
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    order = torch.randperm(300, generator=g)
    train, held = order[:150], order[150:]

    def out() -> Tensor:
        h = x
        for layer in layers:
            h = F.relu(a @ layer(h))
        return net["head"](h)

    with nntui.init(path, total_steps=250) as run:
        nntui.watch(net, opt, run)
        for epoch in range(250):
            logits = out()
            loss = F.cross_entropy(logits[train], label[train])
            opt.zero_grad()
            loss.backward()
            opt.step()
            told = {"train_loss": loss.item()}
            if epoch % 10 == 9:
                with torch.no_grad():
                    logits = out()[held]
                told |= {"val_loss": F.cross_entropy(logits, label[held]).item()}
                told |= {"val_acc": (logits.argmax(1) == label[held]).float().mean().item()}
                run.predictions(logits[:30], targets=label[held][:30] if epoch == 9 else None, step=epoch)
            run.log(told, step=epoch)
