"""What end-to-end tests share: real processes, and a pseudo-terminal read through a terminal emulator."""

import dataclasses
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest

from nntui.runlog import layout

DEADLINE = 60.0

# Two test processes with a pool of threads each spend twenty times as long waiting for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell without job control starts what goes behind it with SIGINT ignored, and so would be what the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """A name without an address: workers that run the tests side by side must call each test the same."""
    return type(val).__name__ if " at 0x" in repr(val) else None


def _size(fd: int, columns: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Terminal:
    """A program in a pseudo-terminal; `raw` is every byte it sent, `text` what its screen shows."""

    def __init__(self, command: list[str], columns: int, rows: int, cwd: Path, env: dict[str, str]) -> None:
        self.raw = b""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        pid, self.fd = pty.fork()
        if pid == 0:
            _size(0, columns, rows)  # before the program can look
            os.chdir(cwd)
            os.execvpe(command[0], command, env)
        self.pid = pid
        self.code: int | None = None

    def resize(self, columns: int, rows: int) -> None:
        _size(self.fd, columns, rows)
        self._screen.resize(rows, columns)

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def read(self, seconds: float = 0.05) -> bool:
        """Take in what came within `seconds`; False when the program has closed its side."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
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
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                while self.read(0.1) and select.select([self.fd], [], [], 0)[0]:
                    pass
                self.code = os.waitstatus_to_exitcode(status)
                return self.code
        raise AssertionError(f"did not end; the screen shows:\n{self.text}")

    def close(self) -> None:
        if self.code is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
        os.close(self.fd)


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a plain SSH session."""
    other = {"COLORTERM", "NO_COLOR", "TMUX", "PYTHONPATH", "RANK", "COLUMNS", "LINES"}
    kept = {k: v for k, v in os.environ.items() if k not in other}
    return kept | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def terminal(tmp_path: Path, environment: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    """terminal("watch", path, columns=80, rows=24): the real command in a pseudo-terminal."""
    opened: list[Terminal] = []

    def start(*words: str | Path, columns: int = 80, rows: int = 24, cwd: Path = tmp_path) -> Terminal:
        command = [sys.executable, "-P", "-m", "nntui", *map(str, words)]
        opened.append(Terminal(command, columns, rows, cwd, environment))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def nntui(tmp_path: Path, environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """nntui("show", path): the real command, to its end."""

    def run(*words: str | Path, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
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
