from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntui.runlog import layout, schema
from nntui.runlog.errors import NewerFormat, NotARun, RunFolderError, RunNotFound
from nntui.runlog.layout import Beat, End, Identity, Manifest

ROOT = Path(__file__).parents[2]


def test_a_status_line_needs_no_pyarrow_and_no_numpy():
    code = "import sys, nntui.runlog.layout; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "nntui.runlog.layout" in loaded.split()
    assert not {"pyarrow", "numpy", "nntui.runlog.frame", "nntui.session", "textual"} & set(loaded.split())


def test_both_places_that_name_the_format_agree():
    assert layout.FORMAT == schema.FORMAT


# --- identity ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("", NotARun, "readable run.json"),
        ("{", NotARun, "readable run.json"),
        ("[]", NotARun, "readable run.json"),
        ("[" * 100_000, NotARun, "readable run.json"),
        ("{}", NotARun, "format was None"),
        ('{"format": "1"}', NotARun, "format was '1'"),
        ('{"format": true}', NotARun, "format was True"),
        ('{"format": 0}', NotARun, "format was 0"),
        ('{"format": 2}', NewerFormat, "format 2"),
        ('{"format": 1' + " " * (1 << 20) + "}", NotARun, "readable run.json"),
    ],
)
def test_a_run_json_that_cannot_be_understood_says_so_in_one_line(tmp_path, content, error, words):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(error) as caught:
        layout.read_identity(tmp_path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda path: None, RunNotFound),
        (lambda path: path.write_text(""), NotARun),
        (lambda path: path.mkdir(), NotARun),
        (os.mkfifo, NotARun),
        (lambda path: path.symlink_to("nowhere"), RunNotFound),
        (lambda path: path.symlink_to(path), RunFolderError),
        (lambda path: (path.mkdir(), os.mkfifo(path / "run.json")), NotARun),
        (lambda path: (path.mkdir(), (path / "run.json").symlink_to("/etc/hostname")), NotARun),
        (lambda path: (path.mkdir(), (path / "run.json").mkdir()), NotARun),
    ],
)
def test_what_is_no_run_is_told_apart(tmp_path, make, error):
    make(tmp_path / "x")
    with pytest.raises(error):
        layout.read_identity(tmp_path / "x")
    assert not layout.is_run(tmp_path / "x")


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b", "missing/deeper", "/dev/null/x"])
def test_a_path_that_no_file_system_has_is_one_line(tmp_path, path):
    with pytest.raises(RunFolderError) as caught:
        layout.read_identity(tmp_path / path)
    assert "\n" not in str(caught.value)


# --- small files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        (layout.WRITER_FILE, Manifest(rank=3, config={"a": [1, "x"]}, resume_step=7), layout.read_manifest),
        (layout.END_FILE, End("exception", 1, 12, {"metrics-00000.arrows": (3, 999)}, 5, "boom"), layout.read_end),
    ],
)
def test_a_small_file_comes_back_and_is_written_once(tmp_path, name, value, read):
    assert read(tmp_path) is None
    assert layout.write_once(tmp_path / name, value)
    assert not layout.write_once(tmp_path / name, dataclasses.replace(value))
    again = read(tmp_path)
    assert dataclasses.replace(again, **({"writer": ""} if name == layout.WRITER_FILE else {})) == value
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_system_without_hard_links_is_written_to_all_the_same(tmp_path, monkeypatch):
    def refused(a, b):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    assert layout.write_once(tmp_path / "run.json", Identity("a"))
    assert not layout.write_once(tmp_path / "run.json", Identity("b"))
    assert layout.read_identity(tmp_path).run_id == "a"
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@given(st.floats(), st.floats(), st.integers(-1, 2**62), st.text(max_size=20))
def test_a_beat_comes_back_as_it_was_in_its_fixed_size(loss, lr, step, state):
    beat = Beat(state=state, loss=loss, lr=lr, step=step, count=3)
    data = layout.encode_beat(beat)
    assert len(data) == layout.BEAT_SIZE
    read = layout.decode_beat(data)
    assert read is not None
    assert repr(read) == repr(beat)  # NaN is NaN


