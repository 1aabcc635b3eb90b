"""The training thread waits for no device: tensors here have no numbers, so that whoever asks for one fails at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

import nntui
from nntui import names
from nntui.recorder.disabled import DisabledRun

WAITING = frozenset(
    {"item", "cpu", "numpy", "tolist", "__bool__", "__float__", "__int__", "__index__", "nonzero", "synchronize"}
)
"""Methods of a tensor that give numbers to the host."""


class Listening(DisabledRun):
    """A run that keeps what it is told and reads no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.observed: dict[str, list[Any]] = {}
        self.events: list[str] = []

    def observe(self, names: Sequence[str], values: Any, step: int) -> None:
        for name, value in zip(names, values, strict=True):
            self.observed.setdefault(name, []).append(value)

    def event(self, event: str, message: str, **_: Any) -> None:
        self.events.append(message)


class Asked(TorchFunctionMode):
    """Counts calls that would wait for a device."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in WAITING:
            self.calls.append(name)
        return func(*args, **(kwargs or {}))


def network(device: str) -> nn.Sequential:
    with torch.device(device):
        picture = (nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 8, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten())
        return nn.Sequential(*picture, nn.Linear(16, 16), nn.Dropout(0.1), nn.Tanh(), nn.Linear(16, 2))


def train(run: nntui.Run, device: str, optimizer: type[torch.optim.Optimizer], every: int | None, steps: int) -> None:
    """Forget to clear gradients, clip too late, evaluate in training mode: all that is looked for is there."""
    model = network(device)
    updating = optimizer(model.parameters(), lr=1e-3)  # pyright: ignore[reportCallIssue]
    with torch.device(device):
        x, y = torch.randn(600, 6), torch.zeros(600, dtype=torch.long)

    class Scaler:
        _scale = torch.ones((), device=device)

        def get_backoff_factor(self) -> float:
            return 0.5

    with nntui.watch(model, updating, run, every=every, scaler=Scaler() if every == 1 else None):
        for step in range(steps):
            if step % 3 == 0:
                updating.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            updating.step()
            for p in model.parameters():
                if p.grad is not None:
                    p.grad.mul_(0.5)
            if step % 5 == 4:
                with torch.no_grad():
                    model(x)


@pytest.mark.parametrize("every", [1, None])
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_looking_needs_no_number_of_a_device(optimizer: type[torch.optim.Optimizer], every: int | None) -> None:
    run = Listening()
    train(run, "meta", optimizer, every, 40)
    assert [message for message in run.events if "stopped" in message] == []
    told = [names.layer("1", one) for one in (names.GRAD_NORM, names.UPDATE_RATIO, names.ACTIVATION_STD)]
    told += [
        names.layer("3", names.DEAD_FRACTION),
        names.layer("7", names.SATURATED_FRACTION),
        names.WHOLE_UPDATE_RATIO,
    ]
    told += [names.STALE_GRADIENT, names.LATE_CLIPPING, *([names.LOSS_SCALE, names.SKIPPED] if every == 1 else [])]
    for name in told:
        assert any(isinstance(value, Tensor) and value.is_meta for value in run.observed[name]), name


def test_a_tensor_without_numbers_is_one_that_cannot_be_asked() -> None:
    nothing = torch.zeros((), device="meta")
    for ask in (
        nothing.item,
        nothing.cpu,
        nothing.tolist,
        nothing.numpy,
        lambda: bool(nothing),
        lambda: float(nothing),
    ):
        with pytest.raises((RuntimeError, NotImplementedError, TypeError)):
            ask()


def test_looking_calls_nothing_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted where there are numbers; a glance reads its own, which on a CPU has arrived, without asking a tensor twice."""
    monkeypatch.setattr("nntui.probes.glances.READABLE", ())

    def calls(run: nntui.Run | None) -> list[str]:
        torch.manual_seed(0)
        with Asked() as asked:
            train(run, "cpu", torch.optim.SGD, 1, 20)
        return asked.calls

    run = Listening()
    assert calls(run) == calls(None)
    assert len(run.observed[names.WHOLE_GRAD_NORM]) == 20
