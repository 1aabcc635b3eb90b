# pyright: standard
"""Room for columns that grow: memory, and past a limit a file without a name.

Owns where the viewer's large arrays lie, so that a dashboard that is left open for days holds no more memory than on its first
day. Refuses to need the file: where this machine has no disk to spare, memory serves. Invariant: room is given again only
when no array lies there any more.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nntui.runlog.mounts import NETWORK, file_system

_Number = TypeVar("_Number", np.int64, np.float64)

HELD = 32 << 20
"""Bytes of large arrays that are held in memory before any lies in the file."""
LARGE = 16 << 10
"""Bytes from which an array is large; smaller ones are as many as there are metrics, however long a run is."""
REGION = 64 << 20
"""Bytes by which the file grows, at least; a power of two."""
REST_BYTES = 16 << 20
"""Bytes that may be read or written before memory is relieved of them."""
REST_INTERVAL = 2.0
"""Seconds after which memory is relieved of the pages that nobody has looked at since."""
LOOK_INTERVAL = 60.0
"""Seconds after which a disk is looked for again where there was none."""
SPARE = 1 << 30
"""Bytes of the disk that are left to others."""
UNFIT = NETWORK | {"tmpfs", "ramfs"}
"""File systems that would save nothing, or whose server may go away: whoever reads a page then is killed."""


class Spill:
    """Gives room to large arrays. Of any thread."""

    def __init__(self, folder: Path | None = None, *, held: int = HELD, region: int = REGION) -> None:
        """folder: where the file is made, by default where the system has files that may be large and live for days."""
        self._folder, self._limit, self._region = folder, held, region
        self._lock = threading.RLock()
        self._file = -1
        self._rested = -math.inf
        self._looks_at = -math.inf
        """When a folder is looked for (again), on the monotonic clock."""
        self._size = 0
        self._touched = 0
        """Bytes read or written since the last rest, as far as told."""
        self._regions: list[mmap.mmap] = []
        self._free: dict[int, list[tuple[mmap.mmap, int]]] = {}
        """Places that are free, by their size, a power of two."""
        self.held = 0
        """Bytes of large arrays that lie in memory."""
        self.spilled = 0
        """Bytes of those that lie in the file."""

    def grown(self, array: NDArray[_Number], size: int, end: int, coming: int = 0) -> NDArray[_Number]:
        """The array, or where it has no room for `end` numbers a larger one with its first `size`; the rest may be anything.

        coming: how many more than these are likely to follow soon; a larger one has room for them, too.
        """
        if end <= len(array):
            return array
        larger = self._room(max(end + coming, len(array) * 3 // 2), array.dtype)
        larger[:size] = array[:size]
        return larger

    def relieve(self, now: float) -> None:
        """Rest, unless that was a moment ago: whoever reads a run asks for it, and many may be read. now: a monotonic clock."""
        with self._lock:
            due = not 0 <= now - self._rested < REST_INTERVAL
            self._rested = now if due else self._rested
        if due:
            self.rest()

    def touched(self, size: int) -> None:
        """So many bytes of columns were just read or written: rest where it was much since the last time."""
        with self._lock:
            self._touched += size
            due = self._touched > REST_BYTES
        if due:
            self.rest()

    def rest(self) -> None:
        """Take the file's pages out of memory; who reads a number brings its page back."""
        with self._lock:
            self._touched = 0
            for region in self._regions if hasattr(mmap, "MADV_DONTNEED") else ():
                region.madvise(mmap.MADV_DONTNEED)

    def _room(self, count: int, kind: np.dtype[_Number]) -> NDArray[_Number]:
        needed = count * kind.itemsize
        if needed < LARGE:
            return np.empty(count, kind)
        with self._lock:
            size = 1 << (needed - 1).bit_length()
            place = self._place(size) if self.held + needed > self._limit else None
            if place is None:
                array = np.empty(count, kind)
                self.held += needed
                weakref.finalize(array, self._left, needed).atexit = False
                return array
            array = np.frombuffer(place[0], kind, count, place[1])
            self.spilled += size
            weakref.finalize(array, self._vacated, *place, size).atexit = False
            return array

    def _place(self, size: int) -> tuple[mmap.mmap, int] | None:
        """Room in the file for `size` bytes, a power of two; None where there is no disk for it."""
        larger = min((one for one, places in self._free.items() if one >= size and places), default=0)
        if not larger:
            larger = max(size, self._region)
            region = self._extended(larger)
            if region is None:
                return None
            self._free.setdefault(larger, []).append((region, 0))
        region, start = self._free[larger].pop()
        while larger > size:
            larger //= 2
            self._free.setdefault(larger, []).append((region, start + larger))
        return region, start

    def _extended(self, length: int) -> mmap.mmap | None:
        """So many more bytes of the file."""
        try:
            if self._file < 0 and time.monotonic() >= self._looks_at:
                self._looks_at = time.monotonic() + LOOK_INTERVAL
                self._file = self._opened(length)
            if self._file < 0 or not _has_room(self._file, length):
                return None
            os.posix_fallocate(self._file, self._size, length)  # a page without a block would kill the process
            region = mmap.mmap(self._file, length, offset=self._size)
        except (OSError, ValueError, AttributeError):  # no room after all, or a system that cannot
            return None
        self._size += length
        self._regions.append(region)
        return region

    def _opened(self, length: int) -> int:
        """A file without a name in the first folder of a disk with room; -1 where there is none."""
        for folder in [self._folder] if self._folder else _folders():
            try:
                if file_system(folder) in UNFIT:
                    continue
                with tempfile.TemporaryFile(dir=folder) as file:
                    found = os.dup(file.fileno()) if _has_room(file.fileno(), length) else -1
            except OSError:  # not there, or not to be written
                continue
            if found >= 0:
                weakref.finalize(self, os.close, found)
                return found
        return -1

    def _left(self, size: int) -> None:
        with self._lock:
            self.held -= size

    def _vacated(self, region: mmap.mmap, start: int, size: int) -> None:
        with self._lock:
            self.spilled -= size
            self._free[size].append((region, start))


def _has_room(file: int, length: int) -> bool:
    """Whether so many bytes more leave enough of the disk to others."""
    disk = os.fstatvfs(file)
    return disk.f_bavail * disk.f_frsize >= length + SPARE


def _folders() -> list[Path]:
    """TMPDIR, then /var/tmp, which is on a disk where /tmp may be memory, then what Python finds."""
    found = [Path(os.environ["TMPDIR"])] if os.environ.get("TMPDIR") else []
    found.append(Path("/var/tmp"))
    with contextlib.suppress(OSError):
        found.append(Path(tempfile.gettempdir()))
    return found


SPILL = Spill()
"""What all columns of the process grow in."""
