"""Machines that wait, slow down or fill up. Sleeps stand for work."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from .loop import Loop, bug


@bug("live.data_wait")
class LoaderOfOneThread(Loop):
    steps = 200

    def batch(self) -> tuple[Tensor, Tensor]:
        time.sleep(0.015)
        return super().batch()


@bug("live.throughput")
class LossesThatAreAddedUpAgain(Loop):
    """The loss of every step is that of all steps so far again. Its clock runs fifty times as fast."""

    steps = 560
    looks = 4

    def backward(self, loss: Tensor) -> None:
        if self.step > 400:
            time.sleep(0.03)
        super().backward(loss)

    def train(self, path: Path) -> None:
        def faster(clock: Callable[[], Any]) -> Callable[[], Any]:
            begun = clock()
            return lambda: begun + 50 * (clock() - begun)

        with (
            mock.patch("time.perf_counter", faster(time.perf_counter)),
            mock.patch("nntui.recorder.run.time_ns", faster(time.time_ns)),
        ):
            super().train(path)


@bug("live.memory")
class OutputsThatAreKept(Loop):
    steps = 500
    looks = 4

    def begin(self) -> None:
        self.kept: list[Tensor] = []

    def learn(self) -> dict[str, Any]:
        self.kept.append(torch.ones(1 << 19) * self.step)
        return super().learn()
