"""nntui: A Recipe for Training Neural Networks, as software.

    import nntui

    with nntui.init("runs/exp42", total_steps=10_000) as run:
        for step in range(10_000):
            run.log({"train/loss": loss, "lr": lr})

Then, in the pane beside it: `nntui watch runs/exp42`.

Owns the public names. Invariant: importing nntui imports nothing heavy; each name is resolved on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nntui import checks as checks
    from nntui.checks.fixes import init_final_bias as init_final_bias
    from nntui.checks.preflight import preflight as preflight
    from nntui.checks.task import Task as Task
    from nntui.finding import Finding as Finding
    from nntui.probes.watch import watch as watch
    from nntui.recorder import Run as Run
    from nntui.recorder import init as init
    from nntui.runlog.errors import RunFolderError as RunFolderError
    from nntui.runlog.tables import read as read

__version__ = "0.1.0"

_HOMES = {
    "Finding": "nntui.finding",
    "Run": "nntui.recorder",
    "RunFolderError": "nntui.runlog.errors",
    "Task": "nntui.checks.task",
    "init": "nntui.recorder",
    "init_final_bias": "nntui.checks.fixes",
    "preflight": "nntui.checks.preflight",
    "read": "nntui.runlog.tables",
    "watch": "nntui.probes.watch",
}

__all__ = [
    "Finding",
    "Run",
    "RunFolderError",
    "Task",
    "checks",
    "init",
    "init_final_bias",
    "preflight",
    "read",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name == "checks":
        return importlib.import_module("nntui.checks")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'nntui' has no attribute {name!r}; it has {', '.join(__all__)}.")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
