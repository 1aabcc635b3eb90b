"""Training and evaluation disagree on one batch.

Symptom: good in training, bad in evaluation, with batch normalisation: what it has kept is not what batches are like.
Test: the probe compares, of the same batch, what a batch normalisation gives in training with what it would give in evaluation,
as a share of its spread and less what chance explains (names.NORM_GAP). In one such layer (one is enough to spoil what follows)
it is above APART in each of the last READINGS readings, which span at least LEAST updates: what is kept follows with a momentum
of 0.1 within some tens of updates, and lags by a few percent while a network learns fast. Wrong when: the model is never used
in evaluation mode (a judge that sees real and made batches apart: declare "adversarial").
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis.readings import named, of_layers
from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding

ID = "live.batch_norm"
READINGS = 4
LEAST = 100
APART = 0.5


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding while it lasts."""
    readings = of_layers(series, names.NORM_GAP, READINGS)
    if not readings or facts.declares("adversarial"):
        return []
    gaps = {layer: float(points.value.min()) for layer, points in readings.items()}
    late = [layer for layer, points in readings.items() if points.step[-1] - points.step[0] >= LEAST]
    much = sorted((layer for layer in late if gaps[layer] > APART), key=lambda layer: -gaps[layer])
    if not much:
        return []
    worst = readings[much[0]]
    share = float(np.median(worst.value))
    return [
        Finding(
            ID,
            "warn",
            f"In evaluation {named(much, len(gaps))} would give the same batch something else than in training, by "
            f"{share:.0%} of its spread: the kept statistics are not those of the batches.",
            expected=f"below {APART:.0%}",
            measured=share,
            tolerance=APART,
            advice="Most likely a momentum so small that the statistics hardly follow (0.001, or what another library calls "
            "0.999), or batches that are not alike (sorted by class, two kinds in turn). Refute: the loss of one training "
            "batch in train "
            "mode and in eval mode, without dropout, must be about equal.",
            evidence={"least_gap": {layer: gaps[layer] for layer in much[:20]}, "readings": worst.value.tolist()},
            step=int(worst.step[0]),
        )
    ]
