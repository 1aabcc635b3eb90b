"""Pictures: where things are, what they are in few bits, and what a copy of the network thinks of them."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program
from .programs_later_healthy import digits_in_two


def scenes(n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures of one bright square each, the cell of eight by eight that has its middle, and its box there."""
    middle, half = 3 + 10 * torch.rand(n, 2, generator=g), 1.5 + 1.5 * torch.rand(n, 1, generator=g)
    at = torch.arange(16.0)
    rows, columns = ((at[None] - middle[:, i : i + 1]).abs() < half for i in (0, 1))
    picture = (rows[:, :, None] & columns[:, None]).float() + 0.3 * torch.randn(n, 16, 16, generator=g)
    cell = (middle / 2).long()
    return picture[:, None], cell[:, 0] * 8 + cell[:, 1], torch.cat([middle / 2 - cell, half / 3], 1)


@program()
def squares_found_in_one_of_sixty_four_cells(path: Path, seed: int) -> None:
    """Focal loss of the cells and L1 of the boxes: the first is tiny from the start, the second falls slowly."""
    g = torch.Generator().manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 4, 2, padding=1), nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 4, 3, padding=1),
    )  # fmt: skip
    with torch.no_grad():
        net[-1].bias[0] = -4.0
    opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.MultiStepLR(opt, [220, 280], 0.1)
    vx, vcell, vbox = scenes(200, g)
    with nntui.init(path, total_steps=310) as run:
        nntui.watch(net, opt, run)
        for step in range(310):
            x, cell, box = scenes(20, g)
            out = net(x).flatten(2)
            there = F.one_hot(cell, 64).float()
            p = out[:, 0].sigmoid()
            hard = torch.where(there > 0, 0.75 * (1 - p) ** 2, 0.25 * p**2)
            focal = (hard * F.binary_cross_entropy_with_logits(out[:, 0], there, reduction="none")).sum() / 20
            l1 = F.l1_loss(out[torch.arange(20), 1:, cell], box)
            opt.zero_grad()
            (focal + l1).backward()
            opt.step()
            schedule.step()
            run.log({"loss_cls": focal.item(), "loss_box": l1.item(), "loss": (focal + l1).item()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    out = net(vx).flatten(2)
                hit = (out[:, 0].argmax(1) == vcell).float().mean()
                off = F.l1_loss(out[torch.arange(200), 1:, vcell], vbox)
                run.log({"val/found": hit.item(), "val/box_l1": off.item()}, step=step)


class Round(torch.autograd.Function):
    """To the nearest step of a grid; the gradient goes straight through."""

    @staticmethod
    def forward(ctx, v: Tensor, bits: int) -> Tensor:
        scale = v.abs().max().clamp(min=1e-8) / (2 ** (bits - 1) - 0.5)
        return (v / scale).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * scale

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


class Few(nn.Module):
    """A network whose weights and activations can be had in few bits."""

    def __init__(self, bits: int | None = None) -> None:
        super().__init__()
        self.a, self.b, self.c, self.bits = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10), bits

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.a, self.b, self.c):
            x = x if layer is self.a else F.relu(x)
            few = self.bits and (Round.apply(x, 8), Round.apply(layer.weight, self.bits), layer.bias)
            x = F.linear(*few) if few else layer(x)
        return x


