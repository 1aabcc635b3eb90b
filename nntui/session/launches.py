# pyright: standard
"""The processes that record one run: which there are, how each is, and what a later one replaced of an earlier one.

Owns the order of launches and ranks. Touches no file except to ask whether a process lives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from nntui.runlog.lineage import Cut, Launch, cuts
from nntui.runlog.writers import Writer, newest_sign_ns, of_first_rank
from nntui.session.liveness import OVER, Pulse, State, judge, leading

if TYPE_CHECKING:
    from nntui.session.weights import Lines


class Launches:
    """All of them."""

    def __init__(self) -> None:
        self.writers: dict[str, Writer] = {}
        """By name."""
        self.pulses: dict[str, Pulse] = {}
        """Their signs of life."""
        self.states: dict[str, tuple[State, str]] = {}
        """How each is, and why."""
        self.cuts: dict[str, Cut] = {}
        """Where a later one replaced each."""
        self.newest = math.nan
        """Seconds of the viewer's clock at which the newest row was written; NaN before any."""

    def see(self, writers: Mapping[str, Writer], now: float, wall: float) -> bool:
        """Take in which there are. now: the viewer's monotonic clock; wall: Unix seconds. Whether anything is new."""
        changed = writers.keys() != self.writers.keys()
        self.writers = dict(writers)
        for name, writer in self.writers.items():
            changed |= self.pulses.setdefault(name, Pulse()).see_beat(writer, now, wall)
        return changed

    def see_row(self, name: str, at: float, now: float, wall: float, *, behind: bool) -> None:
        """Take in when the newest row of one was written, in Unix seconds. behind: more was recorded than had been read."""
        pulse = self.pulses.setdefault(name, Pulse())
        pulse.see_row(at, now, wall, behind=behind)
        self.newest = pulse.row_at if math.isnan(self.newest) else max(self.newest, pulse.row_at)

    def judge(self, now: float, first_steps: Callable[[str], dict[str, int]], *, came: bool) -> bool:
        """Say how each is. first_steps: of each metric that one logged; came: whether rows did. Whether any is otherwise than
        before."""
        states = {name: judge(writer, self.pulses[name], now) for name, writer in self.writers.items()}
        changed, self.states = states != self.states, states
        if changed or came or not self.cuts or any(state not in OVER for state, _ in states.values()):
            self.cuts = cuts([self._launch(name, first_steps) for name in self.writers])
        return changed

    def _launch(self, name: str, first_steps: Callable[[str], dict[str, int]]) -> Launch:
        writer = self.writers[name]
        manifest = writer.manifest
        return Launch(
            name,
            manifest.rank,
            manifest.started_ns,
            manifest.resume_step,
            self.states[name][0] in OVER,
            first_steps(name) if manifest.resume_step < 0 and len(self.states) > 1 else {},
            newest_sign_ns(writer),
            manifest.process,
        )

    @property
    def shown(self) -> list[str]:
        """Writers of the shown rank, oldest first."""
        return [writer.manifest.writer for writer in of_first_rank(self.writers.values())]

    @property
    def lead(self) -> str:
        """The writer whose state is the run's: the newest one still going, else the newest."""
        return leading(self.shown, self.states)

    @property
    def state(self) -> tuple[State, str]:
        """How the run is, and why."""
        return self.states.get(self.lead, ("waiting", ""))

    @property
    def steps_per_epoch(self) -> int:
        """As the leading one tells; 0 where it does not."""
        lead = self.writers.get(self.lead)
        return lead.manifest.steps_per_epoch if lead else 0

    @property
    def lines(self) -> Lines:
        """Writers of the shown rank, oldest first, with the step from which a later one replaced each."""
        return tuple((name, self.cuts.get(name, Cut()).everything) for name in self.shown)

    @property
    def everything_cut(self) -> tuple[int, ...]:
        """Of every writer, the step from which all of it was replaced."""
        return tuple(cut.everything for cut in self.cuts.values())

    @property
    def ranks(self) -> dict[int, list[str]]:
        """Writers of every rank, the lowest rank first, each oldest first."""
        ordered = sorted(
            self.writers.values(), key=lambda w: (w.manifest.rank, w.manifest.started_ns, w.manifest.writer)
        )
        found: dict[int, list[str]] = {}
        for writer in ordered:
            found.setdefault(writer.manifest.rank, []).append(writer.manifest.writer)
        return found

    @property
    def resumes(self) -> tuple[int, ...]:
        """Steps at which launches of the shown rank took up what was there."""
        manifests = [self.writers[name].manifest for name in self.shown[1:]]
        return tuple(manifest.resume_step for manifest in manifests if manifest.resume_step >= 0)

    def begun(self, names: list[str] | None = None) -> float:
        """Unix seconds at which the first of these began, or of all; NaN where there is none."""
        chosen = self.writers if names is None else names
        return min((self.writers[name].manifest.started_ns / 1e9 for name in chosen), default=math.nan)
