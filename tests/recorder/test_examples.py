"""`Run.examples`: what a reader gets of it, what is cut off, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nntui.recorder import examples
from nntui.recorder.examples import capture_examples
from nntui.runlog.schema import EXAMPLES

NAMES = ("split", "index", "step", "label", "prediction", "loss", "confidence", "outlier", "suspect")


def _of(table: Any, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in table.to_pylist()]


def test_examples_come_back_with_every_column(run: Any, written: Any) -> None:
    run.log({"loss": 1.0}, step=7)
    run.examples(
        "validation",
        [4, 9],
        step=None,
        label=[0, 1],
        prediction=["cat", None],
        loss=[0.5, 2.5],
        confidence=[0.9, 0.25],
        outlier=[1, 2],
        suspect=[True, False],
        duplicate_of=[None, 3],
        duplicate_split="train",
        inputs=[[[1.0, 2.0]], [[3.0, 4.0]]],
        texts=["a", "b"],
    )
    assert run.flush()
    table = written.tables().examples
    assert _of(table, *NAMES) == [
        ("validation", 4, 7, "0", "cat", 0.5, 0.9, 1.0, 1.0),
        ("validation", 9, 7, "1", "", 2.5, 0.25, 2.0, 0.0),
    ]
    assert _of(table, "duplicate_of", "duplicate_split", "shape", "data", "text") == [
        (-1, "train", [1, 2], [1.0, 2.0], "a"),
        (3, "train", [1, 2], [3.0, 4.0], "b"),
    ]
    assert written.dropped() == []


def test_what_is_not_given_is_not_known(run: Any, written: Any) -> None:
    run.examples("train", [5])
    assert run.flush()
    row = written.tables().examples.to_pylist()[0]
    assert (row["step"], row["label"], row["prediction"], row["duplicate_of"], row["duplicate_split"]) == (
        *(-1, "", "", -1, ""),
    )
    assert all(math.isnan(row[name]) for name in ("loss", "confidence", "outlier", "suspect"))
    assert (row["shape"], row["data"], row["text"]) == ([], [], "")


def test_the_rest_is_a_row_of_no_example(run: Any, written: Any) -> None:
    run.examples("validation", [1], loss=[3.0], inputs=np.ones((1, 2)), step=5, rest=torch.tensor(0.25))
    assert run.flush()
    rows = _of(written.tables().examples, "split", "index", "step", "loss", "shape")
    assert rows == [("validation", 1, 5, 3.0, [2]), ("validation", -1, 5, 0.25, [])]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (np.array([3, 10]), ["3", "10"]),
        (torch.tensor([3, 10]), ["3", "10"]),
        (torch.tensor([[1.0], [0.0]]), ["1", "0"]),
        (np.array([1.5, math.nan]), ["1.5", ""]),
        ([np.int32(2), 2.5], ["2", "2.5"]),
        (["\ud800", "x" * 999], ["\\ud800", "x" * examples.WORDS]),
        (np.array(["cat", "dog"]), ["cat", "dog"]),
        ([True, False], ["1", "0"]),
        ([math.inf, 1e300], ["inf", "1e+300"]),
        ((None, object), ["", "<class 'object'>"]),
    ],
    ids=str,
)
def test_labels_of_any_kind_are_words(run: Any, written: Any, label: Any, expected: list[str]) -> None:
    run.examples("train", range(2), label=label)
    assert run.flush()
    assert written.tables().examples["label"].to_pylist() == expected


@pytest.mark.parametrize("index", [np.array([3, 1 << 40]), torch.tensor([3, 1 << 40]), [3.0, float(1 << 40)]], ids=str)
def test_places_may_be_large(run: Any, written: Any, index: Any) -> None:
    run.examples("train", index, duplicate_of=index)
    assert run.flush()
    assert _of(written.tables().examples, "index", "duplicate_of") == [(3, 3), (1 << 40, 1 << 40)]


@pytest.mark.parametrize(
    ("index", "columns"),
    [
        ([1, 2], {"loss": [1.0]}),
        ([1, 2], {"label": ["a", "b", "c"]}),
        ([1, 2], {"inputs": np.zeros((3, 2))}),
        ([1, 2], {"inputs": 5.0}),
        ([1, 2], {"duplicate_of": [1]}),
        ([1, 2], {"loss": ["a", "b"]}),
        ([1, 2], {"loss": np.array([1j, 2])}),
        ([1.5, 2], {}),
        ([-1, 2], {}),
        ([math.inf, 2], {}),
        (["a", "b"], {}),
        pytest.param(object(), {}, id="object"),
        (None, {}),
        ([1], {"step": "x"}),
        ([1], {"rest": [1, 2]}),
    ],
    ids=str,
)
def test_what_does_not_fit_together_is_dropped_with_one_event(
    run: Any, written: Any, index: Any, columns: dict[str, Any]
) -> None:
    for _ in range(3):
        run.examples("train", index, **columns)
    run.log({"x": 1.0})
    assert run.flush()
    assert written.tables().examples.num_rows == 0
    assert len(written.dropped()) == 1
    assert written.points() == [("x", 0, 1.0)]


def test_an_empty_call_is_no_row_and_no_complaint(run: Any, written: Any) -> None:
    run.examples("train", [], loss=[], label=[], inputs=np.zeros((0, 4)))
    assert run.flush()
    assert written.tables().examples.num_rows == 0
    assert written.dropped() == []


def test_too_many_examples_are_cut_off_and_it_is_said(run: Any, written: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "ROWS", 3)
    for _ in range(2):
        run.examples("train", range(5), label=list("abcde"), loss=np.arange(5.0), inputs=np.arange(5.0)[:, None])
    assert run.flush()
    assert written.tables().examples["label"].to_pylist() == list("abcabc")
    assert written.dropped() == ["examples: 5 in one call; the first 3 of them are recorded."]


SHAPES = {
    (8, 8): (8, 8),
    (1, 64, 64): (1, 64, 64),
    (65, 64): (33, 32),
    (3, 224, 224): (3, 32, 32),
    (224, 224, 3): (32, 32, 3),
    (64, 56, 56): (56, 56),
    (5000,): (4096,),
    (2, 3, 100, 100): (3, 34, 34),
    (9, 4, 3, 64, 64): (3, 32, 32),
}


@pytest.mark.parametrize(("shape", "expected"), SHAPES.items(), ids=str)
@pytest.mark.parametrize("kind", [np.zeros, torch.zeros])
def test_inputs_are_made_small(run: Any, written: Any, kind: Any, shape: Any, expected: Any) -> None:
    run.examples("train", [0, 1], inputs=kind((2, *shape)))
    assert run.flush()
    table = written.tables().examples
    assert {tuple(one) for one in table["shape"].to_pylist()} == {expected}
    assert {len(one) for one in table["data"].to_pylist()} == {math.prod(expected)}
    assert math.prod(expected) <= examples.PICTURE
    assert len(written.dropped()) == (shape != expected)


def test_pictures_beyond_what_one_call_may_hold_are_left_out_and_it_is_said(
    run: Any, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples, "ARRAY_LIMIT", 200)
    run.examples("train", range(4), inputs=np.ones((4, 8, 8)))
    assert run.flush()
    assert [len(one) for one in written.tables().examples["data"].to_pylist()] == [64, 64, 64, 0]
    assert written.dropped() == ["examples: of 4 in one call, the inputs of the first 3 are kept."]


def test_a_huge_input_is_not_copied_whole(run: Any, written: Any) -> None:
    huge = np.broadcast_to(np.float32(1.0), (1 << 10, 3, 1 << 14, 1 << 14))  # 3 TiB if anyone copied it
    run.examples("train", range(1 << 10), inputs=huge)
    assert run.flush()
    assert written.tables().examples.num_rows == 1 << 10


def test_values_are_taken_as_they_are_at_the_call(run: Any, written: Any) -> None:
    index, loss, label, inputs = np.arange(2), torch.ones(2, requires_grad=True), ["a", "b"], np.ones((2, 1))
    run.examples("train", index, loss=loss * 1, label=label, inputs=inputs)
    index[:], inputs[:], label[0] = 9, 9, "z"
    with torch.no_grad():
        loss.fill_(9)
    assert run.flush()
    assert _of(written.tables().examples, "index", "loss", "label", "data") == [
        (0, 1.0, "a", [1.0]),
        (1, 1.0, "b", [1.0]),
    ]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**62),
            st.text(max_size=5),
            st.floats(allow_nan=False) | st.none(),
            st.integers(0, 2**53) | st.none(),
        ),
        max_size=8,
    ),
    st.integers(-1, 2**40),
)
def test_every_row_is_encoded_as_it_was_given(rows: list[Any], step: int) -> None:
    index, label, loss, other = ([row[k] for row in rows] for k in range(4))
    taken = capture_examples("s", index, {"label": label, "loss": loss}, duplicates=other)
    batch = taken.batch(step, 5)
    batch.validate(full=True)
    assert batch.schema == EXAMPLES
    expected = [(i, a.encode("utf-8", "backslashreplace").decode(), v, -1 if o is None else o) for i, a, v, o in rows]
    expected = [(i, a, math.nan if v is None else v, o) for i, a, v, o in expected]
    assert str(_of(batch, "index", "label", "loss", "duplicate_of")) == str(expected)
    assert set(batch.column("step").to_pylist()) <= {step}
