"""Gradients that vanish or explode on their way back.

Symptom: the first layers learn nothing, or one update throws them away. Test: the gradient of a layer per parameter
(its norm divided by the root of its size), median of the last READINGS readings, from the last third of the layers to
the first third: VANISHED below it, the first layers get nothing that float32 and noise leave over; ten healthy layers
without normalisation stay within a thousand. The whole norm EXPLODED times above its median of the first half of the
run, and still growing, is a training that is about to diverge. Wrong when: a model is wide at one end by design (an
embedding of a large vocabulary is touched by few tokens: layers whose kind says Embedding are left out).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis.readings import of_layers
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

ID = "live.gradients"
READINGS = 5
LEAST_LAYERS = 4
VANISHED = 1e-4
EXPLODED = 100.0
LEAST = 12
"""Readings of the whole norm."""


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding for depth, and one for time."""
    return [*_over_depth(series, facts), *_over_time(series)]


def _over_depth(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    order, sizes, kinds = (facts.listed(key) for key in ("layers", "parameters", "kinds"))
    readings = of_layers(series, names.GRAD_NORM, READINGS)
    scaled = [
        (str(layer), float(np.median(readings[str(layer)].value)) / math.sqrt(size))
        for layer, size, kind in zip(order, sizes, kinds, strict=False)
        if str(layer) in readings and isinstance(size, int) and size > 0 and "Embedding" not in str(kind)
    ]
    if len(scaled) < LEAST_LAYERS:
        return []
    third = max(1, len(scaled) // 3)
    first, last = (float(np.median([value for _, value in part])) for part in (scaled[:third], scaled[-third:]))
    if not last > 0 or first >= VANISHED * last:
        return []
    step = int(readings[scaled[0][0]].step[0])
    return [
        Finding(
            ID,
            "warn",
            f"Gradients vanish on their way back: per parameter {format_number(first)} in the first layers ({scaled[0][0]}), "
            f"{format_number(last)} in the last ones ({scaled[-1][0]}).",
            expected=f"above {format_number(VANISHED * last)}",
            measured=first,
            tolerance=VANISHED,
            advice="Most likely saturating functions or weights that are too small in a deep network: normalisation, residual "
            "connections or another initialisation keep the scale. Refute: with ReLU in place of sigmoid or tanh the first "
            "layers must get no more.",
            evidence={"per_parameter": dict(scaled[:20]), "first": first, "last": last, "threshold": VANISHED},
            step=step,
        )
    ]


def _over_time(series: Mapping[str, Series]) -> list[Finding]:
    if names.WHOLE_GRAD_NORM not in series:
        return []
    points = series[names.WHOLE_GRAD_NORM].finite()
    if len(points) < LEAST:
        return []
    usual, now = float(np.median(points.value[: len(points) // 2])), points.value[-READINGS:]
    if not usual > 0 or float(np.median(now)) <= EXPLODED * usual:
        return []
    first = (
        int(np.flatnonzero(points.value <= EXPLODED * usual)[-1]) + 1
        if (now > EXPLODED * usual).all()
        else len(points) - 1
    )
    step = int(points.step[min(first, len(points) - 1)])
    return [
        Finding(
            ID,
            "warn",
            f"The norm of the gradients is {format_number(float(np.median(now)))}, {float(np.median(now)) / usual:.0f} "
            f"times what it was in the first half of the run, since step {step:,}.",
            expected=f"below {format_number(EXPLODED * usual)}",
            measured=float(np.median(now)),
            tolerance=EXPLODED,
            advice="Most likely a rate too high, or a recurrent network without clipping. Refute: with clip_grad_norm_ at "
            "the usual norm the loss must do no better.",
            evidence={"metric": names.WHOLE_GRAD_NORM, "usual": usual, "newest": now.tolist()},
            step=step,
        )
    ]
