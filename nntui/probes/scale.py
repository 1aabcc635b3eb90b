"""The loss scale of mixed precision, and what it skips.

Owns counting attempts that a scaler skipped, from its scale alone. Invariant: asking waits for no device.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from nntui import names

MANY = 16
"""Attempts without an update from which on they are told: a scale of 2^16 may be halved as often before any succeeds."""


class Scale:
    """A GradScaler, or none."""

    def __init__(self, scaler: Any) -> None:
        self._scaler = scaler
        begun = getattr(scaler, "_init_scale", None)
        self._scale: Tensor | None = None
        self._before: Tensor | float | None = float(begun) if isinstance(begun, float | int) else None
        self._skipped: Tensor | float = 0.0
        self._attempts = 0

    @property
    def there(self) -> bool:
        """Whether there is one."""
        return self._scaler is not None

    def tried(self) -> bool:
        """A forward call of training begins; whether so many came without an update that it is worth telling."""
        self._attempts += 1
        return self._scaler is not None and self._attempts >= MANY and self._attempts & (self._attempts - 1) == 0

    def updated(self) -> None:
        """An update is over."""
        self._attempts = 0
        self.count()

    def count(self) -> None:
        """A scale that shrank did so once per attempt that was skipped."""
        scale = getattr(self._scaler, "_scale", None)
        if not isinstance(scale, Tensor):
            return
        self._scale = scale.detach().clone()
        if self._before is not None:
            lost = torch.log(self._scale / self._before) / float(np.log(self._scaler.get_backoff_factor()))
            self._skipped = self._skipped + lost.clamp(min=0).round()
        self._before = self._scale

    def readings(self) -> dict[str, Tensor | float]:
        """The scale, and how many attempts it has skipped so far; empty before the first is known."""
        return {} if self._scale is None else {names.LOSS_SCALE: self._scale, names.SKIPPED: self._skipped}
