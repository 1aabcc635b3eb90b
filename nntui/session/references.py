"""Lines to compare a metric with: what a person reaches, as recorded by `nntui label`.

Owns the way from a finding's evidence to the line. Pure. Invariant: evidence is only believed where it is what is expected, a
metric's name and a finite number; from anything else comes no line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nntui.analysis.ticks import format_number
from nntui.finding import Finding
from nntui.session.snapshot import Reference

HUMAN = "skeleton.human"
DIGITS_FROM, DIGITS_TO = 1e-6, 1e6
"""Numbers between these are written with as many decimals as their error has."""


def references(checks: Iterable[Finding]) -> dict[str, tuple[Reference, ...]]:
    """The lines by the metric that they are comparable with."""
    found: dict[str, tuple[Reference, ...]] = {}
    for one in checks:
        metric, value = one.evidence.get("metric"), _number(one.evidence, "value")
        if one.id == HUMAN and one.status == "pass" and isinstance(metric, str) and metric and math.isfinite(value):
            label = f"human {with_error(value, _number(one.evidence, 'value_error'))}"
            found[metric] = (*found.get(metric, ()), Reference(value, label))
    return found


def with_error(value: float, error: float) -> str:
    """`0.94 ± 0.03`: the error in its first digit, the value to the same place; the value alone where there is no error."""
    if not error > 0 or not math.isfinite(error):
        return format_number(value)
    if not DIGITS_FROM < error < DIGITS_TO or not abs(value) < DIGITS_TO:
        return f"{format_number(value)} ± {format_number(error, 1)}"
    decimals = max(0, -math.floor(math.log10(error)))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def _number(evidence: Mapping[str, Any], name: str) -> float:
    """A finite number of the evidence; NaN for anything else."""
    value = evidence.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value) if math.isfinite(value) else math.nan
    except OverflowError:  # a whole number of JSON may be of any size
        return math.nan
