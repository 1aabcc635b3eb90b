# pyright: standard
"""A run as it becomes known: the one mutable object of the viewer, owned by the feed thread.

Owns folding polls and freezing snapshots. Touches no file except to ask whether a process lives and which code it runs.
Invariant: the same batches in any chunks give the same snapshot.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from nntui import names
from nntui.analysis import roles
from nntui.analysis.series import RunFacts, Series, pace
from nntui.finding import PROGRESS, Finding
from nntui.runlog import layout
from nntui.runlog.reader import Damage, Poll
from nntui.runlog.schema import POINTS
from nntui.runlog.tables import joined
from nntui.session import plotting, recipe
from nntui.session.columns import Lineage, Recorded
from nntui.session.drawing import Along, Drawing
from nntui.session.later import Later
from nntui.session.launches import Launches
from nntui.session.liveness import OVER, State
from nntui.session.log import Journal
from nntui.session.machines import Machines
from nntui.session.marks import marks
from nntui.session.references import references
from nntui.session.rows import finding_of, object_of, rows_of
from nntui.session.snapshot import (
    Head,
    Lost,
    Mark,
    PlotView,
    Snapshot,
    View,
    XAxis,
)
from nntui.session.sparing import Sparing
from nntui.session.spill import SPILL
from nntui.session.tracks import XScale

MARGIN, AHEAD = 1.1, 8.0
"""Room is made for the points which are known to follow, and a little more than they take if they are like those that came; for
so many times as many as these at most, since they may be others."""
ALERT_INTERVAL = 1.0
ALERT_SHARE = 0.03
"""Of the viewer's time that the rules may take on a run of many points."""


