"""Programs about the engineering around a training: accumulation, checkpoints, schedules, loaders, evaluation."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nntui

from .loop import program


def flat_digits(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    found = load_digits()
    x, y = torch.tensor(found.data, dtype=torch.float32) / 16, torch.tensor(found.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return x[order[:1280]], y[order[:1280]], x[order[1280:]], y[order[1280:]]


def waves(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A regression: eight numbers, one smooth function of them, some noise."""
    rng = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(2000, 8, generator=rng) - 1
    y = torch.sin(3 * x[:, :1]) + x[:, 1:2] * x[:, 2:3] - x[:, 3:4].abs() + 0.1 * torch.randn(2000, 1, generator=rng)
    return x[:1600], y[:1600], x[1600:], y[1600:]


def network(inputs: int, outputs: int, width: int = 64, dropout: float = 0.0) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width), nn.ReLU(),
        nn.Linear(width, outputs),
    )  # fmt: skip


@torch.no_grad()
def classification_report(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    mode = model.training
    model.eval()
    logits = model(x)
    model.train(mode)
    loss = nn.functional.cross_entropy(logits, y)
    return {"val/loss": loss.item(), "val/accuracy": (logits.argmax(1) == y).float().mean().item()}


# --- healthy ------------------------------------------------------------------------------------


@program()
def gradients_accumulated_over_eight_batches_of_four(path: Path, seed: int) -> None:
    x, y, vx, vy = flat_digits(seed)
    rng = torch.Generator().manual_seed(seed)
    model = network(64, 10, dropout=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.5e-3)
    accumulate, updates = 8, 400
    with nntui.init(path, total_steps=updates, config={"batch": 4, "accumulate": accumulate}) as run:
        nntui.watch(model, optimizer, run)
        optimizer.zero_grad()
        update = 0
        for micro in range(updates * accumulate):
            rows = torch.randint(0, len(x), (4,), generator=rng)
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            (loss / accumulate).backward()
            if (micro + 1) % accumulate:
                continue
            optimizer.step()
            optimizer.zero_grad()
            run.log({"train/loss": loss.item()}, step=update)  # of the last four alone
            if update % 40 == 39:
                run.log(classification_report(model, vx, vy), step=update)
            update += 1


def resumable(path: Path, seed: int, first: int, last: int, restore: Callable[..., None]) -> None:
    """One job on a queue: goes on from the checkpoint of the one before, ends with one of its own."""
    x, y, vx, vy = waves(seed)
    rng = torch.Generator().manual_seed(seed + first)
    model = network(8, 1, width=128)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    checkpoint = path.parent / f"{path.name}.pt"
    if first:
        restore(torch.load(checkpoint), model, optimizer)
    with nntui.init(path, total_steps=800, resume_step=first or None) as run:
        nntui.watch(model, optimizer, run)
        for step in range(first, last):
            rows = torch.randint(0, len(x), (64,), generator=rng)
            loss = nn.functional.mse_loss(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 40 == 39:
                with torch.no_grad():
                    run.log({"val/loss": nn.functional.mse_loss(model(vx), vy).item()}, step=step)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, checkpoint)


@program()
def resumed_from_a_checkpoint_halfway(path: Path, seed: int) -> None:
    def restore(saved: dict, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])

    resumable(path, seed, 0, 400, restore)
    resumable(path, seed, 400, 800, restore)


@program()
def loss_summed_over_the_batch_logged_every_tenth_step(path: Path, seed: int) -> None:
    """The last batch of an epoch is smaller, and so is its loss; the rate is one for sums."""
    x, y, vx, vy = flat_digits(seed)
    rng = torch.Generator().manual_seed(seed)
    loader = DataLoader(TensorDataset(x[:1256], y[:1256]), batch_size=50, shuffle=True, generator=rng)
    model = network(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=2e-3, momentum=0.9)
    criterion = nn.CrossEntropyLoss(reduction="sum")
    step = 0
    with nntui.init(path, total_steps=18 * len(loader), steps_per_epoch=len(loader)) as run:
        nntui.watch(model, optimizer, run, declared=("sum",))
        for _ in range(18):
            for bx, by in loader:
                loss = criterion(model(bx), by)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if step % 10 == 0:
                    run.log({"loss": loss.item()}, step=step)
                step += 1
            report = classification_report(model, vx, vy)
            run.log({"val_loss": report["val/loss"] * len(vx), "val_acc": report["val/accuracy"]}, step=step - 1)


# --- bugs ---------------------------------------------------------------------------------------


@program("overfit.lr_decay")
def epochs_of_a_step_schedule_counted_in_batches(path: Path, seed: int) -> None:
    x, y, vx, vy = flat_digits(seed)
    rng = torch.Generator().manual_seed(seed)
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True, generator=rng)
    model = network(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.3)  # every ten epochs
    step = 0
    with nntui.init(path, total_steps=30 * len(loader), steps_per_epoch=len(loader)) as run:
        nntui.watch(model, optimizer, run, scheduler=scheduler)
        for _ in range(30):
            model.train()
            for bx, by in loader:
                loss = nn.functional.cross_entropy(model(bx), by)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"train/loss": loss.item(), "lr": optimizer.param_groups[0]["lr"]}, step=step)
                scheduler.step()
                step += 1
            run.log(classification_report(model, vx, vy), step=step - 1)


