"""Room for columns: in memory up to a limit, then in a file that nobody sees."""

from __future__ import annotations

import errno
import mmap
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntui.runlog.reader import Damage, Poll
from nntui.session import spill
from nntui.session.columns import Clock, Columns
from nntui.session.run_state import RunState
from nntui.session.spill import Spill

MANY = spill.LARGE // 8
NOTHING = np.empty(0)


@pytest.fixture
def small(tmp_path) -> Spill:
    """Of which everything large lies in the file, in regions of 64 KiB."""
    return Spill(tmp_path, held=0, region=64 << 10)


def test_up_to_the_limit_there_is_no_file(tmp_path) -> None:
    room = Spill(tmp_path, held=2 * spill.LARGE)
    kept = [room.grown(NOTHING, 0, MANY) for _ in range(2)]
    assert (room.held, room.spilled) == (2 * spill.LARGE, 0)
    more = room.grown(NOTHING, 0, MANY)
    assert (room.held, room.spilled) == (2 * spill.LARGE, spill.LARGE)
    del kept, more
    assert (room.held, room.spilled) == (0, 0)


def test_a_small_array_is_never_in_the_file(small) -> None:
    kept = small.grown(NOTHING, 0, MANY - 1)
    assert len(kept) == MANY - 1
    assert (small.held, small.spilled) == (0, 0)


