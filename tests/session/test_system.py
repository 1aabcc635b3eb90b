"""The machine below a run, and the processes that write it."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from nntui import names
from nntui.analysis.series import Series, pace
from nntui.runlog.layout import Code, write_once
from nntui.runlog.reader import Batch
from nntui.session.run_state import RunState
from nntui.session.snapshot import PlotView, View
from nntui.session.system import Process, SystemView, between, compared, system

NONE = Series.empty()


def line(metric: str, step: list[int], time: list[float], value: list[float]) -> Series:
    return Series(metric, np.array(step, np.int64), np.array(time, float), np.array(value, float))


def machine(make, **columns) -> Batch:
    return dataclasses.replace(make.points(**columns), kind="system")


def told(make, writer: str, **data) -> Batch:
    return make.event(names.SYSTEM_EVENT, "a machine", writer=writer, data=json.dumps(data))


def test_a_reading_is_its_newest_value_its_range_and_its_course_over_time() -> None:
    cpu = line(names.CPU, [0, 0, 0, 0], [100.0, 110.0, 120.0, 140.0], [1.0, 3.0, math.nan, 2.0])
    found = system(SystemView(columns=4), {names.CPU: cpu}, NONE, [], {}).readings[names.CPU]
    assert (found.last, found.low, found.high) == (2.0, 1.0, 3.0)
    np.testing.assert_array_equal(found.strip, [1.0, 3.0, 2.5, 2.0])  # over 40 s; bridged where nothing finite was


def test_readings_share_one_stretch_of_time() -> None:
    long = line(names.CPU, [0] * 2, [0.0, 100.0], [1.0, 1.0])
    short = line(names.RESIDENT, [0], [100.0], [5.0])
    found = system(SystemView(columns=2), {names.CPU: long, names.RESIDENT: short}, NONE, [], {}).readings
    np.testing.assert_array_equal(found[names.RESIDENT].strip, [math.nan, 5.0])


def test_step_time_comes_from_the_probes_or_from_the_times_of_the_points() -> None:
    points = line("loss", [0, 10, 10, 5, 25], [0.0, 20.0, 21.0, 22.0, 62.0], [1.0] * 5)
    timed = system(SystemView(), {}, points, [], {})
    assert (timed.timed, timed.readings[names.STEP_SECONDS].last) == ("loss", 2.0)
    measured = {names.STEP_SECONDS: line(names.STEP_SECONDS, [5], [3.0], [0.25])}
    probed = system(SystemView(), measured, points, [], {})
    assert (probed.timed, probed.readings[names.STEP_SECONDS].last) == ("", 0.25)
    assert names.STEP_SECONDS not in system(SystemView(), {}, NONE, [], {}).readings


def test_seconds_per_step_leave_out_what_goes_no_further() -> None:
    points = line("loss", [0, 10, 10, 5, 25], [0.0, 20.0, 21.0, 22.0, 62.0], [1.0] * 5)
    found = between(points)
    assert (found.step.tolist(), found.value.tolist()) == ([10, 25], [2.0, 2.0])
    assert len(between(NONE)) == 0


@pytest.mark.parametrize(
    ("steps", "times", "expected"),
    [
        ([0, 10, 20], [0.0, 1.0, 4.0], 5.0),
        ([*range(1000)], [t / 50 if t < 700 else 14 + (t - 700) / 4 for t in range(1000)], 4.0),
        ([5], [1.0], math.nan),
        ([], [], math.nan),
        ([5, 5], [1.0, 2.0], math.nan),
        ([5, 4], [1.0, 2.0], math.nan),
        ([5, 6], [2.0, 2.0], math.nan),
        ([5, 6], [2.0, 1.0], math.nan),
    ],
)
def test_the_pace_is_that_of_the_newest_points(steps: list[int], times: list[float], expected: float) -> None:
    assert pace(line("loss", steps, times, [0.0] * len(steps))) == pytest.approx(expected, nan_ok=True)


def test_a_rank_that_lags_is_told_by_how_much_and_one_whose_rows_are_on_their_way_is_not() -> None:
    ranks = [
        Process(f"w{k}", k, 4, "live", step=step, steps_per_second=10.0, launch="a")
        for k, step in enumerate((100, 80, 79, 98))
    ]
    assert [one.behind for one in compared(ranks)] == [0, 0, 21, 0]
    slow = [dataclasses.replace(one, steps_per_second=math.nan) for one in ranks]
    assert [one.behind for one in compared(slow)] == [0, 20, 21, 2]


def test_only_ranks_of_the_same_launch_that_still_go_are_compared() -> None:
    gone = Process("gone", 1, 2, "crashed", step=3, launch="a")
    here, other = (
        Process("here", 0, 2, "live", step=500, launch="a"),
        Process("other", 0, 1, "live", step=5, launch="b"),
    )
    assert [one.behind for one in compared([gone, here, other])] == [0, 0, 0]


def test_processes_that_go_come_first_by_rank_then_the_newest() -> None:
    known = [
        Process("old", 0, state="ended", started=10.0),
        Process("new", 0, state="crashed", started=20.0),
        Process("r1", 1, state="live", started=30.0),
        Process("r0", 0, state="quiet", started=31.0),
        Process("unknown", 0, state="silent"),
    ]
    shown = system(SystemView(), {}, NONE, known, {}).processes
    assert [one.writer for one in shown] == ["r0", "r1", "new", "old", "unknown"]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"cores": "many", "memory": None, "gpus": 5, "blind": {"a": 1}},
        {"cores": True, "memory": 1e300, "gpus": [5, None, {"index": "x"}], "blind": 7},
        {"cores": [], "memory": {}, "gpus": {"index": 0}, "blind": None},
    ],
)
def test_an_event_of_any_shape_is_survived(event: dict[str, object]) -> None:
    found = system(SystemView(), {}, NONE, [], event)
    assert (found.cores, found.blind) == (0, ())
    assert math.isnan(found.memory)
    assert all(gpu.index == -1 and math.isnan(gpu.memory) for gpu in found.gpus)


def test_what_a_machine_is_comes_from_the_newest_event_of_the_process(make) -> None:
    gpus = [{"index": 3, "name": "NVIDIA H100", "memory": 80 * 2**30}]
    first = told(make, "a", cores=4, blind=["GPU: NVML has not answered yet"])
    poll = make.poll(first, told(make, "b", cores=99), told(make, "a", cores=4, memory=2.0**35, gpus=gpus))
    state = RunState("run", "p")
    state.fold(poll, 100.0, make.wall)
    found = state.snapshot(View(system=SystemView()), 100.0).system
    assert (found.writer, found.cores, found.memory, found.blind) == ("a", 4, 2.0**35, ())
    assert [(gpu.index, gpu.name, gpu.memory) for gpu in found.gpus] == [(3, "NVIDIA H100", 80 * 2**30)]


def test_the_readings_are_those_of_the_process_that_is_asked_for(make) -> None:
    writers = [make.writer("a", rank=0, world_size=2), make.writer("b", rank=1, world_size=2, beat=4)]
    batches = [
        machine(make, writer="a", system__cpu=1.0),
        machine(make, writer="b", system__cpu=2.0),
        make.points(writer="b", steps=range(7), loss=1.0),
    ]
    state = RunState("run", "p")
    state.fold(make.poll(*batches, writers=writers), 100.0, make.wall)
    plots = (PlotView("cpu", (names.CPU, "nothing"), 4, x="relative", writer="b"),)
    seen = {}
    for writer in ("", "a", "b", "gone"):
        snapshot = state.snapshot(View(plots, system=SystemView(writer)), 100.0)
        seen[writer] = (snapshot.system.writer, snapshot.system.readings[names.CPU].last)
        assert [one.last for one in snapshot.plots["cpu"].series] == [2.0]
    assert seen == {"": ("a", 1.0), "a": ("a", 1.0), "b": ("b", 2.0), "gone": ("a", 1.0)}
    assert [(one.writer, one.rank, one.step) for one in snapshot.system.processes] == [("a", 0, -1), ("b", 1, 6)]
    assert snapshot.system.processes[1].steps_per_second == 1.0
    assert state.snapshot(View(), 100.0).system.processes == ()


def test_a_process_is_told_with_its_code_once_that_is_written(make, tmp_path) -> None:
    writer = dataclasses.replace(make.writer("a", git_commit="1" * 40, command="train.py", seed="7"), folder=tmp_path)
    state = RunState("run", "p")
    state.fold(make.poll(writers=[writer]), 100.0, make.wall)

    def seen() -> tuple[str, str, str, str]:
        (one,) = state.snapshot(View(system=SystemView()), 100.0).system.processes
        return one.git_commit, one.uncommitted, one.command, one.seed

    assert seen() == ("1" * 40, "", "train.py", "7")
    write_once(tmp_path / "code.json", Code(uncommitted="yes"))
    assert seen() == ("1" * 40, "yes", "train.py", "7")
