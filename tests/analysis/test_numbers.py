"""Every number against a naive reference."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nntui.analysis import downsampling, ranges, roles, ticks
from nntui.analysis.downsampling import ABOVE, BELOW, NAN, bridge, extended, newest_before, per_column, stretches
from nntui.analysis.smoothing import Ema, debiased_ema
from nntui.analysis.trend import trend

values = hnp.arrays(
    np.float64, st.integers(0, 700), elements=st.floats(-1e6, 1e6) | st.just(math.nan) | st.just(math.inf)
)


def naive_ema(value, weight):
    result, mean, count = [], 0.0, 0
    for x in value:
        if math.isfinite(x):
            mean = weight * mean + (1 - weight) * x
            count += 1
        result.append(mean / (1 - weight**count) if count else math.nan)
    return result


@given(values, st.sampled_from([0.0, 0.3, 0.9, 0.99, 0.9999]))
def test_smoothing_is_the_debiased_moving_average(value, weight) -> None:
    scale = max((abs(x) for x in value if math.isfinite(x)), default=1.0)
    np.testing.assert_allclose(debiased_ema(value, weight), naive_ema(value, weight), rtol=1e-7, atol=1e-9 * scale)


@given(values, st.sampled_from([0.0, 0.9, 0.9999]), st.lists(st.integers(0, 700), max_size=4))
def test_smoothing_goes_on_where_it_was(value, weight, cuts) -> None:
    ema = Ema(weight)
    bounds = [0, *sorted(min(cut, len(value)) for cut in cuts), len(value)]
    pieces = [ema.follow(value[a:b]) for a, b in itertools.pairwise(bounds)]
    scale = max((abs(x) for x in value if math.isfinite(x)), default=1.0)
    np.testing.assert_allclose(np.concatenate(pieces), debiased_ema(value, weight), rtol=1e-7, atol=1e-9 * scale)


@pytest.mark.parametrize("weight", [-0.1, 1.0, math.nan])
def test_smoothing_refuses_a_weight_that_is_none(weight) -> None:
    with pytest.raises(ValueError, match="smoothing weight"):
        debiased_ema(np.ones(3), weight)


@given(values, st.integers(1, 40), st.booleans(), st.randoms())
def test_columns_hold_the_exact_extremes_and_mean_of_their_points(value, columns, shuffled, random) -> None:
    x = np.arange(len(value), dtype=float)
    if shuffled:
        random.shuffle(x)
    low, high = 0.0, max(1.0, float(len(value)))
    got = per_column(x, value, (low, high), columns)
    for column in range(columns):
        inside = [
            v
            for place, v in zip(x, value, strict=True)
            if min(int((place - low) / (high - low) * columns), columns - 1) == column
        ]
        finite = [v for v in inside if math.isfinite(v)]
        assert got.count[column] == len(finite)
        assert got.nonfinite[column] == len(inside) - len(finite)
        if finite:
            assert got.low[column] == min(finite)
            assert got.high[column] == max(finite)
            assert got.mean[column] == pytest.approx(math.fsum(finite) / len(finite), rel=1e-9, abs=1e-6)
        else:
            assert math.isnan(got.low[column])


odd = hnp.arrays(
    np.float64, st.integers(0, 60), elements=st.floats(-9, 9) | st.sampled_from([math.nan, math.inf, -math.inf])
)


@given(odd, st.lists(st.integers(0, 30), max_size=60), st.integers(1, 9), st.integers(0, 60), st.data())
def test_columns_go_on_where_they_were(value, steps, columns, since, data) -> None:
    n = min(len(value), len(steps))
    x, value = np.sort(np.array(steps[:n], float)), value[:n]
    low = data.draw(st.sampled_from([0.0, 3.0, 7.5]))
    x_range = (low, low + data.draw(st.sampled_from([1.0, 8.0, 27.0])))
    since = min(since, n)
    longer = extended(per_column(x[:since], value[:since], x_range, columns), since, x, value, x_range)
    for field, whole in dataclasses.asdict(per_column(x, value, x_range, columns)).items():
        np.testing.assert_array_equal(getattr(longer, field), whole, field)


@given(
    st.lists(st.floats(-50, 50) | st.integers(-5, 5).map(float), max_size=60).map(sorted),
    st.sampled_from([(0.0, 1.0), (-5.0, 5.0), (-1e-3, 1e3), (60.0, 61.0), (-90.0, -60.0)]),
    st.integers(1, 40),
)
def test_looking_for_the_edges_finds_what_looking_at_all_points_does(points, x_range, columns) -> None:
    x = np.array(points, float)
    given_to = (x.__getitem__, len(x), x_range, columns)
    with pytest.MonkeyPatch.context() as patch:
        looked_at = stretches(*given_to), newest_before(*given_to)
        patch.setattr(downsampling, "FEW", 0)
        looked_for = stretches(*given_to), newest_before(*given_to)
    for one, other in zip(looked_at, looked_for, strict=True):
        assert (np.diff(one) >= 0).all()
        np.testing.assert_array_equal(one, other)


@given(odd, st.integers(1, 9))
def test_columns_say_what_is_not_finite_and_which_point_is_their_newest(value, columns) -> None:
    x, high = np.arange(len(value), dtype=float), max(1.0, len(value) - 1.0)
    got = per_column(x, value, (0.0, high), columns)
    for column in range(columns):
        inside = [v for at, v in zip(x, value, strict=True) if min(int(at / high * columns), columns - 1) == column]
        kinds = {NAN: any(map(math.isnan, inside)), ABOVE: math.inf in inside, BELOW: -math.inf in inside}
        assert got.kinds[column] == sum(bit for bit, there in kinds.items() if there)
    newest = newest_before(x.__getitem__, len(x), (0.0, high), columns)
    for column, place in enumerate(newest):
        edge = high * (column + 1) / columns
        assert place == sum(at <= edge for at in x) - 1


def test_the_largest_floats_have_a_mean() -> None:
    largest = float(np.finfo(float).max)
    got = per_column(np.arange(4.0), np.array([largest, largest, 1.0, math.nan]), (0.0, 4.0), 2)
    np.testing.assert_array_equal(got.mean, [largest, 1.0])
    np.testing.assert_array_equal(got.count, [2, 1])


def test_points_outside_the_range_are_in_no_column() -> None:
    got = per_column(np.arange(10.0), np.arange(10.0), (3.0, 6.0), 3)
    assert got.count.sum() == 4
    assert got.low[0] == 3.0
    assert got.high[-1] == 6.0


def test_a_bridge_spans_gaps_and_never_the_ends() -> None:
    line = np.array([math.nan, 1.0, math.nan, math.nan, 4.0, math.nan])
    np.testing.assert_array_equal(bridge(line), [math.nan, 1.0, 2.0, 3.0, 4.0, math.nan])


spans = st.tuples(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9)).filter(lambda s: s[1] > abs(s[0]) * 1e-6)


@given(spans, st.integers(2, 10))
def test_linear_ticks_lie_inside_and_have_labels_of_their_own(span, count) -> None:
    low, high = span[0], span[0] + span[1]
    found = ticks.linear_ticks(low, high, count)
    assert 1 <= len(found) <= 2 * count + 2
    assert len({label for _, label in found}) == len(found)
    for position, label in found:
        assert low - span[1] * 1e-6 <= position <= high + span[1] * 1e-6
        assert float(label) == pytest.approx(position, rel=1e-3, abs=span[1] * 1e-2)


@given(st.floats(1e-30, 1e20), st.floats(3.0, 1e12), st.integers(2, 8))
def test_decade_ticks_lie_inside(low, ratio, count) -> None:
    found = ticks.decade_ticks(low, low * ratio, count)
    assert found
    for position, _ in found:
        assert low * 0.999 <= position <= low * ratio * 1.001


@given(st.floats(1e-6, 1e6), st.floats(1.2, 1e12), st.integers(4, 8))
def test_a_logarithmic_y_has_ticks_enough_to_be_read(low, ratio, count) -> None:
    assert len(ticks.decade_ticks(low, low * ratio, count)) >= 2


@given(
    st.floats(1e-6, 1e6), st.floats(1.5, 1e12), st.integers(2, 8), st.sampled_from(["spread_ticks", "spread_durations"])
)
def test_ticks_of_a_logarithmic_x_lie_inside_and_have_labels_of_their_own(low, ratio, count, make) -> None:
    found = getattr(ticks, make)(low, low * ratio, count)
    assert len({label for _, label in found}) == len(found) <= 3 * count + 3
    assert all(low * 0.999 <= position <= low * ratio * 1.001 for position, _ in found)
    assert [position for position, _ in found] == sorted(position for position, _ in found)


def test_ticks_of_a_logarithmic_x_are_decades_where_there_are_enough() -> None:
    assert [label for _, label in ticks.spread_ticks(1, 2e5, 6)] == ["1", "10", "100", "1k", "10k", "100k"]
    assert [label for _, label in ticks.spread_ticks(100, 900, 5)] == ["100", "200", "500"]
    assert [label for _, label in ticks.spread_durations(0.5, 9000, 5)] == ["1s", "10s", "1m", "10m", "1h"]


@given(st.integers(-1000, 1000), st.floats(1.0, 1e6), st.integers(2, 9))
def test_ticks_of_steps_are_whole(low, span, count) -> None:
    for position, label in ticks.step_ticks(float(low), low + span, count):
        assert position == round(position)
        assert "." not in label or "k" in label or "M" in label


@given(st.floats(-1e308, 1e308) | st.sampled_from([math.nan, math.inf, -math.inf]))
def test_a_number_is_never_wider_than_its_column(value) -> None:
    text = ticks.format_number(value)
    assert len(text) <= 10
    if math.isfinite(value):
        assert float(text) == pytest.approx(value, rel=6e-3, abs=1e-300)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.41213, "0.4121"),
        (3e-4, "3e-4"),
        (12.5, "12.5"),
        (0, "0"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (1e6, "1e6"),
    ],
)
def test_numbers_look_as_people_write_them(value, text) -> None:
    assert ticks.format_number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45s"), (200, "3m20s"), (4320, "1h12m"), (187_200, "2d4h"), (math.nan, "–")]
)
def test_durations_have_two_units(seconds, text) -> None:
    assert ticks.format_duration(seconds) == text


@given(hnp.arrays(np.float64, st.integers(0, 50)), st.sampled_from([True, False, None]))
def test_a_range_is_finite_holds_everything_and_is_positive_when_logarithmic(value, log) -> None:
    with np.errstate(all="ignore"):
        (low, high), is_log = ranges.y_range([value], log=log)
    assert math.isfinite(low)
    assert math.isfinite(high)
    assert low < high
    finite = value[np.isfinite(value)]
    if is_log and log:
        finite = finite[finite > 0]
    if len(finite):
        assert low <= finite.min()
        assert high >= finite.max()
    assert not is_log or low > 0


@given(hnp.arrays(np.float64, st.integers(0, 50)), st.sampled_from([True, False, None]))
def test_a_range_in_steps_holds_the_range_and_is_finite_and_little_longer(value, log) -> None:
    with np.errstate(all="ignore"):
        (low, high), is_log = ranges.y_range([value], log=log)
    below, above = ranges.in_steps((low, high), log=is_log)
    assert -math.inf < below <= low < high <= above < math.inf
    if is_log:
        assert below > 0
        low, high, below, above = map(math.log, (low, high, below, above))
    assert above / 4 - below / 4 <= (high / 4 - low / 4) * (1 + 2 / ranges.STEPS) * (1 + 1e-6) + 1e-300


def test_a_range_in_steps_seldom_moves() -> None:
    grown = [ranges.in_steps((0.0 - k / 300, 2.0 + k / 700), log=False) for k in range(100)]
    assert len(set(grown)) <= 8
    decades = [ranges.in_steps((10.0 ** (-1 - k / 100), 3.0), log=True) for k in range(200)]
    assert len(set(decades)) <= 30


def test_clipping_counts_what_it_hides_and_hides_only_outliers() -> None:
    value = np.random.default_rng(0).normal(size=1000)
    bounds = (float(value.min()), float(value.max()))
    assert ranges.without_outliers(value, bounds) == (bounds, 0)
    spiked = np.concatenate([value, [1e6, -1e6, 1e7]])
    (low, high), hidden = ranges.without_outliers(spiked, (-1e6, 1e7))
    assert hidden == 3
    assert low > -100
    assert high < 100


@pytest.mark.parametrize(
    ("metric", "role"),
    [
        ("train/loss", "train_loss"),
        ("loss", "train_loss"),
        ("training_loss", "train_loss"),
        ("val/loss", "validation_loss"),
        ("eval_loss", "validation_loss"),
        ("test/loss", "validation_loss"),
        ("train/bce", "train_loss"),
        ("train/nt_xent", "train_loss"),
        ("valid/logloss", "validation_loss"),
        ("lr", "lr"),
        ("learning_rate", "lr"),
        ("lr-Adam/pg1", "lr"),
        ("train/lr", "lr"),
        ("samples_per_second", "throughput"),
    ],
)
def test_metrics_are_known_by_the_names_people_give(metric, role) -> None:
    for other in ("train_loss", "validation_loss", "lr", "throughput"):
        assert roles.pick([metric], other) == (metric if other == role else None)


@pytest.mark.parametrize(
    ("metric", "among", "drawn"),
    [
        ("val/loss", ["lr", "train/loss", "val/loss"], ("train/loss", "val/loss")),
        ("train_acc", ["eval_acc", "test_acc", "train_acc"], ("train_acc", "eval_acc", "test_acc")),
        ("loss", ["loss", "val_loss"], ("loss", "val_loss")),
        ("lr", ["lr", "train/loss"], ("lr",)),
        ("train/loss", ["train/loss", "train/aux/loss", "check/x/loss"], ("train/loss",)),
        ("gone", ["lr"], ("gone",)),
    ],
)
def test_the_same_of_several_splits_belongs_together(metric, among, drawn) -> None:
    assert roles.together(metric, among) == drawn


def test_a_standard_error_is_no_loss() -> None:
    assert roles.pick(["val/loss_stderr"], "validation_loss") is None
    assert roles.pick(["train/aux/loss", "train/loss", "train/loss_scale"], "train_loss") == "train/loss"


def test_a_trend_is_within_its_interval_99_times_in_100() -> None:
    random = np.random.default_rng(1)
    wrong = 0
    for _ in range(1000):
        noise = random.standard_normal(640)
        for at in range(1, 640):  # correlated as neighbouring losses are
            noise[at] = 0.5 * noise[at - 1] + noise[at]
        stretch = trend(np.linspace(1.0, 0.0, 640) + noise)
        wrong += abs(stretch.change + 1.0) > stretch.error
    assert wrong <= 25


@given(st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_a_trend_does_not_depend_on_scale_and_offset(scale, offset) -> None:
    base = np.random.default_rng(2).normal(size=256) - np.linspace(0, 3, 256)
    one, other = trend(base), trend(base * scale + offset)
    assert other.change == pytest.approx(one.change * scale, rel=1e-5, abs=1e-7 * (abs(offset) + scale))
    assert other.error == pytest.approx(one.error * scale, rel=1e-5, abs=1e-7 * (abs(offset) + scale))
