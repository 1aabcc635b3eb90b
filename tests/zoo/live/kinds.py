"""Other kinds of trainings than classifying digits, each as a healthy loop to change one method of."""

from __future__ import annotations

import math
import sysconfig
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_diabetes
from torch import Tensor, nn

from .loop import Loop, Split


class Regression(Loop):
    """One number, by mean squared error."""

    def load(self) -> Split:
        found = load_diabetes()
        x, y = torch.tensor(found.data, dtype=torch.float32) * 20, torch.tensor(found.target, dtype=torch.float32)
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
        x, y = x[order], ((y - y.mean()) / y.std())[order, None]
        return x[:342], y[:342], x[342:], y[342:]

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(self.data[0].shape[1], 16), nn.ReLU(), nn.Linear(16, 1))

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters(), 3e-4, weight_decay=0.1)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.mse_loss(outputs, targets)

    def measured(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        return {}

    def scored(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        losses = (outputs - targets).square().flatten(1).mean(1)
        return {"val/loss": losses.mean(), "val/loss_stderr": losses.std() / len(losses) ** 0.5}


class Block(nn.Module):
    """Causal self-attention and a feed-forward network, each around a residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.mix(self.before(x)).chunk(3, -1)
        x = x + self.out(nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True))
        return x + self.wide(self.between(x))


class Transformer(nn.Module):
    """Next characters."""

    def __init__(self, letters: int, width: int, context: int, depth: int = 2) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(letters, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, letters)
        for one in (self.embed, self.place):
            nn.init.normal_(one.weight, std=0.02)

    def forward(self, codes: Tensor) -> Tensor:
        x = self.embed(codes) + self.place.weight[: codes.shape[1]]
        return self.head(self.norm(self.blocks(x)))


class Text(Loop):
    """The next character of Python's own source, by cross entropy over every place."""

    steps = 400
    batch_size = 16
    every = 25
    context = 32
    width = 48

    def load(self) -> Split:
        text = (Path(sysconfig.get_paths()["stdlib"]) / "argparse.py").read_text(encoding="utf-8")
        letters = {one: place for place, one in enumerate(sorted(set(text)))}
        self.letters = len(letters)
        codes = torch.tensor([letters[one] for one in text])
        windows = codes[: len(codes) // (self.context + 1) * (self.context + 1)].view(-1, self.context + 1)
        train, held = windows[:-64], windows[-64:]
        return train[:, :-1], train[:, 1:], held[:, :-1], held[:, 1:]

    def build(self) -> nn.Module:
        return Transformer(self.letters, self.width, self.context)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters(), 2e-3)

    def update(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())

    def measured(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        return {}

    def scored(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        losses = nn.functional.cross_entropy(outputs.transpose(1, 2), targets, reduction="none").mean(1)
        right = (outputs.argmax(-1) == targets).float().mean()
        return {"val/loss": losses.mean(), "val/loss_stderr": losses.std() / 8, "val/accuracy": right}

    def say(self, outputs: Tensor, targets: Tensor) -> None:
        super().say(outputs[:8].argmax(-1), targets[:8])


class Conv(Loop):
    """Digits as pictures, with batch normalisation behind each convolution."""

    steps = 300
    momentum = 0.1

    def build(self) -> nn.Module:
        def block(given: int, wanted: int) -> list[nn.Module]:
            return [
                nn.Conv2d(given, wanted, 3, padding=1, bias=False),
                nn.BatchNorm2d(wanted, momentum=self.momentum),
                nn.ReLU(),
            ]

        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)]
        return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), *block(1, 16), nn.MaxPool2d(2), *block(16, 32), *head)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)


class Recurrent(Loop):
    """Whether a sequence of ±1 has more of the one or of the other, read by a GRU."""

    steps = 300
    length = 24

    def load(self) -> Split:
        signs = torch.randint(0, 2, (2400, self.length, 1), generator=torch.Generator().manual_seed(0)).float() * 2 - 1
        labels = (signs.sum((1, 2)) > 0).long()
        return signs[:2000], labels[:2000], signs[2000:], labels[2000:]

    def build(self) -> nn.Module:
        class Reader(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.cell, self.head = nn.GRU(1, 24, batch_first=True), nn.Linear(24, 2)

            def forward(self, x: Tensor) -> Tensor:
                return self.head(self.cell(x)[0][:, -1])

        return Reader()

    def update(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), 0.25)
        self.optimizer.step()


