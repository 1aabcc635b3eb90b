"""Checkpoints: everything a run needs to go on as if it had never stopped.

Owns the files `checkpoints/last.pt` and `checkpoints/best.pt` in the run folder. Invariant: each is either whole or absent.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

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


def restore(state: dict[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> None:
    """Put the state back into model, optimizer and random numbers. Raises CheckpointError when it is of another model."""
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["torch_rng"].cpu())
    except (KeyError, RuntimeError, ValueError) as error:
        line = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path / FOLDER / LAST}: does not fit this model ({line}); expected the same task and width. "
            "Choose another --out, or the options of that run."
        ) from None
