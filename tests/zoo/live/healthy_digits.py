"""Healthy trainings of digits: noise, norms, lengths."""

from __future__ import annotations

import torch
import torch.utils.data
from torch import Tensor, nn

import nntui

from .loop import Loop, Split, healthy, mlp


@healthy
class Plain(Loop):
    pass


@healthy
class Longer(Loop):
    steps = 3000


@healthy
class BatchOfTwo(Loop):
    steps = 3000
    batch_size = 2

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.02)


@healthy
class HeavyDropout(Loop):
    def build(self) -> nn.Module:
        return mlp(dropout=0.5)


@healthy
class LabelSmoothing(Loop):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs, targets, label_smoothing=0.1)


@healthy
class BatchNormOfEight(Loop):
    batch_size = 8
    steps = 1500

    def build(self) -> nn.Module:
        return mlp(norm=True, dropout=0.0)


@healthy
class ASpikeThatComesBack(Loop):
    steps = 1200

    def batch(self) -> tuple[Tensor, Tensor]:
        x, y = super().batch()
        return (x, y.roll(1)) if self.step in (500, 501) else (x, y)


@healthy
class NoisyLabels(Loop):
    steps = 1000

    def load(self) -> Split:
        x, y, other, labels = super().load()
        noise = torch.rand(len(y), generator=torch.Generator().manual_seed(0)) < 0.3
        return x, torch.where(noise, (y + 3) % 10, y), other, labels


@healthy
class StrongAugmentation(Loop):
    def batch(self) -> tuple[Tensor, Tensor]:
        x, y = super().batch()
        return x + 0.5 * torch.randn(x.shape, generator=self.generator), y


@healthy
class DeepTanh(Loop):
    def build(self) -> nn.Module:
        return mlp(nn.Tanh, 5)


@healthy
class EvaluatedAllTheTime(Loop):
    every = 2


@healthy
class Mixed(Loop):
    """Examples are mixed by halves, so that training never gets as good as validation."""

    def batch(self) -> tuple[Tensor, Tensor]:
        x, y = super().batch()
        self.share = float(torch.rand((), generator=self.generator))
        return self.share * x + (1 - self.share) * x.flip(0), y

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        other = nn.functional.cross_entropy(outputs, targets.flip(0))
        return self.share * nn.functional.cross_entropy(outputs, targets) + (1 - self.share) * other


@healthy
class SmallNetworkOfSigmoids(Loop):
    steps = 1500

    def build(self) -> nn.Module:
        return mlp(nn.Sigmoid, 2, dropout=0.0)


@healthy
class AHundredFaintClasses(Loop):
    """A hundred classes, and few examples of each: validation is hardly ever right."""

    steps = 1000

    def load(self) -> Split:
        generator = torch.Generator().manual_seed(0)
        centres = torch.randn(100, 64, generator=generator)
        y = torch.randint(0, 100, (1400,), generator=generator)
        x = 0.15 * centres[y] + torch.randn(1400, 64, generator=generator)
        return x[:1000], y[:1000], x[1000:], y[1000:]

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 100))


@healthy
class OutputsThatAreDropped(Loop):
    """Training is worse than any constant, since most outputs are dropped; validation is fine. The checks were made."""

    steps = 800

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), nn.Dropout(0.9))

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), 1e-2)

    def begin(self) -> None:
        x, y, *_ = self.data
        task = nntui.Task(self.build, self.loss, torch.utils.data.TensorDataset(x, y))
        self.run.check(nntui.checks.init_loss(task))
