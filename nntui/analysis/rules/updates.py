"""How far an update moves the weights.

Symptom: a rate that is far too high or low, or layers that never move. Tests, over the last READINGS readings of each layer: (1)
exactly no movement of a layer that the optimizer holds, for STILL times as long as it, or a layer whose name differs in numbers
alone, has rested before and moved again, while others move or, where none does, the rate is above zero: its weights are out of
the graph or have no gradient. Where one arrives all the same, updates are lost in rounding, which accuses nobody while the rate
is below ROUNDED of its peak: then the schedule is what is to be told. One that is asked now and then (a branch, an expert) moves
between two looks, which the norm of its weights tells. So is it of a layer whose weights and gradients have been exactly zero at
all looks. Readings at which they want none (requires_grad=False) accuse nobody: somebody has said so, for a phase or for good,
and which of the two a run cannot tell before it ends; where all of the last ones are such, that is information. (2) The median
over layers of the update ratio is above HIGH, at the newest reading too (weights that begin small grow into the updates): a tenth
of a weight in one update; or below LOW, of which a hundred thousand updates are needed to move as far as a weight is large, while
the rate is not on its way up or down (within half of its peak). Neither a layer that has moved and rests now nor a small ratio
is told of where the training is done: the gradients and the loss, no player's, say that it is (`readings.is_done`). One step of
LBFGS is many updates, whose lengths it looks for itself. (3) In one update the median over layers was above THROWN, and of the
AFTER training losses that follow one is above twice the one before; or it was above MOVED, as much as the weights themselves,
and one is above FAR times the one before: the weights were thrown away, whatever is made of them since. Healthy training is
around 1e-3 (CS231n notes, part 3). Wrong when: weights begin at or near zero (their ratio is large at first: the first SKIP
readings are left out).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nntui import names
from nntui.analysis import roles
from nntui.analysis.readings import ROUNDED, is_done, is_slowed, named, of_layers, rate_left, since
from nntui.analysis.rules import unheld
from nntui.analysis.series import Floats, RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

Bools = NDArray[np.bool_]

ID = "live.update_ratio"
FROZEN = unheld.ID
READINGS = 4
STILL = 2
"""Times as long as ever before: one of many experts may be asked by nobody for a while, which the others tell of it too."""
SKIP = 4
HIGH = 0.1
LOW = 1e-5
THROWN, TWICE = 3.0, 2.0
MOVED, FAR = 1.0, 10.0
AFTER = 10
CUT = (
    "they are not used in the forward pass, or are cut off by detach() or no_grad(). Refute: p.grad must not be None after "
    "backward()."
)
LOST = (
    "their rate is zero, or their updates are smaller than what bfloat16 or float16 weights can hold. Refute: with float32 "
    "weights and ten times the rate, the optimizer's step must leave them as they are."
)
"""Why layers stand still that no gradient reaches, and that one does."""


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding for layers that do not move, and one for the size of updates."""
    ratios, done = of_layers(series, names.UPDATE_RATIO, SKIP + READINGS), is_done(series, facts)
    thrown, unused = _thrown(series), unheld.unused(series, facts)
    if not ratios:
        return unused + thrown
    recent = {layer: points.value[-READINGS:] for layer, points in ratios.items()}
    still = _standing({layer: _moves(series, layer)[~_frozen_at(series, layer)] for layer in ratios})
    resting = [layer for layer, values in recent.items() if not values.any() and layer not in still]
    moving = {layer: values for layer, values in recent.items() if values.any()}
    frozen = [layer for layer in still if not (done and _moves(series, layer).any())] + _at_zero(series)
    frozen = [layer for layer in frozen if not facts.declares("frozen", layer)]
    found = (_accused(series, frozen, len(ratios)) if moving or _has_rate(series) else []) or unused
    found = found or _by_intention(series, facts, resting, len(ratios)) or unheld.wanting_nothing(series, facts)
    sized = _size(series, facts, moving, done=done) if moving else []
    return found + (sized or thrown)


