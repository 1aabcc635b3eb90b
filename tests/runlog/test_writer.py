from __future__ import annotations

import contextlib
import errno
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from nntui.runlog import layout
from nntui.runlog.errors import NewerFormat, NotARun, RunFolderError
from nntui.runlog.layout import Beat, End
from nntui.runlog.reader import RunReader
from nntui.runlog.writer import WriterFolder


@pytest.fixture
def writer(tmp_path):
    made = WriterFolder.create(tmp_path / "run")
    yield made
    made.close()


def _events(make, writer):
    found, poll = make.drain(RunReader(writer.folder.parent))
    return make.steps(found), poll.lost


# --- making -----------------------------------------------------------------------------------


def test_a_missing_path_becomes_a_run_and_a_second_process_joins_it(tmp_path):
    first = WriterFolder.create(tmp_path / "deep" / "run", config={"lr": 3e-4}, total_steps=100, resume_step=7)
    second = WriterFolder.create(tmp_path / "deep" / "run", rank=1, world_size=2)
    assert layout.read_identity(tmp_path / "deep" / "run").name == "run"
    assert layout.writer_folders(tmp_path / "deep" / "run") == sorted([first.folder, second.folder])
    manifest = layout.read_manifest(first.folder)
    assert manifest == first.manifest
    assert (manifest.config, manifest.total_steps, manifest.resume_step) == ({"lr": 3e-4}, 100, 7)
    assert manifest.pid == os.getpid()
    assert layout.process_alive(manifest) in (True, None)
    assert "-r0001-" in second.folder.name


def test_processes_racing_for_a_new_run_share_one_identity(tmp_path):
    errors: list[Exception] = []
    start = threading.Barrier(8)

    def create():
        start.wait()
        try:
            WriterFolder.create(tmp_path / "run").close()
        except RunFolderError as error:
            errors.append(error)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(layout.writer_folders(tmp_path / "run")) == 8
    names = sorted(path.name for path in (tmp_path / "run").iterdir() if not path.is_dir())
    assert names == ["run.json"]


def test_a_run_made_by_another_process_between_two_looks_is_joined(tmp_path, monkeypatch):
    WriterFolder.create(tmp_path / "run").close()
    answers = iter([False, True])
    monkeypatch.setattr(layout, "is_run", lambda path: next(answers, True))
    WriterFolder.create(tmp_path / "run").close()
    assert len(layout.writer_folders(tmp_path / "run")) == 2


@pytest.mark.parametrize(
    ("prepare", "error", "words"),
    [
        (lambda path: path.write_text(""), NotARun, "found a file"),
        (lambda path: (path.mkdir(), (path / "thesis.tex").write_text("")), NotARun, "folder of something else"),
        (lambda path: (path.mkdir(), (path / "run.json").write_text('{"format": 99}')), NewerFormat, "format 99"),
        (lambda path: (path.mkdir(), (path / "run.json").write_text("{")), NotARun, "readable run.json"),
        (lambda path: path.symlink_to("/dev/null"), NotARun, "found a file"),
        (lambda path: path.symlink_to(path), RunFolderError, "cannot be written"),
    ],
)
def test_what_is_no_place_for_a_run_is_refused_in_one_line(tmp_path, prepare, error, words):
    prepare(tmp_path / "here")
    with pytest.raises(error) as caught:
        WriterFolder.create(tmp_path / "here")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["/proc/nothing/run", "x" * 300, "a\0b", "/dev/null/run"])
def test_a_path_that_cannot_be_made_is_refused_in_one_line(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunFolderError) as caught:
        WriterFolder.create(path)
    assert "\n" not in str(caught.value)


def test_an_empty_folder_becomes_a_run(tmp_path):
    (tmp_path / "run").mkdir()
    WriterFolder.create(tmp_path / "run").close()
    assert layout.is_run(tmp_path / "run")


