from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nntui.runlog import layout
from nntui.runlog.errors import NewerFormat, NotARun, RunNotFound
from nntui.runlog.layout import Beat, End
from nntui.runlog.reader import DORMANT_AFTER, DORMANT_INTERVAL, ENDED_INTERVAL, RunReader
from nntui.runlog.schema import SCHEMAS
from nntui.runlog.writer import WriterFolder


@pytest.fixture
def run(tmp_path, make):
    """A writer, a reader of its run, and the reader's clock."""
    clock = make.clock()
    writer = WriterFolder.create(tmp_path / "run")
    return writer, RunReader(tmp_path / "run", clock=clock), clock


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunNotFound):
        RunReader(tmp_path / "missing")
    with pytest.raises(NotARun):
        RunReader(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 2}')
    with pytest.raises(NewerFormat):
        RunReader(tmp_path)


def test_a_run_without_writers_is_an_empty_poll(tmp_path):
    WriterFolder.create(tmp_path / "run").close()
    shutil.rmtree(layout.writer_folders(tmp_path / "run")[0])
    poll = RunReader(tmp_path / "run").poll()
    assert (poll.batches, poll.writers, poll.more, poll.bytes_read) == ((), {}, False, 0)


def test_a_batch_is_delivered_once_and_the_next_as_soon_as_it_is_there(run, make):
    writer, reader, _ = run
    seen = []
    for step in range(5):
        writer.append("events", make.event(step))
        seen.append(make.steps(reader.poll().batches))
        assert reader.poll().batches == ()
    assert seen == [[0], [1], [2], [3], [4]]


def test_kinds_do_not_mix(run, make):
    writer, reader, _ = run
    for kind in reversed(SCHEMAS):
        writer.append(kind, make.row(kind))
    assert sorted(batch.kind for batch in reader.poll().batches) == sorted(SCHEMAS)


def test_the_next_file_and_the_next_writer_are_noticed(tmp_path, make):
    first = WriterFolder.create(tmp_path / "run", segment_limit=3000)
    reader = RunReader(tmp_path / "run")
    found = []
    for step in range(10):
        first.append("events", make.event(step))
        found += make.steps(reader.poll().batches)
    second = WriterFolder.create(tmp_path / "run")
    second.append("events", make.event(10))
    poll = reader.poll()
    assert found + make.steps(poll.batches) == list(range(11))
    assert set(poll.writers) == {first.folder.name, second.folder.name}
    assert (poll.lost.frames, poll.lost.torn, poll.lost.ignored) == (0, 0, 0)


def test_what_is_written_between_the_listing_and_the_reading_of_a_finished_file_is_not_lost(
    tmp_path, make, monkeypatch
):
    """The writer appends to a file, goes on to the next, all after the reader has seen the end of the first."""
    writer = WriterFolder.create(tmp_path / "run", segment_limit=1500)
    writer.append("events", make.event(0))
    reader = RunReader(tmp_path / "run")
    real, later = os.fstat, list(range(1, 8))

    def slow(fd):
        status = real(fd)
        if stat.S_ISREG(status.st_mode) and later:  # between looking at the size and anything after it
            writer.append("events", make.event(later.pop(0)))
        return status

    monkeypatch.setattr(os, "fstat", slow)
    found = []
    for _ in range(12):
        poll = reader.poll()
        found += make.steps(poll.batches)
        assert poll.lost.frames == 0
    assert found == list(range(8))


def test_a_file_missing_between_two_others_costs_only_its_own_frames(tmp_path, make):
    writer = WriterFolder.create(tmp_path / "run", segment_limit=1)  # one event a file
    for step in range(6):
        writer.append("events", make.event(step))
    for number in (0, 2, 3):
        (writer.folder / f"events-{number:05d}.arrows").unlink()
    found, poll = make.drain(RunReader(tmp_path / "run"))
    assert make.steps(found) == [1, 4, 5]
    assert poll.lost.frames == 6  # a schema and an event each


def test_a_finished_file_that_grows_late_is_read_all_the_same(tmp_path, make):
    """A network file system may show the next file before the last bytes of the one before."""
    clock = make.clock()
    writer = WriterFolder.create(tmp_path / "run", segment_limit=2000)
    for step in range(5):
        writer.append("events", make.event(step))
    first = writer.folder / "events-00000.arrows"
    assert (writer.folder / "events-00001.arrows").exists()
    data = first.read_bytes()
    first.write_bytes(data[:1500])
    reader = RunReader(tmp_path / "run", clock=clock)
    early, poll = make.drain(reader)
    assert poll.lost.frames > 0
    first.write_bytes(data)
    clock.now += 2
    late, poll = make.drain(reader)
    assert sorted(make.steps(early) + make.steps(late)) == list(range(5))
    assert poll.lost.frames == 0


