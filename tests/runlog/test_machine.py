"""Append, kill, restart, garble, repair, end and poll in any order, against a model that knows every byte."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from nntui.runlog import frame
from nntui.runlog.layout import End
from nntui.runlog.reader import RunReader
from nntui.runlog.schema import SCHEMAS
from nntui.runlog.writer import WriterFolder


def _event(number: int, size: int) -> pa.RecordBatch:
    row = {"step": number, "wall_time_ns": 0, "level": "", "event": "", "message": "x" * size, "data": ""}
    return pa.RecordBatch.from_pylist([row], schema=SCHEMAS["events"])


def _tensor(number: int, size: int) -> pa.RecordBatch:
    row = {"step": number, "wall_time_ns": 0, "name": "0.weight", "shape": [size // 4], "data": [0.5] * (size // 4)}
    return pa.RecordBatch.from_pylist([row], schema=SCHEMAS["tensors"])


@dataclass
class _Frame:
    path: Path
    start: int
    data: bytes
    number: int
    """Of the row; -1 for a schema."""
    sequence: int

    def is_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(len(self.data)) == self.data


@dataclass
class _Model:
    writer: WriterFolder
    frames: list[_Frame] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    """Sequence numbers of the frames that the reader has come past whole."""
    ended: bool = False

    def lost(self) -> int:
        known = len(self.frames) if self.ended else max(self.seen, default=-1) + 1
        return known - len(self.seen)


class _Life(RuleBasedStateMachine):
    """Every frame that is whole on the disk at a poll has been delivered after it, once; the rest is counted."""

    kind = "events"
    make = staticmethod(_event)

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.now = 0.0
        self.numbers = 0
        self.delivered: list[int] = []
        self.models = [_Model(WriterFolder.create(self.root / "run", segment_limit=4000))]
        self.reader = RunReader(self.root / "run", clock=lambda: self.now)

    @property
    def current(self) -> _Model:
        return self.models[-1]

    def teardown(self) -> None:
        for model in self.models:
            model.writer.close()
        shutil.rmtree(self.root)

    @precondition(lambda self: not self.current.ended)
    @rule(size=st.sampled_from([0, 10, 3000]))
    def append(self, size: int) -> None:
        folder = self.current.writer.folder
        before = {path: path.stat().st_size for path in folder.glob("*.arrows")}
        self.current.writer.append(self.kind, self.make(self.numbers, size))
        for path in sorted(folder.glob("*.arrows")):
            start = before.get(path, 0)
            new = path.read_bytes()[start:]
            nonce = frame.nonce_of(folder.name, path.name)
            for one in frame.scan(new, kind=self.kind, nonce=nonce).frames:
                number = -1 if one.is_schema else self.numbers
                kept = _Frame(path, start + one.start, new[one.start : one.end], number, one.sequence)
                self.current.frames.append(kept)
        self.numbers += 1

    @rule(data=st.data())
    def kill_and_restart(self, data: st.DataObject) -> None:
        """The machine dies; of the last file, an arbitrary part of the last bytes is gone."""
        self.current.writer.close()
        paths = sorted(self.current.writer.folder.glob("*.arrows"))
        if paths and not self.current.ended:
            size = paths[-1].stat().st_size
            with paths[-1].open("r+b") as file:
                file.truncate(data.draw(st.integers(max(0, size - 1500), size), label="bytes left"))
        self.models.append(_Model(WriterFolder.create(self.root / "run", segment_limit=4000)))

    @precondition(lambda self: not self.current.ended)
    @rule()
    def end(self) -> None:
        self.current.writer.end(End())
        self.current.ended = True

    @precondition(lambda self: any(model.frames for model in self.models))
    @rule(data=st.data(), mask=st.integers(1, 255))
    def garble(self, data: st.DataObject, mask: int) -> None:
        """A byte of any frame changes; done twice, it is as it was."""
        frames = [one for model in self.models for one in model.frames]
        one = frames[-1 - data.draw(st.integers(0, len(frames) - 1), label="frame, from the newest")]
        at = one.start + data.draw(st.integers(0, len(one.data) - 1), label="byte")
        with one.path.open("r+b") as file:
            file.seek(at)
            byte = file.read(1)
            if byte:
                file.seek(at)
                file.write(bytes([byte[0] ^ mask]))

    @precondition(lambda self: any(model.frames for model in self.models))
    @rule(data=st.data())
    def lose_pages(self, data: st.DataObject) -> None:
        """Part of a file reads as zeros."""
        frames = [one for model in self.models for one in model.frames]
        one = data.draw(st.sampled_from(frames), label="frame")
        size = one.path.stat().st_size
        count = min(data.draw(st.sampled_from([8, 700, 4096]), label="bytes"), max(0, size - one.start))
        with one.path.open("r+b") as file:
            file.seek(one.start)
            file.write(bytes(count))

    @rule(data=st.data())
    def repair(self, data: st.DataObject) -> None:
        """The true bytes arrive after all."""
        model = data.draw(st.sampled_from(self.models), label="writer")
        for one in model.frames:
            if one.start < one.path.stat().st_size:
                with one.path.open("r+b") as file:
                    file.seek(one.start)
                    file.write(one.data)

    @rule(max_bytes=st.sampled_from([1, 2000, 1 << 20]))
    def poll(self, max_bytes: int) -> None:
        self.now += 1.5  # holes and idle tails are looked at again; far too few polls to give a hole up
        while True:
            poll = self.reader.poll(max_bytes=max_bytes, max_seconds=1e9)
            self.delivered += [batch.data.column("step")[0].as_py() for batch in poll.batches]
            if not poll.more:
                break
        if any(model.ended for model in self.models):
            self.now += 5.0
            last = self.reader.poll(max_seconds=1e9)
            self.delivered += [batch.data.column("step")[0].as_py() for batch in last.batches]
            poll = last
        for model in self.models:
            model.seen |= {one.sequence for one in model.frames if one.is_whole()}
        whole = [one.number for m in self.models for one in m.frames if one.sequence in m.seen and one.number >= 0]
        assert sorted(self.delivered) == whole
        assert poll.lost.frames == sum(model.lost() for model in self.models)


class _LifeOfTensors(_Life):
    kind = "tensors"
    make = staticmethod(_tensor)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("life", "examples"), [(_Life, 100), (_LifeOfTensors, 40)], ids=["events", "tensors"])
def test_whatever_happens_what_is_whole_is_read_once_and_what_is_lost_is_counted(life, examples):
    run_state_machine_as_test(life, settings=settings(max_examples=examples, stateful_step_count=20))
