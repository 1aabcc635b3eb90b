"""The machine below a run, and the processes that write it: readings of one of them over time, and a row for each.

Owns which readings there are and how fast a process goes. Pure. Invariant: what was not recorded is absent, so that it can be
said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nntui import names
from nntui.analysis import roles
from nntui.analysis.downsampling import bridge, per_column
from nntui.analysis.series import Series, pace
from nntui.runlog.layout import Code
from nntui.runlog.writers import Writer
from nntui.session.liveness import OVER, Pulse, State

Floats = NDArray[np.float64]

LATE = 2.0
"""Seconds of its own pace by which a rank may be behind the foremost: rows come every half second."""
PROBED = (
    names.STEP_SECONDS,
    names.DATA_WAIT,
    names.SAMPLES_PER_SECOND,
    names.OVERHEAD,
    names.MEMORY,
    names.DEVICE_MEMORY,
)
"""What probes measure of the same."""


@dataclass(frozen=True, slots=True)
class SystemView:
    """What the screen asks for."""

    writer: str = ""
    """The process whose readings are shown; empty for the one whose state is the run's."""
    columns: int = 24
    """Of each strip."""


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """One number over the life of the process."""

    last: float
    low: float
    """Of the finite values; NaN when there is none."""
    high: float
    strip: Floats
    """Means over equal stretches of time, shape (columns,), bridged between points; NaN before the first and after the last."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU that is read."""

    index: int
    name: str
    memory: float
    """Bytes; NaN when unknown."""


@dataclass(frozen=True, slots=True)
class Process:
    """One writer of the run."""

    writer: str
    rank: int = 0
    world_size: int = 1
    state: State = "waiting"
    reason: str = ""
    host: str = ""
    pid: int = -1
    started: float = math.nan
    """Unix seconds."""
    beat_at: float = math.nan
    """The viewer's monotonic clock at its last sign of life."""
    step: int = -1
    steps_per_second: float = math.nan
    """Over its newest points."""
    behind: int = 0
    """Steps by which it lags behind the foremost rank of its launch; 0 while it keeps up, as far as rows take time to come."""
    launch: str = ""
    restart: int = 0
    resume_step: int = -1
    lost: int = 0
    """Points it had to drop."""
    versions: Mapping[str, Any] = field(default_factory=dict[str, Any])
    git_commit: str = ""
    uncommitted: str = ""
    """yes | no; empty unknown."""
    command: str = ""
    seed: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class System:
    """What the screen draws."""

    writer: str = ""
    """Whose readings these are."""
    readings: Mapping[str, Reading] = field(default_factory=dict[str, Reading])
    """By metric. The step time is that of the probes, or taken from the times of `timed`."""
    throughput: str = ""
    """The metric that holds examples per second; empty when none does."""
    timed: str = ""
    """The metric whose times give the step time; empty where it was measured."""
    processes: tuple[Process, ...] = ()
    """Those still going first, by rank; then the newest first."""
    cores: int = 0
    """That the process may use; 0 unknown."""
    memory: float = math.nan
    gpus: tuple[Gpu, ...] = ()
    blind: tuple[str, ...] = ()
    """What could not be read, in words."""


NOTHING = System()


def wanted(metric: str) -> bool:
    """Whether a metric is one of those read here."""
    return metric.startswith(names.SYSTEM) or metric in PROBED or roles.is_throughput(metric)


