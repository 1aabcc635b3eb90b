"""A process that lives and logs nothing.

Symptom: a data loader that hangs, a collective that waits for a dead rank, a lock.
Test: no row for longer than FACTOR times the longest pause so far (evaluations and checkpoints are such pauses), and
at least LEAST seconds. Wrong when: the first evaluation, download or compilation is by far the longest pause of the
run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding

ID = "live.stall"
FACTOR = 5.0
LEAST = 60.0
"""Seconds below which nothing is called a stall."""
LEAST_ROWS = 10
RECENT = 5000


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """A warning while the pause lasts."""
    if facts.state not in ("live", "quiet") or not math.isfinite(facts.seconds_since_row):
        return []
    if facts.seconds_since_row < LEAST:
        return []
    times = [s.wall_time[-RECENT:] for s in series.values()]
    moments = np.unique(np.concatenate(times)) if times else np.empty(0)
    if len(moments) < LEAST_ROWS:
        return []
    longest = float(np.diff(moments).max())
    limit = max(LEAST, FACTOR * longest)
    if facts.seconds_since_row <= limit:
        return []
    return [
        Finding(
            ID,
            "warn",
            f"No row for {facts.seconds_since_row:.0f} s; the longest pause so far was {longest:.1f} s. The process is alive.",
            expected=f"a row within {limit:.0f} s",
            measured=facts.seconds_since_row,
            unit="s",
            advice="Most likely a data loader or a collective that waits. See where it stands: `py-spy dump --pid PID`; if the "
            "stack moves between two dumps it is slow, not stuck.",
            evidence={
                "seconds_since_row": facts.seconds_since_row,
                "longest_pause": longest,
                "threshold": limit,
                "last_step": facts.last_step,
            },
            step=facts.last_step,
        )
    ]
