"""Things that a training carries along and loses: the optimizer's state, the loss scale, its place after a restart.

Tests: (1) an optimizer that keeps state had none before an update which is not the first of the run (exact); once is a resume
without it, again and again an optimizer that is made anew. (2) The loss scale has come down to LOWEST or below, or by COLLAPSED
from its largest, and attempts are still skipped: the gradients are not finite at any scale. (3) The median training loss of the
FEW points after a restart lies above that of the POINTS before it, by SIGMAS of the noise from point to point (a training that
was thrown back recovers fast) and by JUMP of it. Wrong when: a second phase begins with a fresh optimizer on purpose (declare
"fresh_optimizer").
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.readings import newest, spread
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

OPTIMIZER = "live.optimizer_state"
SCALE = "live.loss_scale"
RESUME = "live.resume"
LOWEST = 1.0
COLLAPSED = 2.0**12
POINTS = 20
FEW = 5
SIGMAS = 5.0
JUMP = 0.05


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding for each."""
    return [*_optimizer(series, facts), *_scale(series), *_resume(series, facts)]


def _optimizer(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    if names.WITHOUT_STATE not in series or facts.declares("fresh_optimizer"):
        return []
    points = series[names.WITHOUT_STATE].finite()
    lost = points.step[(points.value > 0.5) & (points.step > (0 if facts.resumes else _first(points)))]
    if not len(lost):
        return []
    often = len(lost) > 1
    return [
        Finding(
            OPTIMIZER,
            "warn",
            f"The optimizer had no state at step {int(lost[0]):,}"
            + (f" and at {len(lost) - 1} later readings" if often else "")
            + ": what it had learned of the gradients was lost.",
            expected=0.0,
            measured=float(len(lost)),
            tolerance=0.0,
            unit="readings",
            advice=(
                "Most likely a new optimizer is made for every epoch. "
                if often
                else "Most likely a resume that loads the weights and not optimizer.state_dict(). "
            )
            + "Refute: optimizer.state must not be empty before the update. If it is meant, declare 'fresh_optimizer'.",
            evidence={"metric": names.WITHOUT_STATE, "steps": lost[:20].tolist(), "resumes": list(facts.resumes)},
            step=int(lost[0]),
        )
    ]


def _first(points: Series) -> int:
    return int(points.step.min()) if len(points) else -1


def _scale(series: Mapping[str, Series]) -> list[Finding]:
    last, skipped = newest(series, names.LOSS_SCALE, 3), newest(series, names.SKIPPED, 3)
    if last is None or skipped is None or not skipped.value[-1] > skipped.value[0]:
        return []
    largest, now = float(series[names.LOSS_SCALE].finite().value.max()), float(last.value[-1])
    if now > LOWEST and now * COLLAPSED > largest:
        return []
    return [
        Finding(
            SCALE,
            "warn",
            f"The loss scale has come down to {format_number(now)} from {format_number(largest)}, and attempts are still skipped "
            f"({int(skipped.value[-1]):,} so far).",
            expected=f"above {LOWEST:g}",
            measured=now,
            advice="Most likely the loss or a gradient is not finite whatever its scale: look for NaN in the batch, a log "
            "or a division of zero. Refute: the same in float32 must show no non-finite gradient.",
            evidence={"metric": names.LOSS_SCALE, "largest": largest, "newest": now, "skipped": skipped.value.tolist()},
            step=int(last.step[-1]),
        )
    ]


def _resume(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    name = roles.pick(series, "train_loss")
    if not name or not facts.resumes:
        return []
    points, step = series[name].finite(), facts.resumes[-1]
    before, after = points.value[points.step < step][-POINTS:], points.value[points.step >= step][:POINTS]
    if len(before) < POINTS // 2 or len(after) < FEW:
        return []
    then, now = float(np.median(before)), float(np.median(after[:FEW]))
    noise = max(spread(np.diff(before)), spread(np.diff(after))) / np.sqrt(2)
    if now - then <= max(SIGMAS * noise, JUMP * abs(then)):
        return []
    return [
        Finding(
            RESUME,
            "warn",
            f"{name} jumped at the restart of step {step:,}: from {format_number(then)} to {format_number(now)}.",
            expected=f"about {format_number(then)}",
            measured=now,
            tolerance=max(SIGMAS * float(noise), JUMP * abs(then)),
            advice="Most likely something was not restored: the optimizer's state, the place in the schedule, the statistics of "
            "normalization layers, an older checkpoint. Refute: the loss of one batch before saving and after loading must "
            "be equal.",
            evidence={"metric": name, "before": then, "after": now, "step": step},
            step=step,
        )
    ]