def test_a_poll_is_bounded_in_bytes_and_the_files_take_turns(tmp_path, make):
    for _ in range(3):
        writer = WriterFolder.create(tmp_path / "run")
        for step in range(300):
            writer.append("events", make.event(step))
            writer.append("checks", make.row("checks"))
    reader = RunReader(tmp_path / "run")
    polls = []
    while not polls or polls[-1].more:
        polls.append(reader.poll(max_bytes=1 << 17, max_seconds=1e9))
        assert polls[-1].bytes_read <= (1 << 17) + (1 << 16)
        assert polls[-1].lost.frames == 0
    assert sum(len(poll.batches) for poll in polls) == 1800
    early = {(batch.writer, batch.kind) for poll in polls[:4] for batch in poll.batches}
    assert len(early) >= 4


def test_a_poll_says_how_many_bytes_it_left(tmp_path, make):
    folder = WriterFolder.create(tmp_path / "run", segment_limit=4000)
    for step in range(60):
        folder.append("metrics", make.metrics({"loss": [1.0]}, [step]))
        folder.append("events", make.event(step))
    sizes = {one: one.stat().st_size for one in (tmp_path / "run").glob("w-*/*.arrows")}
    assert len(sizes) > 5
    reader, left = RunReader(tmp_path / "run"), [sum(sizes.values())]
    while left[-1]:
        poll = reader.poll(max_bytes=1, max_seconds=1e9)
        left.append(poll.left)
        assert poll.more or not poll.left
        assert left[-2] >= left[-1]
    assert len(left) > 3
    assert left[1] >= left[0] - poll.bytes_read - (128 << 10)


def test_a_poll_is_bounded_in_time_and_goes_on_with_the_file_it_had_no_time_for(tmp_path, make):
    class Slow:
        now = 0.0

        def __call__(self):
            self.now += 1.0
            return self.now

    for _ in range(4):
        WriterFolder.create(tmp_path / "run").append("events", make.event(1))
    reader = RunReader(tmp_path / "run", clock=Slow())
    polls = []
    while not polls or polls[-1].more:
        polls.append(reader.poll(max_seconds=1.5))
    assert len({batch.writer for poll in polls for batch in poll.batches}) == 4
    assert len(polls) > 1


def test_an_end_seen_before_its_last_rows_loses_nothing(run, make):
    """A poll without time for a file must not call what it has not read lost."""
    writer, reader, _ = run
    other = WriterFolder.create(reader.path)
    make.drain(reader)
    for step in range(3):
        writer.append("events", make.event(step))
        other.append("events", make.event(step))
    writer.end(End())
    other.end(End())
    total = 0
    while True:
        poll = reader.poll(max_bytes=1)
        total += len(poll.batches)
        assert poll.lost.frames == 0
        if not poll.more:
            break
    assert total == 6


# --- small files ------------------------------------------------------------------------------


def test_beat_end_and_manifest_are_told(run):
    writer, reader, _ = run
    poll = reader.poll()
    assert poll.writers[writer.folder.name].manifest == writer.manifest
    assert poll.writers[writer.folder.name].beat is None
    writer.beat(Beat(step=5, count=1))
    poll = reader.poll()
    assert (poll.beats, poll.writers[writer.folder.name].beat.step) == (1, 5)
    assert reader.poll().beats == 0
    (writer.folder / "beat").write_bytes(b"half")
    assert reader.poll().writers[writer.folder.name].beat.step == 5
    writer.end(End(step=6))
    poll = reader.poll()
    assert (poll.beats, poll.writers[writer.folder.name].end.step) == (1, 6)


def test_writers_are_told_oldest_first_also_within_one_second(tmp_path):
    WriterFolder.create(tmp_path / "run").close()
    shutil.rmtree(layout.writer_folders(tmp_path / "run")[0])
    names = [f"w-20260101T000000Z-r0000-{digits}" for digits in ("cccccc", "aaaaaa", "bbbbbb")]
    for moment, name in enumerate(names):
        (tmp_path / "run" / name).mkdir()
        layout.write_once(tmp_path / "run" / name / "writer.json", layout.Manifest(started_ns=moment))
    assert list(RunReader(tmp_path / "run").poll().writers) == names


