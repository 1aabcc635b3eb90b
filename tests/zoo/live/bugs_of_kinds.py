"""What goes wrong in other kinds of trainings than classifying digits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .kinds import Adversaries, Rare, Recurrent, Regression, Scaled, Text
from .loop import Split, bug


@bug("live.frozen")
class GeneratorThatIsNeverToldOff(Adversaries):
    """The judge's verdict is taken of a copy: the generator has no gradient."""

    def fooling(self, made: Tensor) -> Tensor:
        return self.judged(made.detach(), 1.0)


@bug("live.nonfinite", "live.loss_scale")
class InfinityAtAnyScale(Scaled):
    """A division by zero in one term: every attempt is skipped from there on."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        found = super().loss(outputs, targets)
        return found + (outputs - outputs.detach()).sum() * torch.inf if self.step >= 150 else found


@bug("live.loss_scale")
class GradientsThatOverflowAtAnyScale(Scaled):
    """The loss is finite, its gradient is not: no attempt succeeds from there on."""

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = super().forward(inputs)
        if self.step >= 100 and outputs.requires_grad:
            outputs.register_hook(lambda gradient: gradient * torch.inf)
        return outputs


@bug("live.divergence", "live.update_ratio", "live.spike")
class CharactersAtARateTooHigh(Text):
    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters(), 0.3)


@bug("live.modes")
class DropoutInTheEvaluationOfText(Text):
    def build(self) -> nn.Module:
        model = super().build()
        return nn.Sequential(model, nn.Dropout(0.1))

    def begin_evaluation(self) -> None:
        pass


@bug("live.gradients", "live.divergence", "live.nonfinite", "live.spike", "live.update_ratio")
class RecurrenceThatExplodes(Recurrent):
    """No clipping, and a recurrence that grows."""

    def build(self) -> nn.Module:
        class Reader(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.cell, self.head = nn.RNN(1, 24, nonlinearity="relu", batch_first=True), nn.Linear(24, 2)
                nn.init.eye_(self.cell.weight_hh_l0)

            def forward(self, x: Tensor) -> Tensor:
                return self.head(self.cell(x)[0][:, -1])

        return Reader()

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.3, momentum=0.9)

    def update(self) -> None:
        self.optimizer.step()


@bug("regularise.early_stop")
class WideNetworkOnAHundred(Regression):
    """A hundred noisy examples, and forty thousand parameters."""

    steps = 1200

    def load(self) -> Split:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(1100, 10, generator=generator)
        y = x[:, :3].sum(1, keepdim=True) + 2 * torch.randn(1100, 1, generator=generator)
        return x[:100], y[:100], x[100:], y[100:]

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 1))

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), 1e-3)


@bug("live.stale_gradient")
class TextWithoutZeroGrad(Text):
    def clear(self) -> None:
        pass


@bug("live.collapse", "regularise.activations")
class AlwaysNo(Rare):
    """Half of them are a yes, and the hidden layer is dead."""

    share = 0.5

    def build(self) -> nn.Module:
        model: Any = super().build()
        with torch.no_grad():
            model[0].bias.fill_(-50.0)
        return model
