"""Trainings with one mistake in their wiring, their data or their evaluation, as different people make them."""

from __future__ import annotations

import copy
import functools
import inspect
import textwrap
from pathlib import Path

import torch
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)
from torch.utils.data import DataLoader, TensorDataset

import nntui

from .loop import program
from .programs_later_bugs import table
from .programs_later_healthy import digits_in_two


@program("live.modes")
def the_copy_is_put_into_eval_and_the_model_is_asked(path: Path, seed: int) -> None:
    x, y, vx, vy = digits_in_two(seed)
    model = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Dropout(0.6), nn.Linear(96, 96), nn.ReLU(), nn.Dropout(0.6))
    model.append(nn.Linear(96, 10))
    best, lowest = copy.deepcopy(model), float("inf")
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=700) as run:
        nntui.watch(model, opt, run)
        for step in range(700):
            idx = torch.randint(len(x), (64,), generator=g)
            loss = F.cross_entropy(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 50 == 49:
                best.eval()
                with torch.no_grad():
                    out = model(vx)
                held = F.cross_entropy(out, vy).item()
                run.log({"val/loss": held, "val/acc": (out.argmax(1) == vy).float().mean().item()}, step=step)
                if held < lowest:
                    lowest = held
                    best.load_state_dict(model.state_dict())


class Noisy(nn.Module):
    """Dropout by the function, which does not know whether one trains."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc, self.out = nn.Conv2d(1, 16, 3), nn.Linear(144, 64), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        h = F.max_pool2d(F.relu(self.conv(x.view(-1, 1, 8, 8))), 2).flatten(1)
        return self.out(F.dropout(F.relu(self.fc(F.dropout(h, 0.5))), 0.5))


@program("live.modes")
def dropout_by_the_function_never_stops(path: Path, seed: int) -> None:
    x, y, vx, vy = digits_in_two(seed)
    loader = DataLoader(TensorDataset(x, y), 56, shuffle=True, generator=torch.Generator().manual_seed(seed))
    net = Noisy()
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    with nntui.init(path, total_steps=20 * 25, steps_per_epoch=25) as run:
        nntui.watch(net, optimizer, run)
        step = 0
        for epoch in range(20):
            net.train()
            for images, labels in loader:
                loss = F.cross_entropy(net(images), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss.item()}, step=step)
                step += 1
            net.eval()
            with torch.no_grad():
                out = net(vx)
            told = {"val_loss": F.cross_entropy(out, vy).item(), "val_acc": (out.argmax(1) == vy).float().mean().item()}
            run.log(told, step=step - 1)
            run.predictions(out[:32].softmax(1), targets=vy[:32] if epoch == 0 else None, step=step - 1)


@program("live.frozen")
def gradients_cleared_between_backward_and_step(path: Path, seed: int) -> None:
    x, y, vx, vy = digits_in_two(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.LayerNorm(64), nn.Linear(64, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=400) as run:
        nntui.watch(model, optimizer, run)
        for step in range(400):
            idx = torch.randint(len(x), (64,), generator=g)
            loss = F.cross_entropy(model(x[idx]), y[idx])
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 40 == 39:
                with torch.no_grad():
                    out = model(vx)
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


class Hashed(nn.Module):
    """Binary codes by the sign, and what reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 16))
        self.reader = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.reader(torch.sign(self.encoder(x)))


@program("live.frozen", "live.gradients")
def codes_by_a_sign_without_a_straight_through(path: Path, seed: int) -> None:
    x, y, vx, vy = digits_in_two(seed)
    model = Hashed()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=800) as run:
        nntui.watch(model, optimizer, run)
        for step in range(800):
            idx = torch.randint(len(x), (64,), generator=g)
            loss = F.cross_entropy(model(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"hash/loss": loss.item()}, step=step)
            if step % 80 == 79:
                with torch.no_grad():
                    out = model(vx)
                told = {"hash/val_loss": F.cross_entropy(out, vy), "hash/val_acc": (out.argmax(1) == vy).float().mean()}
                run.log(told, step=step)


@program("live.frozen")
def no_grad_left_from_the_days_of_the_linear_probe(path: Path, seed: int) -> None:
    """The encoder is in the optimizer, to be tuned along; its call still stands under no_grad."""
    x, y, vx, vy = digits_in_two(seed, 700)
    encoder = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 8), nn.ReLU())
    model = nn.ModuleDict({"encoder": encoder, "head": nn.Linear(8, 10)})
    opt = torch.optim.Adam(
        [{"params": model["encoder"].parameters(), "lr": 1e-3}, {"params": model["head"].parameters()}], 3e-3
    )
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=600) as run:
        nntui.watch(model, opt, run)
        for step in range(600):
            idx = torch.randint(len(x), (50,), generator=g)
            with torch.no_grad():
                features = model["encoder"](x[idx])
            loss = F.cross_entropy(model["head"](features), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"finetune/loss": loss.item()}, step=step)
            if step % 60 == 59:
                with torch.no_grad():
                    out = model["head"](model["encoder"](vx))
                run.log({"finetune/val_acc": 100 * (out.argmax(1) == vy).float().mean().item()}, step=step)


