"""The layers of a network: newest numbers, heat map, order, and what is out of bounds."""

import json
import math

import numpy as np
import pytest

from nntui import names
from nntui.analysis.series import Series
from nntui.session.layers import BAND, MUCH_DEAD, LayersView, Watched, binned, held, layers, severity
from nntui.session.run_state import RunState
from nntui.session.snapshot import View


def series(metric, values, every=1) -> Series:
    step = np.arange(len(values), dtype=np.int64) * every
    return Series(metric, step, step.astype(float), np.asarray(values, float))


def known(**layers_of) -> dict[str, Series]:
    """`a=dict(grad_norm=[1, 2])`."""
    found = [series(names.layer(layer, s), v) for layer, by in layers_of.items() for s, v in by.items()]
    return {one.metric: one for one in found}


def test_layers_come_in_forward_order_with_their_newest_numbers() -> None:
    watched = Watched(("b", "a"), ("Linear", "ReLU"), (10, 0), (10, 0))
    found = layers(LayersView(), known(a={"dead_fraction": [0, 0.1]}, b={"grad_norm": [1, 2]}), watched)
    assert [(layer.name, layer.kind, layer.parameters) for layer in found.layers] == [
        ("b", "Linear", 10),
        ("a", "ReLU", 0),
    ]
    assert found.layers[0].value("grad_norm") == 2
    assert math.isnan(found.layers[0].value("dead_fraction"))


def test_the_worst_layers_come_first_when_asked() -> None:
    data = known(
        a={"update_ratio": [1e-3]},
        b={"dead_fraction": [0.9]},
        c={"update_ratio": [1e-5]},
        d={"activation_mean": [math.nan]},
    )
    assert [x.name for x in layers(LayersView(order="worst"), data, Watched()).layers] == ["d", "c", "b", "a"]
    assert layers(LayersView(), data, Watched()).marked == 3


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("columns", [1, 3, 7, 50])
def test_a_column_is_the_mean_of_its_points(log, columns) -> None:
    values = np.random.default_rng(3).lognormal(size=40)
    one = series("x", values, every=3)
    low, high = 0, 117
    expected = np.full(columns, np.nan)
    for column in range(columns):
        inside = [v for s, v in zip(one.step, values, strict=True) if int(s) * columns // (high - low + 1) == column]
        if inside:
            expected[column] = math.exp(np.mean(np.log(inside))) if log else np.mean(inside)
    np.testing.assert_allclose(binned(one, low, high, columns, log=log), expected)


def test_a_column_of_zeros_is_zero_and_one_with_a_nan_is_loud() -> None:
    found = binned(series("x", [0, 0, 1, np.nan, 2, 4]), 0, 5, 3, log=True)
    assert found[0] == 0
    assert found[1] == np.inf
    assert found[2] == pytest.approx(math.sqrt(8))


def test_a_value_holds_until_the_next_one_and_not_beyond_the_last() -> None:
    strip = np.array([np.nan, 1, np.nan, np.nan, 2, np.nan])
    np.testing.assert_equal(held(strip), [np.nan, 1, 1, 1, 2, np.nan])
    assert np.isnan(held(np.full(3, np.nan))).all()


@pytest.mark.parametrize(
    ("statistic", "value", "marked"),
    [
        (names.UPDATE_RATIO, BAND[0] * 1.01, False),
        (names.UPDATE_RATIO, BAND[0] * 0.99, True),
        (names.UPDATE_RATIO, BAND[1] * 0.99, False),
        (names.UPDATE_RATIO, BAND[1] * 1.01, True),
        (names.UPDATE_RATIO, 0.0, True),
        (names.UPDATE_RATIO, math.nan, False),
        (names.DEAD_FRACTION, MUCH_DEAD - 0.01, False),
        (names.DEAD_FRACTION, MUCH_DEAD, True),
        (names.SATURATED_FRACTION, MUCH_DEAD, True),
        (names.GRAD_NORM, 1e9, False),
        (names.GRAD_NORM, math.inf, True),
    ],
)
def test_what_is_out_of_bounds_is_marked_and_nothing_else(statistic, value, marked) -> None:
    assert (severity(statistic, value) >= 1) is marked


def test_a_frozen_layer_is_not_marked_for_not_moving() -> None:
    data = known(a={"update_ratio": [0.0]})
    assert layers(LayersView(), data, Watched(("a",), ("Linear",), (5,), (0,))).marked == 0
    assert layers(LayersView(), data, Watched(("a",), ("Linear",), (5,), (5,))).marked == 1


@pytest.mark.parametrize(
    ("ratio", "gradient", "rate", "marked"),
    [
        (1e-5, 1.0, [1.0, 1.0], True),
        (1e-5, 1.0, [1.0, 0.51], True),
        (1e-5, 1.0, [1.0, 0.49], False),
        (1.0, 1.0, [1.0, 0.49], True),
        (0.0, 1.0, [1.0, 0.49], True),
        (0.0, 1.0, [1.0, 0.0], False),
        (0.0, 0.0, [1.0, 0.0], True),
    ],
)
def test_small_updates_are_not_marked_once_the_rate_has_decayed(ratio, gradient, rate, marked) -> None:
    data = known(a={"update_ratio": [1e-3, ratio], "grad_norm": [1.0, gradient]})
    data[names.PROBE_LR] = series(names.PROBE_LR, rate)
    found = layers(LayersView(columns=2), data, Watched())
    assert found.marked == marked
    assert found.slowed.tolist() == [False, rate[1] < 0.5]
    assert bool(found.excused) is (rate[1] < 0.5)


def test_small_updates_of_a_training_that_is_done_are_not_marked() -> None:
    data = known(a={"update_ratio": [1e-3] * 8 + [0.0]})
    norms = [1.0] * 4 + [0.0] * 5
    data |= {one.metric: one for one in (series(names.WHOLE_GRAD_NORM, norms), series("loss", [*range(9, 0, -1)]))}
    assert layers(LayersView(), data, Watched()).marked == 0
    assert layers(LayersView(), data, Watched(declared=("adversarial",))).marked == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"layers": 3}', '{"layers": null, "blind": {"a": 1}}', "[" * 9000])
