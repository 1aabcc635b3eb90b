"""Updates that half precision rounds away.

Symptom: a model that was itself put into bfloat16 or float16: an update of a sane rate is less than half a unit in the last place
of most weights, which stay where they are; the loss falls all the same, slowly, by the small ones. Test: of the numbers in half
precision that have a gradient more than LOST stay as they are, to the bit, in the median over the last READINGS looks, while the
rate is within half of its peak. Wrong when: an optimizer rounds at random, or keeps what is rounded away.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis.readings import is_slowed, newest
from nntui.analysis.rules.updates import ID
from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding

READINGS = 8
LOST = 0.75


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding: half precision that keeps too little of an update."""
    points = newest(series, names.ROUNDED_AWAY, READINGS)
    share = 0.0 if points is None else float(np.median(points.value))
    if points is None or share <= LOST or is_slowed(series):
        return []
    return [
        Finding(
            ID,
            "warn",
            f"{share:.0%} of the weights in half precision stay as they are, to the bit, in an update, though they have "
            "gradients: what they should move by is rounded away.",
            expected=f"below {LOST:.0%}",
            measured=share,
            tolerance=LOST,
            advice="Most likely the model itself was put into bfloat16 or float16. Keep the weights in float32 and use autocast, "
            "or an optimizer that keeps what is rounded away. Refute: with weights in float32 the loss must fall no faster.",
            evidence={"metric": names.ROUNDED_AWAY, "share": share, "readings": points.value.tolist()},
            step=int(points.step[0]),
        )
    ]
