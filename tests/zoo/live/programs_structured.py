"""Programs about graphs, pairs, embeddings, densities and equations, as different people write them."""

from __future__ import annotations

import argparse
import collections
import inspect
import math
import re
import textwrap
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import nntui

from .loop import program


def flat_digits(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    found = load_digits()
    x, y = torch.tensor(found.data, dtype=torch.float32) / 16, torch.tensor(found.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return x[order[:1200]], y[order[:1200]], x[order[1200:]], y[order[1200:]]


@torch.no_grad()
def neighbour_accuracy(net: nn.Module, known: tuple[Tensor, Tensor], asked: tuple[Tensor, Tensor]) -> float:
    """How often the nearest of the known ones has the same label."""
    nearest = torch.cdist(net(asked[0]), net(known[0])).argmin(1)
    return (known[1][nearest] == asked[1]).float().mean().item()


# --- healthy ------------------------------------------------------------------------------------


class GraphConvolution(nn.Module):
    def __init__(self, a: int, b: int) -> None:
        super().__init__()
        self.linear = nn.Linear(a, b)

    def forward(self, adjacency: Tensor, h: Tensor) -> Tensor:
        return adjacency @ self.linear(h)


class GCN(nn.Module):
    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.one, self.two = GraphConvolution(features, 24), GraphConvolution(24, classes)
        self.drop = nn.Dropout(0.5)

    def forward(self, adjacency: Tensor, x: Tensor) -> Tensor:
        return self.two(adjacency, self.drop(torch.relu(self.one(adjacency, self.drop(x)))))


@program()
def graph_network_with_few_labelled_nodes(path: Path, seed: int) -> None:
    """Full batches of 400 nodes in four communities, forty of them labelled."""
    rng = torch.Generator().manual_seed(seed)
    label = torch.arange(400) % 4
    chance = torch.where(label[:, None] == label[None], 0.06, 0.02)
    edges = (torch.rand(400, 400, generator=rng) < chance).triu(1).float()
    a = edges + edges.T + torch.eye(400)
    degree = a.sum(1)
    a = a / (degree[:, None] * degree[None]).sqrt()
    x = torch.randn(4, 16, generator=rng)[label] * 0.6 + torch.randn(400, 16, generator=rng)
    train, val, test = torch.randperm(400, generator=rng).split([40, 160, 200])
    model = GCN(16, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-3)
    with nntui.init(path, total_steps=300) as run:
        nntui.watch(model, optimizer, run)
        for epoch in range(300):
            model.train()
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(a, x)[train], label[train])
            loss.backward()
            optimizer.step()
            run.log({"loss/train": loss.item()}, step=epoch)
            if epoch % 10 == 9:
                model.eval()
                with torch.no_grad():
                    out = model(a, x)
                held = nn.functional.cross_entropy(out[val], label[val]).item()
                accuracy = (out[val].argmax(1) == label[val]).float().mean().item()
                run.log({"loss/val": held, "accuracy/val": accuracy}, step=epoch)
        model.eval()
        accuracy = (model(a, x)[test].argmax(1) == label[test]).float().mean().item()
        run.log({"accuracy/test": accuracy}, step=299)


class UnitEmbedding(nn.Module):
    def __init__(self, size: int = 16) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, size))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.normalize(self.net(x), dim=1)


@program()
def triplets_of_digits(path: Path, seed: int) -> None:
    """Soon most triplets are far apart, and most batches have next to no loss."""
    rng = torch.Generator().manual_seed(seed)
    x, y, vx, vy = flat_digits(seed)
    members = [(y == k).nonzero().squeeze(1) for k in range(10)]
    net = UnitEmbedding()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    criterion = nn.TripletMarginLoss(margin=0.3)

    def pick(labels: Tensor) -> Tensor:
        return torch.stack([m[torch.randint(len(m), (), generator=rng)] for m in (members[k] for k in labels.tolist())])

    with nntui.init(path, config={"margin": 0.3}, total_steps=600) as run:
        nntui.watch(net, opt, run, declared=("contrastive",))
        for step in range(600):
            label = torch.randint(0, 10, (24,), generator=rng)
            other = (label + torch.randint(1, 10, (24,), generator=rng)) % 10
            anchor, positive, negative = (net(x[pick(part)]) for part in (label, label, other))
            loss = criterion(anchor, positive, negative)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/triplet_loss": loss.item()}, step=step)
            if step % 50 == 49:
                run.log({"val/recall_at_1": neighbour_accuracy(net, (x, y), (vx, vy))}, step=step)