def test_a_full_disk_at_the_start_is_one_line(tmp_path, monkeypatch):
    def full(fd, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RunFolderError, match="No space left"):
        WriterFolder.create(tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


# --- appending --------------------------------------------------------------------------------


def test_what_was_appended_is_read_in_order(writer, make):
    for step in range(10):
        writer.append("events", make.event(step))
    assert _events(make, writer)[0] == list(range(10))


def test_each_append_is_one_write(writer, make, monkeypatch):
    calls: list[int] = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: calls.append(len(data)) or real(fd, data))
    for step in range(3):
        writer.append("events", make.event(step))
    assert len(calls) == 3
    assert sum(calls) == (writer.folder / "events-00000.arrows").stat().st_size


def test_a_file_past_its_limit_is_followed_by_the_next(tmp_path, make):
    writer = WriterFolder.create(tmp_path / "run", segment_limit=5000)
    for step in range(20):
        writer.append("events", make.event(step))
    writer.end(End())
    names = sorted(path.name for path in writer.folder.glob("*.arrows"))
    assert len(names) == 3
    steps, lost = _events(make, writer)
    assert steps == list(range(20))
    assert lost.frames == 0
    assert set(layout.read_end(writer.folder).files) == set(names)


def test_end_says_how_many_frames_and_bytes_each_file_has(writer, make):
    for step in range(3):
        writer.append("events", make.event(step))
    writer.append("checks", make.row("checks"))
    writer.end(End(reason="finished", step=2))
    files = layout.read_end(writer.folder).files
    assert {name: frames for name, (frames, _) in files.items()} == {"events-00000.arrows": 4, "checks-00000.arrows": 2}
    assert all((writer.folder / name).stat().st_size == size for name, (_, size) in files.items())


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.999])
@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("silent", [True, False])
def test_a_disk_that_is_full_rolls_back_and_takes_the_batch_later(writer, make, monkeypatch, fraction, before, silent):
    """silent: the write comes back short; otherwise it also raises."""
    for step in range(before):
        writer.append("events", make.event(step))
    real = os.write

    def full(fd, data):
        written = real(fd, data[: int(len(data) * fraction)])
        if not silent:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written

    for _ in range(3):
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(OSError, match="No space left"):
                writer.append("events", make.event(before))
    writer.append("events", make.event(before))
    writer.end(End())
    steps, lost = _events(make, writer)
    assert steps == list(range(before + 1))
    assert (lost.frames, lost.torn) == (0, 0)
    assert len(list(writer.folder.glob("*.arrows"))) == 1


def test_a_rollback_that_fails_too_leaves_the_torn_tail_and_goes_on_in_the_next_file(writer, make, monkeypatch):
    writer.append("events", make.event(0))
    reader = RunReader(writer.folder.parent)
    found = make.drain(reader)[0]
    real = os.write

    def torn(fd, data):
        real(fd, data[:100])
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def refused(fd, size):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", torn)
        patched.setattr(os, "ftruncate", refused)
        with pytest.raises(OSError, match="Input/output error"):
            writer.append("events", make.event(1))
    writer.append("events", make.event(1))
    writer.end(End())
    found += make.drain(reader)[0]
    assert make.steps(found) == [0, 1]
    with pa.ipc.open_stream((writer.folder / "events-00001.arrows").read_bytes()) as stream:
        assert make.steps(list(stream)) == [1]
    steps, lost = _events(make, writer)
    assert steps == [0, 1]
    assert (lost.frames, lost.torn) == (0, 0)


@contextlib.contextmanager
def _file_size_limit(limit):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_real_short_write_rolls_back(writer, make):
    """The kernel itself cuts the write at the limit of the file size."""
    writer.append("events", make.event(0))
    path = writer.folder / "events-00000.arrows"
    size = path.stat().st_size
    with _file_size_limit(size + 500), pytest.raises(OSError, match=r"space|large"):
        writer.append("events", make.event(1))
    assert path.stat().st_size == size
    writer.append("events", make.event(1))
    assert _events(make, writer)[0] == [0, 1]


