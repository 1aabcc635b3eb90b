"""All checks in order, recorded."""

import dataclasses

from torch import nn

import nntui
from nntui.checks import preflight
from nntui.checks.preflight import CHECKS


def test_findings_and_the_dependency_matrix_are_recorded(tasks, tmp_path) -> None:
    with nntui.init(tmp_path / "run") as run:
        found = list(preflight(tasks["mlp"], run=run))
    assert [f.id for f in found] == list(CHECKS)
    assert all(f.seconds >= 0 for f in found)
    tables = nntui.read(tmp_path / "run")
    assert tables.checks["id"].to_pylist() == [f.id for f in found]
    assert set(tables.checks["status"].to_pylist()) <= {"pass", "warn", "skip"}
    [matrix] = tables.dependencies.to_pylist()
    assert (matrix["rows"], matrix["cols"], matrix["leak_row"]) == (8, 8, -1)


def test_a_check_that_crashes_hides_no_other(tasks) -> None:
    def fail(outputs, targets):
        raise RuntimeError("mine")

    statuses = {f.id: f.status for f in preflight(dataclasses.replace(tasks["mlp"], loss=fail))}
    crashed = {row for row, status in statuses.items() if status == "crash"}
    assert {"skeleton.seed", "skeleton.init_loss", "skeleton.blind", "skeleton.layers", "overfit.gate"} <= crashed
    assert statuses["data.corrupt"] == statuses["skeleton.dependency"] == statuses["overfit.lr_decay"] == "pass"


def test_a_batch_is_split_as_people_make_them() -> None:
    task = nntui.Task(lambda: nn.Linear(1, 1), nn.MSELoss(), [])
    assert task.split_batch((1, 2)) == (1, 2)
    for key in ("labels", "target", "y"):
        assert task.split_batch({"x": 1, key: 2}) == ({"x": 1}, 2)