def system(
    view: SystemView,
    series: Mapping[str, Series],
    longest: Series,
    processes: Sequence[Process],
    told: Mapping[str, Any],
) -> System:
    """series: of one process, those that are `wanted`; longest: the one of the training with the most points. told: the data of
    its `names.SYSTEM_EVENT`."""
    known = {metric: one for metric, one in series.items() if len(one)}
    timed = "" if names.STEP_SECONDS in known else longest.metric
    if timed and len(times := between(longest)):
        known[names.STEP_SECONDS] = times
    begun = min((float(one.wall_time[0]) for one in known.values()), default=0.0)
    ended = max((float(one.wall_time[-1]) for one in known.values()), default=0.0)
    span = (begun, ended if ended > begun else begun + 1.0)
    return System(
        readings={metric: _reading(one, span, view.columns) for metric, one in known.items()},
        throughput=roles.pick(known, "throughput") or "",
        timed=timed if names.STEP_SECONDS in known else "",
        processes=tuple(sorted(compared(processes), key=_order)),
        cores=int(_number(told.get("cores"), 0)),
        memory=_number(told.get("memory")) or math.nan,
        gpus=tuple(_gpus(told.get("gpus"))),
        blind=tuple(str(one) for one in _list(told.get("blind"))),
    )


def process(writer: Writer, judged: tuple[State, str], pulse: Pulse, longest: Series, code: Code) -> Process:
    """What is known of a writer. longest: its metric with the most points."""
    manifest, beat = writer.manifest, writer.beat
    return Process(
        writer=manifest.writer,
        rank=manifest.rank,
        world_size=manifest.world_size,
        state=judged[0],
        reason=judged[1],
        host=manifest.host,
        pid=manifest.pid,
        started=manifest.started_ns / 1e9 if manifest.started_ns > 0 else math.nan,
        beat_at=pulse.beat_at,
        step=max(beat.step if beat else -1, int(longest.step[-1]) if len(longest) else -1),
        steps_per_second=pace(longest),
        launch=manifest.launch,
        restart=manifest.restart,
        resume_step=manifest.resume_step,
        lost=beat.lost if beat else 0,
        versions=manifest.versions,
        git_commit=manifest.git_commit,
        uncommitted=code.uncommitted,
        command=manifest.command,
        seed=manifest.seed,
    )


def between(points: Series) -> Series:
    """Seconds per step between neighbouring points of a metric; those that go no further are left out."""
    steps, seconds = np.diff(points.step), np.diff(points.wall_time)
    on = (steps > 0) & (seconds >= 0)
    return Series(names.STEP_SECONDS, points.step[1:][on], points.wall_time[1:][on], seconds[on] / steps[on])


def compared(processes: Sequence[Process]) -> list[Process]:
    """The processes, each with how far it lags behind the others of its launch."""
    first: dict[str, int] = {}
    for one in processes:
        if one.state not in OVER:
            first[one.launch] = max(one.step, first.get(one.launch, -1))
    return [replace(one, behind=_behind(one, first.get(one.launch, -1))) for one in processes]


def _behind(one: Process, first: int) -> int:
    slack = LATE * one.steps_per_second if math.isfinite(one.steps_per_second) else 1.0
    return first - one.step if one.state not in OVER and first - one.step > max(1.0, slack) else 0


def _reading(series: Series, span: tuple[float, float], columns: int) -> Reading:
    finite = series.value[np.isfinite(series.value)]
    return Reading(
        last=float(series.value[-1]),
        low=float(finite.min()) if len(finite) else math.nan,
        high=float(finite.max()) if len(finite) else math.nan,
        strip=bridge(per_column(series.wall_time, series.value, span, max(1, columns)).mean),
    )


def _order(one: Process) -> tuple[bool, float, int, str]:
    over = one.state in OVER
    return over, -one.started if over and math.isfinite(one.started) else 0.0, one.rank, one.writer


def _gpus(found: object) -> list[Gpu]:
    known: list[Gpu] = []
    for one in _list(found):
        if isinstance(one, dict):
            told = cast(dict[str, Any], one)
            known.append(
                Gpu(int(_number(told.get("index"), -1)), str(told.get("name", "")), _number(told.get("memory")))
            )
    return known


def _list(found: object) -> list[object]:
    return cast(list[object], found) if isinstance(found, list) else []


def _number(found: object, otherwise: float = math.nan) -> float:
    """A finite number; what is none is `otherwise`."""
    if isinstance(found, int | float) and not isinstance(found, bool) and abs(found) < 1e18:
        return float(found)
    return otherwise
