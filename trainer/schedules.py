"""Learning-rate schedules over the planned steps: the factor of the rate at each step.

A constant rate is the default: decay is something to add once the loss has stopped falling.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from trainer.batches import DataError

NAMES = ("constant", "cosine", "linear", "step", "one-cycle")
ONE_CYCLE_RISE = 0.3
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = ONE_CYCLE_START / 1e4
"""As torch's OneCycleLR has them, after Smith & Topin (2019); momentum stays as it is."""


def factor(name: str, total: int, warmup: int = 0) -> Callable[[int], float]:
    """factor(step) in [0, 1] for a schedule over `total` steps. `step` divides by ten at 50 % and at 75 %.

    warmup: the first steps rise in a line, 1/warmup, 2/warmup, …, 1; the schedule fills what is left.
    """
    rest = max(1, total - warmup)
    shapes: dict[str, Callable[[int], float]] = {
        "constant": lambda step: 1.0,
        "cosine": lambda step: 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / rest))),
        "linear": lambda step: max(0.0, 1.0 - step / rest),
        "step": lambda step: 0.1 ** ((step >= rest / 2) + (step >= 3 * rest / 4)),
        "one-cycle": lambda step: _one_cycle(step, rest),
    }
    shape = shapes[name]
    return lambda step: (step + 1) / warmup if step < warmup else shape(step - warmup)


def _one_cycle(step: int, total: int) -> float:
    """Up along a half cosine for the first 30 %, down along another; the last step has the lowest rate."""
    peak, end = max(1.0, ONE_CYCLE_RISE * total - 1.0), total - 1.0
    if step <= peak:
        return 1.0 + (ONE_CYCLE_START - 1.0) * 0.5 * (1.0 + math.cos(math.pi * step / peak))
    place = min(1.0, (step - peak) / max(1.0, end - peak))
    return ONE_CYCLE_END + (1.0 - ONE_CYCLE_END) * 0.5 * (1.0 + math.cos(math.pi * place))


class Plan:
    """The rates of an optimizer over a run: its own ones times a named schedule's factor, or what the task's schedule says."""

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        own: Callable[[Any], Any] | None,
        name: str,
        total: int,
        warmup: int = 0,
    ) -> None:
        """own: makes a torch scheduler, stepped once per update; used where the named schedule is `constant`.

        Raises DataError for a schedule that could not do what it says.
        """
        self._optimizer = optimizer
        self.rates = [float(group["lr"]) for group in optimizer.param_groups]
        self._factor = factor(name, total, warmup)
        self.scheduler: Any = own(optimizer) if own is not None and name == "constant" else None
        if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            raise DataError("the schedule waits for a metric (ReduceLROnPlateau); expected one of steps alone.")
        if warmup and self.scheduler is not None:
            raise DataError(
                f"--warmup {warmup} beside the task's own schedule; expected one of them. Leave --warmup out."
            )
        if warmup and name == "one-cycle":
            raise DataError(f"--warmup {warmup} with one-cycle, which warms up itself. Leave --warmup out.")
        if warmup and warmup >= total:
            raise DataError(f"--warmup {warmup} of --steps {total}; expected fewer, or the full rate is never reached.")

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