def test_rows_are_shown_also_when_the_manifest_is_lost_and_it_may_come_late(run, make):
    writer, reader, _ = run
    path = writer.folder / "writer.json"
    whole = path.read_bytes()
    path.unlink()
    writer.append("events", make.event(1))
    poll = reader.poll()
    assert make.steps(poll.batches) == [1]
    assert poll.writers[writer.folder.name].manifest.rank == 0
    path.write_bytes(whole)
    assert reader.poll().writers[writer.folder.name].manifest == writer.manifest


def test_a_writer_that_ended_or_fell_silent_is_looked_at_less_often_but_still_is(run, make):
    writer, reader, clock = run
    make.drain(reader)
    clock.now += DORMANT_AFTER + 1
    make.drain(reader)
    writer.append("events", make.event(1))
    assert reader.poll().batches == ()
    clock.now += DORMANT_INTERVAL
    assert make.steps(make.drain(reader)[0]) == [1]
    writer.append("events", make.event(2))
    assert make.steps(make.drain(reader)[0]) == [2]  # awake again
    writer.end(End())
    make.drain(reader)
    writer.append("events", make.event(3))
    assert reader.poll().batches == ()
    clock.now += ENDED_INTERVAL
    assert make.steps(make.drain(reader)[0]) == [3]


# --- what else may lie in a folder ------------------------------------------------------------


def test_links_fifos_and_devices_are_not_opened_but_counted(run, make, monkeypatch):
    writer, reader, _ = run
    writer.append("events", make.event(1))
    victim = reader.path.parent / "secret.arrows"
    shutil.copy(writer.folder / "events-00000.arrows", victim)
    os.mkfifo(writer.folder / "metrics-00000.arrows")
    os.mkfifo(writer.folder / "whatever")
    (writer.folder / "checks-00000.arrows").symlink_to(victim)
    (writer.folder / "events-00001.arrows").symlink_to(victim)
    (reader.path / "w-link").symlink_to(writer.folder)
    os.mkfifo(reader.path / "w-fifo")
    real = os.open

    def watched(path, *rest):
        assert os.fspath(path).endswith(("events-00000.arrows", "writer.json", "end.json", "beat"))
        return real(path, *rest)

    monkeypatch.setattr(os, "open", watched)
    found, poll = make.drain(reader)
    assert make.steps(found) == [1]
    assert poll.lost.ignored == 6
    assert reader.poll().lost.ignored == 6  # not once more at each poll


def test_a_file_swapped_for_a_link_or_fifo_after_the_listing_is_not_read(run, make, monkeypatch):
    writer, reader, _ = run
    writer.append("events", make.event(1))
    path = writer.folder / "events-00000.arrows"
    for swap in (lambda: path.symlink_to(path.rename(reader.path / "elsewhere")), lambda: os.mkfifo(path)):
        real, swapped = os.scandir, []
        with monkeypatch.context() as patched:

            def scandir(where, real=real, swapped=swapped, swap=swap):
                entries = real(where)
                if os.fspath(where) == os.fspath(writer.folder) and not swapped:
                    listed = list(entries)
                    [entry.is_file(follow_symlinks=False) for entry in listed]
                    path.unlink() if path.is_symlink() else None
                    swapped.append(swap())
                    return _Listed(listed)
                return entries

            patched.setattr(os, "scandir", scandir)
            poll = reader.poll()
        assert poll.batches == ()
        assert poll.lost.ignored == 1


class _Listed(list):
    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None


def test_unknown_files_and_folders_are_left_alone(run, make):
    writer, reader, _ = run
    writer.append("events", make.event(1))
    for name in (
        "summaries-00000.arrows",
        "events-1.arrows",
        "events-00000.arrows~",
        "notes.txt",
        "events-0000a.arrows",
    ):
        (writer.folder / name).write_bytes(b"\xff" * 100)
    (writer.folder / "folder").mkdir()
    (reader.path / "notes").mkdir()
    (reader.path / "notes.txt").write_text("mine")
    (writer.folder / os.fsdecode(b"\xff\xfe")).write_bytes(b"")
    (reader.path / os.fsdecode(b"w-\xff")).mkdir()
    found, poll = make.drain(reader)
    assert make.steps(found) == [1]
    assert (poll.lost.ignored, poll.lost.frames, poll.lost.torn) == (0, 0, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_counted_and_read_once_it_can_be(run, make):
    writer, reader, _ = run
    writer.append("events", make.event(1))
    path = writer.folder / "events-00000.arrows"
    path.chmod(0)
    assert reader.poll().lost.ignored == 1
    path.chmod(0o644)
    poll = reader.poll()
    assert (make.steps(poll.batches), poll.lost.ignored) == ([1], 0)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ESTALE, errno.EIO, errno.EACCES])