class Trainer:
    """What every project has one of."""

    def __init__(self, model: nn.Module, split: tuple[Tensor, ...], seed: int, *, lr: float = 1e-3) -> None:
        self.model, self.split = model, split
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.rng = torch.Generator().manual_seed(seed)

    def batch(self) -> tuple[Tensor, Tensor]:
        x, y, *_ = self.split
        rows = torch.randint(0, len(x), (64,), generator=self.rng)
        return x[rows], y[rows]

    def update(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def evaluate(self) -> dict[str, float]:
        return classification_report(self.model, *self.split[2:])

    def fit(self, path: Path, steps: int = 500, every: int = 50) -> None:
        with nntui.init(path, total_steps=steps) as run:
            nntui.watch(self.model, self.optimizer, run)
            for step in range(steps):
                x, y = self.batch()
                loss = nn.functional.cross_entropy(self.model(x), y)
                self.update(loss)
                run.log({"train/loss": loss.item()}, step=step)
                if (step + 1) % every == 0:
                    run.log(self.evaluate(), step=step)


@program("live.late_clipping")
def gradients_clipped_once_the_step_is_done(path: Path, seed: int) -> None:
    x, y, vx, vy = flat_digits(seed)
    x = x.clone()
    broken = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:40]
    x[broken] *= 60  # a sensor that saturates now and then: what clipping is for

    class ClippingTrainer(Trainer):
        def update(self, loss: Tensor) -> None:
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            nn.utils.clip_grad_norm_(self.model.parameters(), max_norm=1.0)

    trainer = ClippingTrainer(network(64, 10), (x, y, vx, vy), seed)
    trainer.optimizer = torch.optim.SGD(trainer.model.parameters(), lr=0.05, momentum=0.9)
    trainer.fit(path)


@program("live.stale_gradient")
def zero_grad_lost_in_a_refactoring(path: Path, seed: int) -> None:
    class Refactored(Trainer):
        def update(self, loss: Tensor) -> None:
            loss.backward()
            self.optimizer.step()

    Refactored(network(64, 10), flat_digits(seed), seed, lr=3e-3).fit(path)


@program("live.stale_evaluation")
def best_model_so_far_is_the_one_that_is_evaluated(path: Path, seed: int) -> None:
    """A copy is kept as the best one; it is what `evaluate` looks at, so that nothing is ever better."""

    class KeepsTheBest(Trainer):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)
            self.best, self.best_accuracy = copy.deepcopy(self.model), 0.0

        def evaluate(self) -> dict[str, float]:
            report = classification_report(self.best, *self.split[2:])
            if report["val/accuracy"] > self.best_accuracy:
                self.best_accuracy = report["val/accuracy"]
                self.best.load_state_dict(self.best.state_dict())
            return report

    KeepsTheBest(network(64, 10), flat_digits(seed), seed).fit(path)


@program("live.weight_decay", "live.underfitting", "live.collapse")
def weight_decay_in_the_place_of_the_rate(path: Path, seed: int) -> None:
    """`Adam(parameters, 1e-3, weight_decay=1)`: somebody had read that decoupled decay may be large."""
    model = network(64, 10)
    trainer = Trainer(model, flat_digits(seed), seed)
    trainer.optimizer = torch.optim.Adam(model.parameters(), 1e-3, weight_decay=1.0)
    trainer.fit(path, steps=600)


@program("live.optimizer_state", "live.resume")
def resumed_without_the_state_of_the_optimizer(path: Path, seed: int) -> None:
    def restore(saved: dict, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        model.load_state_dict(saved["model"])

    resumable(path, seed, 0, 400, restore)
    resumable(path, seed, 400, 800, restore)


class OneFileEach(Dataset):
    """Opens and decodes a file for each example, on a network drive."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        time.sleep(2.5e-4)
        return self.x[i], self.y[i]


@program("live.data_wait")
def one_small_file_for_each_example_and_no_workers(path: Path, seed: int) -> None:
    x, y, vx, vy = flat_digits(seed)
    rng = torch.Generator().manual_seed(seed)
    loader = DataLoader(OneFileEach(x, y), batch_size=40, shuffle=True, generator=rng)
    model = network(64, 10)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    step = 0
    with nntui.init(path, total_steps=9 * len(loader), steps_per_epoch=len(loader)) as run:
        nntui.watch(model, optimizer, run)
        for _ in range(9):
            for bx, by in loader:
                loss = nn.functional.cross_entropy(model(bx), by)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"train/loss": loss.item()}, step=step)
                step += 1
            run.log(classification_report(model, vx, vy), step=step - 1)
