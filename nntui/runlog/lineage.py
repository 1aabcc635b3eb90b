"""Which points a restart replaced.

Owns the one rule of superseding, shared by every reader. Pure: no files, no clock.
Invariant: a point is superseded only by a later launch of the same rank, in the same process or after its own writer was over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

NEVER = 1 << 62
"""A step that no run reaches."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One writer, as far as superseding goes."""

    writer: str
    rank: int
    started_ns: int
    resume_step: int
    """-1: it did not say."""
    over: bool
    """Whether it ended, is gone, or has been silent."""
    first_steps: Mapping[str, int] = field(default_factory=dict)
    """First step it logged, per metric."""
    last_ns: int = 0
    """Unix time of its last sign of life (end, beat); 0: unknown. What began before that ran beside it: an evaluation
    job hides nothing of its trainer, also when both are long over."""
    process: str = ""
    """One that opens a run again starts over, though nobody has finished the one before: a cell of a notebook. Empty: unknown."""


@dataclass(frozen=True, slots=True)
class Cut:
    """From where on the points of one writer are superseded."""

    everything: int = NEVER
    """Points of any metric at or past this step."""
    metrics: Mapping[str, int] = field(default_factory=dict)
    """Points of one metric at or past its step."""

    def step(self, metric: str) -> int:
        """First superseded step of a metric; NEVER when there is none."""
        return min(self.everything, self.metrics.get(metric, NEVER))


def cuts(launches: Iterable[Launch]) -> dict[str, Cut]:
    """The cut of every writer.

    A later launch that said where it resumes replaces everything from there on. One that did not say replaces, of
    the metrics it logs itself, what lies at or past its own first step: a script started over, not a job that adds a
    metric.
    """
    ordered = sorted(launches, key=lambda launch: (launch.started_ns, launch.writer))
    result: dict[str, Cut] = {}
    for position, earlier in enumerate(ordered):
        everything, metrics = NEVER, {}
        for later in ordered[position + 1 :]:
            if not _comes_back(earlier, later):
                continue
            if later.resume_step >= 0:
                everything = min(everything, later.resume_step)
            else:
                for metric, step in later.first_steps.items():
                    metrics[metric] = min(metrics.get(metric, NEVER), step)
        result[earlier.writer] = Cut(everything, metrics)
    return result


def _comes_back(earlier: Launch, later: Launch) -> bool:
    """Whether the later one took up what the earlier one did."""
    again = earlier.process != "" and earlier.process == later.process
    return later.rank == earlier.rank and (again or (earlier.over and later.started_ns >= earlier.last_ns))
