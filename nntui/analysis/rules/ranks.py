"""Ranks that are not what replicas should be.

Tests: (1) hashes of all parameters differ at the newest step that all ranks recorded (exact): they drift apart. (2)
Hashes of what entered the network are equal on two ranks at each of the last SAME such steps (exact, but for one in
16 million): they are trained on the same data. (3) The time in which one rank waits for no other (data and forward
calls; in the backward pass all wait for the slowest, so that their updates take equally long) exceeds that of the
lower half of the ranks by WAITED of an update, in each of its last READINGS readings: information where an update
takes less than WORTH seconds. Of sharded parameters probes record no hash. Wrong when: parameters differ by design
(declare "different_ranks").
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis.readings import newest
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

DRIFT = "live.rank_drift"
DATA = "live.rank_data"
STRAGGLER = "live.straggler"
SAME = 2
WAITED = 0.3
READINGS = 5
WORTH = 0.01


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding for each."""
    if len(facts.ranks) < 2:
        return []
    found = [] if facts.declares("different_ranks") else _drift(facts.ranks)
    return [*found, *_same_data(facts.ranks), *_stragglers(facts.ranks)]


def _together(ranks: Mapping[int, Mapping[str, Series]], metric: str) -> dict[int, dict[int, float]]:
    """Values by step and rank, of steps that all ranks recorded, in order."""
    by_rank: dict[int, dict[int, float]] = {
        rank: dict(zip(one[metric].step.tolist(), one[metric].value.tolist(), strict=True))
        for rank, one in ranks.items()
        if metric in one
    }
    if len(by_rank) < 2:
        return {}
    first, *others = by_rank.values()
    steps = sorted(step for step in first if all(step in values for values in others))
    return {step: {rank: values[step] for rank, values in by_rank.items()} for step in steps}


def _drift(ranks: Mapping[int, Mapping[str, Series]]) -> list[Finding]:
    together = _together(ranks, names.PARAMETER_HASH)
    apart = [step for step, values in together.items() if len(set(values.values())) > 1]
    if not apart or apart[-1] != max(together):
        return []
    values = together[apart[-1]]
    first = min(values)
    other = next(rank for rank, value in values.items() if value != values[first])
    return [
        Finding(
            DRIFT,
            "error",
            f"The parameters of rank {other} are not those of rank {first}, since step {apart[0]:,} at the latest.",
            expected="equal parameters",
            measured="different ones",
            tolerance=0.0,
            advice="Most likely gradients are not averaged over ranks: the bare module is called instead of "
            "DistributedDataParallel, or parameters were changed by hand on one rank. Refute: all_gather a weight; it must "
            "be equal everywhere.",
            evidence={
                "steps_apart": apart[:20],
                "ranks": sorted(values),
                "hashes": {str(r): v for r, v in values.items()},
            },
            step=apart[0],
        )
    ]


def _same_data(ranks: Mapping[int, Mapping[str, Series]]) -> list[Finding]:
    together = _together(ranks, names.BATCH_HASH)
    last = list(together.items())[-SAME:]
    if len(last) < SAME or any(len(set(values.values())) == len(values) for _, values in last):
        return []
    steps = [step for step, values in together.items() if len(set(values.values())) < len(values)]
    return [
        Finding(
            DATA,
            "warn",
            f"Ranks are trained on the same batches, since step {steps[0]:,}: more of them bring nothing.",
            expected="different batches on every rank",
            measured="equal ones",
            tolerance=0.0,
            advice="Most likely the DataLoader has no DistributedSampler, or every rank draws from one seed. Refute: print "
            "the first example of every rank.",
            evidence={"steps": steps[:20], "ranks": sorted(last[-1][1])},
            step=steps[0],
        )
    ]


def _stragglers(ranks: Mapping[int, Mapping[str, Series]]) -> list[Finding]:
    last = {
        rank: (newest(one, names.OWN_SECONDS, READINGS), newest(one, names.STEP_SECONDS, READINGS))
        for rank, one in ranks.items()
    }
    own = {rank: seconds.value for rank, (seconds, _) in last.items() if seconds is not None}
    paces = [float(np.median(pace.value)) for _, pace in last.values() if pace is not None]
    if len(own) < 2 or not paces:
        return []
    middles = {rank: float(np.median(values)) for rank, values in own.items()}
    usual, pace = sorted(middles.values())[(len(middles) - 1) // 2], float(np.median(paces))
    slow = {rank: middles[rank] for rank, values in own.items() if (values - usual > WAITED * pace).all()}
    if not slow:
        return []
    worst = max(slow, key=lambda rank: slow[rank])
    waited = slow[worst] - usual
    seconds = last[worst][0]
    return [
        Finding(
            STRAGGLER,
            "warn" if pace >= WORTH else "info",
            f"All ranks wait for rank {worst}: before each backward pass it takes {format_number(slow[worst])} s, where half "
            f"of them take {format_number(usual)} s; an update takes {format_number(pace)} s.",
            expected=f"below {format_number(usual + WAITED * pace)}",
            measured=slow[worst],
            tolerance=WAITED * pace,
            unit="s",
            advice="Most likely longer examples, a slower disk or a throttled device there. Refute: exchange the data of two "
            "ranks; the other one must then be the slow one.",
            evidence={
                "seconds": {str(rank): middle for rank, middle in middles.items()},
                "waited": waited,
                "update": pace,
            },
            step=int(seconds.step[0]) if seconds is not None else -1,
        )
    ]
