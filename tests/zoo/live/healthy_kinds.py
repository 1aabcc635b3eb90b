"""Healthy trainings of other kinds than classifying digits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from .kinds import Adversaries, Autoencoder, Conv, Rare, Recurrent, Regression, Scaled, Text
from .loop import Loop, Split, healthy, mlp


@healthy
class NextCharacter(Text):
    pass


@healthy
class NextCharacterSlowly(Text):
    """A long descent that never stops, at a small rate."""

    steps = 800
    width = 24
    batch_size = 8
    every = 60

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters(), 3e-4)

    def make_schedule(self) -> Any:
        return lr_scheduler.LinearLR(self.optimizer, 0.01, 1.0, 100)


@healthy
class CharacterFromTheLast(Text):
    """A table of pairs, by gradient descent alone."""

    steps = 2500
    every = 100

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Embedding(self.letters, 16), nn.Linear(16, self.letters))

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.5)


@healthy
class ConvolutionsOfDigits(Conv):
    pass


@healthy
class ConvolutionsOfFour(Conv):
    """Batches of four, so that the statistics of each are noise."""

    batch_size = 4
    steps = 800

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.02, momentum=0.9)


@healthy
class ConvolutionsCosine(Conv):
    def make_schedule(self) -> Any:
        return lr_scheduler.CosineAnnealingLR(self.optimizer, self.steps)


@healthy
class CountingSigns(Recurrent):
    pass


@healthy
class Diabetes(Regression):
    steps = 800


@healthy
class DiabetesWithMomentum(Regression):
    steps = 800

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.003, momentum=0.9, weight_decay=0.01)


@healthy
class DigitsAndBack(Autoencoder):
    pass


@healthy
class OneInTwenty(Rare):
    pass


@healthy
class OneInTwentyWeighed(Rare):
    """Positives count more, so that accuracy falls while the loss does."""

    every = 25

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        weight = torch.tensor([10.0])
        return nn.functional.binary_cross_entropy_with_logits(outputs, targets, pos_weight=weight)


@healthy
class TwoCircles(Adversaries):
    steps = 800


@healthy
class HalfPrecision(Scaled):
    """The first attempts overflow, and are skipped."""


@healthy
class HalfPrecisionFromFarAbove(Scaled):
    steps = 400

    def make_scaler(self) -> Any:
        return torch.amp.GradScaler("cpu", init_scale=2.0**36)


@healthy
class EasyOnesFirst(Loop):
    """Three classes, then six, then all: the loss jumps at each stage."""

    declared = ("curriculum",)

    def batch(self) -> tuple[Tensor, Tensor]:
        x, y, *_ = self.data
        known = (3, 6, 10)[min(2, self.step // 200)]
        places = torch.nonzero(y < known).flatten()
        chosen = places[torch.randint(0, len(places), (self.batch_size,), generator=self.generator)]
        return x[chosen], y[chosen]


@healthy
class OtherViewsOfTheSame(Loop):
    """Contrastive: of a batch, each must find the other view of its own."""

    declared = ("in_batch",)
    fixed = 0

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.normalize(self.model(inputs), dim=1)

    def pairs(self, inputs: Tensor) -> Tensor:
        noise = 0.4 * torch.randn((2, *inputs.shape), generator=self.generator)
        return self.forward(inputs + noise[0]) @ self.forward(inputs + noise[1]).T / 0.1

    def learn(self) -> dict[str, Any]:
        inputs, _ = self.batch()
        loss = nn.functional.cross_entropy(self.pairs(inputs), torch.arange(len(inputs)))
        self.clear()
        loss.backward()
        self.update()
        return {"train/loss": loss.detach()}

    @torch.no_grad()
    def evaluate(self) -> dict[str, Any]:
        *_, x, _ = self.data
        said = self.pairs(x[:64])
        own = torch.arange(64)
        return {
            "val/loss": nn.functional.cross_entropy(said, own),
            "val/accuracy": (said.argmax(1) == own).float().mean(),
        }


@healthy
class SumsModuloLate(Loop):
    """Sums modulo 23, learned by heart first: validation is far off for long."""

    steps = 1500
    batch_size = 256
    every = 100

    def load(self) -> Split:
        a, b = torch.meshgrid(torch.arange(23), torch.arange(23), indexing="ij")
        pairs = torch.stack([a.flatten(), b.flatten()], 1)
        order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0))
        pairs, sums = pairs[order], (pairs.sum(1) % 23)[order]
        return pairs[:300], sums[:300], pairs[300:], sums[300:]

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Embedding(23, 32), nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 23))

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters(), 3e-3, weight_decay=1.0)


@healthy
class CloseToTheNumberOfExamples(Loop):
    """As many parameters as noisy examples: validation rises a little, and falls again."""

    steps = 2000
    every = 100

    def load(self) -> Split:
        x, y, other, labels = super().load()
        noise = torch.rand(len(y), generator=torch.Generator().manual_seed(0)) < 0.15
        return x[:700], torch.where(noise, (y + 3) % 10, y)[:700], other, labels

    def build(self) -> nn.Module:
        return mlp(dropout=0.0, width=12)


@healthy
class ABanditByPolicyGradient(Loop):
    """The loss of a policy has no direction: its weights change with what is learned."""

    fixed = 0
    steps = 800

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 4))

    def learn(self) -> dict[str, Any]:
        state = torch.randn(self.batch_size, 8, generator=self.generator)
        policy = torch.distributions.Categorical(logits=self.model(state))
        chosen = policy.sample()
        reward = (chosen == state[:, :4].argmax(1)).float()
        loss = -(policy.log_prob(chosen) * (reward - reward.mean())).mean()
        self.clear()
        loss.backward()
        self.update()
        return {"policy/loss": loss.detach(), "reward": reward.mean(), "entropy": policy.entropy().mean().detach()}

    def evaluate(self) -> dict[str, Any]:
        return {}


@healthy
class NoiseTakenBack(Regression):
    """The noise of noisy points at every level: a loss that is noise mostly, and falls slowly."""

    steps = 1500
    every = 100

    def load(self) -> Split:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(3000, 2, generator=generator)
        x = x / x.norm(dim=1, keepdim=True)
        noise, level = torch.randn(3000, 2, generator=generator), torch.rand(3000, 1, generator=generator)
        mixed = torch.cat([(1 - level).sqrt() * x + level.sqrt() * noise, level], 1)
        return mixed[:2500], noise[:2500], mixed[2500:], noise[2500:]

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(3, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2))


@healthy
class OneLineAnEpoch(Loop):
    """The mean of every epoch is all that is logged."""

    steps = 660
    every = 22
    kept: list[Tensor]

    def begin(self) -> None:
        self.kept = []

    def learn(self) -> dict[str, Any]:
        self.kept.append(super().learn()["train/loss"])
        return {}

    def evaluate(self) -> dict[str, Any]:
        mean, self.kept = torch.stack(self.kept).mean(), []
        return {"train/loss": mean, **super().evaluate()}
