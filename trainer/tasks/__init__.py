"""Which problem is meant: a built-in task on data that ships with packages, or a user's own file.

Owns the names of the built-in ones, each a module (`-` as `_`) with `task(width) -> nntui.Task`, of which only the chosen one is
imported; and loading `path/to/file.py:NAME`. Invariant: whatever is wrong with a name or a file is one line that says so.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from nntui import Task

NAMES = ("digits", "digits-conv", "digits-rare", "diabetes", "stdlib-chars")


class TaskNotLoaded(Exception):  # noqa: N818 (reads as what happened)
    """There is no such task, or its file cannot be used; one line for the user."""


def named(text: str, width: int) -> Task:
    """The task meant by `NAME` of a built-in one or `FILE.py:NAME`. Raises TaskNotLoaded; ImportError for a missing package."""
    if text in NAMES:
        return importlib.import_module(f"trainer.tasks.{text.replace('-', '_')}").task(width)
    path, colon, name = text.rpartition(":")
    if not colon or not path.endswith(".py"):
        raise TaskNotLoaded(f"{text!r} is no task; expected one of {', '.join(NAMES)}, or path/to/file.py:NAME.")
    return _from_file(Path(path), name)


def _from_file(path: Path, name: str) -> Task:
    """A Task, or a function without arguments that returns one, from a user's file."""
    try:
        source = path.read_text()
        tree = ast.parse(source)
    except OSError as error:
        raise TaskNotLoaded(f"{path}: {error.strerror}; expected a Python file that defines {name}.") from None
    except (SyntaxError, ValueError) as error:
        raise TaskNotLoaded(f"{path}: is no Python ({error}); expected a file that defines {name}.") from None
    if _imports_trainer(tree) and any((path.parent / own).exists() for own in ("trainer.py", "trainer")):
        raise TaskNotLoaded(
            f"{path}: imports `trainer`, which here is nntui's own package and not the one beside the file. Rename yours."
        )
    module = _executed(path)
    found = getattr(module, name, None)
    if found is None:
        raise TaskNotLoaded(f"{path}: has no {name!r}; expected a nntui.Task or a function returning one of that name.")
    try:
        task = found if isinstance(found, Task) else found()
    except Exception as error:  # noqa: BLE001 (a user's function may raise anything)
        raise TaskNotLoaded(f"{path}:{name}() raised {_line(error)}.") from None
    if not isinstance(task, Task):
        raise TaskNotLoaded(
            f"{path}:{name} is a {type(task).__name__}; expected a nntui.Task or a function returning one."
        )
    return task


def _executed(path: Path) -> Any:
    """The file as a module, with its folder importable as if it had been started itself."""
    spec = importlib.util.spec_from_file_location(f"nntui_task_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise TaskNotLoaded(f"{path}: cannot be imported; expected a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.append(str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (a user's file may raise anything)
        raise TaskNotLoaded(f"{path}: raised {_line(error)} while being imported.") from None
    return module


def _imports_trainer(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        if any(name.partition(".")[0] == "trainer" for name in names):
            return True
    return False


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
