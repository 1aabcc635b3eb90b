"""Lines for whoever reads the trainer's output.

Invariant: a reader that goes away, or a full disk behind the output, never stops a training.
"""

from __future__ import annotations

import os
import sys


def say(text: str) -> None:
    """Print a line; from the first that cannot be written on, the output goes nowhere."""
    try:
        print(text, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 (for the rest of the process)
