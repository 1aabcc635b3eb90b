"""Built-in tasks, on data that ships with packages.

Owns their names. Each module has `task(width) -> nntui.Task`; importing one loads its data's package, so only the chosen one is.
"""

from __future__ import annotations

import importlib

from nntui import Task

NAMES = ("digits",)


def named(name: str, width: int) -> Task:
    """The built-in task of that name. Raises KeyError for another."""
    if name not in NAMES:
        raise KeyError(name)
    return importlib.import_module(f"trainer.tasks.{name}").task(width)
