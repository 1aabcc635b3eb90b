"""Checkpoints: everything a run needs to go on as if it had never stopped.

Owns the files `checkpoints/last.pt` and `checkpoints/best.pt` in the run folder. Invariant: each is either whole or absent.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainer import randomness
from trainer.precision import Precision
from trainer.schedules import Plan

FOLDER = "checkpoints"
LAST, BEST = "last.pt", "best.pt"


class CheckpointError(Exception):
    """A checkpoint cannot be used; one line for the user."""


@dataclass(slots=True)
class Training:
    """What an update changes, and all that the next one depends on beside the random sources."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    plan: Plan
    precision: Precision
    step: int = 0
    """Optimizer updates completed."""
    skipped: int = 0
    """Attempts that float16 overflow made no update: their examples were read, so the next examples lie further on."""
    best: float = math.inf
    """Lowest validation loss of a checkpoint so far."""

    def parameters(self) -> list[nn.Parameter]:
        """All that the optimizer updates."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]


def save(run: Path, name: str, state: dict[str, Any]) -> None:
    """Write a checkpoint under a name that always holds a whole one: a temporary file, synced, renamed."""
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    temporary = folder / f".{name}.{os.getpid()}"
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / name)
    finally:
        temporary.unlink(missing_ok=True)


def load(run: Path, device: torch.device) -> dict[str, Any] | None:
    """The last checkpoint of a run, or None when it has none. Nothing in it is executed. Raises CheckpointError."""
    path = run / FOLDER / LAST
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # noqa: BLE001 (torch raises whatever a damaged archive makes it stumble over)
        raise CheckpointError(
            f"{path}: cannot be read ({type(error).__name__}); expected a checkpoint of this trainer. Remove it to start over."
        ) from None
    return state


def state(training: Training) -> dict[str, Any]:
    """Everything that the next step depends on, as it is now; parameters, which only an update changes, are not copied."""
    buffers = dict(training.model.named_buffers())
    model = training.model.state_dict()
    found = {
        "model": {name: value.clone() if name in buffers else value for name, value in model.items()},
        "optimizer": training.optimizer.state_dict(),
        "step": training.step,
        "skipped": training.skipped,
        **randomness.states(),
    }
    if training.plan.scheduler is not None:
        found["scheduler"] = training.plan.scheduler.state_dict()
    if training.precision.scaler is not None:
        found["scaler"] = training.precision.scaler.state_dict()
    return found


def restore(state: Any, training: Training, path: Path) -> None:
    """Put the state back everywhere. Raises CheckpointError when it is of another model.

    A run that goes on in float16 after another precision begins with a fresh loss scale.
    """
    try:
        if not isinstance(state, dict):
            raise TypeError(f"it holds a {type(state).__name__}")
        training.model.load_state_dict(state["model"])
        training.optimizer.load_state_dict(state["optimizer"])
        if training.plan.scheduler is not None:
            training.plan.scheduler.load_state_dict(state["scheduler"])
        if training.precision.scaler is not None and "scaler" in state:
            training.precision.scaler.load_state_dict(state["scaler"])
        training.step, training.best = int(state["step"]), float(state["best"])
        training.skipped = int(state.get("skipped", 0))
        randomness.set_states(state)
    except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        line = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path / FOLDER / LAST}: does not fit this model ({line}); expected the same task and width. "
            "Choose another --out, or the options of that run."
        ) from None
