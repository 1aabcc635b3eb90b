"""The user's own optimizers, and what they would do.

Owns making them for a fresh model. Invariant: the model given is the only one touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from nntui.checks.task import Task, TaskError


def optimizers(task: Task, model: nn.Module) -> list[torch.optim.Optimizer]:
    """The task's optimizers over this model, one or several; empty where it has none. Raises TaskError for anything else."""
    if task.optimizer is None:
        return []
    made: Any = task.optimizer(model)
    found = list(made) if isinstance(made, Sequence) else [made]
    for one in found:
        if not hasattr(one, "param_groups") or not hasattr(one, "step"):
            raise TaskError(
                f"optimizer(model) gave a {type(one).__name__}; expected a torch.optim.Optimizer, or several."
            )
    return found
