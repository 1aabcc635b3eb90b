"""All checks in order, recorded."""

import dataclasses

import torch
from torch import nn
from torch.utils.data import TensorDataset

import nntui
from nntui.checks import preflight
from nntui.checks.preflight import CHECKS


def test_findings_and_the_dependency_matrix_are_recorded(tasks, tmp_path) -> None:
    with nntui.init(tmp_path / "run") as run:
        found = list(preflight(tasks["mlp"], run=run, budget=1.0))
    assert [f.id for f in found] == list(CHECKS)
    assert all(f.seconds >= 0 for f in found)
    tables = nntui.read(tmp_path / "run")
    assert tables.checks["id"].to_pylist() == [f.id for f in found]
    assert set(tables.checks["status"].to_pylist()) <= {"pass", "warn", "skip"}
    [matrix] = tables.dependencies.to_pylist()
    assert (matrix["rows"], matrix["cols"], matrix["leak_row"]) == (8, 8, -1)


def test_a_check_that_crashes_hides_no_other_and_its_error_is_told_once(tasks) -> None:
    def fail(outputs, targets):
        raise RuntimeError("mine")

    findings = list(preflight(dataclasses.replace(tasks["mlp"], loss=fail)))
    statuses = {f.id: f.status for f in findings}
    assert [row for row, status in statuses.items() if status == "crash"] == ["skeleton.seed"]
    stopped = {f.id for f in findings if f.message == "Stopped by the error that stopped skeleton.seed."}
    assert {"skeleton.init_loss", "skeleton.blind", "skeleton.layers", "overfit.gate"} <= stopped
    assert all(statuses[row] == "skip" for row in stopped)
    assert statuses["data.corrupt"] == statuses["skeleton.dependency"] == statuses["overfit.lr_decay"] == "pass"


def test_a_batch_is_split_as_people_make_them() -> None:
    task = nntui.Task(lambda: nn.Linear(1, 1), nn.MSELoss(), [])
    assert task.split_batch((1, 2)) == (1, 2)
    for key in ("labels", "target", "y"):
        assert task.split_batch({"x": 1, key: 2}) == ({"x": 1}, 2)


def test_what_is_known_of_single_examples_is_recorded(tmp_path) -> None:
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long()
    x[7] *= 1e4
    x[30] = x[20]
    model = lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))  # noqa: E731
    data, held_out = TensorDataset(x[:150], y[:150]), TensorDataset(x[150:], y[150:])
    task = nntui.Task(model, nn.CrossEntropyLoss(), data, held_out, classes=["no", "yes"])
    with nntui.init(tmp_path / "run") as run:
        list(preflight(task, run=run, only=["corrupt", "resolution"]))
    rows = nntui.read(tmp_path / "run").examples.to_pylist()
    train = {row["index"]: row for row in rows if row["split"] == "train" and row["label"]}
    assert set(train) == set(range(150))
    assert {row["label"] for row in rows if row["label"]} == {"no", "yes"}
    assert max(train.values(), key=lambda row: row["outlier"])["index"] == 7
    assert {i: row["duplicate_of"] for i, row in train.items() if row["duplicate_of"] >= 0} == {30: 20}
    assert sum(row["split"] == "validation" and bool(row["label"]) for row in rows) == 50
    pictured = [row for row in rows if row["data"]]
    assert len(pictured) == 200


class _Pairs(nn.Module):
    """Similarities of every example with every other: (B, F) and (B, F) -> (B, B)."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8))

    def forward(self, one, other):
        return 10 * nn.functional.normalize(self.net(one), dim=1) @ nn.functional.normalize(self.net(other), dim=1).T


def test_a_contrastive_loss_is_left_alone_where_it_is_declared() -> None:
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    data = [((a, a + 0.1), 0) for a in x]
    loss = lambda o, t: nn.functional.cross_entropy(o, torch.arange(len(o)))  # noqa: E731
    for finding in preflight(nntui.Task(_Pairs, loss, data[:150], data[150:], declared="contrastive")):
        assert finding.status in ("pass", "skip"), finding.message


def test_an_optimizer_that_evaluates_the_loss_itself_is_not_compared(tasks) -> None:
    task = dataclasses.replace(tasks["mlp"], optimizer=lambda m: torch.optim.LBFGS(m.parameters()))
    (finding,) = preflight(task, only=["adam"])
    assert (finding.status, "LBFGS" in finding.message) == ("skip", True)


def test_large_pictures_take_no_longer_than_small_ones_are_worth() -> None:
    pictures = torch.randn(300, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    model = lambda: nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 2))  # noqa: E731
    task = nntui.Task(model, nn.CrossEntropyLoss(), TensorDataset(pictures, torch.arange(300) % 2))
    (finding,) = preflight(task, only=["resolution"])
    assert "96×96" in finding.message
