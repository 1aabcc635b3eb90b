"""The recipe's sanity checks on any torch model: one file per row.

Each is a plain function `check(task, *, seed=0, budget=10.0) -> Finding`. Importing this package imports torch only once a
check is reached. Invariant: a check never raises for what the user's code does, and leaves the world as it found it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nntui.checks.dependency import check as dependency
    from nntui.checks.init_loss import check as init_loss
    from nntui.checks.preflight import preflight

__all__ = ["dependency", "init_loss", "preflight"]

_HOMES = {
    "dependency": ("nntui.checks.dependency", "check"),
    "init_loss": ("nntui.checks.init_loss", "check"),
    "preflight": ("nntui.checks.preflight", "preflight"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nntui.checks' has no attribute {name!r}; it has {', '.join(__all__)}.")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)
