"""Reading a run folder while it grows.

Owns where each file was read up to, and what is missing. Never keeps a file open, never maps one, never writes.
Invariant: a batch is delivered once, whole and unchanged; what cannot be delivered is counted.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from nntui.runlog import frame, layout
from nntui.runlog.schema import SCHEMAS

HOLE_PATIENCE = 60.0
"""Seconds for which a hole is read again: network file systems deliver pages out of order."""
HOLE_INTERVAL = 1.0
SCAN_INTERVAL = 5.0
"""Seconds between looks at the files of a writer that has ended and was read to its end."""
TAIL_PATIENCE = 10.0
"""Seconds after which an unfinished tail that does not change counts as torn even if the writer may be alive."""


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """One record batch of one file."""

    writer: str
    kind: str
    data: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Writer:
    """What is known of one writer besides its rows."""

    folder: Path
    manifest: layout.Manifest
    beat: layout.Beat | None
    end: layout.End | None


@dataclass(frozen=True, slots=True)
class Damage:
    """What the files lack, as of this poll; it shrinks when late pages fill a hole."""

    frames: int = 0
    """Frames damaged or missing."""
    torn: int = 0
    """Unfinished tails of writers that will not finish them."""
    ignored: int = 0
    """Links, FIFOs, devices and unreadable files that were not opened."""


@dataclass(frozen=True, eq=False, slots=True)
class Poll:
    """What one poll found."""

    batches: tuple[Batch, ...]
    """In file order per writer and kind."""
    writers: Mapping[str, Writer]
    """All writers so far, oldest first."""
    lost: Damage
    more: bool
    """Whether data was left for the next poll."""
    bytes_read: int = 0


class RunReader:
    """Reads one run folder by polling."""

    def __init__(self, path: str | os.PathLike[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises RunFolderError when there is no run to read."""
        self.path = Path(path)
        self.identity = layout.read_identity(self.path)
        self._clock = clock
        self._writers: dict[str, _WriterCursor] = {}
        self._turn = 0

    def poll(self, max_bytes: int = 4 << 20, max_seconds: float = 0.05) -> Poll:
        """Read what is new, at most about max_bytes and max_seconds of it (a frame is never split).

        Raises RunFolderError when the run is gone.
        """
        now = self._clock()
        deadline = now + max_seconds
        ignored = self._find_writers()
        cursors = list(self._writers.values())
        self._turn += 1
        cursors = cursors[self._turn % len(cursors) :] + cursors[: self._turn % len(cursors)] if cursors else []
        batches: list[Batch] = []
        total, more = 0, False
        for cursor in cursors:
            cursor.refresh()
            for file in cursor.files(now):
                if total >= max_bytes or (total and self._clock() > deadline):
                    more = True
                    break
                found, count, left = file.read(max_bytes - total, now)
                batches += [Batch(cursor.name, file.kind, data) for data in found]
                total += count
                more |= left
        writers = {name: c.writer for name, c in self._writers.items() if c.writer is not None}
        losses = [cursor.damage(now) for cursor in self._writers.values()]
        lost = Damage(
            frames=sum(d.frames for d in losses),
            torn=sum(d.torn for d in losses),
            ignored=ignored + sum(d.ignored for d in losses),
        )
        return Poll(tuple(batches), writers, lost, more, total)

    def _find_writers(self) -> int:
        ignored = 0
        try:
            with os.scandir(self.path) as entries:
                found = []
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        found.append(entry.name)
                    elif not entry.is_file(follow_symlinks=False):
                        ignored += 1
        except OSError:
            layout.read_identity(self.path)  # says what is wrong
            return ignored
        for name in sorted(found):
            if name.startswith(layout.WRITER_PREFIX) and name not in self._writers:
                self._writers[name] = _WriterCursor(self.path / name)
        return ignored


