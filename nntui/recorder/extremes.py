"""The extremes of every metric, kept up while its points go by, so that a list of runs need not read them.

Owns what end.json tells of metrics. Used by the writer thread alone. Invariant: bounded in metrics; of what is taken inside the
model, and of what checks measure, nothing is kept.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nntui import names
from nntui.finding import PROGRESS

METRIC_LIMIT = 64
"""Most metrics that are told of; the first ones logged."""
GROUP_LIMIT = 256
"""Most sets of metrics logged together for which it is remembered which of them count."""
POINTS, LAST, LOW, HIGH = 0, 1, 3, 6
"""Where in the list of a metric its numbers begin."""


class Extremes:
    """Points, newest value, minimum and maximum of each metric."""

    def __init__(self) -> None:
        self._known: dict[str, list[Any]] = {}
        self._counted: dict[tuple[str, ...], list[tuple[int, str, int]]] = {}

    def take(self, metrics: tuple[str, ...], steps: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Metrics that were logged together. steps: shape (n,), n > 0; values: shape (len(metrics), n)."""
        counted = self._rows(metrics)
        if not counted:
            return
        rows = values[[row for row, _, _ in counted]]
        finite = np.isfinite(rows)
        lowest = np.where(finite, rows, math.inf).argmin(axis=1)
        highest = np.where(finite, rows, -math.inf).argmax(axis=1)
        for at, (_, metric, error) in enumerate(counted):
            known = self._known[metric]
            known[POINTS] += len(steps)
            known[LAST : LAST + 2] = float(rows[at, -1]), int(steps[-1])
            for begin, column in ((LOW, int(lowest[at])), (HIGH, int(highest[at]))):
                found, sign = float(rows[at, column]), 1 if begin == LOW else -1
                if math.isfinite(found) and not sign * known[begin] <= sign * found:
                    spread = float(values[error, column]) if error >= 0 else math.nan
                    known[begin : begin + 3] = found, int(steps[column]), spread

    def told(self) -> dict[str, list[Any]]:
        """Each metric's list, as end.json has it."""
        return {
            metric: [str(v) if isinstance(v, float) and not math.isfinite(v) else v for v in values]
            for metric, values in self._known.items()
        }

    def _rows(self, metrics: tuple[str, ...]) -> list[tuple[int, str, int]]:
        """(row, metric, row of its standard error or -1) of those that count."""
        counted = self._counted.get(metrics)
        if counted is None:
            counted = []
            for row, metric in enumerate(metrics):
                counts = not names.is_inside(metric) and not metric.startswith(PROGRESS)
                if counts and (metric in self._known or len(self._known) < METRIC_LIMIT):
                    self._known.setdefault(metric, [0, math.nan, -1, *[math.nan, -1, math.nan] * 2])
                    error = (
                        metrics.index(metric + names.STANDARD_ERROR) if metric + names.STANDARD_ERROR in metrics else -1
                    )
                    counted.append((row, metric, error))
            if len(self._counted) < GROUP_LIMIT:
                self._counted[metrics] = counted
        return counted