def _thrown(series: Mapping[str, Series]) -> list[Finding]:
    """At most one finding: the first update that threw the weights away."""
    name = roles.pick(series, "train_loss")
    if not name or names.WHOLE_UPDATE_RATIO not in series:
        return []
    whole, loss = series[names.WHOLE_UPDATE_RATIO].finite(), series[name].finite()
    for place in np.flatnonzero(whole.value > MOVED):
        step, ratio = int(whole.step[place]), float(whole.value[place])
        before, after = loss.value[loss.step <= step][-1:], loss.value[loss.step > step][:AFTER]
        times = TWICE if ratio > THROWN else FAR
        if not len(before) or not len(after) or after.max() - before[0] <= (times - 1) * abs(before[0]):
            continue
        return [
            Finding(
                ID,
                "warn",
                f"The update of step {step:,} moved the weights by {format_number(ratio)} times their size, and {name} rose from "
                f"{format_number(float(before[0]))} to {format_number(float(after.max()))}: what they were is gone.",
                expected=f"below {HIGH:g}",
                measured=ratio,
                tolerance=THROWN if ratio > THROWN else MOVED,
                advice="Most likely a rate that is far too high, or a gradient that exploded (a recurrence, a division by almost "
                "nothing) without clipping. Refute: with clip_grad_norm_ and a tenth of the rate the loss must rise as much.",
                evidence={"ratio": ratio, "before": float(before[0]), "highest_after": float(after.max())},
                step=step,
            )
        ]
    return []


def _accused(series: Mapping[str, Series], layers: list[str], total: int) -> list[Finding]:
    """At most one finding: layers that stand still; first those that no gradient reaches."""
    cut = [layer for layer in layers if not _is_reached(series, layer)]
    if cut or not layers:
        return [_frozen(series, cut, total, reached=False)] if cut else []
    return [_frozen(series, layers, total, reached=True)] if rate_left(series) >= ROUNDED else []


def _frozen(series: Mapping[str, Series], layers: list[str], total: int, *, reached: bool) -> Finding:
    """reached: by gradients."""
    step = min(_still_since(series, layer) for layer in layers)
    return Finding(
        FROZEN,
        "warn",
        f"The weights of {named(layers, total)} do not change at all, though {'gradients reach them and ' if reached else ''}an "
        "optimizer holds them.",
        expected="an update ratio above 0",
        measured=0.0,
        tolerance=0.0,
        advice=f"Most likely {LOST if reached else CUT} If they are meant to stay, declare 'frozen:NAME'.",
        evidence={"layers": layers[:20], "since_step": step},
        step=step,
    )


def _is_reached(series: Mapping[str, Series], layer: str) -> bool:
    """Whether gradients arrived at the last readings."""
    gradients = names.layer(layer, names.GRAD_NORM)
    values = series[gradients].value[-READINGS:] if gradients in series else np.empty(0)
    return len(values) == READINGS and bool((values > 0).all())


def _moves(series: Mapping[str, Series], layer: str) -> Bools:
    """At which readings a layer moved, or had moved since the one before."""
    points, weights = series[names.layer(layer, names.UPDATE_RATIO)].finite(), names.layer(layer, names.WEIGHT_NORM)
    moves = points.value != 0
    if weights in series:
        norms = series[weights].finite()
        _, here, there = np.intersect1d(points.step, norms.step, return_indices=True)
        moves[here[1:]] |= np.diff(norms.value[there]) != 0
    return moves


def _frozen_at(series: Mapping[str, Series], layer: str) -> Bools:
    """At which of these readings it wanted no gradient."""
    steps, marks = series[names.layer(layer, names.UPDATE_RATIO)].finite().step, names.layer(layer, names.FROZEN)
    return np.isin(steps, series[marks].step) if marks in series else np.zeros(len(steps), bool)


def _by_intention(series: Mapping[str, Series], facts: RunFacts, resting: list[str], total: int) -> list[Finding]:
    """At most one finding: layers in an optimizer that want no gradient."""
    frozen = [layer for layer in resting if _frozen_at(series, layer)[-READINGS:].all()]
    left = [layer for layer in frozen if not facts.declares("frozen", layer)]
    if not left:
        return []
    step = min(_still_since(series, layer) for layer in left)
    return [
        Finding(
            FROZEN,
            "info",
            f"The weights of {named(left, total)} want no gradient (requires_grad=False) and stay as they are, though an "
            "optimizer holds them.",
            advice="Nothing is wrong if they are to be thawed later, or meant to stay: then declare 'frozen:NAME'. Refute: where "
            "learning is meant, requires_grad must be True (nn.Embedding.from_pretrained freezes by itself).",
            evidence={"layers": left[:20], "since_step": step},
            step=step,
        )
    ]


