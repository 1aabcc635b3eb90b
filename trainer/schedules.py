"""Learning-rate schedules over the planned steps: the factor of the rate at each step.

A constant rate is the default: decay is something to add once the loss has stopped falling.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from trainer.batches import DataError

NAMES = ("constant", "cosine", "linear", "step")


def factor(name: str, total: int) -> Callable[[int], float]:
    """factor(step) in [0, 1] for a schedule over `total` steps. `step` divides by ten at 50 % and at 75 %."""
    shapes: dict[str, Callable[[int], float]] = {
        "constant": lambda step: 1.0,
        "cosine": lambda step: 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / total))),
        "linear": lambda step: max(0.0, 1.0 - step / total),
        "step": lambda step: 0.1 ** ((step >= total / 2) + (step >= 3 * total / 4)),
    }
    return shapes[name]


class Plan:
    """The rates of an optimizer over a run: its own ones times a named schedule's factor, or what the task's schedule says."""

    def __init__(
        self, optimizer: torch.optim.Optimizer, own: Callable[[Any], Any] | None, name: str, total: int
    ) -> None:
        """own: makes a torch scheduler, stepped once per update; used where the named schedule is `constant`."""
        self._optimizer = optimizer
        self.rates = [float(group["lr"]) for group in optimizer.param_groups]
        self._factor = factor(name, total)
        self.scheduler: Any = own(optimizer) if own is not None and name == "constant" else None
        if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            raise DataError("the schedule waits for a metric (ReduceLROnPlateau); expected one of steps alone.")

    def apply(self, step: int, scale: float = 1.0) -> float:
        """Set the rates of this step; that of the first group."""
        if self.scheduler is None:
            for group, rate in zip(self._optimizer.param_groups, self.rates, strict=True):
                group["lr"] = rate * self._factor(step) * scale
        return float(self._optimizer.param_groups[0]["lr"])

    def stepped(self) -> None:
        """One update is done."""
        if self.scheduler is not None:
            self.scheduler.step()
