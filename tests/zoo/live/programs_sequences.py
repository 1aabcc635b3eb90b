"""Sequences of numbers and symbols: copying, reversing, aligning, forecasting."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import nntui

from .loop import program


class TiedTransformer(nn.Module):
    """A causal transformer whose last layer is its embedding."""

    def __init__(self, symbols: int, length: int, width: int = 64) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(symbols, width), nn.Embedding(length, width)
        nn.init.normal_(self.embed.weight, std=0.1)
        layer = nn.TransformerEncoderLayer(width, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, symbols, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        h = self.embed(tokens) + self.place(torch.arange(length))
        later = torch.full((length, length), float("-inf")).triu(1)
        return self.head(self.norm(self.blocks(h, mask=later)))


@program()
def transformer_copies_after_a_plateau(path: Path, seed: int) -> None:
    """For long only the chance level; then attention finds where to look, and the loss falls off a cliff."""
    rng = torch.Generator().manual_seed(seed)

    def batch(n: int) -> tuple[Tensor, Tensor]:
        word = torch.randint(1, 12, (n, 8), generator=rng)
        text = torch.cat([word, torch.zeros(n, 1, dtype=torch.long), word], 1)
        return text[:, :-1], text[:, 9:]

    model = TiedTransformer(12, 16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=7e-4, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 100))
    with nntui.init(path, total_steps=450) as run:
        nntui.watch(model, optimizer, run, scheduler=schedule)
        for step in range(450):
            inputs, targets = batch(32)
            loss = functional.cross_entropy(model(inputs)[:, 8:].transpose(1, 2), targets)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            run.log({"train/loss": loss}, step=step)
            if step % 50 == 49:
                inputs, targets = batch(200)
                model.eval()
                with torch.no_grad():
                    logits = model(inputs)[:, 8:]
                model.train()
                right = (logits.argmax(2) == targets).float()
                found = {"val/accuracy": right.mean(), "val/exact": right.prod(1).mean()}
                run.log({**found, "val/loss": functional.cross_entropy(logits.transpose(1, 2), targets)}, step=step)


class Reverser(nn.Module):
    """An encoder, a decoder and attention between them, as in translation before transformers."""

    def __init__(self, symbols: int, width: int = 64) -> None:
        super().__init__()
        self.embed = nn.Embedding(symbols, width)
        self.encoder, self.decoder = nn.GRU(width, width, batch_first=True), nn.GRU(width, width, batch_first=True)
        self.query, self.out = nn.Linear(width, width), nn.Linear(2 * width, symbols)

    def forward(self, source: Tensor, shifted: Tensor) -> Tensor:
        memory, last = self.encoder(self.embed(source))
        states, _ = self.decoder(self.embed(shifted), last)
        weights = (self.query(states) @ memory.transpose(1, 2) / 8).softmax(-1)
        return self.out(torch.cat([states, weights @ memory], -1))


@program("live.late_clipping")
def reverser_clipped_after_the_step(path: Path, seed: int) -> None:
    """The gradients are clipped when the update is over, which changes nothing; a high rate would have needed it."""
    rng = torch.Generator().manual_seed(seed)
    model = Reverser(11)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    with nntui.init(path, total_steps=600, config={"clip": 0.5}) as run:
        nntui.watch(model, optimizer, run)
        for step in range(600):
            source = torch.randint(1, 11, (32, 8), generator=rng)
            target = source.flip(1)
            shifted = functional.pad(target[:, :-1], (1, 0))
            logits = model(source, shifted)
            loss = functional.cross_entropy(logits.flatten(0, 1), target.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            right = (logits.argmax(-1) == target).float().mean()
            run.log({"train/loss": loss, "train/accuracy": right, "grad_norm": norm}, step=step)


@program()
def ctc_finds_symbols_in_noisy_frames(path: Path, seed: int) -> None:
    """First everything is blank and the loss stands still; then symbols come."""
    rng = torch.Generator().manual_seed(seed)
    shapes = torch.randn(6, 12, generator=torch.Generator().manual_seed(5))

    def batch(n: int) -> tuple[Tensor, Tensor]:
        said = torch.randint(1, 7, (n, 4), generator=rng)
        frames = 0.5 * torch.randn(n, 24, 12, generator=rng)
        for place in range(4):
            start = 6 * place + torch.randint(4, (n,), generator=rng)
            for more in range(2):
                frames[torch.arange(n), start + more] += shapes[said[:, place] - 1]
        return frames, said

    class Recogniser(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(12, 48, batch_first=True, bidirectional=True)
            self.out = nn.Linear(96, 7)

        def forward(self, frames: Tensor) -> Tensor:
            return self.out(self.rnn(frames)[0]).log_softmax(2).transpose(0, 1)

    model, ctc = Recogniser(), nn.CTCLoss(blank=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    with nntui.init(path, total_steps=450) as run:
        nntui.watch(model, optimizer, run)
        for step in range(450):
            frames, said = batch(32)
            loss = ctc(model(frames), said, torch.full((32,), 24), torch.full((32,), 4))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            run.log({"loss": loss.item()}, step=step)
            if step % 50 == 49:
                frames, said = batch(100)
                with torch.no_grad():
                    best = model(frames).argmax(2).T
                heard = [[s for s in torch.unique_consecutive(row).tolist() if s] for row in best]
                right = sum(one == other for one, other in zip(heard, said.tolist(), strict=True))
                run.log({"eval/sequence_accuracy": right / 100}, step=step)


def waves(length: int, noise: float, seed: int) -> Tensor:
    """Two periods and noise that nothing can foresee."""
    t = torch.arange(length, dtype=torch.float32)
    clean = (t / 5).sin() + 0.5 * (t / 13 + 1).sin()
    return clean + noise * torch.randn(length, generator=torch.Generator().manual_seed(seed))


@program()
def gru_forecasts_a_noisy_series(path: Path, seed: int) -> None:
    """Most of the series is noise: the loss is at its floor early and wanders there for the rest."""
    series = waves(1600, 0.6, seed)
    windows = series.unfold(0, 33, 1)
    train, test = windows[:1200], windows[1240:]
    loader = DataLoader(
        TensorDataset(train[:, :-1, None], train[:, -1]),
        batch_size=40,
        shuffle=True,
        generator=torch.Generator().manual_seed(seed),
    )
    rnn, head = nn.GRU(1, 24, batch_first=True), nn.Linear(24, 1)
    model = nn.ModuleDict({"rnn": rnn, "head": head})
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

    def forecast(x: Tensor) -> Tensor:
        return head(rnn(x)[0][:, -1])[:, 0]

    step = 0
    with nntui.init(path, total_steps=20 * len(loader), steps_per_epoch=len(loader)) as run:
        nntui.watch(model, optimizer, run)
        for epoch in range(20):
            for x, y in loader:
                loss = functional.mse_loss(forecast(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"train/mse": loss, "epoch": epoch}, step=step)
                step += 1
            with torch.no_grad():
                errors = (forecast(test[:, :-1, None]) - test[:, -1]).square()
            run.log({"val/mse": errors.mean(), "val/mse_stderr": errors.std() / len(errors) ** 0.5}, step=step - 1)


@program("live.gradients", "live.update_ratio")
def ten_layers_of_sigmoids_on_windows(path: Path, seed: int) -> None:
    """Which way does the series go next? Ten sigmoids deep nothing of the gradient is left for the first layers."""
    series = waves(2000, 0.1, seed)
    windows = series.unfold(0, 17, 1)
    inputs, targets = windows[:, :16], (windows[:, 16] > windows[:, 15]).float()
    rng = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = [nn.Linear(16, 32), nn.Sigmoid()]
    for _ in range(9):
        layers.extend((nn.Linear(32, 32), nn.Sigmoid()))
    model = nn.Sequential(*layers, nn.Linear(32, 1), nn.Flatten(0))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = nn.BCEWithLogitsLoss()
    with nntui.init(path, total_steps=1000) as run:
        nntui.watch(model, optimizer, run)
        for step in range(1000):
            chosen = torch.randint(1500, (64,), generator=rng)
            loss = criterion(model(inputs[chosen]), targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 100 == 99:
                model.eval()
                with torch.no_grad():
                    said = model(inputs[1600:])
                model.train()
                right = ((said > 0) == (targets[1600:] > 0)).float().mean()
                run.log({"val/loss": criterion(said, targets[1600:]), "val/accuracy": right}, step=step)


@program("live.few_examples")
def forecaster_chosen_by_four_windows(path: Path, seed: int) -> None:
    """Up or down? Four windows decide which weights are the best, by luck."""
    series = waves(900, 0.4, seed)
    windows = series.unfold(0, 25, 1)
    x, up = windows[:, :24], (windows[:, 24] > windows[:, 23]).long()
    train_x, train_up, val_x, val_up = x[:800], up[:800], x[840:844], up[840:844]
    net = nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.Dropout(0.2), nn.Linear(48, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    rng = torch.Generator().manual_seed(seed)
    best, step = math.inf, 0
    with nntui.init(path, total_steps=30 * 20) as run:
        nntui.watch(net, optimizer, run)
        for epoch in range(30):
            net.train()
            for chosen in torch.randperm(800, generator=rng).split(40):
                loss = functional.cross_entropy(net(train_x[chosen]), train_up[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"train/loss": loss.item()}, step=step)
                step += 1
            net.eval()
            with torch.no_grad():
                logits = net(val_x)
            val_loss = functional.cross_entropy(logits, val_up).item()
            right = (logits.argmax(1) == val_up).float().mean().item()
            best = min(best, val_loss)
            run.predictions(logits, targets=val_up if epoch == 0 else None, step=step - 1)
            run.log({"val/loss": val_loss, "val/accuracy": right, "val/best": best}, step=step - 1)