def test_a_torn_or_changed_beat_is_no_beat(tmp_path, bits):
    first, second = Beat(step=1, loss=0.5, lr=0.1), Beat(step=123456, loss=0.25, lr=0.1, count=1)
    old, new = layout.encode_beat(first), layout.encode_beat(second)
    path = tmp_path / layout.BEAT_FILE
    for cut in range(len(new)):
        path.write_bytes(new[:cut] + old[cut:])
        assert layout.read_beat(tmp_path) in (None, first, second)
    payload = len(new.rstrip())
    for bit in range(8 * payload):
        path.write_bytes(bits(new, bit))
        assert layout.read_beat(tmp_path) is None, bit


def test_reading_opens_regular_files_only_and_never_waits(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/etc/hostname")
    (tmp_path / "folder").mkdir()
    (tmp_path / "long").write_bytes(bytes(11))
    (tmp_path / "ten").write_bytes(b"0123456789")
    for name in ("fifo", "link", "folder", "missing", "long", "a\0"):
        assert layout.read_small(tmp_path / name, 10) is None
    assert layout.read_small(tmp_path / "ten", 10) == b"0123456789"
    assert layout.read_small(Path("/dev/zero"), 10) is None


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_any_json_in_a_small_file_gives_a_usable_value(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    for kind, name, read in [
        (Manifest, layout.WRITER_FILE, layout.read_manifest),
        (End, layout.END_FILE, layout.read_end),
    ]:
        raw = data.draw(st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(kind)]), _json))
        (folder / name).write_text(json.dumps(raw))
        value = read(folder)
        for field in dataclasses.fields(kind):
            one, usual = getattr(value, field.name), getattr(kind(), field.name)
            assert type(one) is type(usual)
            assert not isinstance(one, int) or abs(one) < 2**63
        layout.process_alive(value) if kind is Manifest else None


def test_a_number_too_large_for_any_column_is_not_taken():
    payload = json.dumps({"step": 10**30, "loss": 10**400, "lr": "inf", "lost": True, "count": 4}).encode()
    read = layout.decode_beat(b"%08x %s\n" % (zlib.crc32(payload), payload))
    assert repr(read) == repr(Beat(lr=math.inf, count=4))


@pytest.mark.parametrize(
    "name",
    [
        "w-20260102T030405Z-r0012-abcdef",
        "w-",
        "w-x-r-",
        "w-20260102T030405Z-rx-1",
        "w-x-r²-1",
        "w-x-r" + "9" * 30,
        "w-a-b-c-d-e",
    ],
)
def test_the_name_of_a_folder_is_enough_to_show_its_rows(name):
    manifest = layout.manifest_of_name(name)
    assert (manifest.writer, manifest.launch) == (name, name)
    assert manifest.rank == (12 if "r0012" in name else 0)
    assert (manifest.started_ns > 0) == name.startswith("w-2026")


# --- processes --------------------------------------------------------------------------------

needs_proc = pytest.mark.skipif(not layout.process_identity()["boot_id"], reason="needs /proc")


def _here(**changes):
    return Manifest(**{**layout.process_identity(), **changes})


@needs_proc
def test_this_process_is_alive_and_another_of_its_number_is_not():
    assert layout.process_alive(_here()) is True
    assert layout.process_alive(_here(pid_start=1)) is False


@needs_proc
@pytest.mark.parametrize("changes", [{"boot_id": "other"}, {"pid_namespace": "other"}, {"boot_id": ""}])
def test_a_process_of_another_machine_or_container_cannot_be_judged(changes):
    assert layout.process_alive(_here(**changes)) is None


@needs_proc
def test_a_process_that_ended_is_gone_also_while_nobody_has_waited_for_it():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        start = layout._process_stat(child.pid)[0]
        manifest = _here(pid=child.pid, pid_start=start)
        assert layout.process_alive(manifest) is True
        child.kill()
        deadline = time.monotonic() + 30
        while layout.process_alive(manifest) and time.monotonic() < deadline:
            pass
        assert layout.process_alive(manifest) is False  # a zombie
    assert layout.process_alive(manifest) is False


@needs_proc
@pytest.mark.parametrize("pid", [-1, 0, 2**62])
def test_no_process_has_such_a_number(pid):
    assert layout.process_alive(_here(pid=pid, pid_start=5)) is False


@needs_proc
def test_a_process_hidden_from_proc_is_not_called_gone(monkeypatch):
    here = _here()
    monkeypatch.setattr(layout, "_process_stat", lambda pid: (-1, "X"))
    assert layout.process_alive(here) is None
