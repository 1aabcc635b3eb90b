"""Unusual ways to train that work, as different people write them."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from sklearn.datasets import load_diabetes
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)
from torch.nn.utils import parameters_to_vector, prune, vector_to_parameters

import nntui

from .loop import program
from .programs_later_healthy import digits_in_two


@program()
def prototypes_of_classes_that_exist_for_one_episode(path: Path, seed: int) -> None:
    """Five ways, one shot; what makes a class lies in four directions, all others are a nuisance."""
    g = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(24, 24, generator=g))[0]
    spread = torch.tensor([0.25] * 4 + [1.2] * 20)
    embed = nn.Sequential(nn.Linear(24, 64), nn.ReLU(), nn.Linear(64, 16))

    def episode(ways: int = 5, queries: int = 6) -> tuple[Tensor, Tensor]:
        """Losses and hits of the queries."""
        centre = F.pad(torch.randn(ways, 1, 4, generator=g), (0, 20))
        seen = (centre + spread * torch.randn(ways, 1 + queries, 24, generator=g)) @ basis
        z = embed(seen.flatten(0, 1)).view(ways, 1 + queries, -1)
        distance = torch.cdist(z[:, 1:].flatten(0, 1), z[:, 0]).square()
        label = torch.arange(ways).repeat_interleave(queries)
        return F.cross_entropy(-distance, label, reduction="none"), (distance.argmin(1) == label).float()

    opt = torch.optim.Adam(embed.parameters(), lr=1e-3)
    with nntui.init(path, total_steps=1000, config={"way": 5, "shot": 1}) as run:
        nntui.watch(embed, opt, run, declared=("contrastive",))
        for i in range(1000):
            losses, hits = episode()
            opt.zero_grad()
            losses.mean().backward()
            opt.step()
            run.log({"meta_train/loss": losses.mean().item(), "meta_train/acc": hits.mean().item()}, step=i)
            if i % 100 == 99:
                with torch.no_grad():
                    found = [episode() for _ in range(30)]
                loss, acc = (torch.cat(part).mean().item() for part in zip(*found, strict=True))
                run.log({"meta_test/loss": loss, "meta_test/acc": acc}, step=i)


class Factors(nn.Module):
    def __init__(self, users: int, items: int, k: int) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(users, k, sparse=True), nn.Embedding(items, k, sparse=True)
        self.bias_user, self.bias_item = nn.Embedding(users, 1, sparse=True), nn.Embedding(items, 1, sparse=True)
        for table in (self.user, self.item):
            nn.init.normal_(table.weight, std=0.1)
        for table in (self.bias_user, self.bias_item):
            nn.init.zeros_(table.weight)

    def forward(self, u: Tensor, i: Tensor) -> Tensor:
        return 3.5 + (self.user(u) * self.item(i)).sum(1) + (self.bias_user(u) + self.bias_item(i)).squeeze(1)


@program()
def sparse_factors_of_ratings_from_one_to_five(path: Path, seed: int) -> None:
    """A batch has some of the films, and the gradients of all others are not even there."""
    g = torch.Generator().manual_seed(seed)
    taste, style = torch.randn(300, 3, generator=g), torch.randn(200, 3, generator=g)
    popular = torch.multinomial(1 / torch.arange(1.0, 201), 15000, True, generator=g)
    who = torch.randint(300, (15000,), generator=g)
    stars = (
        (3.5 + 0.7 * (taste[who] * style[popular]).sum(1) + 0.3 * torch.randn(15000, generator=g)).round().clamp(1, 5)
    )
    model = Factors(300, 200, 6)
    opt = torch.optim.SparseAdam(model.parameters(), lr=5e-3)
    with nntui.init(path, total_steps=8 * 109, steps_per_epoch=109) as run:
        nntui.watch(model, opt, run)
        step = 0
        for _ in range(8):
            squares = 0.0
            for idx in torch.randperm(13952, generator=g).split(128):
                loss = F.mse_loss(model(who[idx], popular[idx]), stars[idx])
                opt.zero_grad()
                loss.backward()
                opt.step()
                step += 1
                squares += loss.item() * len(idx)
            with torch.no_grad():
                test = F.mse_loss(model(who[13952:], popular[13952:]), stars[13952:]).sqrt()
            run.log({"RMSE/train": math.sqrt(squares / 13952), "RMSE/test": test.item()}, step=step)


class Boltzmann(nn.Module):
    def __init__(self, visible: int, hidden: int) -> None:
        super().__init__()
        self.w = nn.Parameter(0.02 * torch.randn(visible, hidden))
        self.v, self.h = nn.Parameter(torch.zeros(visible)), nn.Parameter(torch.zeros(hidden))

    def forward(self, v: Tensor) -> Tensor:
        """Free energy."""
        return -(v @ self.v) - F.softplus(v @ self.w + self.h).sum(1)

    @torch.no_grad()
    def gibbs(self, v: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.bernoulli(torch.sigmoid(v @ self.w + self.h))
        mean = torch.sigmoid(h @ self.w.T + self.v)
        return mean, torch.bernoulli(mean)


@program()
def boltzmann_machine_whose_loss_says_nothing(path: Path, seed: int) -> None:
    """The contrastive divergence is a difference of two energies and goes to and fro around nothing."""
    x, _, vx, _ = digits_in_two(seed)
    x, vx = (x > 0.5).float(), (vx > 0.5).float()
    rbm = Boltzmann(64, 48)
    opt = torch.optim.SGD(rbm.parameters(), lr=0.05, momentum=0.5, weight_decay=1e-4)
    with nntui.init(path, total_steps=1000) as run:
        nntui.watch(rbm, opt, run, declared=("reconstruction",))
        for step in range(1000):
            data = x[torch.randint(len(x), (50,))]
            mean, negative = rbm.gibbs(data)
            cd = rbm(data).mean() - rbm(negative).mean()
            opt.zero_grad()
            cd.backward()
            opt.step()
            run.log(
                {"cd_loss": cd.item(), "reconstruction_error": (mean - data).square().sum(1).mean().item()}, step=step
            )
            if step % 100 == 99:
                with torch.no_grad():
                    gap = rbm(vx).mean() - rbm(x[: len(vx)]).mean()
                    error = (rbm.gibbs(vx)[0] - vx).square().sum(1).mean()
                run.log({"val_free_energy_gap": gap.item(), "val_reconstruction_error": error.item()}, step=step)


@program()
def evolution_that_fills_in_the_gradients(path: Path, seed: int) -> None:
    """No backward pass at all: antithetic perturbations, and torch's momentum."""
    g = torch.Generator().manual_seed(seed)
    data = load_diabetes(scaled=True)
    x, y = torch.tensor(data.data, dtype=torch.float32) * 21, torch.tensor(data.target, dtype=torch.float32)
    order = torch.randperm(442, generator=g)
    x, y = x[order], (y[order] - 152) / 77
    net = nn.Sequential(nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 1))
    opt = torch.optim.SGD(net.parameters(), lr=0.006, momentum=0.8)
    sigma = 0.05

    @torch.no_grad()
    def fitness(flat: Tensor, a: int, b: int) -> Tensor:
        vector_to_parameters(flat, net.parameters())
        return -F.mse_loss(net(x[a:b]).squeeze(1), y[a:b])

    with nntui.init(path, total_steps=300, config={"population": 40}) as run:
        nntui.watch(net, opt, run)
        for generation in range(300):
            centre = parameters_to_vector(net.parameters()).detach().clone()
            noise = torch.randn(20, len(centre), generator=g)
            up = torch.stack([fitness(centre + sigma * e, 0, 342) for e in noise])
            down = torch.stack([fitness(centre - sigma * e, 0, 342) for e in noise])
            estimate = ((up - down)[:, None] * noise).mean(0) / (2 * sigma)
            run.log(
                {"fitness/mean": torch.cat([up, down]).mean(), "fitness/best": torch.cat([up, down]).max()},
                step=generation,
            )
            run.log({"fitness/held_out": fitness(centre, 342, 442)}, step=generation)
            vector_to_parameters(centre, net.parameters())
            at = 0
            for p in net.parameters():
                p.grad, at = -estimate[at : at + p.numel()].view_as(p).clone(), at + p.numel()
            opt.step()


