"""Programs whose training has phases: the loss has steps, and all is well."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import nntui

from .loop import program


def pictures(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    found = load_digits()
    x, y = torch.tensor(found.images, dtype=torch.float32)[:, None] / 16, torch.tensor(found.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return x[order[:1400]], y[order[:1400]], x[order[1400:]], y[order[1400:]]


def dense(width: int = 64) -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
    )  # fmt: skip


@torch.no_grad()
def held_out(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    model.eval()
    out = model(x)
    model.train()
    return {
        "val/loss": nn.functional.cross_entropy(out, y).item(),
        "val/accuracy": (out.argmax(1) == y).float().mean().item(),
    }


@program()
def curriculum_of_more_and_more_digits(path: Path, seed: int) -> None:
    """First two digits, then five, then all; whoever has not been met is got wrong."""
    x, y, vx, vy = pictures(seed)
    rng = torch.Generator().manual_seed(seed)
    model = dense()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    with nntui.init(path, total_steps=750, config={"stages": [2, 5, 10]}) as run:
        nntui.watch(model, optimizer, run)
        for step in range(750):
            known = 2 if step < 120 else 5 if step < 320 else 10
            if step in {120, 320}:
                run.event("stage", f"{known} digits from here on")
            pool = (y < known).nonzero().squeeze(1)
            rows = pool[torch.randint(0, len(pool), (48,), generator=rng)]
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss.item(), "stage/digits": known}, step=step)
            if step % 30 == 29:
                run.log(held_out(model, vx, vy), step=step)


@program()
def active_learning_with_a_growing_pool(path: Path, seed: int) -> None:
    """Every sixty updates an annotator labels the forty examples that the model is least sure of."""
    x, y, vx, vy = pictures(seed)
    rng = torch.Generator().manual_seed(seed)
    model = dense()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    labelled = torch.zeros(len(x), dtype=torch.bool)
    labelled[torch.randperm(len(x), generator=rng)[:50]] = True
    with nntui.init(path, total_steps=720) as run:
        nntui.watch(model, optimizer, run)
        for step in range(720):
            pool = labelled.nonzero().squeeze(1)
            rows = pool[torch.randint(0, len(pool), (32,), generator=rng)]
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 60 == 59:
                run.log({**held_out(model, vx, vy), "pool/labelled": len(pool)}, step=step)
                with torch.no_grad():
                    top = model(x).softmax(1).topk(2).values
                margin = (top[:, 0] - top[:, 1]).masked_fill(labelled, 2.0)
                labelled[margin.argsort()[:40]] = True


@program()
def pictures_that_grow_from_four_to_sixteen(path: Path, seed: int) -> None:
    x, y, vx, vy = pictures(seed)
    rng = torch.Generator().manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)
    phases, step = [(4, 160, 2e-3), (8, 200, 1e-3), (16, 200, 5e-4)], 0

    def resized(batch: Tensor, size: int) -> Tensor:
        return nn.functional.interpolate(batch, (size, size), mode="bilinear", antialias=True)

    with nntui.init(path, total_steps=sum(count for _, count, _ in phases)) as run:
        nntui.watch(net, opt, run)
        for size, count, rate in phases:
            run.event("resize", f"pictures of {size}x{size}")
            opt.param_groups[0]["lr"] = rate
            for _ in range(count):
                rows = torch.randint(0, len(x), (32,), generator=rng)
                loss = nn.functional.cross_entropy(net(resized(x[rows], size)), y[rows])
                opt.zero_grad()
                loss.backward()
                opt.step()
                run.log({"train/loss": loss.item()}, step=step)
                if step % 40 == 39:
                    run.log(held_out(net, resized(vx, size), vy), step=step)
                step += 1


@program()
def rate_finder_before_the_training(path: Path, seed: int) -> None:
    """The rate grows until the loss explodes; then the weights go back, and training begins with a tenth of the best."""
    x, y, vx, vy = pictures(seed)
    rng = torch.Generator().manual_seed(seed)
    model = dense()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    fresh = copy.deepcopy((model.state_dict(), optimizer.state_dict()))

    def update() -> float:
        rows = torch.randint(0, len(x), (64,), generator=rng)
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    with nntui.init(path, total_steps=600) as run:
        nntui.watch(model, optimizer, run)
        tried, smooth, least = [], 0.0, math.inf
        for step in range(100):
            rate = 1e-4 * 10 ** (5 * step / 100)
            optimizer.param_groups[0]["lr"] = rate
            loss = update()
            smooth = loss if not tried else 0.8 * smooth + 0.2 * loss
            tried.append((smooth, rate))
            run.log({"lr_finder/loss": loss, "lr_finder/lr": rate}, step=step)
            least = min(least, smooth)
            if smooth > 4 * least:
                break
        model.load_state_dict(fresh[0])
        optimizer.load_state_dict(fresh[1])
        optimizer.param_groups[0]["lr"] = min(tried)[1] / 10
        for step in range(len(tried), 600):
            run.log({"train/loss": update(), "lr": optimizer.param_groups[0]["lr"]}, step=step)
            if step % 50 == 49:
                run.log(held_out(model, vx, vy), step=step)


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU())
        self.decode = nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.Linear(48, 64))
        self.classify = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encode(x)
        return self.decode(code), self.classify(code)


@program()
def autoencoder_first_and_then_its_classifier(path: Path, seed: int) -> None:
    """Unlabelled pictures first; then few labels with the encoder frozen; then everything at a tenth of the rate."""
    x, y, vx, vy = pictures(seed)
    rng = torch.Generator().manual_seed(seed)
    net = Encoder()

    def rows(count: int) -> Tensor:
        return torch.randint(0, count, (32,), generator=rng)

    def reconstruct() -> Tensor:
        batch = x[rows(len(x))]
        return nn.functional.mse_loss(net(batch)[0], batch.flatten(1))

    def classify() -> Tensor:
        chosen = rows(300)
        return nn.functional.cross_entropy(net(x[chosen])[1], y[chosen])

    with nntui.init(path, total_steps=1000) as run:
        opt = torch.optim.Adam([*net.encode.parameters(), *net.decode.parameters()], lr=2e-3)
        nntui.watch(net, None, run)
        for step in range(1000):
            if step == 400:
                net.encode.requires_grad_(False)
                opt = torch.optim.Adam(net.classify.parameters(), lr=5e-3)
            if step == 700:
                net.encode.requires_grad_(True)
                opt.add_param_group({"params": net.encode.parameters(), "lr": 5e-4})
            loss = reconstruct() if step < 400 else classify()
            opt.zero_grad()
            loss.backward()
            opt.step()
            name = "pretrain/loss" if step < 400 else "train/loss"
            run.log({name: loss.item()}, step=step)
            if step >= 400 and step % 50 == 49:
                with torch.no_grad():
                    _, out = net(vx)
                loss, hits = nn.functional.cross_entropy(out, vy), out.argmax(1) == vy
                run.log({"val/loss": loss.item(), "val/accuracy": hits.float().mean().item()}, step=step)


@program()
def rate_lowered_by_hand_at_a_plateau(path: Path, seed: int) -> None:
    """A noisy loss at a high rate, and a step down each time that somebody turned the rate down."""
    x, y, vx, vy = pictures(seed)
    rng = torch.Generator().manual_seed(seed)
    y = torch.where(torch.rand(len(y), generator=rng) < 0.05, torch.randint(0, 10, (len(y),), generator=rng), y)
    net = dense(48)
    opt = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.5, weight_decay=1e-3)
    with nntui.init(path, total_steps=900, config={"lr": 0.2}) as run:
        nntui.watch(net, opt, run)
        for step in range(900):
            if step in {450, 700}:
                opt.param_groups[0]["lr"] *= 0.15
                run.event("lr", f"lowered by hand to {opt.param_groups[0]['lr']:.3g}")
            rows = torch.randint(0, len(x), (16,), generator=rng)
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item(), "lr": opt.param_groups[0]["lr"]}, step=step)
            if step % 30 == 29:
                run.log(held_out(net, vx, vy), step=step)
