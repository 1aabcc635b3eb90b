"""Small models of Python's own source text, by people with different habits."""

from __future__ import annotations

import argparse
import ast
import difflib
import heapq
import json.decoder
import textwrap
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn import functional

import nntui

from .loop import program


def source(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


def encoded(text: str) -> tuple[Tensor, int]:
    """Its characters as numbers, and how many there are."""
    symbols = {symbol: number for number, symbol in enumerate(sorted(set(text)))}
    return torch.tensor([symbols[symbol] for symbol in text]), len(symbols)


class CharLstm(nn.Module):
    def __init__(self, symbols: int, width: int = 96) -> None:
        super().__init__()
        self.embed, self.lstm = nn.Embedding(symbols, 32), nn.LSTM(32, width, batch_first=True)
        self.out = nn.Linear(width, symbols)

    def forward(self, text: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        hidden, state = self.lstm(self.embed(text), state)
        return self.out(hidden), state


@program()
def char_lstm_that_carries_its_state(path: Path, seed: int) -> None:
    """Sixteen readers go through the text side by side and keep their state; the loss depends on where they are."""
    text, symbols = encoded(source(argparse))
    test, text = text[-6000:].view(4, -1), text[:-6000]
    streams = text[: len(text) // 16 * 16].view(16, -1)
    model = CharLstm(symbols)
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    length, step = 32, 0
    steps = (streams.shape[1] - 1) // length
    with nntui.init(path, config={"seed": seed, "bptt": length}, total_steps=3 * steps) as run:
        nntui.watch(model, optimizer, run, declared=("stateful",))
        for _ in range(3):
            state = None
            for start in range(0, steps * length, length):
                x, y = streams[:, start : start + length], streams[:, start + 1 : start + length + 1]
                logits, state = model(x, state)
                state = (state[0].detach(), state[1].detach())
                loss = functional.cross_entropy(logits.transpose(1, 2), y)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                run.log({"train/loss": loss.item()}, step=step)
                if step % 60 == 59:
                    with torch.no_grad():
                        logits, _ = model(test[:, :-1], None)
                    run.log(
                        {"val/loss": functional.cross_entropy(logits.transpose(1, 2), test[:, 1:]).item()}, step=step
                    )
                step += 1


class CharRnn(nn.Module):
    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(symbols, 32)
        self.rnn = nn.RNN(32, 96, nonlinearity="relu", batch_first=True)
        self.out = nn.Linear(96, symbols)

    def forward(self, text: Tensor) -> Tensor:
        return self.out(self.rnn(self.embed(text))[0]).transpose(1, 2)


@program("live.divergence", "live.spike", "live.gradients", "live.nonfinite")
def relu_rnn_without_clipping_explodes(path: Path, seed: int) -> None:
    """It learns while the rate is warmed up, until one gradient through 48 steps is too long; clipped it would go on."""
    text, symbols = encoded(source(argparse))
    rng = torch.Generator().manual_seed(seed)
    net = CharRnn(symbols)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.5, momentum=0.9)
    warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, 0.02, total_iters=300)
    with nntui.init(path, total_steps=500) as run:
        nntui.watch(net, optimizer, run, scheduler=warm_up)
        for step in range(500):
            x, y = pieces(text, 16, 48, rng)
            loss = functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss.item(), "lr": warm_up.get_last_lr()[0]}, step=step)
            warm_up.step()


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.mix = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.one, self.two = nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        q, k, v = self.qkv(self.one(x)).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.mix(seen.transpose(1, 2).reshape(n, length, width))
        return x + self.feed(self.two(x))


class Gpt(nn.Module):
    def __init__(self, symbols: int, length: int, width: int, blocks: int) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(symbols, width), nn.Parameter(torch.zeros(length, width))
        self.blocks = nn.Sequential(*(Block(width, 4) for _ in range(blocks)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, symbols)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.token(tokens) + self.place[: tokens.shape[1]])))


def pieces(text: Tensor, n: int, length: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    starts = torch.randint(len(text) - length, (n, 1), generator=rng)
    chosen = text[starts + torch.arange(length + 1)]
    return chosen[:, :-1], chosen[:, 1:]


@program("regularise.early_stop")
def transformer_learns_a_page_by_heart(path: Path, seed: int) -> None:
    """Three thousand characters to train on, a model that can keep them all, and nothing against it."""
    text, symbols = encoded(source(heapq))
    train, val = text[:3000], text[3000:7000]
    rng = torch.Generator().manual_seed(seed)
    model = Gpt(symbols, 32, 48, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    fixed = val[:3968].view(-1, 32)
    with nntui.init(path, total_steps=450) as run:
        nntui.watch(model, optimizer, run)
        for step in range(450):
            x, y = pieces(train, 24, 32, rng)
            loss = functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            run.log({"train/loss": loss}, step=step)
            if step % 30 == 29:
                model.eval()
                with torch.no_grad():
                    logits = model(fixed[:, :-1])
                model.train()
                run.log({"val/loss": functional.cross_entropy(logits.flatten(0, 1), fixed[:, 1:].flatten())}, step=step)


@program()
def small_gpt_on_source_text(path: Path, seed: int) -> None:
    """Warm-up and cosine, weight decay for matrices alone, evaluation on a few random pieces: a noisy val/loss."""
    text, symbols = encoded(source(argparse) + source(difflib) + source(ast))
    cut = int(0.9 * len(text))
    train, val = text[:cut], text[cut:]
    rng = torch.Generator().manual_seed(seed)
    model = Gpt(symbols, 32, 64, 2)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=3e-3, betas=(0.9, 0.95))
    steps = 500
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.05, total_iters=50)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps - 50, eta_min=3e-4)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, fall], [50])
    with nntui.init(path, config={"steps": steps}, total_steps=steps) as run:
        nntui.watch(model, optimizer, run, scheduler=schedule)
        for step in range(steps):
            x, y = pieces(train, 16, 32, rng)
            loss = functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            run.log({"train/loss": loss, "lr": schedule.get_last_lr()[0], "grad_norm": norm}, step=step)
            schedule.step()
            if step % 50 == 49:
                model.eval()
                with torch.no_grad():
                    x, y = pieces(val, 32, 32, rng)
                    run.log({"val/loss": functional.cross_entropy(model(x).flatten(0, 1), y.flatten())}, step=step)
                model.train()


