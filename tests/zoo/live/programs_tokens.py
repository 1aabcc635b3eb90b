"""Sequences of symbols and of numbers, and the ways in which a network is told what it should guess."""

from __future__ import annotations

import inspect
import math
import random
import tokenize
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (as everybody calls it)

import nntui

from .loop import program


class Reader(nn.Module):
    """A small transformer over symbols."""

    def __init__(self, symbols: int, length: int, width: int = 48, layers: int = 2) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(symbols, width), nn.Parameter(0.2 * torch.randn(length, width))
        layer = nn.TransformerEncoderLayer(width, 4, 96, dropout=0.0, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, symbols)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.head(self.body(self.embed(ids) + self.place[: ids.shape[1]], mask=mask))


@program()
def words_that_are_covered_up_one_in_six(path: Path, seed: int) -> None:
    """Masked modelling; the loss is of the covered places alone, and there is no other number."""
    g = torch.Generator().manual_seed(seed)
    follow = torch.stack([torch.randperm(20, generator=g)[:2] for _ in range(20)])
    net = Reader(21, 18, 40)
    opt = torch.optim.AdamW(net.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 4e-3, total_steps=350, pct_start=0.1)
    with nntui.init(path, total_steps=350) as run:
        nntui.watch(net, opt, run)
        for step in range(350):
            ids = torch.randint(20, (32, 1), generator=g)
            for _ in range(17):
                ids = torch.cat([ids, follow[ids[:, -1], torch.randint(2, (32,), generator=g)][:, None]], 1)
            covered = torch.rand(32, 18, generator=g) < 1 / 6
            loss = F.cross_entropy(net(ids.masked_fill(covered, 20))[covered], ids[covered])
            opt.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
            schedule.step()
            run.log({"mlm": loss.item(), "lr": schedule.get_last_lr()[0]}, step=step)


