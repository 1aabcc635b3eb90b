"""Clipping that comes after the update.

Symptom: clip_grad_norm_ is called, and clips nothing. Test (exact): the gradients after an update are those that it
used; they were smaller in the last READINGS readings, by more than ROUNDING, and not cleared.
"""

from __future__ import annotations

from collections.abc import Mapping

from nntui import names
from nntui.analysis.readings import newest, since
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

ID = "live.late_clipping"
READINGS = 3
ROUNDING = 1e-3


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding while it lasts."""
    last = newest(series, names.LATE_CLIPPING, READINGS)
    if last is None or not ((last.value > 0) & (last.value < 1 - ROUNDING)).all():
        return []
    whole = series[names.LATE_CLIPPING].finite()
    step, ratio = since(whole, whole.value < 1 - ROUNDING), float(last.value[-1])
    return [
        Finding(
            ID,
            "error",
            f"Gradients are made smaller after the update that used them (to {format_number(ratio)} of their norm): they "
            "are clipped too late to do anything.",
            expected=1.0,
            measured=ratio,
            tolerance=ROUNDING,
            advice="Most likely clip_grad_norm_() after optimizer.step(). It belongs between backward() and step(). "
            "Refute: the norm before step() and after it must be the same.",
            evidence={"metric": names.LATE_CLIPPING, "readings": last.value.tolist(), "since_step": step},
            step=step,
        )
    ]
