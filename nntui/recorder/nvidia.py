"""How busy the GPUs of this process are, read from NVML.

Owns the thread that asks NVML, which takes milliseconds and may never answer, and which GPUs are the process's own. torch is
reached through `sys.modules`, never imported. Invariant: without a GPU, a driver or the package there are no numbers, and `why`
says which; an NVML that stops answering ends the numbers, nothing else. Nothing here calls CUDA: another thread may be capturing
a graph.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from nntui import names
from nntui.recorder import device

MOST = 16
"""Most GPUs that are read."""


def is_used() -> bool:
    """Whether this process uses an NVIDIA GPU, as far as the loaded libraries tell."""
    torch: Any = sys.modules.get("torch")
    if getattr(getattr(torch, "version", None), "cuda", None) is not None:
        started = getattr(torch.cuda, "is_initialized", None)
        return bool(started is not None and started())
    return any(name in sys.modules for name in ("jaxlib.cuda", "jax_cuda12_plugin", "jax_cuda13_plugin", "cupy"))


class Nvidia:
    """Readings of the GPUs that this process uses; see `names.gpu`."""

    def __init__(self, interval: float) -> None:
        """interval: seconds between two readings."""
        self.why = "NVML has not answered yet"
        """Why there are no readings; empty once there are."""
        self.devices: list[dict[str, Any]] = []
        """What is read: index as nvidia-smi has it, name, bytes of memory."""
        self._interval = interval
        self._fresh: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="nntui-gpu", daemon=True)
        self._thread.start()

    def newest(self) -> dict[str, float]:
        """The newest reading, once; empty until there is another."""
        found, self._fresh = self._fresh, {}
        return found

    def stop(self) -> None:
        """Ask no more; waits for nobody, since an answer may never come."""
        self._over.set()

    def _watch(self) -> None:
        try:
            import pynvml as nvml  # pyright: ignore[reportMissingImports]
        except ImportError:
            self.why = "the package nvidia-ml-py is not installed"
            return
        try:
            nvml.nvmlInit()
            while True:
                self._fresh = self._read(nvml)
                if self._over.wait(self._interval):
                    return
        except (nvml.NVMLError, OSError) as error:
            self.why = f"NVML does not answer ({error})"

    def _read(self, nvml: Any) -> dict[str, float]:
        """Ask now. Raises pynvml.NVMLError when no device answers at all."""
        found: dict[str, float] = {}
        devices: list[dict[str, Any]] = []
        for place, handle in enumerate(chosen(nvml)):
            index, memory = place, nvml.nvmlDeviceGetMemoryInfo(handle)
            with contextlib.suppress(nvml.NVMLError):  # a slice has no number
                index = nvml.nvmlDeviceGetIndex(handle)
            devices.append({"index": index, "name": _text(nvml.nvmlDeviceGetName(handle)), "memory": memory.total})
            found[names.gpu(index, names.GPU_MEMORY)] = float(memory.used)
            with contextlib.suppress(nvml.NVMLError):  # a slice of a device (MIG) has no utilization of its own
                rates = nvml.nvmlDeviceGetUtilizationRates(handle)
                found[names.gpu(index, names.GPU_UTILIZATION)] = rates.gpu / 100.0
            with contextlib.suppress(nvml.NVMLError):
                found[names.gpu(index, names.GPU_POWER)] = nvml.nvmlDeviceGetPowerUsage(handle) / 1000.0
            mine = _own(nvml, handle)
            if mine:
                found[names.gpu(index, names.GPU_PROCESS_MEMORY)] = float(sum(mine))
        self.devices, self.why = devices, "" if devices else "none of the GPUs is this process's"
        return found


def chosen(nvml: Any, environ: Mapping[str, str] = os.environ) -> list[Any]:
    """NVML's handles of the GPUs that this process uses, the surest knowledge first.

    Those from which values were logged, by UUID: CUDA_VISIBLE_DEVICES and CUDA's own order change what a number means. Else those
    on which NVML sees this process. Else, in a container, which hides that, the visible ones; of several ranks each its own.
    """
    logged = [handle for uuid in device.used.values() if uuid for handle in _by_uuid(nvml, uuid)]
    if logged:
        return logged[:MOST]
    every = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(min(nvml.nvmlDeviceGetCount(), 4 * MOST))]
    mine = [handle for handle in every if _own(nvml, handle) is not None]
    if mine:
        return mine[:MOST]
    shown = environ.get("CUDA_VISIBLE_DEVICES")
    visible = every if shown is None else [*_visible(nvml, shown, every)]
    local = environ.get("LOCAL_RANK", "")
    if local.isdecimal() and int(local) < len(visible):
        visible = [visible[int(local)]]
    return visible[:MOST]


def _visible(nvml: Any, words: str, every: list[Any]) -> Iterator[Any]:
    """What CUDA_VISIBLE_DEVICES lets through; like CUDA, nothing behind a word that means no device."""
    for word in words.split(","):
        name = word.strip()
        found = [every[int(name)]] if name.isdecimal() and int(name) < len(every) else _by_uuid(nvml, name)
        if not found:
            return
        yield from found


def _by_uuid(nvml: Any, uuid: str) -> list[Any]:
    """The device of this UUID, with or without its prefix, in a list; empty when there is none."""
    names_of = [uuid] if uuid.startswith(("GPU-", "MIG-")) else [f"GPU-{uuid}", f"MIG-{uuid}"]
    for name in names_of:
        with contextlib.suppress(nvml.NVMLError):
            return [nvml.nvmlDeviceGetHandleByUUID(name)]
    return []


def _own(nvml: Any, handle: Any) -> list[int] | None:
    """Bytes that this process uses on the device, as far as they are told; None when NVML does not see it there."""
    try:
        running = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except nvml.NVMLError:
        return None
    mine = [process.usedGpuMemory for process in running if process.pid == os.getpid()]
    return [size for size in mine if size is not None] if mine else None


def _text(name: str | bytes) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
