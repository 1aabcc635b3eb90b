"""Tensors worth a picture: what a reader gets of them, and what they may cost."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nntui.recorder import tensors


def _rows(written: Any) -> list[tuple[Any, ...]]:
    return [
        tuple(row[name] for name in ("name", "step", "shape", "data")) for row in written.tables().tensors.to_pylist()
    ]


def test_tensors_come_back_by_name_at_the_step_of_the_run_or_their_own(run: Any, written: Any) -> None:
    run.log({"loss": 1.0}, step=5)
    run.tensors({"stem.weight": np.arange(8.0).reshape(2, 1, 2, 2), "größe": 2.5})
    run.tensors({"stem.weight": [[1, 2]]}, step=7)
    assert run.flush()
    assert _rows(written) == [
        ("stem.weight", 5, [2, 1, 2, 2], [0, 1, 2, 3, 4, 5, 6, 7]),
        ("größe", 5, [], [2.5]),
        ("stem.weight", 7, [1, 2], [1, 2]),
    ]
    assert written.dropped() == []


@pytest.mark.parametrize(
    ("given", "shape", "data"),
    [
        (np.float64(math.nan), [], [math.nan]),
        (np.zeros((0, 3)), [0, 3], []),
        (np.zeros((3, 0)), [3, 0], []),
        ([math.inf, 1e300], [2], [math.inf, math.inf]),
        (np.array([True, False]), [2], [1.0, 0.0]),
        (np.arange(6).reshape(2, 3).T, [3, 2], [0, 3, 1, 4, 2, 5]),
    ],
    ids=["scalar", "no rows", "no columns", "large", "bool", "transposed"],
)
def test_any_shape_is_recorded_as_it_is(run: Any, written: Any, given: Any, shape: Any, data: Any) -> None:
    run.tensors({"w": given}, step=0)
    assert run.flush()
    assert str(_rows(written)) == str([("w", 0, shape, [float(value) for value in data])])
    assert written.dropped() == []


def test_of_a_large_tensor_the_first_filters_are_kept_and_the_rest_is_said_once(
    run: Any, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensors, "NUMBERS", 10)
    huge = np.broadcast_to(np.float64(1.0), (1 << 40, 2, 2))  # 32 TiB if anyone copied it
    for _ in range(2):
        run.tensors({"w": huge, "exact": np.ones((5, 2))}, step=0)
    assert run.flush()
    assert [(row[0], row[2]) for row in _rows(written)] == [("w", [2, 2, 2]), ("exact", [5, 2])] * 2
    (message,) = written.dropped()
    assert "of 1,099,511,627,776 along the first axis of w the first 2 are kept" in message


def test_what_is_no_tensor_or_has_filters_that_are_too_large_does_not_take_the_others_along(
    run: Any, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensors, "NUMBERS", 10)
    for _ in range(2):
        run.tensors({"complex": np.array([1j]), "wide": np.ones((1, 11)), "text": "a", "good": np.ones(2)}, step=0)
        run.tensors([1.0], step=0)
    assert run.flush()
    assert [row[0] for row in _rows(written)] == ["good", "good"]
    assert len(written.dropped()) == 4


def test_of_many_tensors_in_one_call_the_first_are_recorded(run: Any, written: Any) -> None:
    run.tensors({str(k): [k] for k in range(tensors.NAMES + 1)}, step=0)
    assert run.flush()
    assert len(_rows(written)) == tensors.NAMES
    assert len(written.dropped()) == 1


def test_a_name_that_is_no_text_is_shown_as_one(run: Any, written: Any) -> None:
    run.tensors({3: [1.0], "x" * 300: [2.0]}, step=0)
    assert run.flush()
    assert [row[0] for row in _rows(written)] == ["3", "x" * 300]


def test_nothing_to_record_is_no_row(run: Any, written: Any) -> None:
    run.tensors({}, step=0)
    run.tensors({"a": object()}, step=0)
    assert run.flush()
    assert _rows(written) == []


def test_tensors_are_copied_when_they_are_given(run: Any, written: Any) -> None:
    torch = pytest.importorskip("torch")
    weight, array = torch.nn.Parameter(torch.ones(2, 2)), np.ones(2)
    run.tensors({"weight": weight, "array": array}, step=0)
    with torch.no_grad():
        weight.zero_()
    array[:] = 0
    assert run.flush()
    assert _rows(written) == [("weight", 0, [2, 2], [1.0] * 4), ("array", 0, [2], [1.0, 1.0])]


@pytest.mark.parametrize("make", ["meta", "sparse"])
def test_a_tensor_that_cannot_be_read_is_one_event_and_stops_nothing(run: Any, written: Any, make: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.ones(2, 2, device="meta") if make == "meta" else torch.ones(2, 2).to_sparse()
    for _ in range(3):
        run.tensors({"w": tensor}, step=0)
    run.log({"x": 1.0})
    assert run.flush()
    assert _rows(written) == []
    assert len(written.dropped()) == 1
    assert written.points("x") == [(0, 1.0)]
