# pyright: standard
"""A run as it becomes known: the one mutable object of the viewer, owned by the feed thread.

Owns folding polls and freezing snapshots. Touches no file except to ask whether a process lives and which code it runs.
Invariant: the same batches in any chunks give the same snapshot.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from nntui import names
from nntui.analysis import roles, rules
from nntui.analysis.series import RunFacts, Series
from nntui.finding import PROGRESS, Finding
from nntui.runlog import layout
from nntui.runlog.lineage import Cut, Launch, cuts
from nntui.runlog.reader import Damage, Poll
from nntui.runlog.writers import Writer, newest_sign_ns, of_first_rank
from nntui.session import plotting, recipe
from nntui.session.columns import Lineage, Recorded
from nntui.session.drawing import Along, Drawing
from nntui.session.inside import Inside, Lines
from nntui.session.liveness import OVER, Pulse, State, judge, leading
from nntui.session.log import Journal, Log
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
from nntui.session.system import NOTHING, System, SystemView, pace
from nntui.session.tracks import XScale

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
        self._writers: dict[str, Writer] = {}
        self._pulses: dict[str, Pulse] = {}
        self._states: dict[str, tuple[State, str]] = {}
        self._checks: dict[str, tuple[int, Finding]] = {}
        self._journal = Journal()
        self._wall = 0.0
        self._inside = Inside()
        self._machines = Machines()
        self._lost_reported: dict[str, int] = {}
        self._damage = Damage()
        self._newest = math.nan
        self._behind = True
        """Whether more was recorded than had been read when the last poll ended."""
        self._cuts: dict[str, Cut] = {}
        self._alerts: tuple[Finding, ...] = ()
        self._alerts_key: object = None
        self._asking = Sparing(ALERT_INTERVAL, ALERT_SHARE)
        self._number = 0

    # --- folding ------------------------------------------------------------------------------

    def fold(self, poll: Poll, now: float, wall: float) -> bool:
        """Take in one poll. now: the viewer's monotonic clock; wall: Unix seconds. True when anything changed."""
        changed = bool(poll.batches) or poll.lost != self._damage or poll.writers.keys() != self._writers.keys()
        self._writers = dict(poll.writers)
        self._damage, self._wall = poll.lost, wall
        for name, writer in self._writers.items():
            changed |= self._pulses.setdefault(name, Pulse()).see_beat(writer, now, wall)
        newest: dict[str, float] = {}
        for batch in poll.batches:
            newest[batch.writer] = max(
                newest.get(batch.writer, 0.0), self._fold_batch(batch.kind, batch.writer, batch.data)
            )
        for name, at in newest.items():
            if at > 0:
                pulse = self._pulses.setdefault(name, Pulse())
                pulse.see_row(at, now, wall, behind=self._behind)
                self._newest = pulse.row_at if math.isnan(self._newest) else max(self._newest, pulse.row_at)
        self._behind = poll.more
        return self._judge(now) or changed

    def _fold_batch(self, kind: str, writer: str, data: pa.RecordBatch) -> float:
        """Fold one batch; the newest wall time in it, in Unix seconds; 0 where it is no sign of training."""
        if kind in ("metrics", "system"):
            self._recorded.fold(writer, data)
        if kind == "output":
            for row in rows_of(data):
                self._journal.fold_output(writer, row)
        if kind in layout.ASIDE:
            return 0.0
        if kind == "metrics":
            times = data.column("wall_time_ns").flatten()
            return float(times[-1].as_py() or 0) / 1e9 if len(times) else 0.0
        if kind == "checks":
            for row in rows_of(data):
                self._fold_check(row)
        elif kind == "events":
            for row in rows_of(data):
                self._fold_event(writer, row)
        else:
            self._inside.fold(kind, writer, data)
        times = data.column("wall_time_ns")
        return float(times[-1].as_py() or 0) / 1e9 if len(times) else 0.0

    def _fold_check(self, row: dict[str, Any]) -> None:
        known = self._checks.get(row["id"])
        if known is None or row["wall_time_ns"] >= known[0]:
            self._checks[row["id"]] = (row["wall_time_ns"], finding_of(row))

    def _fold_event(self, writer: str, row: dict[str, Any]) -> None:
        self._journal.fold_event(writer, row)
        self._inside.fold_event(row)
        self._machines.fold_event(writer, row)
        if row["event"] == "lost":
            points = object_of(row["data"]).get("points")
            self._lost_reported[writer] = self._lost_reported.get(writer, 0) + (
                points if isinstance(points, int) else 0
            )

    def _judge(self, now: float) -> bool:
        states = {name: judge(writer, self._pulses[name], now) for name, writer in self._writers.items()}
        changed, self._states = states != self._states, states
        if changed or not self._cuts or any(s not in OVER for s, _ in states.values()):
            launches = [
                Launch(
                    name,
                    writer.manifest.rank,
                    writer.manifest.started_ns,
                    writer.manifest.resume_step,
                    states[name][0] in OVER,
                    self._recorded.first_steps(name) if writer.manifest.resume_step < 0 and len(states) > 1 else {},
                    newest_sign_ns(writer),
                )
                for name, writer in self._writers.items()
            ]
            self._cuts = cuts(launches)
        return changed

    # --- freezing -----------------------------------------------------------------------------

    def snapshot(self, view: View, now: float, along: Along = lambda metrics: ()) -> Snapshot:
        """Everything the view needs, as of now. along: what other runs give to a plot of these metrics."""
        self._number += 1
        lead = self._lead()
        primary = self._primary()
        lineages = {metric: self._recorded.lineage(metric, primary, self._cuts) for metric in self._recorded.metrics}
        series = {metric: one.current for metric, one in lineages.items() if len(one.current)}
        training = {metric: one for metric, one in series.items() if not metric.startswith((PROGRESS, names.SYSTEM))}
        outside = {metric: one for metric, one in training.items() if not metric.startswith(names.LAYER)}
        ended = max((float(s.wall_time[-1]) for s in series.values()), default=math.nan)
        replaced = sum(len(one.replaced) for one in lineages.values())
        head = self._head(lead, outside, ended, replaced)
        alerts = self._find_alerts(training, head, now)
        moment = max(outside.values(), key=len, default=Series.empty()).when
        self._journal.hear(alerts, now, self._wall, moment, over=head.state in OVER)
        checks = recipe.ordered(self._checked())
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
            log=self._journal.shown(view.log, alerts, moment) if view.log else Log(),
            system=self._system(view.system, lead) if view.system else NOTHING,
            **self._inside.shown(view, self._lines(), training, (self._recorded.points, self._everything_cut())),
        )

    def _system(self, view: SystemView, lead: str) -> System:
        return self._machines.shown(view, lead, self._writers, self._states, self._pulses, self._recorded)

    def _checked(self) -> list[Finding]:
        """The newest outcome of each check, and what is judged by what was recorded since."""
        found, judged = [finding for _, finding in self._checks.values()], self._inside.finding(self._lines())
        return found if judged is None or judged.id in self._checks else [*found, judged]

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

    def _lines(self) -> Lines:
        """Writers of the shown rank, oldest first, with the step from which a later one replaced each."""
        return tuple((name, self._cuts.get(name, Cut()).everything) for name in self._primary())

    def _everything_cut(self) -> tuple[int, ...]:
        return tuple(cut.everything for cut in self._cuts.values())

    def _primary(self) -> list[str]:
        """Writers of the shown rank, oldest first."""
        return [writer.manifest.writer for writer in of_first_rank(self._writers.values())]

    def _lead(self) -> str:
        """The writer whose state is the run's: the newest one still going, else the newest."""
        return leading(self._primary(), self._states)

    def _lineage(self, metric: str) -> Lineage:
        return self._recorded.lineage(metric, self._primary(), self._cuts)

    def _head(self, lead: str, series: Mapping[str, Series], ended: float, replaced: int) -> Head:
        primary = self._primary()
        manifest = self._writers[lead].manifest if lead else None
        state, reason = self._states.get(lead, ("waiting", ""))
        loss, lr, speed = (roles.pick(series, role) for role in ("train_loss", "lr", "throughput"))
        step = max((int(s.step[-1]) for s in series.values()), default=-1)
        total = manifest.total_steps if manifest else 0
        steps_per_epoch = manifest.steps_per_epoch if manifest else 0
        begun = min((self._writers[n].manifest.started_ns / 1e9 for n in primary), default=math.nan)
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
            loss_metric=loss,
            lr=_last(series, lr),
            samples_per_second=_last(series, speed),
            elapsed=max(0.0, ended - begun),
            newest=self._newest,
            launches=len(primary),
            ranks=len({w.manifest.rank for w in self._writers.values()}),
            watching=self.watching,
            lost=self._lost(),
            resumes=tuple(self._resumes()),
            superseded=replaced,
        )

    def _lost(self) -> Lost:
        points = 0
        for name, writer in self._writers.items():
            points += max(self._lost_reported.get(name, 0), writer.beat.lost if writer.beat else 0)
        return Lost(points, self._damage.frames, self._damage.torn, self._damage.ignored)

    def _find_alerts(self, series: Mapping[str, Series], head: Head, now: float) -> tuple[Finding, ...]:
        if not self._asking.due(now):
            return self._alerts
        begun = time.thread_time()
        going, answers = head.state in ("live", "quiet"), self._inside.answers(self._lines())
        checked = tuple(at for at, _ in self._checks.values())
        key = (self._recorded.points, head.state, self._everything_cut(), answers, checked)
        if going or key != self._alerts_key:
            lead = self._writers.get(self._lead())
            facts = RunFacts(
                total_steps=head.total_steps,
                steps_per_epoch=lead.manifest.steps_per_epoch if lead else 0,
                state=head.state,
                state_reason=head.state_reason,
                seconds_since_row=now - head.newest if going else math.nan,
                last_step=head.step,
                resumes=tuple(self._resumes()),
                watched=self._inside.watched,
                ranks=self._by_rank(),
                checks={row: finding for row, (_, finding) in self._checks.items()},
                answers=answers,
            )
            self._alerts, self._alerts_key = tuple(rules.find(series, facts)), key
            self._asking.done(now, time.thread_time() - begun)
        return self._alerts

    def _by_rank(self) -> dict[int, dict[str, Series]]:
        """What each rank recorded of the metrics by which ranks are compared."""
        ranks = self._ranks()
        if len(ranks) < 2:
            return {}
        found: dict[int, dict[str, Series]] = {}
        for place, (rank, writers) in enumerate(ranks.items()):
            lines = {m: self._recorded.lineage(m, writers, self._cuts, place).current for m in rules.COMPARED}
            found[rank] = {metric: one for metric, one in lines.items() if len(one)}
        return found

    def _ranks(self) -> dict[int, list[str]]:
        """Writers of every rank, the lowest rank first, each oldest first."""
        ordered = sorted(
            self._writers.values(), key=lambda w: (w.manifest.rank, w.manifest.started_ns, w.manifest.writer)
        )
        found: dict[int, list[str]] = {}
        for writer in ordered:
            found.setdefault(writer.manifest.rank, []).append(writer.manifest.writer)
        return found

    def _resumes(self) -> list[int]:
        manifests = [self._writers[n].manifest for n in self._primary()[1:]]
        return [m.resume_step for m in manifests if m.resume_step >= 0]

    @property
    def state(self) -> State:
        """The state of the run as of the last poll."""
        return self._states.get(self._lead(), ("waiting", ""))[0]

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
        lead = self._lead()
        begun = min((w.manifest.started_ns / 1e9 for w in self._writers.values()), default=0.0)
        return XScale(self._writers[lead].manifest.steps_per_epoch if lead else 0, begun)

    def _of_other_ranks(self, metrics: Sequence[str]) -> dict[str, list[Lineage]]:
        """The same metrics on every rank but the shown one."""
        shown = set(self._primary())
        ranks = [writers for writers in self._ranks().values() if writers[0] not in shown]
        return {
            m: [self._recorded.lineage(m, w, self._cuts, n) for n, w in enumerate(ranks, 1)] for m in metrics if ranks
        }

    def _drawn_of(self, view: PlotView) -> plotting.Drawn:
        """What one process gives to a plot."""
        writer, growing = self._writers.get(view.writer), self.state in ("live", "quiet")
        own = self._recorded.own(view.writer, view.metrics.__contains__)
        scale = XScale(0, writer.manifest.started_ns / 1e9 if writer else 0.0)
        return plotting.Drawn([Lineage(own[m]) for m in view.metrics if m in own], scale, growing)

    def _marks(self, axis: XAxis, series: Mapping[str, Series], alerts: tuple[Finding, ...]) -> list[Mark]:
        scale, rate, clock = self._scale(), roles.pick(series, "lr"), _longest(series)
        found = self._drawing.jumps(self._lineage(rate), scale, axis) if rate else []
        if clock is not None:
            found += marks(clock, scale, axis, resumes=self._resumes(), alerts=alerts, events=self._journal.events)
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


def _last(series: Mapping[str, Series], metric: str) -> float:
    return float(series[metric].value[-1]) if metric in series else math.nan
