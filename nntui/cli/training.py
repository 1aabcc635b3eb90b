"""`nntui train` and `nntui check`: start the trainer that lies beside nntui.

Owns finding it. People have a `trainer.py` of their own, and PyPI has another package of that name: what is started is
verified first. Invariant: nothing of the trainer is imported here.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from nntui.cli import UsageError


def run(arguments: argparse.Namespace) -> int:
    """The trainer's exit code. Raises UsageError when there is no trainer of ours, or no torch."""
    _verify()
    command = [sys.executable, "-P", "-m", "trainer", arguments.verb, *arguments.words]
    with subprocess.Popen(command) as process:

        def forward(number: int, _: FrameType | None) -> None:
            process.send_signal(number)

        previous = signal.signal(signal.SIGTERM, forward)
        try:
            while True:
                try:
                    code = process.wait()
                    break
                except KeyboardInterrupt:  # the trainer got it too, from the terminal; it says how it ends
                    continue
        finally:
            signal.signal(signal.SIGTERM, previous)
    return code if code >= 0 else 128 - code


def _verify() -> None:
    beside = Path(__file__).resolve().parents[2] / "trainer"
    found = importlib.machinery.PathFinder.find_spec("trainer", _safe_path())
    place = Path(found.origin).resolve().parent if found and found.origin else None
    if place != beside:
        what = f"found the trainer package {place}" if place else "found no trainer package"
        raise UsageError(
            f"{what}; expected the one beside nntui, {beside}. Uninstall the other, or install nntui again."
        )
    if importlib.util.find_spec("torch") is None:
        raise UsageError(
            "torch is not installed; expected it for training. Install it with `pip install 'nntui[train]'`."
        )


def _safe_path() -> list[str]:
    """Where `python -P` looks: everywhere but in the working directory and the script's folder."""
    command = [sys.executable, "-P", "-c", "import sys; print('\\n'.join(sys.path))"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
