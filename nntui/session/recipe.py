"""The recipe's rows, in its order.

Owns the order in which checks are shown and the stages they belong to. Invariant: an id's stage is its first part.
"""

from __future__ import annotations

from collections.abc import Iterable

from nntui.finding import Finding
from nntui.session.snapshot import Stage

STAGES = ("data", "skeleton", "overfit", "regularise", "tune", "squeeze")

_ROWS = (
    *("data.duplicates", "data.corrupt", "data.label_noise", "data.balance", "data.outliers", "data.leak"),
    *("data.resolution", "skeleton.seed", "skeleton.simple", "skeleton.full_eval", "skeleton.init_loss"),
    *("skeleton.init_bias", "skeleton.layers", "skeleton.human", "skeleton.blind", "skeleton.overfit_batch"),
    *("skeleton.capacity", "skeleton.dependency", "skeleton.general", "overfit.adam", "overfit.lr_decay"),
    *("overfit.gate", "regularise.first_layer"),
)
_PLACE = {row: place for place, row in enumerate(_ROWS)}
_URGENCY = {"fail": 0, "crash": 1, "warn": 2, "pass": 3, "skip": 4}


def ordered(checks: Iterable[Finding]) -> tuple[Finding, ...]:
    """Failures first, then crashes, warnings, passes and skips; within each in the recipe's order."""
    return tuple(sorted(checks, key=lambda c: (_URGENCY.get(c.status, 5), _PLACE.get(c.id, len(_PLACE)), c.id)))


def stages(checks: Iterable[Finding]) -> tuple[Stage, ...]:
    """Counts per stage, every stage named, an unknown one last."""
    counts: dict[str, dict[str, int]] = {name: {} for name in STAGES}
    for check in checks:
        stage = counts.setdefault(check.id.partition(".")[0], {})
        stage[check.status] = stage.get(check.status, 0) + 1
    return tuple(
        Stage(name, c.get("pass", 0), c.get("warn", 0), c.get("fail", 0), c.get("skip", 0) + c.get("crash", 0))
        for name, c in counts.items()
    )
