"""GPU readings against an NVML that answers, refuses and hangs as the real one does."""

import os
import sys
import threading
import types

import pytest
import torch

from trainer import gpu

A = "11111111-2222-3333-4444-555555555555"
B = "99999999-8888-7777-6666-555555555555"
SLICE = "abcdabcd-0000-1111-2222-333333333333"
CUDA = torch.device("cuda")


class Nvml(types.ModuleType):
    """The calls of pynvml that are used, with its one exception class; `asked` counts the readings."""

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.ready = False
        self.asked = threading.Semaphore(0)
        self.answers = threading.Semaphore(1 << 30)
        self.lost = self.no_driver = False
        self.pid: int | None = os.getpid()

    def nvmlInit(self) -> None:  # noqa: N802
        if self.no_driver:
            raise self.NVMLError("Driver Not Loaded")
        self.ready = True

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        assert self.ready
        if uuid not in {f"GPU-{A}", f"GPU-{B}", f"MIG-{SLICE}"}:
            raise self.NVMLError("Not Found")
        return uuid

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

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[types.SimpleNamespace]:  # noqa: N802
        other = types.SimpleNamespace(pid=1, usedGpuMemory=9 << 30)
        return [other] if self.pid is None else [other, types.SimpleNamespace(pid=self.pid, usedGpuMemory=2 << 30)]


@pytest.fixture
def nvml(monkeypatch):
    """NVML and two visible devices; CUDA's device 0 is NVML's second, as CUDA_VISIBLE_DEVICES may have it."""
    found = Nvml()
    devices = [B, A]
    monkeypatch.setitem(sys.modules, "pynvml", found)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda i: types.SimpleNamespace(uuid=devices[i]))
    found.devices = devices
    return found


def reading(watch: gpu.Gpu | gpu.NoGpu, nvml: Nvml) -> dict[str, float]:
    """The newest reading after at least one whole one."""
    assert nvml.asked.acquire(timeout=30)
    assert nvml.asked.acquire(timeout=30)
    return watch.newest()


def test_a_reading_holds_share_and_bytes(nvml) -> None:
    with gpu.watch(CUDA, interval=0.001) as watch:
        found = reading(watch, nvml)
    assert found == {
        "system/gpu_utilization": 0.42,
        "system/gpu_memory": float(5 << 30),
        "system/gpu_memory_process": float(2 << 30),
    }


def test_a_device_is_found_by_its_uuid_and_not_by_its_number(nvml) -> None:
    for index, used in ((0, 5 << 30), (1, 3 << 30)):
        with gpu.watch(torch.device("cuda", index), interval=0.001) as watch:
            assert reading(watch, nvml)["system/gpu_memory"] == used


def test_a_slice_of_a_device_has_memory_and_no_utilization(nvml) -> None:
    nvml.devices[0] = SLICE
    with gpu.watch(CUDA, interval=0.001) as watch:
        assert "system/gpu_utilization" not in (found := reading(watch, nvml))
    assert found["system/gpu_memory"] > 0


def test_a_process_that_the_driver_knows_by_another_number_has_no_memory_of_its_own(nvml) -> None:
    nvml.pid = None
    with gpu.watch(CUDA, interval=0.001) as watch:
        assert set(reading(watch, nvml)) == {"system/gpu_utilization", "system/gpu_memory"}


def test_a_reading_is_given_once(nvml) -> None:
    with gpu.watch(CUDA, interval=3600.0) as watch:
        watch._fresh = watch.read()
        assert watch.newest()
        assert watch.newest() == {}


def test_a_gpu_that_is_lost_ends_the_readings_only(nvml) -> None:
    nvml.lost = True
    watch = gpu.watch(CUDA, interval=0.001)
    watch._thread.join(timeout=30)
    assert not watch._thread.is_alive()
    assert watch.newest() == {}


def test_an_nvml_that_hangs_holds_up_nobody(nvml) -> None:
    nvml.answers = threading.Semaphore(0)
    watch = gpu.watch(CUDA, interval=0.001)
    assert watch.newest() == {}
    assert watch._thread.daemon
    nvml.answers.release(1 << 20)
    with watch:
        pass


@pytest.mark.parametrize("lacks", ["package", "driver", "device", "cuda", "nvidia"])
def test_where_something_is_missing_there_is_nothing_and_no_thread(nvml, monkeypatch, capsys, lacks) -> None:
    before = threading.active_count()
    device = torch.device("cpu") if lacks == "cuda" else CUDA
    if lacks == "package":
        monkeypatch.setitem(sys.modules, "pynvml", None)
    nvml.no_driver = lacks == "driver"
    nvml.devices[0] = "unknown" if lacks == "device" else B
    monkeypatch.setattr(torch.version, "cuda", None if lacks == "nvidia" else "13.0")
    with gpu.watch(device) as watch:
        assert isinstance(watch, gpu.NoGpu)
        assert watch.newest() == {}
    assert threading.active_count() == before
    assert capsys.readouterr() == ("", "")


def test_the_real_package_without_a_driver_is_nothing(monkeypatch) -> None:
    pynvml = pytest.importorskip("pynvml")
    with pytest.raises(pynvml.NVMLError):
        pynvml.nvmlInit()
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert isinstance(gpu.watch(CUDA), gpu.NoGpu)


def test_the_calls_that_are_used_are_those_of_the_real_package() -> None:
    pynvml = pytest.importorskip("pynvml")
    for name in vars(Nvml):
        assert not name.startswith("nvml") or callable(getattr(pynvml, name))
    assert issubclass(pynvml.NVMLError, Exception)
