"""How busy the GPU is, read from NVML.

Owns the thread that asks NVML, which takes milliseconds, and hands the newest answer to the loop. Invariant: without a GPU, a
driver or the package there are no numbers and nothing is said; an NVML that stops answering ends the numbers, not the training.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any

import torch

INTERVAL = 2.0
"""Seconds between two readings."""


class NoGpu:
    """Stands where there is nothing to ask."""

    def newest(self) -> dict[str, float]:
        """Nothing."""
        return {}

    def __enter__(self) -> NoGpu:
        return self

    def __exit__(self, *_: object) -> None:
        return


class Gpu:
    """Readings of one GPU, `system/gpu_utilization` (0–1), `system/gpu_memory` and `system/gpu_memory_process` (bytes)."""

    def __init__(self, nvml: Any, handle: Any, interval: float = INTERVAL) -> None:
        """nvml: the module pynvml, initialised; handle: its handle of the device."""
        self._nvml, self._handle, self._interval = nvml, handle, interval
        self._fresh: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="nntui-gpu", daemon=True)
        self._thread.start()

    def newest(self) -> dict[str, float]:
        """The newest reading, once; empty until there is another."""
        found, self._fresh = self._fresh, {}
        return found

    def __enter__(self) -> Gpu:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=1.0)  # an answer may never come

    def read(self) -> dict[str, float]:
        """Ask now. Raises pynvml.NVMLError when the device does not answer at all."""
        found = {"system/gpu_memory": float(self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used)}
        with contextlib.suppress(self._nvml.NVMLError):  # a slice of a device (MIG) has no utilization of its own
            found["system/gpu_utilization"] = self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu / 100.0
        try:
            running = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        except self._nvml.NVMLError:
            return found
        mine = [process.usedGpuMemory for process in running if process.pid == os.getpid()]
        if mine and mine[0] is not None:  # a container sees no process of its own number
            found["system/gpu_memory_process"] = float(mine[0])
        return found

    def _watch(self) -> None:
        try:
            while not self._over.wait(self._interval):
                self._fresh = self.read()
        except self._nvml.NVMLError:
            return


def watch(device: torch.device, interval: float = INTERVAL) -> Gpu | NoGpu:
    """Readings of this device; nothing where it is no NVIDIA GPU that NVML knows."""
    if device.type != "cuda" or torch.version.cuda is None:
        return NoGpu()
    try:
        import pynvml as nvml  # pyright: ignore[reportMissingImports]
    except ImportError:
        return NoGpu()
    try:
        nvml.nvmlInit()
        return Gpu(nvml, _handle(nvml, device), interval)
    except (nvml.NVMLError, OSError):
        return NoGpu()


def _handle(nvml: Any, device: torch.device) -> Any:
    """NVML's handle of torch's device: by UUID, since CUDA_VISIBLE_DEVICES and CUDA's own order change what a number means."""
    index = torch.cuda.current_device() if device.index is None else device.index
    uuid = str(torch.cuda.get_device_properties(index).uuid)
    try:
        return nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    except nvml.NVMLError:
        return nvml.nvmlDeviceGetHandleByUUID(f"MIG-{uuid}")
