"""The recipe's rows, in its order.

Owns the order in which checks are shown, the stages they belong to, and why each matters.
Invariant: an id's stage is its first part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nntui.finding import Finding
from nntui.session.snapshot import Stage

STAGES = ("data", "skeleton", "overfit", "regularise", "tune", "squeeze")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the recipe."""

    id: str
    what: str
    """What must hold."""
    why: str
    """What it costs where it does not."""


ROWS = (
    Row(
        "data.duplicates",
        "no example of validation was trained on",
        "A leak makes the score too good, and it will not last.",
    ),
    Row("data.corrupt", "no example is broken", "One NaN ends a training; a blank example teaches nothing."),
    Row(
        "data.label_noise", "labels belong to their inputs", "Wrong labels put a ceiling on every model, and hide bugs."
    ),
    Row(
        "data.balance",
        "the splits are alike, and classes known",
        "What differs between the splits is read as overfitting.",
    ),
    Row(
        "data.outliers", "no example or column lies far from the rest", "A wrong unit rules the loss and its gradient."
    ),
    Row("data.leak", "no input gives the target away", "A network that copies the answer has learned nothing."),
    Row(
        "data.resolution",
        "how much detail matters",
        "Smaller inputs train faster and overfit less, if they say as much.",
    ),
    Row(
        "skeleton.seed",
        "two runs from one seed are one run",
        "Without it, no difference between two runs means anything.",
    ),
    Row(
        "skeleton.simple",
        "no augmentation hides in the pipeline",
        "Randomness drowns the small differences that tell bugs.",
    ),
    Row(
        "skeleton.full_eval",
        "validation is whole, and the same twice",
        "A score that moves by itself cannot be improved.",
    ),
    Row(
        "skeleton.init_loss",
        "the first loss is that of knowing nothing",
        "A wrong start shows a wrong loss, scale or sign.",
    ),
    Row(
        "skeleton.init_bias", "the final bias matches the data", "Else the first steps are spent on learning the mean."
    ),
    Row(
        "skeleton.layers",
        "every layer is alive, and learns",
        "A part that cannot learn stays random, and nobody notices.",
    ),
    Row("skeleton.human", "how well a person does", "It says how far there is to go, and whether labels make sense."),
    Row("skeleton.blind", "inputs are used", "A network that ignores them can still look half right."),
    Row(
        "skeleton.overfit_batch",
        "a few examples can be learned by heart",
        "If not, there is a bug, however the loss falls.",
    ),
    Row("skeleton.capacity", "more capacity lowers the training loss", "If not, something else holds it up."),
    Row(
        "skeleton.dependency",
        "no example and no future leaks",
        "Mixed examples train, quietly worse; the future is not there later.",
    ),
    Row("skeleton.general", "fast functions equal their plain versions", "A clever rewrite is often almost right."),
    Row("overfit.adam", "the optimizer learns", "A rate far off looks like a hard problem."),
    Row(
        "overfit.lr_decay",
        "the rate does not end the training early",
        "A loss that the schedule stopped looks converged.",
    ),
    Row("overfit.gate", "the model can overfit", "There is nothing to regularise before."),
    Row(
        "regularise.first_layer",
        "first-layer weights are no noise",
        "Noise there says that training has not reached it.",
    ),
)
"""What is shown of the recipe, in its order."""

_PLACE = {row.id: place for place, row in enumerate(ROWS)}
_URGENCY = {"fail": 0, "crash": 1, "warn": 2, "pass": 3, "skip": 4}


@dataclass(frozen=True, slots=True)
class Entry:
    """A row and what came of it."""

    row: Row
    finding: Finding
    known: bool
    """Whether it was run; where not, the finding says so."""


def entries(checks: Iterable[Finding]) -> tuple[Entry, ...]:
    """Every row that is run before the first step, then rows of one's own, by stage; none where there is no check at all."""
    found = {check.id: check for check in checks}
    if not found:
        return ()
    rows = {row.id: row for row in ROWS if row.id in found or row.id != "regularise.first_layer"}
    rows |= {name: Row(name, "", "") for name in found if name not in rows}
    order = {stage: place for place, stage in enumerate(STAGES)}
    listed = sorted(
        rows.values(),
        key=lambda row: (order.get(row.id.partition(".")[0], len(order)), _PLACE.get(row.id, len(_PLACE)), row.id),
    )
    return tuple(
        Entry(row, found.get(row.id, Finding(row.id, "skip", "This check was not run.")), row.id in found)
        for row in listed
    )


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
