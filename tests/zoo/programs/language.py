"""The next character of English: a causal transformer and a recurrent network, written by hand."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from nntui import Task

from . import data

CONTEXT, WIDTH, HEADS = 32, 32, 4


class CausalAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(3))
        self.out = nn.Linear(WIDTH, WIDTH)
        self.register_buffer("mask", torch.tril(torch.ones(CONTEXT, CONTEXT)))

    def masked(self, scores: Tensor) -> Tensor:
        t = scores.shape[-1]
        return scores.masked_fill(self.mask[:t, :t] == 0, -math.inf)  # pyright: ignore

    def heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.heads(self.query(x)), self.heads(self.key(x)), self.heads(self.value(x))
        weights = self.masked(q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, attention: type[nn.Module] = CausalAttention) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = attention()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, prior: Tensor, attention: type[nn.Module] = CausalAttention) -> None:
        super().__init__()
        self.token = nn.Embedding(128, WIDTH)
        self.position = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block(attention) for _ in range(2)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 128)
        with torch.no_grad():
            self.head.weight.mul_(0.3)
            self.head.bias.copy_(prior.log())

    def forward(self, codes: Tensor) -> Tensor:
        x = self.token(codes) + self.position(torch.arange(codes.shape[1]))
        return self.head(self.norm(self.blocks(x)))


class Recurrent(nn.Module):
    def __init__(self, prior: Tensor, *, bidirectional: bool = False) -> None:
        super().__init__()
        self.token = nn.Embedding(128, WIDTH)
        self.rnn = nn.GRU(WIDTH, 48 // (1 + bidirectional), batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(48, 128)
        with torch.no_grad():
            self.head.bias.copy_(prior.log())

    def forward(self, codes: Tensor) -> Tensor:
        return self.head(self.rnn(self.token(codes))[0])


def loss(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def split(seed: int) -> tuple[TensorDataset, TensorDataset, Tensor]:
    """Windows and the characters that follow each of theirs, and how often each of 128 occurs."""
    train, validation = data.windows(seed, length=CONTEXT)
    prior = (torch.bincount(train.flatten(), minlength=128) + 0.5) / (train.numel() + 64)
    return TensorDataset(train[:, :-1], train[:, 1:]), TensorDataset(validation[:, :-1], validation[:, 1:]), prior


def task(seed: int) -> Task:
    """The transformer."""
    train, validation, prior = split(seed)
    return Task(
        model=lambda: GPT(prior),
        loss=loss,
        train=train,
        validation=validation,
        causal=True,
        optimizer=lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1),
    )


def recurrent(seed: int) -> Task:
    """The recurrent network."""
    train, validation, prior = split(seed)
    return Task(
        model=lambda: Recurrent(prior),
        loss=loss,
        train=train,
        validation=validation,
        causal=True,
        optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=3e-3),
    )
