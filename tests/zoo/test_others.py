"""The rules of other tools: each speaks where its documentation says so, and is silent where it says so."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nntui import names
from nntui.analysis.series import RunFacts, Series

SCRIPTS = Path(__file__).parents[2] / "scripts"
sys.path.append(str(SCRIPTS))  # at the end: the zoo of the tests comes before the script of that name

from rivals import RULES, Recording  # noqa: E402
from rivals.recording import NEVER  # noqa: E402

Values = Sequence[float] | Mapping[int, float]
FALLING = [2 / (1 + 0.1 * k) for k in range(200)]
HEALTHY = np.random.default_rng(0).normal(1, 0.1, 400).clip(0.8, 1.2).tolist()


def layers(statistic: str, *values: Values) -> dict[str, Values]:
    return {names.layer(str(place), statistic): one for place, one in enumerate(values)}


def fired(rule: str, columns: Mapping[str, Values], **watched: Any) -> int:
    """The step at which a rule fires on columns that are given by step, or from step 0 on."""
    series = {}
    for name, values in columns.items():
        given = dict(values) if isinstance(values, Mapping) else dict(enumerate(values))
        steps = np.array([*given], np.int64)
        series[name] = Series(name, steps, steps.astype(float), np.array([*given.values()], float))
    (found,) = [one for one in RULES if one.name == rule]
    return found.fires(Recording(series, RunFacts(watched=watched)))


SPEAKS: list[tuple[str, dict[str, Values], int]] = [
    ("LossNotDecreasing in mode TRAIN", {"train/loss": [1.0] * 21}, 10),
    ("LossNotDecreasing in mode TRAIN", {"train/loss": FALLING[:30] + [3.0] * 2}, 30),
    ("LossNotDecreasing", {"train/loss": FALLING, "val/loss": {9 + 10 * k: 1.0 for k in range(20)}}, 109),
    ("Overfit", {"train/loss": [1.0] * 20, "val/loss": {9: 1.09, 19: 1.11}}, 19),
    ("Overtraining", {"train/loss": [1.0] * 120, "val/loss": {9 + 10 * k: 1.0 for k in range(12)}}, 109),
    ("ExplodingTensor", {"train/loss": [1.0, 2.0, np.nan]}, 2),
    ("ExplodingTensor", {"train/loss": FALLING, **layers(names.WEIGHT_NORM, {0: 1.0, 64: np.inf})}, 64),
    ("VanishingGradient", layers(names.GRAD_NORM, {0: 1.0, 8: 1.1e-6}, {0: 1.0, 8: 0.9e-6}), 8),
    ("WeightUpdateRatio", layers(names.UPDATE_RATIO, {0: 1e-3, 4: 10.1}), 4),
    ("WeightUpdateRatio", layers(names.UPDATE_RATIO, {0: 1e-3, 4: 1e-9}), 4),
    ("DeadRelu", layers(names.DEAD_FRACTION, {0: 0.5, 8: 0.51}), 8),
    ("SaturatedActivation", layers(names.SATURATED_FRACTION, {0: 0.5, 8: 0.51}), 8),
    ("AllZero", layers(names.GRAD_NORM, {0: 1e-30, 8: 0.0}), 8),
    (
        "UnchangedTensor",
        layers(names.WEIGHT_NORM, [1.0, 2.0, 2.0, 2.0]) | layers(names.UPDATE_RATIO, [1.0, 1, 0, 0]),
        3,
    ),
    ("PoorWeightInitialization", layers(names.ACTIVATION_STD, {0: 1.0, 4: 0.3}, {0: 1.0, 4: 1.0}, {0: 9.0, 4: 9.0}), 4),
    ("z-score", {"train/loss": [*HEALTHY[:50], 2.0]}, 50),
    ("z-score", {"train/loss": [*HEALTHY[:50], 0.0]}, 50),
    ("z-score, rises alone", {"train/loss": [*HEALTHY[:50], 2.0]}, 50),
    ("SpikeDetection", {"train/loss": [1.0] * 10 + [3.0]}, 10),
    ("SpikeDetection", {"train/loss": [1.0] * 10 + [np.nan]}, 10),
    ("6σ spike", {"train/loss": [*HEALTHY[:128], 2.0]}, 128),
    ("GL5", {"val/loss": {9: 1.0, 19: 0.5, 29: 0.53}}, 29),
    ("NaN in the loss", {"train/loss": [1.0] * 15 + [np.nan] * 5, "val/loss": {9: 1.0, 19: 1.0}}, 19),
    ("learning rate", {"lr": [0.01] * 10 + [0.02] * 10, "val/loss": {9: 1.0, 19: 1.0}}, 19),
    ("learning rate", {"lr": [1e-7] * 10 + [0.9e-7] * 10, "val/loss": {9: 1.0, 19: 1.0}}, 19),
    ("overfitting", {"train/loss": FALLING, "val/loss": {9: 1.0, 19: 0.9, 29: 0.91}}, 29),
    (
        "validation accuracy",
        {"val/loss": dict.fromkeys(range(9), 1.0), "val/accuracy": [0.5] * 7 + [0.96] * 2, "train/accuracy": [0.9] * 9},
        7,
    ),
    (
        "validation accuracy",
        {"val/loss": dict.fromkeys(range(9), 1.0), "val/accuracy": [0.6] * 9, "train/accuracy": [0.7] * 5 + [0.5] * 4},
        5,
    ),
]
SILENT: list[tuple[str, dict[str, Values]]] = [
    ("LossNotDecreasing in mode TRAIN", {"train/loss": FALLING}),
    ("LossNotDecreasing in mode TRAIN", {"train/loss": [1.0] * 10}),
    ("LossNotDecreasing", {"train/loss": [1.0] * 200, "val/loss": {9 + 10 * k: 2.0 - k / 20 for k in range(20)}}),
    ("Overfit", {"train/loss": [1.0] * 20, "val/loss": {9: 1.09, 19: 0.5}}),
    ("Overtraining", {"train/loss": FALLING, "val/loss": {9 + 10 * k: 2.5 - k / 8 for k in range(20)}}),
    ("Overtraining", {"train/loss": [1.0] * 200, "val/loss": {9 + 10 * k: 1.0 for k in range(10)}}),
    ("ExplodingTensor", {"train/loss": [1e300], **layers(names.GRAD_NORM, [1e30])}),
    ("VanishingGradient", layers(names.GRAD_NORM, [1.1e-6])),
    ("WeightUpdateRatio", layers(names.UPDATE_RATIO, [1e-8, 9.9])),
    ("DeadRelu", layers(names.DEAD_FRACTION, [0.5])),
    ("SaturatedActivation", layers(names.SATURATED_FRACTION, [0.5])),
    ("AllZero", layers(names.GRAD_NORM, [1e-30]) | layers(names.WEIGHT_NORM, [1.0])),
    ("UnchangedTensor", layers(names.WEIGHT_NORM, [1.0, 1.1, 1.2, 1.3]) | layers(names.UPDATE_RATIO, [0.0] * 4)),
    ("UnchangedTensor", layers(names.WEIGHT_NORM, [1.0, 2.0, 2.0]) | layers(names.UPDATE_RATIO, [0.0, 1, 0])),
    ("PoorWeightInitialization", layers(names.ACTIVATION_STD, {0: 1.0, 16: 9.0}, {0: 3.1, 16: 1.0}, {0: 9.0, 16: 9.0})),
    ("z-score", {"train/loss": HEALTHY[:29]}),
    ("z-score", {"train/loss": HEALTHY}),
    ("z-score, rises alone", {"train/loss": [*HEALTHY[:50], 0.0]}),
    ("SpikeDetection", {"train/loss": [1.0] * 10 + [2.9]}),
    ("SpikeDetection", {"train/loss": [9.0] * 10 + [1.0] * 10 + [2.0]}),
    ("6σ spike", {"train/loss": [*HEALTHY[:127], 2.0]}),
    ("6σ spike", {"train/loss": [*HEALTHY[:128], 1.3]}),
    ("GL5", {"val/loss": {9: 1.0, 19: 0.5, 29: 0.52}}),
    ("NaN in the loss", {"train/loss": [1.0] * 20, "val/loss": {9: 1.0, 19: np.nan}}),
    ("learning rate", {"lr": [1.0] * 5 + [0.01] * 15, "val/loss": {9: 1.0, 19: 1.0}}),
    ("overfitting", {"train/loss": [*reversed(FALLING)], "val/loss": {9: 1.0, 19: 0.9, 29: 0.91}}),
    (
        "validation accuracy",
        {"val/loss": [1.0] * 9, "val/accuracy": [0.96] * 3 + [0.8] * 6, "train/accuracy": [0.9] * 9},
    ),
]
NETWORK = {"layers": ["0", "1", "2"], "kinds": ["Linear"] * 3, "parameters": [100] * 3, "functions": {"a": "ReLU"}}


@pytest.mark.parametrize(("rule", "columns", "step"), SPEAKS)
def test_a_rule_speaks_where_its_documentation_says_so(rule: str, columns: dict[str, Values], step: int) -> None:
    assert fired(rule, columns, **NETWORK) == step


@pytest.mark.parametrize(("rule", "columns"), SILENT)
def test_a_rule_is_silent_where_its_documentation_says_so(rule: str, columns: dict[str, Values]) -> None:
    assert fired(rule, columns, **NETWORK) == NEVER


def test_every_rule_is_seen_to_speak_and_to_be_silent() -> None:
    everyone = {rule.name for rule in RULES}
    assert {rule for rule, *_ in SPEAKS} == {rule for rule, _ in SILENT} == everyone


@pytest.mark.parametrize("columns", [{}, {"train/loss": [1.0]}, {"val/loss": [1.0]}, {"lr": [1.0], "val/loss": [1.0]}])
def test_what_is_not_recorded_makes_no_rule_speak(columns: dict[str, Values]) -> None:
    quiet = {rule.name for rule in RULES} - {"learning rate"}
    assert {rule: fired(rule, columns) for rule in quiet} == dict.fromkeys(quiet, NEVER)


def test_what_enters_a_relu_behind_a_normalization_is_that_of_the_normalization() -> None:
    watched = {**NETWORK, "kinds": ["Linear", "BatchNorm1d", "Linear"]}
    assert fired("PoorWeightInitialization", layers(names.ACTIVATION_STD, [9.0], [1.0], [1.0]), **watched) == NEVER
    assert fired("PoorWeightInitialization", layers(names.ACTIVATION_STD, [9.0], [1.0], [1.0]), **NETWORK) == 0


def test_the_script_asks_all_of_the_same_recording(script: Callable[..., str]) -> None:
    said = script("zoo_others.py", "--half", "both", "--only", "ClippedAfterTheUpdate", "Plain", "--jobs", "2")
    assert "bug      ClippedAfterTheUpdate, seed 0: nntui: live.late_clipping;" in said
    (ours,) = [line for line in said.splitlines() if line.startswith("| nntui | 1 of 1 | 1 of 1 |")]
    assert ours.endswith("| 0.00 | 0 of 1 |")
    assert "| SageMaker Debugger: Overfit |" in said
