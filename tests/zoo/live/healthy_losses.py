"""Healthy trainings whose loss is noise mostly, or does not move for long."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .kinds import Regression
from .loop import Loop, Split, healthy


@healthy
class NoisyRegression(Regression):
    """Targets that are mostly noise, by mean squared error."""

    steps = 1500

    def load(self) -> Split:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(2000, 64, generator=generator)
        y = (x[:, :4].sum(1, keepdim=True) + 6 * torch.randn(2000, 1, generator=generator)) / math.sqrt(40)
        return x[:1600], y[:1600], x[1600:], y[1600:]


@healthy
class ParityThatPlateaus(Loop):
    """Fresh examples in every batch, so that nothing can be learned by heart."""

    steps = 1500

    def load(self) -> Split:
        bits = torch.randint(0, 2, (400, 64), generator=torch.Generator().manual_seed(0)).float()
        labels = bits[:, :6].sum(1).long() % 2
        return bits, labels, 2 * bits - 1, labels

    def batch(self) -> tuple[Tensor, Tensor]:
        bits = torch.randint(0, 2, (self.batch_size, 64), generator=self.generator).float()
        return 2 * bits - 1, bits[:, :6].sum(1).long() % 2


@healthy
class CoinsAsLabels(ParityThatPlateaus):
    """Nothing can be learned at all."""

    def batch(self) -> tuple[Tensor, Tensor]:
        x, y = super().batch()
        return x, torch.randint(0, 2, y.shape, generator=self.generator)


@healthy
class AbsoluteErrorWithOutliers(Regression):
    """Heavy tails: single batches have ten times the usual loss."""

    steps = 1000

    def load(self) -> Split:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(3000, 8, generator=generator)
        tails = torch.distributions.StudentT(2.0)
        torch.manual_seed(0)
        y = x[:, :3].sum(1, keepdim=True) + 0.3 * tails.sample((3000, 1))
        return x[:2500], y[:2500], x[2500:], y[2500:]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.l1_loss(outputs, targets)


@healthy
class SquaredErrorWithOutliers(AbsoluteErrorWithOutliers):
    batch_size = 16

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.mse_loss(outputs, targets)


@healthy
class Hinge(Loop):
    """A loss that is exactly zero for most, in the end for all of a batch."""

    steps = 1500

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.multi_margin_loss(outputs, targets, margin=1.0)

    def scored(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {"val/loss": self.loss(outputs, targets), "val/accuracy": (outputs.argmax(1) == targets).float().mean()}


@healthy
class RoundedForThePrinter(Loop):
    """Numbers of two digits are all that is logged."""

    steps = 1500

    def evaluate(self) -> dict[str, float]:
        return {name: round(float(value), 2) for name, value in super().evaluate().items() if "stderr" not in name}
