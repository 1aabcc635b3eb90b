"""Learning-rate schedules over the planned steps: the factor of the rate at each step.

A constant rate is the default: decay is something to add once the loss has stopped falling.
"""

from __future__ import annotations

import math
from collections.abc import Callable

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
