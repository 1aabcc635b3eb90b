"""Evaluations that cannot be right."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .kinds import Autoencoder, Conv, Rare
from .loop import Loop, Split, bug, mlp


@bug("live.stale_evaluation")
class ACopyIsEvaluated(Loop):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.kept = super().build().eval()

    def evaluated(self, inputs: Tensor) -> Tensor:
        return self.kept(inputs)


@bug("live.stale_evaluation")
class ACopySaysItsMind(Loop):
    """No loss of validation is logged; only what is said of a few examples."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.kept = super().build().eval()

    def evaluated(self, inputs: Tensor) -> Tensor:
        return self.kept(inputs)

    def scored(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        return {}


@bug("live.below_chance", "live.contradiction")
class ValidationWithAnotherLabelMap(Loop):
    def load(self) -> Split:
        x, y, other, labels = super().load()
        return x, y, other, (labels + 1) % 10


@bug("live.below_chance")
class AnotherLabelMapAndNoAccuracyOfTraining(ValidationWithAnotherLabelMap):
    def measured(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        return {}


@bug("live.below_chance", "live.contradiction")
class YesMeansNoInValidation(Rare):
    """Half of them are a yes."""

    share = 0.5

    def load(self) -> Split:
        x, y, other, labels = super().load()
        return x, y, other, 1 - labels

    def measured(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        return {}


@bug("live.contradiction", "live.below_chance")
class AccuracyOfTheLeastLikely(Loop):
    every = 20

    def scored(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        wrong = (outputs.argmin(1) == targets).float().mean()
        return {"val/loss": nn.functional.cross_entropy(outputs, targets), "val/accuracy": wrong}


@bug("live.batch_norm")
class StatisticsThatHardlyMove(Conv):
    """Momentum as other libraries mean it: a thousandth of each batch enters."""

    momentum = 0.001


@bug("live.batch_norm")
class TwoKindsInTurn(Conv):
    """Every other batch comes from a source of another scale, and is normalised by itself."""

    def batch(self) -> tuple[Tensor, Tensor]:
        x, y = super().batch()
        return (5 * x + 5, y) if self.step % 2 else (x, y)


@bug("live.batch_norm", "live.jitter")
class OneClassPerBatch(Conv):
    """A loader that is sorted: the network learns one class after the other, and forgets."""

    every = 20

    def batch(self) -> tuple[Tensor, Tensor]:
        x, y, *_ = self.data
        places = torch.nonzero(y == self.step % 10).flatten()
        chosen = places[torch.randint(0, len(places), (self.batch_size,), generator=self.generator)]
        return x[chosen], y[chosen]


@bug("live.collapse")
class InputThatIsNotUsed(Loop):
    def forward(self, inputs: Tensor) -> Tensor:
        return self.model(torch.zeros_like(inputs))


@bug("live.collapse", "live.other_data")
class OnlyThreesFromTheMiddleOn(Loop):
    """A filter of the data that goes wrong: the loss is better than ever."""

    def batch(self) -> tuple[Tensor, Tensor]:
        x, y = super().batch()
        if self.step >= 300:
            three = self.data[1] == 3
            return self.data[0][three][: len(x)], self.data[1][three][: len(x)]
        return x, y


@bug("live.collapse", "regularise.activations")
class NarrowPlaceThatDies(Autoencoder):
    """All units of the narrow place are dead: what comes back is the mean."""

    def build(self) -> nn.Module:
        model = nn.Sequential(
            nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 8), nn.ReLU(), nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 64)
        )
        with torch.no_grad():
            model[2].bias.fill_(-30.0)
        return model


@bug("live.collapse", "regularise.activations")
class DeadByAHugeRate(Loop):
    """Every unit of the last layer dies: one answer for all, by its bias."""

    def build(self) -> nn.Module:
        return mlp(depth=3, dropout=0.0)

    def after(self) -> None:
        if self.step == 250:
            with torch.no_grad():
                self.model[4].bias.fill_(-100.0)  # pyright: ignore
