"""Small trainings that are watched, and what was recorded of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import nntui
from nntui import names

Recorded = dict[str, dict[int, float]]


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., tuple[Recorded, list[dict[str, Any]]]]:
    """Runs loop(run) with a fresh run; metrics as {metric: {step: value}}, and the events."""

    def record(loop: Callable[[nntui.Run], Any], **options: Any) -> tuple[Recorded, list[dict[str, Any]]]:
        path = tmp_path / f"run{len([*tmp_path.iterdir()])}"
        with nntui.init(path, **options) as run:
            loop(run)
            run.flush(60.0)  # a disk that others keep busy may need longer than the end of a run waits for it
        table = nntui.read(path)
        found: Recorded = {}
        for row in table.metrics.to_pylist():
            found.setdefault(row["metric"], {})[row["step"]] = row["value"]
        return found, table.events.to_pylist()

    return record


class Loop:
    """A plain training loop over random data, with something to happen at moments of it."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer | None = None, *, batch: int = 64) -> None:
        self.model = model
        self.optimizer = optimizer or torch.optim.Adam(model.parameters(), 1e-2)
        self.generator = torch.Generator().manual_seed(0)
        self.batch = batch
        self.zero_grad = True
        self.losses: list[float] = []

    def inputs(self) -> tuple[Tensor, Tensor]:
        x = torch.randn(self.batch, 6, generator=self.generator)
        return x, (x.sum(1) > 0).long()

    def steps(self, count: int, *, before: Any = None, after: Any = None) -> None:
        for step in range(count):
            x, y = self.inputs()
            loss = nn.functional.cross_entropy(self.model(x), y)
            if self.zero_grad:
                self.optimizer.zero_grad()
            loss.backward()
            if before is not None:
                before(step)
            self.optimizer.step()
            if after is not None:
                after(step)
            self.losses.append(float(loss.detach()))


@pytest.fixture
def loop() -> type[Loop]:
    return Loop


@pytest.fixture
def mlp() -> Callable[[], nn.Sequential]:
    def build() -> nn.Sequential:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2))

    return build


def parameters_of(model: nn.Module) -> list[Tensor]:
    return [copy.deepcopy(p.detach()) for p in model.parameters()]


def metrics_of(found: Recorded, statistic: str) -> Iterable[str]:
    return [metric for metric in found if names.layer_of(metric)[1] == statistic]
