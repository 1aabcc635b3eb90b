"""The checks before the first step, in the recipe's order.

Owns which checks there are and how they are recorded. Invariant: a failing or crashing check hides no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nntui.checks.blind import check as blind
from nntui.checks.dependency import check as dependency
from nntui.checks.dependency import matrix_of
from nntui.checks.guard import Check
from nntui.checks.init_bias import check as init_bias
from nntui.checks.init_loss import check as init_loss
from nntui.checks.overfit_batch import check as overfit_batch
from nntui.checks.seed import check as seed_check
from nntui.checks.task import Task
from nntui.finding import Finding

if TYPE_CHECKING:
    from nntui.recorder import Run

CHECKS: tuple[Check, ...] = (seed_check, init_loss, init_bias, blind, overfit_batch, dependency)


def preflight(task: Task, *, run: Run | None = None, seed: int = 0, budget: float = 10.0) -> Iterator[Finding]:
    """Run every check and yield its finding as it comes; recorded in `run` when there is one. budget: seconds per check."""
    for check in CHECKS:
        finding = check(task, seed=seed, budget=budget)
        if run is not None:
            run.check(finding)
            matrix = matrix_of(finding)
            if matrix is not None:
                run.dependencies(matrix.values, axis="batch", step=-1, leak=matrix.leak)
        yield finding
