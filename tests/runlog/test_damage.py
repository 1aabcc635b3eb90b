"""What a reader makes of files that are torn, turned over, late or gone: nothing wrong, and every loss counted."""

from __future__ import annotations

import copy
import itertools
import os

import pytest

from nntui.runlog import frame
from nntui.runlog.cursor import HOLE_INTERVAL, HOLE_PATIENCE, KindCursor
from nntui.runlog.layout import End
from nntui.runlog.reader import TAIL_PATIENCE, RunReader
from nntui.runlog.writer import WriterFolder

NAME = "events-00000.arrows"


def _frames(make, folder, count, size=0):
    nonce = frame.nonce_of(folder.name, NAME)
    return make.stream("events", [make.event(i, "x" * size) for i in range(1, count + 1)], nonce)


def _read(make, cursor, now=0.0, budget=1 << 30):
    batches, _, more = cursor.read([0], budget, now)
    assert not more
    return make.steps(batches)


def _counted(cursor):
    return cursor.lost() + (cursor.tail_since >= 0)


def _all_but(steps, damaged):
    return [step for step in steps if step != damaged]  # the frame of step n is frame n; 0 is the schema


def _with_each_bit_flipped(path, data):
    """Every bit of the file in turn, while exactly that bit is turned over in it."""
    path.write_bytes(data)
    fd = os.open(path, os.O_WRONLY)
    try:
        for at, byte in enumerate(data):
            for bit in range(8):
                os.pwrite(fd, bytes([byte ^ 1 << bit]), at)
                yield at
            os.pwrite(fd, bytes([byte]), at)
    finally:
        os.close(fd)


@pytest.mark.parametrize("before", [None, 0, 1, 2])
def test_every_flipped_bit_of_a_file_loses_its_frame_and_is_counted(make, folder, before):
    """For a reader that comes after (None), and for one that had read `before` frames and part of the next."""
    frames = _frames(make, folder, 2)
    data, path = b"".join(frames), folder / NAME
    owner = [i for i, one in enumerate(frames) for _ in one]
    known = sum(map(len, frames[:before])) if before is not None else 0
    path.write_bytes(data[: known + 100] if before is not None else b"")
    waiting = KindCursor(folder, "events")
    early = _read(make, waiting)
    for at in _with_each_bit_flipped(path, data):
        cursor = copy.deepcopy(waiting)
        lost = owner[at] if at >= known else None
        assert early + _read(make, cursor, 2.0) == _all_but([1, 2], lost), at
        assert _counted(cursor) == (lost is not None), at


def test_every_prefix_reads_as_the_whole_frames_in_it_and_goes_on_from_there(make, folder):
    frames = _frames(make, folder, 2, size=50)
    data, path = b"".join(frames), folder / NAME
    ends = list(itertools.accumulate(map(len, frames)))
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        cursor = KindCursor(folder, "events")
        whole = [step for step, end in enumerate(ends) if step > 0 and end <= length]
        assert _read(make, cursor) == whole
        assert (cursor.tail_since >= 0) == (length not in (0, *ends))
        assert cursor.lost() == 0
        path.write_bytes(data)
        assert whole + _read(make, cursor, 2.0) == [1, 2]
        assert _counted(cursor) == 0


