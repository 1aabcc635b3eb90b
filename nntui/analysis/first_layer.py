"""How far first-layer weights are from noise.

Symptom: filters that look like noise after a long training: it has not reached them, or there is nothing to see in the inputs.
Measure: the spatial autocorrelation of a filter w with mean m per channel (Moran's I, neighbours up, down, left and right),
I = mean over pairs of neighbours (w - m)(w' - m) / mean over places (w - m)². Noise has -1/(n - 1) for n places; smooth filters
come near 1. Test: the mean over filters is compared with the same filters, the places of each shuffled SHUFFLES times; that
many spreads above the mean of those, SIGMAS, is more than chance. Shuffling keeps every weight, so nothing is assumed of how
weights are spread. Reading: trained filters that can be told from shuffled ones are no noise. Those that cannot are judged by
what training has added to them: healthy networks with normalization may keep much of their random start (a 5 × 5 convolution
of digits: 1.1 spreads for the weights, 16 for what was added). Only weights that hardly moved, or whose change has no pattern
either, are warned of, and only from STEPS on. Wrong when: inputs have no neighbours (shuffled pixels, tables laid out as
pictures) or are noise themselves; filters of fewer than PLACES weights say too little, and are not judged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nntui.analysis.ticks import format_number
from nntui.finding import CheckStatus, Finding

Floats = NDArray[np.float64]

ID = "regularise.first_layer"
SHUFFLES = 100
SIGMAS = 3.0
"""One in 740 shufflings goes beyond it by chance."""
PLACES = 25
"""Weights per channel from which a filter can show a pattern: 5 × 5."""
STEPS = 1000
"""Updates before which nothing is warned of."""
MOVED = 0.05
"""Share of their length by which weights must have moved to be trained at all."""
MOST = 1 << 15
"""Weights that are shuffled, at most: of the first filters."""

UNREACHED = (
    "Most likely training has not reached them: a rate too small, a gradient that vanishes on its way, or weights that no "
    "optimizer holds. Refute: look at the layer's update ratio; if it is meant to stay as it is, this is no defect."
)
UNRELATED = (
    "Most likely neighbours in the input have nothing to do with each other: a wrong reshape or permute before the first layer, "
    "or data without rows and columns. Refute: look at the inputs (screen 6); if they are pictures, train longer."
)


@dataclass(frozen=True, slots=True)
class Noise:
    """Filters against themselves, shuffled."""

    measured: float = math.nan
    """Mean spatial autocorrelation; NaN where it has none: no filters, no neighbours, nothing finite, or all weights alike."""
    expected: float = math.nan
    """Of shuffled ones: the mean."""
    spread: float = math.nan
    """Of shuffled ones: the standard deviation of that mean."""

    @property
    def sigmas(self) -> float:
        """Spreads above what is expected; NaN unknown."""
        return (self.measured - self.expected) / self.spread if self.spread > 0 else math.nan


@dataclass(frozen=True, eq=False, slots=True)
class FirstLayer:
    """First-layer weights at one moment."""

    filters: Floats
    """(filters, channels, rows, columns)."""
    step: int
    weights: Noise
    change: Noise
    """Of what was added since the first moment."""
    moved: float
    """Median over filters of the length of that, in lengths of the filter at the first moment; NaN unknown."""
    since: int
    """Step of the first moment."""


def autocorrelation(filters: Floats) -> Floats:
    """Moran's I of each filter, shape (filters,), of filters of shape (filters, channels, rows, columns).

    NaN for a filter that is the same everywhere, has no neighbours or holds a number that is not finite.
    """
    rows, columns = filters.shape[2:]
    pairs = rows * (columns - 1) + (rows - 1) * columns
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        size = np.abs(filters).max(axis=(1, 2, 3), keepdims=True, initial=0.0)
        centred = filters / size  # so that no square is too large
        centred = centred - centred.mean(axis=(2, 3), keepdims=True)
        across = (centred[..., 1:] * centred[..., :-1]).sum(axis=(1, 2, 3))
        down = (centred[:, :, 1:] * centred[:, :, :-1]).sum(axis=(1, 2, 3))
        spread = (centred**2).sum(axis=(1, 2, 3)) / (rows * columns)
        found = (across + down) / pairs / np.where(spread > 1e-20, spread, math.nan)
    return np.where(np.isfinite(found), found, math.nan)


def against_shuffled(filters: Floats, seed: int = 0) -> Noise:
    """The mean autocorrelation of filters, (filters, channels, rows, columns), and of the same with their places shuffled."""
    channels, rows, columns = filters.shape[1:]
    if min(filters.shape) < 1 or rows * columns < 2:
        return Noise()
    each = autocorrelation(filters)
    known = filters[~np.isnan(each)]
    if not len(known):
        return Noise()
    some = known[: max(1, MOST // (channels * rows * columns))]
    dice, flat = np.random.default_rng(seed), some.reshape(len(some), channels, rows * columns)
    means = np.empty(SHUFFLES)
    for turn in range(SHUFFLES):
        order = dice.random((len(some), 1, rows * columns)).argsort(axis=2)
        means[turn] = autocorrelation(np.take_along_axis(flat, order, axis=2).reshape(some.shape)).mean()
    return Noise(float(np.mean(autocorrelation(some))), float(means.mean()), float(means.std()))


def compared(filters: Floats, step: int, first: Floats, since: int) -> FirstLayer:
    """The weights at one moment, against shuffled ones and against those of the first moment."""
    if first.shape != filters.shape or since >= step:
        return FirstLayer(filters, step, against_shuffled(filters), Noise(), math.nan, since)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        added = filters - first
        sizes = [np.sqrt((one**2).sum(axis=(1, 2, 3))) for one in (added, first)]
        lengths = sizes[0] / sizes[1]
    known = lengths[np.isfinite(lengths)]
    moved = float(np.median(known)) if len(known) else math.nan
    change = against_shuffled(added)
    return FirstLayer(filters, step, against_shuffled(filters), change, moved, since)


def judge(found: FirstLayer, name: str) -> Finding:
    """The row of the recipe. name: of the parameter."""
    status, message, advice = _verdict(found, name)
    weights, change = found.weights, found.change
    judged = change if status == "pass" and weights.sigmas < SIGMAS else weights
    known = math.isfinite(judged.measured)
    least = judged.expected + SIGMAS * judged.spread
    numbers = {"autocorrelation": weights.measured, "shuffled": weights.expected, "spread": weights.spread}
    numbers |= {"of_change": change.measured, "of_change_shuffled": change.expected, "of_change_spread": change.spread}
    return Finding(
        ID,
        status,
        message,
        expected=f"above {format_number(least, 2)}" if known else "filters with rows and columns",
        measured=judged.measured if known else "none",
        advice=advice,
        evidence={"parameter": name, **numbers, "moved": found.moved, "since_step": found.since},
        step=found.step,
    )


def _verdict(found: FirstLayer, name: str) -> tuple[CheckStatus, str, str]:
    """Status, message and advice."""
    weights, change = found.weights, found.change
    rows, columns = found.filters.shape[2:]
    told = (
        f"autocorrelation {_number(weights.measured)}, shuffled {_number(weights.expected)} ± {_number(weights.spread)}"
    )
    if not math.isfinite(weights.measured):
        broken = not np.isfinite(found.filters).all()
        why = "hold numbers that are not finite" if broken else "have no neighbours, or are all alike"
        return "skip", f"The weights of {name} {why}.", ""
    if weights.sigmas >= SIGMAS:
        words = f"The filters of {name} are no noise: neighbouring weights are alike ({told})."
        return "pass", words, "Nothing to do. Smooth filters alone do not say that they are good ones."
    if rows * columns < PLACES:
        words = f"Filters of {rows} × {columns} are too small to tell noise from a pattern ({name}: {told})."
        return "skip", words, ""
    noise = f"The filters of {name} cannot be told from noise ({told})"
    if not found.step - found.since >= STEPS:
        return "skip", f"{noise}; it is too early to expect more.", ""
    if found.moved < MOVED:
        words = f"{noise}, and have moved by {found.moved:.1%} of their length since step {found.since:,}."
        return "warn", words, UNREACHED
    added = _number(change.measured)
    if change.sigmas >= SIGMAS:
        words = f"{noise}, but what training has added can ({added}): much of the random start is left."
        return "pass", words, "Nothing to do. Weight decay or a longer training lets more of the start go."
    return "warn", f"{noise}, nor can what training has added ({added}).", UNRELATED


def _number(value: float) -> str:
    return format_number(value, 2)
