"""A program in a pseudo-terminal, read through a terminal emulator: what it shows, and what it costs.

Shared by the benchmarks that open a viewer. The costs are those of the program and of everything it started.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from pathlib import Path

import pyte

COLUMNS, ROWS = 140, 40
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")


_UNKNOWN = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*[mu]|\x1b\[[0-9;?]*\$p")
"""Sequences that the emulator does not know: keyboards, cursors, queries."""
_UNFINISHED = re.compile(rb"\x1b(\[[0-9;<=>?]*)?$")


class Terminal:
    """One program and its screen."""

    def __init__(self, command: list[str], *, columns: int = COLUMNS, rows: int = ROWS) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._held = b""
        self.bytes = 0
        """Sent to the terminal so far."""
        self.peak = 0.0
        """Largest resident memory seen, in MiB."""
        self.begun = time.time()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLUMNS=str(columns), LINES=str(rows))
            os.environ.pop("COLORTERM", None)
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # who installs a program has it compiled
            os.execv(command[0], command)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds: float) -> bool:
        """Take in what comes within so many seconds; whether anything came."""
        if not select.select([self._fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:
            return False
        self.bytes += len(data)
        self._answer(data)
        whole = self._held + data
        cut = _UNFINISHED.search(whole)
        whole, self._held = (whole[: cut.start()], whole[cut.start() :]) if cut else (whole, b"")
        self._stream.feed(_UNKNOWN.sub(b"", whole))
        return True

    def _answer(self, data: bytes) -> None:
        """Answer what a program asks its terminal, as xterm would, so that none waits for it."""
        if b"\x1b[6n" in data:
            os.write(self._fd, b"\x1b[1;1R")
        if b"\x1b]11;?" in data:
            os.write(self._fd, b"\x1b]11;rgb:0000/0000/0000\x1b\\")
        if b"\x1b[c" in data or b"\x1b[0c" in data:
            os.write(self._fd, b"\x1b[?62;22c")

    @property
    def lines(self) -> list[str]:
        """What the screen shows."""
        return list(self._screen.display)

    def number(self, label: str) -> int | None:
        """The whole number that stands after a label on the screen, as both viewers list the newest values."""
        for line in self.lines:
            found = re.search(rf"(?:^|[\s│]){label}\s+\D*?\s(\d+)(?:\s|$|│)", f"{line} ") or re.search(
                rf"(?:^|[\s│]){label}\s+(\d+)(?:\s|$|│)", f"{line} "
            )
            if found:
                return int(found[1])
        return None

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._fd, keys)

    def processes(self) -> list[int]:
        """The program and all that descend from it."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError, ValueError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    children.setdefault(int(fields[1]), []).append(int(entry.name))
        found, waiting = [], [self.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            waiting += children.get(pid, [])
        return found

    def cpu(self) -> float:
        """Seconds of processor time used so far."""
        total = 0.0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) / TICK
        return total

    def memory(self) -> float:
        """Resident MiB; remembered in `peak` where it is the largest."""
        total = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        self.peak = max(self.peak, total / 2**20)
        return total / 2**20

    def close(self) -> None:
        """Ask the program to leave, then make it."""
        pids = self.processes()
        with contextlib.suppress(OSError):
            os.write(self._fd, b"q")
        deadline = time.monotonic() + 3.0
        while time.monotonic() < deadline:
            self.read(0.05)
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                break
        else:
            for pid in pids:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)


def leet(python: str, run: Path) -> list[str]:
    """The command that opens W&B LEET on an offline run, with the wandb beside a Python."""
    return [python, "-m", "wandb", "leet", str(run)]
