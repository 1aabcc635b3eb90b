"""First-layer weights: folded, thinned, drawn as pictures, judged; and what no recorder writes."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nntui import names
from nntui.runlog.schema import EVENTS, PREDICTIONS, TENSORS
from nntui.session import weights
from nntui.session.inside import Inside
from nntui.session.snapshot import View
from nntui.session.weights import Context, Tensors, WeightsView, as_filters

LINES = (("a", 1 << 62),)


def row(data: Any, step: int = 0, name: str = "stem.weight", shape: Any = None) -> dict[str, Any]:
    data = np.asarray(data, np.float32)
    shape = list(data.shape) if shape is None else shape
    return {"name": name, "step": step, "wall_time_ns": 1, "shape": shape, "data": data.ravel().tolist()}


def folded(*rows: dict[str, Any], writer: str = "a", known: Tensors | None = None) -> Tensors:
    known = known or Tensors()
    known.fold(writer, pa.RecordBatch.from_pylist(list(rows), schema=TENSORS))
    return known


def shown(*rows: dict[str, Any], view: WeightsView = WeightsView(), context: Context = Context()) -> weights.Weights:  # noqa: B008
    return folded(*rows).shown(view, LINES, context)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def test_each_filter_is_a_picture_from_its_least_to_its_greatest_weight() -> None:
    filters = np.array([[[[0, 1, 2], [3, 4, 5], [6, 7, 8]]], [[[5, 5, 5], [5, 5, 5], [5, 5, 5]]]], float)
    found = shown(row(filters))
    assert (found.name, found.shape, found.filters, found.channels) == ("stem.weight", (2, 1, 3, 3), 2, 1)
    np.testing.assert_allclose(found.pictures[0], np.arange(9).reshape(3, 3) / 8)
    assert not found.pictures[1].any(), "all alike"


def test_three_channels_are_colours_of_one_picture_and_others_are_pictures_of_their_own() -> None:
    colours = noise(4, 3, 5, 5)
    found = shown(row(colours))
    assert [picture.shape for picture in found.pictures] == [(5, 5, 3)] * 4
    one = colours[2].astype(np.float32)
    np.testing.assert_allclose(
        found.pictures[2], (np.moveaxis(one, 0, 2) - one.min()) / (one.max() - one.min()), rtol=1e-5
    )
    several = shown(row(noise(4, 2, 5, 5)))
    assert (len(several.pictures), several.channels, several.filters) == (8, 2, 4)


def test_a_matrix_is_filters_where_inputs_of_its_size_are_pictures_and_else_one_picture() -> None:
    flat = row(noise(6, 20))
    found = shown(flat, context=Context(((28, 28), (4, 5))))
    assert (found.filters, found.pictures[0].shape) == (6, (4, 5))
    assert found.finding.id == "regularise.first_layer"
    found = shown(flat)
    assert (found.filters, [picture.shape for picture in found.pictures]) == (0, [(6, 20)])
    assert found.finding.id == ""


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((8, 3, 7, 7), (8, 3, 7, 7)),
        ((8, 7, 7, 3), (8, 3, 7, 7)),
        ((8, 28, 28), (8, 1, 28, 28)),
        ((8, 3, 3, 3), (8, 3, 3, 3)),
        ((8, 64, 1, 1), None),
        ((8, 1, 5, 1), None),
        ((8,), None),
        ((), None),
        ((2, 2, 2, 2, 2), None),
    ],
)
def test_which_tensors_are_filters(shape: tuple[int, ...], expected: Any) -> None:
    found = as_filters(noise(*shape) if shape else np.float32(1.0), ())
    assert (None if found is None else found.shape) == expected


def test_a_moment_is_the_newest_at_or_before_a_step() -> None:
    rows = [row(noise(2, 1, 5, 5, seed=step), step) for step in (0, 16, 32)]
    assert shown(*rows).at == 2
    assert [shown(*rows, view=WeightsView(step=step)).at for step in (-5, 0, 15, 16, 31, 99)] == [0, 0, 0, 1, 1, 2]
    assert shown(*rows).steps.tolist() == [0, 16, 32]


def test_moments_are_thinned_and_the_first_and_newest_stay() -> None:
    rows = [row([[float(step)]], step) for step in range(500)]
    steps = shown(*rows).steps.tolist()
    assert len(steps) <= weights.MOMENTS
    assert (steps[0], steps[-1]) == (0, 499)


def test_a_restart_replaces_what_came_after_it() -> None:
    known = folded(row(noise(2, 1, 5, 5), 0), row(noise(2, 1, 5, 5), 512))
    folded(row(noise(2, 1, 5, 5), 500), writer="b", known=known)
    found = known.shown(WeightsView(), (("a", 500), ("b", 1 << 62)), Context())
    assert found.steps.tolist() == [0, 500]


def test_several_tensors_are_told_apart() -> None:
    known = folded(row(noise(2, 1, 5, 5)), row([[1.0]], name="other"))
    assert [known.shown(WeightsView(which), LINES, Context()).name for which in range(3)] == [
        "stem.weight",
        "other",
        "stem.weight",
    ]


@pytest.mark.parametrize(
    "broken",
    [
        {"shape": [2, 3]},
        {"shape": [-1, -1]},
        {"shape": [0]},
        {"shape": None},
        {"data": None},
        {"data": []},
        {"name": None},
        {"step": None},
        {"shape": [1 << 40, 1 << 40]},
        {"shape": [None]},
    ],
)
def test_a_row_that_no_recorder_writes_is_left_out(broken: dict[str, Any]) -> None:
    known = folded(row([[1.0, 2.0]]) | broken, row([[1.0]], name="good"))
    assert "good" in known.names
    assert known.shown(WeightsView(len(known.names) - 1), LINES, Context()).name == "good"


def test_more_names_than_there_is_room_for_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "NAMES", 2)
    assert folded(*(row([[1.0]], name=str(k)) for k in range(5))).names == ["0", "1"]


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 5), max_size=5),
    st.lists(st.floats(width=32), min_size=1, max_size=8),
    st.booleans(),
)
def test_any_shape_and_any_numbers_are_pictures_between_0_and_1(
    shape: list[int], values: list[float], flat: bool
) -> None:
    data = np.resize(np.array(values, np.float32), shape)
    known = folded(row(data, 0), row(data, 2000))
    found = known.shown(WeightsView(), LINES, Context(((3, 3),) if flat else ()))
    for picture in found.pictures:
        assert picture.ndim in (2, 3)
        assert ((picture >= 0) & (picture <= 1)).all()
    assert found.broken == (0 if not data.size else int((~np.isfinite(data)).sum()))


# --- among all else that is inside -----------------------------------------------------------------


def inside(*rows: dict[str, Any], data: dict[str, Any] | None = None) -> Inside:
    found = Inside()
    found.fold("tensors", "a", pa.RecordBatch.from_pylist(list(rows), schema=TENSORS))
    if data is not None:
        event = {"step": 0, "wall_time_ns": 5, "level": "info", "event": names.WATCH_EVENT, "message": ""}
        batch = pa.RecordBatch.from_pylist([event | {"data": json.dumps(data)}], schema=EVENTS)
        found.fold_event(batch.to_pylist()[0])
    return found


def test_the_finding_is_that_of_the_newest_moment_of_the_first_filters() -> None:
    start = noise(16, 1, 7, 7)
    smooth = start * 0.01 + np.add.outer(np.arange(7.0), np.arange(7.0))
    found = inside(row([[1.0]], name="words"), row(start, 0), row(start, 1), row(smooth, 2000)).finding(LINES)
    assert found is not None
    assert (found.status, found.step, found.evidence["parameter"]) == ("pass", 2000, "stem.weight")
    assert inside(row([[1.0]], name="words")).finding(LINES) is None
    assert inside().finding(LINES) is None


def test_nothing_is_judged_that_is_meant_to_be_as_it_is_or_has_no_rows() -> None:
    rows = (row(noise(16, 1, 7, 7), 0), row(noise(16, 1, 7, 7), 2000))
    watched = {"layers": ["stem"], "kinds": ["Conv2d"], "declared": []}
    found = inside(*rows, data=watched).finding(LINES)
    assert found is not None
    assert found.status == "warn"
    assert inside(*rows, data=watched | {"declared": ["frozen:st*"]}).finding(LINES) is None
    sliding = (row(noise(16, 8, 7), 0), row(noise(16, 8, 7), 2000))
    assert inside(*sliding, data=watched | {"kinds": ["Conv1d"]}).finding(LINES) is None


def test_inputs_that_were_recorded_tell_which_weights_are_pictures_of_them() -> None:
    found = inside(row(noise(4, 20)))
    given_ = {"name": "fixed", "step": 0, "wall_time_ns": 1, "role": "input", "example": 0, "shape": [4, 5], "text": ""}
    outputs = given_ | {"role": "output", "shape": [2, 10], "data": [0.0] * 20}
    batch = pa.RecordBatch.from_pylist([outputs, given_ | {"data": [0.0] * 20}], schema=PREDICTIONS)
    found.fold("predictions", "a", batch)
    shown = found.shown(View(weights=WeightsView()), LINES, {}, 0)["weights"]
    assert shown.pictures[0].shape == (4, 5)
    assert math.isnan(shown.moved), "one moment alone has no change"


def test_weights_are_read_again_only_where_something_came_that_they_are_made_of() -> None:
    found, view = inside(row(noise(4, 1, 5, 5))), View(weights=WeightsView())

    def now(lines: Any = LINES, view: View = view) -> weights.Weights:
        return found.shown(view, lines, {}, 0)["weights"]

    known = now()
    assert now() is known
    assert not now(lines=(("a", 0),)).pictures, "a restart replaced them"
    other = row(noise(4, 20), 8, "other.weight")
    found.fold("tensors", "a", pa.RecordBatch.from_pylist([other], schema=TENSORS))
    assert now().count == 2
    second = View(weights=WeightsView(which=1))
    assert now(view=second).pictures[0].shape == (4, 20), "a matrix"
    given = {"name": "fixed", "step": 0, "wall_time_ns": 1, "role": "input", "example": 0, "shape": [4, 5], "text": ""}
    batch = pa.RecordBatch.from_pylist([given | {"data": [0.0] * 20}], schema=PREDICTIONS)
    found.fold("predictions", "a", batch)
    assert now(view=second).pictures[0].shape == (4, 5), "filters, now that an input is known"
    watched = {"layers": ["other"], "kinds": ["Conv1d"]}
    event = {"step": 0, "wall_time_ns": 5, "level": "info", "event": names.WATCH_EVENT, "message": ""}
    found.fold_event(event | {"data": json.dumps(watched)})
    assert now(view=second).pictures[0].shape == (4, 20), "they slide along one axis"
