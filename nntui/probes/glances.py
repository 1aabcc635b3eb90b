"""Glances between two looks: is every gradient finite?

Owns one number on its way from the device, and what it said. Invariant: waits for no device; so nothing is asked of one that can
only be waited for (any but CUDA).
"""

from __future__ import annotations

import math
import time

import torch

from nntui.probes.cadence import GLANCES, Cadence
from nntui.probes.updates import Updates
from nntui.recorder.device import Deferred, take

READABLE = ("cpu", "cuda")
"""Devices whose numbers tell by themselves that they have arrived."""


class Glances:
    """The norm of the gradients, at some updates."""

    def __init__(self) -> None:
        self._cadence = Cadence(share=GLANCES)
        self._norm: Deferred | None = None
        self._hunted = 0
        self._seconds = 0.0

    def next(self, update: int) -> int:
        """The update, after this one, at which there is something to glance at or to be told."""
        return self._cadence.next if self._norm is None else update + 1

    def glance(
        self, update: int, updates: Updates, optimizer: torch.optim.Optimizer, step_seconds: float, begun: float
    ) -> None:
        """Keep in mind whether the gradients are finite, where it is time to; known once the device has told.

        begun: when the update was first held up for it.
        """
        if not self._cadence.due(update):
            return
        self.keep(updates.glance(optimizer))
        seconds = time.perf_counter() - begun
        self._seconds += seconds
        self._cadence.looked(update, seconds, step_seconds)

    def taken(self) -> float:
        """Seconds that glances took since this was asked last."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def keep(self, norm: object) -> None:
        """Take a norm that is known without a glance, if it is one that can be taken and none is on its way."""
        if (
            isinstance(norm, torch.Tensor)
            and norm.device.type in READABLE
            and (self._norm is None or self._norm.ready())
        ):
            self._norm = take(norm)

    def broken(self, update: int) -> bool:
        """Whether a gradient was not finite, as far as the device has told; said at updates farther and farther apart."""
        if self._norm is None or not self._norm.ready():
            return False
        finite = math.isfinite(self._norm.read())
        self._norm = None
        if finite or update < self._hunted:
            return False
        self._hunted = 2 * update + 1
        return True
