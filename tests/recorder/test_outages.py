"""When the disk refuses, hangs or loses the folder: what is kept, what is counted, what is said."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from nntui.recorder import handoff, outbox
from nntui.recorder.handoff import Handoff, Row
from nntui.recorder.outbox import Outbox
from nntui.recorder.rows import Groups, event_row
from nntui.runlog import layout
from nntui.runlog.writer import WriterFolder


class Disk:
    """A writer folder that refuses, fails or hangs as told, and keeps what it was given."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.refuses: OSError | Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self.rows: list[tuple[str, pa.RecordBatch]] = []
        self.beats: list[layout.Beat] = []
        self.ends: list[layout.End] = []

    def append(self, kind: str, batch: pa.RecordBatch) -> None:
        self.open.wait(30)
        if self.refuses is not None:
            raise self.refuses
        self.rows.append((kind, batch))

    def sync(self) -> None: ...

    def beat(self, beat: layout.Beat) -> None:
        self.beats.append(beat)

    def end(self, end: layout.End) -> None:
        self.ends.append(end)

    def close(self) -> None: ...

    def values(self) -> list[float]:
        found: list[float] = []
        for kind, batch in self.rows:
            if kind == "metrics":
                found += [v for row in batch["value"].to_pylist() for series in row for v in series]
        return found

    def events(self, event: str) -> list[str]:
        batches = [batch for kind, batch in self.rows if kind == "events"]
        rows = [row for batch in batches for row in batch.to_pylist()]
        return [row["message"] for row in rows if row["event"] == event]


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "run" / "w-1")


@pytest.fixture
def box(disk: Disk) -> Any:
    notes: list[tuple[str, str]] = []
    box: Any = Outbox(disk, lambda key, message: notes.append((key, message)))  # type: ignore[arg-type]
    return SimpleNamespace(box=box, notes=notes, said=0)


def _points(*values: float) -> pa.RecordBatch:
    groups = Groups(lambda name, why: None)
    for step, value in enumerate(values):
        groups.add(({"x": value}, step, step))
    batch = groups.batch()
    assert batch is not None
    return batch.data


def _nothing() -> None: ...


# --- the buffer of an outage ----------------------------------------------------------------------


def test_a_refused_batch_is_written_once_the_disk_takes_it(disk: Disk, box: Any) -> None:
    disk.refuses = FULL
    box.box.put("metrics", _points(1.0, 2.0), points=2)
    box.box.write(0.0, _nothing)
    assert box.box.outage == "No space left on device"
    assert not box.box.empty
    disk.refuses = None
    box.box.write(1.0, _nothing)
    assert (box.box.outage, box.box.empty, box.box.lost) == ("", True, 0)
    assert disk.values() == [1.0, 2.0]


def test_pauses_grow_while_the_disk_refuses_and_start_over_afterwards(disk: Disk, box: Any) -> None:
    disk.refuses = FULL
    box.box.put("metrics", _points(1.0), points=1)
    now, pauses = 0.0, []
    for _ in range(8):
        box.box.write(now, _nothing)
        pause = next(p for p in (0.5, 1, 2, 4, 8, 10, 11) if box.box.due(now + p))
        pauses.append(pause)
        now += pause
    assert pauses == [0.5, 1, 2, 4, 8, 10, 10, 10]
    disk.refuses = None
    box.box.write(now, _nothing)
    disk.refuses = FULL
    box.box.put("metrics", _points(1.0), points=1)
    box.box.write(now, _nothing)
    assert not box.box.due(now + 0.4)
    assert box.box.due(now + 0.5)


