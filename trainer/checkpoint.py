"""Checkpoints: everything a run needs to go on as if it had never stopped.

Owns the files `checkpoints/last.pt` and `checkpoints/best.pt` in the run folder. Invariant: each is either whole or absent.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from trainer.schedules import Plan

FOLDER = "checkpoints"
LAST, BEST = "last.pt", "best.pt"


class CheckpointError(Exception):
    """A checkpoint cannot be used; one line for the user."""


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


def state(model: nn.Module, optimizer: torch.optim.Optimizer, plan: Plan, step: int) -> dict[str, Any]:
    """Everything that the next step depends on."""
    kind, keys, *rest = np.random.get_state()
    found = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "torch_rng": torch.get_rng_state(),
        "python_rng": random.getstate(),
        "numpy_rng": (kind, np.asarray(keys).tolist(), *rest),
        "step": step,
    }
    if plan.scheduler is not None:
        found["scheduler"] = plan.scheduler.state_dict()
    if torch.cuda.is_initialized():
        found["cuda_rng"] = torch.cuda.get_rng_state_all()
    return found


def restore(
    state: Any, model: nn.Module, optimizer: torch.optim.Optimizer, plan: Plan, path: Path
) -> tuple[int, float]:
    """Put the state back everywhere; the step and the best score. Raises CheckpointError when it is of another model."""
    try:
        if not isinstance(state, dict):
            raise TypeError(f"it holds a {type(state).__name__}")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if plan.scheduler is not None:
            plan.scheduler.load_state_dict(state["scheduler"])
        step, best = int(state["step"]), float(state["best"])
        torch.set_rng_state(state["torch_rng"].cpu())
        random.setstate(state["python_rng"])
        np.random.set_state(state["numpy_rng"])
        if "cuda_rng" in state and torch.cuda.is_available():
            torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda_rng"]])
    except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        line = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path / FOLDER / LAST}: does not fit this model ({line}); expected the same task and width. "
            "Choose another --out, or the options of that run."
        ) from None
    return step, best
