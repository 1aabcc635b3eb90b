"""Reading a run folder while it grows.

Owns which writers there are, whose turn it is, and the sum of what is missing. Never keeps a file open, never maps
one, never writes. Invariant: a batch is delivered once, whole and unchanged; what cannot be delivered is counted.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from nntui.runlog import layout
from nntui.runlog.cursor import KindCursor
from nntui.runlog.schema import POINTS, SCHEMAS
from nntui.runlog.writers import Writer, is_over

ENDED_INTERVAL = 5.0
"""Seconds between looks at a writer that has ended and was read to its end."""
DORMANT_AFTER = 60.0
"""Seconds without a byte or a beat after which a writer that has not ended is looked at less often."""
DORMANT_INTERVAL = 1.0
TAIL_PATIENCE = 10.0
"""Seconds after which an unfinished tail that does not change counts as torn even if the writer may be alive."""
_SEGMENT = re.compile(r"([a-z]{1,13})-([0-9]{5,9})\.arrows")


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """One record batch of one file."""

    writer: str
    kind: str
    data: pa.RecordBatch


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
    """In file order per writer and kind, except that what fills a hole comes late."""
    writers: Mapping[str, Writer]
    """All writers so far, oldest first."""
    lost: Damage
    more: bool
    """Whether data was left for the next poll."""
    bytes_read: int = 0
    beats: int = 0
    """Writers whose beat or end changed since the last poll."""
    left: int = 0
    """Bytes of what was left."""


class RunReader:
    """Reads one run folder by polling."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        kinds: Collection[str] = tuple(SCHEMAS),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """kinds: which files to read. Raises RunFolderError when there is no run to read."""
        self.path = Path(path)
        self._kinds = kinds
        self.identity = layout.read_identity(self.path)
        self._clock = clock
        self._writers: dict[str, _WriterCursor] = {}
        self._turn = 0

    def poll(self, max_bytes: int = 4 << 20, max_seconds: float = 0.05) -> Poll:
        """Read what is new, about max_bytes and max_seconds of it at most (a frame is never split).

        Files take turns: the next poll begins with the one this poll had no time for. Raises RunFolderError when the
        run is gone.
        """
        now = self._clock()
        ignored = self._find_writers()
        beats, turns = 0, []
        for cursor in self._writers.values():
            if cursor.is_due(now):
                beats += cursor.refresh(now)
                turns += [(cursor, kind) for kind in cursor.kinds.values()]
        first = self._turn % len(turns) if turns else 0
        batches: list[Batch] = []
        total, more = 0, False
        for position, (cursor, kind) in enumerate([*turns[first:], *turns[:first]]):
            if total >= max_bytes or (total and self._clock() - now > max_seconds):
                kind.behind = more = True
                continue
            found, count, left = kind.read(cursor.segments[kind.kind], max_bytes - total, now)
            batches += [Batch(cursor.name, kind.kind, data) for data in found]
            total += count
            more |= left
            self._turn = first + position + 1
            if count:
                cursor.changed = now
        return self._result(batches, ignored, more, total, beats, now)

    def sample(self, max_bytes: int) -> tuple[Batch, ...]:
        """Points spread evenly over what lies in the files that the last poll knew, the newest of each file among them.

        What a run looks like that is too long to be read at once. It moves nothing: polls deliver the same, too.
        """
        cursors = [(one, kind) for one in self._writers.values() for kind in one.kinds.values() if kind.kind in POINTS]
        sizes = [sum(kind.sizes(one.segments[kind.kind]).values()) for one, kind in cursors]
        found, total = list[Batch](), sum(sizes)
        for (one, kind), size in zip(cursors, sizes, strict=True):
            budget = max_bytes * size // max(1, total)
            found += [Batch(one.name, kind.kind, data) for data in kind.sample(one.segments[kind.kind], budget)]
        return tuple(found)

    def _result(self, batches: list[Batch], ignored: int, more: bool, total: int, beats: int, now: float) -> Poll:
        losses = [cursor.damage(now) for cursor in self._writers.values()]
        lost = Damage(
            frames=sum(d.frames for d in losses),
            torn=sum(d.torn for d in losses),
            ignored=ignored + sum(d.ignored for d in losses),
        )
        known = [cursor.writer for cursor in self._writers.values()]
        known.sort(key=lambda one: (one.manifest.started_ns, one.folder.name))
        writers = {one.folder.name: one for one in known}
        behind = [(c, kind) for c in self._writers.values() for kind in c.kinds.values() if more and kind.behind]
        left = sum(kind.left(cursor.segments[kind.kind]) for cursor, kind in behind)
        return Poll(tuple(batches), writers, lost, more, total, beats, left)

    def _find_writers(self) -> int:
        ignored = 0
        found: list[str] = []
        try:
            with os.scandir(self.path) as entries:
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
                self._writers[name] = _WriterCursor(self.path / name, self._kinds)
        return ignored


def _moment(beat: layout.Beat | None) -> tuple[int, int] | None:
    return None if beat is None else (beat.count, beat.wall_time_ns)


class _WriterCursor:
    """One writer folder: its small files and a cursor per kind."""

    def __init__(self, folder: Path, kinds: Collection[str]) -> None:
        self.name = folder.name
        self.writer = Writer(folder, layout.manifest_of_name(folder.name), None, None)
        self.kinds = {kind: KindCursor(folder, kind) for kind in kinds}
        self.segments: dict[str, list[int]] = {kind: [] for kind in self.kinds}
        self.changed = -1.0
        """When a byte or a beat was last new."""
        self._looked = -1.0
        self._described = False
        self._ignored = 0

    def is_due(self, now: float) -> bool:
        """Whether to look at this poll: always while it writes, less often once it has ended or gone silent."""
        if self._looked < 0 or any(kind.behind for kind in self.kinds.values()):
            return True
        if self.writer.end is not None:
            return not 0 <= now - self._looked < ENDED_INTERVAL
        return now - self.changed < DORMANT_AFTER or not 0 <= now - self._looked < DORMANT_INTERVAL

    def refresh(self, now: float) -> bool:
        """Read the small files, then list the segments; whether the beat or the end is new."""
        self._looked = now
        known = self.writer
        manifest = known.manifest
        if not self._described:  # until writer.json is there, the folder's name says enough to show the rows
            read = layout.read_manifest(known.folder)
            manifest, self._described = read or manifest, read is not None
        end = known.end or layout.read_end(known.folder)
        beat = layout.read_beat(known.folder) or known.beat
        self.writer = Writer(known.folder, manifest, beat, end)
        self._list()  # after end.json: what it promises was written before it
        is_new = end != known.end or _moment(beat) != _moment(known.beat)
        if is_new or self.changed < 0:
            self.changed = now
        return is_new

    def damage(self, now: float) -> Damage:
        """What is known to be lost here."""
        files = self.writer.end.files if self.writer.end else {}
        frames = torn = 0
        ignored = self._ignored
        for kind in self.kinds.values():
            promised = kind.promised(files)
            frames += kind.lost(promised)
            ignored += len(kind.unreadable)
            torn += not promised and kind.tail_since >= 0 and self._is_over(now, kind)
        return Damage(frames, torn, ignored)

    def _is_over(self, now: float, kind: KindCursor) -> bool:
        return now - kind.tail_since > TAIL_PATIENCE or is_over(self.writer)

    def _list(self) -> None:
        found: dict[str, list[int]] = {kind: [] for kind in self.kinds}
        ignored = 0
        try:
            with os.scandir(self.writer.folder) as entries:
                for entry in entries:
                    name = _SEGMENT.fullmatch(entry.name)
                    if not entry.is_file(follow_symlinks=False):
                        ignored += not entry.is_dir(follow_symlinks=False)
                    elif name and name[1] in found:
                        found[name[1]].append(int(name[2]))
        except OSError:
            return  # gone, or not readable at the moment: the last list stays
        self.segments = {kind: sorted(numbers) for kind, numbers in found.items()}
        self._ignored = ignored
