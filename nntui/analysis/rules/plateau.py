"""A loss that has stopped falling.

Advice only: networks improve for unintuitively long, and a plateau is never a reason to quit.
Test: over the last third of the training loss (or more, up to three quarters), the 99 % interval of its change lies
within SHARE of all the progress so far, and within RELATIVE of its level: both, so that neither a slow power law nor
a small loss that still halves is called flat. Noise that hides the answer keeps the rule silent. A loss that never
moved is said to have not moved yet. Wrong when: learning comes late and suddenly (parity, grokking).
"""

from __future__ import annotations

from collections.abc import Mapping

from nntui.analysis import roles
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.trend import Trend, progress, thinned, trend
from nntui.finding import Finding

ID = "live.plateau"
LEAST_POINTS = 200
SHARE = 0.005
"""Of the progress so far. A power law t^-0.1 still makes 2 % of its progress in its last third."""
RELATIVE = 0.02
"""Of the level. A third of a run that changes a loss by less than 2 % is flat on any axis."""
WINDOWS = (3 / 4, 2 / 3, 1 / 2, 1 / 3)


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding for the training loss, or for the validation loss of a run that logs no other."""
    name = roles.pick(series, "train_loss") or roles.pick(series, "validation_loss")
    if not name:
        return []
    points = series[name].finite()
    if len(points) < LEAST_POINTS:
        return []
    value = thinned(points.value)
    gained = progress(value)
    for window in WINDOWS:
        stretch = trend(value[-int(len(value) * window) :])
        if stretch is not None and _flat(stretch, gained):
            since = int(points.step[len(points) - int(len(points) * window)])
            return [_finding(name, stretch, gained, since, int(points.step[-1]))]
    return []


def _flat(stretch: Trend, gained: float) -> bool:
    moved = gained > stretch.surely_within  # else it has not moved yet, and only the level can be the scale
    share = not moved or stretch.surely_within < SHARE * gained
    return share and stretch.surely_within < RELATIVE * abs(stretch.level)


def _finding(name: str, stretch: Trend, gained: float, since: int, now: int) -> Finding:
    fell, level = -stretch.change, abs(stretch.level)
    return Finding(
        ID,
        "info",
        f"{name} is flat since step {since:,}: it fell {fell / level:.2%} (± {stretch.error / level:.2%}) "
        f"in {now - since:,} steps.",
        expected=f"a change beyond ± {RELATIVE:.0%}",
        measured=fell / level,
        tolerance=RELATIVE,
        advice="It may still improve: leave it running if time allows. If the training loss is above what the task needs, try a "
        "larger model or a higher rate; if it is at the floor of the noise in the labels, decay the rate and regularise. "
        "Refute: the same run a few thousand steps longer.",
        evidence={
            "metric": name,
            "since_step": since,
            "fell": fell,
            "fell_99_percent_error": stretch.error,
            "level": stretch.level,
            "progress_so_far": gained,
            "threshold_of_progress": SHARE,
            "threshold_of_level": RELATIVE,
        },
        step=since,
    )
