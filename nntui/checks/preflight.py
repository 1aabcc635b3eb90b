"""The checks before the first step, in the recipe's order.

Owns which checks there are and how they are recorded. Invariant: a failing or crashing check hides no other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nntui.checks.adam import check as adam
from nntui.checks.balance import check as balance
from nntui.checks.blind import check as blind
from nntui.checks.capacity import check as capacity
from nntui.checks.corrupt import check as corrupt
from nntui.checks.dataset import sharing
from nntui.checks.dependency import check as dependency
from nntui.checks.dependency import matrices_of
from nntui.checks.duplicates import check as duplicates
from nntui.checks.experiment import listening
from nntui.checks.full_eval import check as full_eval
from nntui.checks.gate import check as gate
from nntui.checks.general import check as general
from nntui.checks.guard import Check
from nntui.checks.human import check as human
from nntui.checks.inferred import inferred
from nntui.checks.init_bias import check as init_bias
from nntui.checks.init_loss import check as init_loss
from nntui.checks.label_noise import check as label_noise
from nntui.checks.layers import check as layers
from nntui.checks.leak import check as leak
from nntui.checks.listing import list_examples
from nntui.checks.lr_decay import check as lr_decay
from nntui.checks.outliers import check as outliers
from nntui.checks.overfit_batch import check as overfit_batch
from nntui.checks.resolution import check as resolution
from nntui.checks.seed import check as seed_check
from nntui.checks.simple import check as simple
from nntui.checks.task import Task
from nntui.finding import Finding

if TYPE_CHECKING:
    from nntui.recorder import Run

CHECKS: dict[str, Check] = {
    "data.duplicates": duplicates,
    "data.corrupt": corrupt,
    "data.label_noise": label_noise,
    "data.balance": balance,
    "data.outliers": outliers,
    "data.leak": leak,
    "data.resolution": resolution,
    "skeleton.seed": seed_check,
    "skeleton.simple": simple,
    "skeleton.full_eval": full_eval,
    "skeleton.init_loss": init_loss,
    "skeleton.init_bias": init_bias,
    "skeleton.layers": layers,
    "skeleton.human": human,
    "skeleton.blind": blind,
    "skeleton.overfit_batch": overfit_batch,
    "skeleton.capacity": capacity,
    "skeleton.dependency": dependency,
    "skeleton.general": general,
    "overfit.adam": adam,
    "overfit.lr_decay": lr_decay,
    "overfit.gate": gate,
}
"""Rows in the recipe's order. `data.leak` and `skeleton.layers` hold what the recipe says of wiring and of scores too good."""

LISTED_AFTER = "data.resolution"
"""The last row that looks at the data alone; what is known of single examples is recorded then."""

Progress = Callable[[str, int, dict[str, float]], None]
"""Told (row, step, numbers by name) while a check runs; a row begins with step -1 and no numbers."""


def preflight(
    task: Task,
    *,
    run: Run | None = None,
    seed: int = 0,
    budget: float = 10.0,
    only: Sequence[str] = (),
    progress: Progress | None = None,
) -> Iterator[Finding]:
    """Run the checks and yield each finding as it comes.

    run: records findings, dependency matrices, what the task was taken for, what is known of single examples, and the
    progress of each check as metrics `check/<check>/<name>`. budget: seconds per check. only: rows to run, as `init_loss` or
    `skeleton.init_loss`; empty for all.
    Raises ValueError for an unknown row, before any check.
    """
    wanted = [_row(name) for name in only] or list(CHECKS)
    return _findings(task, wanted, run, seed, budget, progress)


def _findings(
    task: Task, wanted: list[str], run: Run | None, seed: int, budget: float, progress: Progress | None
) -> Iterator[Finding]:
    def tell(row: str, step: int, numbers: dict[str, float]) -> None:
        if run is not None and numbers:
            run.check_progress(row.partition(".")[2], numbers, step)
        if progress is not None:
            progress(row, step, numbers)

    if run is not None:
        taken = inferred(task, seed=seed)
        run.event("task", "; ".join(f"{what}: {words}" for what, words in taken.items()), step=-1, data=taken)
    kept: dict[Hashable, Any] = {}
    stopped: dict[str, str] = {}
    for row, check in CHECKS.items():
        if row not in wanted:
            continue
        tell(row, -1, {})
        with listening(tell), sharing(kept):
            finding = _told_once(check(task, seed=seed, budget=budget), stopped)
        if run is not None:
            _record(run, finding)
        yield finding
        if run is not None and row == LISTED_AFTER:
            with sharing(kept):
                list_examples(task, run)


def _told_once(finding: Finding, stopped: dict[str, str]) -> Finding:
    """The finding; where an error stopped it that stopped a row before (message to row), it is skipped and names that row."""
    if finding.status != "crash":
        return finding
    row = stopped.setdefault(finding.message, finding.id)
    if row == finding.id:
        return finding
    return dataclasses.replace(finding, status="skip", message=f"Stopped by the error that stopped {row}.", advice="")


def _record(run: Run, finding: Finding) -> None:
    run.check(finding)
    for one in matrices_of(finding):
        labels = [str(place) for place in one.rows]
        run.dependencies(one.values, axis=one.axis, step=-1, leak=one.leak, row_labels=labels)


def _row(name: str) -> str:
    row = next((row for row in CHECKS if name in (row, row.partition(".")[2])), None)
    if row is None:
        raise ValueError(f"{name!r} is no check; expected one of {', '.join(CHECKS)}.")
    return row