def test_a_file_that_cannot_be_opened_for_a_moment_is_read_later(run, make, monkeypatch, number):
    writer, reader, _ = run
    writer.append("events", make.event(1))
    real = os.open

    def failing(path, *rest):
        if os.fspath(path).endswith(".arrows"):
            raise OSError(number, os.strerror(number))
        return real(path, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", failing)
        poll = reader.poll()
        assert poll.batches == ()
        assert poll.lost.ignored == (number == errno.EACCES)
    poll = reader.poll()
    assert (make.steps(poll.batches), poll.lost.ignored) == ([1], 0)


def test_a_run_that_is_gone_says_so(run):
    _, reader, _ = run
    shutil.rmtree(reader.path)
    with pytest.raises(RunNotFound):
        reader.poll()


def test_a_writer_folder_that_is_gone_is_no_crash(run, make):
    writer, reader, _ = run
    writer.append("events", make.event(1))
    make.drain(reader)
    shutil.rmtree(writer.folder)
    poll = reader.poll()
    assert writer.folder.name in poll.writers
    assert poll.lost.frames == 0


def test_no_descriptor_stays_open_between_polls(run, make):
    writer, reader, _ = run
    writer.append("events", make.event(1))
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 (names only)
    make.drain(reader)
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


def first_steps(batches):
    """The first step of each batch of metrics."""
    return [one.data.column("step")[0].as_py()[0] for one in batches]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 60)), min_size=1, max_size=60),
    st.sampled_from([2_000, 20_000, 1 << 26]),
    st.integers(0, 400_000),
    st.integers(0, 5_000),
)
@settings(deadline=None, max_examples=30)
def test_a_sample_is_some_of_what_polls_deliver_in_the_same_order(make, logged, limit, budget, torn):
    """Of several writers with frames of any sizes; the last bytes of one of them were never written."""
    with tempfile.TemporaryDirectory() as name:
        writers = [WriterFolder.create(name, segment_limit=limit) for _ in range(3)]
        for number, (which, count) in enumerate(logged):
            writers[which].append("metrics", make.metrics({"loss": [1.0] * count}, [number] * count))
        files = sorted(Path(name).glob("w-*/metrics-*"))
        if files:
            os.truncate(files[-1], max(0, files[-1].stat().st_size - torn))
        reader = RunReader(name)
        reader.poll(max_bytes=1, max_seconds=1e9)
        sample, whole = reader.sample(budget), make.drain(RunReader(name))[0]
        for writer in {one.writer for one in [*sample, *whole]}:
            steps, those = (first_steps(one for one in found if one.writer == writer) for found in (sample, whole))
            assert steps == sorted(set(steps))
            assert set(steps) <= set(those)
        after = make.drain(reader)[1]
        assert (after.lost.frames, after.more) == (make.drain(RunReader(name))[1].lost.frames, False)


@pytest.mark.parametrize("points", [20, 3_000])
def test_a_sample_is_taken_also_of_a_writer_that_no_poll_has_reached(tmp_path, make, points):
    for rank in range(3):
        writer = WriterFolder.create(tmp_path / "run", rank=rank)
        for step in range(40):
            writer.append("metrics", make.metrics({"loss": [0.5] * points}, [step] * points))
    reader = RunReader(tmp_path / "run")
    read = {one.writer for one in reader.poll(max_bytes=1, max_seconds=1e9).batches}
    sample = reader.sample(1 << 20)
    assert len(read) < len({one.writer for one in sample}) == 3
    for name in {one.writer for one in sample}:
        steps = first_steps(one for one in sample if one.writer == name)
        assert (steps[0], steps[-1]) == (0, 39)


@pytest.mark.parametrize("named", ["as it was", "another name"])
def test_a_sample_reaches_from_the_first_frame_to_the_newest(tmp_path, make, named):
    writer = WriterFolder.create(tmp_path / "run", segment_limit=100_000)
    for step in range(2_000):
        writer.append("metrics", make.metrics({"loss": [0.5] * 20}, [step] * 20))
    if named == "another name":
        writer.folder.rename(writer.folder.with_name("w-20200101T000000Z-r0000-000000"))
    reader = RunReader(tmp_path / "run")
    first = reader.poll(max_bytes=1 << 17, max_seconds=1e9)
    sample = first_steps(reader.sample(1 << 18))
    assert (sample[0], sample[-1]) == (0, 1_999)
    assert 20 < len(sample) < 500
    assert max(np.diff(sample)) < 100
    rest, _ = make.drain(reader)
    assert first_steps([*first.batches, *rest]) == list(range(2_000))
