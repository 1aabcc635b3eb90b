"""Clipping that comes after the update.

Symptom: clip_grad_norm_ is called, and clips nothing. Test (exact): the gradients after an update are those that it
used; at READINGS of the last OF readings they were smaller, by more than ROUNDING, and not cleared. (Most gradients may be below
the limit of the clipping.)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

ID = "live.late_clipping"
READINGS, OF = 3, 12
ROUNDING = 1e-3


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding while it lasts."""
    if names.LATE_CLIPPING not in series:
        return []
    whole = series[names.LATE_CLIPPING].finite()
    smaller = (whole.value > 0) & (whole.value < 1 - ROUNDING)
    late = np.flatnonzero(smaller)
    if smaller[-OF:].sum() < READINGS:
        return []
    step, ratio = int(whole.step[late[0]]), float(whole.value[late[-1]])
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
            evidence={"metric": names.LATE_CLIPPING, "readings": whole.value[-OF:].tolist(), "since_step": step},
            step=step,
        )
    ]
