"""What probes recorded, as rules ask for it.

Owns picking readings out of columns. Invariant: values that are not finite are no readings.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.series import Floats, Series

ROUNDED = 2.0**-24
"""Half of what float32 tells from 1: at this share of a rate that was right, an update moves no weight at all."""


def newest(series: Mapping[str, Series], metric: str, count: int) -> Series | None:
    """The last `count` finite points of a metric; None where there are fewer."""
    if metric not in series:
        return None
    points = series[metric].finite()
    if len(points) < count:
        return None
    return Series(metric, points.step[-count:], points.wall_time[-count:], points.value[-count:])


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
    known = [series[name].finite().value for name in (names.PROBE_LR, roles.pick(series, "lr")) if name in series]
    return min((float(rate[-1] / rate.max()) for rate in known if len(rate) and rate.max() > 0), default=1.0)


def spread(values: Floats) -> float:
    """Robust standard deviation: 1.4826 times the median absolute deviation; 0 for no values."""
    if not len(values):
        return 0.0
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def named(layers: list[str], total: int, few: int = 3) -> str:
    """`2 of 12 layers (first, encoder.0)`."""
    shown = ", ".join(layers[:few]) + (", …" if len(layers) > few else "")
    return f"{len(layers)} of {total} layers ({shown})" if total > 1 else shown
