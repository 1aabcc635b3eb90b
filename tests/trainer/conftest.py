"""What the trainer's tests share: signal handlers given back, and nothing written where they are started."""

import importlib
import signal
from collections.abc import Callable

import pytest


@pytest.fixture(autouse=True)
def _tidy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def only_checks(monkeypatch) -> Callable[..., None]:
    """only_checks("skeleton.seed"): a training begins with these of the recipe's checks."""

    def choose(*rows: str) -> None:
        module = importlib.import_module("nntui.checks.preflight")
        monkeypatch.setattr(module, "CHECKS", {row: module.CHECKS[row] for row in rows})

    return choose
