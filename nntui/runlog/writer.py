"""Writing a run folder: one writer folder per process, one append-only file per kind.

Owns the files of one writer. Knows nothing of threads, queues or retries: it either writes a frame whole or leaves the
file as it was and raises OSError.
Invariant: at every moment each file is a sequence of whole frames, except for the bytes of a write that the machine
interrupted; a file once closed is never opened for writing again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import json
import math
import os
import secrets
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from nntui.runlog import frame, layout
from nntui.runlog.errors import NotARun, RunFolderError

SEGMENT_LIMIT = 64 << 20
"""A file that has grown past this many bytes is followed by a new one."""
CONFIG_LIMIT = 64 << 10
"""Most bytes of the config stored in writer.json; a longer one is replaced by a note of its size."""
CONFIG_ITEMS = 1 << 14
"""Most values of a config that are looked at: a structure that shares or contains itself unfolds without end."""

_Item = TypeVar("_Item")


class WriterFolder:
    """The files of one writing process."""

    def __init__(self, folder: Path, manifest: layout.Manifest, *, segment_limit: int = SEGMENT_LIMIT) -> None:
        """Use `create`; the folder must be this process's own."""
        self.folder = folder
        self.manifest = manifest
        self._segment_limit = segment_limit
        self._segments: dict[str, _Segment] = {}
        self._sequence: dict[str, int] = {}
        self._opened: dict[str, int] = {}
        self._files: dict[str, tuple[int, int]] = {}
        self._beat_fd = -1
        self._closed = False
        self.written = 0
        """Bytes of whole frames so far, over all files."""

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        rank: int = 0,
        world_size: int = 1,
        launch: str = "",
        restart: int = 0,
        resume_step: int | None = None,
        total_steps: int | None = None,
        steps_per_epoch: int | None = None,
        config: Mapping[str, Any] | None = None,
        versions: Mapping[str, Any] | None = None,
        git_commit: str = "",
        command: str = "",
        seed: str = "",
        segment_limit: int = SEGMENT_LIMIT,
    ) -> WriterFolder:
        """A new writer in the run at `path`, which is made when nothing is there.

        Raises RunFolderError: the path is a file, a folder of something else, a newer format, or cannot be written.
        """
        root = Path(path)
        try:
            begin_run(root)
            folder = _create_folder(root, rank)
            manifest = layout.Manifest(
                writer=folder.name,
                rank=rank,
                world_size=world_size,
                launch=launch,
                restart=restart,
                host=socket.gethostname(),
                started_ns=time.time_ns(),
                resume_step=-1 if resume_step is None else resume_step,
                total_steps=total_steps or 0,
                steps_per_epoch=steps_per_epoch or 0,
                versions=storable(versions or {}),
                config=storable(config or {}),
                git_commit=git_commit,
                command=command,
                seed=seed,
                **layout.process_identity(),
            )
            layout.write_once(folder / layout.WRITER_FILE, manifest)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise RunFolderError(
                f"{root}: cannot be written ({reason or error}); expected a folder with room that you may write to."
            ) from None
        return cls(folder, manifest, segment_limit=segment_limit)

    def append(self, kind: str, batch: pa.RecordBatch) -> None:
        """Write one batch as one frame with one `os.write`.

        Raises OSError after rolling the file back to its last whole frame; the batch may then be appended again.
        """
        segment = self._segments.get(kind) or self._open(kind)
        sequence = self._sequence.get(kind, 0)
        frames = [] if segment.frames else [frame.encode_schema(kind, sequence=sequence, nonce=segment.nonce)]
        frames.append(frame.encode(batch, kind, sequence=sequence + len(frames), nonce=segment.nonce))
        self._write(kind, segment, frames)
        if segment.size > self._segment_limit:
            self._retire(kind, segment)

    def sync(self) -> None:
        """Put everything written so far on the disk (fdatasync). Raises OSError."""
        for segment in self._segments.values():
            if segment.dirty:
                _sync(segment.fd)
                segment.dirty = False

    def beat(self, beat: layout.Beat) -> None:
        """Rewrite the beat in place. Raises OSError."""
        if self._closed:
            raise OSError(errno.EBADF, "the writer is closed", str(self.folder))
        if self._beat_fd < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._beat_fd = os.open(self.folder / layout.BEAT_FILE, flags, 0o666)
        os.pwrite(self._beat_fd, layout.encode_beat(beat), 0)

    def end(self, end: layout.End) -> None:
        """Say that this writer ended in order; frames and bytes per file are filled in. Raises OSError."""
        layout.write_once(self.folder / layout.END_FILE, dataclasses.replace(end, files=dict(self._files)))

    def close(self) -> None:
        """Close every file. Never raises; appending or beating afterwards raises OSError."""
        fds = [segment.fd for segment in self._segments.values()]
        if self._beat_fd >= 0:
            fds.append(self._beat_fd)
        self._segments, self._beat_fd, self._closed = {}, -1, True
        for fd in fds:
            _close_quietly(fd)

    def _open(self, kind: str) -> _Segment:
        if self._closed:
            raise OSError(errno.EBADF, "the writer is closed", str(self.folder))
        number = self._opened.get(kind, 0)
        path = self.folder / f"{kind}-{number:05d}.arrows"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        segment = _Segment(os.open(path, flags, 0o666), path.name, frame.nonce_of(self.folder.name, path.name))
        self._opened[kind] = number + 1
        self._segments[kind] = segment
        return segment

    def _write(self, kind: str, segment: _Segment, frames: list[bytes]) -> None:
        data = b"".join(frames)
        try:
            written = os.write(segment.fd, data)
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), segment.name)
        except OSError:
            try:
                os.ftruncate(segment.fd, segment.size)
            except OSError:
                self._retire(kind, segment)  # the torn tail stays; whole frames go on in the next file
            raise
        segment.size += len(data)
        self.written += len(data)
        segment.frames += len(frames)
        segment.dirty = True
        self._sequence[kind] = self._sequence.get(kind, 0) + len(frames)
        self._files[segment.name] = (segment.frames, segment.size)

    def _retire(self, kind: str, segment: _Segment) -> None:
        self._segments.pop(kind, None)
        with contextlib.suppress(OSError):
            _sync(segment.fd)
        _close_quietly(segment.fd)


