"""What happened to a run, for someone who was not there.

Owns what is said and in which order; not how it is printed. Pure. Invariant: findings stand in the order in which they began,
checks before the first step first, because what came first may have caused the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.series import Series
from nntui.finding import Finding
from nntui.session.log import EventRow
from nntui.session.snapshot import Head, Snapshot

TROUBLE = ("fail", "warn", "error", "crash")
EVENTS = 12
"""Most events of level warn or error that are told."""


@dataclass(frozen=True, slots=True)
class Score:
    """One validation metric where the validation loss was best."""

    metric: str
    value: float
    error: float
    """Standard error, in the same unit; NaN when none was recorded."""
    step: int


@dataclass(frozen=True, slots=True)
class Told:
    """A finding and when it began."""

    finding: Finding
    wall_time: float
    """Unix seconds; NaN when unknown or before the first step."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the page says."""

    head: Head
    findings: tuple[Told, ...]
    """Failed and doubtful checks and alerts of a warning or more, as they began."""
    notes: tuple[Told, ...]
    """Alerts that are only worth a look."""
    passed: int
    skipped: int
    scores: tuple[Score, ...]
    """The validation loss at its best, then the other validation metrics at that step; empty when there is none."""
    final: tuple[tuple[str, float], ...]
    """Newest loss, validation loss and learning rate, by metric."""
    events: tuple[EventRow, ...]
    """The last of level warn and error."""
    declared: tuple[str, ...]
    blind: tuple[str, ...]
    began: float
    """Unix seconds of the first point; NaN when there is none."""

    @property
    def sentence(self) -> str:
        """The run in one sentence."""
        first = self.findings[0].finding if self.findings else None
        if self.head.step < 0:
            state = f"The run has recorded no step and is {self.head.state}."
        else:
            of = f" of {self.head.total_steps:,}" if self.head.total_steps else ""
            state = f"The run is {self.head.state} at step {self.head.step:,}{of}."
        if first is None:
            return f"{state} Nothing was found that costs it."
        more = len(self.findings) - 1
        rest = f" {more:,} more {'was' if more == 1 else 'were'} found." if more else ""
        return f"{state} The first thing found {where(first)} was {first.id}.{rest}"


def report(snapshot: Snapshot, series: Callable[[str], Series]) -> Report:
    """The report of a run. snapshot: of a view with layers. series: the points of a metric."""
    metrics = [m.metric for m in snapshot.metrics]
    loss, validation, rate = (roles.pick(metrics, role) for role in ("train_loss", "validation_loss", "lr"))
    clock = series(loss or validation or next(iter(metrics), ""))
    alerts = sorted(snapshot.alerts, key=lambda one: one.step)
    troubled = [one for one in (*snapshot.checks, *alerts) if one.status in TROUBLE]
    found = [Told(one, clock.when(one.step)) for one in sorted(troubled, key=lambda one: max(one.step, -1))]
    return Report(
        head=snapshot.head,
        findings=tuple(found),
        notes=tuple(Told(one, clock.when(one.step)) for one in alerts if one.status == "info"),
        passed=sum(one.status == "pass" for one in snapshot.checks),
        skipped=sum(one.status == "skip" for one in snapshot.checks),
        scores=_scores(validation, metrics, series),
        final=tuple((m.metric, m.last) for m in snapshot.metrics if m.metric in (loss, validation, rate)),
        events=tuple(event for event in snapshot.events if event.level in ("warn", "warning", "error"))[-EVENTS:],
        declared=snapshot.layers.declared,
        blind=snapshot.layers.blind,
        began=float(clock.wall_time[0]) if len(clock) else math.nan,
    )


def where(finding: Finding) -> str:
    """When a finding began, in words."""
    return f"at step {finding.step:,}" if finding.step >= 0 else "before the first step"


def restarts(head: Head) -> str:
    """How often the run was started, from where it went on, and what that replaced."""
    steps = ", ".join(f"{step:,}" for step in head.resumes[:12]) + (", …" if len(head.resumes) > 12 else "")
    known = f"; went on from step {steps}" if head.resumes else ""
    replaced = (
        f"; {head.superseded:,} points of earlier launches were replaced by later ones" if head.superseded else ""
    )
    return f"started {head.launches:,} times{known}{replaced}"


def _scores(validation: str | None, metrics: list[str], series: Callable[[str], Series]) -> tuple[Score, ...]:
    """The validation metrics at the step at which the validation loss was least."""
    if validation is None or not len(losses := series(validation).finite()):
        return ()
    step = int(losses.step[int(np.argmin(losses.value))])
    rest = [m for m in metrics if m != validation and roles.is_validation(m) and not m.endswith(names.STANDARD_ERROR)]
    found = [(m, _value(series(m), step)) for m in (validation, *rest)]
    return tuple(
        Score(m, v, _value(series(f"{m}{names.STANDARD_ERROR}"), step), step) for m, v in found if math.isfinite(v)
    )


def _value(series: Series, step: int) -> float:
    """Value at exactly a step; NaN when there is none."""
    places = np.flatnonzero(series.step == step)
    return float(series.value[places[-1]]) if len(places) else math.nan