@program()
def adversaries_make_training_harder_than_testing(path: Path, seed: int) -> None:
    """The attack goes backward through the model too; what it leaves is cleared before the update."""
    x, y, vx, vy = digits_in_two(seed)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    g, eps = torch.Generator().manual_seed(seed), 0.15

    def attacked(inputs: Tensor, labels: Tensor) -> Tensor:
        inputs = inputs.clone().requires_grad_()
        F.cross_entropy(model(inputs), labels).backward()
        return (inputs + eps * inputs.grad.sign()).detach().clamp(0, 1)

    with nntui.init(path, total_steps=700, config={"eps": eps}) as run:
        nntui.watch(model, optimizer, run)
        for step in range(700):
            idx = torch.randint(len(x), (64,), generator=g)
            inputs, labels = attacked(x[idx], y[idx]), y[idx]
            optimizer.zero_grad()
            out = model(inputs)
            loss = F.cross_entropy(out, labels)
            loss.backward()
            optimizer.step()
            run.log({"train/adv_loss": loss, "train/adv_acc": (out.argmax(1) == labels).float().mean()}, step=step)
            if step % 70 == 69:
                hard = attacked(vx, vy)
                optimizer.zero_grad()
                with torch.no_grad():
                    clean, robust = model(vx), model(hard)
                told = {"val/clean_loss": F.cross_entropy(clean, vy), "val/adv_loss": F.cross_entropy(robust, vy)}
                told |= {
                    f"val/{k}_acc": (v.argmax(1) == vy).float().mean() for k, v in (("clean", clean), ("adv", robust))
                }
                run.log(told, step=step)