@program("live.underfitting", "live.collapse")
def column_of_outputs_against_a_row_of_targets(path: Path, seed: int) -> None:
    """(N, 1) less (N,) is (N, N); the best answer to that is the mean."""
    x, y, vx, vy = table(load_diabetes(), seed, 350)
    y, vy = (y.float() - 152) / 77, (vy.float() - 152) / 77
    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1))
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=800) as run:
        nntui.watch(model, opt, run)
        for step in range(800):
            idx = torch.randint(350, (32,), generator=g)
            loss = (model(x[idx]) - y[idx]).square().mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/mse": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    said = model(vx)
                run.log({"val/mse": (said - vy).square().mean().item()}, step=step)
                run.predictions(said[:30], targets=vy[:30, None] if step == 49 else None, step=step)


@program("live.few_examples")
def test_size_of_twelve_is_no_percentage(path: Path, seed: int) -> None:
    x, y, *_ = table(load_breast_cancer(), seed, 569)
    x, vx, y, vy = train_test_split(x, y, test_size=12, random_state=seed)
    clf = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(clf.parameters(), lr=1e-3)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(clf, optimizer, run)
        for step in range(500):
            idx = torch.randint(len(x), (32,), generator=g)
            loss = F.cross_entropy(clf(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 25 == 24:
                with torch.no_grad():
                    out = clf(vx)
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/accuracy": (out.argmax(1) == vy).float().mean()},
                    step=step,
                )
                run.predictions(out, targets=vy if step == 24 else None, step=step)


@program("live.stale_evaluation")
def evaluation_that_is_cached(path: Path, seed: int) -> None:
    """The model is the same object each time, says lru_cache."""
    x, y, vx, vy = digits_in_two(seed)

    @functools.lru_cache
    def evaluate(model: nn.Module) -> dict[str, float]:
        with torch.no_grad():
            out = model(vx)
        return {"val_loss": F.cross_entropy(out, vy).item(), "val_f1": (out.argmax(1) == vy).float().mean().item()}

    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    g = torch.Generator().manual_seed(seed)
    with nntui.init(path, total_steps=600) as run:
        nntui.watch(model, optimizer, run)
        for step in range(600):
            idx = torch.randint(len(x), (64,), generator=g)
            loss = F.cross_entropy(model(x[idx]), y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train_loss": loss.item()}, step=step)
            if step % 50 == 49:
                run.log(evaluate(model), step=step)


@program("live.below_chance", "live.contradiction")
def malignant_is_nought_in_the_evaluation_alone(path: Path, seed: int) -> None:
    """Trained on y, and scored by logits below nothing, as if one were malignant."""
    x, y, vx, vy = table(load_breast_cancer(), seed, 420)
    net = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 1), nn.Flatten(0))
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    with nntui.init(path, total_steps=30 * 14, steps_per_epoch=14) as run:
        nntui.watch(net, opt, run)
        for epoch in range(30):
            for i, idx in enumerate(torch.randperm(420).split(30)):
                loss = F.binary_cross_entropy_with_logits(net(x[idx]), y[idx].float())
                opt.zero_grad()
                loss.backward()
                opt.step()
                run.log({"train/bce": loss.item()}, step=14 * epoch + i)
            with torch.no_grad():
                logit = net(vx)
            held = F.binary_cross_entropy_with_logits(logit, vy.float())
            told = {"valid/bce": held.item(), "valid/acc": ((logit < 0) == (vy > 0)).float().mean().item()}
            run.log(told, step=14 * epoch + 13)


@program("live.other_data", "regularise.early_stop")
def loader_without_shuffling_begun_anew_for_every_batch(path: Path, seed: int) -> None:
    """A hotfix at update 400: next(iter(loader)), which is always the first batch of an ordered loader."""
    x, y, vx, vy = digits_in_two(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    shuffled = DataLoader(TensorDataset(x, y), 32, shuffle=True)
    ordered = DataLoader(TensorDataset(x, y), 32)
    batches = [batch for _ in range(10) for batch in shuffled][:400]
    with nntui.init(path, total_steps=1000) as run:
        nntui.watch(model, opt, run)
        for step in range(1000):
            inputs, labels = batches[step] if step < 400 else next(iter(ordered))
            loss = F.cross_entropy(model(inputs), labels)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    out = model(vx)
                run.log(
                    {"val/loss": F.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}, step=step
                )


@program("live.memory")
def hook_that_keeps_the_features_of_every_batch(path: Path, seed: int) -> None:
    """They are wanted for one picture at the end; nobody empties the list."""
    source = inspect.getsource(textwrap) + inspect.getsource(functools)
    ids = torch.tensor([min(ord(c), 127) for c in source])
    model = nn.Sequential(nn.Embedding(128, 24), nn.Flatten(), nn.Linear(240, 640), nn.ReLU(), nn.Linear(640, 128))
    features: list[Tensor] = []
    model[3].register_forward_hook(lambda module, inputs, output: features.append(output.detach()))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(model, optimizer, run)
        for step in range(500):
            at = torch.randint(len(ids) - 11, (256, 1)) + torch.arange(11)
            loss = F.cross_entropy(model(ids[at[:, :10]]), ids[at[:, 10]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"loss": loss.item()}, step=step)
