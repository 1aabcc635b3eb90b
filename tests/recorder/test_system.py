"""What the recorder tells of the machine, beside the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nntui import names
from nntui.recorder import system
from nntui.recorder.system import System
from nntui.runlog import layout


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading at every turn."""
    monkeypatch.setattr(system, "INTERVAL", 0.0)


class Gpu:
    """An Nvidia that has answered, or says why not."""

    def __init__(self, interval: float) -> None:
        self.devices: list[dict[str, Any]] = []
        self.why = "NVML has not answered yet"
        self.stopped = False

    def newest(self) -> dict[str, float]:
        return {names.gpu(0, names.GPU_MEMORY): 5.0} if self.devices else {}

    def stop(self) -> None:
        self.stopped = True


@pytest.mark.usefixtures("_often")
def test_readings_are_at_the_newest_step_and_move_neither_step_nor_beat(run: Any, written: Any, path: Any) -> None:
    assert run.flush()
    run.log({"loss": 1.0}, step=7)
    assert run.flush()
    assert run.flush()
    assert run.step == 7
    rows = written.tables().system.to_pylist()
    assert {row["metric"] for row in rows} >= {names.CPU, names.RECORDED, names.QUEUE, names.DISK_FREE}
    assert {row["step"] for row in rows} == {0, 7}
    assert all(row["metric"].startswith(names.SYSTEM) for row in rows)
    assert written.points() == [("loss", 7, 1.0)]
    run.finish()
    (folder,) = layout.writer_folders(path)
    beat, end = layout.read_beat(folder), layout.read_end(folder)
    assert beat is not None
    assert end is not None
    assert (beat.step, beat.loss, beat.lost, end.step) == (7, 1.0, 0, 7)


@pytest.mark.usefixtures("_often")
def test_a_run_that_goes_on_reads_the_machine_from_where_it_goes_on(opened: Callable[..., Any], written: Any) -> None:
    run = opened(resume_step=500)
    assert run.flush()
    assert {row["step"] for row in written.tables().system.to_pylist()} == {500}


def test_it_can_be_switched_off(opened: Callable[..., Any], written: Any) -> None:
    run = opened(system=False)
    assert run.flush()
    tables = written.tables()
    assert tables.system.num_rows == 0
    assert [row["event"] for row in tables.events.to_pylist()] == ["start"]


@pytest.mark.usefixtures("_often")
def test_what_the_machine_is_is_one_event(run: Any, written: Any) -> None:
    for _ in range(3):
        assert run.flush()
    (event,) = written.events(names.SYSTEM_EVENT)
    assert event["data"]["cores"] >= 1
    assert event["data"]["gpus"] == event["data"]["blind"] == []
    assert f"{event['data']['cores']} cores" in event["message"]


@pytest.mark.usefixtures("_often")
def test_what_recording_costs_is_among_the_readings(run: Any, written: Any) -> None:
    for step in range(50):
        run.log({"loss": 1.0}, step)
    assert run.flush()
    assert run.flush()
    found = {row["metric"]: row["value"] for row in written.tables().system.to_pylist()}
    most = max(row["value"] for row in written.tables().system.to_pylist() if row["metric"] == names.QUEUE)
    assert most >= 50
    assert found[names.RECORDED] > 1000
    assert found[names.RECORDER_CPU] >= 0


def _rows(source: System) -> list[tuple[str, Any]]:
    return [(kind, batch.to_pylist()[0]) for kind, batch in source.rows(3, ending=False)]


@pytest.mark.usefixtures("_often")
def test_a_gpu_is_told_of_once_it_answers(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "Nvidia", Gpu)
    monkeypatch.setattr(system.nvidia, "is_used", lambda: True)
    source = System(tmp_path, lambda: (0, 0), 0)
    assert [kind for kind, _ in _rows(source)] == ["system"]
    gpu: Any = source._gpu
    gpu.devices = [{"index": 0, "name": "NVIDIA H100", "memory": 80 << 30}]
    (_, reading), (kind, event) = _rows(source)
    assert names.gpu(0, names.GPU_MEMORY) in reading["metric"]
    assert kind == "events"
    assert event["message"].startswith("GPU 0: NVIDIA H100, ")
    assert [kind for kind, _ in _rows(source)] == ["system"]
    source.stop()
    assert gpu.stopped


@pytest.mark.usefixtures("_often")
def test_a_gpu_that_does_not_answer_is_said_to_after_a_while(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "Nvidia", Gpu)
    monkeypatch.setattr(system.nvidia, "is_used", lambda: True)
    source = System(tmp_path, lambda: (0, 0), 0)
    turns = [_rows(source) for _ in range(system.PATIENCE + 2)]
    said = [row["message"] for turn in turns for kind, row in turn if kind == "events"]
    assert len(said) == 1
    assert said[0].endswith("GPU: NVML has not answered yet")
    assert len(turns[system.PATIENCE - 1]) == 2


def test_readings_wait_for_their_interval(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(system.time, "monotonic", lambda: now[0])
    source = System(tmp_path, lambda: (0, 0), 0)
    seen = []
    for moment in (100.0, 100.5, 104.9, 105.0, 109.0, 110.0):
        now[0] = moment
        seen.append(any(kind == "system" for kind, _ in _rows(source)))
    assert seen == [True, False, False, True, False, True]
    assert list(source.rows(3, ending=True)) == []


@pytest.mark.usefixtures("_often")
def test_a_machine_that_cannot_be_read_costs_the_loop_nothing(
    run: Any, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such machine")

    monkeypatch.setattr(system.Machine, "read", broken)
    for step in range(3):
        run.log({"loss": 1.0}, step)
        assert run.flush()
    assert len(written.points("loss")) == 3
    assert len([line for line in written.dropped() if "no such machine" in line]) == 1
