"""A curve in which noise hides the progress.

Symptom: the loss of one step says nothing; what is seen in the curve is chance.
Test: the step-to-step noise (robust spread of the differences between neighbours, divided by √2) is above SWAMPED times all the
progress since the beginning, over at least LEAST points. Information: a noisy task at its floor looks so too (regression on noisy
targets), and it is right about the curve all the same. Whether the weights are thrown about is told by the fixed batch
(live.jitter).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nntui.analysis import roles
from nntui.analysis.readings import spread
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.analysis.trend import progress
from nntui.finding import Finding

ID = "live.noise"
LEAST = 400
SWAMPED = 3.0
CERTAIN = 4.0
"""Standard errors that a difference must have to be seen."""


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding for the training loss."""
    name = roles.pick(series, "train_loss")
    if not name or facts.declares("adversarial"):
        return []
    points = series[name].finite()
    if len(points) < LEAST:
        return []
    noise, gained = spread(np.diff(points.value)) / math.sqrt(2), progress(points.value)
    if not gained > 0 or noise <= SWAMPED * gained:
        return []
    needed = math.ceil(2 * (CERTAIN * noise / gained) ** 2)
    return [
        Finding(
            ID,
            "info",
            f"From step to step {name} differs by {format_number(noise)}; all its progress is {format_number(gained)}: the curve "
            f"shows it only over means of {needed:,} points.",
            expected=f"below {format_number(SWAMPED * gained)}",
            measured=noise,
            tolerance=SWAMPED,
            advice="Most likely batches that are too small, or targets that are noise mostly. Refute: with four times the "
            "batch the noise must not halve. Until then smooth the curve, and compare by the validation loss.",
            evidence={"metric": name, "noise": noise, "progress": gained, "points_to_average": needed},
            step=int(points.step[-1]),
        )
    ]