@program()
def stream_whose_world_turns_every_now_and_then(path: Path, seed: int) -> None:
    """Tested on each batch first, then trained on it; after a turn the loss jumps and comes down again."""
    g = torch.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Linear(8, 32), nn.LeakyReLU(), nn.Linear(32, 1))
    opt = torch.optim.Adagrad(net.parameters(), lr=0.05)
    w = torch.randn(8, generator=g)
    hits = torch.tensor(0.5)
    with nntui.init(path) as run:
        nntui.watch(net, opt, run, declared=("shift",))
        for t in range(1200):
            if t in (350, 700):
                w = w + 0.8 * torch.randn(8, generator=g)
            x = torch.randn(20, 8, generator=g)
            y = (x @ w > 0.5 * x[:, 0].abs()).float()
            logit = net(x).squeeze(1)
            loss = F.binary_cross_entropy_with_logits(logit, y)
            hits = 0.98 * hits + 0.02 * ((logit > 0) == (y > 0)).float().mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"prequential_loss": loss.item(), "prequential_accuracy": hits.item()}, step=t)


@program()
def contextual_bandit_rewarded_for_guessing_the_digit(path: Path, seed: int) -> None:
    """It is never told the label, only whether it was right; the policy's loss is no measure of anything."""
    x, y, vx, vy = digits_in_two(seed)
    policy = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    opt = torch.optim.Adam(policy.parameters(), lr=2e-3)
    baseline, total = 0.1, 0.0
    with nntui.init(path, total_steps=1500) as run:
        nntui.watch(policy, opt, run)
        for step in range(1, 1501):
            idx = torch.randint(len(x), (64,))
            arms = torch.distributions.Categorical(logits=policy(x[idx]))
            action = arms.sample()
            reward = (action == y[idx]).float()
            loss = -((reward - baseline) * arms.log_prob(action)).mean() - 0.01 * arms.entropy().mean()
            baseline = 0.95 * baseline + 0.05 * reward.mean().item()
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += reward.sum().item()
            if step % 25 == 0:
                told = {
                    "policy_loss": loss.item(),
                    "reward": reward.mean().item(),
                    "entropy": arms.entropy().mean().item(),
                }
                run.log(told | {"regret": step * 64 - total}, step=step)
            if step % 150 == 0:
                with torch.no_grad():
                    run.log({"greedy_accuracy": (policy(vx).argmax(1) == vy).float().mean()}, step=step)


