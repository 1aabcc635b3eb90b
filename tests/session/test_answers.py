"""The fixed batch as rules see it: each column against a plain reading of the rows."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

import nntui
from nntui.runlog.schema import PREDICTIONS
from nntui.session import answers as module
from nntui.session.answers import answers
from nntui.session.examples import Examples
from nntui.session.load import Loaded
from nntui.session.snapshot import View

EVER = 1 << 62


def known(*calls: tuple[int, str, object], chunks: int = 1) -> Examples:
    """Rows of (step, role, values by example), folded in so many pieces."""
    rows = []
    for step, role, values in calls:
        for example, value in enumerate(np.asarray(values, np.float32)):
            row = {"name": "fixed", "step": step, "wall_time_ns": 1, "role": role, "example": example, "text": ""}
            rows.append(row | {"shape": list(value.shape), "data": value.flatten().tolist()})
    found = Examples()
    for part in np.array_split(np.arange(len(rows)), chunks):
        found.fold("a", pa.RecordBatch.from_pylist([rows[k] for k in part], schema=PREDICTIONS))
        read(found)
    return found


def read(examples: Examples):
    return answers(*examples.history("fixed", [("a", EVER)])[1:])


@pytest.mark.parametrize("chunks", [1, 7])
def test_of_classes_the_largest_is_said(chunks: int) -> None:
    outputs = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    outputs[1, 2, 0] = math.nan
    outputs[2] = outputs[2, :1]
    calls = [(10 * k, "output", one) for k, one in enumerate(outputs)]
    found = read(known((0, "target", [0, 1, 2, 4]), *calls, chunks=chunks))
    said = outputs.argmax(2).astype(float)
    said[1, 2] = math.nan
    assert (found.kind, found.classes, found.differ, found.step.tolist()) == ("classes", 5, True, [0, 10, 20])
    np.testing.assert_array_equal(found.said, said)
    assert found.target.tolist() == [0, 1, 2, 4]
    apart = np.ptp(outputs[0].astype(float), axis=0).max() / np.abs(outputs[0]).max()
    assert found.apart == pytest.approx([apart, math.nan, 0.0], nan_ok=True)
    assert len(set(found.digest.tolist())) == 3
    assert found.right[0].tolist() == (said[0] == [0, 1, 2, 4]).tolist()


@pytest.mark.parametrize(("outputs", "said"), [([[-3.0], [0.4], [9.0]], [0, 1, 1]), ([[0.1], [0.4], [0.9]], [0, 0, 1])])
@pytest.mark.parametrize("shape", [(3, 1), (3,)])
def test_yes_is_above_half_or_above_zero(outputs, said, shape) -> None:
    found = read(known((0, "target", np.reshape([0, 1, 1], shape)), (5, "output", np.reshape(outputs, shape))))
    assert (found.kind, found.classes, found.said.tolist(), found.target.tolist()) == ("classes", 2, [said], [0, 1, 1])


def test_places_of_a_sequence_are_answers_of_their_own(monkeypatch) -> None:
    labels = np.array([[1, 2, 3], [4, -100, 6]])
    known_places = known((0, "target", labels), (0, "output", [[1, 2, 2], [4, 5, 6]]), (9, "output", labels + 1))
    found = read(known_places)
    assert (found.kind, found.classes) == ("classes", 0)
    assert found.right.tolist() == [[True, True, False, True, False, True], [False] * 6]
    assert found.labelled.tolist() == [True, True, True, True, False, True]
    assert np.isnan(found.apart).all()
    monkeypatch.setattr(module, "PLACES", 4)
    assert read(known_places).said.tolist() == [[1, 2, 4, 5], [2, 3, 5, -99]]


def test_of_numbers_the_value_is_said_and_of_many_nothing() -> None:
    one = read(known((0, "target", [[0.5], [2.5]]), (0, "output", [[0.25], [3.0]])))
    assert (one.kind, one.said.tolist(), one.target.tolist()) == ("number", [[0.25, 3.0]], [0.5, 2.5])
    many = read(known((0, "target", [[0.5, 1], [2, 3]]), (0, "output", [[0.5, 1.5], [0.5, 1.5]])))
    assert (many.kind, many.said.shape, many.apart.tolist(), many.differ) == ("numbers", (1, 0), [0.0], True)
    alike = read(known((0, "target", [[0.5, 1], [0.5, 1]]), (0, "output", [[0.5, 1.5], [0.5, 2.5]])))
    assert (alike.differ, alike.apart.tolist()) == (False, [0.4])


def test_whole_numbers_are_no_outputs_and_zeros_are() -> None:
    chosen, nothing = ([[1.0], [2.0]], [[0.0], [0.0]])
    found = read(known((0, "target", [[0.5], [1.5]]), (0, "output", chosen), (1, "output", nothing)))
    assert np.isnan(found.apart[0])
    assert found.apart[1] == 0.0


def test_a_row_that_comes_again_is_read_again() -> None:
    examples = known((0, "target", [0, 1]), (0, "output", [[9, 0], [9, 0]]))
    assert read(examples).said.tolist() == [[0, 0]]
    row = {"name": "fixed", "step": 0, "wall_time_ns": 1, "role": "output", "example": 1, "text": "", "shape": [2]}
    examples.fold("a", pa.RecordBatch.from_pylist([row | {"data": [0.0, 9.0]}], schema=PREDICTIONS))
    assert read(examples).said.tolist() == [[0, 1]]


def test_nothing_recorded_is_no_answer() -> None:
    assert len(read(Examples())) == 0
    assert len(read(known((0, "target", [0, 1])))) == 0


def test_rules_are_told_of_the_fixed_batch_and_of_the_checks_after_the_fact(tmp_path) -> None:
    with nntui.init(tmp_path / "run") as run:
        evidence = {"validation_classes": {str(k): 100 for k in range(4)}}
        run.check(nntui.Finding("data.balance", "pass", "", evidence=evidence))
        for step in range(0, 600, 100):
            run.log({"train/loss": 3.0 - step / 300, "val/accuracy": 0.01}, step=step)
            labels = {"targets": np.arange(8) % 4} if not step else {}
            run.predictions(np.full((8, 4), 1 / 3 + step), step=step, **labels)
    found = {one.id: one.status for one in Loaded(tmp_path / "run").snapshot(View()).alerts}
    assert found == {"live.collapse": "error"}, "which explains an accuracy below chance"
