"""The zoo's live half: trainings that go wrong while they run, and healthy ones that look as if they did.

Every entry is a plain loop over digits or over a few numbers, recorded as a user would, with one method changed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim import lr_scheduler

import nntui


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs and labels to train on, and to evaluate on."""
    found = load_digits()
    x, y = torch.tensor(found.data, dtype=torch.float32) / 8 - 1, torch.tensor(found.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = x[order], y[order]
    return x[:1400], y[:1400], x[1400:], y[1400:]


def mlp(
    act: type[nn.Module] = nn.ReLU, depth: int = 2, *, norm: bool = False, dropout: float = 0.1, width: int = 64
) -> nn.Sequential:
    """A network for digits."""
    layers: list[nn.Module] = [nn.Linear(64, width), act()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), *([nn.BatchNorm1d(width)] if norm else []), act()]
    return nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []), nn.Linear(width, 10))


class Loop:
    """A healthy training of digits."""

    steps = 600
    batch_size = 64
    every = 50
    """Updates between evaluations."""
    declared: tuple[str, ...] = ()

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.generator = torch.Generator().manual_seed(seed + 1)
        self.data = self.load()
        self.model = self.build()
        self.optimizer = self.make_optimizer()
        self.schedule = self.make_schedule()
        self.step = 0

    def load(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return digits()

    def build(self) -> nn.Module:
        return mlp()

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.model.parameters(), 1e-3)

    def make_schedule(self) -> Any:
        return None

    def batch(self) -> tuple[Tensor, Tensor]:
        x, y, *_ = self.data
        chosen = torch.randint(0, len(x), (self.batch_size,), generator=self.generator)
        return x[chosen], y[chosen]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs, targets)

    def clear(self) -> None:
        self.optimizer.zero_grad()

    def update(self) -> None:
        self.optimizer.step()

    def after(self) -> None:
        """Whatever comes after an update."""
        if self.schedule is not None:
            self.schedule.step()

    def begin_evaluation(self) -> None:
        self.model.eval()

    def end_evaluation(self) -> None:
        self.model.train()

    @torch.no_grad()
    def evaluate(self) -> dict[str, Any]:
        *_, x, y = self.data
        outputs = self.model(x)
        losses = nn.functional.cross_entropy(outputs, y, reduction="none")
        right = (outputs.argmax(1) == y).float()
        return {
            "val/loss": losses.mean(),
            "val/loss_stderr": losses.std() / len(losses) ** 0.5,
            "val/accuracy": right.mean(),
        }

    def measured(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        return {"train/accuracy": (outputs.argmax(1) == targets).float().mean()}

    def train(self, path: Path) -> None:
        """Train, and record it as a user would."""
        with (
            nntui.init(path, total_steps=self.steps) as run,
            nntui.watch(self.model, self.optimizer, run, declared=self.declared),
        ):
            for step in range(self.steps):
                self.step = step
                inputs, targets = self.batch()
                outputs = self.model(inputs)
                loss = self.loss(outputs, targets)
                self.clear()
                loss.backward()
                rate = self.optimizer.param_groups[0]["lr"]
                self.update()
                run.log({"train/loss": loss, "lr": rate, **self.measured(outputs, targets)}, step=self.step)
                self.after()
                if self.step % self.every == self.every - 1:
                    self.begin_evaluation()
                    run.log(self.evaluate(), step=self.step)
                    self.end_evaluation()


@dataclass(frozen=True)
class Entry:
    """A training of the zoo."""

    name: str
    make: Callable[[int], Loop]
    alerts: frozenset[str]
    """Alerts that name the cause; empty for a healthy training."""

    @property
    def half(self) -> str:
        """develop or held-out, by the name alone."""
        return ("develop", "held-out")[hashlib.sha256(self.name.encode()).digest()[0] % 2]


ENTRIES: dict[str, Entry] = {}


def bug(*alerts: str) -> Callable[[type[Loop]], type[Loop]]:
    """Registers a training that goes wrong; alerts: those that name the cause."""

    def register(kind: type[Loop]) -> type[Loop]:
        ENTRIES[kind.__name__] = Entry(kind.__name__, kind, frozenset(alerts))
        return kind

    return register


healthy = bug()


# --- bugs -------------------------------------------------------------------------------------


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


@bug("live.stale_evaluation")
class ACopyIsEvaluated(Loop):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.kept = super().build().eval()

    @torch.no_grad()
    def evaluate(self) -> dict[str, Any]:
        *_, x, y = self.data
        return {"val/loss": nn.functional.cross_entropy(self.kept(x), y)}


@bug("live.contradiction")
class ValidationWithAnotherLabelMap(Loop):
    def load(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, y, other, labels = super().load()
        return x, y, other, (labels + 1) % 10


@bug("live.contradiction")
class AccuracyOfTheLeastLikely(Loop):
    every = 20

    @torch.no_grad()
    def evaluate(self) -> dict[str, Any]:
        *_, x, y = self.data
        outputs = self.model(x)
        return {
            "val/loss": nn.functional.cross_entropy(outputs, y),
            "val/accuracy": (outputs.argmin(1) == y).float().mean(),
        }


@bug("overfit.lr_decay")
class DecayedPerBatch(Loop):
    steps = 1500

    def make_schedule(self) -> Any:
        return lr_scheduler.StepLR(self.optimizer, 10, 0.5)


@bug("regularise.early_stop")
class FortyExamples(Loop):
    steps = 2000

    def load(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, y, other, labels = super().load()
        noisy = torch.where(torch.rand(40, generator=torch.Generator().manual_seed(0)) < 0.4, (y[:40] + 3) % 10, y[:40])
        return x[:40], noisy, other, labels

    def build(self) -> nn.Module:
        return mlp(dropout=0.0, width=128)


# --- healthy trainings ------------------------------------------------------------------------


@healthy
class Plain(Loop):
    pass


@healthy
class Longer(Loop):
    steps = 3000


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
class AccumulatedByFour(Loop):
    def update(self) -> None:
        if self.step % 4 == 3:
            self.optimizer.step()

    def clear(self) -> None:
        if self.step % 4 == 0:
            self.optimizer.zero_grad()


@healthy
class FirstLayerFrozen(Loop):
    declared = ("frozen:0",)

    def make_optimizer(self) -> torch.optim.Optimizer:
        self.model[0].requires_grad_(False)  # pyright: ignore
        return super().make_optimizer()


@healthy
class MomentumAndWeightDecay(Loop):
    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), 0.05, momentum=0.9, weight_decay=5e-4)


@healthy
class ASpikeThatComesBack(Loop):
    steps = 1200

    def batch(self) -> tuple[Tensor, Tensor]:
        x, y = super().batch()
        return (x, y.roll(1)) if self.step in (500, 501) else (x, y)


@healthy
class ClippedInTime(Loop):
    def update(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), 0.5)
        self.optimizer.step()