class _WriterCursor:
    """One writer folder: its small files and a cursor per kind."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.folder = folder
        self.writer: Writer | None = None
        self._kinds = {kind: _KindCursor(folder, kind) for kind in SCHEMAS}
        self._settled_at = -1.0
        self._described = False

    def refresh(self) -> None:
        known = self.writer
        if known is not None and known.end is not None and self._described:
            return
        manifest = known.manifest if known and self._described else layout.read_manifest(self.folder)
        self._described = manifest is not None
        if manifest is None:  # lost or not written yet: the folder's name says enough to show the rows
            manifest = layout.manifest_of_name(self.folder.name)
        end = layout.read_end(self.folder)
        beat = layout.read_beat(self.folder) or (known.beat if known else None)
        self.writer = Writer(self.folder, manifest, beat, end)

    def files(self, now: float) -> list[_KindCursor]:
        """The kinds worth reading; none for most polls of a writer that has ended and was read to its end."""
        ended = self.writer is not None and self.writer.end is not None
        if ended and self._settled_at >= 0 and now - self._settled_at < SCAN_INTERVAL:
            return []
        self._settled_at = now if ended and not any(k.behind for k in self._kinds.values()) else -1.0
        return list(self._kinds.values())

    def damage(self, now: float) -> Damage:
        end = self.writer.end if self.writer else None
        frames = torn = ignored = 0
        for kind in self._kinds.values():
            frames += kind.missing
            ignored += kind.ignored
            if end is not None:
                frames += kind.missing_at_end(end.files)
            elif kind.tail_since >= 0 and self._is_over(now, kind):
                torn += 1
        return Damage(frames, torn, ignored)

    def _is_over(self, now: float, kind: _KindCursor) -> bool:
        if now - kind.tail_since > TAIL_PATIENCE:
            return True
        return self.writer is not None and layout.process_alive(self.writer.manifest) is False


@dataclass(slots=True)
class _Hole:
    segment: int
    start: int
    end: int
    found: float
    tried: float


@dataclass(slots=True)
class _KindCursor:
    """All segments of one kind of one writer, read in order."""

    folder: Path
    kind: str
    segment: int = 0
    offset: int = 0
    nonce: bytes | None = None
    next_sequence: int = 0
    delivered: dict[int, int] = field(default_factory=dict)  # segment to frames seen whole
    missing: int = 0
    ignored: int = 0
    behind: bool = True
    tail_since: float = -1.0
    _tail_size: int = -1
    _refused: set[int] = field(default_factory=set)
    _holes: list[_Hole] = field(default_factory=list)
    _chunk: int = 1 << 20

    def read(self, budget: int, now: float) -> tuple[list[pa.RecordBatch], int, bool]:
        """New batches, bytes read, and whether there is more."""
        batches = self._fill_holes(now)
        total = 0
        while True:
            found, count, progress = self._read_segment(max(budget - total, 1), now)
            batches += found
            total += count
            if not progress:
                self.behind = False
                return batches, total, False
            if total >= budget:
                self.behind = True
                return batches, total, True

    def missing_at_end(self, files: Mapping[str, tuple[int, int]]) -> int:
        """Frames that end.json promises behind the last whole one that was read."""
        promised = sum(count for name, (count, _) in files.items() if name.startswith(f"{self.kind}-"))
        return max(0, promised - sum(self.delivered.values()) - self.missing) if not self.behind else 0

    def _name(self, segment: int) -> str:
        return f"{self.kind}-{segment:05d}.arrows"

    def _read_segment(self, budget: int, now: float) -> tuple[list[pa.RecordBatch], int, bool]:
        opened = self._open(self.segment)
        if opened is None:
            return [], 0, self._advance(now)
        fd, size = opened
        try:
            left = size - self.offset
            if left <= 0:
                if left == 0:
                    self.tail_since = -1.0
                return [], 0, self._advance(now)
            data = _read_at(fd, self.offset, min(left, max(self._chunk, budget)))
        except OSError:
            return [], 0, False
        finally:
            os.close(fd)
        return self._take(data, left, now)

    def _take(self, data: bytes, left: int, now: float) -> tuple[list[pa.RecordBatch], int, bool]:
        scan = frame.scan(data, kind=self.kind, nonce=self.nonce)
        for start, end in scan.gaps:
            self._holes.append(_Hole(self.segment, self.offset + start, self.offset + end, now, now))
        batches = self._deliver(data, scan.frames)
        if scan.frames:
            last = scan.frames[-1]
            first = scan.frames[0]
            expected = last.sequence + 1 - self.next_sequence
            self.missing += max(0, expected - len(scan.frames)) if first.sequence >= self.next_sequence else 0
            self.next_sequence = max(self.next_sequence, last.sequence + 1)
            self.nonce = last.nonce
            self.offset += scan.settled
            self.tail_since = -1.0
            return batches, len(data), True
        if len(data) < left:  # the frame is longer than the chunk, or nothing in the chunk is whole
            if self._chunk >= frame.FRAME_LIMIT:
                self.offset += len(data) // 2
            else:
                self._chunk *= 4
            return [], len(data), True
        if self._tail_size != left or self.tail_since < 0:
            self.tail_since, self._tail_size = now, left
        return [], len(data), self._advance(now)

    def _deliver(self, data: bytes, frames: tuple[frame.Frame, ...]) -> list[pa.RecordBatch]:
        try:
            batches = frame.decode(data, frames, self.kind)
        except pa.ArrowException:
            batches = []
            for one in frames:
                try:
                    batches += frame.decode(data, (one,), self.kind)
                except pa.ArrowException:
                    self.missing += 1
        self.delivered[self.segment] = self.delivered.get(self.segment, 0) + len(frames)
        return batches

    def _advance(self, now: float) -> bool:
        """Go on to the next segment when there is one: then this one will not grow any more."""
        opened = self._open(self.segment + 1)
        if opened is None:
            return False
        fd, _ = opened
        os.close(fd)
        if self.tail_since >= 0:
            end = self.offset + self._tail_size
            self._holes.append(_Hole(self.segment, self.offset, end, now, now))
        self.segment += 1
        self.offset, self.nonce, self.tail_since, self._tail_size = 0, None, -1.0, -1
        return True

    def _fill_holes(self, now: float) -> list[pa.RecordBatch]:
        if not self._holes:
            return []
        batches: list[pa.RecordBatch] = []
        kept: list[_Hole] = []
        for hole in self._holes:
            if now - hole.tried < HOLE_INTERVAL:
                kept.append(hole)
                continue
            hole.tried = now
            data = self._read_hole(hole)
            scan = frame.scan(data, kind=self.kind)
            if scan.frames:
                current, self.segment = self.segment, hole.segment
                batches += self._deliver(data, scan.frames)
                self.segment = current
                self.missing = max(0, self.missing - len(scan.frames))
            kept += [h for h in _remaining(hole, scan, len(data)) if now - h.found < HOLE_PATIENCE]
        self._holes = kept
        return batches

    def _read_hole(self, hole: _Hole) -> bytes:
        opened = self._open(hole.segment)
        if opened is None:
            return b""
        try:
            return _read_at(opened[0], hole.start, hole.end - hole.start)
        except OSError:
            return b""
        finally:
            os.close(opened[0])

    def _open(self, segment: int) -> tuple[int, int] | None:
        """A descriptor and the size of a regular file; None when there is none."""
        if segment in self._refused:
            return None
        path = self.folder / self._name(segment)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError:
            self._refuse(segment)
            return None
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode):
            return fd, status.st_size
        os.close(fd)
        self._refuse(segment)
        return None

    def _refuse(self, segment: int) -> None:
        self._refused.add(segment)
        self.ignored += 1


def _remaining(hole: _Hole, scan: frame.Scan, length: int) -> list[_Hole]:
    """The parts of a hole that are still no whole frames."""
    if not scan.frames:
        return [hole]
    spans = [*scan.gaps, (scan.settled, length)]
    return [
        _Hole(hole.segment, hole.start + start, hole.start + end, hole.found, hole.tried)
        for start, end in spans
        if end > start
    ]


def _read_at(fd: int, offset: int, count: int) -> bytes:
    pieces: list[bytes] = []
    while count > 0:
        piece = os.pread(fd, count, offset)
        if not piece:
            break
        pieces.append(piece)
        offset += len(piece)
        count -= len(piece)
    return b"".join(pieces)