def test_all_subsets_of_lost_pages_give_no_wrong_value_and_come_back_when_they_arrive(make, folder):
    frames = _frames(make, folder, 40, size=150)
    data, path = b"".join(frames), folder / NAME
    pages = [data[i : i + 4096] for i in range(0, len(data), 4096)]
    assert 9 <= len(pages) <= 11
    spans = list(
        zip([0, *itertools.accumulate(map(len, frames))], itertools.accumulate(map(len, frames)), strict=False)
    )
    for lost in itertools.product([False, True], repeat=len(pages)):
        path.write_bytes(b"".join(bytes(len(p)) if gone else p for p, gone in zip(pages, lost, strict=True)))
        cursor = KindCursor(folder, "events")
        found = _read(make, cursor)
        intact = [i for i, (a, b) in enumerate(spans) if not any(lost[a // 4096 : (b - 1) // 4096 + 1])]
        assert found == [i for i in intact if i > 0]
        assert cursor.lost() == (intact[-1] + 1 - len(intact) if intact else 0)
        path.write_bytes(data)
        found += _read(make, cursor, HOLE_INTERVAL)
        assert sorted(found) == list(range(1, 41))
        assert _counted(cursor) == 0


def test_a_hole_is_given_up_after_a_minute(make, folder):
    frames = _frames(make, folder, 3)
    path = folder / NAME
    path.write_bytes(b"".join([frames[0], bytes(len(frames[1])), *frames[2:]]))
    cursor = KindCursor(folder, "events")
    assert _read(make, cursor) == [2, 3]
    assert _read(make, cursor, HOLE_PATIENCE + 1) == []
    path.write_bytes(b"".join(frames))
    assert _read(make, cursor, HOLE_PATIENCE + 3) == []
    assert cursor.lost() == 1


def test_a_tail_that_never_changes_is_not_read_for_ever_but_noticed_when_it_grows(make, folder, monkeypatch):
    frames = _frames(make, folder, 2)
    path = folder / NAME
    path.write_bytes(b"".join(frames)[:-1])
    cursor = KindCursor(folder, "events")
    counts = [cursor.read([0], 1 << 20, now)[1] for now in (0.0, 0.5, HOLE_INTERVAL, HOLE_PATIENCE + 1, 1000.0)]
    assert [count > 0 for count in counts] == [True, False, True, False, False]
    path.write_bytes(b"".join(frames))
    assert _read(make, cursor, 1001.0) == [2]


@pytest.mark.parametrize("foreign", [True, False])
def test_a_frame_quoted_in_a_damaged_frame_is_not_read_when_its_hole_is_looked_into_again(make, folder, foreign):
    """Neither another file's, nor an older one of this file."""
    nonce = frame.nonce_of(folder.name, NAME)
    quoted = frame.encode(
        make.event(666), "events", sequence=2 if foreign else 1, nonce=b"99999999" if foreign else nonce
    )
    head, first, second, third = make.stream("events", [make.event(i) for i in (1, 2, 3)], nonce)
    damaged = second[:400] + quoted + second[400:]
    (folder / NAME).write_bytes(head + first + damaged + third)
    cursor = KindCursor(folder, "events")
    assert [_read(make, cursor, now) for now in (0.0, 2.0, 4.0)] == [[1, 3], [], []]
    assert cursor.lost() == 1


def test_a_damaged_first_frame_costs_only_itself_also_with_a_foreign_frame_quoted_behind_it(make, folder):
    foreign = b"".join(make.stream("events", [make.event(666), make.event(667)], b"99999999"))
    frames = _frames(make, folder, 2)
    (folder / NAME).write_bytes(frames[0][:50] + foreign + frames[0][50:] + frames[1][:50] + foreign + frames[2])
    cursor = KindCursor(folder, "events")
    assert _read(make, cursor) == [2]
    assert cursor.lost() == 2


def test_a_renamed_writer_folder_is_read_by_the_nonce_of_its_first_frame(make, folder):
    path = folder.rename(folder.with_name("w-renamed"))
    (path / NAME).write_bytes(b"".join(_frames(make, folder, 2)))
    cursor = KindCursor(path, "events")
    assert _read(make, cursor) == [1, 2]


def test_a_file_that_shrinks_is_no_crash_and_what_is_appended_then_is_read(make, folder):
    frames = _frames(make, folder, 4)
    path = folder / NAME
    path.write_bytes(b"".join(frames[:4]))
    cursor = KindCursor(folder, "events")
    assert _read(make, cursor) == [1, 2, 3]
    path.write_bytes(b"".join(frames[:2])[:-5])
    assert _read(make, cursor, 2.0) == []
    path.write_bytes(b"".join(frames))
    assert _read(make, cursor, 4.0) == [4]
    assert _counted(cursor) == 0


def test_garbage_longer_than_any_frame_is_passed_in_bounded_pieces(make, folder, monkeypatch):
    from nntui.runlog import cursor as module

    monkeypatch.setattr(module, "LARGEST_READ", 1 << 14)
    monkeypatch.setattr(frame, "FRAME_LIMIT", 1 << 13)
    monkeypatch.setattr(module, "CHUNK", 1 << 10)
    head, first, second = _frames(make, folder, 2)
    (folder / NAME).write_bytes(head + first + bytes(100_000) + second)
    cursor = KindCursor(folder, "events")
    found, polls = [], 0
    while cursor.behind:
        batches, count, _ = cursor.read([0], 1 << 10, 0.0)
        assert count <= 2 << 14
        found += make.steps(batches)
        polls += 1
    assert found == [1, 2]
    assert 10 < polls < 100


def test_a_frame_larger_than_the_budget_is_read_whole(make, folder):
    frames = _frames(make, folder, 2, size=1 << 20)
    (folder / NAME).write_bytes(b"".join(frames))
    cursor = KindCursor(folder, "events")
    found = []
    while cursor.behind:
        found += make.steps(cursor.read([0], 1, 0.0)[0])
    assert found == [1, 2]


# --- through the whole reader -----------------------------------------------------------------


@pytest.fixture
def run(tmp_path, make):
    """A run of one writer with five events, its reader and clock."""
    writer = WriterFolder.create(tmp_path / "run")
    for step in range(1, 6):
        writer.append("events", make.event(step))
    clock = make.clock()
    return writer, RunReader(tmp_path / "run", clock=clock), clock


def _garble_last(writer):
    path = writer.folder / NAME
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


def test_a_damaged_last_frame_of_an_ended_writer_is_counted(run, make):
    writer, reader, _ = run
    _garble_last(writer)
    writer.end(End())
    found, poll = make.drain(reader)
    assert make.steps(found) == [1, 2, 3, 4]
    assert (poll.lost.frames, poll.lost.torn) == (1, 0)


def test_a_file_cut_between_two_frames_after_its_writer_ended_is_counted(run, make):
    writer, reader, _ = run
    data = (writer.folder / NAME).read_bytes()
    writer.end(End())
    starts = [f.start for f in frame.scan(data, kind="events", nonce=frame.nonce_of(writer.folder.name, NAME)).frames]
    (writer.folder / NAME).write_bytes(data[: starts[3]])
    found, poll = make.drain(reader)
    assert make.steps(found) == [1, 2]
    assert poll.lost.frames == 3


def test_a_file_lost_after_its_writer_ended_is_counted(run, make):
    writer, reader, _ = run
    writer.end(End())
    (writer.folder / NAME).unlink()
    found, poll = make.drain(reader)
    assert found == []
    assert poll.lost.frames == 6


def test_a_torn_tail_of_a_living_writer_waits_before_it_counts(run, make):
    writer, reader, clock = run
    path = writer.folder / NAME
    data = path.read_bytes()
    path.write_bytes(data[:-3])
    found, poll = make.drain(reader)
    assert (make.steps(found), poll.lost.torn) == ([1, 2, 3, 4], 0)
    clock.now += TAIL_PATIENCE + 1
    assert make.drain(reader)[1].lost.torn == 1
    path.write_bytes(data)
    clock.now += 1
    found, poll = make.drain(reader)
    assert (make.steps(found), poll.lost.torn, poll.lost.frames) == ([5], 0, 0)


def test_a_torn_tail_of_a_process_that_is_gone_counts_at_once(run, make, monkeypatch):
    writer, reader, _ = run
    monkeypatch.setattr("nntui.runlog.layout.process_alive", lambda manifest: False)
    path = writer.folder / NAME
    path.write_bytes(path.read_bytes()[:-3])
    assert make.drain(reader)[1].lost.torn == 1


def test_a_damaged_frame_at_the_end_becomes_a_lost_one_when_the_next_arrives(run, make):
    writer, reader, clock = run
    _garble_last(writer)
    found, poll = make.drain(reader)
    assert (make.steps(found), poll.lost.frames) == ([1, 2, 3, 4], 0)
    writer.append("events", make.event(6))
    clock.now += 0.1
    found, poll = make.drain(reader)
    assert (make.steps(found), poll.lost.frames, poll.lost.torn) == ([6], 1, 0)


def test_whole_frames_that_are_no_arrow_are_counted_and_the_rest_is_read(run, make, monkeypatch):
    writer, reader, _ = run
    real = frame.decode

    def decode(data, one):
        if one.sequence == 2:
            raise frame.pa.ArrowInvalid("no")
        return real(data, one)

    monkeypatch.setattr(frame, "decode", decode)
    writer.end(End())
    found, poll = make.drain(reader)
    assert make.steps(found) == [1, 3, 4, 5]
    assert poll.lost.frames == 1
