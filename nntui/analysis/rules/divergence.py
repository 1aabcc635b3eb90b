"""A training loss that has gone up for good.

Symptom: a rate too high for the weights as they are, or a batch that threw them far away. Test: the level is the median of a
window of a twentieth of the run (at least LEAST points). It diverges when the newest level lies above the lowest by RISE of all
the progress made until then, and both that and the progress by SIGMAS of the noise within a window; proven when it lies above
the level of the beginning itself, by as much noise and by WORSE. One-cycle rates raise the loss by a small part of its progress
and let it fall again; a spike that comes back moves no median. Not where an evaluation within the newest window is better than
the last before the rise: then what is trained on has become harder. Where a phase is logged (`task`, `stage`), only the newest
is looked at. Losses of a game (declared "adversarial", or named so) have no direction; one has diverged all the same where its
newest level is FAR times as far from zero as its first BEGUN points: nothing holds it. Wrong when: the data change on purpose
(a curriculum, declared).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nntui.analysis import roles
from nntui.analysis.readings import spread, within_phase
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.analysis.trend import thinned
from nntui.finding import Finding

ID = "live.divergence"
LEAST = 24
"""Points of a window, of which there must be four."""
RISE = 0.5
"""Of the progress: a one-cycle schedule takes back a tenth to a fifth."""
SIGMAS = 4.0
WORSE = 0.1
"""Share of the first level by which the newest must exceed it to be worse than no training."""
POINTS = 2000
BEGUN = 5
FAR = 1e4
"""Two players may grow with each other, but not without an end."""


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding for the training loss."""
    name = roles.pick(series, "train_loss")
    if not name or facts.declares("curriculum"):
        return []
    if facts.declares("adversarial"):
        return _without_hold(series)
    points = within_phase(series, series[name].finite())
    value = thinned(points.value, POINTS)
    width = max(LEAST, len(value) // 20)
    if len(value) < 4 * width:
        return []
    levels = np.median(sliding_window_view(value, width), axis=1)
    first, now = float(levels[0]), float(levels[-1])
    place = int(levels.argmin())
    lowest = float(levels[place])
    noise = max(spread(value[-width:]), spread(value[place : place + width]))
    above_start = now - first > max(SIGMAS * max(noise, spread(value[:width])), WORSE * abs(first))
    gained = first - lowest
    if not above_start and (now - lowest <= max(RISE * gained, SIGMAS * noise) or gained <= SIGMAS * noise):
        return []
    since = _since(points, place + width, len(value))
    if not above_start and _validation_gained(series, since, _since(points, len(value) - width, len(value))):
        return []
    return [
        Finding(
            ID,
            "error" if above_start else "warn",
            f"{name} has risen to {format_number(now)} since step {since:,}; its lowest level was {format_number(lowest)}, "
            "its first "
            f"{format_number(first)}." + (" It is worse than at the beginning." if above_start else ""),
            expected=f"below {format_number(lowest + RISE * (first - lowest))}",
            measured=now,
            tolerance=SIGMAS * noise,
            advice="Most likely a rate too high, or one batch that threw the weights far away: look at the gradient norm there. "
            "Refute: resume from the checkpoint before with a tenth of the rate; the loss must rise again.",
            evidence={
                "metric": name,
                "first_level": first,
                "lowest_level": lowest,
                "newest_level": now,
                "noise": noise,
                "threshold_of_progress": RISE,
                "since_step": since,
            },
            step=since,
        )
    ]


def _without_hold(series: Mapping[str, Series]) -> list[Finding]:
    """At most one finding: a loss of a game that is out of all proportion."""
    for name in filter(roles.is_train_loss, series):
        points = series[name].finite()
        size = np.abs(thinned(points.value, POINTS))
        width = max(LEAST, len(size) // 20)
        if len(size) < 4 * width:
            continue
        first, now = float(np.abs(points.value[:BEGUN]).max()), float(np.median(size[-width:]))
        if not now > FAR * first > 0:
            continue
        far = np.median(sliding_window_view(size, width), axis=1) > FAR * first
        step = _since(points, int(np.flatnonzero(far)[0]), len(size))
        return [
            Finding(
                ID,
                "warn",
                f"{name} is {format_number(now)} away from zero, {now / first:,.0f} times as far as at the beginning, "
                f"since step {step:,}: nothing holds it.",
                expected=f"below {format_number(FAR * first)}",
                measured=now,
                tolerance=FAR,
                advice="Most likely a critic without the bound that it needs: a penalty whose gradient is not kept "
                "(create_graph=True), no clipping, targets that follow themselves. Refute: the gradient of the penalty alone "
                "must not be zero.",
                evidence={"metric": name, "first_level": first, "newest_level": now, "since_step": step},
                step=step,
            )
        ]
    return []


def _validation_gained(series: Mapping[str, Series], since: int, window: int) -> bool:
    """Whether the newest evaluation, of the window that begins at a step, is better than the last one before the rise."""
    name = roles.pick(series, "validation_loss")
    points = series[name].finite() if name else Series.empty()
    before, now = points.value[points.step <= since], points.value[points.step >= window]
    return bool(len(before) and len(now) and now[-1] < before[-1])


def _since(points: Series, place: int, count: int) -> int:
    """The step of a place among `count` thinned points."""
    return int(points.step[min(len(points) - 1, place * len(points) // count)])