@dataclass(slots=True)
class _Segment:
    fd: int
    name: str
    nonce: bytes
    size: int = 0
    frames: int = 0
    dirty: bool = False


def storable(value: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON can carry of a mapping that a user gave, at most CONFIG_LIMIT bytes. Never raises.

    Other values, and numbers that are not finite, become text; what contains itself is cut where it does.
    """
    try:
        text = json.dumps(_plain(value, 8, [CONFIG_ITEMS]), allow_nan=False)
        result = json.loads(text)
    except Exception as error:  # noqa: BLE001 (a user's object may do anything when it is turned into text)
        return {"unreadable": f"{type(error).__name__} while writing it down"}
    if len(text) > CONFIG_LIMIT:
        return {"too_long": f"{len(text)} bytes of JSON; at most {CONFIG_LIMIT} are stored"}
    return result


def _plain(value: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:
        return "…"
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping) and depth > 0:
        return {str(key): _plain(item, depth - 1, left) for key, item in _first(value.items(), left)}
    if isinstance(value, set | frozenset):  # in an order that is the same in every process
        value = sorted(value, key=str)
    if isinstance(value, list | tuple) and depth > 0:
        return [_plain(item, depth - 1, left) for item in _first(value, left)]
    return "…" if isinstance(value, Mapping | list | tuple) else str(value)[:1000]


def _first(items: Iterable[_Item], left: list[int]) -> Iterator[_Item]:
    return itertools.islice(items, max(left[0], 0) + 1)


def begin_run(root: Path) -> bool:
    """Make `root` a run where it is none; whether it was this call that did, of all processes that may try.

    Raises RunFolderError or OSError.
    """
    if root.exists() and not root.is_dir():
        raise NotARun(f"{root}: found a file; expected a folder or nothing. Choose another path for the run.")
    began = False
    if not layout.is_run(root):
        root.mkdir(parents=True, exist_ok=True)
        others = [entry for entry in root.iterdir() if not entry.name.removeprefix(".").startswith(layout.RUN_FILE)]
        if others and not layout.is_run(root):  # asked again: another process may be making the same run
            raise NotARun(
                f"{root}: found a folder of something else; expected an empty folder, a run or nothing. "
                f"Choose a new path, such as {root / 'run1'}."
            )
        name = root.resolve().name
        identity = layout.Identity(run_id=secrets.token_hex(8), name=name, created_ns=time.time_ns())
        began = layout.write_once(root / layout.RUN_FILE, identity)
    layout.read_identity(root)
    return began


def _create_folder(root: Path, rank: int) -> Path:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    while True:
        folder = root / f"{layout.WRITER_PREFIX}{moment}-r{rank:04d}-{secrets.token_hex(3)}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def _close_quietly(fd: int) -> None:
    with contextlib.suppress(OSError):
        os.close(fd)


def _sync(fd: int) -> None:
    """Put the file's data on the disk; macOS has no fdatasync."""
    getattr(os, "fdatasync", os.fsync)(fd)
