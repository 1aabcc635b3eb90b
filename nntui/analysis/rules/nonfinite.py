"""NaN and infinities.

Symptom: the loss or a gradient is NaN or infinite. Test: exact; what is weighed is whether it stays so. An error only for a
training loss whose newest LOSS_STREAK points are all non-finite (every one, once the run is over); mixed precision skips its
first steps with infinite gradients and recovers, so a gradient norm must stay so for GRADIENT_STREAK points. A training loss of
which AGAIN points, and SHARE of all, of the newer half are not finite has not recovered for good: a warning. Weights that are
not finite at WEIGHT_STREAK readings never come back: an error, whatever the losses are called. Wrong when: a metric is NaN by
design; other metrics are therefore information at most.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding, Severity

ID = "live.nonfinite"
LOSS_STREAK = 3
VALIDATION_STREAK = 2
WEIGHT_STREAK = 2
AGAIN, SHARE = 5, 0.02
GRADIENT_STREAK = 30
"""Dynamic loss scaling starts at 2^16 and halves: 16 skipped steps are normal."""


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding per metric that has non-finite points worth a word; the first metric to turn is named in each."""
    outside = {name: s for name, s in series.items() if len(s) and not names.is_inside(name)}
    bad = {name: np.flatnonzero(~np.isfinite(s.value)) for name, s in outside.items()}
    bad = {name: index for name, index in bad.items() if len(index)}
    layer = _first_layer(series, facts)
    trailing = {name: _trailing(series[name]) for name in bad}
    lasting = {n: int(series[n].step[-trailing[n]]) for n in bad if trailing[n] and trailing[n] < len(series[n])}
    first = min(lasting, key=lambda n: lasting[n], default="")
    found: list[Finding] = []
    for name, index in bad.items():
        streak = trailing[name]
        late = index[index >= len(series[name]) // 2]
        again = len(late) >= max(AGAIN, SHARE * (len(series[name]) - len(series[name]) // 2))
        severity = _severity(name, streak, len(series[name]), facts, again=again)
        if severity:
            found.append(_finding(series[name], index, streak, severity, (first, lasting.get(first, -1)), layer))
    weights = [] if any(one.status == "error" for one in found) else _weights(series)
    return found + [
        _finding(one, np.flatnonzero(~np.isfinite(one.value)), streak, "error", (first, lasting.get(first, -1)), layer)
        for one, streak in weights[:1]
    ]


def _weights(series: Mapping[str, Series]) -> list[tuple[Series, int]]:
    """Norms of weights that are NaN, or infinite and were not, the first to turn first, with so many readings each."""
    norms = [one for name, one in series.items() if names.layer_of(name)[1] == names.WEIGHT_NORM]
    gone = [
        (one, streak)
        for one in norms
        if (streak := _trailing(one)) >= WEIGHT_STREAK and (np.isnan(one.value[-1]) or streak < len(one))
    ]
    return sorted(gone, key=lambda pair: int(pair[0].step[-pair[1]]))


def _severity(name: str, streak: int, points: int, facts: RunFacts, *, again: bool) -> Severity | None:
    """again: such points come again and again."""
    over = facts.state in ("ended", "crashed")
    if roles.is_train_loss(name):
        return "error" if streak >= LOSS_STREAK or (streak and over) else "warn" if again else "info"
    if roles.is_validation_loss(name):
        return "warn" if streak >= VALIDATION_STREAK and streak < points else "info"
    if roles.is_gradient_norm(name):
        return "warn" if streak >= GRADIENT_STREAK else None
    return "info" if streak >= LOSS_STREAK and streak < points else None


def _first_layer(series: Mapping[str, Series], facts: RunFacts) -> tuple[str, int]:
    """The layer, in the order of the forward call, whose output was not finite first, and the step; empty and -1 for none."""
    order = {str(layer): place for place, layer in enumerate((*facts.listed("layers"), *facts.listed("functions")))}
    seen: list[tuple[int, int, str]] = []
    for metric, points in series.items():
        layer, statistic = names.layer_of(metric)
        if statistic == names.NONFINITE and (points.value > 0).any():
            seen.append((int(points.step[np.flatnonzero(points.value > 0)[0]]), order.get(layer, len(order)), layer))
    step, _, layer = min(seen, default=(-1, 0, ""))
    return layer, step


def _finding(
    series: Series, index: np.ndarray, streak: int, severity: Severity, first: tuple[str, int], layer: tuple[str, int]
) -> Finding:
    since = int(series.step[-streak]) if streak else int(series.step[index[0]])
    value = series.value[-streak] if streak else series.value[index[0]]
    kind = "NaN" if np.isnan(value) else "infinite"
    if streak:
        message = f"{series.metric} is {kind} since step {since:,} ({streak:,} points in a row)."
    else:
        message = (
            f"{series.metric} was {kind} at {len(index):,} of {len(series):,} points, first at step {since:,}; it "
        )
        message += "recovered." if severity == "info" else "comes again and again."
    if first[0] and first[0] != series.metric and streak:
        message += f" First to turn: {first[0]} at step {first[1]:,}."
    if (
        layer[0] and streak and layer[1] <= since
    ):  # one update later all weights may be NaN, and the first layer looks guilty
        message += f" The first layer whose output is not finite is {layer[0]} (step {layer[1]:,})."
    return Finding(
        ID,
        severity,
        message,
        expected="a finite number",
        measured=kind,
        tolerance=0.0,
        advice="Most likely too high a learning rate, a log or a division of zero, or an overflow in half precision. Refute: "
        "resume from the last checkpoint with a tenth of the rate, or with torch.autograd.set_detect_anomaly(True), which "
        "names the operation.",
        evidence={
            "metric": series.metric,
            "points": len(series),
            "nonfinite": len(index),
            "in_a_row": streak,
            "since_step": since,
            "first_metric": first[0],
            "first_step": first[1],
            "first_layer": layer[0],
            "first_layer_seen_at": layer[1],
        },
        step=since,
    )


def _trailing(series: Series) -> int:
    """Non-finite points at the very end."""
    finite = np.flatnonzero(np.isfinite(series.value))
    return len(series) - (int(finite[-1]) + 1 if len(finite) else 0)
