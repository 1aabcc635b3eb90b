"""Loops that are wired wrongly: gradients, modes, optimizers."""

from __future__ import annotations

import torch
from torch import nn

from .loop import Loop, bug


@bug("live.stale_gradient")
class ZeroGradForgotten(Loop):
    def clear(self) -> None:
        pass


@bug("live.stale_gradient")
class ZeroGradOncePerEpoch(Loop):
    def clear(self) -> None:
        if self.step % 22 == 0:
            self.optimizer.zero_grad()


@bug("live.late_clipping")
class ClippedAfterTheUpdate(Loop):
    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.1)

    def after(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), 0.01)


@bug("live.modes")
class EvalModeNeverTakenBack(Loop):
    def end_evaluation(self) -> None:
        pass


@bug("live.modes")
class EvaluatedInTrainingMode(Loop):
    def begin_evaluation(self) -> None:
        pass


@bug("live.frozen")
class GradientsOfALayerDropped(Loop):
    def update(self) -> None:
        for parameter in self.model[2].parameters():  # pyright: ignore
            parameter.grad = None
        self.optimizer.step()


@bug("live.optimizer_state")
class OptimizerMadeAnewEveryEpoch(Loop):
    def after(self) -> None:
        if self.step % 22 == 21:
            self.optimizer = self.make_optimizer()
