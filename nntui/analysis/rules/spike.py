"""A jump of the training loss, and whether it came back.

Symptom: a bad batch, a rate at the edge. Test: a point is part of a spike where its logarithm (the loss itself, where
it is not positive) lies SIGMAS robust deviations above the median of the WIDTH points before it. Within RECOVERY
times its length, and at least WIDTH points, the median must be back within half of the jump. One that came back is
information, and only the newest is told; one that has not is a warning until it does, but for one that falls so fast that as
many points again bring it back (a task that has turned into another one, and is learned), and but for one after which the loss is
still below SMALL of what it began with, where logarithms make much of little. Wrong when: the loss of single
batches is heavy-tailed; then most of them come back at once and nothing is lost by a word.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nntui.analysis import roles
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding, Severity

ID = "live.spike"
WIDTH = 50
SIGMAS = 10.0
"""Robust deviations. Published rules use 2 to 6 and speak on every healthy run: losses of single batches are not normal."""
RECOVERY = 2
FIRST = 5
"""Points that the loss began with."""
LEAST_JUMP = 0.2
"""Of the logarithm: a fifth above the level."""
SMALL = 0.05
NEWEST = 20_000
"""Points that are looked at."""


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding for the newest spike of the training loss."""
    name = roles.pick(series, "train_loss")
    if not name or facts.declares("adversarial") or facts.declares("curriculum"):
        return []
    points = series[name].finite()
    step, value = points.step[-NEWEST:], points.value[-NEWEST:]
    if len(value) < 4 * WIDTH:
        return []
    height = np.log(value) if value.min() > 0 else value / max(1e-30, float(np.median(np.abs(value))))
    windows = sliding_window_view(height, WIDTH)[:-1]
    before = np.median(windows, axis=1)
    noise = 1.4826 * np.median(np.abs(windows - before[:, None]), axis=1)
    jump = height[WIDTH:] - before
    hits = np.flatnonzero((jump > SIGMAS * np.maximum(noise, 1e-12)) & (jump > LEAST_JUMP))
    if not len(hits):
        return []
    start = _start(hits)
    level, top = float(before[start]), float(height[WIDTH + start : WIDTH + int(hits[-1]) + 1].max())
    after = height[WIDTH + int(hits[-1]) + 1 :]
    length = int(hits[-1]) - start + 1
    wait = max(WIDTH, RECOVERY * length)
    half = level + 0.5 * (top - level)
    back = len(after) >= 5 and float(np.median(after[-wait:])) < half
    if not back and len(after) < wait and length < wait:
        return []  # too early to tell
    if not back and _falls_below(half, after[-wait:]):
        return []
    first, left = (float(np.median(part)) for part in (points.value[:FIRST], value[-wait:]))
    top_value = float(value[WIDTH + start : WIDTH + start + length].max())
    return [
        _finding(name, int(step[WIDTH + start]), top_value, level, back=back, little=abs(left) < SMALL * abs(first))
    ]


def _falls_below(level: float, values: np.ndarray) -> bool:
    """Whether the values fall, and would be below the level if they fell on as they did."""
    early, late = (float(np.median(half)) for half in np.array_split(values, 2))
    return late < early and late - 2 * (early - late) < level


def _start(hits: np.ndarray) -> int:
    """Where the last run of hits begins, gaps of less than WIDTH aside."""
    gaps = np.flatnonzero(np.diff(hits) >= WIDTH)
    return int(hits[gaps[-1] + 1] if len(gaps) else hits[0])


def _finding(name: str, step: int, top: float, level: float, *, back: bool, little: bool) -> Finding:
    status: Severity = "info" if back or little else "warn"
    return Finding(
        ID,
        status,
        f"{name} jumped to {format_number(top)} at step {step:,}"
        + (" and came back." if back else " and has not come back."),
        expected=f"within {SIGMAS:g} robust deviations of the points before",
        measured=top,
        advice="Most likely a bad batch or a rate at the edge of what is stable; "
        + (
            "nothing is lost while it comes back. "
            if back
            else "resume from before it, with clipping or a lower rate. "
        )
        + "Refute: the gradient norm at that step must be as before.",
        evidence={
            "metric": name,
            "step": step,
            "top": top,
            "level_of_logarithm": level,
            "threshold": SIGMAS,
            "recovered": back,
        },
        step=step,
    )