class Autoencoder(Regression):
    """Digits through a narrow place and back."""

    def load(self) -> Split:
        x, _, other, _ = Loop.load(self)
        return x, x, other, other

    def build(self) -> nn.Module:
        return nn.Sequential(
            nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 8), nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 64)
        )

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), 2e-3)


class Rare(Loop):
    """Yes or no, where one in twenty is a yes; the final bias begins at that share."""

    share = 0.05

    def load(self) -> Split:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(6000, 12, generator=generator)
        score = x[:, :3].sum(1) + 0.5 * torch.randn(6000, generator=generator)
        y = (score > score.quantile(1 - self.share)).float()[:, None]
        return x[:5000], y[:5000], x[5000:], y[5000:]

    def build(self) -> nn.Module:
        model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 1))
        with torch.no_grad():
            model[2].bias.fill_(math.log(self.share / (1 - self.share)))
        return model

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(outputs, targets)

    def measured(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        return {"train/accuracy": ((outputs > 0) == targets.bool()).float().mean()}

    def scored(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        yes = outputs > 0
        found = (yes & targets.bool()).sum()
        return {
            "val/loss": self.loss(outputs, targets),
            "val/accuracy": (yes == targets.bool()).float().mean(),
            "val/f1": 2 * found / (yes.sum() + targets.sum()).clamp(min=1),
        }


class Adversaries(Loop):
    """A generator of points on two circles, and a judge of them, with an optimizer each."""

    declared = ("adversarial",)
    fixed = 0

    def load(self) -> Split:
        angle = 2 * math.pi * torch.rand(4000, generator=torch.Generator().manual_seed(0))
        ring = torch.stack([angle.cos(), angle.sin()], 1) * torch.tensor([1.0, 2.0]).repeat(2000)[:, None]
        nothing = torch.zeros(4000)
        return ring, nothing, ring[:100], nothing[:100]

    def build(self) -> nn.Module:
        def network(given: int, wanted: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Linear(given, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, wanted)
            )

        return nn.ModuleDict({"generator": network(4, 2), "judge": network(2, 1)})

    def make_optimizer(self) -> torch.optim.Optimizer:
        self.judging = torch.optim.Adam(self.model["judge"].parameters(), 1e-3, betas=(0.5, 0.9))  # pyright: ignore
        return torch.optim.Adam(self.model["generator"].parameters(), 1e-3, betas=(0.5, 0.9))  # pyright: ignore

    def made(self, count: int) -> Tensor:
        return self.model["generator"](torch.randn(count, 4, generator=self.generator))  # pyright: ignore

    def judged(self, points: Tensor, label: float) -> Tensor:
        said = self.model["judge"](points)  # pyright: ignore
        return nn.functional.binary_cross_entropy_with_logits(said, torch.full_like(said, label))

    def learn(self) -> dict[str, Any]:
        real, _ = self.batch()
        made = self.made(len(real))
        self.judging.zero_grad()
        judge = self.judged(real, 1.0) + self.judged(made.detach(), 0.0)
        judge.backward()
        self.judging.step()
        self.optimizer.zero_grad()
        fooled = self.fooling(made)
        fooled.backward()
        self.optimizer.step()
        return {"judge/loss": judge.detach(), "generator/loss": fooled.detach()}

    def fooling(self, made: Tensor) -> Tensor:
        return self.judged(made, 1.0)

    def evaluate(self) -> dict[str, Any]:
        with torch.no_grad():
            return {"radius": self.made(200).norm(dim=1).mean()}


class Scaled(Loop):
    """Digits in float16 with a loss scale."""

    def make_scaler(self) -> Any:
        return torch.amp.GradScaler("cpu", init_scale=2.0**24)

    def forward(self, inputs: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.float16):
            return self.model(inputs).float()

    def backward(self, loss: Tensor) -> None:
        self.scaler.scale(loss).backward()

    def update(self) -> None:
        self.scaler.step(self.optimizer)
        self.scaler.update()
