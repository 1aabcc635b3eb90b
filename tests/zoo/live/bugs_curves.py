"""Trainings whose curve goes wrong."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.utils.data
from torch import Tensor, nn
from torch.optim import lr_scheduler

import nntui

from .kinds import Regression
from .loop import Loop, Split, bug, mlp


@bug("live.nonfinite")
class LogOfZero(Loop):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        found = super().loss(outputs, targets)
        return found * torch.log(found.detach() * 0) * 0 if self.step >= 300 else found


@bug("live.divergence")
class RateRaisedByAThousand(Loop):
    def after(self) -> None:
        if self.step == 300:
            self.optimizer.param_groups[0]["lr"] = 3.0


@bug("live.divergence", "live.spike")
class LabelsShuffledFromTheMiddleOn(Loop):
    def batch(self) -> tuple[Tensor, Tensor]:
        x, y = super().batch()
        return (x, y.roll(1)) if self.step >= 300 else (x, y)


@bug("overfit.lr_decay")
class DecayedPerBatch(Loop):
    steps = 1500

    def make_schedule(self) -> Any:
        return lr_scheduler.StepLR(self.optimizer, 10, 0.5)


@bug("regularise.early_stop")
class FortyExamples(Loop):
    steps = 2000

    def load(self) -> Split:
        x, y, other, labels = super().load()
        noisy = torch.where(torch.rand(40, generator=torch.Generator().manual_seed(0)) < 0.4, (y[:40] + 3) % 10, y[:40])
        return x[:40], noisy, other, labels

    def build(self) -> nn.Module:
        return mlp(dropout=0.0, width=128)


@bug("overfit.lr_decay")
class DroppedWhileItFell(Loop):
    """A milestone from another task."""

    steps = 2000

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.01)

    def make_schedule(self) -> Any:
        return lr_scheduler.MultiStepLR(self.optimizer, [500], 0.02)


@bug("overfit.lr_decay")
class CosineOfAFifthOfTheRun(Loop):
    steps = 1500

    def make_schedule(self) -> Any:
        return lr_scheduler.LambdaLR(self.optimizer, lambda k: 0.5 * (1 + math.cos(math.pi * min(1.0, k / 300))))


@bug("overfit.lr_decay")
class ExponentialPerBatch(Loop):
    steps = 1500

    def make_schedule(self) -> Any:
        return lr_scheduler.ExponentialLR(self.optimizer, 0.97)


@bug("live.spike", "live.divergence")
class WeightsShakenOnce(Loop):
    """A bad update from which it does not recover at its small rate."""

    steps = 1200

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.05)

    def after(self) -> None:
        if self.step == 700:
            with torch.no_grad():
                for parameter in self.model.parameters():
                    parameter.add_(0.5 * torch.randn(parameter.shape, generator=self.generator))
            self.optimizer.param_groups[0]["lr"] = 1e-4


@bug("live.nonfinite")
class SpreadOfConstantRows(Loop):
    """Rows are divided by their spread inside the network, and some have none."""

    def build(self) -> nn.Module:
        class Scale(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.gain = nn.Parameter(torch.ones(64))

            def forward(self, x: Tensor) -> Tensor:
                return self.gain * (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True)

        return nn.Sequential(nn.Linear(64, 64), Scale(), nn.ReLU(), nn.Linear(64, 10))

    def batch(self) -> tuple[Tensor, Tensor]:
        x, y = super().batch()
        if self.step == 200:
            with torch.no_grad():
                self.model[0].weight.zero_()  # pyright: ignore
                self.model[0].bias.zero_()  # pyright: ignore
        return x, y


@bug("live.jitter", "live.update_ratio")
class RateAtTheEdge(Loop):
    """Batches of four at a rate at which every update throws it elsewhere."""

    batch_size = 4
    steps = 1200
    every = 25

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), 0.03)


@bug("live.jitter", "live.update_ratio", "live.divergence", "live.collapse")
class MomentumAtTheEdge(Loop):
    batch_size = 8
    steps = 1200
    every = 25

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.1, momentum=0.95)


@bug("live.clipping")
class ClippedToNothing(Loop):
    """Plain gradient descent whose every gradient is cut to a hundredth."""

    steps = 1000

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.1)

    def update(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), 0.01)
        self.optimizer.step()


@bug("live.underfitting")
class SigmoidBeforeTargetsOfHundreds(Regression):
    """The output cannot reach the targets: worse than the mean of them all, for ever. The checks have said what that is."""

    steps = 800

    def load(self) -> Split:
        x, y, other, labels = super().load()
        return x, 150 + 77 * y, other, 150 + 77 * labels

    def build(self) -> nn.Module:
        return nn.Sequential(super().build(), nn.Sigmoid())

    def begin(self) -> None:
        x, y, *_ = self.data
        task = nntui.Task(self.build, self.loss, torch.utils.data.TensorDataset(x, y))
        self.run.check(nntui.checks.init_loss(task))


@bug("live.underfitting", "live.update_ratio", "live.divergence", "live.jitter")
class RateTooHighAndChecked(Loop):
    """It never gets below what the checks found for a constant."""

    steps = 800

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 3.0, momentum=0.9)

    def begin(self) -> None:
        x, y, *_ = self.data
        task = nntui.Task(self.build, self.loss, torch.utils.data.TensorDataset(x, y))
        self.run.check(nntui.checks.init_loss(task))


@bug("live.plateau", "live.collapse", info=True)
class StuckFarAbove(Loop):
    """Saturated from the start by its scale; nothing moves."""

    steps = 1000

    def build(self) -> nn.Module:
        return mlp(nn.Sigmoid, 3, dropout=0.0)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.01)
