"""Filters against noise: the numbers against naive ones, and verdicts on both sides of each threshold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nntui.analysis import first_layer
from nntui.analysis.first_layer import STEPS, against_shuffled, autocorrelation, compared, judge


def naive(filters: np.ndarray) -> list[float]:
    """Moran's I as it is defined, pair by pair."""
    found = []
    for one in filters:
        channels, rows, columns = one.shape
        products, squares, pairs = 0.0, 0.0, 0
        for channel in range(channels):
            mean = one[channel].mean()
            for r in range(rows):
                for c in range(columns):
                    squares += (one[channel, r, c] - mean) ** 2
                    for to in ((r + 1, c), (r, c + 1)):
                        if to[0] < rows and to[1] < columns:
                            products += (one[channel, r, c] - mean) * (one[channel][to] - mean)
                            pairs += channel == 0
        found.append(products / pairs / (squares / (rows * columns)))
    return found


@pytest.mark.parametrize("shape", [(3, 1, 3, 3), (2, 3, 5, 4), (4, 2, 1, 6), (1, 1, 2, 1)])
@pytest.mark.parametrize("size", [1.0, 1e-30, 1e100])
def test_autocorrelation_is_what_its_definition_says(shape: tuple[int, ...], size: float) -> None:
    filters = np.random.default_rng(1).standard_normal(shape) * size
    np.testing.assert_allclose(autocorrelation(filters), naive(filters), rtol=1e-9)


def test_a_smooth_filter_is_near_one_and_a_chessboard_at_minus_one() -> None:
    ramp = np.add.outer(np.arange(30.0), np.arange(30.0))
    board = np.indices((30, 30)).sum(axis=0) % 2.0
    smooth, rough = autocorrelation(np.array([[ramp], [board]]))
    assert smooth > 0.9
    assert rough == pytest.approx(-1.0)


def test_noise_is_where_shuffled_filters_are_and_their_mean_is_that_of_theory() -> None:
    filters = np.random.default_rng(2).standard_normal((64, 1, 7, 7))
    found = against_shuffled(filters)
    assert abs(found.sigmas) < 3
    assert found.expected == pytest.approx(-1 / 48, abs=0.01)
    each = [autocorrelation(np.random.default_rng(k).standard_normal((64, 1, 7, 7))).mean() for k in range(200)]
    assert found.spread == pytest.approx(np.std(each), rel=0.35)


def test_the_numbers_are_the_same_each_time() -> None:
    filters = np.random.default_rng(3).standard_normal((4, 3, 5, 5))
    assert against_shuffled(filters) == against_shuffled(filters)


@settings(max_examples=25)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 4), st.integers(0, 4)),
        elements=st.floats(width=32),
    )
)
def test_any_filters_give_numbers_and_a_verdict(filters: np.ndarray) -> None:
    found = compared(filters, 5000, filters * 0.5, 0)
    assert judge(found, "w").status in ("pass", "warn", "skip")
    assert math.isnan(found.weights.measured) or -1.01 <= found.weights.measured <= 1.01


def noise(seed: int, size: int = 7, count: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 1, size, size))


def smooth(seed: int, size: int = 7, count: int = 32) -> np.ndarray:
    """Waves across the filter, each in another direction."""
    angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, (count, 1, 1, 1))
    rows, columns = np.indices((size, size))
    return np.sin(np.cos(angles) * rows + np.sin(angles) * columns)


def verdict(filters: np.ndarray, first: np.ndarray, step: int = STEPS, since: int = 0) -> tuple[str, str]:
    finding = judge(compared(filters, step, first, since), "stem.weight")
    assert finding.id == "regularise.first_layer"
    assert finding.step == step
    assert "stem.weight" in finding.message
    if isinstance(finding.measured, float):
        held = finding.measured > float(str(finding.expected).removeprefix("above "))
        assert held == (finding.status == "pass"), "what was measured says the same as the verdict"
    return finding.status, finding.message


def test_filters_with_a_pattern_pass_however_small() -> None:
    for size in (3, 7):
        status, message = verdict(smooth(1, size), noise(1, size))
        assert status == "pass"
        assert "are no noise" in message


def test_small_filters_without_one_are_not_judged() -> None:
    status, message = verdict(noise(1, 3), noise(2, 3))
    assert status == "skip"
    assert "too small" in message
    assert verdict(noise(1, 5), noise(2, 5))[0] == "warn", "5 × 5 is large enough"


def test_weights_that_did_not_move_are_warned_of_once_they_had_the_time() -> None:
    still = noise(1) * (1 + 0.049 * np.sign(noise(2)))
    status, message = verdict(still, noise(1))
    assert status == "warn"
    assert "moved by 4.9%" in message
    assert verdict(still, noise(1), STEPS - 1)[0] == "skip"
    assert verdict(still, noise(1), STEPS + 99, since=100)[0] == "skip", "counted from the first moment on"


def test_a_random_start_that_was_added_to_smoothly_passes() -> None:
    status, message = verdict(noise(1) + 0.15 * smooth(1), noise(1))
    assert status == "pass"
    assert "random start is left" in message


def test_what_moved_without_a_pattern_is_warned_of() -> None:
    status, message = verdict(noise(1) + 0.3 * noise(2), noise(1))
    assert status == "warn"
    assert "nor can what training has added" in message


def test_the_first_moment_alone_is_too_early_and_has_no_change() -> None:
    found = compared(noise(1), 0, noise(1), 0)
    assert judge(found, "w").status == "skip"
    assert math.isnan(found.moved)
    assert math.isnan(found.change.measured)


def test_of_many_filters_some_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_layer, "MOST", 8 * 49)
    few, all_of_them = against_shuffled(smooth(1)), against_shuffled(smooth(1)[:8])
    assert few == all_of_them


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        (np.full((2, 1, 5, 5), math.nan), "not finite"),
        (np.ones((2, 1, 5, 5)), "all alike"),
        (np.ones((2, 8, 1, 1)), "no neighbours"),
        (np.zeros((0, 1, 5, 5)), "no neighbours"),
    ],
)
def test_what_has_no_autocorrelation_is_said(filters: np.ndarray, words: str) -> None:
    status, message = verdict(filters, filters * 0)
    assert status == "skip"
    assert words in message


def test_a_filter_that_holds_nan_does_not_hide_the_others() -> None:
    filters = smooth(1)
    filters[0, 0, 0, 0] = math.nan
    assert verdict(filters, noise(1))[0] == "pass"
