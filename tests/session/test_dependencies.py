"""Dependency matrices: the newest of each, small enough for a screen, no leak ever hidden."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nntui.runlog.reader import Batch
from nntui.runlog.schema import DEPENDENCIES
from nntui.session import dependencies
from nntui.session.dependencies import DependenciesView, Matrices, pooled
from nntui.session.inside import Inside
from nntui.session.run_state import RunState
from nntui.session.snapshot import View


def row(matrix, axis="batch", name="model", leak=(-1, -1, 0.0), labels=(), step=-1, **other):
    matrix = np.asarray(matrix, float)
    found = {
        "name": name,
        "step": step,
        "wall_time_ns": 1,
        "axis": axis,
        "rows": matrix.shape[0],
        "cols": matrix.shape[1],
    }
    found |= {"data": matrix.ravel().tolist(), "row_labels": list(labels), "col_labels": []}
    return found | {"leak_row": leak[0], "leak_col": leak[1], "leak_value": leak[2]} | other


def shown(*rows, view=DependenciesView()):  # noqa: B008 (frozen)
    known = Matrices()
    known.fold(pa.RecordBatch.from_pylist(list(rows), schema=DEPENDENCIES))
    return known.shown(view)


def test_the_newest_matrix_of_each_axis_is_shown() -> None:
    rows = [row(np.eye(3)), row(np.tril(np.ones((4, 4))), axis="time"), row(2 * np.eye(3), step=10)]
    first, second = (shown(*rows, view=DependenciesView(which)) for which in (0, 1))
    assert (first.axis, first.step, first.recorded, first.count) == ("batch", 10, 2, 2)
    assert np.array_equal(first.cells, 2 * np.eye(3))
    assert (second.axis, second.size) == ("time", (4, 4))
    assert shown(*rows, view=DependenciesView(2)).axis == "batch"


@pytest.mark.parametrize(
    ("matrix", "axis", "labels", "crossing"),
    [
        (np.eye(3), "batch", (), False),
        (np.eye(3) + 1e-30, "batch", (), True),
        (np.tril(np.ones((3, 3))), "time", (), False),
        (np.tril(np.ones((3, 3))), "batch", (), True),
        (np.triu(np.ones((3, 3))), "time", (), True),
        ([[1, 1, 1, 0], [1, 1, 1, 1]], "time", ("2", "3"), False),
        ([[1, 1, 1, 1], [1, 1, 1, 1]], "time", ("2", "3"), True),
    ],
)
def test_what_crosses_is_told_exactly(matrix, axis, labels, crossing) -> None:
    assert (shown(row(matrix, axis=axis, labels=labels)).crossing > 0) is crossing


sizes = st.integers(1, 40)


@settings(max_examples=80)
@given(sizes, sizes, st.integers(1, 20), st.integers(1, 20), st.data())
def test_pooling_hides_nothing_and_the_leak_keeps_its_place(rows, columns, high, wide, data) -> None:
    at = (data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1)))
    matrix = np.zeros((rows, columns))
    matrix[at] = 0.5
    found = shown(row(matrix, leak=(*at, 0.5)), view=DependenciesView(0, high, wide))
    assert found.cells.shape == (min(rows, high), min(columns, wide))
    assert found.cells[found.leak_cell] == 0.5
    assert (found.cells > 0).sum() == 1


def test_pooled_is_the_largest_of_each_stretch() -> None:
    matrix = np.random.default_rng(0).random((10, 7))
    small = pooled(matrix, 4, 3)
    for i in range(4):
        for j in range(3):
            inside = [matrix[r, c] for r in range(10) for c in range(7) if (r * 4 // 10, c * 3 // 7) == (i, j)]
            assert small[i, j] == max(inside)


@pytest.mark.parametrize(
    "bad",
    [
        {"rows": 5},
        {"rows": -1, "cols": -1},
        {"data": []},
        {"rows": None},
        {"data": None},
        {"rows": 1 << 40, "cols": 1 << 40},
    ],
)
def test_what_makes_no_matrix_is_left_out(bad) -> None:
    assert shown(row(np.eye(2), **bad)).count == 0
    assert shown(row(np.eye(2)), row(np.eye(2), **bad)).count == 1


def test_a_leak_outside_of_its_matrix_is_none() -> None:
    for leak in ((2, 0, 1.0), (0, 9, 1.0), (-3, 1, 1.0), (None, None, None)):
        found = shown(row(np.eye(2), leak=leak))
        assert (found.leak, found.leak_cell) == ((-1, -1), (-1, -1))


def test_a_run_hands_them_over_only_when_asked(make) -> None:
    data = pa.RecordBatch.from_pylist([row(np.eye(2))], schema=DEPENDENCIES)
    state = RunState("run", "runs/run")
    state.fold(make.poll(Batch("a", "dependencies", data)), 100.0, make.wall)
    assert state.snapshot(View(), 100.0).dependencies.count == 0
    assert state.snapshot(View(dependencies=DependenciesView()), 100.0).dependencies.count == 1


def test_earlier_recordings_are_kept_small_and_shown_by_their_step(monkeypatch) -> None:
    monkeypatch.setattr(dependencies, "EARLIER", 2)
    known = Matrices()
    for step in (0, 10, 20):
        data = [float(step + 1)] * 16
        row = {"name": "m", "step": step, "wall_time_ns": 1, "axis": "batch", "rows": 4, "cols": 4, "data": data}
        known.fold(pa.RecordBatch.from_pylist([row], schema=DEPENDENCIES))
    found = {step: known.shown(DependenciesView(0, 8, 8, step)) for step in (None, 5, 15, -9)}
    assert [(one.step, one.at, one.cells.shape) for one in found.values()] == [
        (20, 2, (4, 4)),
        (0, 0, (2, 2)),
        (10, 1, (2, 2)),
        (0, 0, (2, 2)),
    ]
    assert found[15].steps == (0, 10, 20)
    assert found[15].cells.max() == 11.0
    for step in range(30, 2000, 10):
        row = {"name": "m", "step": step, "wall_time_ns": 1, "axis": "batch", "rows": 1, "cols": 1, "data": [1.0]}
        known.fold(pa.RecordBatch.from_pylist([row], schema=DEPENDENCIES))
    steps = known.shown(DependenciesView()).steps
    assert len(steps) <= dependencies.MOMENTS + 1
    assert (steps[0], steps[-1]) == (0, 1990)


def test_as_many_as_are_asked_for_stand_on_a_page_in_their_order() -> None:
    rows = [row(np.eye(3), name=name) for name in "abc"]
    for which, names in ((0, "ab"), (1, "ab"), (2, "c"), (4, "ab")):
        data = shown(*rows, view=DependenciesView(which, along=2))
        assert data.name == "abc"[which % 3]
        assert "".join(one.name for one in data.page) == names
    assert [one.name for one in shown(*rows).page] == ["a"]


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 20), st.integers(1, 20), st.booleans())
def test_every_cell_knows_which_recorded_rows_and_columns_it_stands_for(rows, columns, high, wide, earlier) -> None:
    matrix = np.arange(rows * columns, dtype=float).reshape(rows, columns)
    some = [row(matrix, step=1), row(matrix * 0, step=2)]
    data = (
        shown(*some, view=DependenciesView(0, high, wide, 1))
        if earlier
        else shown(*some[:1], view=DependenciesView(0, high, wide))
    )
    assert (data.rows[0], data.rows[-1], data.columns[0], data.columns[-1]) == (0, rows, 0, columns)
    for r, c in np.ndindex(data.cells.shape):
        part = matrix[data.rows[r] : data.rows[r + 1], data.columns[c] : data.columns[c + 1]]
        assert data.cells[r, c] == part.max()


def test_a_matrix_is_pooled_again_only_for_another_view_or_once_one_more_was_recorded() -> None:
    def of(view=DependenciesView(along=2)):  # noqa: B008 (frozen)
        return inside.shown(View(dependencies=view), (), {}, 0)["dependencies"]

    inside = Inside()
    inside.fold("dependencies", "a", pa.RecordBatch.from_pylist([row(np.eye(3))], schema=DEPENDENCIES))
    first = of()
    assert of() is first
    assert of(DependenciesView(rows=2)).cells.shape == (2, 3)
    inside.fold("dependencies", "a", pa.RecordBatch.from_pylist([row(2 * np.eye(3))], schema=DEPENDENCIES))
    assert (of().recorded, of().cells.max()) == (2, 2.0)
    inside.fold("dependencies", "a", pa.RecordBatch.from_pylist([row(np.eye(3), name="b")], schema=DEPENDENCIES))
    assert len(of().page) == 2


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([0.0, 0.0, 0.5, -2.0, float("nan"), float("inf")]), min_size=12, max_size=12),
    st.booleans(),
)
def test_how_much_crosses_and_how_far_is_counted_as_recorded(numbers, time) -> None:
    known, matrices = Matrices(), [np.array(numbers).reshape(3, 4), np.eye(3, 4)]
    rows = [row(matrix, axis="time" if time else "batch", step=k) for k, matrix in enumerate(matrices)]
    known.fold(pa.RecordBatch.from_pylist(rows, schema=DEPENDENCIES))
    found = [known.shown(DependenciesView(0, 2, 2, step)) for step in (0, 1)]
    for one, matrix in zip(found, matrices, strict=True):
        apart = [abs(matrix[i, j]) for i in range(3) for j in range(4) if (j > i if time else j != i)]
        assert one.apart == len(apart)
        assert one.crossing == sum(value != 0 for value in apart)
        known_values = [value for value in apart if value == value]
        assert one.reach == max(known_values) if known_values else np.isnan(one.reach)
    assert np.array_equal(found[1].history, [one.reach for one in found], equal_nan=True)
    assert found[0].history.tolist() == found[1].history.tolist() or np.isnan(found[0].reach)