def test_a_file_or_link_that_lies_in_the_way_is_never_written_to(writer, make, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (writer.folder / "events-00000.arrows").symlink_to(victim)
    (writer.folder / "checks-00000.arrows").write_text("precious")
    for kind in ("events", "checks"):
        with pytest.raises(FileExistsError):
            writer.append(kind, make.row(kind))
    assert victim.read_text() == (writer.folder / "checks-00000.arrows").read_text() == "precious"


def test_a_wrong_schema_changes_nothing(writer, make):
    writer.append("events", make.event(0))
    with pytest.raises(ValueError, match="events: schema was"):
        writer.append("events", make.row("checks"))
    writer.append("events", make.event(1))
    assert _events(make, writer)[0] == [0, 1]


def test_sync_reaches_every_file_that_changed_and_no_other(writer, make, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    writer.append("events", make.event(0))
    writer.append("checks", make.row("checks"))
    writer.sync()
    assert len(set(synced)) == 2
    writer.sync()
    assert len(synced) == 2


def test_a_closed_writer_refuses_and_makes_no_file(writer, make):
    writer.append("events", make.event(0))
    writer.end(End())
    writer.close()
    before = sorted(writer.folder.iterdir())
    with pytest.raises(OSError, match="closed"):
        writer.append("events", make.event(1))
    with pytest.raises(OSError, match="closed"):
        writer.beat(Beat())
    assert sorted(writer.folder.iterdir()) == before


def test_closing_twice_is_fine_and_leaves_no_descriptor_open(tmp_path, make):
    before = len(list(Path("/proc/self/fd").iterdir()))
    writer = WriterFolder.create(tmp_path / "run")
    writer.append("events", make.event(0))
    writer.beat(Beat())
    writer.close()
    writer.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_names_of_every_kind_come_back_as_they_were_given(writer, make):
    names = ["\x1b]52;c;aGk=\x07", "[/b]", "a" * 10_000, "\u202eevil", "nul\0", "../../etc/passwd", "", "\ud7ff\ue000"]
    writer.append("metrics", make.metrics({name: [1.0] for name in names}, [0]))
    found, _ = make.drain(RunReader(writer.folder.parent))
    assert found[0].data.column("metric")[0].as_py() == names
    assert {path.name for path in writer.folder.iterdir()} == {"metrics-00000.arrows", "writer.json"}


# --- killing ----------------------------------------------------------------------------------

_APPEND_FOREVER = """
import itertools, sys
import pyarrow as pa
from nntui.runlog.schema import SCHEMAS
from nntui.runlog.writer import WriterFolder

writer = WriterFolder.create(sys.argv[1], segment_limit=20_000)
for step in itertools.count():
    row = {"step": step, "wall_time_ns": 0, "level": "", "event": "", "message": "x" * (step % 3000), "data": ""}
    writer.append("events", pa.RecordBatch.from_pylist([row], schema=SCHEMAS["events"]))
    print(step, flush=True)
"""


def test_every_acknowledged_append_survives_kill_9(tmp_path, make):
    command = [sys.executable, "-c", _APPEND_FOREVER, str(tmp_path / "run")]
    root = Path(__file__).parents[2]
    known: set[str] = set()
    for least in (1, 57):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if int(line) >= least:
                    break
            process.kill()
            acknowledged = [int(line), *map(int, process.stdout.read().split())][-1]
        found, poll = make.drain(RunReader(tmp_path / "run"))
        (newest,) = set(poll.writers) - known
        known.add(newest)
        steps = make.steps([batch for batch in found if batch.writer == newest])
        assert steps == list(range(len(steps)))
        assert len(steps) > acknowledged
        assert poll.lost.frames == 0
        assert poll.writers[newest].end is None
        assert layout.process_alive(poll.writers[newest].manifest) in (False, None)
    assert list(poll.writers)[-1] == newest  # the oldest comes first, also within one second