MODULES = (textwrap, argparse, ast, difflib, heapq, json.decoder)


def lines() -> list[tuple[str, str]]:
    """Lines of some modules, mixed, each with the module it is from."""
    found = []
    for module in MODULES:
        long = [line.strip() for line in source(module).splitlines() if len(line.strip()) >= 30]
        found += [(line, module.__name__) for line in long[:180]]
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(8)).tolist()
    return [found[i] for i in order]


def trigrams(rows: list[str]) -> Tensor:
    """Each row's first forty triples of characters, hashed into a thousand places, the first of which is padding."""
    table = torch.zeros(len(rows), 40, dtype=torch.long)
    for i, row in enumerate(rows):
        for j in range(min(40, len(row) - 2)):
            a, b, c = row[j : j + 3].encode("utf-8", "replace")[:3]
            table[i, j] = 1 + (a * 961 + b * 31 + c) % 1000
    return table


class LineClassifier(nn.Module):
    def __init__(self, embed: nn.Embedding) -> None:
        super().__init__()
        self.embed = embed
        self.head = nn.Sequential(nn.Linear(embed.embedding_dim, 32), nn.ReLU(), nn.Linear(32, len(MODULES)))

    def forward(self, rows: Tensor) -> Tensor:
        there = (rows > 0).float()[..., None]
        return self.head((self.embed(rows) * there).sum(1) / there.sum(1).clamp(min=1))


class Trainer:
    """The usual one: fit, evaluate, log."""

    def __init__(self, model: nn.Module, lr: float, seed: int) -> None:
        self.model, self.rng = model, torch.Generator().manual_seed(seed)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.global_step = 0

    def fit(self, path: Path, train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor], epochs: int) -> None:
        x, y = train
        with nntui.init(path, total_steps=epochs * -(-len(x) // 32)) as self.run:
            nntui.watch(self.model, self.optimizer, self.run)
            for epoch in range(epochs):
                self.model.train()
                for chosen in torch.randperm(len(x), generator=self.rng).split(32):
                    loss = functional.cross_entropy(self.model(x[chosen]), y[chosen])
                    self.optimizer.zero_grad()
                    loss.backward()
                    self.optimizer.step()
                    self.run.log({"train/loss": loss.item(), "epoch": epoch}, step=self.global_step)
                    self.global_step += 1
                self.evaluate(*val)

    @torch.no_grad()
    def evaluate(self, x: Tensor, y: Tensor) -> None:
        self.model.eval()
        logits = self.model(x)
        found = {
            "val/loss": functional.cross_entropy(logits, y),
            "val/accuracy": (logits.argmax(1) == y).float().mean(),
        }
        self.run.log(found, step=self.global_step - 1)


@program("live.contradiction", "live.below_chance")
def lines_whose_validation_has_another_label_map(path: Path, seed: int) -> None:
    """Training numbers the modules as they are listed, validation as they are sorted."""
    found = lines()
    listed = [module.__name__ for module in MODULES]
    train, val = found[:600], found[600:]
    model = LineClassifier(nn.Embedding(1001, 24))
    splits = [
        (trigrams([line for line, _ in part]), torch.tensor([classes.index(name) for _, name in part]))
        for part, classes in ((train, listed), (val, sorted(listed)))
    ]
    Trainer(model, 2e-3, seed).fit(path, *splits, epochs=20)


@program("live.frozen")
def lines_read_with_an_embedding_that_is_frozen(path: Path, seed: int) -> None:
    """from_pretrained freezes what it is given, here small random numbers that were meant to be a beginning."""
    found = lines()
    start = 0.3 * torch.randn(1001, 6, generator=torch.Generator().manual_seed(seed))
    model = LineClassifier(nn.Embedding.from_pretrained(start))
    number = {module.__name__: i for i, module in enumerate(MODULES)}
    x, y = trigrams([line for line, _ in found]), torch.tensor([number[name] for _, name in found])
    Trainer(model, 2e-3, seed).fit(path, (x[:600], y[:600]), (x[600:], y[600:]), epochs=20)
