"""Predictions, samples, dependencies, checks and events: what a reader gets of them."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import nntui
from nntui.recorder import scalars


def _of(table: Any, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in table.to_pylist()]


def test_predictions_come_back_one_row_per_example_and_role(run: Any, written: Any) -> None:
    run.log({"loss": 1.0}, step=5)
    run.predictions(np.arange(12.0).reshape(2, 2, 3), targets=[7, 8], inputs=np.zeros((2, 1)), output_texts=["a", "b"])
    assert run.flush()
    assert _of(written.tables().predictions, "name", "step", "role", "example", "shape", "data", "text") == [
        ("fixed", 5, "output", 0, [2, 3], [0, 1, 2, 3, 4, 5], "a"),
        ("fixed", 5, "output", 1, [2, 3], [6, 7, 8, 9, 10, 11], "b"),
        ("fixed", 5, "target", 0, [], [7.0], ""),
        ("fixed", 5, "target", 1, [], [8.0], ""),
        ("fixed", 5, "input", 0, [1], [0.0], ""),
        ("fixed", 5, "input", 1, [1], [0.0], ""),
    ]


def test_samples_come_back_as_inputs_and_targets(run: Any, written: Any) -> None:
    run.samples([[1.0, 2.0]], [3], name="train", step=0, target_texts=["three"])
    assert run.flush()
    assert _of(written.tables().samples, "name", "step", "role", "example", "shape", "data", "text") == [
        ("train", 0, "input", 0, [2], [1.0, 2.0], ""),
        ("train", 0, "target", 0, [], [3.0], "three"),
    ]


@pytest.mark.parametrize(
    ("outputs", "texts", "expected"),
    [
        (3.0, None, [([], [3.0], "")]),
        ([], None, []),
        (np.zeros((0, 4)), None, []),
        (np.zeros((2, 0)), None, [([0], [], ""), ([0], [], "")]),
        ([1, 2], ["only one"], [([], [1.0], "only one"), ([], [2.0], "")]),
        ([1], ["one", "two"], [([], [1.0], "one")]),
        ([math.nan, math.inf], None, [([], [math.nan], ""), ([], [math.inf], "")]),
        ([1e300, -1e300], None, [([], [math.inf], ""), ([], [-math.inf], "")]),
        (np.array([True, False]), None, [([], [1.0], ""), ([], [0.0], "")]),
        (np.arange(4)[::-2], None, [([], [3.0], ""), ([], [1.0], "")]),
    ],
    ids=["scalar", "empty", "no examples", "no values", "few texts", "many texts", "nan", "large", "bool", "strided"],
)
def test_outputs_of_any_shape_are_recorded(run: Any, written: Any, outputs: Any, texts: Any, expected: Any) -> None:
    run.predictions(outputs, output_texts=texts, step=0)
    assert run.flush()
    assert str(_of(written.tables().predictions, "shape", "data", "text")) == str(expected)
    assert written.dropped() == []


def test_texts_without_numbers_are_recorded(run: Any, written: Any) -> None:
    run.predictions([0.0], target_texts=["cat"], step=0)
    assert run.flush()
    assert _of(written.tables().predictions, "role", "data", "text") == [
        ("output", [0.0], ""),
        ("target", [], "cat"),
    ]


@pytest.mark.parametrize("outputs", [np.array([1j]), ["a"], [[1], [1, 2]], object(), {"a": 1}, [None]])
def test_what_is_no_array_of_numbers_is_dropped_with_one_event(run: Any, written: Any, outputs: Any) -> None:
    for _ in range(3):
        run.predictions(outputs)
    run.log({"x": 1.0})
    assert run.flush()
    assert written.tables().predictions.num_rows == 0
    assert len(written.dropped()) == 1
    assert written.points() == [("x", 0, 1.0)]


def test_an_array_over_the_limit_is_dropped_with_one_event_and_is_not_copied(
    run: Any, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scalars, "ARRAY_LIMIT", 100)
    huge = np.broadcast_to(np.float64(1.0), (1 << 20, 1 << 20))  # 8 TiB if anyone copied it
    for outputs in (huge, np.zeros(101)):
        run.predictions(outputs)
    run.predictions(np.zeros(100))
    assert run.flush()
    assert written.tables().predictions.num_rows == 100
    assert len(written.dropped()) == 1


def test_arrays_are_copied_when_they_are_given(run: Any, written: Any) -> None:
    array, matrix, data = np.ones(3), np.ones((2, 2)), {"k": [1, 2]}
    run.predictions(array, step=0)
    run.dependencies(matrix, step=0)
    run.event("note", "m", data=data)
    array[:], matrix[:] = 5, 5
    data["k"].append(3)
    data["l"] = []
    assert run.flush()
    assert _of(written.tables().predictions, "data") == [([1.0],)] * 3
    assert _of(written.tables().dependencies, "data") == [([1.0] * 4,)]
    assert written.events("note")[0]["data"] == {"k": [1, 2]}


def test_a_row_too_large_for_a_frame_is_dropped_and_holds_nothing_up(run: Any, written: Any) -> None:
    run.predictions(np.zeros(1100), output_texts=["x" * 65_000] * 1100)
    run.log({"x": 1.0})
    assert run.flush()
    assert written.points("x") == [(0, 1.0)]
    (message,) = written.dropped()
    assert "a batch of" in message


def test_a_dependency_matrix_comes_back_with_its_labels_and_leak(run: Any, written: Any) -> None:
    run.dependencies(
        [[1.0, 0.5], [0.0, 2.0], [0.0, 0.0]],
        axis="time",
        row_labels=["a", "b", "c"],
        col_labels=[1, 2],
        leak=(0, 1, 0.5),
    )
    run.dependencies(np.eye(2), name="m", step=9)
    assert run.flush()
    columns = ("name", "step", "axis", "rows", "cols", "data", "row_labels", "col_labels")
    table = written.tables().dependencies
    assert _of(table, *columns) == [
        ("model", -1, "time", 3, 2, [1.0, 0.5, 0.0, 2.0, 0.0, 0.0], ["a", "b", "c"], ["1", "2"]),
        ("m", 9, "batch", 2, 2, [1.0, 0.0, 0.0, 1.0], [], []),
    ]
    assert _of(table, "leak_row", "leak_col", "leak_value")[0] == (0, 1, 0.5)
    assert str(_of(table, "leak_row", "leak_col", "leak_value")[1]) == "(-1, -1, nan)"


@pytest.mark.parametrize(
    ("matrix", "leak"), [(np.zeros((2, 2, 2)), None), ([[1.0]], (0, 1)), ([[1.0]], "leak"), ([[1.0]], (0, 1, None))]
)
def test_a_matrix_or_leak_that_is_none_is_dropped_with_one_event(
    run: Any, written: Any, matrix: Any, leak: Any
) -> None:
    for _ in range(2):
        run.dependencies(matrix, leak=leak)
    run.log({"x": 1.0})
    assert run.flush()
    assert written.tables().dependencies.num_rows == 0
    assert len(written.dropped()) == 1
    assert written.points("x") == [(0, 1.0)]


def test_a_check_comes_back_as_it_was(run: Any, written: Any) -> None:
    evidence = {"losses": [1.0, math.nan], "array": np.arange(2)}
    finding = nntui.Finding("skeleton.x", "warn", "m", 1.0, "two", 0.5, "nats", "look", evidence, 0.25, 3)
    run.check(finding)
    evidence.clear()
    assert run.flush()
    (row,) = written.tables().checks.to_pylist()
    assert (row["id"], row["status"], row["message"], row["expected"], row["measured_text"]) == (
        "skeleton.x",
        "warn",
        "m",
        1.0,
        "two",
    )
    assert (row["tolerance"], row["unit"], row["advice"], row["seconds"], row["step"]) == (0.5, "nats", "look", 0.25, 3)
    assert math.isnan(row["measured"])
    assert json.loads(row["evidence"]) == {"losses": [1.0, "nan"], "array": [0, 1]}


def test_evidence_and_details_that_are_too_long_give_way_to_their_size(run: Any, written: Any) -> None:
    long = {"text": "x" * 100_000}
    run.check(nntui.Finding("a", "pass", "m", evidence=long))
    run.event("note", "m", data=long)
    assert run.flush()
    assert list(json.loads(written.tables().checks["evidence"][0].as_py())) == ["too_long"]
    assert list(written.events("note")[0]["data"]) == ["too_long"]


def test_a_failed_check_is_written_without_waiting_for_the_interval(
    run: Any, written: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nntui.recorder.handoff.FLUSH_INTERVAL", 600.0)
    assert run.flush()  # from here on the thread sleeps for the long interval
    run.check(nntui.Finding("a", "fail", "m"))
    eventually(lambda: written.tables().checks.num_rows == 1)


@pytest.mark.parametrize("finding", [None, "fail", {"id": "x"}])
def test_what_is_no_finding_is_dropped_with_one_event(run: Any, written: Any, finding: Any) -> None:
    run.check(finding)
    run.check(finding)
    assert run.flush()
    (message,) = written.dropped()
    assert "expected a nntui.Finding" in message


def test_an_event_comes_back_with_its_step_level_and_data(run: Any, written: Any) -> None:
    run.log({"loss": 1.0}, 4)
    run.event("lr", "halved", level="warn", data={"lr": 0.5, "bad": math.inf})
    run.event("checkpoint", "saved", step=2, data=[1, 2])
    assert run.flush()
    rows = [(row["event"], row["step"], row["level"], row["message"], row["data"]) for row in written.events()]
    assert rows[1:] == [
        ("lr", 4, "warn", "halved", {"lr": 0.5, "bad": "inf"}),
        ("checkpoint", 2, "info", "saved", {"value": [1, 2]}),
    ]


class _Unprintable:
    def __str__(self) -> str:
        raise LookupError("no")  # of a kind of its own: each kind is told once


def test_an_event_that_cannot_be_written_down_is_dropped_with_one_event(run: Any, written: Any) -> None:
    circle: list[Any] = []
    circle.append(circle)
    run.event("a", "m", data=circle)
    run.event("b", _Unprintable())  # pyright: ignore[reportArgumentType]
    run.event("c", "m", step=10**400)
    run.event("d", "m")
    assert run.flush()
    assert [row["event"] for row in written.events() if row["event"] in "abcd"] == ["d"]
    assert len(written.dropped()) == 3
