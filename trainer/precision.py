"""In which arithmetic the forward call runs, and the loss scale that float16 needs.

Owns autocast and the GradScaler. Parameters, losses, metrics and updates stay in float32: only the forward call is cast,
and its outputs are float32 again before anything else sees them.
Invariant: gradients are those of the loss itself, unscaled, before anyone measures or clips them; an attempt whose gradients
overflowed changes no parameter and is no step.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from trainer.batches import DataError

NAMES = ("float32", "bfloat16", "float16")
SKIPS_IN_A_ROW = 60
"""Attempts at one step before the run is given up: from 2^16 the scale is then 2^-44, and nothing finite overflows."""


class Precision:
    """The arithmetic of one run on one device."""

    def __init__(self, name: str, device: torch.device) -> None:
        """Raises DataError where the device cannot train in it."""
        if name != "float32" and not torch.amp.is_autocast_available(device.type):
            raise DataError(f"--precision {name}: {device.type} has no mixed precision; expected --precision float32.")
        if name == "float16" and device.type != "cuda":
            raise DataError(
                f"--precision float16: {device.type} has no fast float16; expected a CUDA device. Take --precision bfloat16."
            )
        self._dtype = None if name == "float32" else getattr(torch, name)
        self._device = device.type
        self.scaler = torch.amp.GradScaler(device.type) if name == "float16" else None
        self._scale = 1.0

    def forward(self) -> AbstractContextManager[Any]:
        """The context of the forward call."""
        return nullcontext() if self._dtype is None else torch.autocast(self._device, dtype=self._dtype)

    def full(self, outputs: Any) -> Any:
        """Outputs in float32, in plain nestings of tensors; a model's own output classes stay as they are."""
        return outputs if self._dtype is None else _full(outputs)

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of the loss, scaled where float16 needs it."""
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Make the gradients those of the loss itself; once per attempt, after all its backward calls."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def update(self, optimizer: torch.optim.Optimizer) -> bool:
        """Step the optimizer; False when float16 overflowed, which left every parameter as it was and halved the scale."""
        if self.scaler is None:
            optimizer.step()
            return True
        self._scale = self.scaler.get_scale()
        self.scaler.step(optimizer)
        self.scaler.update()
        return self.scaler.get_scale() >= self._scale

    def measured(self) -> dict[str, float]:
        """The loss scale that the newest attempt used, where there is one."""
        return {} if self.scaler is None else {"amp/scale": self._scale}


def _full(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float() if value.dtype in (torch.bfloat16, torch.float16) else value
    if type(value) is dict:
        return {key: _full(item) for key, item in value.items()}
    if type(value) in (list, tuple) or hasattr(value, "_make"):
        return getattr(type(value), "_make", type(value))([_full(item) for item in value])
    return value