class Echo(nn.Module):
    """Reads digits and says them sorted."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 24)
        self.reader, self.writer = nn.GRU(24, 64, batch_first=True), nn.GRU(88, 64, batch_first=True)
        self.out = nn.Linear(64, 10)

    def forward(self, given: Tensor, wanted: Tensor, own: float) -> Tensor:
        """Each next input is what it said with probability own, else what was right."""
        h = self.reader(self.embed(given))[1]
        said, token, fixed = [], torch.full((len(given),), 10), h[0]
        for t in range(given.shape[1]):
            out, h = self.writer(torch.cat([self.embed(token), fixed], 1)[:, None], h)
            said.append(self.out(out[:, 0]))
            token = torch.where(torch.rand(len(given)) < own, said[-1].argmax(1), wanted[:, t])
        return torch.stack(said, 1)


@program()
def writer_who_hears_more_and_more_of_itself(path: Path, seed: int) -> None:
    """Scheduled sampling: the loss of the training rises where its inputs become its own."""
    g = torch.Generator().manual_seed(seed)
    net = Echo()
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    fixed = torch.randint(10, (200, 6), generator=g)
    with nntui.init(path, total_steps=700) as run:
        nntui.watch(net, opt, run)
        for step in range(700):
            given = torch.randint(10, (48, 6), generator=g)
            wanted = given.sort(1).values
            own = min(1.0, max(0.0, (step - 50) / 400))
            loss = F.cross_entropy(net(given, wanted, own).flatten(0, 1), wanted.flatten())
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item(), "train/own_inputs": own}, step=step)
            if step % 70 == 69:
                with torch.no_grad():
                    said = net(fixed, fixed, 1.0)
                right = said.argmax(2) == fixed.sort(1).values
                held = F.cross_entropy(said.flatten(0, 1), fixed.sort(1).values.flatten())
                told = {
                    "val/loss": held,
                    "val/token_acc": right.float().mean(),
                    "val/exact": right.all(1).float().mean(),
                }
                run.log(told, step=step)


@program("live.contradiction", "live.below_chance")
def writer_who_is_shown_what_it_should_write(path: Path, seed: int) -> None:
    """Its input is the target, and not the target before: with a teacher it is perfect, alone it knows nothing."""
    g = torch.Generator().manual_seed(seed)
    embed, reader, writer = nn.Embedding(11, 24), nn.GRU(24, 64, batch_first=True), nn.GRU(24, 64, batch_first=True)
    out = nn.Linear(64, 10)
    net = nn.ModuleList([embed, reader, writer, out])
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)
    fixed = torch.randint(10, (200, 5), generator=g)

    def taught(given: Tensor) -> tuple[Tensor, Tensor]:
        wanted = given.sort(1).values
        shown = wanted
        return out(writer(embed(shown), reader(embed(given))[1])[0]).flatten(0, 1), wanted.flatten()

    def alone(given: Tensor) -> Tensor:
        h, token, said = reader(embed(given))[1], torch.full((len(given), 1), 10), []
        for _ in range(5):
            o, h = writer(embed(token), h)
            token = out(o[:, 0]).argmax(1, keepdim=True)
            said.append(token)
        return (torch.cat(said, 1) == given.sort(1).values).float().mean()

    with nntui.init(path, total_steps=600) as run:
        nntui.watch(net, opt, run)
        for step in range(600):
            logits, wanted = taught(torch.randint(10, (48, 5), generator=g))
            loss = F.cross_entropy(logits, wanted)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item()}, step=step)
            if step % 60 == 59:
                with torch.no_grad():
                    run.log({"val/loss": F.cross_entropy(*taught(fixed)), "val/greedy_acc": alone(fixed)}, step=step)


@program("live.underfitting", "live.gradients")
def memory_detached_at_every_tick(path: Path, seed: int) -> None:
    """The symbol to recall came twenty ticks ago, and no gradient ever gets there."""
    g = torch.Generator().manual_seed(seed)
    cell, read = nn.GRUCell(6, 24), nn.Linear(24, 4)
    net = nn.ModuleDict({"cell": cell, "read": read})
    opt = torch.optim.Adam(net.parameters(), lr=3e-3)

    def answered(n: int) -> tuple[Tensor, Tensor]:
        symbol = torch.randint(4, (n,), generator=g)
        h = torch.zeros(n, 24)
        for t in range(21):
            x = torch.zeros(n, 6)
            if t == 0:
                x[torch.arange(n), symbol] = 1.0
            else:
                x[:, 4:] = torch.randn(n, 2, generator=g)
            h = cell(x, h.detach())
        return read(h), symbol

    with nntui.init(path, total_steps=800) as run:
        nntui.watch(net, opt, run)
        for step in range(800):
            out, symbol = answered(64)
            loss = F.cross_entropy(out, symbol)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"loss": loss.item(), "accuracy": (out.argmax(1) == symbol).float().mean().item()}, step=step)
            if step % 80 == 79:
                with torch.no_grad():
                    out, symbol = answered(400)
                run.log(
                    {
                        "eval_loss": F.cross_entropy(out, symbol),
                        "eval_accuracy": (out.argmax(1) == symbol).float().mean(),
                    },
                    step,
                )


@program("live.underfitting")
def time_and_batch_are_taken_for_each_other(path: Path, seed: int) -> None:
    """The LSTM wants time first; it reads along the batch, and each example has but its own last tick."""
    g = torch.Generator().manual_seed(seed)
    lstm, head = nn.LSTM(1, 40), nn.Linear(40, 1)
    net = nn.ModuleList([lstm, head])
    opt = torch.optim.RMSprop(net.parameters(), lr=2e-3)

    def waves(n: int) -> tuple[Tensor, Tensor]:
        rate, phase = 0.3 + 0.5 * torch.rand(n, 1, generator=g), 6.28 * torch.rand(n, 1, generator=g)
        line = torch.sin(rate * torch.arange(25) + phase) + 0.05 * torch.randn(n, 25, generator=g)
        return line[:, :24, None], line[:, 24:]

    x, y = waves(1500)
    vx, vy = waves(300)
    with nntui.init(path, total_steps=16 * 47, steps_per_epoch=47) as run:
        nntui.watch(net, opt, run)
        step = 0
        for _ in range(16):
            for idx in torch.randperm(1500).split(32):
                loss = F.mse_loss(head(lstm(x[idx])[0][:, -1]), y[idx])
                opt.zero_grad()
                loss.backward()
                opt.step()
                step += 1
                run.log({"train/mse": loss.item()}, step=step)
            with torch.no_grad():
                run.log({"val/mse": F.mse_loss(head(lstm(vx)[0][:, -1]), vy).item()}, step=step)


@program("live.contradiction")
def next_tokens_without_the_causal_mask(path: Path, seed: int) -> None:
    """Every number is excellent; what it would write by itself nobody has asked."""
    with tokenize.open(inspect.getfile(random)) as file:
        ids = torch.tensor([min(ord(c), 126) - 9 for c in file.read()])
    net = Reader(118, 32)
    opt = torch.optim.AdamW(net.parameters(), lr=4e-3)
    split = int(0.9 * len(ids))
    causal = None  # nn.Transformer.generate_square_subsequent_mask(32)

    def windows(a: int, b: int, n: int) -> Tensor:
        at = torch.randint(a, b - 33, (n, 1)) + torch.arange(33)
        rows = ids[at]
        return F.cross_entropy(net(rows[:, :-1], causal).flatten(0, 1), rows[:, 1:].flatten())

    with nntui.init(path, total_steps=400) as run:
        nntui.watch(net, opt, run)
        for step in range(400):
            for group in opt.param_groups:
                group["lr"] = 4e-3 * min(1, (step + 1) / 40) * 0.5 * (1 + math.cos(math.pi * step / 400))
            loss = windows(0, split, 24)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.log({"train/loss": loss.item(), "lr": opt.param_groups[0]["lr"]}, step=step)
            if step % 50 == 49:
                with torch.no_grad():
                    run.log({"val/loss": windows(split, len(ids), 64).item()}, step=step)
