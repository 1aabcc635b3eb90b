"""What goes on inside a run waits until somebody asks, unless it is much."""

from __future__ import annotations

import json

import pyarrow as pa

from nntui.runlog.schema import SCHEMAS
from nntui.session import later
from nntui.session.later import Later

EVENT = {"event": "watch", "data": json.dumps({"layers": ["fc1"]}), "step": 0, "wall_time_ns": 1}
TENSOR = pa.RecordBatch.from_pylist(
    [{"name": "w", "step": 0, "wall_time_ns": 1, "shape": [2], "data": [1.0, 2.0]}], schema=SCHEMAS["tensors"]
)


def test_what_waits_is_folded_once_asked_for() -> None:
    waiting = Later()
    waiting.fold_event(EVENT)
    waiting.fold("tensors", "w-0", TENSOR)
    waiting.catch_up()
    assert waiting._made is None
    assert list(waiting.inside.watched["layers"]) == ["fc1"]
    assert waiting.inside is waiting.inside


def test_much_does_not_wait(monkeypatch) -> None:
    monkeypatch.setattr(later, "MOST", TENSOR.nbytes * 3)
    monkeypatch.setattr(later, "EVENT", TENSOR.nbytes)
    waiting = Later()
    waiting.fold_event(EVENT)
    for _ in range(2):
        waiting.fold("tensors", "w-0", TENSOR)
        waiting.catch_up()
    assert waiting._made is None
    waiting.fold("tensors", "w-0", TENSOR)
    waiting.catch_up()
    assert waiting._made is not None