@program()
def most_weights_are_pruned_twice_on_the_way(path: Path, seed: int) -> None:
    x, y, vx, vy = digits_in_two(seed)
    model = nn.Sequential(nn.Linear(64, 150), nn.ReLU(), nn.Linear(150, 80), nn.ReLU(), nn.Linear(80, 10))
    layers = [(m, "weight") for m in model if isinstance(m, nn.Linear)]
    opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with nntui.init(path, total_steps=900) as run:
        watched = nntui.watch(model, opt, run)
        for step in range(900):
            if step in (300, 600):
                prune.global_unstructured(layers, prune.L1Unstructured, amount=0.8 if step == 300 else 0.6)
                watched.detach()
                opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
                watched = nntui.watch(model, opt, run)
                run.event("note", "pruned")
            idx = torch.randint(len(x), (48,))
            loss = F.cross_entropy(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss}, step=step)
            if step % 60 == 59:
                with torch.no_grad():
                    out = model(vx)
                zeros = sum((m.weight == 0).sum().item() for m, _ in layers) / sum(m.weight.numel() for m, _ in layers)
                told = {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}
                run.log(told | {"sparsity": zeros}, step=step)
                run.predictions(out[:30], targets=vy[:30] if step == 59 else None, step=step)


class Kernel(nn.Module):
    """Length, height and noise of a Gaussian process, as logarithms."""

    def __init__(self) -> None:
        super().__init__()
        self.length, self.height, self.noise = (nn.Parameter(torch.tensor(v)) for v in (1.5, 1.0, 0.5))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return (2 * self.height).exp() * torch.exp(-0.5 * (torch.cdist(a, b) / self.length.exp()).square())


@program()
def gaussian_process_with_three_parameters_in_all(path: Path, seed: int) -> None:
    """The whole data at each update; the objective ends below nothing."""
    g = torch.Generator().manual_seed(seed)
    x, z = torch.rand(90, 1, generator=g) * 6, torch.linspace(0, 6, 60)[:, None]
    f = lambda t: torch.sin(2 * t) * torch.exp(-0.2 * t)  # noqa: E731
    y, truth = (f(x) + 0.08 * torch.randn(90, 1, generator=g)), f(z)
    kernel = Kernel()
    opt = torch.optim.Adam(kernel.parameters(), lr=0.02, betas=(0.8, 0.99))
    with nntui.init(path, total_steps=400) as run:
        nntui.watch(kernel, opt, run)
        for it in range(400):
            chol = torch.linalg.cholesky(kernel(x, x) + ((2 * kernel.noise).exp() + 1e-5) * torch.eye(90))
            alpha = torch.cholesky_solve(y, chol)
            nll = (0.5 * (y * alpha).sum() + chol.diagonal().log().sum()) / 90 + 0.5 * math.log(2 * math.pi)
            opt.zero_grad()
            nll.backward()
            opt.step()
            run.log({"neg_log_marginal_likelihood": nll.item(), "noise_std": kernel.noise.exp().item()}, step=it)
            if it % 20 == 19:
                with torch.no_grad():
                    run.log({"test_rmse": (kernel(z, x) @ alpha - truth).square().mean().sqrt().item()}, step=it)
