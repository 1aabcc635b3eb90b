"""What passes through tmux, and what it says of itself.

Owns the one call of tmux and the wrapping of sequences for the terminal around it. Invariant: a call takes a bounded
time, and where tmux does not answer there is an empty string.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Mapping

PATIENCE = 2.0
"""Seconds for tmux to answer."""
SEEN = "#{&&:#{&&:#{session_attached},#{window_active}},#{||:#{pane_active},#{!=:#{window_zoomed_flag},1}}}"
"""Whether the pane is in sight: `allow-passthrough on` hands nothing on of one that is not."""

Ask = Callable[..., str]
"""Gives what tmux answers to words."""


def ask(*words: str) -> str:
    """What tmux answers to these words; empty for nothing."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(["tmux", *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
        return done.stdout.strip()
    return ""


def around(environment: Mapping[str, str], ask: Ask = ask) -> str:
    """Which client shows the pane, another one each time that somebody attaches; empty while none does."""
    pane = environment.get("TMUX_PANE", "")  # without it tmux answers for the pane in sight
    return ask("display-message", "-p", *(("-t", pane) if pane else ()), f"#{{?{SEEN},#{{client_pid}},}}")


def through(sequence: str) -> str:
    """One sequence, wrapped so that it reaches the terminal around tmux."""
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
