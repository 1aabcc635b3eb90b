"""Columns and answers made by hand, and what a rule says of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nntui.analysis.answers import Answers
from nntui.analysis.series import RunFacts, Series

N = 2000


def line(metric: str, values: Any, every: int = 1, first: int = 0) -> dict[str, Series]:
    """One series by its name."""
    value = np.asarray(values, np.float64)
    step = first + np.arange(len(value), dtype=np.int64) * every
    return {metric: Series(metric, step, 1.7e9 + step / 10.0, value)}


def told(rule: Any, *lines: dict[str, Series], **facts: Any) -> list[tuple[str, str]]:
    """(id, severity) of what a rule finds."""
    series = {metric: one for part in lines for metric, one in part.items()}
    return [(finding.id, finding.status) for finding in rule.find(series, RunFacts(**facts))]


def falling(n: int = N, seed: int = 0, noise: float = 0.05) -> np.ndarray:
    """A loss that falls as it should."""
    return 0.3 + 2.0 * np.exp(-np.arange(n) / 300) + noise * np.random.default_rng(seed).standard_normal(n)


def answers(
    said: Any, target: Any, every: int = 50, apart: Any = 1.0, classes: int = 0, digest: Any = None
) -> dict[str, Answers]:
    """The fixed batch `fixed`: said (m, n), target (n,)."""
    said, target = np.asarray(said, np.float64), np.asarray(target, np.float64)
    step, apart = every * np.arange(1, len(said) + 1), np.broadcast_to(np.asarray(apart, np.float64), len(said))
    known = np.arange(len(said)) if digest is None else np.asarray(digest)
    differ = len(np.unique(target)) > 1
    return {
        "fixed": Answers("classes", step, said, target, classes, apart, bool(np.isfinite(target).any()), differ, known)
    }