def _standing(moves: Mapping[str, Bools]) -> list[str]:
    """Layers that have not moved at the last READINGS readings, and for longer than those of their kind are used to."""
    rests = {layer: _rests(one) for layer, one in moves.items()}
    used: dict[str, int] = {}
    for layer, (_, before) in rests.items():
        kind = _kind(layer)
        used[kind] = max(used.get(kind, 0), before)
    return [layer for layer, (now, _) in rests.items() if now >= max(READINGS, STILL * used[_kind(layer)])]


def _rests(moves: Bools) -> tuple[int, int]:
    """At how many of the last readings a layer has not moved, and the longest such rest that is over."""
    still = np.flatnonzero(np.diff(np.concatenate([[False], ~moves, [False]])))
    spans = still[1::2] - still[::2]
    now = int(spans[-1]) if len(spans) and not moves[-1] else 0
    return now, int((spans[:-1] if now else spans).max(initial=0))


def _kind(layer: str) -> str:
    """The name without its numbers: one expert, or block, is like the next."""
    return ".".join("" if part.isdigit() else part for part in layer.split("."))


def _at_zero(series: Mapping[str, Series]) -> list[str]:
    """Layers whose weights and gradients have been exactly zero at all readings: a product of two zeros leaves both there."""
    norms, gradients = (of_layers(series, one, SKIP + READINGS) for one in (names.WEIGHT_NORM, names.GRAD_NORM))
    both = [layer for layer in norms if layer in gradients]
    return [layer for layer in both if not norms[layer].value.any() and not gradients[layer].value.any()]


def _has_rate(series: Mapping[str, Series]) -> bool:
    """Whether the rate was above zero at the last readings: then nothing at all moving is no schedule."""
    rates = series[names.PROBE_LR].finite().value[-SKIP - READINGS :] if names.PROBE_LR in series else np.empty(0)
    return len(rates) >= SKIP + READINGS and bool((rates > 0).all())


def _still_since(series: Mapping[str, Series], layer: str) -> int:
    points = series[names.layer(layer, names.UPDATE_RATIO)].finite()
    if not len(points):  # weights of zero have no share that moves
        return int(series[names.layer(layer, names.WEIGHT_NORM)].step[0])
    moved = np.flatnonzero(_moves(series, layer))
    return int(points.step[min(len(points) - 1, int(moved[-1]) + 1 if len(moved) else 0)])


def _size(series: Mapping[str, Series], facts: RunFacts, recent: dict[str, Floats], *, done: bool) -> list[Finding]:
    moving = {layer: float(np.median(values)) for layer, values in recent.items()}
    middle, now = float(np.median([*moving.values()])), float(np.median([values[-1] for values in recent.values()]))
    if LOW <= middle <= HIGH or (middle > HIGH and (now <= HIGH or facts.listed("optimizers") == ("LBFGS",))):
        return []
    if middle < LOW and (done or names.PROBE_LR not in series or is_slowed(series)):
        return []
    high = middle > HIGH
    whole = series[names.WHOLE_UPDATE_RATIO].finite() if names.WHOLE_UPDATE_RATIO in series else None
    begun = -1 if whole is None or not len(whole) else since(whole, whole.value > HIGH if high else whole.value < LOW)
    worst = max(moving, key=lambda layer: moving[layer]) if high else min(moving, key=lambda layer: moving[layer])
    return [
        Finding(
            ID,
            "warn",
            f"One update changes the weights by {format_number(middle)} of their size (median over layers; {worst} by "
            f"{format_number(moving[worst])}); around 0.001 is healthy.",
            expected=f"{LOW:g} to {HIGH:g}",
            measured=middle,
            advice=f"Most likely a rate that is far too {'high' if high else 'low'}. Refute: with "
            f"{'a tenth' if high else 'ten times'} of it the loss must not fall faster.",
            evidence={"median": middle, "layers": dict(sorted(moving.items(), key=lambda item: -item[1])[:20])},
            step=begun,
        )
    ]
