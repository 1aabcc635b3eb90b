"""Names and small files of a run folder: run.json, writer.json, code.json, beat, end.json.

Owns where things lie and who a writing process is. Standard library only, so that a status line needs no Arrow.
Invariant: nothing here trusts a file: every read is bounded, opens regular files only, and answers None for what
it cannot understand.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import stat
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from nntui.runlog.errors import NewerFormat, NotARun, RunNotFound

FORMAT = 1
"""Format number of this version; a reader refuses a larger one by name."""

RUN_FILE = "run.json"
WRITER_FILE = "writer.json"
BEAT_FILE = "beat"
END_FILE = "end.json"
CODE_FILE = "code.json"
WRITER_PREFIX = "w-"
DATA_SUFFIX = ".arrows"
ASIDE = ("system", "output")
"""Kinds of data that come whether or not training goes on: no sign of it."""
SMALL_FILE_LIMIT = 1 << 20
"""Most bytes read of a JSON file."""
BEAT_SIZE = 512
"""A beat is always rewritten in place with exactly this many bytes."""


@dataclass(frozen=True, slots=True)
class Identity:
    """run.json: written once, never rewritten."""

    run_id: str = ""
    name: str = ""
    format: int = FORMAT
    created_ns: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """writer.json: who writes this folder. Unknown numbers are -1 where 0 would mean something, texts are empty."""

    writer: str = ""
    """Name of the writer folder."""
    rank: int = 0
    world_size: int = 1
    launch: str = ""
    """The same for all processes started together (one job); a restart is a new launch."""
    restart: int = 0
    """Restarts counted by the launcher (torchrun); 0 for the first."""
    host: str = ""
    pid: int = -1
    pid_start: int = -1
    """Start time of the process in clock ticks since boot, so that a reused pid is told apart."""
    boot_id: str = ""
    pid_namespace: str = ""
    started_ns: int = 0
    """Unix time in nanoseconds."""
    resume_step: int = -1
    """Step from which this process goes on; -1: it did not say."""
    total_steps: int = 0
    """Planned steps; 0 unknown."""
    steps_per_epoch: int = 0
    """0 unknown."""
    versions: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    git_commit: str = ""
    command: str = ""
    """The command line, without the interpreter; empty unknown."""
    seed: str = ""
    """Seed of torch's generator when the run was opened, set or drawn, in digits; empty without torch."""

    @property
    def process(self) -> str:
        """What tells the process from any other; empty where nothing does."""
        known = self.pid >= 0 and self.pid_start >= 0 and self.boot_id
        return f"{self.boot_id} {self.pid_namespace} {self.pid} {self.pid_start}" if known else ""


@dataclass(frozen=True, slots=True)
class Code:
    """code.json: which code runs, written once, a moment after the start."""

    digest: str = ""
    """Of all files together, 16 hex digits; empty unknown."""
    files: Mapping[str, Any] = field(default_factory=dict)
    """Module to the digest of its file, 12 hex digits: what was loaded and is no installed package."""
    uncommitted: str = ""
    """Whether tracked files differ from git_commit: yes | no; empty unknown."""


@dataclass(frozen=True, slots=True)
class Beat:
    """beat: liveness, rewritten in place every few seconds."""

    state: str = "running"
    step: int = -1
    total_steps: int = 0
    loss: float = math.nan
    lr: float = math.nan
    lost: int = 0
    """Points dropped by the recorder so far."""
    wall_time_ns: int = 0
    count: int = 0
    """Changes at every beat, so that a watcher needs no common clock."""
    has_loss: bool = True
    """False: no metric that reads like a loss was logged, so that a NaN in `loss` is no news."""


