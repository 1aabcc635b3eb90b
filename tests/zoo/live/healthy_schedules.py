"""Healthy trainings of digits: schedules, optimizers, what is frozen or clipped."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from .loop import Loop, healthy


@healthy
class CosineToZero(Loop):
    steps = 1500

    def make_schedule(self) -> Any:
        return lr_scheduler.CosineAnnealingLR(self.optimizer, self.steps)


@healthy
class OneCycle(Loop):
    steps = 1500

    def make_schedule(self) -> Any:
        return lr_scheduler.OneCycleLR(self.optimizer, 1e-2, total_steps=self.steps + 1)


@healthy
class WarmRestarts(Loop):
    steps = 1600

    def make_schedule(self) -> Any:
        return lr_scheduler.CosineAnnealingWarmRestarts(self.optimizer, 400)


@healthy
class WarmUp(Loop):
    def make_schedule(self) -> Any:
        return lr_scheduler.LinearLR(self.optimizer, 1e-3, 1.0, 200)


@healthy
class AccumulatedByFour(Loop):
    def update(self) -> None:
        if self.step % 4 == 3:
            self.optimizer.step()

    def clear(self) -> None:
        if self.step % 4 == 0:
            self.optimizer.zero_grad()


@healthy
class MomentumAndWeightDecay(Loop):
    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.05, momentum=0.9, weight_decay=5e-4)


@healthy
class ClippedInTime(Loop):
    def update(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), 0.5)
        self.optimizer.step()


@healthy
class FineTuning(Loop):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        x, y, *_ = self.data
        for _ in range(300):
            self.optimizer.zero_grad()
            nn.functional.cross_entropy(self.model(x), y).backward()
            self.optimizer.step()
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-5)


@healthy
class FirstLayerFrozen(Loop):
    declared = ("frozen:0",)

    def make_optimizer(self) -> torch.optim.Optimizer:
        self.model[0].requires_grad_(False)  # pyright: ignore
        return super().make_optimizer()


@healthy
class CosineToZeroAndOn(Loop):
    """The last steps are made with next to no rate, and evaluated often."""

    steps = 1000
    every = 10

    def make_schedule(self) -> Any:
        return lr_scheduler.CosineAnnealingLR(self.optimizer, self.steps)


@healthy
class ClippedThroughout(Loop):
    """Clipped at every update; Adam does not mind."""

    def update(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), 0.01)
        self.optimizer.step()


@healthy
class StepsAtTheEnd(Loop):
    steps = 2000

    def make_schedule(self) -> Any:
        return lr_scheduler.MultiStepLR(self.optimizer, [1400, 1800], 0.1)


@healthy
class AveragedWeightsEvaluated(Loop):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.average = torch.optim.swa_utils.AveragedModel(
            self.model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98)
        )

    def after(self) -> None:
        self.average.update_parameters(self.model)

    def evaluated(self, inputs: Tensor) -> Tensor:
        return self.average.eval()(inputs)


@healthy
class NewtonOfAllAtOnce(Loop):
    """L-BFGS over all examples: a few updates, each of many evaluations."""

    steps = 60
    every = 5

    def build(self) -> nn.Module:
        return nn.Linear(64, 10)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.LBFGS(self.model.parameters(), lr=0.5, max_iter=4)

    def learn(self) -> dict[str, Any]:
        x, y, *_ = self.data

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            loss = self.loss(self.model(x), y) + 1e-3 * self.model.weight.square().sum()
            loss.backward()
            return loss

        return {"train/loss": self.optimizer.step(closure).detach()}
