"""A machine that waits, slows down or fills up.

Tests, each over the last READINGS readings against the run itself: (1) the loop waits for data for more than WAITING of its
time, every time, and an update takes at least WORTH seconds (below, it is information: nothing is lost that anybody would
notice). (2) Examples per second are below SLOWER of the best level of the run, every time and for SPAN seconds at least. (3)
Resident memory has grown by GROWN of its level and by at least LEAST bytes over the last half of the readings, in nearly every
step of it (a share of STEADY; a cache that fills up stops). Wrong when: another process came to share the machine; then it is
right about the machine.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.readings import newest
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

WAIT = "live.data_wait"
SLOW = "live.throughput"
MEMORY = "live.memory"
READINGS = 6
WAITING = 0.5
WORTH = 0.01
SLOWER = 0.5
SPAN = 10.0
GROWN = 0.2
LEAST = 256 << 20
STEADY = 0.9
HISTORY = 20
"""Readings; each is over all updates since the one before."""


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding for each."""
    return [*_waiting(series), *_slower(series), *_memory(series)]


def _waiting(series: Mapping[str, Series]) -> list[Finding]:
    wait, pace = newest(series, names.DATA_WAIT, READINGS), newest(series, names.STEP_SECONDS, READINGS)
    if wait is None or pace is None or not (wait.value > WAITING).all():
        return []
    share, seconds = float(np.median(wait.value)), float(np.median(pace.value))
    return [
        Finding(
            WAIT,
            "warn" if seconds >= WORTH else "info",
            f"{share:.0%} of the time goes by between an update and the next forward call: the loop waits for data "
            f"({format_number(seconds)} s per update).",
            expected=f"below {WAITING:.0%}",
            measured=share,
            tolerance=WAITING,
            advice="Most likely a loader without workers (num_workers, pin_memory, persistent_workers), or work that could "
            "be done once. Refute: with one batch used again and again the updates must be as slow.",
            evidence={"share": share, "step_seconds": seconds, "readings": wait.value.tolist()},
            step=int(wait.step[0]),
        )
    ]


def _slower(series: Mapping[str, Series]) -> list[Finding]:
    name = names.SAMPLES_PER_SECOND if names.SAMPLES_PER_SECOND in series else roles.pick(series, "throughput")
    last = None if name is None else newest(series, name, READINGS)
    if name is None or last is None:
        return []
    whole = series[name].finite().value
    if len(whole) < HISTORY:
        return []
    blocks = whole[len(whole) % READINGS :].reshape(-1, READINGS)
    best = float(np.median(blocks, axis=1).max())
    if not (last.value < SLOWER * best).all() or last.wall_time[-1] - last.wall_time[0] < SPAN:
        return []
    now = float(np.median(last.value))
    return [
        Finding(
            SLOW,
            "warn",
            f"{format_number(now)} examples per second, where {format_number(best)} were reached before.",
            expected=f"above {format_number(SLOWER * best)}",
            measured=now,
            tolerance=SLOWER,
            unit="examples/s",
            advice="Most likely the machine is shared or throttled, the loader reads from a slow disk, or something grows "
            "with every step (a list of losses that keep their graphs). Refute: a fresh start must be as slow.",
            evidence={"metric": name, "best": best, "newest": last.value.tolist()},
            step=int(last.step[0]),
        )
    ]


def _memory(series: Mapping[str, Series]) -> list[Finding]:
    if names.MEMORY not in series:
        return []
    points = series[names.MEMORY].finite()
    half = points.value[len(points) // 2 :]
    if len(half) < HISTORY // 2:
        return []
    grown = float(half[-1] - half[0])
    blocks = half[len(half) % (HISTORY // 4) :].reshape(HISTORY // 4, -1).mean(axis=1)
    if grown < max(GROWN * half[0], LEAST) or float((np.diff(blocks) > 0).mean()) < STEADY:
        return []
    steps = int(points.step[-1] - points.step[len(points) // 2])
    return [
        Finding(
            MEMORY,
            "warn",
            f"The process has grown by {grown / 2**20:,.0f} MiB in {steps:,} steps, to {half[-1] / 2**30:.1f} GiB, and goes "
            "on growing.",
            expected="memory that stays",
            measured=grown,
            unit="bytes",
            advice="Most likely losses or outputs are collected with their graphs (total += loss): take loss.item() or "
            "loss.detach(). Refute: a loop without that list must not grow.",
            evidence={"metric": names.MEMORY, "grown": grown, "steps": steps, "newest": float(half[-1])},
            step=int(points.step[len(points) // 2]),
        )
    ]