def test_an_event_that_is_not_as_expected_names_no_layer(text) -> None:
    assert Watched.of(text).layers == ()


def test_what_the_event_gives_by_layer_is_read_in_their_order() -> None:
    data = {"layers": ["a", "b"], "parameters": {"b": 2, "a": 1}, "declared": {"frozen": "a"}, "blind": "the loss"}
    watched = Watched.of(json.dumps(data))
    assert (watched.parameters, watched.declared, watched.blind) == ((1, 2), ("frozen: a",), ("the loss",))


def test_activation_functions_stand_behind_the_layer_that_their_name_comes_after() -> None:
    data = {
        "layers": ["0", "1", "4", "10"],
        "kinds": ["Conv2d"] * 4,
        "functions": {"2": "ReLU", "11": "Tanh", "5": "ReLU"},
    }
    watched = Watched.of(json.dumps(data))
    assert watched.layers == ("0", "1", "2", "4", "5", "10", "11")
    assert watched.kinds[2::2] == ("ReLU", "ReLU", "Tanh")


def test_layers_are_derived_only_for_a_view_that_asks(make) -> None:
    state = RunState("run", "/nowhere")
    points = make.points(steps=range(4), **{"layer__a__grad_norm": [1, 2, 3, 4], "train__loss": 1.0})
    told = make.event("watch", data=json.dumps({"layers": ["b", "a"], "blind": ["b is compiled"]}))
    state.fold(make.poll(points, told), 0.0, make.wall)
    assert state.snapshot(View(), 0.0).layers.layers == ()
    shown = state.snapshot(View(layers=LayersView(names.GRAD_NORM, 2)), 0.0).layers
    assert [layer.name for layer in shown.layers] == ["b", "a"]
    assert shown.blind == ("b is compiled",)
    np.testing.assert_allclose(shown.layers[1].strip, [math.sqrt(2), math.sqrt(12)])


def test_metrics_of_layers_are_counted_and_listed_only_when_asked(make) -> None:
    state = RunState("run", "/nowhere")
    inside = {f"layer__l{k}__grad_norm": 1.0 for k in range(30)} | {"probe__overhead": 0.01}
    state.fold(make.poll(make.points(steps=range(3), train__loss=1.0, **inside)), 0.0, make.wall)
    listed = [m.metric for m in state.snapshot(View(), 0.0).metrics]
    assert listed == ["train/loss"]
    assert state.snapshot(View(), 0.0).inside == 31
    assert len(state.snapshot(View(inside=5), 0.0).metrics) == 6
    found = state.snapshot(View(inside=5, inside_pattern="L7/"), 0.0).metrics
    assert [m.metric for m in found] == ["train/loss", "layer/l7/grad_norm"]