def test_the_file_has_no_name(small, tmp_path) -> None:
    kept = small.grown(NOTHING, 0, MANY)
    assert small.spilled
    assert len(kept) == MANY
    assert not list(tmp_path.iterdir())


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5 * MANY)), min_size=1, max_size=40),
    st.sampled_from([0, spill.LARGE * 6]),
)
def test_arrays_that_grow_and_go_keep_their_numbers(tmp_path_factory, turns, held) -> None:
    """Against plain numpy: whatever grows in whatever order, nothing is written over."""
    room = Spill(tmp_path_factory.getbasetemp(), held=held, region=64 << 10)
    columns = dict.fromkeys(range(6), (NOTHING, 0))
    naive = {which: np.empty(0) for which in range(6)}
    looks = []
    for turn, (which, count) in enumerate(turns):
        array, size = columns[which]
        if size + count > 20 * MANY:  # begin anew, as a metric of another run does
            array, size, naive[which] = NOTHING, 0, np.empty(0)
        new = np.arange(count) + turn * 1e6
        if size + count > len(array):
            array = room.grown(array, size, (size + count) * 3 // 2)
        array[size : size + count] = new
        columns[which], naive[which] = (array, size + count), np.concatenate([naive[which], new])
        looks.append((array[: size + count], naive[which]))
        looks = looks[-4:]
        if turn % 3 == 0:
            room.rest()
        for seen, expected in (*looks, *((columns[n][0][: columns[n][1]], naive[n]) for n in columns)):
            np.testing.assert_array_equal(seen, expected)


def test_memory_is_relieved_no_oftener_however_many_ask(small, monkeypatch) -> None:
    now, rested = 0.0, []
    monkeypatch.setattr(small, "rest", lambda: rested.append(now))
    monkeypatch.setattr("nntui.session.run_state.SPILL", small)
    runs = [RunState(name, name) for name in "abc"]
    nothing = Poll((), {}, Damage(), more=False)
    for now in (10.0, 10.5, 11.9, 12.0, 13.0, 15.0):
        for run in runs:
            run.fold(nothing, now, 1e9)
    assert rested == [10.0, 12.0, 15.0]


def test_room_that_was_left_is_given_again(small) -> None:
    for _ in range(100):
        kept = small.grown(NOTHING, 0, 3 * MANY)
        del kept
    assert small.spilled == 0
    assert os.fstat(small._file).st_size == 64 << 10


def test_room_is_not_given_again_while_somebody_looks_at_a_part_of_it(small) -> None:
    first = small.grown(NOTHING, 0, MANY)
    first[:] = 7.0
    part = first[10:20]
    del first
    others = [small.grown(NOTHING, 0, MANY) for _ in range(8)]
    for other in others:
        other[:] = 0.0
    np.testing.assert_array_equal(part, np.full(10, 7.0))


def test_whole_numbers_stay_whole(small) -> None:
    steps = np.array([1, 1 << 62, -5], np.int64)
    grown = small.grown(steps, 3, MANY)
    assert grown.dtype == np.int64
    np.testing.assert_array_equal(grown[:3], steps)


@pytest.mark.parametrize(
    "what", ["the disk is full", "no such system call", "cannot be mapped", "no such folder", "memory"]
)
def test_without_a_file_memory_serves(tmp_path, monkeypatch, what) -> None:
    def full(*_, **__) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = tmp_path / "none" if what == "no such folder" else tmp_path
    if what == "the disk is full":
        monkeypatch.setattr(os, "posix_fallocate", full)
    elif what == "no such system call":
        monkeypatch.delattr(os, "posix_fallocate")
    elif what == "cannot be mapped":
        monkeypatch.setattr(mmap, "mmap", full)
    elif what == "memory":
        monkeypatch.setattr(spill, "file_system", lambda folder: "tmpfs")
    room = Spill(folder, held=0)
    kept = room.grown(np.arange(3.0), 3, MANY)
    kept[3:] = 1.0
    room.rest()
    np.testing.assert_array_equal(kept[:4], [0, 1, 2, 1])
    assert (room.held, room.spilled) == (spill.LARGE, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="where an open file lies is read as Linux tells it")
@pytest.mark.parametrize("first", ["tmpfs", "nfs4", "ext4 that is full", "a file", "nothing"])
def test_the_first_folder_of_a_disk_of_this_machine_with_room_is_taken(tmp_path, monkeypatch, first) -> None:
    unfit, fit = tmp_path / "unfit", tmp_path / "fit"
    fit.mkdir()
    if first == "a file":
        unfit.write_text("")
    elif first != "nothing":
        unfit.mkdir()
    kinds = {unfit: first.split()[0], fit: "ext4"}
    monkeypatch.setattr(spill, "_folders", lambda: [unfit, fit])
    monkeypatch.setattr(spill, "file_system", lambda folder: kinds[folder])
    if "full" in first:
        there = iter([False, True, True])
        monkeypatch.setattr(spill, "_has_room", lambda file, length: next(there))
    room = Spill(held=0)
    kept = room.grown(NOTHING, 0, MANY)
    assert (room.held, room.spilled) == (0, kept.nbytes)
    assert Path(f"/proc/self/fd/{room._file}").readlink().parent == fit


def test_a_disk_that_was_full_at_first_is_taken_later(small, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(spill, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with monkeypatch.context() as full:
        full.setattr(spill, "SPARE", 1 << 60)
        first = small.grown(NOTHING, 0, MANY)
    second = small.grown(NOTHING, 0, MANY)
    assert (small.held, small.spilled) == (2 * first.nbytes, 0), "it is not looked for at every growth"
    now[0] += spill.LOOK_INTERVAL
    third = small.grown(NOTHING, 0, MANY)
    assert (small.held, small.spilled) == (first.nbytes + second.nbytes, third.nbytes)


def test_threads_that_grow_at_once_share_no_place(small) -> None:
    def grow(mark: float) -> bool:
        kept = [small.grown(np.full(3, mark), 3, MANY * (1 + n % 3)) for n in range(12)]
        for one in kept:
            one[:] = mark
        small.rest()
        del kept[::2]
        kept += [small.grown(kept[0], 3, MANY) for _ in range(3)]
        for one in kept:
            one[:] = mark
        return all((one == mark).all() for one in kept)

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(grow, map(float, range(24))))


def test_a_disk_with_little_left_is_left_to_others(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(spill, "SPARE", 1 << 60)
    room = Spill(tmp_path, held=0)
    kept = room.grown(NOTHING, 0, MANY)
    assert (room.held, room.spilled) == (kept.nbytes, 0)


def test_columns_in_the_file_are_those_of_before(small, monkeypatch) -> None:
    monkeypatch.setattr("nntui.session.columns.SPILL", small)
    clock, columns = Clock(), Columns()
    steps = np.arange(40_000)
    for part in np.array_split(steps, 97):
        clock.append(part, part / 10)
        columns.append(clock, np.sqrt(part))
        small.rest()
    series = columns.series("train/loss")
    assert small.spilled >= 3 * 8 * len(steps)
    np.testing.assert_array_equal(series.step, steps)
    np.testing.assert_array_equal(series.wall_time, steps / 10)
    np.testing.assert_array_equal(series.value, np.sqrt(steps))


def test_memory_is_relieved_of_what_is_read_at_once(small, monkeypatch) -> None:
    rests: list[int] = []
    monkeypatch.setattr(Spill, "rest", lambda self, rest=Spill.rest: rests.append(1) or rest(self))
    for _ in range(9):
        small.touched(spill.REST_BYTES // 2)
    assert len(rests) == 3


def test_points_that_were_said_to_come_are_not_moved(small, monkeypatch) -> None:
    monkeypatch.setattr("nntui.session.columns.SPILL", small)
    clock, columns, others = Clock(), Columns(), Columns()
    steps = np.arange(40_000)
    for first, part in enumerate(np.array_split(steps, 4)):
        clock.append(part, part / 10, 0 if first else 30_000)
        columns.append(clock, np.sqrt(part[:100]), np.sqrt(part[100:]))
        others.append(clock, -np.sqrt(part))
        if not first:
            begun = columns.series("loss")
    series = columns.series("loss")
    for before, now in ((begun.step, series.step), (begun.wall_time, series.wall_time), (begun.value, series.value)):
        assert np.shares_memory(before, now)
    np.testing.assert_array_equal(series.value, np.sqrt(steps))
    np.testing.assert_array_equal(others.series("loss").value, -np.sqrt(steps))


RESIDENT = """
import sys
import numpy as np
from nntui.session.spill import Spill
room = Spill(held=0, region=1 << 23)
kept = [room.grown(np.empty(0), 0, 1 << 20) for _ in range(16)]
for one in kept:
    one[:] = 1.0
def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
before = resident()
room.rest()
after = resident()
assert all((one == 1.0).all() for one in kept)
print(room.spilled, before - after)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what is resident is read as Linux tells it")
def test_what_lies_in_the_file_is_not_resident(tmp_path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", RESIDENT],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    spilled, less = map(int, told.stdout.split())
    if not spilled:
        pytest.skip("no disk to spare here")
    assert less > spilled / 1024 * 0.9, "KiB"
