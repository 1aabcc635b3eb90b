"""A run at a glance: what its small files tell, without reading a row.

Owns the one line about a run that a status bar, a list of runs and the search for the latest run share. Standard library
only. Invariant: a folder that cannot be read is a glance that says why; looking never raises.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from nntui.runlog import layout
from nntui.runlog.errors import RunFolderError
from nntui.runlog.writers import Writer, newest_sign_ns, of_first_rank, read_writers, written_at
from nntui.session.liveness import OVER, Pulse, State, judge, leading
from nntui.session.outcome import Outcome, of_end

BEAT_SLACK = 5.0
"""Seconds that data may be newer than the last beat; a data file that changed later was copied."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One run as its small files tell it. Moments ending in `_at` are Unix seconds, 0 when unknown."""

    path: Path
    name: str = ""
    state: State = "waiting"
    reason: str = ""
    """Why it is in that state, in words; may be empty."""
    step: int = -1
    total_steps: int = 0
    """0 when unknown."""
    loss: float = math.nan
    has_loss: bool = False
    """Whether `loss` was logged: then NaN is what it became."""
    lr: float = math.nan
    started_at: float = 0.0
    """When the first launch began."""
    newest: float = math.nan
    """The viewer's monotonic clock when the newest data came; NaN before any."""
    active_at: float = 0.0
    """Last sign of life."""
    launches: int = 0
    ranks: tuple[tuple[State, int], ...] = ()
    """How many ranks are in which state, most frequent first."""
    lost: int = 0
    """Points that the recorders had to drop."""
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    folder: Path | None = None
    """Of the writer that the config is of; None before there is one."""
    outcome: Outcome | None = None
    """What its end tells of its metrics; None where they have to be read."""
    problem: str = ""
    """Why the run cannot be read, in one line; empty when it can."""

    @property
    def going(self) -> bool:
        """Whether more can be expected of it."""
        return not self.problem and self.state not in OVER

    @property
    def progress(self) -> float:
        """Share of the planned steps in [0, 1]; NaN when it is not known."""
        return min(1.0, self.step / self.total_steps) if self.total_steps > 0 and self.step >= 0 else math.nan


def alike(one: Glance, other: Glance) -> bool:
    """Whether nothing differs; NaN is like NaN."""
    pairs = ((getattr(one, field.name), getattr(other, field.name)) for field in fields(Glance))
    return all(a == b or (a != a and b != b) for a, b in pairs)


class Onlooker:
    """Looks at one run again and again, and remembers what only a later look can tell: whether a beat moves."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pulses: dict[str, Pulse] = {}
        self._written: dict[str, float] = {}

    def look(self, now: float, wall: float) -> Glance:
        """The run as it is. now: the viewer's monotonic clock; wall: Unix seconds."""
        try:
            identity = layout.read_identity(self.path)
            writers = read_writers(self.path)
        except RunFolderError as error:
            return Glance(self.path, self.path.name, problem=str(error), active_at=_modified(self.path, wall))
        except OSError as error:
            problem = f"{self.path}: cannot be listed ({error.strerror}); expected a readable run folder."
            return Glance(self.path, self.path.name, problem=problem, active_at=_modified(self.path, wall))
        states = {writer.manifest.writer: self._judge(writer, now, wall) for writer in writers}
        first = of_first_rank(writers)
        known = {writer.manifest.writer: writer for writer in first}
        name = leading(list(known), states)
        state, reason = states.get(name, ("waiting", "nothing was written yet"))
        step, said = _said(first, name)
        beat = said.beat if said and said.beat else layout.Beat(has_loss=False)
        manifest = known[name].manifest if name else layout.Manifest()
        moments = [pulse.row_at for pulse in self._pulses.values() if not math.isnan(pulse.row_at)]
        return Glance(
            self.path,
            identity.name or self.path.name,
            state,
            reason,
            step=step,
            total_steps=manifest.total_steps or beat.total_steps,
            loss=beat.loss,
            has_loss=beat.has_loss,
            lr=beat.lr,
            started_at=min((w.manifest.started_ns for w in first), default=identity.created_ns) / 1e9,
            newest=max(moments, default=math.nan),
            active_at=_active(self.path, writers, wall),
            launches=len(first),
            ranks=_by_rank(writers, states),
            lost=sum(w.beat.lost for w in writers if w.beat),
            config=manifest.config,
            folder=known[name].folder if name else None,
            outcome=of_end(first[0].end) if len(first) == 1 and first[0].end else None,
        )

    def _judge(self, writer: Writer, now: float, wall: float) -> tuple[State, str]:
        name = writer.manifest.writer
        pulse = self._pulses.setdefault(name, Pulse())
        pulse.see_beat(writer, now, wall)
        if writer.end is None or name not in self._written:
            at = written_at(writer.folder)
            if at > self._written.get(name, 0.0):
                sign = newest_sign_ns(writer) / 1e9
                pulse.see_row(min(at, sign + BEAT_SLACK) if sign > 0 else at, now, wall)
            self._written[name] = at
        return judge(writer, pulse, now)


def _said(first: Sequence[Writer], lead: str) -> tuple[int, Writer | None]:
    """The step a run has come to, and the writer whose beat tells of it: the leading one, or the newest before it that was
    further than its start."""
    names = [writer.manifest.writer for writer in first]
    begun: list[Writer] = [*first[: names.index(lead) + 1]][::-1] if lead else []
    resumed = begun[0].manifest.resume_step if begun else -1
    for writer in begun:
        step = max(writer.beat.step if writer.beat else -1, writer.end.step if writer.end else -1)
        if step >= 0:
            return (step if writer is begun[0] or resumed < 0 else min(step, resumed)), writer
    return resumed, begun[0] if begun else None


def _by_rank(writers: Sequence[Writer], states: Mapping[str, tuple[State, str]]) -> tuple[tuple[State, int], ...]:
    ranks: dict[int, list[Writer]] = {}
    for writer in writers:
        ranks.setdefault(writer.manifest.rank, []).append(writer)
    leads = [leading([w.manifest.writer for w in of_first_rank(group)], states) for group in ranks.values()]
    counts: Counter[State] = Counter(states[name][0] for name in leads)
    return tuple(counts.most_common())


def _active(path: Path, writers: Sequence[Writer], wall: float) -> float:
    """The last sign of life; where no writer gave one, when the folder changed. Never in the future."""
    signs = [max(newest_sign_ns(w), w.manifest.started_ns) for w in writers]
    newest = max(signs, default=0) / 1e9
    return min(newest, wall) if newest > 0 else _modified(path, wall)


def _modified(path: Path, wall: float) -> float:
    try:
        return min(path.lstat().st_mtime, wall)
    except (OSError, ValueError):
        return 0.0
