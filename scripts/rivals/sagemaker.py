"""Built-in rules of Amazon SageMaker Debugger, as far as recorded columns allow.

Owns one function per rule, from https://docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html and the older
docs/rules/FirstPartyRules.md of https://github.com/awslabs/sagemaker-debugger; the code of the rules is not public. Every
recorded step is taken as saved: the default `save_interval` of 500 would leave two steps of most trainings of the zoo.

Left out: ClassImbalance, Confusion, CheckInputImages and NLPSequenceRatio see inputs, labels or predictions, which are not
recorded; TensorVariance has no default thresholds; SimilarAcrossRuns compares two trainings; StalledTrainingRule waits half an
hour; FeatureImportanceOverweight and TreeDepth are for trees. Each rule returns one bit per job, so it counts once.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nntui import names
from nntui.analysis.series import Floats
from rivals.recording import NEVER, Recording, Rule, earliest, first

SYSTEM = "SageMaker Debugger"


def loss_not_decreasing(seen: Recording, num_steps: int = 10) -> int:
    """LossNotDecreasing: at every `num_steps`-th loss, this one is not below that `num_steps` before (diff_percent 0).

    mode None looks for the losses of EVAL first, so these are taken where there are any.
    """
    points = seen.validation if len(seen.validation) else seen.losses
    checked = points.value[::num_steps]
    return first(points.step[::num_steps][1:], ~(checked[1:] < checked[:-1]))


def loss_not_decreasing_in_training(seen: Recording, num_steps: int = 10) -> int:
    """LossNotDecreasing with mode TRAIN, or where no modes are set: the losses of training."""
    return loss_not_decreasing(Recording({seen.losses.metric: seen.losses}, seen.facts), num_steps)


def overfit(seen: Recording, ratio_threshold: float = 0.1) -> int:
    """Overfit: (mean validation loss - mean training loss) / mean training loss above 0.1 for patience 1, from start_step 0.

    The means are those of one evaluation and of the updates before it, back to the last one.
    """
    training = seen.since_evaluation(seen.losses)
    return first(seen.validation.step, (seen.validation.value - training) / training > ratio_threshold)


def overtraining(seen: Recording, patience_train: int = 5, patience_validation: int = 10, delta: float = 0.1) -> int:
    """Overtraining: neither loss has improved by 0.1 for so many of its steps; taken as both at once."""
    if not len(seen.losses) or not len(seen.validation):
        return NEVER
    training = _since_best(seen.losses.value, delta) >= patience_train
    place = np.searchsorted(seen.losses.step, seen.validation.step, side="right") - 1
    validation = _since_best(seen.validation.value, delta) >= patience_validation
    return first(seen.validation.step, validation & training[place])


def _since_best(losses: Floats, delta: float) -> np.ndarray:
    """(n,) How many losses have come since one that was better by delta than every one before it."""
    found, best, waited = np.zeros(len(losses), np.int64), np.inf, 0
    for place, loss in enumerate(losses):
        better = loss < best - delta
        best, waited = (loss, 0) if better else (best, waited + 1)
        found[place] = waited
    return found


def exploding_tensor(seen: Recording) -> int:
    """ExplodingTensor: any NaN or infinity (only_nan False), in losses, gradients, weights or outputs of layers.

    A norm, mean or spread that is not finite stands for a tensor with such a number.
    """
    kinds = (names.GRAD_NORM, names.WEIGHT_NORM, names.ACTIVATION_MEAN, names.ACTIVATION_STD)
    tensors = [points for kind in kinds for points in seen.layers(kind).values()]
    return earliest([first(one.step, ~np.isfinite(one.value)) for one in (seen.losses, seen.validation, *tensors)])


def vanishing_gradient(seen: Recording, threshold: float = 1e-7) -> int:
    """VanishingGradient: the mean of the absolute gradients is below 1e-7.

    Of n gradients it is at most their norm divided by the root of n, which stands for it.
    """
    sizes = dict(zip(seen.facts.listed("layers"), seen.facts.listed("parameters"), strict=False))
    found = []
    for layer, points in seen.layers(names.GRAD_NORM).items():
        count = sizes.get(layer, 1)
        size = count if isinstance(count, int) and count > 0 else 1
        found.append(first(points.step, points.value / np.sqrt(size) < threshold))
    return earliest(found)


def weight_update_ratio(seen: Recording, large_threshold: float = 10.0, small_threshold: float = 1e-8) -> int:
    """WeightUpdateRatio: the ratio of updates to weights is above 10 or below 1e-8, from one step to the next.

    Steps are updates of the optimizer; in theirs, batches between which weights are accumulated would count as well.
    """
    layers = seen.layers(names.UPDATE_RATIO).values()
    return earliest([first(one.step, (one.value > large_threshold) | (one.value < small_threshold)) for one in layers])


def dead_relu(seen: Recording, threshold_layer: float = 50.0) -> int:
    """DeadRelu: more than 50 % of the units of a layer are active less than 1 % of the time.

    A unit that gave nothing for each of at least 512 inputs stands for one.
    """
    return _above(seen, names.DEAD_FRACTION, threshold_layer)


def saturated_activation(seen: Recording, threshold_layer: float = 50.0) -> int:
    """SaturatedActivation: more than 50 % of the units of a tanh or sigmoid get inputs beyond ±9.5 (-23, 17) in 99 % of cases.

    A unit whose outputs lie within 3 % of its bounds on average stands for one; theirs are among them.
    """
    return _above(seen, names.SATURATED_FRACTION, threshold_layer)


def _above(seen: Recording, statistic: str, percent: float) -> int:
    return earliest([first(one.step, 100 * one.value > percent) for one in seen.layers(statistic).values()])


def all_zero(seen: Recording) -> int:
    """AllZero: 100 % of a tensor is zero, in the collections of gradients and of weights (there is no default).

    A norm of zero says so of all tensors of a layer together.
    """
    tensors = [*seen.layers(names.GRAD_NORM).values(), *seen.layers(names.WEIGHT_NORM).values()]
    return earliest([first(one.step, one.value == 0) for one in tensors])


def unchanged_tensor(seen: Recording, num_steps: int = 3, rtol: float = 1e-5, atol: float = 1e-8) -> int:
    """UnchangedTensor: `numpy.allclose` over the last 3 available steps, of the collection of weights (there is no default).

    Norms that are close, and updates of at most rtol since the first of these steps, stand for weights that are.
    """
    found, ratios = [], seen.layers(names.UPDATE_RATIO)
    for layer, norms in seen.layers(names.WEIGHT_NORM).items():
        if layer not in ratios or len(norms) < num_steps:
            continue
        moved = ratios[layer]
        small = np.isin(norms.step[1:], moved.step[moved.value <= rtol])
        close = np.abs(np.diff(norms.value)) <= atol + rtol * np.abs(norms.value[1:])
        still = np.asarray(sliding_window_view(small & close, num_steps - 1).all(axis=1))
        found.append(first(norms.step[num_steps - 1 :], still))
    return earliest(found)


def poor_weight_initialization(seen: Recording, threshold: float = 10.0, steps: int = 10) -> int:
    """PoorWeightInitialization: within the first 10 steps, the largest variance of what enters a ReLU is over 10 times the least.

    What enters a ReLU is the output of every layer but the last and those before a normalization. Percentiles of gradients are
    not recorded, and that the loss no longer falls is no reason by itself: both are left out.
    """
    functions = seen.facts.watched.get("functions", {})
    if not isinstance(functions, dict) or "ReLU" not in functions.values():
        return NEVER
    order, kinds = [*map(str, seen.facts.listed("layers"))], [*map(str, seen.facts.listed("kinds"))]
    normalized = {layer for layer, then in zip(order, kinds[1:], strict=False) if "Norm" in then}
    spreads = [
        p for layer, p in seen.layers(names.ACTIVATION_STD).items() if layer in order[:-1] and layer not in normalized
    ]
    at: dict[int, list[float]] = {}
    for points in spreads:
        for step, spread in zip(points.step[points.step < steps], points.value, strict=False):
            at.setdefault(int(step), []).append(float(spread) ** 2)
    return earliest([step for step, found in at.items() if max(found) > threshold * min(found)])


RULES = (
    Rule(
        SYSTEM,
        "LossNotDecreasing",
        loss_not_decreasing,
        frozenset({"live.divergence", "live.spike", "live.update_ratio"}),
    ),
    Rule(SYSTEM, "Overfit", overfit, frozenset({"regularise.early_stop"})),
    Rule(SYSTEM, "Overtraining", overtraining, frozenset({"regularise.early_stop"})),
    Rule(SYSTEM, "ExplodingTensor", exploding_tensor, frozenset({"live.nonfinite", "live.divergence"})),
    Rule(SYSTEM, "VanishingGradient", vanishing_gradient, frozenset({"live.gradients", "regularise.activations"})),
    Rule(
        SYSTEM,
        "WeightUpdateRatio",
        weight_update_ratio,
        frozenset({"live.update_ratio", "live.frozen", "live.divergence"}),
    ),
    Rule(SYSTEM, "DeadRelu", dead_relu, frozenset({"regularise.activations"})),
    Rule(SYSTEM, "SaturatedActivation", saturated_activation, frozenset({"regularise.activations", "live.gradients"})),
    Rule(SYSTEM, "AllZero", all_zero, frozenset({"live.frozen", "live.gradients", "regularise.activations"})),
    Rule(
        SYSTEM, "UnchangedTensor", unchanged_tensor, frozenset({"live.frozen", "live.update_ratio", "overfit.lr_decay"})
    ),
    Rule(
        SYSTEM,
        "PoorWeightInitialization",
        poor_weight_initialization,
        frozenset({"regularise.activations", "live.gradients"}),
    ),
    Rule(
        SYSTEM,
        "LossNotDecreasing in mode TRAIN",
        loss_not_decreasing_in_training,
        frozenset({"live.divergence", "live.spike", "live.update_ratio"}),
        counted=False,
    ),
)
