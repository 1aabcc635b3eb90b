"""What the trainer's tests share: signal handlers given back, and nothing written where they are started."""

import signal

import pytest


@pytest.fixture(autouse=True)
def _tidy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)
