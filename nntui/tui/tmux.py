"""What passes through tmux, and what it says of itself.

Owns the one call of tmux and the wrapping of sequences for the terminal around it. Invariant: a call takes a bounded
time, and where tmux does not answer there is an empty string.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping

from nntui.session.sparing import Sparing

PATIENCE = 2.0
"""Seconds for tmux to answer."""
PROMPT, SHARE = 0.1, 0.05
"""Seconds above which an answer is late, and of the screen's time what late ones may take: not every key must be late."""
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


class Around:
    """Which client shows the pane, another one each time that somebody attaches; empty while none does."""

    def __init__(
        self, environment: Mapping[str, str], ask: Ask = ask, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """ask, clock: as tests have them."""
        pane = environment.get("TMUX_PANE", "")  # without it tmux answers for the pane in sight
        self._pane = ("-t", pane) if pane else ()
        self._ask, self._clock = ask, clock
        self._asking = Sparing(0.0, SHARE)

    def __call__(self) -> str:
        """What tmux answers; nothing for a while, where that took it long."""
        begun = self._clock()
        if not self._asking.due(begun):
            return ""
        where = self._ask("display-message", "-p", *self._pane, f"#{{?{SEEN},#{{client_pid}},}}")
        took = self._clock() - begun
        self._asking.done(begun, took if took > PROMPT else 0.0)
        return where


def through(sequence: str) -> str:
    """One sequence, wrapped so that it reaches the terminal around tmux."""
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
