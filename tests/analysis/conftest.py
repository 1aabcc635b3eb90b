"""Synthetic runs: losses, rates and their noise."""

from collections.abc import Callable

import numpy as np
import pytest

from nntui.analysis.series import RunFacts, Series


@pytest.fixture
def run() -> Callable[..., tuple[dict[str, Series], RunFacts]]:
    """run(loss=…, lr=…): series of equal length, one point per step, ten steps a second."""

    def make(total: int = 0, per_epoch: int = 0, state: str = "live", every: int = 1, **columns):
        series = {}
        for name, value in columns.items():
            metric = name.replace("__", "/")
            value = np.asarray(value, dtype=np.float64)
            step = np.arange(len(value), dtype=np.int64) * every
            series[metric] = Series(metric, step, 1.7e9 + step / 10.0, value)
        last = max((int(s.step[-1]) for s in series.values()), default=-1)
        return series, RunFacts(total_steps=total, steps_per_epoch=per_epoch, state=state, last_step=last)

    return make


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """noise(seed, n, kind): of unit scale: normal, correlated, or heavy-tailed."""

    def make(seed: int, n: int, kind: str = "normal") -> np.ndarray:
        random = np.random.default_rng(seed)
        if kind == "heavy":
            return random.standard_t(3, n) / np.sqrt(3)
        plain = random.standard_normal(n)
        if kind == "correlated":
            for at in range(1, n):
                plain[at] = 0.9 * plain[at - 1] + np.sqrt(1 - 0.81) * plain[at]
        return plain

    return make
