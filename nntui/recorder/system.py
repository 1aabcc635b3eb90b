"""Readings of the machine beside the numbers of the loop: processor, memory, GPU, and what recording itself costs.

Owns when they are taken. Runs on the writer's thread, GPUs on one of their own. Invariant: the training thread does nothing
for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from nntui import names
from nntui.recorder import nvidia
from nntui.recorder.machine import Machine, cores
from nntui.recorder.nvidia import Nvidia
from nntui.recorder.rows import Groups, event_row

INTERVAL = 5.0
"""Seconds between two readings."""
PATIENCE = 4
"""Readings for which NVML may keep silent before the event that tells what the machine is goes without it."""


class System:
    """A source of rows for the handoff."""

    def __init__(self, folder: Path, load: Callable[[], tuple[int, int]], first_step: int) -> None:
        """load: asked for (bytes written, most calls that waited). first_step: where this process began to count."""
        self._machine, self._load, self._first_step = Machine(folder), load, first_step
        self._gpu: Nvidia | None = None
        self._next = 0.0
        self._readings = 0
        self._spent: tuple[float, float] | None = None
        self._told: dict[str, Any] | None = None

    def rows(self, step: int, *, ending: bool) -> Iterator[tuple[str, pa.RecordBatch]]:
        """A reading where one is due."""
        now = time.monotonic()
        if ending or now < self._next:
            return
        self._next = now + INTERVAL
        self._readings += 1
        if self._gpu is None and nvidia.is_used():
            self._gpu = Nvidia(INTERVAL)
            self._readings = 1
        gpu = self._gpu.newest() if self._gpu is not None else {}
        batch = _row(self._machine.read(now) | self._recording(now) | gpu, max(step, self._first_step))
        if batch is not None:
            yield "system", batch
        told = self._about()
        if told != self._told and (self._gpu is None or self._gpu.devices or self._readings >= PATIENCE):
            self._told = told
            yield "events", event_row(step, time.time_ns(), "info", names.SYSTEM_EVENT, _sentence(told), told)

    def stop(self) -> None:
        """Let the GPU's thread go."""
        if self._gpu is not None:
            self._gpu.stop()

    def _recording(self, now: float) -> dict[str, float]:
        """What recording costs."""
        before, used = self._spent, time.thread_time()
        self._spent = (now, used)
        written, queued = self._load()
        found = {names.RECORDED: float(written), names.QUEUE: float(queued)}
        if before is not None and now > before[0]:
            found[names.RECORDER_CPU] = (used - before[1]) / (now - before[0])
        return found

    def _about(self) -> dict[str, Any]:
        """What the machine is."""
        gpu = self._gpu
        blind = [] if gpu is None or gpu.devices else [f"GPU: {gpu.why}"]
        devices = list(gpu.devices) if gpu is not None else []
        return {"cores": cores(), "memory": self._machine.total_memory(), "gpus": devices, "blind": blind}


def _row(found: dict[str, float], step: int) -> pa.RecordBatch | None:
    groups = Groups(lambda name, why: None)
    groups.add((found, step, time.time_ns()))
    batch = groups.batch()
    return None if batch is None else batch.data


def _sentence(told: dict[str, Any]) -> str:
    gpus = [f"GPU {one['index']}: {one['name']}" for one in told["gpus"]]
    memory = [f"{told['memory'] / 2**30:.1f} GiB of memory"] if told["memory"] else []
    return ", ".join([*gpus, f"{told['cores']} cores", *memory, *told["blind"]])
