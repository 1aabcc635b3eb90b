"""GPU readings against an NVML that answers, refuses and hangs as the real one does."""

from __future__ import annotations

import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nntui.recorder import device, nvidia
from nntui.recorder.nvidia import Nvidia, chosen

A = "11111111-2222-3333-4444-555555555555"
B = "99999999-8888-7777-6666-555555555555"
SLICE = "abcdabcd-0000-1111-2222-333333333333"
HANDLES = [f"GPU-{A}", f"GPU-{B}"]


class Nvml(types.ModuleType):
    """The calls of pynvml that are used, with its one exception class; `asked` counts the readings."""

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.ready = self.lost = self.no_driver = False
        self.asked = threading.Semaphore(0)
        self.answers = threading.Semaphore(1 << 30)
        self.mine: dict[str, int | None] = {}

    def nvmlInit(self) -> None:  # noqa: N802
        if self.no_driver:
            raise self.NVMLError("Driver Not Loaded")
        self.ready = True

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(HANDLES)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        assert self.ready
        return HANDLES[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        assert self.ready
        if uuid not in {*HANDLES, f"MIG-{SLICE}"}:
            raise self.NVMLError("Not Found")
        return uuid

    def nvmlDeviceGetIndex(self, handle: str) -> int:  # noqa: N802
        if handle.startswith("MIG"):
            raise self.NVMLError("Not Supported")
        return HANDLES.index(handle)

    def nvmlDeviceGetName(self, handle: str) -> str | bytes:  # noqa: N802
        return b"NVIDIA H100" if handle.endswith(B) else "NVIDIA A100"

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> types.SimpleNamespace:  # noqa: N802
        self.answers.acquire()
        self.asked.release()
        if self.lost:
            raise self.NVMLError("GPU is lost")
        return types.SimpleNamespace(total=80 << 30, used=(3 if handle.endswith(A) else 5) << 30, free=1)

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> types.SimpleNamespace:  # noqa: N802
        if handle.startswith("MIG"):
            raise self.NVMLError("Not Supported")
        return types.SimpleNamespace(gpu=42, memory=7)

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:  # noqa: N802
        if handle.startswith("MIG"):
            raise self.NVMLError("Not Supported")
        return 350_500

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[types.SimpleNamespace]:  # noqa: N802
        other = types.SimpleNamespace(pid=1, usedGpuMemory=9 << 30)
        if handle not in self.mine:
            return [other]
        return [other, types.SimpleNamespace(pid=os.getpid(), usedGpuMemory=self.mine[handle])]


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    """NVML with two devices, on none of which it sees this process."""
    found = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", found)
    monkeypatch.setattr(device, "used", {})
    for name in ("CUDA_VISIBLE_DEVICES", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.fixture
def watching() -> Iterator[Callable[[], Nvidia]]:
    started: list[Nvidia] = []

    def start() -> Nvidia:
        started.append(Nvidia(0.001))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def reading(gpu: Nvidia, nvml: Nvml) -> dict[str, float]:
    """The newest reading after at least one whole one."""
    for _ in range(3):
        assert nvml.asked.acquire(timeout=30)
    return gpu.newest()


def test_a_reading_holds_share_bytes_and_power_of_each_device(nvml: Nvml, watching: Callable[[], Nvidia]) -> None:
    nvml.mine = {HANDLES[1]: 2 << 30}
    gpu = watching()
    assert reading(gpu, nvml) == {
        "system/gpu.1/utilization": 0.42,
        "system/gpu.1/memory": float(5 << 30),
        "system/gpu.1/memory_process": float(2 << 30),
        "system/gpu.1/power_watts": 350.5,
    }
    assert gpu.devices == [{"index": 1, "name": "NVIDIA H100", "memory": 80 << 30}]
    assert gpu.why == ""


def test_a_slice_of_a_device_has_memory_alone(nvml: Nvml, watching: Callable[[], Nvidia]) -> None:
    device.used[0] = SLICE
    assert reading(watching(), nvml) == {"system/gpu.0/memory": float(5 << 30)}


@pytest.mark.parametrize(
    ("logged", "mine", "visible", "rank", "expected"),
    [
        ({0: B}, {HANDLES[0]: 1}, "0", "0", [1]),
        ({0: f"GPU-{B}"}, {}, None, None, [1]),
        ({0: "", 1: "unknown"}, {HANDLES[1]: 1}, "0", None, [1]),
        ({}, {HANDLES[0]: None, HANDLES[1]: 5}, "1", "0", [0, 1]),
        ({}, {}, None, None, [0, 1]),
        ({}, {}, "1", None, [1]),
        ({}, {}, "1,0", "1", [0]),
        ({}, {}, f"GPU-{B}", None, [1]),
        ({}, {}, "1,9,0", None, [1]),
        ({}, {}, "", None, []),
        ({}, {}, "-1", None, []),
        ({}, {}, "1", "7", [1]),
        ({}, {}, None, "1", [1]),
    ],
)
def test_the_devices_of_the_process_are_found_by_the_surest_knowledge(
    nvml: Nvml, logged: dict[int, str], mine: dict[str, Any], visible: str | None, rank: str | None, expected: list[int]
) -> None:
    nvml.ready = True
    device.used.update(logged)
    nvml.mine = mine
    environ = {"CUDA_VISIBLE_DEVICES": visible, "LOCAL_RANK": rank}
    found = chosen(nvml, {name: value for name, value in environ.items() if value is not None})
    assert [HANDLES.index(handle) for handle in found] == expected


def test_a_reading_is_given_once(nvml: Nvml) -> None:
    gpu = Nvidia(3600.0)
    assert nvml.asked.acquire(timeout=30)
    assert nvml.asked.acquire(timeout=30)
    while not gpu.devices:
        assert gpu._thread.is_alive()
    assert gpu.newest()
    assert gpu.newest() == {}
    gpu.stop()
    gpu._thread.join(timeout=30)
    assert not gpu._thread.is_alive()


def test_a_gpu_that_is_lost_ends_the_readings_and_says_why(nvml: Nvml, watching: Callable[[], Nvidia]) -> None:
    nvml.lost = True
    gpu = watching()
    gpu._thread.join(timeout=30)
    assert not gpu._thread.is_alive()
    assert (gpu.newest(), gpu.why) == ({}, "NVML does not answer (GPU is lost)")


def test_an_nvml_that_hangs_holds_up_nobody(nvml: Nvml, watching: Callable[[], Nvidia]) -> None:
    nvml.answers = threading.Semaphore(0)
    gpu = watching()
    assert (gpu.newest(), gpu.why) == ({}, "NVML has not answered yet")
    assert gpu._thread.daemon
    gpu.stop()
    nvml.answers.release(1 << 20)


@pytest.mark.parametrize(
    ("lacks", "why"),
    [
        ("package", "the package nvidia-ml-py is not installed"),
        ("driver", "NVML does not answer (Driver Not Loaded)"),
        ("device", "none of the GPUs is this process's"),
    ],
)
def test_where_something_is_missing_it_is_said_what(
    nvml: Nvml, watching: Callable[[], Nvidia], monkeypatch: pytest.MonkeyPatch, lacks: str, why: str
) -> None:
    if lacks == "package":
        monkeypatch.setitem(sys.modules, "pynvml", None)
    nvml.no_driver = lacks == "driver"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "" if lacks == "device" else "0")
    gpu = watching()
    while gpu.why == "NVML has not answered yet":
        assert gpu._thread.is_alive() or gpu.why
    assert (gpu.newest(), gpu.why) == ({}, why)


def _torch(*, cuda: str | None, started: bool) -> types.SimpleNamespace:
    state = types.SimpleNamespace(is_initialized=lambda: started)
    return types.SimpleNamespace(version=types.SimpleNamespace(cuda=cuda), cuda=state)


@pytest.mark.parametrize(
    ("torch", "used"),
    [
        (None, False),
        (_torch(cuda="13.0", started=True), True),
        (_torch(cuda="13.0", started=False), False),
        (_torch(cuda=None, started=True), False),
        (types.SimpleNamespace(), False),
    ],
    ids=["none", "cuda", "idle", "rocm", "other"],
)
def test_a_gpu_is_asked_for_only_where_it_is_used(monkeypatch: pytest.MonkeyPatch, torch: Any, used: bool) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert nvidia.is_used() is used


def test_the_calls_that_are_used_are_those_of_the_real_package() -> None:
    pynvml = pytest.importorskip("pynvml")
    for name in vars(Nvml):
        assert not name.startswith("nvml") or callable(getattr(pynvml, name))
    assert issubclass(pynvml.NVMLError, Exception)


def test_the_real_package_without_a_driver_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    pynvml = pytest.importorskip("pynvml")
    with pytest.raises(pynvml.NVMLError):
        pynvml.nvmlInit()
    gpu = Nvidia(0.001)
    gpu._thread.join(timeout=30)
    assert gpu.why.startswith("NVML does not answer (")
