"""Learning without labels: contrastive, masked, denoising, and the ways in which it goes wrong."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import nntui

from .loop import program


def digits_with_labels() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    data = load_digits()
    x, y = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)
    mixed = torch.randperm(len(x), generator=torch.Generator().manual_seed(11))
    return x[mixed[:1400]], y[mixed[:1400]], x[mixed[1400:]], y[mixed[1400:]]


def shifted_and_blurred(x: Tensor, rng: torch.Generator) -> Tensor:
    """Pictures moved by up to a pixel each way, with noise and a hole of two by two."""
    pictures = functional.pad(x.reshape(-1, 8, 8), (1, 1, 1, 1))
    down, right = (torch.randint(3, (len(x), 1, 1), generator=rng) for _ in range(2))
    rows, columns = torch.arange(8)[None, :, None] + down, torch.arange(8)[None, None, :] + right
    moved = pictures[torch.arange(len(x))[:, None, None], rows, columns]
    hole = torch.randint(7, (len(x), 2, 1), generator=rng)
    inside = ((torch.arange(8) - hole) >= 0) & ((torch.arange(8) - hole) < 2)
    moved = moved.masked_fill(inside[:, 0, :, None] & inside[:, 1, None, :], 0.0)
    return moved.reshape(len(x), 64) + 0.1 * torch.randn(len(x), 64, generator=rng)


def probed(features: Tensor, labels: Tensor, more: Tensor, more_labels: Tensor) -> float:
    """How well a linear classifier on features does on others."""
    classifier = RidgeClassifier().fit(features.numpy(), labels.numpy())
    return float(classifier.score(more.numpy(), more_labels.numpy()))


@program()
def simclr_with_a_linear_probe(path: Path, seed: int) -> None:
    """Views of other pictures are the negatives; the loss falls slowly, and a probe tells whether it helps."""
    x, y, test_x, test_y = digits_with_labels()
    rng = torch.Generator().manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU())
    head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
    model = nn.Sequential(encoder, head)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    size = 128
    others = torch.arange(2 * size).roll(size)
    itself = torch.eye(2 * size, dtype=torch.bool)
    with nntui.init(path, total_steps=800, config={"temperature": 0.2}) as run:
        nntui.watch(model, optimizer, run, declared=("contrastive", "augmentation"))
        for step in range(800):
            batch = x[torch.randint(len(x), (size,), generator=rng)]
            z = model(torch.cat([shifted_and_blurred(batch, rng), shifted_and_blurred(batch, rng)]))
            z = functional.normalize(z, dim=1)
            logits = (z @ z.T / 0.2).masked_fill(itself, float("-inf"))
            loss = functional.cross_entropy(logits, others)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            top = (logits.argmax(1) == others).float().mean()
            run.log({"train/loss": loss, "train/contrast_accuracy": top}, step=step)
            if step % 200 == 199:
                model.eval()
                with torch.no_grad():
                    score = probed(encoder(x), y, encoder(test_x), test_y)
                model.train()
                run.log({"probe/accuracy": score}, step=step)


@program("live.collapse")
def siamese_views_without_negatives_or_stop_gradient(path: Path, seed: int) -> None:
    """Two views are to agree and nothing keeps them from agreeing on one vector for all pictures."""
    x, y, test_x, test_y = digits_with_labels()
    rng = torch.Generator().manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 32))
    predictor = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32))
    both = nn.ModuleDict({"encoder": encoder, "predictor": predictor})
    optimizer = torch.optim.SGD(both.parameters(), lr=0.1, momentum=0.9)

    def apart(p: Tensor, z: Tensor) -> Tensor:
        return 1 - functional.cosine_similarity(p, z, dim=1).mean()

    with nntui.init(path, total_steps=600) as run:
        nntui.watch(both, optimizer, run)
        for step in range(600):
            batch = x[torch.randint(len(x), (64,), generator=rng)]
            one, two = (encoder(shifted_and_blurred(batch, rng)) for _ in range(2))
            loss = (apart(predictor(one), two) + apart(predictor(two), one)) / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 60 == 59:
                with torch.no_grad():
                    known, new = (functional.normalize(encoder(part), dim=1) for part in (x, test_x))
                run.predictions(new[:32], name="embeddings", step=step)
                spread = new.std(0).mean().item()
                run.log({"embedding_std": spread, "probe/accuracy": probed(known, y, new, test_y)}, step=step)


class MaskedAutoencoder(nn.Module):
    """Sixteen patches of two by two pixels, of which some are shown; which ones is told too."""

    def __init__(self, width: int = 192) -> None:
        super().__init__()
        self.hidden = nn.Parameter(torch.zeros(4))
        self.body = nn.Sequential(nn.Linear(80, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, width))
        self.pixels = nn.Sequential(nn.GELU(), nn.LayerNorm(width), nn.Linear(width, 64))

    def forward(self, patches: Tensor, masked: Tensor) -> Tensor:
        shown = torch.where(masked[..., None], self.hidden, patches)
        return self.pixels(self.body(torch.cat([shown.flatten(1), masked.float()], 1))).view_as(patches)


@program()
def masked_autoencoder_on_digits(path: Path, seed: int) -> None:
    """Ten of sixteen patches are hidden, others at every reading; the loss has a floor and much noise."""
    x, _, test_x, _ = digits_with_labels()

    def patches(pictures: Tensor) -> Tensor:
        return pictures.reshape(-1, 4, 2, 4, 2).transpose(2, 3).reshape(-1, 16, 4)

    train, held_out = patches(x), patches(test_x)
    rng = torch.Generator().manual_seed(seed)
    model = MaskedAutoencoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=700, pct_start=0.1)

    def loss_of(batch: Tensor) -> Tensor:
        masked = torch.rand(len(batch), 16, generator=rng).argsort(1) < 10
        return (model(batch, masked) - batch)[masked].square().mean()

    with nntui.init(path, total_steps=700) as run:
        nntui.watch(model, optimizer, run, scheduler=schedule)
        for step in range(700):
            loss = loss_of(train[torch.randint(len(train), (32,), generator=rng)])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            run.log({"train_loss": loss.item(), "lr": schedule.get_last_lr()[0]}, step=step)
            schedule.step()
            if step % 50 == 49:
                model.eval()
                with torch.no_grad():
                    run.log({"eval_loss": loss_of(held_out).item()}, step=step)
                model.train()


@program("live.modes")
def denoising_autoencoder_scored_with_dropout(path: Path, seed: int) -> None:
    """Nobody calls eval(): dropout of a half is on while the held-out error is measured."""
    x, _, test_x, _ = digits_with_labels()
    rng = torch.Generator().manual_seed(seed)
    loader = DataLoader(TensorDataset(x), batch_size=70, shuffle=True, generator=rng)
    test_loader = DataLoader(TensorDataset(test_x), batch_size=100)
    model = nn.Sequential(
        *(nn.Linear(64, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 64), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64)),
    )
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    n_iter = 0
    with nntui.init(path, total_steps=40 * len(loader)) as run:
        nntui.watch(model, optimizer, run)
        for epoch in range(40):
            running = 0.0
            for (clean,) in loader:
                noisy = clean + 0.3 * torch.randn(clean.shape, generator=rng)
                optimizer.zero_grad()
                loss = criterion(model(noisy), clean)
                loss.backward()
                optimizer.step()
                running += loss.item()
                run.log({"train/loss": loss.item()}, step=n_iter)
                n_iter += 1
            total = 0.0
            with torch.no_grad():
                for (clean,) in test_loader:
                    total += criterion(model(clean), clean).item() * len(clean)
            run.log(
                {"val/loss": total / len(test_x), "train/epoch_loss": running / len(loader), "epoch": epoch},
                step=n_iter - 1,
            )


class Byol:
    """Bootstrap your own latent: a target that follows the online network slowly."""

    def __init__(self, seed: int) -> None:
        self.rng = torch.Generator().manual_seed(seed)
        self.encoder = nn.Sequential(nn.Linear(64, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, 64))
        self.predictor = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 64))
        self.target = copy.deepcopy(self.encoder).requires_grad_(False)
        self.online = nn.Sequential(self.encoder, self.predictor)
        self.optimizer = torch.optim.AdamW(self.online.parameters(), lr=1e-3, weight_decay=1e-5)

    def update(self, batch: Tensor) -> float:
        views = torch.cat([shifted_and_blurred(batch, self.rng), shifted_and_blurred(batch, self.rng)])
        with torch.no_grad():
            aims = self.target(views).roll(len(batch), 0)
        loss = 2 - 2 * functional.cosine_similarity(self.online(views), aims, dim=1).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(self.target.parameters(), self.encoder.parameters(), strict=True):
                slow.lerp_(fast, 0.02)
        return loss.item()

    @torch.no_grad()
    def score(self) -> dict[str, float]:
        x, y, test_x, test_y = digits_with_labels()
        self.online.eval()
        known, new = self.encoder(x), self.encoder(test_x)
        self.online.train()
        spread = functional.normalize(new, dim=1).std(0).mean().item()
        return {"probe/accuracy": probed(known, y, new, test_y), "probe/spread": spread}


@program()
def byol_after_a_slow_target(path: Path, seed: int) -> None:
    """The loss is against a target that moves and says little; the probe gets better."""
    learner = Byol(seed)
    x, *_ = digits_with_labels()
    with nntui.init(path, total_steps=800) as run:
        nntui.watch(learner.online, learner.optimizer, run)
        for step in range(800):
            batch = x[torch.randint(len(x), (96,), generator=learner.rng)]
            run.log({"loss": learner.update(batch)}, step=step)
            if step % 200 == 199:
                run.log(learner.score(), step=step)