@healthy
class NoisyLabels(Loop):
    steps = 1000

    def load(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, y, other, labels = super().load()
        noise = torch.rand(len(y), generator=torch.Generator().manual_seed(0)) < 0.3
        return x, torch.where(noise, (y + 3) % 10, y), other, labels


@healthy
class StrongAugmentation(Loop):
    def batch(self) -> tuple[Tensor, Tensor]:
        x, y = super().batch()
        return x + 0.5 * torch.randn(x.shape, generator=self.generator), y


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
class DeepTanh(Loop):
    def build(self) -> nn.Module:
        return mlp(nn.Tanh, 5)


@healthy
class NoisyRegression(Loop):
    """Targets that are mostly noise, by mean squared error."""

    steps = 1500

    def load(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(2000, 64, generator=generator)
        y = (x[:, :4].sum(1, keepdim=True) + 6 * torch.randn(2000, 1, generator=generator)) / math.sqrt(40)
        return x[:1600], y[:1600], x[1600:], y[1600:]

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 1))

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters(), 3e-4, weight_decay=0.1)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.mse_loss(outputs, targets)

    def measured(self, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
        return {}

    @torch.no_grad()
    def evaluate(self) -> dict[str, Any]:
        *_, x, y = self.data
        losses = (self.model(x) - y).square().flatten()
        return {"val/loss": losses.mean(), "val/loss_stderr": losses.std() / len(losses) ** 0.5}


@healthy
class ParityThatPlateaus(Loop):
    """Fresh examples in every batch, so that nothing can be learned by heart."""

    steps = 1500

    def load(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        bits = torch.randint(0, 2, (400, 64), generator=torch.Generator().manual_seed(0)).float()
        labels = bits[:, :6].sum(1).long() % 2
        return bits, labels, 2 * bits - 1, labels

    def batch(self) -> tuple[Tensor, Tensor]:
        bits = torch.randint(0, 2, (self.batch_size, 64), generator=self.generator).float()
        return 2 * bits - 1, bits[:, :6].sum(1).long() % 2
