"""Networks in which something is broken: units, gradients, updates."""

from __future__ import annotations

import torch
from torch import nn

from .loop import Loop, bug, mlp


@bug("regularise.activations")
class BiasFarBelowZero(Loop):
    def build(self) -> nn.Module:
        model = mlp(depth=3)
        with torch.no_grad():
            model[2].bias.fill_(-20.0)
        return model


@bug("regularise.activations", "live.update_ratio", "live.divergence")
class KilledByOneHugeUpdate(Loop):
    def build(self) -> nn.Module:
        return mlp(depth=3)

    def after(self) -> None:
        self.optimizer.param_groups[0]["lr"] = 10.0 if self.step == 100 else 1e-3


@bug("regularise.activations", "live.gradients")
class TanhOfLargeWeights(Loop):
    def build(self) -> nn.Module:
        model = mlp(nn.Tanh, 3)
        with torch.no_grad():
            for layer in model[:-2]:
                if isinstance(layer, nn.Linear):
                    layer.weight.mul_(60.0)
        return model


@bug("live.gradients")
class TenSigmoids(Loop):
    def build(self) -> nn.Module:
        return mlp(nn.Sigmoid, 10)


@bug("live.update_ratio", "live.divergence")
class RateAThousandTimesTooHigh(Loop):
    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), 1.0)


@bug("live.update_ratio")
class RateOfAHundredMillionth(Loop):
    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), 1e-8)
