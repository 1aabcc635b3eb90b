"""Units that are dead, or at the bound of their function.

Symptom: a part of the network that gives the same whatever comes in, and passes no gradient.
Test: the share of dead (saturated) units of an activation function in its newest reading, which is over at least 512
inputs.
Warns from MOST: a tenth of the layer is left. From HALF it is information; sparse networks live well with that. The
last bounded function of a model is left alone: an output that is sure of itself is at its bound. Wrong when: inputs
of the last 512 were alike (sorted data).
"""

from __future__ import annotations

from collections.abc import Mapping

from nntui import names
from nntui.analysis.readings import named, of_layers
from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding

ID = "regularise.activations"
MOST = 0.9
HALF = 0.5
WORDS = {
    names.DEAD_FRACTION: (
        "dead",
        "a rate too high for a moment, or a bias far below zero: units behind ReLU that gave 0 for everything get no "
        "gradient any more. Refute: print the largest output of such a unit over an epoch; it must be above 0",
    ),
    names.SATURATED_FRACTION: (
        "saturated",
        "weights or inputs too large for the function before which they come: at its bound it passes no gradient. Refute: "
        "the spread of what enters it must be around 1",
    ),
}


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding per kind, naming the worst functions."""
    found: list[Finding] = []
    for statistic, (word, cause) in WORDS.items():
        readings = of_layers(series, statistic, 1)
        if statistic == names.SATURATED_FRACTION and readings:
            readings.pop(_last(readings, facts), None)
        shares = {layer: float(points.value[-1]) for layer, points in readings.items()}
        much = sorted((layer for layer, share in shares.items() if share >= HALF), key=lambda layer: -shares[layer])
        if not much:
            continue
        worst = shares[much[0]]
        step = min(_since(series, layer, statistic) for layer in much)
        found.append(
            Finding(
                ID,
                "warn" if worst >= MOST else "info",
                f"{worst:.0%} of the units of {much[0]} are {word}; half or more are in {named(much, len(shares))}.",
                expected=f"below {HALF:.0%}",
                measured=worst,
                tolerance=HALF,
                advice=f"Most likely {cause}.",
                evidence={
                    "statistic": statistic,
                    "shares": {layer: shares[layer] for layer in much[:20]},
                    "since_step": step,
                },
                step=step,
            )
        )
    return found


def _last(readings: Mapping[str, Series], facts: RunFacts) -> str:
    """The function that comes last in the model."""
    order = {str(layer): place for place, layer in enumerate(facts.listed("functions") or tuple(readings))}
    return max(readings, key=lambda layer: order.get(layer, -1))


def _since(series: Mapping[str, Series], layer: str, statistic: str) -> int:
    points = series[names.layer(layer, statistic)].finite()
    many = points.value >= HALF
    place = len(points) - 1
    while place > 0 and many[place - 1]:
        place -= 1
    return int(points.step[place])
