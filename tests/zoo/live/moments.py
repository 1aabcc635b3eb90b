"""What a dashboard beside a training knew at moments of it, from its recording."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import nntui
from nntui import names
from nntui.analysis.series import RunFacts, Series
from nntui.runlog.writers import read_writers
from nntui.session.answers import answers
from nntui.session.examples import Examples
from nntui.session.rows import finding_of

EARLY = (0.01, 0.02, 0.03)
SHARES = (*EARLY, *(k / 25 for k in range(1, 26)))
"""Of the steps: a few early ones, and evenly."""


def moments(path: Path, shares: Sequence[float] = SHARES) -> Iterator[tuple[dict[str, Series], RunFacts]]:
    """Columns and facts when so much of the run was over."""
    tables = nntui.read(path)
    step, value = (tables.metrics.column(name).to_numpy() for name in ("step", "value"))
    times = tables.metrics.column("wall_time_ns").cast("int64").to_numpy() / 1e9
    labels = np.array(tables.metrics.column("metric").to_pylist())
    whole: dict[str, Series] = {}
    for name in dict.fromkeys(labels.tolist()):
        own = labels == name
        whole[name] = Series(name, step[own].astype(np.int64), times[own], value[own])
    watched = [row for row in tables.events.to_pylist() if row["event"] == names.WATCH_EVENT]
    checks = {row["id"]: finding_of(row) for row in tables.checks.to_pylist()}
    said = Examples()
    for batch in tables.predictions.to_batches():
        said.fold("", batch)
    manifests = sorted((writer.manifest for writer in read_writers(path)), key=lambda one: one.started_ns)
    last = int(step.max())
    for share in shares:
        until = int(share * last)
        yield (
            {name: part for name, one in whole.items() if len(part := _until(one, until))},
            RunFacts(
                total_steps=last + 1,
                steps_per_epoch=manifests[-1].steps_per_epoch,
                last_step=until,
                resumes=tuple(one.resume_step for one in manifests[1:] if 0 <= one.resume_step <= until),
                watched=json.loads(watched[-1]["data"]) if watched else {},
                state="live" if share < 1 else "ended",
                checks=checks,
                answers={name: answers(*said.history(name, [("", until + 1)])[1:]) for name in said.names},
            ),
        )


def _until(one: Series, step: int) -> Series:
    keep = one.step <= step
    return Series(one.metric, one.step[keep], one.wall_time[keep], one.value[keep])
