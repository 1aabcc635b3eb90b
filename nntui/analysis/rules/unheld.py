"""Layers that no optimizer holds.

Tests: (1) parameters that want a gradient, get one, and are in no optimizer that has made an update, with a norm that is the same
to the last bit at LOOKS looks: nobody uses it. (2) Layers whose parameters want no gradient and are in no optimizer, once there
were so many looks: information, since most who freeze a part mean it. Not of a copy of layers that are trained, with the same
names, kinds and sizes, nor of parts that are called like one that is there to be asked (HELPERS): an average, a target, a
teacher. Wrong when: what is left out is trained by means that probes do not see.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.readings import named, of_layers
from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding

ID = "live.frozen"
LOOKS = 7
"""The first are at updates 0, 1, 2, 4, 8, 16 and 32: an optimizer that comes later than that, with parameters that it left out
for so long, is one that was forgotten until then."""
HELPERS = frozenset(
    {"ema", "swa", "average", "averaged", "avg", "target", "teacher", "momentum", "key", "slow", "shadow", "old", "ref"}
    | {"reference", "frozen", "pretrained", "reward", "perceptual", "lpips", "vgg"}
)
"""How parts of a model are called that are there to be asked, and not to be trained."""


def unused(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding: layers whose gradients nobody uses."""
    if names.PROBE_LR not in series or not len(series[names.PROBE_LR]):
        return []
    now, readings = int(series[names.PROBE_LR].step[-1]), of_layers(series, names.UNHELD, LOOKS)
    left = [
        layer
        for layer, points in readings.items()
        if points.step[-1] == now and not np.ptp(points.value) and not facts.declares("frozen", layer)
    ]
    if not left:
        return []
    step = min(int(series[names.layer(layer, names.UNHELD)].step[0]) for layer in left)
    every = {name for name, statistic in map(names.layer_of, series) if statistic in (names.UNHELD, names.WEIGHT_NORM)}
    return [
        Finding(
            ID,
            "warn",
            f"The weights of {named(left, len(every))} get gradients, and no optimizer updates them.",
            expected="every parameter that wants a gradient in an optimizer",
            measured=float(len(left)),
            unit="layers",
            advice="Most likely the optimizer was made before a layer was replaced or added, or from a part of the model's "
            "parameters. Refute: such a parameter must be among those of optimizer.param_groups. If they are meant to stay, "
            "requires_grad_(False) saves their backward pass; or declare 'frozen:NAME'.",
            evidence={"layers": left[:20], "since_step": step},
            step=step,
        )
    ]


def wanting_nothing(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding: layers that want no gradient and are in no optimizer."""
    keys = ("layers", "kinds", "parameters", "trained", "wanting")
    rows = [*zip(*(facts.listed(key) for key in keys), strict=False)]
    if names.PROBE_LR not in series or len(series[names.PROBE_LR]) < LOOKS:
        return []
    held = [(_within(str(name)), kind, size) for name, kind, size, trained, _ in rows if trained]
    copies = {one for one in held if one[0]}
    seen = {
        name for name, statistic in map(names.layer_of, series) if statistic in (names.UPDATE_RATIO, names.GRAD_NORM)
    }
    left = [
        str(name)
        for name, kind, size, trained, wanting in rows
        if size and not trained and not wanting and name not in seen and not copies & {(_within(str(name)), kind, size)}
    ]
    left = [name for name in left if not HELPERS & set(roles.words(name)) and not facts.declares("frozen", name)]
    if not held or not left:
        return []
    return [
        Finding(
            ID,
            "info",
            f"{named(left, len(rows))} want no gradient (requires_grad=False) and are in no optimizer: they stay as they are.",
            advice="Nothing is wrong if they are pretrained and meant to stay: then declare 'frozen:NAME'. Refute: where "
            "learning is meant, requires_grad must be True before the optimizer is made.",
            evidence={"layers": left[:20]},
            step=int(series[names.PROBE_LR].step[0]),
        )
    ]


def _within(layer: str) -> str:
    """The name without its first part: a copy of a network lies beside it, with layers of the same names."""
    return layer.partition(".")[2]