@dataclass(frozen=True, slots=True)
class End:
    """end.json: only on orderly exit."""

    reason: str = "finished"
    """finished | exception | interrupted | signal"""
    exit_code: int = 0
    step: int = -1
    files: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """File name to (frames, bytes)."""
    wall_time_ns: int = 0
    message: str = ""
    """The exception's last line, or the signal's name; empty when finished."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Metric to [points, newest, its step, minimum, its step, its error, maximum, its step, its error]; see README.md."""


# --- finding ----------------------------------------------------------------------------------


def is_run(path: Path) -> bool:
    """Whether the folder holds a run.json of its own (a link does not count)."""
    return _is_regular(path / RUN_FILE)


def read_identity(path: Path) -> Identity:
    """The run's identity.

    Raises RunNotFound, NotARun or NewerFormat with a line for the user.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the path
        message = f"{path}: no such run; expected a run folder. List runs with `nntui ls {path.parent}`."
        raise RunNotFound(message) from None
    except OSError as error:
        raise NotARun(f"{path}: cannot be opened ({error.strerror}); expected a readable run folder.") from None
    if not stat.S_ISDIR(mode):
        raise NotARun(f"{path}: found a file; expected a run folder holding {RUN_FILE}. Name the folder above it.")
    raw = read_json(path / RUN_FILE)
    if raw is None:
        try:
            empty = not any(path.iterdir())
        except OSError as error:
            raise NotARun(f"{path}: cannot be listed ({error.strerror}); expected a readable run folder.") from None
        found = "found an empty folder" if empty else f"found a folder without a readable {RUN_FILE}"
        raise NotARun(f"{path}: {found}; expected a run folder. Record one with nntui.init({str(path)!r}).")
    number = raw.get("format")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise NotARun(f"{path / RUN_FILE}: format was {number!r}; expected a whole number from 1 to {FORMAT}.")
    if number > FORMAT:
        raise NewerFormat(
            f"{path}: written in format {number}; this nntui reads up to format {FORMAT}. "
            "Upgrade with `pip install -U nntui`."
        )
    return _from_json(Identity, raw)


def writer_folders(path: Path) -> list[Path]:
    """The writer folders of a run by name, so by the second they were made in. Links are left out. Raises OSError."""
    with os.scandir(path) as entries:
        names = [e.name for e in entries if e.name.startswith(WRITER_PREFIX) and e.is_dir(follow_symlinks=False)]
    return [path / name for name in sorted(names)]


def read_manifest(folder: Path) -> Manifest | None:
    """writer.json, or None while it is not there or not whole."""
    raw = read_json(folder / WRITER_FILE)
    return None if raw is None else dataclasses.replace(_from_json(Manifest, raw), writer=folder.name)


def manifest_of_name(name: str) -> Manifest:
    """What the name of a writer folder tells, for a folder whose writer.json is lost."""
    _, moment, rank, *_ = [*name.split("-"), "", "", ""]
    try:
        started = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        started = 0.0
    number = int(rank[1:]) if rank[:1] == "r" and rank[1:].isdecimal() and len(rank) < 10 else 0
    return Manifest(writer=name, rank=number, launch=name, started_ns=int(started * 1e9))


def read_end(folder: Path) -> End | None:
    """end.json, or None when the writer has not ended in order."""
    raw = read_json(folder / END_FILE)
    if raw is None:
        return None
    files = raw.get("files")
    pairs = files.items() if isinstance(files, dict) else ()
    counts = {name: (v[0], v[1]) for name, v in pairs if isinstance(v, list) and [type(i) for i in v] == [int, int]}
    return dataclasses.replace(_from_json(End, raw), files=counts)


def read_code(folder: Path) -> Code | None:
    """code.json, or None when it is not known which code ran."""
    raw = read_json(folder / CODE_FILE)
    return None if raw is None else _from_json(Code, raw)


def read_beat(folder: Path) -> Beat | None:
    """The newest beat, or None when there is none or it was caught half written."""
    return decode_beat(read_small(folder / BEAT_FILE, BEAT_SIZE) or b"")


def decode_beat(data: bytes) -> Beat | None:
    """The beat in these bytes, or None when its checksum is not theirs."""
    checksum, _, payload = data.rstrip(b" \n").partition(b" ")
    if checksum != b"%08x" % zlib.crc32(payload):
        return None
    raw = _parse(payload)
    return None if raw is None else _from_json(Beat, raw)


def encode_beat(beat: Beat) -> bytes:
    """The beat as its BEAT_SIZE bytes: CRC-32 of the JSON in hex, a blank, the JSON, blanks, a newline."""
    payload = json.dumps(_to_json(beat), separators=(",", ":")).encode()
    line = b"%08x %s" % (zlib.crc32(payload), payload)
    return line.ljust(BEAT_SIZE - 1) + b"\n"


# --- processes --------------------------------------------------------------------------------


def process_alive(manifest: Manifest) -> bool | None:
    """Whether the writing process still exists; None when that cannot be known from here.

    Known only within the same boot and the same pid namespace: a job in a container looks dead from outside.
    """
    here = process_identity()
    same_machine = here["boot_id"] and here["boot_id"] == manifest.boot_id
    if not same_machine or not here["pid_namespace"] or here["pid_namespace"] != manifest.pid_namespace:
        return None
    start, state = _process_stat(manifest.pid)
    if start < 0 < manifest.pid and _exists(manifest.pid):
        return None  # another user's process, hidden from /proc
    return start == manifest.pid_start and start >= 0 and state not in "ZX"


def process_identity() -> dict[str, Any]:
    """pid, pid_start, boot_id and pid_namespace of this process; -1 and empty where there is no /proc."""
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (a magic link, no path)
    except OSError:
        boot_id = namespace = ""
    pid = os.getpid()
    return {"pid": pid, "pid_start": _process_stat(pid)[0], "boot_id": boot_id, "pid_namespace": namespace}


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _process_stat(pid: int) -> tuple[int, str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (OSError, UnicodeDecodeError):
        return -1, "X"
    fields = text.rpartition(")")[2].split()  # the command name before it may hold blanks and brackets
    return int(fields[19]), fields[0]


# --- small files ------------------------------------------------------------------------------


def read_small(path: Path, limit: int = SMALL_FILE_LIMIT) -> bytes | None:
    """At most `limit` bytes of a regular file; None for anything else (missing, link, FIFO, device, too long)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        data = os.read(fd, limit + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
    return data if len(data) <= limit else None


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a small file, or None."""
    data = read_small(path)
    return None if data is None else _parse(data)


def write_once(path: Path, value: Any) -> bool:
    """Write a dataclass as JSON under a name that is either absent or whole; False when it was there before.

    Raises OSError.
    """
    data = json.dumps(_to_json(value), indent=1).encode() + b"\n"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            if os.write(fd, data) != len(data):
                raise OSError(28, os.strerror(28), str(path))
            os.fsync(fd)
        finally:
            os.close(fd)
        return _publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _publish(temporary: Path, path: Path) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links: rename is atomic too, only not exclusive
        if path.exists():
            return False
        temporary.rename(path)
    return True


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def _parse(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _to_json(value: Any) -> dict[str, Any]:
    plain = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in plain.items()}


_LARGEST = 2**63 - 1

_Plain = TypeVar("_Plain", Identity, Manifest, Code, Beat, End)


def _from_json(kind: type[_Plain], raw: dict[str, Any]) -> _Plain:
    """The dataclass with every field that is there and of its type; defaults for the rest."""
    default = kind()
    known: dict[str, Any] = {}
    for f in dataclasses.fields(kind):
        value, usual = raw.get(f.name), getattr(default, f.name)
        if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
            continue  # no number of ours
        if isinstance(usual, float) and (isinstance(value, int | float) or value in ("nan", "inf", "-inf")):
            known[f.name] = float(value)
        elif type(value) is type(usual):
            known[f.name] = value
    return kind(**known)
