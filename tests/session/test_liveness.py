"""When a run is live, quiet, silent, ended or crashed: judged by clocks that the tests turn."""

import os

import pytest

from nntui.runlog import layout
from nntui.runlog.layout import End
from nntui.session.run_state import RunState
from nntui.session.snapshot import View


def state_after(make, *moments, **writer) -> str:
    """moments: (now, beat count, whether a row came); the state after the last."""
    state = RunState("r", "p")
    for now, beat, row in moments:
        batches = [make.points(loss=1.0, start=make.wall + now)] if row else []
        state.fold(make.poll(*batches, writers=[make.writer(beat=beat, **writer)]), now, make.wall + now)
    return state.snapshot(View(), moments[-1][0]).head.state


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([(0, 1, True)], "live"),
        ([(0, 1, True), (14, 1, False)], "live"),
        ([(0, 1, True), (16, 1, False)], "silent"),
        ([(0, 1, True), (16, 1, False), (17, 2, False)], "live"),
        ([(0, 1, True), (29, 9, False)], "live"),
        ([(0, 1, True), (31, 9, False)], "quiet"),
        ([(0, 1, True), (31, 9, False), (32, 10, True)], "live"),
    ],
)
def test_a_beat_keeps_a_run_alive_and_rows_keep_it_from_being_quiet(make, moments, expected) -> None:
    assert state_after(make, *moments) == expected


def test_a_run_opened_after_the_fact_is_as_old_as_it_is(make) -> None:
    assert state_after(make, (0, 1, True), beat_at=make.wall - 3600) == "silent"


@pytest.mark.parametrize(
    ("end", "expected", "reason"),
    [
        (End("finished", 0), "ended", ""),
        (End("exception", 1, message="ValueError: no"), "crashed", "ValueError: no"),
        (End("finished", 3), "crashed", "exit code 3"),
        (End("finished", 143), "ended", "stopped by SIGTERM"),
        (End("signal", 143, message="SIGTERM"), "ended", "ended by SIGTERM"),
        (End("interrupted", 1, message="KeyboardInterrupt"), "ended", "interrupted from the keyboard"),
    ],
)
def test_an_end_says_how(make, end, expected, reason) -> None:
    state = RunState("r", "p")
    state.fold(make.poll(writers=[make.writer(end=end)]), 0, make.wall)
    head = state.snapshot(View(), 0).head
    assert (head.state, head.state_reason) == (expected, reason)


def test_a_process_known_to_be_gone_has_crashed(make) -> None:
    here = layout.process_identity() | {"pid_start": 1}  # this pid, but another process
    assert state_after(make, (0, 1, True), **here) == "crashed"
    assert state_after(make, (0, 1, True), **layout.process_identity()) == "live"


def test_a_process_of_another_boot_or_namespace_is_never_said_to_have_crashed(make) -> None:
    here = layout.process_identity() | {"pid_start": 1}
    for other in ({"boot_id": "another"}, {"pid_namespace": "pid:[1]"}):
        assert state_after(make, (0, 1, True), (1000, 1, False), **(here | other)) == "silent"


def test_a_trainer_still_going_outlives_a_job_that_came_and_went(make) -> None:
    state = RunState("r", "p")
    writers = [make.writer("a", started=make.wall - 100), make.writer("b", end=End())]
    state.fold(make.poll(make.points("a", loss=1.0), writers=writers), 0, make.wall)
    assert state.snapshot(View(), 0).head.state == "live"


def test_an_end_written_between_two_looks_is_believed(make, tmp_path) -> None:
    import dataclasses

    gone = dataclasses.replace(
        make.writer(**(layout.process_identity() | {"pid": 2**22 + os.getpid()})), folder=tmp_path
    )
    layout.write_once(tmp_path / layout.END_FILE, End("finished"))
    state = RunState("r", "p")
    state.fold(make.poll(writers=[gone]), 0, make.wall)
    assert state.snapshot(View(), 0).head.state == "ended"
