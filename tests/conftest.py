"""What end-to-end tests share: real processes, and a pseudo-terminal read through a terminal emulator."""

import dataclasses
import fcntl
import gc
import importlib
import itertools
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Self, TextIO

import hypothesis
import pyte
import pytest

from nntui.runlog import layout

DEADLINE = 60.0

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# Two test processes with a pool of threads each spend twenty times as long waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell without job control starts what goes behind it with SIGINT ignored, and so would be what the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look for garbage seldom, and never among what was imported and collected (gc.get_objects() does not see that either).

    A fifth of the time of the screens' tests went into it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """A name without an address: workers that run the tests side by side must call each test the same."""
    return type(val).__name__ if " at 0x" in repr(val) else None


def _size(fd: int, columns: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def readable(fd: int, seconds: float | None) -> bool:
    """Whether there is something to read within so many seconds; select() knows no descriptor beyond 1,023."""
    watched = select.poll()
    watched.register(fd, select.POLLIN)
    return bool(watched.poll(None if seconds is None else seconds * 1e3))


class Program:
    """A process that `Preloaded` has forked, as subprocess.Popen has it; `stdout` and `stderr` are pipes unless given."""

    def __init__(self, report: TextIO, stdout: TextIO | None, stderr: TextIO | None) -> None:
        self.pid = int(report.readline())
        self.stdout, self.stderr = stdout, stderr
        self.returncode: int | None = None
        self._report = report

    def poll(self) -> int | None:
        return self.wait() if self.returncode is None and readable(self._report.fileno(), 0) else self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not readable(self._report.fileno(), timeout):
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(int(self._report.read()))
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What is left of both streams, once it has ended."""
        found = ["", ""]

        def read(place: int, stream: TextIO) -> None:
            found[place] = stream.read()

        streams = [(i, s) for i, s in enumerate((self.stdout, self.stderr)) if s is not None and not s.closed]
        readers = [threading.Thread(target=read, args=one) for one in streams]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join()
        return found[0], found[1]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Wait for its end, when the test has failed too: its folder is still its own."""
        if error[0] is not None:
            self.kill()
        self.communicate()
        self.close()

    def close(self) -> None:
        for stream in (self._report, self.stdout, self.stderr):
            if stream is not None:
                stream.close()


class Preloaded:
    """`python -P -m MODULE …` or `python FILE.py …` without the seconds of imports: a fork of a process that has done them."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-P", Path(__file__).parent / "preloaded.py", str(theirs.fileno())]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "pass_fds": [theirs.fileno()]}
        self._process = subprocess.Popen(command, start_new_session=True, **streams)
        theirs.close()

    def start(
        self,
        module: str,
        *words: object,
        env: dict[str, str],
        cwd: Path | None = None,
        new_session: bool = False,
        **own: int,
    ) -> Program:
        """`own` gives descriptors for stdin, stdout and stderr."""
        report, reported = os.pipe()
        nowhere = os.open(os.devnull, os.O_RDONLY)
        given, ours = [own.get("stdin", nowhere)], dict[str, TextIO]()
        opened = [nowhere, reported]
        for name in ("stdout", "stderr"):
            if name not in own:
                reader, writer = os.pipe()
                ours[name] = os.fdopen(reader)
                opened.append(writer)
            given.append(own.get(name, opened[-1]))
        asked = {"module": module, "words": [str(word) for word in words], "env": env, "new_session": new_session}
        message = json.dumps(asked | {"cwd": str(cwd or Path.cwd())}).encode()
        socket.send_fds(self._socket, [message], [*given, reported])
        for one in opened:
            os.close(one)
        return Program(os.fdopen(report), ours.get("stdout"), ours.get("stderr"))

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


@pytest.fixture(scope="session")
def preloaded() -> Iterator[Preloaded]:
    """preloaded.start("trainer", "train", …, env={…}): a process of its own."""
    one = Preloaded()
    yield one
    one.close()


class Terminal:
    """A program in a pseudo-terminal; `raw` is every byte it sent, `text` what its screen shows."""

    def __init__(self, start: Callable[[int], Program | subprocess.Popen[str]], columns: int, rows: int) -> None:
        """start(terminal): a process that has it as its controlling terminal."""
        self.raw = b""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.fd, theirs = pty.openpty()
        _size(theirs, columns, rows)  # before the program can look
        self._process = start(theirs)
        os.close(theirs)
        self.pid = self._process.pid

    def resize(self, columns: int, rows: int) -> None:
        _size(self.fd, columns, rows)
        self._screen.resize(rows, columns)

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def read(self, seconds: float = 0.05) -> bool:
        """Take in what came within `seconds`; False when the program has closed its side."""
        if not readable(self.fd, seconds):
            return True
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            return False
        self.raw += data
        # pyte knows no private SGR such as CSI ? u or CSI > q; they draw nothing.
        self._stream.feed(data.replace(b"\x1b[>", b"\x1b[?"))
        return bool(data)

    def wait_for(self, *wanted: str, deadline: float = DEADLINE) -> str:
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            open_still = self.read()
            if all(word in self.text for word in wanted):
                return self.text
            if not open_still:
                break
        raise AssertionError(f"never saw {wanted!r}; the screen shows:\n{self.text}")

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def wait_closed(self, deadline: float = DEADLINE) -> int:
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            self.read()
            code = self._process.poll()
            if code is not None:
                while self.read(0.1) and readable(self.fd, 0):
                    pass
                return code
        raise AssertionError(f"did not end; the screen shows:\n{self.text}")

    def close(self) -> None:
        self._process.kill()
        with self._process:
            os.close(self.fd)


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a plain SSH session."""
    other = {"COLORTERM", "NO_COLOR", "TMUX", "PYTHONPATH", "RANK", "COLUMNS", "LINES"}
    kept = {k: v for k, v in os.environ.items() if k not in other}
    return kept | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


def _asked(words: Sequence[object]) -> tuple[str, ...]:
    """The module that the words of a command lead to, and the words: `nntui train` becomes the trainer."""
    return ("trainer" if words and words[0] in ("train", "check", "label") else "nntui", *map(str, words))


@pytest.fixture
def terminal(tmp_path: Path, environment: dict[str, str], preloaded: Preloaded) -> Iterator[Callable[..., Terminal]]:
    """terminal("watch", path, columns=80, rows=24): the command in a pseudo-terminal; `fresh` ones start from nothing."""
    opened: list[Terminal] = []

    def start(
        *words: str | Path, columns: int = 80, rows: int = 24, cwd: Path = tmp_path, fresh: bool = False
    ) -> Terminal:
        def fork(fd: int) -> Program:
            streams = {"stdin": fd, "stdout": fd, "stderr": fd}
            return preloaded.start(*_asked(words), env=environment, cwd=cwd, new_session=True, **streams)

        def run(fd: int) -> subprocess.Popen[str]:
            command = [sys.executable, "-P", "-m", "nntui", *map(str, words)]
            streams = {"stdin": fd, "stdout": fd, "stderr": fd, "preexec_fn": lambda: os.login_tty(0)}
            return subprocess.Popen(command, cwd=cwd, env=environment, text=True, **streams)

        opened.append(Terminal(run if fresh else fork, columns, rows))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def nntui(
    tmp_path: Path, environment: dict[str, str], preloaded: Preloaded
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """nntui("show", path): the command, to its end; a `fresh` one starts from nothing."""

    def run(*words: str | Path, cwd: Path = tmp_path, fresh: bool = False) -> subprocess.CompletedProcess[str]:
        if not fresh:
            with preloaded.start(*_asked(words), env=environment, cwd=cwd) as program:
                out, errors = program.communicate(timeout=120)
            return subprocess.CompletedProcess(list(words), program.returncode, out, errors)
        command = [sys.executable, "-P", "-m", "nntui", *map(str, words)]
        return subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture
def script(tmp_path: Path, environment: dict[str, str], preloaded: Preloaded) -> Callable[..., str]:
    """script("bench_log.py", "--calls", 300): what one of the project's scripts prints."""

    def run(name: str, *words: object, code: int = 0) -> str:
        path = Path(__file__).parents[1] / "scripts" / name
        with preloaded.start(str(path), *words, env=environment, cwd=tmp_path) as program:
            out, errors = program.communicate(timeout=150)
        assert program.returncode == code, errors
        return out

    return run


@pytest.fixture
def background(tmp_path: Path, environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """background(command): a process that is gone when the test is."""
    started: list[subprocess.Popen[str]] = []

    def start(*command: str | Path, cwd: Path = tmp_path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """eventually(test): wait until test() is true, at most a minute."""

    def wait(test: Callable[[], bool], deadline: float = DEADLINE) -> None:
        end = time.monotonic() + deadline
        while not test():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.02)

    return wait


@pytest.fixture
def counted_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the checks' experiments, a look at the clock is a millisecond after the one before: about an update, anywhere."""
    looks = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: next(looks) / 1000)
    for name in ("adam", "blind", "experiment", "race"):
        monkeypatch.setattr(importlib.import_module(f"nntui.checks.{name}"), "time", clock)


@pytest.fixture
def small_run() -> Callable[..., Path]:
    """small_run(path, step=3, alive="here"): the small files of a run, and not a row; again for one more writer."""

    def make(
        path: Path,
        *,
        alive: str = "here",
        started: float = 60.0,
        beat: float = 1.0,
        end: layout.End | None = None,
        config: dict[str, object] | None = None,
        manifest: dict[str, object] | None = None,
        **beat_fields: object,
    ) -> Path:
        """started, beat: seconds ago; alive: here, gone or elsewhere."""
        now = time.time()
        here = layout.process_identity() | ({"pid_start": 1} if alive == "gone" else {})
        who = {"host": "elsewhere", "pid": 812} if alive == "elsewhere" else here
        known = layout.Manifest(started_ns=int((now - started) * 1e9), config=config or {}, **who, **(manifest or {}))
        folder = path / f"w-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now - started))}-r{known.rank:04d}-000000"
        folder.mkdir(parents=True)
        if not layout.is_run(path):
            layout.write_once(path / layout.RUN_FILE, layout.Identity("id", path.name, created_ns=known.started_ns))
        layout.write_once(folder / layout.WRITER_FILE, known)
        said = {"has_loss": "loss" in beat_fields} | beat_fields
        sign = layout.Beat(wall_time_ns=int((now - beat) * 1e9), count=1, **said)
        (folder / layout.BEAT_FILE).write_bytes(layout.encode_beat(sign))
        if end is not None:
            layout.write_once(folder / layout.END_FILE, dataclasses.replace(end, wall_time_ns=sign.wall_time_ns))
        return folder

    return make
