"""What a run that ended tells of its metrics without being read, against the points themselves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nntui
from nntui.recorder import extremes
from nntui.recorder.rows import Groups
from nntui.runlog import layout

NAMES = ("train/loss", "val/loss", "val/loss_stderr", "layer/a/grad_norm", "check/x/loss", "probe/lr")
VALUES = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 2.5, -3.0, 1e308])
CALLS = st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4), max_size=30)


def reference(calls: list[dict[str, float]]) -> dict[str, list[Any]]:
    """By the words of the format, one point at a time."""
    found: dict[str, list[Any]] = {}
    for step, call in enumerate(calls):
        for name, value in call.items():
            if name.startswith(("layer/", "check/", "probe/")):
                continue
            known = found.setdefault(name, [0, math.nan, -1, math.nan, -1, math.nan, math.nan, -1, math.nan])
            known[0] += 1
            known[1:3] = value, step
            error = call.get(f"{name}_stderr", math.nan)
            if math.isfinite(value) and (math.isnan(known[3]) or value < known[3]):
                known[3:6] = value, step, error
            if math.isfinite(value) and (math.isnan(known[6]) or value > known[6]):
                known[6:9] = value, step, error
    return {
        name: [str(v) if isinstance(v, float) and not math.isfinite(v) else v for v in known]
        for name, known in found.items()
    }


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("extremes")
    numbers = iter(range(10**9))
    return lambda: root / f"run{next(numbers)}"


@given(calls=CALLS, cut=st.integers(0, 30))
def test_the_end_tells_the_extremes_of_every_metric(calls: list[dict[str, float]], cut: int, places: Any) -> None:
    known = extremes.Extremes()
    points = [(call, step, 1) for step, call in enumerate(calls)]
    for part in (points[:cut], points[cut:]):
        groups = Groups(lambda name, why: None)
        for point in part:
            groups.add(point)
        batch = groups.batch()
        for group in batch.groups if batch else []:
            known.take(*group)
    assert known.told() == reference(calls)


def test_it_lies_in_the_file_of_the_end(places: Any) -> None:
    path: Path = places()
    with nntui.init(path) as run:
        for step, loss in enumerate((3.0, 1.0, 2.0)):
            run.log({"train/loss": loss})
            run.log({"val/loss": loss + 1, "val/loss_stderr": loss / 10}, step=step)
    end = layout.read_end(layout.writer_folders(path)[0])
    assert end is not None
    assert end.metrics["val/loss"] == [3, 3.0, 2, 2.0, 1, 0.1, 4.0, 0, 0.3]
    assert end.metrics["train/loss"] == [3, 2.0, 2, 1.0, 1, "nan", 3.0, 0, "nan"]


def test_however_many_metrics_there_are_few_are_told_of(monkeypatch: pytest.MonkeyPatch, places: Any) -> None:
    monkeypatch.setattr(extremes, "GROUP_LIMIT", 5)
    path: Path = places()
    with nntui.init(path) as run:
        for step in range(200):
            run.log({f"metric{step}": 1.0, "loss": 2.0}, step=step)
    end = layout.read_end(layout.writer_folders(path)[0])
    assert end is not None
    assert len(end.metrics) == extremes.METRIC_LIMIT
    assert end.metrics["loss"][0] == 200