class RunState:
    """Everything known of one run."""

    def __init__(self, name: str, path: str | Path) -> None:
        self.name = name
        self.path = str(path)
        self.watching = ""
        self._recorded = Recorded()
        self._drawing = Drawing()
        self._launches = Launches()
        self._checks: dict[str, tuple[int, Finding]] = {}
        self._journal = Journal()
        self._wall = 0.0
        self._later = Later()
        self._machines = Machines()
        self._lost_reported: dict[str, int] = {}
        self._damage = Damage()
        self._behind = True
        """Whether more was recorded than had been read when the last poll ended."""
        self._alerts: tuple[Finding, ...] = ()
        self._alerts_key: object = None
        self._asking = Sparing(ALERT_INTERVAL, ALERT_SHARE)
        self._number = 0

    # --- folding ------------------------------------------------------------------------------

    def fold(self, poll: Poll, now: float, wall: float) -> bool:
        """Take in one poll. now: the viewer's monotonic clock; wall: Unix seconds. True when anything changed."""
        changed = bool(poll.batches) or poll.lost != self._damage
        changed |= self._launches.see(poll.writers, now, wall)
        self._damage, self._wall = poll.lost, wall
        self._later.catch_up()
        newest: dict[str, float] = {}
        coming = min(AHEAD, MARGIN * poll.left / poll.bytes_read) if poll.bytes_read else 0.0
        for (kind, writer), group in groupby(poll.batches, lambda batch: (batch.kind, batch.writer)):
            batches = [batch.data for batch in group]
            for data in joined(batches) if kind in POINTS else batches:
                newest[writer] = max(newest.get(writer, 0.0), self._fold_batch(kind, writer, data, coming))
        for name, at in newest.items():
            if at > 0:
                self._launches.see_row(name, at, now, wall, behind=self._behind)
        self._behind = poll.more
        SPILL.relieve(now)
        SPILL.touched(poll.bytes_read)
        return self._launches.judge(now, self._recorded.first_steps, came=bool(poll.batches)) or changed

    def with_points_of(self, poll: Poll, now: float, wall: float) -> RunState:
        """The same run with no points but those of this poll; what else becomes known of it the two share."""
        other = copy.copy(self)
        other._recorded, other._drawing, other._launches = Recorded(), Drawing(), Launches()
        other.fold(poll, now, wall)
        return other

    def _fold_batch(self, kind: str, writer: str, data: pa.RecordBatch, coming: float) -> float:
        """Fold one batch; the newest wall time in it, in Unix seconds; 0 where it is no sign of training."""
        newest = self._recorded.fold(writer, data, coming) if kind in POINTS else 0.0
        if kind == "output":
            for row in rows_of(data):
                self._journal.fold_output(writer, row)
        if kind in layout.ASIDE:
            return 0.0
        if kind == "metrics":
            return newest
        if kind == "checks":
            for row in rows_of(data):
                self._fold_check(row)
        elif kind == "events":
            for row in rows_of(data):
                self._fold_event(writer, row)
        else:
            self._later.fold(kind, writer, data)
        times = data.column("wall_time_ns")
        return float(times[-1].as_py() or 0) / 1e9 if len(times) else 0.0

    def _fold_check(self, row: dict[str, Any]) -> None:
        known = self._checks.get(row["id"])
        if known is None or row["wall_time_ns"] >= known[0]:
            self._checks[row["id"]] = (row["wall_time_ns"], finding_of(row))

    def _fold_event(self, writer: str, row: dict[str, Any]) -> None:
        self._journal.fold_event(writer, row)
        self._later.fold_event(row)
        self._machines.fold_event(writer, row)
        if row["event"] == "lost":
            points = object_of(row["data"]).get("points")
            self._lost_reported[writer] = self._lost_reported.get(writer, 0) + (
                points if isinstance(points, int) else 0
            )

    # --- freezing -----------------------------------------------------------------------------

    def snapshot(self, view: View, now: float, along: Along = lambda metrics: (), *, judged: bool = True) -> Snapshot:
        """Everything the view needs, as of now. along: what other runs give to a plot of these metrics.

        judged: whether the rules are asked; without them, and what they are told of the inside, a run is shown sooner.
        """
        self._number += 1
        writers, cuts = self._launches.shown, self._launches.cuts
        lineages = {metric: self._recorded.lineage(metric, writers, cuts) for metric in self._recorded.metrics}
        series = {metric: one.current for metric, one in lineages.items() if len(one.current)}
        training = {metric: one for metric, one in series.items() if not metric.startswith((PROGRESS, names.SYSTEM))}
        outside = {metric: one for metric, one in training.items() if not metric.startswith(names.LAYER)}
        ended = max((float(s.wall_time[-1]) for s in series.values()), default=math.nan)
        replaced = sum(len(one.replaced) for one in lineages.values())
        head = self._head(outside, ended, replaced)
        alerts = self._find_alerts(training, head, now) if judged else self._alerts
        moment = max(outside.values(), key=len, default=Series.empty()).when
        self._journal.hear(alerts, now, self._wall, moment, over=head.state in OVER)
        checks = recipe.ordered(self._checked(judged=judged))
        growing = head.state in ("live", "quiet")
        listed, inside = _listed(series, view)
        metrics = [self._drawing.summary(metric, lineages[metric], view, growing) for metric in listed]
        lines = references(finding for _, finding in self._checks.values())
        return Snapshot(
            number=self._number,
            view=view,
            head=head,
            plots=self._drawing.plots(
                view.plots,
                lambda one: (self._drawn_of(one),) if one.writer else (self.drawn(one.metrics), *along(one.metrics)),
                lambda axis: self._marks(axis, outside, alerts),
                lines,
            ),
            metrics=tuple(sorted(metrics, key=lambda m: roles.order(m.metric))),
            inside=inside,
            checks=checks,
            alerts=alerts,
            stages=recipe.stages(checks),
            events=tuple(sorted(self._journal.events, key=lambda event: event.wall_time)),
            parts=self._parts(view, training, alerts, moment),
        )

    def _parts(
        self,
        view: View,
        training: Mapping[str, Series],
        alerts: tuple[Finding, ...],
        moment: Callable[[int], float],
    ) -> dict[str, Any]:
        """What single screens show, as far as the view asks for it."""
        points = (self._recorded.points, self._launches.everything_cut)
        asked = (view.predictions, view.dependencies, view.data, view.layers, view.weights, view.samples)
        parts = self._later.inside.shown(view, self._launches.lines, training, points) if any(asked) else {}
        if view.log:
            parts["log"] = self._journal.shown(view.log, alerts, moment)
        if view.system:
            parts["system"] = self._machines.shown(view.system, self._launches, self._recorded)
        return parts

    def _checked(self, *, judged: bool) -> list[Finding]:
        """The newest outcome of each check, and what is judged by what was recorded since."""
        found = [finding for _, finding in self._checks.values()]
        layer = self._later.inside.finding(self._launches.lines) if judged else None
        return found if layer is None or layer.id in self._checks else [*found, layer]

    def series(self, metric: str) -> Series:
        """The points of a metric that count."""
        return self._lineage(metric).current

    def outside(self) -> dict[str, Series]:
        """The points that count of every metric that was neither taken inside the model nor by a check."""
        own = (m for m in self._recorded.metrics if not names.is_inside(m) and not m.startswith(PROGRESS))
        return {metric: one for metric in own if len(one := self.series(metric))}

    def listen(self) -> None:
        """All was read: have the next snapshot ask the rules, and note which alerts end from now on."""
        self._alerts_key = None
        self._asking.forget()
        self._journal.listen()

    def _lineage(self, metric: str) -> Lineage:
        return self._recorded.lineage(metric, self._launches.shown, self._launches.cuts)

    def _head(self, series: Mapping[str, Series], ended: float, replaced: int) -> Head:
        launches = self._launches
        lead, shown = launches.writers.get(launches.lead), launches.shown
        state, reason = launches.state
        loss, lr, speed = (roles.pick(series, role) for role in ("train_loss", "lr", "throughput"))
        step = max((int(s.step[-1]) for s in series.values()), default=-1)
        total, steps_per_epoch = lead.manifest.total_steps if lead else 0, launches.steps_per_epoch
        going = state in ("live", "quiet")
        return Head(
            name=self.name,
            path=self.path,
            state=state,
            state_reason=reason,
            step=step,
            total_steps=total,
            epoch=step / steps_per_epoch if steps_per_epoch > 0 and step >= 0 else math.nan,
            eta=(total - step) / pace(_longest(series) or Series.empty()) if going and total > step >= 0 else math.nan,
            loss=_last(series, loss),
            loss_metric=loss or "",
            lr=_last(series, lr),
            samples_per_second=_last(series, speed),
            elapsed=max(0.0, ended - launches.begun(shown)),
            newest=launches.newest,
            launches=len(shown),
            ranks=len(launches.ranks),
            watching=self.watching,
            lost=self._lost(),
            resumes=launches.resumes,
            superseded=replaced,
        )

    def _lost(self) -> Lost:
        points = 0
        for name, writer in self._launches.writers.items():
            points += max(self._lost_reported.get(name, 0), writer.beat.lost if writer.beat else 0)
        return Lost(points, self._damage.frames, self._damage.torn, self._damage.ignored)

    def _find_alerts(self, series: Mapping[str, Series], head: Head, now: float) -> tuple[Finding, ...]:
        if not self._asking.due(now):
            return self._alerts
        from nntui.analysis import rules

        begun = time.thread_time()
        going, answers = head.state in ("live", "quiet"), self._later.inside.answers(self._launches.lines)
        checked = tuple(at for at, _ in self._checks.values())
        key = (self._recorded.points, head.state, self._launches.everything_cut, answers, checked)
        if going or key != self._alerts_key:
            facts = RunFacts(
                total_steps=head.total_steps,
                steps_per_epoch=self._launches.steps_per_epoch,
                state=head.state,
                state_reason=head.state_reason,
                seconds_since_row=now - head.newest if going else math.nan,
                last_step=head.step,
                resumes=self._launches.resumes,
                watched=self._later.inside.watched,
                ranks=self._by_rank(),
                checks={row: finding for row, (_, finding) in self._checks.items()},
                answers=answers,
            )
            self._alerts, self._alerts_key = tuple(rules.find(series, facts)), key
            self._asking.done(now, time.thread_time() - begun)
        return self._alerts

    def _by_rank(self) -> dict[int, dict[str, Series]]:
        """What each rank recorded of the metrics by which ranks are compared."""
        from nntui.analysis import rules

        ranks = self._launches.ranks
        if len(ranks) < 2:
            return {}
        found: dict[int, dict[str, Series]] = {}
        for place, (rank, writers) in enumerate(ranks.items()):
            lines = {m: self._recorded.lineage(m, writers, self._launches.cuts, place).current for m in rules.COMPARED}
            found[rank] = {metric: one for metric, one in lines.items() if len(one)}
        return found

    @property
    def state(self) -> State:
        """The state of the run as of the last poll."""
        return self._launches.state[0]

    @property
    def any_points(self) -> bool:
        """Whether a metric was recorded."""
        return self._recorded.points > 0

    @property
    def lost(self) -> Lost:
        """What was logged and cannot be shown."""
        return self._lost()

    def drawn(self, metrics: Sequence[str]) -> plotting.Drawn:
        """What this run gives to a plot of these metrics."""
        growing = self.state in ("live", "quiet")
        lineages = [self._lineage(m) for m in metrics]
        return plotting.Drawn(lineages, self._scale(), growing, self._of_other_ranks(metrics), self._drawing.tracks)

    def _scale(self) -> XScale:
        return XScale(self._launches.steps_per_epoch, self._launches.begun())

    def _of_other_ranks(self, metrics: Sequence[str]) -> dict[str, list[Lineage]]:
        """The same metrics on every rank but the shown one."""
        shown, cuts = set(self._launches.shown), self._launches.cuts
        ranks = [writers for writers in self._launches.ranks.values() if writers[0] not in shown]
        return {m: [self._recorded.lineage(m, w, cuts, n) for n, w in enumerate(ranks, 1)] for m in metrics if ranks}

    def _drawn_of(self, view: PlotView) -> plotting.Drawn:
        """What one process gives to a plot."""
        writer, growing = self._launches.writers.get(view.writer), self.state in ("live", "quiet")
        own = self._recorded.own(view.writer, view.metrics.__contains__)
        scale = XScale(0, writer.manifest.started_ns / 1e9 if writer else 0.0)
        return plotting.Drawn([Lineage(own[m]) for m in view.metrics if m in own], scale, growing)

    def _marks(self, axis: XAxis, series: Mapping[str, Series], alerts: tuple[Finding, ...]) -> list[Mark]:
        scale, rate, clock = self._scale(), roles.pick(series, "lr"), _longest(series)
        found = self._drawing.jumps(self._lineage(rate), scale, axis) if rate else []
        if clock is not None:
            found += marks(
                clock, scale, axis, resumes=self._launches.resumes, alerts=alerts, events=self._journal.events
            )
        return found


def _longest(series: Mapping[str, Series]) -> Series | None:
    """The series with the most points."""
    return max(series.values(), key=len, default=None)


def _listed(series: Mapping[str, Series], view: View) -> tuple[list[str], int]:
    """Names of the metrics to list, and how many were taken inside the model."""
    aside = [metric for metric in series if names.is_aside(metric)]
    fitting = (metric for metric in aside if view.inside_pattern.lower() in metric.lower())
    some = islice(fitting, view.inside) if view.inside else ()
    inside = sum(names.is_inside(metric) for metric in aside)
    return [*(metric for metric in series if not names.is_aside(metric)), *some], inside


def _last(series: Mapping[str, Series], metric: str | None) -> float:
    return float(series[metric].value[-1]) if metric is not None else math.nan