@program()
def three_bits_from_the_middle_on(path: Path, seed: int) -> None:
    """Where the weights are put on the grid the loss jumps, and comes back most of the way."""
    x, y, vx, vy = digits_in_two(seed)
    net = Few()
    opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    with nntui.init(path, total_steps=700) as run:
        nntui.watch(net, opt, run)
        for step in range(700):
            if step == 350:
                net.bits = 3
                opt.param_groups[0]["lr"] = 0.01
                run.event("note", "three bits from here on")
            idx = torch.randint(1400, (64,))
            loss = F.cross_entropy(net(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item(), "train/lr": opt.param_groups[0]["lr"]}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    out = net(vx)
                told = {
                    "val/loss": F.cross_entropy(out, vy).item(),
                    "val/top1": (out.argmax(1) == vy).float().mean().item(),
                }
                run.log(told, step=step)


@program()
def five_tasks_one_after_another_with_a_little_rehearsal(path: Path, seed: int) -> None:
    """Two new digits every hundred updates; the score over all ten climbs by stairs."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    kept = torch.empty(0, dtype=torch.long)
    with nntui.init(path, total_steps=600) as run:
        nntui.watch(net, opt, run, declared=("shift",))
        for task in range(5):
            mine = ((y // 2) == task).nonzero()[:, 0]
            for i in range(120):
                idx = mine[torch.randint(len(mine), (24,))]
                if len(kept):
                    idx = torch.cat([idx, kept[torch.randint(len(kept), (24,))]])
                loss = F.cross_entropy(net(x[idx]), y[idx])
                opt.zero_grad()
                loss.backward()
                opt.step()
                run.log({"loss": loss.item(), "task": task}, step=120 * task + i)
                if i % 40 == 39:
                    with torch.no_grad():
                        right = (net(vx).argmax(1) == vy).float()
                    run.log(
                        {"test/all": right.mean(), "test/seen": right[vy < 2 * task + 2].mean()}, step=120 * task + i
                    )
            kept = torch.cat([kept, mine[torch.randperm(len(mine))[:30]]])


@program()
def picture_that_a_finished_network_likes_best(path: Path, seed: int) -> None:
    """The pixels are what is optimised; the network has been trained, and wants no gradient."""
    x, y, _, _ = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    first = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(300):
        idx = torch.randint(1400, (64,))
        loss = F.cross_entropy(net(x[idx]), y[idx])
        first.zero_grad()
        loss.backward()
        first.step()
    net.requires_grad_(False).eval()

    class Canvas(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pixels = nn.Parameter(0.1 * torch.randn(10, 64))

        def forward(self) -> Tensor:
            return self.pixels.sigmoid()

    canvas = Canvas()
    opt = torch.optim.Adam(canvas.parameters(), lr=0.05)
    with nntui.init(path, total_steps=300) as run:
        nntui.watch(canvas, opt, run)
        for step in range(300):
            drawn = canvas()
            rough = (drawn.view(10, 8, 8).diff(dim=1).abs().mean() + drawn.view(10, 8, 8).diff(dim=2).abs().mean()) / 2
            logits = net(drawn)
            loss = -logits.gather(1, torch.arange(10)[:, None]).mean() + 4 * rough
            opt.zero_grad()
            loss.backward()
            opt.step()
            told = {"objective": loss.item(), "rough": rough.item()}
            run.log(told | {"liked": (logits.argmax(1) == torch.arange(10)).float().mean().item()}, step=step)


@program("live.collapse", "live.contradiction", "live.underfitting")
def background_has_the_label_that_is_ignored(path: Path, seed: int) -> None:
    """ignore_index=0 is what the file format says of what is void; here it is all that is not a square."""
    g = torch.Generator().manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(),
        nn.Conv2d(12, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 2, 1),
    )  # fmt: skip
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    criterion = nn.CrossEntropyLoss(ignore_index=0)

    def squares(n: int) -> tuple[Tensor, Tensor]:
        clean = F.interpolate((torch.rand(n, 1, 4, 4, generator=g) < 0.2).float(), (16, 16))
        return clean + 0.5 * torch.randn(n, 1, 16, 16, generator=g), clean[:, 0].long()

    vx, vy = squares(60)
    with nntui.init(path, total_steps=300) as run:
        nntui.watch(net, opt, run)
        for step in range(300):
            x, y = squares(12)
            loss = criterion(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 30 == 29:
                net.eval()
                with torch.no_grad():
                    out = net(vx)
                net.train()
                said = out.argmax(1)
                iou = ((said & vy).sum() / (said | vy).sum().clamp(min=1)).item()
                run.log({"val/loss": criterion(out, vy).item(), "val/iou": iou}, step=step)


@program("live.contradiction", "live.stale_evaluation")
def average_over_ten_thousand_updates_in_a_training_of_nine_hundred(path: Path, seed: int) -> None:
    """What is evaluated, and kept, is the copy; it has hardly left its beginning."""
    x, y, vx, vy = digits_in_two(seed)
    net = nn.Sequential(nn.Linear(64, 80), nn.ReLU(), nn.Linear(80, 80), nn.ReLU(), nn.Linear(80, 10))
    ema = copy.deepcopy(net).requires_grad_(False)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
    with nntui.init(path, total_steps=900, config={"ema_decay": 0.9999}) as run:
        nntui.watch(net, opt, run)
        for step in range(900):
            idx = torch.randint(1400, (64,))
            out = net(x[idx])
            loss = F.cross_entropy(out, y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            with torch.no_grad():
                for slow, fast in zip(ema.parameters(), net.parameters(), strict=True):
                    slow.lerp_(fast, 1 - 0.9999)
            run.log(
                {"train/loss": loss.item(), "train/acc": (out.argmax(1) == y[idx]).float().mean().item()}, step=step
            )
            if step % 90 == 89:
                with torch.no_grad():
                    out = ema(vx)
                told = {
                    "val/loss": F.cross_entropy(out, vy).item(),
                    "val/acc": (out.argmax(1) == vy).float().mean().item(),
                }
                run.log(told, step=step)


@program("live.contradiction")
def trained_in_eight_bits_and_evaluated_in_two(path: Path, seed: int) -> None:
    """The export has its own configuration."""
    x, y, vx, vy = digits_in_two(seed)
    net = Few(8)
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    with nntui.init(path, total_steps=600) as run:
        nntui.watch(net, opt, run)
        for step in range(600):
            idx = torch.randint(1400, (64,))
            out = net(x[idx])
            loss = F.cross_entropy(out, y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log(
                {"train/loss": loss.item(), "train/acc": (out.argmax(1) == y[idx]).float().mean().item()}, step=step
            )
            if step % 60 == 59:
                net.bits = 2
                with torch.no_grad():
                    out = net(vx)
                net.bits = 8
                told = {
                    "val/loss": F.cross_entropy(out, vy).item(),
                    "val/acc": (out.argmax(1) == vy).float().mean().item(),
                }
                run.log(told, step=step)
