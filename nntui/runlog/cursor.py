"""Where one kind of file of one writer was read up to, and what is missing there.

Owns the reading of segments in order, the holes that are read again, and the count of frames. Knows nothing of other
writers, liveness or polling. Never keeps a file open, never maps one, never writes.
Invariant: a frame is delivered at most once; `next_sequence - whole` frames of those seen to exist were not read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from nntui.runlog import frame

HOLE_PATIENCE = 60.0
"""Seconds for which a hole is read again: network file systems deliver pages out of order."""
HOLE_INTERVAL = 1.0
"""Seconds between two looks at the same hole, or at an unfinished tail that does not grow."""
HOLES = 64
"""Most holes kept in mind per kind; the oldest is given up first."""
CHUNK = 1 << 16
"""Fewest bytes read at once."""
HEAD = 1 << 12
"""Bytes at the start of a file that hold its schema frame."""
PLACES = 512
"""Most places at which a sample is taken: as many as a plot has columns."""
LARGEST_PIECE = 8 << 20
"""Most bytes read at one place of a sample; frames of more than half of that may be in none."""
LARGEST_READ = 2 * frame.FRAME_LIMIT
"""Most bytes held at once: any frame that starts in the first half is whole in it."""
_TRANSIENT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EAGAIN, errno.ESTALE, errno.EIO}


@dataclass(slots=True)
class _Hole:
    segment: int
    start: int
    end: int | None
    """None: to the end of the file."""
    nonce: bytes | None
    lowest: int
    """Sequence number below which no frame of the hole can be."""
    found: float
    tried: float


class KindCursor:
    """All segments of one kind of one writer, read in order."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.next_sequence = 0
        self.whole = 0
        """Frames that were read whole, schema frames among them."""
        self.undecodable = 0
        """Whole frames that were no valid Arrow."""
        self.behind = True
        """Whether bytes may be left that no poll has looked at."""
        self.tail_since = -1.0
        """When the unfinished frame at the end was first seen as it is; -1 when there is none."""
        self.unreadable: set[int] = set()
        """Segments that cannot be opened."""
        self._folder = folder
        self._listed: frozenset[int] = frozenset()
        self._segment = 0
        self._offset = 0
        self._nonce: bytes | None = None
        self._tail_size = -1
        self._tail_tried = 0.0
        self._need = 0
        self._typical = 0
        """Usual length of the frames read last; 0 before any."""
        self._holes: list[_Hole] = []

    def read(self, segments: Sequence[int], budget: int, now: float) -> tuple[list[pa.RecordBatch], int, bool]:
        """New batches, bytes read, and whether there is more.

        segments: the numbers of the segments there are, listed *before* this call, ascending. So whatever has a later
        one behind it was finished when it was listed, and may be left once it is read to its end.
        """
        self._listed = frozenset(segments)
        self.unreadable &= self._listed
        batches = self._fill_holes(now)
        total = 0
        while True:
            found, count, progress = self._read_segment(max(budget - total, CHUNK), now)
            batches += found
            total += count
            later = [] if progress else [number for number in segments if number > self._segment]
            if later:
                self._leave_for(later[0], now)
            elif not progress:
                self.behind = False
                return batches, total, False
            if total >= budget:
                self.behind = True
                return batches, total, True

    def left(self, segments: Sequence[int]) -> int:
        """Bytes of these segments behind what was read."""
        ahead = self.sizes([number for number in segments if number >= self._segment])
        return sum(ahead.values()) - min(self._offset, ahead.get(self._segment, 0))

    def sizes(self, segments: Sequence[int]) -> dict[int, int]:
        """Bytes of each of these segments that is there."""
        found: dict[int, int] = {}
        for segment in segments:
            with contextlib.suppress(OSError):  # gone
                found[segment] = (self._folder / self._name(segment)).stat(follow_symlinks=False).st_size
        return found

    def sample(self, segments: Sequence[int], budget: int) -> list[pa.RecordBatch]:
        """Whole frames spread evenly over these segments, in order, the newest among them. It leaves the cursor where it is.

        budget: about how many bytes are read. segments: as for `read`.
        """
        self._listed = frozenset(segments)
        sizes = self.sizes(segments)
        usual = self._typical or self._measured(next(iter(sizes), 0))
        # so long that a whole frame of the usual size lies in a piece wherever that begins
        length = min(max(HEAD, 2 * usual), LARGEST_PIECE)
        nonces = {segment: self._nonce_of(segment) for segment in sizes}
        batches: list[pa.RecordBatch] = []
        lowest = 0
        for segment, offset in _places(sizes, length, max(2, min(PLACES, budget // length))):
            data = self._read_piece(segment, offset, length + 8)
            scan = frame.scan(data, kind=self.kind, nonce=nonces[segment], lowest=lowest)
            lowest = scan.frames[-1].sequence + 1 if scan.frames else lowest
            for one in scan.frames:
                with contextlib.suppress(pa.ArrowException):
                    batches += [] if one.is_schema else [frame.decode(data, one)]
        return batches

    def _measured(self, segment: int) -> int:
        """Usual length of the frames at the beginning of a segment; 0 where there are none."""
        nonce = self._nonce_of(segment)
        for count in (CHUNK, CHUNK << 4, CHUNK << 8):
            data = self._read_piece(segment, 0, count)
            length = _usual_length(frame.scan(data, kind=self.kind, nonce=nonce).frames)
            if length or len(data) < count:
                return length
        return 0

    def lost(self, promised: int = 0) -> int:
        """Frames known to have been written that were not read. promised: how many there are, according to end.json."""
        behind = 0 if self.behind else promised
        return max(0, self.next_sequence, behind) - min(self.whole, self.next_sequence) + self.undecodable

    def promised(self, files: Mapping[str, tuple[int, int]]) -> int:
        """Frames of this kind that end.json speaks of."""
        return sum(max(0, frames) for name, (frames, _) in files.items() if name.startswith(f"{self.kind}-"))

    def _name(self, segment: int) -> str:
        return f"{self.kind}-{segment:05d}.arrows"

    def _read_segment(self, budget: int, now: float) -> tuple[list[pa.RecordBatch], int, bool]:
        """New batches, bytes read, and whether the cursor moved."""
        opened = self._open(self._segment)
        if opened is None:
            return [], 0, False
        fd, size = opened
        try:
            left = size - self._offset
            if left <= 0:
                self.tail_since = -1.0
                return [], 0, False
            if self._is_known_tail(left, now):
                return [], 0, False
            data = _read_at(fd, self._offset, min(left, LARGEST_READ, max(self._need, budget)))
        except OSError:
            return [], 0, False
        finally:
            os.close(fd)
        return self._take(data, left, now)

    def _is_known_tail(self, left: int, now: float) -> bool:
        """Whether these many bytes were looked at a moment ago, or for so long that they will not change any more."""
        if self.tail_since < 0 or left != self._tail_size:
            return False
        return 0 <= now - self._tail_tried < HOLE_INTERVAL or now - self.tail_since > HOLE_PATIENCE

    def _take(self, data: bytes, left: int, now: float) -> tuple[list[pa.RecordBatch], int, bool]:
        nonce = self._nonce or self._first_nonce(data if self._offset == 0 else b"", self._segment)
        scan = frame.scan(data, kind=self.kind, nonce=nonce, lowest=self.next_sequence)
        if scan.frames:
            self._note_gaps(scan, nonce, now)
            batches = self._deliver(data, scan.frames)
            self._nonce, self._need = nonce, 0
            self._offset += scan.settled
            self._typical = _usual_length(scan.frames) or self._typical
            self.tail_since = -1.0
            return batches, len(data), True
        if len(data) >= LARGEST_READ:  # no frame starts in the first half
            self._offset += frame.FRAME_LIMIT
            return [], len(data), True
        if len(data) < left:
            self._need = len(data) * 4
            return [], len(data), True
        if self._tail_size != left or self.tail_since < 0:
            self.tail_since, self._tail_size = now, left
        self._tail_tried = now
        return [], len(data), False

    def _note_gaps(self, scan: frame.Scan, nonce: bytes, now: float) -> None:
        lowest, following = self.next_sequence, iter(scan.frames)
        before: dict[int, int] = {}
        for one in following:  # start of a frame to the lowest number that what lies before it may have
            before[one.start] = lowest
            lowest = one.sequence + 1
        for start, end in scan.gaps:
            whole = (self._offset + start, self._offset + end)
            self._add_hole(_Hole(self._segment, *whole, nonce, before[end], now, now))

    def _first_nonce(self, head: bytes, segment: int) -> bytes:
        return frame.schema_nonce(head, self.kind) or frame.nonce_of(self._folder.name, self._name(segment))

    def _nonce_of(self, segment: int) -> bytes:
        return self._first_nonce(self._read_piece(segment, 0, HEAD), segment)

    def _deliver(self, data: bytes, frames: Sequence[frame.Frame]) -> list[pa.RecordBatch]:
        self.whole += len(frames)
        self.next_sequence = max(self.next_sequence, frames[-1].sequence + 1)
        batches: list[pa.RecordBatch] = []
        for one in frames:
            if one.is_schema:
                continue
            try:
                batches.append(frame.decode(data, one))
            except pa.ArrowException:
                self.undecodable += 1
        return batches

    def _leave_for(self, segment: int, now: float) -> None:
        """Go on with a later segment; what is left of this one, and any between, may still arrive."""
        skipped = range(self._segment + 1, min(segment, self._segment + HOLES // 2))
        for number, start, nonce in [(self._segment, self._offset, self._nonce), *((n, 0, None) for n in skipped)]:
            self._add_hole(_Hole(number, start, None, nonce, self.next_sequence, now, now))
        self._segment, self._offset, self._nonce, self._need = segment, 0, None, 0
        self.tail_since, self._tail_size = -1.0, -1

    # --- holes --------------------------------------------------------------------------------

    def _add_hole(self, hole: _Hole) -> None:
        self._holes.append(hole)
        del self._holes[:-HOLES]

    def _fill_holes(self, now: float) -> list[pa.RecordBatch]:
        batches: list[pa.RecordBatch] = []
        kept: list[_Hole] = []
        for hole in self._holes:
            if 0 <= now - hole.tried < HOLE_INTERVAL:
                kept.append(hole)
                continue
            hole.tried = now
            found, remaining = self._look_into(hole)
            batches += found
            kept += [one for one in remaining if now - one.found < HOLE_PATIENCE]
        self._holes = kept
        return batches

    def _look_into(self, hole: _Hole) -> tuple[list[pa.RecordBatch], Iterable[_Hole]]:
        data = self._read_hole(hole)
        nonce = hole.nonce or self._first_nonce(data if hole.start == 0 else b"", hole.segment)
        scan = frame.scan(data, kind=self.kind, nonce=nonce, lowest=hole.lowest)
        if not scan.frames:
            return [], [hole]
        ends = [(start, hole.start + end) for start, end in scan.gaps]
        last = hole.end is None or hole.start + scan.settled < hole.end
        spans = [*ends, (scan.settled, hole.end)] if last else ends
        rest = [_Hole(hole.segment, hole.start + a, b, nonce, hole.lowest, hole.found, hole.tried) for a, b in spans]
        return self._deliver(data, scan.frames), rest

    def _read_hole(self, hole: _Hole) -> bytes:
        return self._read_piece(hole.segment, hole.start, LARGEST_READ if hole.end is None else hole.end - hole.start)

    def _read_piece(self, segment: int, offset: int, count: int) -> bytes:
        """So many bytes of a segment, or what there is of them."""
        opened = self._open(segment)
        if opened is None:
            return b""
        fd, _ = opened
        try:
            return _read_at(fd, offset, min(count, LARGEST_READ))
        except OSError:
            return b""
        finally:
            os.close(fd)

    def _open(self, segment: int) -> tuple[int, int] | None:
        """A descriptor and the size of a regular file; None when there is none to be read."""
        if segment not in self._listed:
            return None
        try:
            fd = os.open(self._folder / self._name(segment), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENOENT and error.errno not in _TRANSIENT:
                self.unreadable.add(segment)
            return None
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            self.unreadable.add(segment)
            return None
        self.unreadable.discard(segment)
        return fd, status.st_size


def _usual_length(frames: Sequence[frame.Frame]) -> int:
    """Mean length of those that hold a batch; 0 where none does."""
    found = [one.end - one.start for one in frames if not one.is_schema]
    return sum(found) // max(1, len(found))


def _places(sizes: Mapping[int, int], length: int, count: int) -> Iterator[tuple[int, int]]:
    """Segment and offset of `count` pieces spread evenly over segments of these sizes, the last one at the very end."""
    total = sum(sizes.values())
    starts = [(total - length) * n // (count - 1) for n in range(count - 1)] if total > length else []
    before = 0
    for segment, size in sizes.items():
        yield from ((segment, (at - before) & ~7) for at in starts if before <= at < before + size)
        before += size
    if total:
        last = max(segment for segment, size in sizes.items() if size)
        yield last, max(0, sizes[last] - length) & ~7


def _read_at(fd: int, offset: int, count: int) -> bytes:
    pieces: list[bytes] = []
    while count > 0:
        piece = os.pread(fd, count, offset)
        if not piece:
            break
        pieces.append(piece)
        offset += len(piece)
        count -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
