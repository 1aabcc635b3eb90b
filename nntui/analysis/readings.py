"""What probes recorded, as rules ask for it.

Owns picking readings out of columns. Invariant: values that are not finite are no readings.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nntui import names
from nntui.analysis import roles
from nntui.analysis.series import Floats, Ints, RunFacts, Series

Bools = NDArray[np.bool_]

ROUNDED = 2.0**-24
"""Half of what float32 tells from 1: at this share of a rate that was right, an update moves no weight at all."""
FULL = 0.5
"""Share of its peak from which a rate is on its way neither up nor down."""
DONE, NEAR, BLOCK = 1e-3, 0.01, 4


def newest(series: Mapping[str, Series], metric: str, count: int) -> Series | None:
    """The last `count` finite points of a metric; None where there are fewer."""
    if metric not in series:
        return None
    points = series[metric].finite()
    if len(points) < count:
        return None
    return Series(metric, points.step[-count:], points.wall_time[-count:], points.value[-count:])


def playing(series: Mapping[str, Series], role: str) -> Series | None:
    """The metric that plays a role of `roles.pick`; None where none does."""
    name = roles.pick(series, role)
    return None if name is None else series[name]


def of_layers(series: Mapping[str, Series], statistic: str, count: int) -> dict[str, Series]:
    """The last `count` finite points of a statistic by layer; layers with fewer are left out."""
    found: dict[str, Series] = {}
    for metric in series:
        layer, kind = names.layer_of(metric)
        if kind == statistic:
            points = newest(series, metric, count)
            if points is not None:
                found[layer] = points
    return found


def fresh(points: Series) -> Series:
    """The points whose value is not that of the point before: an evaluation that is carried on until the next counts once."""
    keep = np.ones(len(points), dtype=bool)
    keep[1:] = points.value[1:] != points.value[:-1]
    return (
        points if keep.all() else Series(points.metric, points.step[keep], points.wall_time[keep], points.value[keep])
    )


def since(points: Series, holds: np.ndarray) -> int:
    """Step from which on a condition, (n,) bool, has held without a break until now; -1 when it does not hold now."""
    wrong = np.flatnonzero(~holds)
    start = int(wrong[-1]) + 1 if len(wrong) else 0
    return int(points.step[start]) if start < len(holds) else -1


def within_phase(series: Mapping[str, Series], points: Series) -> Series:
    """The points since the phase of training, where one is logged (`task`, `stage`), has changed: others are of other data."""
    phases = [one.finite() for metric, one in series.items() if roles.is_phase(metric)]
    changes = [one.step[1:][np.diff(one.value) != 0] for one in phases]
    changed = [int(steps[-1]) for steps in changes if len(steps)]
    keep = points.step >= max(changed, default=0)
    return Series(points.metric, points.step[keep], points.wall_time[keep], points.value[keep])


def rate_left(series: Mapping[str, Series]) -> float:
    """The newest learning rate as a share of the largest so far, logged or probed, whichever is less; 1 where none is known."""
    known = [one.finite().value for one in rates(series)]
    return min((float(rate[-1] / rate.max()) for rate in known if len(rate) and rate.max() > 0), default=1.0)


def rates(series: Mapping[str, Series]) -> list[Series]:
    """The learning rate as probed and as logged, as far as there are."""
    return [one for one in (series.get(names.PROBE_LR), playing(series, "lr")) if one is not None]


def is_slowed(series: Mapping[str, Series]) -> bool:
    """Whether the rate is so far below its peak that what is small tells of the schedule and not of the rate that was chosen."""
    return rate_left(series) < FULL


def slowed(series: Mapping[str, Series], steps: Ints) -> Bools:
    """Whether it was, as of each of these steps."""
    found = np.zeros(len(steps), bool)
    for one in rates(series):
        known = one.finite()
        if len(known):
            place = np.searchsorted(known.step, steps, side="right") - 1
            below = known.value < FULL * np.maximum.accumulate(known.value)
            found |= (place >= 0) & below[np.maximum(place, 0)]
    return found


def is_done(series: Mapping[str, Series], facts: RunFacts) -> bool:
    """Whether training is done: the gradients are below DONE of those at first, and the loss, where one is known and no player's,
    is within the last NEAR of its fall."""
    norms = series.get(names.WHOLE_GRAD_NORM, Series.empty()).finite().value
    if len(norms) < 2 * BLOCK or facts.declares("adversarial") or roles.is_a_game(series):
        return False
    if np.median(norms[-BLOCK:]) > DONE * np.median(norms[:BLOCK]):
        return False
    known = playing(series, "train_loss")
    loss = known.finite().value if known is not None else np.empty(0)
    return not len(loss) or bool(loss[-1] - loss.min() <= NEAR * (loss[0] - loss.min()) and loss[0] > loss[-1])


def spread(values: Floats) -> float:
    """Robust standard deviation: 1.4826 times the median absolute deviation; 0 for no values."""
    if not len(values):
        return 0.0
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def named(layers: list[str], total: int, few: int = 3) -> str:
    """`2 of 12 layers (first, encoder.0)`."""
    shown = ", ".join(layers[:few]) + (", …" if len(layers) > few else "")
    return f"{len(layers)} of {total} layers ({shown})" if total > 1 else shown
