"""Weights that decay to nothing.

Symptom: the loss is that of a constant, and stays. Test: of READINGS readings at least, the norm of the weights of half of the
layers or more has come down to LEFT of its largest and the training loss (its last RECENT points) is not below its first level
by BETTER of it and beyond its noise. Decay that is in balance with the gradients, a normalisation that takes the scale out, or
weights that are made sparse leave a third to a twentieth. Wrong when: a network is pruned away.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.readings import named, of_layers, spread
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

ID = "live.weight_decay"
LEFT = 0.01
READINGS = 4
RECENT = 20
BETTER = 0.05
LEAST = 2
"""Layers: a single one may be made anew or pruned."""


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding."""
    if _learns(series):
        return []
    layers = of_layers(series, names.WEIGHT_NORM, READINGS)
    shares = {layer: _left(series[names.layer(layer, names.WEIGHT_NORM)].finite()) for layer in layers}
    gone = [layer for layer, share in shares.items() if share < LEFT]
    if len(gone) < max(LEAST, len(shares) / 2):
        return []
    middle = float(np.median([shares[layer] for layer in gone]))
    step = int(layers[gone[0]].step[-1])
    return [
        Finding(
            ID,
            "warn",
            f"The weights of {named(gone, len(shares))} have shrunk to {format_number(middle)} of what they were, and the "
            "loss is that of the beginning: the network is decayed to nothing.",
            expected=f"above {LEFT:g}",
            measured=middle,
            tolerance=LEFT,
            advice="Most likely a weight decay that is far too large (the rate and the decay in each other's place), or a "
            "penalty on the weights that outweighs the loss. Refute: without it the norms must shrink as fast.",
            evidence={"shares": {layer: shares[layer] for layer in gone[:20]}, "threshold": LEFT},
            step=step,
        )
    ]


def _left(norms: Series) -> float:
    """The newest norm as a share of the largest."""
    largest = float(norms.value.max())
    return float(norms.value[-1]) / largest if largest > 0 else 1.0


def _learns(series: Mapping[str, Series]) -> bool:
    """Whether the training loss is below its first level; so where there is none."""
    name = roles.pick(series, "train_loss")
    value = series[name].finite().value if name else np.empty(0)
    if not len(value):
        return True
    first, now = value[:RECENT], value[-RECENT:]
    level = float(np.median(first))
    return level - float(np.median(now)) > max(BETTER * abs(level), spread(now))
