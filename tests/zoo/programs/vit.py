"""A small vision transformer on digits: 16 patches of 2 × 2, two blocks, GELU, a class token."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from nntui import Task

from . import data


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, t, c = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        weights = self.weights(q @ k.mT / math.sqrt(c // self.heads))
        return self.proj((weights @ v).transpose(1, 2).reshape(n, t, c))

    def weights(self, scores: Tensor) -> Tensor:
        return scores.softmax(dim=-1)


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self, width: int = 32, heads: int = 4, depth: int = 2) -> None:
        super().__init__()
        self.patch = nn.Linear(4, width)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, 17, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def patches(self, pictures: Tensor) -> Tensor:
        """(N, 1, 8, 8) -> (N, 16, 4)."""
        return F.unfold(pictures, 2, stride=2).mT

    def embed(self, pictures: Tensor) -> Tensor:
        x = self.patch(self.patches(pictures))
        return torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1) + self.position

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.embed(pictures)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


def task(seed: int) -> Task:
    train, validation = data.pictures(seed)
    return Task(
        model=ViT,
        loss=nn.CrossEntropyLoss(),
        train=train,
        validation=validation,
        optimizer=lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05),
    )
