"""Gradients that are always clipped.

Symptom: every update has the same length, whatever the loss: the rate that is set is not the rate that counts.
Test (exact but for rounding): the norm with which the optimizer's step finds the gradients is one number, to EQUAL, in each of
the last READINGS readings; norms that nobody clips differ by percents from update to update. A warning for plain gradient
descent, whose updates would become smaller near a minimum and now do not, once it has lasted LASTED of the planned steps, or
MANY steps: at first gradients are large, and a sound limit clips them all. Until then it is information, and so it is for
optimizers that divide by the gradient's own size (Adam and its like), to which a factor matters little. Wrong when: gradients
are normalised on purpose (declare "clipped").
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis.readings import newest, since
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

ID = "live.clipping"
READINGS = 8
EQUAL = 1e-4
"""Of the norm; clip_grad_norm_ adds 1e-6 to a norm before it divides by it."""
LASTED, MANY = 0.25, 500
PLAIN = frozenset({"SGD", "ASGD"})


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding while it lasts."""
    last = newest(series, names.WHOLE_GRAD_NORM, READINGS)
    if last is None or not last.value.min() > 0 or np.ptp(last.value) > EQUAL * last.value.max():
        return []
    if facts.declares("clipped"):
        return []
    limit = float(last.value.max())
    whole = series[names.WHOLE_GRAD_NORM].finite()
    step = since(whole, np.abs(whole.value - limit) <= EQUAL * limit)
    lasting = int(last.step[-1]) - step >= min(LASTED * (facts.total_steps or np.inf), MANY)
    plain = PLAIN.issuperset(map(str, facts.listed("optimizers"))) and bool(facts.listed("optimizers"))
    return [
        Finding(
            ID,
            "warn" if plain and lasting else "info",
            f"The gradients have a norm of {format_number(limit)} at every update that was looked at since step {step:,}: "
            "they are always clipped.",
            expected="a norm that differs from update to update",
            measured=limit,
            tolerance=EQUAL,
            advice="Most likely a limit far below the usual norm"
            + (": every update has the length of rate times limit, also where it should be small. " if plain else ". ")
            + "Refute: log the norm that clip_grad_norm_ returns; it must be below the limit now and then. If it is meant, "
            "declare 'clipped'.",
            evidence={
                "metric": names.WHOLE_GRAD_NORM,
                "norm": limit,
                "readings": last.value.tolist(),
                "since_step": step,
            },
            step=step,
        )
    ]
