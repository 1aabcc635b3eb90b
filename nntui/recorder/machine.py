"""What the machine does, as Linux tells it in /proc and the control groups.

Owns reading those files. Standard library only. Invariant: never raises and waits for nothing; what a system does not tell is
absent.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from nntui import names

PROC, GROUPS = Path("/proc"), Path("/sys/fs/cgroup")
MOST = 256
"""Most threads, and most child processes, that one reading looks at."""
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_UNREADABLE = (OSError, ValueError, IndexError, KeyError)


class Machine:
    """Readings of this process, the processes it started, and the machine below them."""

    def __init__(self, folder: Path, proc: Path = PROC, groups: Path = GROUPS) -> None:
        """folder: where free room matters."""
        self._folder, self._proc, self._groups = folder, proc, groups
        self._cpu: tuple[float, float] | None = None
        self._cores: tuple[int, int] | None = None
        self._workers: dict[int, int] | None = None

    def read(self, now: float) -> dict[str, float]:
        """What it is doing now. now: monotonic seconds. Rates are since the last reading, and absent from the first."""
        found: dict[str, float] = {}
        before, used = self._cpu, time.process_time()
        elapsed = now - before[0] if before else 0.0
        self._cpu = (now, used)
        if before and elapsed > 0:
            found[names.CPU] = (used - before[1]) / elapsed
        with contextlib.suppress(*_UNREADABLE):
            found[names.RESIDENT] = float(int(self._text("self/statm").split()[1]) * _PAGE)
        found |= self._started(elapsed) | self._shared()
        with contextlib.suppress(OSError):
            room = os.statvfs(self._folder)
            found[names.DISK_FREE] = float(room.f_bavail * room.f_frsize)
        return found

    def total_memory(self) -> float:
        """Bytes of memory that there are for the process; 0 when unknown."""
        limits = [limit for _, limit in self._memory()]
        return min(limits, default=0.0)

    def _started(self, elapsed: float) -> dict[str, float]:
        """Of the processes that this one started, as far as there are any."""
        before, ticks, resident = self._workers, dict[int, int](), 0
        for pid in map(int, islice(self._children(), MOST)):
            with contextlib.suppress(*_UNREADABLE):
                fields = self._text(f"{pid}/stat").rpartition(")")[2].split()
                ticks[pid] = int(fields[11]) + int(fields[12])
                resident += int(fields[21]) * _PAGE
        self._workers = ticks
        if not ticks:
            return {}
        found = {names.WORKERS: float(len(ticks)), names.WORKERS_MEMORY: float(resident)}
        if before is not None and elapsed > 0:
            spent = sum(max(0, count - before.get(pid, 0)) for pid, count in ticks.items())
            found[names.WORKERS_CPU] = spent / _TICKS / elapsed
        return found

    def _children(self) -> Iterator[str]:
        with contextlib.suppress(OSError), os.scandir(self._proc / "self" / "task") as threads:
            for thread in islice(threads, MOST):  # a child belongs to the thread that started it
                with contextlib.suppress(OSError):
                    yield from self._text(f"self/task/{thread.name}/children").split()

    def _shared(self) -> dict[str, float]:
        """Of the whole machine."""
        found: dict[str, float] = {}
        with contextlib.suppress(*_UNREADABLE):
            times = [int(field) for field in self._text("stat").split("\n", 1)[0].split()[1:9]]
            before, now = self._cores, (sum(times) - times[3] - times[4], sum(times))
            self._cores = now
            if before is not None and now[1] > before[1]:
                found[names.MACHINE_CPU] = (now[0] - before[0]) / (now[1] - before[1])
        shares = [used / limit for used, limit in self._memory()]
        return found | ({names.MACHINE_MEMORY: max(shares)} if shares else {})

    def _memory(self) -> Iterator[tuple[float, float]]:
        """(bytes in use without caches, bytes there are): of the machine, and of the control group where it has a limit."""
        with contextlib.suppress(*_UNREADABLE):
            lines = (line.split() for line in self._text("meminfo").splitlines())
            known = {line[0]: float(line[1]) * 1024 for line in lines if len(line) > 1}
            yield known["MemTotal:"] - known["MemAvailable:"], known["MemTotal:"]
        with contextlib.suppress(*_UNREADABLE):
            own = self._text("self/cgroup").rpartition("0::/")[2].strip()
            group = self._groups / own if (self._groups / own / "memory.max").is_file() else self._groups
            limit = float((group / "memory.max").read_text())  # `max`: there is none
            lines = (line.split() for line in (group / "memory.stat").read_text().splitlines())
            cache = next(float(line[1]) for line in lines if line[0] == "inactive_file")
            yield float((group / "memory.current").read_text()) - cache, limit

    def _text(self, name: str) -> str:
        return (self._proc / name).read_text()


def cores() -> int:
    """Processor cores that the process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
