"""`nntui train`, `nntui check` and `nntui label`: start the trainer that lies beside nntui.

Owns finding it. People have a `trainer.py` of their own, and PyPI has another package of that name: what is started is
verified first. Invariant: nothing of the trainer is imported here.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from nntui.cli import UsageError


def run(arguments: argparse.Namespace) -> NoReturn:
    """Become the trainer: signals, job control and the exit code are its own, and no process lies between it and the user.

    Raises UsageError when there is no trainer of ours, or no torch.
    """
    _verify()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "trainer", arguments.verb, *arguments.words])


def _verify() -> None:
    beside = Path(__file__).resolve().parents[2] / "trainer"
    path = _safe_path()
    found = importlib.machinery.PathFinder.find_spec("trainer", path)
    place = Path(found.origin).resolve().parent if found and found.origin else None
    if place != beside:
        what = f"found the trainer package {place}" if place else "found no trainer package"
        raise UsageError(
            f"{what}; expected the one beside nntui, {beside}. Uninstall the other, or install nntui again."
        )
    if importlib.machinery.PathFinder.find_spec("torch", path) is None:
        raise UsageError(
            "torch is not installed; expected it for training. Install it with `pip install 'nntui[train]'`."
        )


def _safe_path() -> list[str]:
    """Where `python -P` looks: everywhere but in the working directory and the script's folder."""
    command = [sys.executable, "-P", "-c", "import sys; print('\\n'.join(sys.path))"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
