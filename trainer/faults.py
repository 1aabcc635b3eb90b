"""Faults on purpose: break a run to see how it looks.

Owns the faults that `--fault` names. Each is a real bug that people have, made in the way they make it.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nntui import Task

NAMES = ("batch-mix", "init-scale", "nan", "lr-drop", "stall", "crash")
WITH_STEP = ("nan", "lr-drop", "stall", "crash")
DEFAULT_STEP = 500


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `step` for those that strike during training."""

    name: str = ""
    step: int = DEFAULT_STEP

    @classmethod
    def parse(cls, text: str) -> Fault:
        """From `NAME` or `NAME@STEP`. Raises ValueError naming what there is."""
        name, at, step = text.partition("@")
        if name not in NAMES or (at and (name not in WITH_STEP or not step.isdigit())):
            raise ValueError(
                f"{text!r}; expected one of {', '.join(NAMES)}, with @STEP after {', '.join(WITH_STEP)} where wanted"
            )
        return cls(name, int(step) if at else DEFAULT_STEP)

    def task(self, task: Task) -> Task:
        """The task with the fault built in."""
        if self.name == "batch-mix":
            return dataclasses.replace(task, model=lambda: _MixedBatch(task.model()))
        if self.name == "init-scale":
            return dataclasses.replace(task, model=lambda: _scaled(task.model()))
        return task

    def loss(self, loss: Tensor, step: int) -> Tensor:
        """The loss, divided by zero from the step on."""
        return loss * torch.tensor(float("nan")) if self.name == "nan" and step >= self.step else loss

    def rate(self, factor: float, step: int) -> float:
        """The rate's factor, a tenth from the step on."""
        return factor * 0.1 if self.name == "lr-drop" and step >= self.step else factor

    def strike(self, step: int) -> None:
        """Hang or raise at the step."""
        if self.name == "stall" and step == self.step:
            while True:
                time.sleep(1.0)
        if self.name == "crash" and step == self.step:
            raise RuntimeError(f"the fault asked for at step {step}")


class _MixedBatch(nn.Module):
    """A view where a transpose belongs, twice: shapes are right, and examples are mixed."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Tensor) -> Tensor:
        features_first = inputs.t().contiguous()
        return self.inner(features_first.view(inputs.shape))


def _scaled(model: nn.Module) -> nn.Module:
    last = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(30.0)
    return model
