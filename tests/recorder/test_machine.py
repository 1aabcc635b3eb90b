"""Readings of the machine from files that a test writes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from nntui import names
from nntui.recorder import machine
from nntui.recorder.machine import Machine

PAGE, TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


class Linux:
    """The files of a small machine."""

    def __init__(self, root: Path) -> None:
        self.proc, self.groups = root / "proc", root / "cgroup"
        self.groups.mkdir()
        self.write("self/statm", "999 50 3 4 0 6 0")
        self.busy(0, 0)
        self.write("meminfo", "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 600 kB\nHugePages_Total: 0\n")
        self.write("self/task/7/children", "")

    def write(self, name: str, text: str) -> None:
        (self.proc / name).parent.mkdir(parents=True, exist_ok=True)
        (self.proc / name).write_text(text)

    def busy(self, work: int, rest: int) -> None:
        self.write("stat", f"cpu  {work} 0 0 {rest} 0 0 0 0 0 0\ncpu0 1 2 3\n")

    def child(self, pid: int, ticks: int, pages: int) -> None:
        rest = " ".join(["S", *["0"] * 10, str(ticks), "0", *["0"] * 8, str(pages)])
        self.write(f"{pid}/stat", f"{pid} (a (strange) name) {rest}")

    def group(self, *, limit: str, used: int, cache: int, own: str = "") -> None:
        self.write("self/cgroup", f"0::/{own}\n")
        folder = self.groups / own
        folder.mkdir(exist_ok=True)
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cache}\nactive_file 3\n")


@pytest.fixture
def linux(tmp_path: Path) -> Linux:
    return Linux(tmp_path)


def reader(linux: Linux) -> Machine:
    return Machine(linux.proc, linux.proc, linux.groups)


def test_the_first_reading_has_levels_and_no_rates(linux: Linux) -> None:
    found = reader(linux).read(0.0)
    assert found.keys() == {names.RESIDENT, names.MACHINE_MEMORY, names.DISK_FREE}
    assert (found[names.RESIDENT], found[names.MACHINE_MEMORY]) == (50.0 * PAGE, 0.4)
    assert found[names.DISK_FREE] > 0


def test_rates_are_between_two_readings(linux: Linux, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 6.0])
    monkeypatch.setattr(machine.time, "process_time", lambda: next(times))
    one = reader(linux)
    linux.busy(100, 100)
    one.read(10.0)
    linux.busy(400, 200)
    found = one.read(12.0)
    assert (found[names.CPU], found[names.MACHINE_CPU]) == (2.5, 0.75)


def test_processes_that_were_started_are_counted_together(linux: Linux) -> None:
    one = reader(linux)
    linux.write("self/task/7/children", "70 71")
    linux.write("self/task/8/children", "72 ")
    for pid in (70, 71, 72):
        linux.child(pid, 10 * TICKS, 100)
    first = one.read(0.0)
    assert (first[names.WORKERS], first[names.WORKERS_MEMORY]) == (3.0, 300.0 * PAGE)
    assert names.WORKERS_CPU not in first
    linux.child(70, 12 * TICKS, 100)
    linux.write("self/task/8/children", "73")
    linux.child(73, TICKS, 100)  # began since
    assert one.read(2.0)[names.WORKERS_CPU] == 1.5
    linux.write("self/task/7/children", "")
    linux.write("self/task/8/children", "")
    assert not {names.WORKERS, names.WORKERS_CPU, names.WORKERS_MEMORY} & one.read(4.0).keys()


def test_a_process_that_ends_while_it_is_read_is_left_out(linux: Linux) -> None:
    linux.write("self/task/7/children", "70 71")
    linux.child(70, 5, 100)
    assert reader(linux).read(0.0)[names.WORKERS] == 1.0


@pytest.mark.parametrize(
    ("group", "share", "total"),
    [
        ({"limit": "102400", "used": 92160, "cache": 10240}, 0.8, 102400),
        ({"limit": "102400", "used": 92160, "cache": 10240, "own": "job"}, 0.8, 102400),
        ({"limit": "max", "used": 92160, "cache": 0}, 0.4, 1024000),
        ({"limit": "10240000", "used": 1024000, "cache": 0}, 0.4, 1024000),
    ],
    ids=["container", "job", "unlimited", "generous"],
)
def test_memory_is_that_of_the_control_group_where_it_is_nearer_its_limit(
    linux: Linux, group: dict[str, Any], share: float, total: int
) -> None:
    linux.group(**group)
    one = reader(linux)
    assert one.read(0.0)[names.MACHINE_MEMORY] == pytest.approx(share)
    assert one.total_memory() == total


@pytest.mark.parametrize("damage", ["", "x", "1", "cpu", "\x00", "9" * 400])
def test_what_cannot_be_understood_is_absent(linux: Linux, damage: str) -> None:
    one = reader(linux)
    one.read(0.0)
    linux.child(70, 1, 1)
    linux.write("self/task/7/children", "70")
    for file in [*linux.proc.rglob("*"), *linux.groups.rglob("*")]:
        if file.is_file() and file.name != "children":
            file.write_text(damage)
    found = one.read(1.0)
    assert found.keys() <= {names.CPU, names.DISK_FREE, names.RESIDENT}
    assert one.total_memory() == 0


def test_a_system_without_any_of_the_files_has_what_python_knows(tmp_path: Path) -> None:
    one = Machine(tmp_path / "gone", tmp_path, tmp_path)
    assert one.read(0.0) == {}
    assert one.read(1.0).keys() == {names.CPU}


def test_this_machine_is_read() -> None:
    one = Machine(Path.cwd())
    one.read(0.0)
    assert {names.CPU, names.DISK_FREE} <= one.read(1.0).keys()
    assert machine.cores() >= 1