@program()
def poisson_equation_by_a_physics_informed_loss(path: Path, seed: int) -> None:
    """u'' = -pi^2 sin(pi x) between -1 and 1, zero at both ends; there is no data and no validation."""
    rng = torch.Generator().manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)
    )
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.ExponentialLR(opt, 0.9985)
    ends, grid = torch.tensor([[-1.0], [1.0]]), torch.linspace(-1, 1, 200)[:, None]
    with nntui.init(path, total_steps=1500) as run:
        nntui.watch(net, opt, run, scheduler=sched)
        for it in range(1500):
            x = (2 * torch.rand(64, 1, generator=rng) - 1).requires_grad_()
            u = net(x)
            du = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
            d2u = torch.autograd.grad(du.sum(), x, create_graph=True)[0]
            pde = (d2u + math.pi**2 * torch.sin(math.pi * x)).square().mean()
            boundary = net(ends).square().mean()
            loss = pde + 20 * boundary
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
            run.log({"loss": loss.item(), "loss_pde": pde.item(), "loss_bc": boundary.item()}, step=it)
            if it % 100 == 99:
                with torch.no_grad():
                    error = (net(grid) - torch.sin(math.pi * grid)).square().mean().sqrt()
                run.log({"l2_error": error.item()}, step=it)


@program()
def skip_gram_on_the_source_of_python(path: Path, seed: int) -> None:
    """Negative sampling; begins at six times log 2, logs each tenth update, and has no validation."""
    rng = torch.Generator().manual_seed(seed)
    text = "".join(inspect.getsource(module) for module in (argparse, textwrap, inspect))
    words = re.findall(r"[a-z_]+", text.lower())
    common = [word for word, _ in collections.Counter(words).most_common(400)]
    number = {word: i for i, word in enumerate(common)}
    ids = torch.tensor([number[word] for word in words if word in number])
    noise = torch.bincount(ids, minlength=400).float() ** 0.75

    class SkipGram(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.centre, self.context = nn.Embedding(400, 32), nn.Embedding(400, 32)
            nn.init.uniform_(self.centre.weight, -0.5 / 32, 0.5 / 32)
            nn.init.zeros_(self.context.weight)

        def forward(self, word: Tensor, around: Tensor) -> Tensor:
            return (self.centre(word)[:, None] * self.context(around)).sum(-1)

    model = SkipGram()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    total = 0.0
    with nntui.init(path, total_steps=1200, config={"dim": 32, "negatives": 5}) as run:
        nntui.watch(model, optimizer, run)
        for step in range(1, 1201):
            at = torch.randint(3, len(ids) - 3, (256,), generator=rng)
            shift = torch.randint(1, 4, (256,), generator=rng) * (2 * torch.randint(0, 2, (256,), generator=rng) - 1)
            negatives = torch.multinomial(noise, 256 * 5, replacement=True, generator=rng).view(256, 5)
            score = model(ids[at], torch.cat([ids[at + shift][:, None], negatives], 1))
            loss = -(nn.functional.logsigmoid(score[:, 0]) + nn.functional.logsigmoid(-score[:, 1:]).sum(1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            if step % 10 == 0:
                run.log({"loss": total / 10}, step=step)
                total = 0.0


@program()
def mixture_density_of_an_inverse_problem(path: Path, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    t = torch.rand(3000, 1, generator=rng)
    x = t + 0.3 * torch.sin(2 * math.pi * t) + 0.03 * torch.randn(3000, 1, generator=rng)
    mdn = nn.Sequential(nn.Linear(1, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 15))
    optimizer = torch.optim.Adam(mdn.parameters(), lr=4e-3)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1000)

    def nll(x: Tensor, t: Tensor) -> Tensor:
        weight, mean, log_std = mdn(x).chunk(3, 1)
        each = torch.distributions.Normal(mean, log_std.clamp(-5, 3).exp()).log_prob(t)
        return -torch.logsumexp(weight.log_softmax(1) + each, 1).mean()

    with nntui.init(path, total_steps=1000) as run:
        nntui.watch(mdn, optimizer, run, scheduler=cosine)
        for step in range(1000):
            rows = torch.randint(0, 2500, (100,), generator=rng)
            loss = nll(x[rows], t[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(mdn.parameters(), 10.0)
            optimizer.step()
            cosine.step()
            run.log({"train/nll": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    run.log({"val/nll": nll(x[2500:], t[2500:]).item()}, step=step)


# --- bugs ---------------------------------------------------------------------------------------


@program("live.collapse")
def only_pairs_that_are_alike(path: Path, seed: int) -> None:
    """Two noisy views of a digit shall be alike, and nothing shall differ: everything becomes one point."""
    rng = torch.Generator().manual_seed(seed)
    x, y, vx, vy = flat_digits(seed)
    net = UnitEmbedding()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)

    def view(batch: Tensor) -> Tensor:
        return batch + 0.15 * torch.randn(batch.shape, generator=rng)

    with nntui.init(path, total_steps=600) as run:
        nntui.watch(net, opt, run)
        for step in range(600):
            batch = x[torch.randint(0, len(x), (64,), generator=rng)]
            loss = 1 - (net(view(batch)) * net(view(batch))).sum(1).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 50 == 0:
                with torch.no_grad():
                    held = 1 - (net(view(vx)) * net(view(vx))).sum(1).mean()
                    run.predictions(net(vx[:32]), step=step)
                accuracy = neighbour_accuracy(net, (view(x), y), (view(vx), vy))
                run.log({"val/loss": held.item(), "val/knn_accuracy": accuracy}, step=step)


@program("live.loss_scale", "live.nonfinite")
def root_of_zero_hidden_by_the_gradient_scaler(path: Path, seed: int) -> None:
    """The distance of each example to itself is zero, where a root has no gradient; the scaler skips every update."""
    rng = torch.Generator().manual_seed(seed)
    x, y, vx, vy = flat_digits(seed)
    net = UnitEmbedding()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler("cpu")

    def contrast(z: Tensor, label: Tensor, margin: float = 1.0) -> Tensor:
        distance = (z[:, None] - z[None]).square().sum(-1).sqrt()
        same = (label[:, None] == label[None]).float()
        return (same * distance.square() + (1 - same) * (margin - distance).clamp(min=0).square()).mean()

    with nntui.init(path, total_steps=400) as run:
        nntui.watch(net, opt, run, scaler=scaler)
        for step in range(400):
            rows = torch.randint(0, len(x), (48,), generator=rng)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                z = net(x[rows])
            loss = contrast(z.float(), y[rows])
            opt.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(opt)
            scaler.update()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 40 == 39:
                with torch.no_grad():
                    held = contrast(net(vx), vy)
                accuracy = neighbour_accuracy(net, (x, y), (vx, vy))
                run.log({"val/loss": held.item(), "val/knn_accuracy": accuracy}, step=step)


class Factors(nn.Module):
    """Ratings by the product of two vectors, and a bias of each."""

    def __init__(self, people: int, films: int, size: int = 8) -> None:
        super().__init__()
        self.person, self.film = nn.Embedding(people, size), nn.Embedding(films, size)
        self.person_bias, self.film_bias = nn.Embedding(people, 1), nn.Embedding(films, 1)
        for table in (self.person, self.film):
            nn.init.normal_(table.weight, std=0.1)
        for table in (self.person_bias, self.film_bias):
            nn.init.zeros_(table.weight)

    def forward(self, who: Tensor, what: Tensor) -> Tensor:
        product = (self.person(who) * self.film(what)).sum(1)
        return product + (self.person_bias(who) + self.film_bias(what)).squeeze(1)


def ratings(rng: torch.Generator, people: int, films: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    who, what = torch.randint(0, people, (count,), generator=rng), torch.randint(0, films, (count,), generator=rng)
    p, q = torch.randn(people, 3, generator=rng), torch.randn(films, 3, generator=rng)
    noise = 0.4 * torch.randn(count, generator=rng)
    return who, what, (p[who] * q[what]).sum(1) / 2 + noise


@program("live.throughput")
def popularity_counted_anew_over_all_that_was_seen(path: Path, seed: int) -> None:
    """Each update counts how often each film was met in all batches so far, which takes longer and longer."""
    rng = torch.Generator().manual_seed(seed)
    who, what, stars = ratings(rng, 150, 120, 12000)
    model = Factors(150, 120)
    opt = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-5)
    seen: list[int] = []
    with nntui.init(path, total_steps=700) as run:
        nntui.watch(model, opt, run)
        for step in range(700):
            rows = torch.randint(0, 10000, (256,), generator=rng)
            seen += what[rows].tolist()
            popularity = collections.Counter(seen)
            weight = torch.tensor([len(seen) / (120 * popularity[film]) for film in what[rows].tolist()]).sqrt()
            loss = (weight * (model(who[rows], what[rows]) - stars[rows]).square()).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    rmse = (model(who[10000:], what[10000:]) - stars[10000:]).square().mean().sqrt()
                run.log({"val/rmse": rmse.item()}, step=step)


@program("live.memory")
def evaluation_keeps_its_graphs(path: Path, seed: int) -> None:
    """No `no_grad`, and the losses go into a list for a plot at the end, with all that they were calculated from."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(6000, 12, generator=rng)
    y = torch.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3] + 0.2 * torch.randn(6000, 1, generator=rng)
    net = nn.Sequential(nn.Linear(12, 160), nn.SiLU(), nn.Linear(160, 160), nn.SiLU(), nn.Linear(160, 1))
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    history = []
    with nntui.init(path, total_steps=600) as run:
        nntui.watch(net, opt, run)
        for step in range(600):
            rows = torch.randint(0, 4000, (64,), generator=rng)
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 10 == 9:
                history.append(nn.functional.mse_loss(net(x[4000:]), y[4000:]))
                run.log({"val/loss": history[-1]}, step=step)
