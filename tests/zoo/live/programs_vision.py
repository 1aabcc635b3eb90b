"""Programs that learn from pictures, as different people write them."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import nntui

from .loop import program


def digit_pictures(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    bunch = load_digits()
    x, y = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16, torch.tensor(bunch.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    x, y = x[order], y[order]
    return x[:1437], y[:1437], x[1437:], y[1437:]


def small_convnet(classes: int = 10, dropout: float = 0.0) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Dropout(dropout), nn.Linear(128, classes),
    )  # fmt: skip


def with_few_eights(x: Tensor, y: Tensor, count: int = 45) -> tuple[Tensor, Tensor]:
    """Without all eights but so many; the labels are whether it is one."""
    keep = torch.ones(len(y), dtype=torch.bool)
    keep[(y == 8).nonzero().squeeze(1)[count:]] = False
    return x[keep], (y[keep] == 8).long()


# --- healthy ------------------------------------------------------------------------------------


@program()
def convnet_with_mixup_and_label_smoothing(path: Path, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    train_x, train_y, test_x, test_y = digit_pictures(seed)
    net, criterion = small_convnet(), nn.CrossEntropyLoss(label_smoothing=0.1)
    epochs, per_epoch = 26, len(train_x) // 64
    opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs * per_epoch)
    beta = torch.distributions.Beta(0.4, 0.4)
    with nntui.init(path, total_steps=epochs * per_epoch, steps_per_epoch=per_epoch, config={"mixup": 0.4}) as run:
        nntui.watch(net, opt, run, scheduler=sched, declared=("augmentation",))
        step = 0
        for _ in range(epochs):
            net.train()
            for chosen in torch.randperm(len(train_x), generator=rng).split(64)[:per_epoch]:
                dy, dx = torch.randint(-1, 2, (2,), generator=rng).tolist()
                x, y = torch.roll(train_x[chosen], (dy, dx), (2, 3)), train_y[chosen]
                lam, mate = float(beta.sample()), torch.randperm(len(x), generator=rng)
                out = net(lam * x + (1 - lam) * x[mate])
                loss = lam * criterion(out, y) + (1 - lam) * criterion(out, y[mate])
                opt.zero_grad()
                loss.backward()
                opt.step()
                hits = lam * (out.argmax(1) == y).float() + (1 - lam) * (out.argmax(1) == y[mate]).float()
                rate = sched.get_last_lr()[0]
                run.log({"train/loss": loss.item(), "train/acc": hits.mean().item(), "lr": rate}, step=step)
                sched.step()
                step += 1
            net.eval()
            with torch.no_grad():
                out = net(test_x)
                accuracy = (out.argmax(1) == test_y).float().mean()
                plain = nn.functional.cross_entropy(out, test_y)
            run.log({"val/loss": plain.item(), "val/acc": accuracy.item()}, step=step - 1)


class TinyViT(nn.Module):
    """Sixteen patches of two by two, a class token, two blocks."""

    def __init__(self, width: int = 32, heads: int = 4) -> None:
        super().__init__()
        self.embed = nn.Linear(4, width)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.pos = nn.Parameter(0.02 * torch.randn(1, 17, width))
        block = nn.TransformerEncoderLayer(width, heads, 2 * width, 0.1, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, 2, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 10))

    def forward(self, x: Tensor) -> Tensor:
        patches = nn.functional.unfold(x, 2, stride=2).transpose(1, 2)
        tokens = torch.cat([self.cls.expand(len(x), -1, -1), self.embed(patches)], 1) + self.pos
        return self.head(self.blocks(tokens)[:, 0])


@program()
def vision_transformer_with_a_long_warm_up(path: Path, seed: int) -> None:
    train_x, train_y, val_x, val_y = digit_pictures(seed)
    shuffle = torch.Generator().manual_seed(seed)
    loader = DataLoader(TensorDataset(train_x, train_y), 32, shuffle=True, drop_last=True, generator=shuffle)
    model = TinyViT()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    warm, total = 220, 12 * len(loader)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: s / warm if s < warm else 0.5 + 0.5 * math.cos(math.pi * (s - warm) / (total - warm))
    )
    with nntui.init(path, total_steps=total, steps_per_epoch=len(loader)) as run:
        nntui.watch(model, optimizer, run, scheduler=scheduler)
        step = 0
        for epoch in range(12):
            model.train()
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images), labels)
                optimizer.zero_grad()
                loss.backward()
                norm = nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
                scheduler.step()
                run.log({"train/loss": loss, "train/grad_norm": norm, "lr": scheduler.get_last_lr()[0]}, step=step)
                step += 1
            model.eval()
            with torch.no_grad():
                logits = model(val_x)
            val_loss = nn.functional.cross_entropy(logits, val_y)
            accuracy = (logits.argmax(1) == val_y).float().mean()
            run.log({"val/loss": val_loss, "val/accuracy": accuracy}, step=step - 1)
            run.predictions(logits[:48].softmax(1), targets=val_y[:48] if epoch == 0 else None, step=step - 1)


@program()
def one_rare_digit_with_focal_loss(path: Path, seed: int) -> None:
    """Is it an eight? Only about one in thirty is."""
    rng = torch.Generator().manual_seed(seed)
    x, y, vx, vy = digit_pictures(seed)
    (x, y), vy = with_few_eights(x, y), (vy == 8).float()
    model = small_convnet(1)
    nn.init.constant_(model[-1].bias, math.log(0.03 / 0.97))
    opt = torch.optim.Adam(model.parameters(), 2e-3)

    def focal(logit: Tensor, target: Tensor, gamma: float = 2.0, alpha: float = 0.75) -> Tensor:
        ce = nn.functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
        weight = torch.where(target > 0, alpha, 1 - alpha)
        return (weight * (1 - torch.exp(-ce)) ** gamma * ce).mean()

    with nntui.init(path, total_steps=600) as run:
        nntui.watch(model, opt, run)
        for step in range(600):
            model.train()
            chosen = torch.randint(0, len(x), (32,), generator=rng)
            loss = focal(model(x[chosen]).squeeze(1), y[chosen].float())
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if (step + 1) % 40 == 0:
                model.eval()
                with torch.no_grad():
                    logit = model(vx).squeeze(1)
                said, true = logit > 0, vy > 0
                hits = (said & true).sum().item()
                recall, precision = hits / true.sum().item(), hits / max(1, said.sum().item())
                f1 = 2 * recall * precision / max(1e-9, recall + precision)
                scores = {"val/f1": f1, "val/recall": recall, "val/precision": precision}
                run.log({"val/loss": focal(logit, vy).item(), **scores}, step=step)


def discs(count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    grid = torch.arange(24.0)
    centre = 6 + 12 * torch.rand(2, count, 1, generator=rng)
    radius = 2.5 + 4 * torch.rand(count, 1, 1, generator=rng)
    down, along = (grid - centre[0])[:, :, None], (grid - centre[1])[:, None, :]
    mask = (down**2 + along**2 < radius**2).float()[:, None]
    return 0.9 * mask + 0.6 * torch.randn(mask.shape, generator=rng), mask


@program()
def discs_segmented_two_pictures_at_a_time(path: Path, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    images, masks = discs(160, rng)
    held_images, held_masks = discs(48, rng)

    def block(a: int, b: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.GroupNorm(4, b), nn.SiLU())

    net = nn.Sequential(
        block(1, 12), nn.MaxPool2d(2), block(12, 24), block(24, 24), nn.Upsample(scale_factor=2), block(24, 12),
        nn.Conv2d(12, 1, 1),
    )  # fmt: skip

    def bce_and_dice(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        p = logits.sigmoid()
        overlap, size = (p * target).sum((1, 2, 3)), (p + target).sum((1, 2, 3))
        bce = nn.functional.binary_cross_entropy_with_logits(logits, target)
        return bce, (1 - (2 * overlap + 1) / (size + 1)).mean()

    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    with nntui.init(path, config={"batch_size": 2, "norm": "group"}, total_steps=640, steps_per_epoch=80) as run:
        nntui.watch(net, optimizer, run)
        for epoch in range(8):
            net.train()
            for i, pair in enumerate(torch.randperm(160, generator=rng).split(2)):
                bce, dice = bce_and_dice(net(images[pair]), masks[pair])
                optimizer.zero_grad(set_to_none=True)
                (bce + dice).backward()
                optimizer.step()
                run.log({"train/loss": bce + dice, "train/bce": bce, "train/dice": dice}, step=80 * epoch + i)
            net.eval()
            with torch.no_grad():
                logits = net(held_images)
                bce, dice = bce_and_dice(logits, held_masks)
            said, true = logits > 0, held_masks > 0.5
            iou = (said & true).sum() / (said | true).sum()
            run.log({"val/loss": bce + dice, "val/iou": iou}, step=80 * epoch + 79)


# --- bugs ---------------------------------------------------------------------------------------


@program("live.modes")
def sanity_validation_leaves_eval_mode_on(path: Path, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    train_x, train_y, val_x, val_y = digit_pictures(seed)
    train_x, train_y = train_x[:500], train_y[:500]
    model = small_convnet(dropout=0.3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

    def validate() -> dict[str, float]:
        model.eval()
        with torch.no_grad():
            out = model(val_x)
        loss = nn.functional.cross_entropy(out, val_y).item()
        return {"val/loss": loss, "val/accuracy": (out.argmax(1) == val_y).float().mean().item()}

    with nntui.init(path, total_steps=450) as run:
        nntui.watch(model, optimizer, run)
        model.train()
        run.log(validate(), step=0)  # better to learn now than after an hour that validation crashes
        for step in range(450):
            idx = torch.randint(0, len(train_x), (32,), generator=rng)
            loss = nn.functional.cross_entropy(model(train_x[idx]), train_y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 50 == 49:
                run.log(validate(), step=step)


@program("live.collapse", "live.underfitting")
def class_weights_upside_down(path: Path, seed: int) -> None:
    """Eights are rare; their weight should be large and is small."""
    rng = torch.Generator().manual_seed(seed)
    x, y, vx, vy = digit_pictures(seed)
    (x, y), vy = with_few_eights(x, y), (vy == 8).long()
    counts = torch.bincount(y).float()
    weight = counts / counts.sum()
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
    criterion = nn.CrossEntropyLoss(weight=weight)
    opt = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-3)
    with nntui.init(path, config={"weights": weight.tolist()}, total_steps=500) as run:
        nntui.watch(model, opt, run)
        for step in range(500):
            chosen = torch.randint(0, len(x), (64,), generator=rng)
            loss = criterion(model(x[chosen]), y[chosen])
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"loss": loss.detach()}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    out = model(vx)
                said = out.argmax(1)
                recall = ((said == 1) & (vy == 1)).sum() / (vy == 1).sum()
                accuracy = (said == vy).float().mean()
                run.log({"val_loss": criterion(out, vy), "val_acc": accuracy, "val_recall": recall}, step=step)
                run.predictions(out[:64].softmax(1), targets=vy[:64], step=step)


NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@program("live.contradiction", "live.below_chance")
def labels_of_validation_in_alphabetical_order(path: Path, seed: int) -> None:
    """The loader of validation numbers the folders as `sorted` has them; that of training as they were listed."""
    x, y, vx, vy = digit_pictures(seed)
    number = {name: i for i, name in enumerate(sorted(NAMES))}
    vy = torch.tensor([number[NAMES[label]] for label in vy.tolist()])
    rng = torch.Generator().manual_seed(seed)
    train = DataLoader(TensorDataset(x, y), batch_size=48, shuffle=True, generator=rng)
    net = small_convnet()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    epochs, step = 14, 0
    with nntui.init(path, total_steps=epochs * len(train), steps_per_epoch=len(train)) as run:
        nntui.watch(net, opt, run)
        for _ in range(epochs):
            net.train()
            for bx, by in train:
                opt.zero_grad()
                out = net(bx)
                loss = nn.functional.cross_entropy(out, by)
                loss.backward()
                opt.step()
                hit = (out.argmax(1) == by).float().mean()
                run.log({"train/loss": loss.item(), "train/accuracy": hit.item()}, step=step)
                step += 1
            net.eval()
            with torch.no_grad():
                out = net(vx)
                loss, hit = nn.functional.cross_entropy(out, vy), (out.argmax(1) == vy).float().mean()
            run.log({"val/loss": loss.item(), "val/accuracy": hit.item()}, step=step - 1)


class CachedPictures(Dataset):
    """Pictures that are decoded once; from then on they are where the cache keeps them, which is by class."""

    def __init__(self, x: Tensor, y: Tensor, rng: torch.Generator) -> None:
        self.x, self.y = x, y
        self.order = torch.randperm(len(x), generator=rng)
        self.cache: dict[int, list[Tensor]] = {}
        self.full = False

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        if not self.full:
            at = int(self.order[i])
            self.cache.setdefault(int(self.y[at]), []).append(self.x[at])
            return self.x[at], int(self.y[at])
        for label in sorted(self.cache):
            if i < len(self.cache[label]):
                return self.cache[label][i], label
            i -= len(self.cache[label])
        raise IndexError(i)


@program("live.other_data")
def cache_gives_pictures_by_class_after_the_first_epoch(path: Path, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    x, y, vx, vy = digit_pictures(seed)
    dataset = CachedPictures(x, y, rng)
    loader = DataLoader(dataset, batch_size=8)  # the dataset is in a random order of its own
    model = small_convnet()
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    step = 0
    with nntui.init(path, total_steps=6 * len(loader), steps_per_epoch=len(loader)) as run:
        nntui.watch(model, opt, run)
        for epoch in range(6):
            model.train()
            for images, labels in loader:
                loss = nn.functional.cross_entropy(model(images), labels)
                opt.zero_grad()
                loss.backward()
                opt.step()
                run.log({"train/loss": loss.item(), "epoch": epoch}, step=step)
                step += 1
            dataset.full = True
            model.eval()
            with torch.no_grad():
                out = model(vx)
            scores = {"val/loss": nn.functional.cross_entropy(out, vy), "val/acc": (out.argmax(1) == vy).float().mean()}
            run.log(scores, step=step - 1)
            run.predictions(out[:40], targets=vy[:40], step=step - 1)
