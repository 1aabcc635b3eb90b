"""Axes of runs that went astray, of clocks that did, and of zooms far beyond what a float resolves."""

import itertools
import math

import numpy as np
import pytest

from nntui.analysis import ranges, ticks
from nntui.analysis.smoothing import debiased_ema

ENDS = (-1.7e308, -1e300, -1e17, -1.0, -1e-300, -5e-324, 0.0, 5e-324, 1e-10, 1.0, 1 + 1e-15, 1e17, 1e300, 1.7e308)
MAKERS = (ticks.linear_ticks, ticks.count_ticks, ticks.duration_ticks, ticks.clock_ticks, ticks.decade_ticks)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_no_axis_is_too_long_too_short_or_too_far_for_ticks(make) -> None:
    for low, high in itertools.combinations(ENDS, 2):
        for count in (1, 2, 5, 10):
            if make is ticks.decade_ticks and not low > 0:
                continue
            found = make(low, high, count)
            assert len(found) <= 3 * count + 2, (low, high, count)
            assert len({label for _, label in found}) == len(found), (low, high, count, found)
            assert all(math.isfinite(position) for position, _ in found)


@pytest.mark.parametrize("log", [None, True, False])
def test_every_range_of_values_has_an_axis(log) -> None:
    for pair in itertools.product(ENDS, ENDS):
        (low, high), is_log = ranges.y_range([np.array(pair)], log=log)
        positions = [p for p, _ in (ticks.decade_ticks if is_log else ticks.linear_ticks)(low, high, 5)]
        assert not is_log or all(p > 0 for p in positions)


@pytest.mark.parametrize(
    ("value", "text"), [(999_999, "1M"), (999.9, "1k"), (999_499, "999k"), (999_999_999, "1G"), (999, "999")]
)
def test_a_count_that_rounds_up_takes_the_next_unit(value, text) -> None:
    assert ticks.format_count(value) == text


def test_time_before_the_start_is_negative() -> None:
    assert tuple(label for _, label in ticks.duration_ticks(-130.0, 130.0, 3)) == ("-2m", "0", "2m")


def test_clock_labels_within_one_second_are_not_repeated() -> None:
    labels = [label for _, label in ticks.clock_ticks(1.7e9, 1.7e9 + 0.5, 5)]
    assert len(set(labels)) == len(labels) >= 1


@pytest.mark.parametrize("weight", [0.3, 0.9, 0.99, 0.9999, 0.999999])
def test_smoothing_agrees_with_the_plain_loop_to_twelve_digits(weight) -> None:
    value = 5.0 + np.random.default_rng(0).standard_normal(3000)
    mean, expected = 0.0, []
    for count, x in enumerate(value, 1):
        mean = weight * mean + (1 - weight) * x
        expected.append(mean / -math.expm1(count * math.log(weight)))
    np.testing.assert_allclose(debiased_ema(value, weight), expected, rtol=1e-12)
    np.testing.assert_allclose(debiased_ema(np.full(3000, 0.1), weight), 0.1, rtol=1e-12)