def test_an_outage_is_said_once_with_path_and_reason(disk: Disk, box: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        disk.refuses = FULL
        for now in range(5):
            box.box.put("metrics", _points(1.0), points=1)
            box.box.write(float(now), _nothing)
        disk.refuses = None
        box.box.write(10.0, _nothing)
    said = capsys.readouterr().err.splitlines()
    line = f"nntui: {disk.folder.parent}: No space left on device; training goes on, recording resumes when it can."
    assert said == [line, line]


def test_beyond_its_limit_the_buffer_drops_the_oldest_and_counts_exactly(
    disk: Disk, box: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BUFFER_LIMIT", 10)
    disk.refuses = FULL
    box.box.put("events", event_row(0, 0, "info", "note", "kept", None))
    for first in range(0, 30, 3):
        box.box.put("metrics", _points(first, first + 1, first + 2), points=3)
        box.box.write(0.0, _nothing)
    disk.refuses = None
    box.box.write(1.0, _nothing)
    assert box.box.lost == 21
    assert disk.values() == [float(v) for v in range(21, 30)]
    assert disk.events("note") == ["kept"]


@pytest.mark.parametrize("error", [ValueError("a batch of 70000000 bytes"), pa.ArrowInvalid("no")])
def test_what_can_never_be_written_is_dropped_counted_and_noted(disk: Disk, box: Any, error: Exception) -> None:
    disk.refuses = error
    box.box.put("metrics", _points(1.0, 2.0), points=2)
    box.box.put("predictions", _points(1.0), size=500)
    box.box.write(0.0, _nothing)
    assert (box.box.outage, box.box.empty, box.box.lost, box.box.released) == ("", True, 2, 500)
    assert [key for key, _ in box.notes] == ["predictions cannot be written", "metrics cannot be written"]


def test_a_removed_folder_is_an_outage_that_ends_when_it_is_back(disk: Disk, box: Any) -> None:
    aside = disk.folder.with_name("aside")
    disk.folder.rename(aside)
    box.box.put("metrics", _points(1.0), points=1)
    box.box.write(0.0, _nothing)
    assert box.box.outage == "the run folder was removed"
    aside.rename(disk.folder)
    box.box.write(1.0, _nothing)
    assert (box.box.outage, disk.values()) == ("", [1.0])


# --- the queue and its thread ---------------------------------------------------------------------


@pytest.fixture
def started(disk: Disk) -> Any:
    """A handoff whose thread writes to the fake disk."""
    one = Handoff(disk, total_steps=0)  # type: ignore[arg-type]
    one.start()
    yield one
    disk.open.set()
    disk.refuses = None
    one.ask_to_end(layout.End(), 0.0)
    assert one.wait_over(time.monotonic() + 20)


def _log(one: Handoff, step: int, width: int = 1) -> None:
    one.queue.append(({f"m{i}": float(step) for i in range(width)}, step, step))


def test_flush_says_no_while_the_disk_refuses_and_yes_afterwards(started: Handoff, disk: Disk) -> None:
    disk.refuses = FULL
    _log(started, 0)
    assert not started.flush(20)
    disk.refuses = None
    assert started.flush(20)
    assert disk.values() == [0.0]


def test_flush_gives_up_when_the_disk_hangs(started: Handoff, disk: Disk) -> None:
    disk.open.clear()
    _log(started, 0)
    assert not started.flush(0.05)
    disk.open.set()
    assert started.flush(20)


def test_the_beat_goes_on_while_the_disk_is_full_and_says_how_much_is_lost(
    started: Handoff, disk: Disk, monkeypatch: pytest.MonkeyPatch, eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    monkeypatch.setattr(handoff, "BEAT_INTERVAL", 0.0)
    monkeypatch.setattr(handoff, "FLUSH_INTERVAL", 0.001)
    monkeypatch.setattr(outbox, "BUFFER_LIMIT", 5)
    disk.refuses = FULL
    for step in range(12):
        _log(started, step)
        assert not started.flush(20)
    assert started.dropped == 7
    count = len(disk.beats)
    eventually(lambda: len(disk.beats) > count and disk.beats[-1].lost == 7)
    assert disk.beats[-1].state == "running"
    disk.refuses = None
    assert started.flush(20)
    assert disk.values() == [7.0, 8.0, 9.0, 10.0, 11.0]
    assert disk.events("lost") == ["7 points were lost: No space left on device"]


def test_a_full_queue_turns_points_away_and_counts_each(
    started: Handoff, disk: Disk, monkeypatch: pytest.MonkeyPatch, eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    monkeypatch.setattr(handoff, "QUEUE_LIMIT", 100)
    disk.open.clear()
    _log(started, -1)
    started.wake()
    eventually(lambda: not started.queue)  # the thread took it and hangs in the write
    for step in range(150):
        if not started.crowded(1):
            _log(started, step)
    assert started.dropped == 50
    disk.open.set()
    assert started.flush(20)
    assert disk.values() == [float(step) for step in range(-1, 100)]
    assert disk.events("lost") == ["50 points were lost: they came faster than the disk took them"]


def test_of_points_that_could_not_be_encoded_it_is_not_said_that_they_came_too_fast(
    started: Handoff, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Groups, "batch", lambda self: 1 / 0)
        _log(started, 0)
        assert started.flush(20)
    assert disk.events("lost") == ["1 points were lost: events of this moment say why"]
    assert disk.events("dropped") == ["points could not be encoded (ZeroDivisionError: division by zero)."]


def test_wide_calls_fill_the_queue_sooner(
    started: Handoff, disk: Disk, monkeypatch: pytest.MonkeyPatch, eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    monkeypatch.setattr(handoff, "QUEUE_POINTS", 1000)
    disk.open.clear()
    _log(started, -1)
    started.wake()
    eventually(lambda: not started.queue)
    taken = 0
    for step in range(50):
        if not started.crowded(100):
            taken += 1
            _log(started, step, 100)
    assert taken == 10
    assert started.dropped == 40 * 100


def test_rows_have_a_limit_of_their_own_in_bytes(started: Handoff, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handoff, "ROWS_LIMIT", 1000)
    disk.open.clear()
    admitted = 0
    for number in range(10):
        if started.admit(300):
            admitted += 1
            row = event_row(number, 0, "info", "note", str(number), None)
            started.queue.append(Row("events", lambda row=row: row, 300))
    assert admitted == 3
    disk.open.set()
    assert started.flush(20)
    assert disk.events("note") == ["0", "1", "2"]
    assert [started.admit(300) for _ in range(4)] == [True, True, True, False]


def test_a_row_that_cannot_be_encoded_gives_its_bytes_back_and_is_noted_once(
    started: Handoff, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handoff, "ROWS_LIMIT", 1000)

    def broken() -> pa.RecordBatch:
        raise IndexError("no such thing")

    for _ in range(5):
        assert started.admit(900)
        started.queue.append(Row("samples", broken, 900))
        assert started.flush(20)
    assert disk.events("dropped") == ["a row of samples could not be encoded (IndexError: no such thing)."]


def test_the_end_on_a_full_disk_counts_what_is_lost_and_is_written_where_it_fits(
    disk: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Handoff(disk, total_steps=0)  # type: ignore[arg-type]
    one.start()
    disk.refuses = FULL
    for step in range(5):
        _log(one, step)
    one.ask_to_end(layout.End("finished"), 0.0)
    assert one.wait_over(time.monotonic() + 20)
    assert (one.dropped, one.complete, one.flush(1.0)) == (5, False, False)
    assert (disk.beats[-1].state, disk.beats[-1].lost) == ("finished", 5)
    assert [end.reason for end in disk.ends] == ["finished"]
    assert "5 points and 0 rows could not be written before the end" in capsys.readouterr().err


def test_waiting_for_the_end_is_bounded_when_the_disk_hangs(started: Handoff, disk: Disk) -> None:
    disk.open.clear()
    _log(started, 0)
    started.ask_to_end(layout.End(), 0.0)
    assert not started.wait_over(time.monotonic() + 0.05)


def test_the_newest_loss_and_rate_are_in_the_beat_whatever_the_loss_is_called(started: Handoff, disk: Disk) -> None:
    started.queue.append(({"g/total_loss": 3.0, "learning_rate": 0.5, "other": 9.0}, 4, 0))
    started.ask_to_end(layout.End(), 0.0)
    assert started.wait_over(time.monotonic() + 20)
    beat = disk.beats[-1]
    assert (beat.loss, beat.lr, beat.step) == (3.0, 0.5, 4)


def test_many_points_at_once_are_cut_into_several_batches(
    started: Handoff, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handoff, "BATCH_LIMIT", 100)
    for step in range(1000):
        _log(started, step)
    assert started.flush(20)
    assert max(len(batch["value"][0].as_py()[0]) for kind, batch in disk.rows if kind == "metrics") <= 100
    assert disk.values() == [float(step) for step in range(1000)]


# --- the real disk --------------------------------------------------------------------------------


def test_a_real_file_system_that_is_full_stops_no_training_and_loses_nothing_that_fits_later(
    program: Any, written: Any
) -> None:
    result = program.run(
        """
        import resource, threading
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        run = nntui.init(path)
        run.log({'x': 0.0})
        print(run.flush())
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # a write beyond is cut short, the next one refused
        for step in range(1, 2000):
            run.log({'x': float(step)})
        print(run.flush(), run.dropped)
        for step in range(2000, 3000):
            run.log({'x': float(step)})
        print(run.flush())
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        print(run.flush(), run.dropped)
        """
    )
    assert (result.code, result.out) == (0, "True\nFalse 0\nFalse\nTrue 0\n")
    assert result.err.count("\n") == 1
    assert "training goes on" in result.err
    assert written.points("x") == [(step, float(step)) for step in range(3000)]
    assert written.tables().lost.frames == 0


def test_a_removed_folder_stops_no_training(run: Any, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.log({"x": 1.0})
    assert run.flush()
    path.rename(path.with_name("away"))  # at once, where a removal might meet a file being made
    for _ in range(3):
        run.log({"x": 2.0})
        assert not run.flush()
    run.finish()
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "the run folder was removed; training goes on" in said[0]
    assert "3 points and" in said[1]
    assert run.dropped == 3
    assert not path.exists()


@pytest.mark.parametrize(("kind", "seconds"), [("ext4", 30.0), ("nfs4", 5.0), ("", 30.0)])
def test_a_folder_on_a_network_is_synced_more_often(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, seconds: float
) -> None:
    monkeypatch.setattr(handoff, "file_system", lambda folder: kind)
    assert Handoff(WriterFolder.create(path), total_steps=0)._sync_interval == seconds


def test_values_that_cannot_become_floats_leave_the_other_points_of_the_flush(disk: Disk, started: Handoff) -> None:
    started.queue.append(({"x": 10**400, "y": 1.0}, 0, 0))
    started.queue.append(({"x": 2, "y": np.float64(2)}, 1, 1))
    assert started.flush(20)
    assert sorted(disk.values()) == [1.0, 2.0, 2.0]
