"""Gradients that were never cleared.

Symptom: a missing zero_grad: every update is made of all gradients so far, as with a momentum of one.
Test (exact): when the first backward pass after an update begins, the gradients must be gone or zero; they were not
in the last READINGS readings. Wrong when: gradients are carried over on purpose (declare "accumulate").
"""

from __future__ import annotations

from collections.abc import Mapping

from nntui import names
from nntui.analysis.readings import newest, since
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

ID = "live.stale_gradient"
READINGS = 3


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding while it lasts."""
    last = newest(series, names.STALE_GRADIENT, READINGS)
    if last is None or not (last.value > 0).all() or facts.declares("accumulate"):
        return []
    whole = series[names.STALE_GRADIENT].finite()
    step = since(whole, whole.value > 0)
    return [
        Finding(
            ID,
            "error",
            "Gradients of the update before are still there when a backward pass begins (norm "
            f"{format_number(float(last.value[-1]))}), "
            f"since step {step:,}.",
            expected=0.0,
            measured=float(last.value[-1]),
            tolerance=0.0,
            advice="Most likely optimizer.zero_grad() is missing, or comes after backward(). Refute: all p.grad must be "
            "None or 0 before loss.backward(). If gradients are carried over on purpose, declare 'accumulate'.",
            evidence={"metric": names.STALE_GRADIENT, "readings": last.value.tolist(), "since_step": step},
            step=step,
        )
    ]
