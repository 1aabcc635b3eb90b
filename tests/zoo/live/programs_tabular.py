"""Programs that learn from tables, as different people write them."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path

import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import StratifiedKFold
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import nntui

from .loop import program

Split = tuple[Tensor, Tensor, Tensor, Tensor]


def standardised(train: Tensor, *others: Tensor) -> list[Tensor]:
    mean, std = train.mean(0), train.std(0).clamp(min=1e-6)
    return [(part - mean) / std for part in (train, *others)]


def breast_cancer(seed: int, count: int) -> Split:
    """As many to train on, all others to validate on; standardised."""
    found = load_breast_cancer()
    x, y = torch.tensor(found.data, dtype=torch.float32), torch.tensor(found.target, dtype=torch.float32)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    x, vx = standardised(x[order[:count]], x[order[count:]])
    return x, y[order[:count]], vx, y[order[count:]]


def mlp(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


# --- healthy ------------------------------------------------------------------------------------


@program()
def two_tasks_weighted_by_their_uncertainty(path: Path, seed: int) -> None:
    """The total falls below zero, as it does when the weights are learned."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(5000, 12, generator=rng)
    signal = torch.sin(x[:, 0]) + 0.5 * x[:, 1] * x[:, 2]
    amount = signal + 0.05 * torch.randn(5000, generator=rng)
    event = (signal + x[:, 3] + 0.8 * torch.randn(5000, generator=rng) > 0).float()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = nn.Sequential(nn.Linear(12, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU())
            self.amount, self.event = nn.Linear(64, 1), nn.Linear(64, 1)
            self.log_var = nn.Parameter(torch.zeros(2))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            h = self.trunk(x)
            return self.amount(h).squeeze(1), self.event(h).squeeze(1)

    net = Net()

    def losses(rows: Tensor) -> dict[str, Tensor]:
        a, e = net(x[rows])
        mse = nn.functional.mse_loss(a, amount[rows])
        bce = nn.functional.binary_cross_entropy_with_logits(e, event[rows])
        weighed = torch.stack([mse, bce]) * torch.exp(-net.log_var) + 0.5 * net.log_var
        return {"loss": weighed.sum(), "mse": mse, "bce": bce}

    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    held = torch.arange(4000, 5000)
    with nntui.init(path, total_steps=900) as run:
        nntui.watch(net, opt, run)
        for step in range(900):
            found = losses(torch.randint(0, 4000, (64,), generator=rng))
            opt.zero_grad()
            found["loss"].backward()
            opt.step()
            run.log({f"train/{name}": value.detach() for name, value in found.items()}, step=step)
            if step % 60 == 59:
                with torch.no_grad():
                    run.log({f"val/{name}": value for name, value in losses(held).items()}, step=step)


def concordance(risk: Tensor, time: Tensor, event: Tensor) -> float:
    comparable = (time[:, None] < time[None]) & (event[:, None] > 0)
    right = (risk[:, None] > risk[None]).float() + 0.5 * (risk[:, None] == risk[None]).float()
    return (right[comparable].mean()).item()


@program()
def survival_by_the_partial_likelihood_of_cox(path: Path, seed: int) -> None:
    """The loss is about the logarithm of how many are at risk, and hardly falls; concordance tells more."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(1400, 8, generator=rng)
    hazard = torch.exp(0.9 * x[:, 0] - 0.7 * x[:, 1] + 0.6 * x[:, 2] * x[:, 3])
    death = -torch.log(torch.rand(1400, generator=rng)) / hazard
    censored = 3 * torch.rand(1400, generator=rng)
    time, event = torch.minimum(death, censored), (death <= censored).float()

    def cox(risk: Tensor, time: Tensor, event: Tensor) -> Tensor:
        order = time.argsort(descending=True)
        risk, event = risk[order], event[order]
        return -((risk - risk.logcumsumexp(0)) * event).sum() / event.sum().clamp(min=1)

    model = nn.Sequential(nn.Linear(8, 32), nn.SELU(), nn.Dropout(0.1), nn.Linear(32, 32), nn.SELU(), nn.Linear(32, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    with nntui.init(path, total_steps=600, steps_per_epoch=30) as run:
        nntui.watch(model, optimizer, run)
        for epoch in range(20):
            model.train()
            for i, rows in enumerate(torch.randperm(960, generator=rng).split(32)):
                loss = cox(model(x[rows]).squeeze(1), time[rows], event[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"train/cox_loss": loss.item()}, step=epoch * 30 + i)
            model.eval()
            with torch.no_grad():
                risk = model(x[960:]).squeeze(1)
            held = {"val/cox_loss": cox(risk, time[960:], event[960:]).item()}
            run.log({**held, "val/c_index": concordance(risk, time[960:], event[960:])}, step=epoch * 30 + 29)


@program()
def quantiles_of_heavy_tailed_claims_logged_by_epoch(path: Path, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    x = torch.rand(2400, 6, generator=rng)
    scale = 0.3 + x[:, 1]
    noise = torch.randn(2400, generator=rng) / torch.randn(3, 2400, generator=rng).square().mean(0).sqrt()
    y = (6 + 2 * x[:, 0] + torch.sin(6 * x[:, 2]) + scale * noise)[:, None]
    levels = torch.tensor([0.1, 0.5, 0.9])
    net = mlp(6, 64, 64, 3)
    with torch.no_grad():
        net[-1].bias.copy_(y[:1800].quantile(levels))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def pinball(said: Tensor, true: Tensor) -> Tensor:
        miss = true - said
        return torch.maximum(levels * miss, (levels - 1) * miss).mean()

    shuffle = DataLoader(TensorDataset(x[:1800], y[:1800]), batch_size=60, shuffle=True, generator=rng)
    with nntui.init(path, total_steps=40 * len(shuffle), steps_per_epoch=len(shuffle)) as run:
        nntui.watch(net, optimizer, run)
        for epoch in range(1, 41):
            total = 0.0
            for bx, by in shuffle:
                optimizer.zero_grad()
                loss = pinball(net(bx), by)
                loss.backward()
                optimizer.step()
                total += loss.item() / len(shuffle)
            with torch.no_grad():
                said = net(x[1800:])
            covered = ((y[1800:] > said[:, :1]) & (y[1800:] < said[:, 2:])).float().mean()
            losses = {"training_loss": total, "valid_loss": pinball(said, y[1800:]).item()}
            run.log({**losses, "coverage_80": covered.item(), "epoch": epoch}, step=epoch * len(shuffle) - 1)


@program()
def five_folds_of_wine_in_one_run(path: Path, seed: int) -> None:
    bunch = load_wine()
    x, y = torch.tensor(bunch.data, dtype=torch.float32), torch.tensor(bunch.target)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed).split(bunch.data, bunch.target)
    rng, step, scores = torch.Generator().manual_seed(seed), 0, []
    with nntui.init(path, total_steps=5 * 150, config={"folds": 5}) as run:
        for k, (inside, outside) in enumerate(folds):
            tx, vx = standardised(x[inside], x[outside])
            ty, vy = y[inside], y[outside]
            model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 3))
            opt = torch.optim.Adam(model.parameters(), lr=3e-3)
            watch = nntui.watch(model, opt, run)
            for epoch in range(30):
                model.train()
                for rows in torch.randperm(len(tx), generator=rng).split(32)[:5]:
                    loss = nn.functional.cross_entropy(model(tx[rows]), ty[rows])
                    opt.zero_grad()
                    loss.backward()
                    opt.step()
                    run.log({f"fold{k}/train_loss": loss.item()}, step=step)
                    step += 1
                if epoch % 3 == 2:
                    model.eval()
                    with torch.no_grad():
                        out = model(vx)
                    accuracy = (out.argmax(1) == vy).float().mean().item()
                    held = nn.functional.cross_entropy(out, vy).item()
                    run.log({f"fold{k}/val_loss": held, f"fold{k}/val_accuracy": accuracy}, step=step - 1)
            watch.detach()
            scores.append(accuracy)
        run.log({"cv/accuracy": sum(scores) / len(scores)}, step=step - 1)


class Tabular(nn.Module):
    """Embedded categories beside numbers."""

    def __init__(self, shops: int, products: int, numbers: int) -> None:
        super().__init__()
        self.shop, self.product = nn.Embedding(shops, 12), nn.Embedding(products, 12)
        self.net = nn.Sequential(
            nn.Linear(24 + numbers, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 1)
        )

    def forward(self, shop: Tensor, product: Tensor, numbers: Tensor) -> Tensor:
        return self.net(torch.cat([self.shop(shop), self.product(product), numbers], 1)).squeeze(1)


@program()
def early_stopping_gives_back_the_best_weights(path: Path, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    shop, product = torch.randint(0, 50, (3000,), generator=rng), torch.randint(0, 120, (3000,), generator=rng)
    numbers = torch.randn(3000, 5, generator=rng)
    effect, taste = torch.randn(50, generator=rng), torch.randn(120, generator=rng)
    y = effect[shop] + taste[product] * (1 + 0.3 * numbers[:, 0]) + 0.6 * numbers[:, 1]
    y = y + 0.7 * torch.randn(3000, generator=rng)
    train, val, test = torch.arange(2000), torch.arange(2000, 2500), torch.arange(2500, 3000)
    model = Tabular(50, 120, 5)
    opt = torch.optim.Adam(model.parameters(), lr=4e-3)
    huber = nn.HuberLoss(delta=1.0)

    @torch.no_grad()
    def evaluate(rows: Tensor) -> tuple[float, float]:
        model.eval()
        said = model(shop[rows], product[rows], numbers[rows])
        return huber(said, y[rows]).item(), (said - y[rows]).square().mean().sqrt().item()

    best, patience, bad, kept, step = float("inf"), 4, 0, None, 0
    with nntui.init(path, total_steps=60 * 32, steps_per_epoch=32, config={"patience": patience}) as run:
        nntui.watch(model, opt, run)
        while bad < patience and step < 60 * 32:
            model.train()
            for rows in train[torch.randperm(2000, generator=rng)].split(63):
                loss = huber(model(shop[rows], product[rows], numbers[rows]), y[rows])
                opt.zero_grad()
                loss.backward()
                opt.step()
                run.log({"train/loss": loss.item()}, step=step)
                step += 1
            loss, rmse = evaluate(val)
            run.log({"val/loss": loss, "val/rmse": rmse}, step=step - 1)
            if loss < best:
                best, bad, kept = loss, 0, copy.deepcopy(model.state_dict())
            else:
                bad += 1
        model.load_state_dict(kept)
        run.log({"test/rmse": evaluate(test)[1]}, step=step - 1)
        run.event("early_stop", f"stopped; best validation loss {best:.3f} restored")


# --- bugs ---------------------------------------------------------------------------------------


@program("live.clipping")
def a_clip_meant_for_means_and_a_summed_loss(path: Path, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(5000, 10, generator=rng)
    y = x[:, :1] * x[:, 1:2] + torch.cos(2 * x[:, 2:3]) + 0.1 * torch.randn(5000, 1, generator=rng)
    net = mlp(10, 64, 64, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    criterion = nn.MSELoss(reduction="sum")
    with nntui.init(path, total_steps=800, config={"clip": 1.0, "lr": 0.1}) as run:
        nntui.watch(net, optimizer, run)
        for step in range(800):
            rows = torch.randint(0, 4000, (128,), generator=rng)
            loss = criterion(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            run.log({"train/loss": loss.item(), "train/grad_norm": norm.item()}, step=step)
            if step % 40 == 39:
                with torch.no_grad():
                    held = nn.functional.mse_loss(net(x[4000:]), y[4000:])
                run.log({"val/mse": held.item(), "val/rmse": held.sqrt().item()}, step=step)


@program("live.contradiction")
def validation_targets_are_not_scaled(path: Path, seed: int) -> None:
    found = load_diabetes()
    x, y = torch.tensor(found.data, dtype=torch.float32) * 20, torch.tensor(found.target, dtype=torch.float32)[:, None]
    rng = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=rng)
    train, val = order[:330], order[330:]
    mean, std = y[train].mean(), y[train].std()
    model = mlp(10, 16, 1)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    loader = DataLoader(TensorDataset(x[train], (y[train] - mean) / std), 33, shuffle=True, generator=rng)
    with nntui.init(path, total_steps=400, steps_per_epoch=10) as run:
        nntui.watch(model, opt, run)
        for epoch in range(40):
            for i, (bx, by) in enumerate(loader):
                loss = nn.functional.mse_loss(model(bx), by)
                opt.zero_grad()
                loss.backward()
                opt.step()
                run.log({"train/loss": loss.item()}, step=10 * epoch + i)
            with torch.no_grad():
                said = model(x[val])
            scores = {"val/loss": nn.functional.mse_loss(said, y[val]), "val/mae": (said - y[val]).abs().mean()}
            run.log(scores, step=10 * epoch + 9)


@program("live.nonfinite")
def cross_entropy_by_hand_takes_the_logarithm_of_zero(path: Path, seed: int) -> None:
    """Six labels for each of the rows; the network grows so sure that one minus a probability is exactly zero."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(1600, 20, generator=rng)
    rule = torch.randn(20, 6, generator=rng)
    tags = (x @ rule > 2).float()
    net = mlp(20, 96, 96, 6)
    opt = torch.optim.Adam(net.parameters(), lr=4e-3)

    def bce(logits: Tensor, target: Tensor) -> Tensor:
        p = torch.sigmoid(logits)
        return -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()

    with nntui.init(path, total_steps=1200) as run:
        nntui.watch(net, opt, run)
        for step in range(1200):
            rows = torch.randint(0, 1200, (64,), generator=rng)
            loss = bce(net(x[rows]), tags[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 60 == 59:
                with torch.no_grad():
                    logits = net(x[1200:])
                exact = ((logits > 0) == (tags[1200:] > 0)).all(1).float().mean()
                run.log({"val/loss": bce(logits, tags[1200:]).item(), "val/exact_match": exact.item()}, step=step)


@program("regularise.early_stop")
def sixty_patients_learned_by_heart(path: Path, seed: int) -> None:
    x, y, vx, vy = breast_cancer(seed, 60)
    rng = torch.Generator().manual_seed(seed)
    net = mlp(30, 128, 128, 1)
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    criterion = nn.BCEWithLogitsLoss()
    with nntui.init(path, total_steps=1500) as run:
        nntui.watch(net, opt, run)
        for step in range(1500):
            rows = torch.randint(0, 60, (16,), generator=rng)
            loss = criterion(net(x[rows]).squeeze(1), y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    logit = net(vx).squeeze(1)
                hit = ((logit > 0) == (vy > 0)).float().mean()
                run.log({"val/loss": criterion(logit, vy).item(), "val/accuracy": hit.item()}, step=step)


@program("live.few_examples")
def scores_of_the_last_batch_of_validation_alone(path: Path, seed: int) -> None:
    """What `evaluate` gives back is what its loop left in the variables: three patients."""
    x, y, vx, vy = breast_cancer(seed, 374)
    rng = torch.Generator().manual_seed(seed)
    train = DataLoader(TensorDataset(x, y), batch_size=34, shuffle=True, generator=rng)
    val = DataLoader(TensorDataset(vx, vy), batch_size=64)
    model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1))
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.BCEWithLogitsLoss()

    @torch.no_grad()
    def evaluate() -> dict[str, float]:
        model.eval()
        for bx, by in val:
            logit = model(bx).squeeze(1)
            loss, hits = criterion(logit, by), (logit > 0) == (by > 0)
        model.train()
        return {"val/loss": loss.item(), "val/accuracy": hits.float().mean().item()}

    with nntui.init(path, total_steps=40 * len(train), steps_per_epoch=len(train)) as run:
        nntui.watch(model, opt, run)
        for epoch in range(40):
            for i, (bx, by) in enumerate(train):
                loss = criterion(model(bx).squeeze(1), by)
                opt.zero_grad()
                loss.backward()
                opt.step()
                run.log({"train/loss": loss.item()}, step=epoch * len(train) + i)
            run.log(evaluate(), step=epoch * len(train) + i)
