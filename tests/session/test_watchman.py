"""The thread behind the list of runs: what it hands over, and when it does nothing."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nntui.session import watchman
from nntui.session.catalog import Catalog, Listing
from nntui.session.watchman import Watchman

Make = Callable[..., Path]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Listing]:
    """What was handed over; looks follow one another fast."""
    monkeypatch.setattr(watchman, "INTERVAL", 0.02)
    return []


def test_a_run_that_comes_and_one_that_goes_are_seen(
    small_run: Make, tmp_path: Path, seen: list[Listing], eventually: Callable[..., None]
) -> None:
    watcher = Watchman(tmp_path / "runs", seen.append)
    watcher.watch(True)
    eventually(lambda: seen and "no such folder" in seen[-1].problem)
    small_run(tmp_path / "runs" / "one")
    eventually(lambda: [one.name for one in seen[-1].runs] == ["one"])
    shutil.rmtree(tmp_path / "runs" / "one")
    eventually(lambda: not seen[-1].runs and not seen[-1].problem)
    watcher.stop()


def test_nobody_asks_nothing_is_read(tmp_path: Path, seen: list[Listing], eventually: Callable[..., None]) -> None:
    idle = threading.active_count()
    watcher = Watchman(tmp_path, seen.append)
    watcher.watch(False)
    watcher.stop()
    assert threading.active_count() == idle
    watcher = Watchman(tmp_path, seen.append)
    watcher.watch(True)
    eventually(lambda: len(seen) > 2)
    watcher.watch(False)
    threading.Event().wait(0.1)
    count = len(seen)
    threading.Event().wait(0.2)
    assert len(seen) == count
    watcher.watch(True)
    eventually(lambda: len(seen) > count)
    watcher.stop()
    eventually(lambda: threading.active_count() == idle)


def test_a_defect_is_said_and_ends_nothing(
    tmp_path: Path, seen: list[Listing], monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., None]
) -> None:
    look = Catalog.look

    def broken(*_: object) -> Listing:
        raise ZeroDivisionError("of its own")

    monkeypatch.setattr(Catalog, "look", broken)
    watcher = Watchman(tmp_path, seen.append)
    watcher.watch(True)
    eventually(lambda: seen and "ZeroDivisionError: of its own" in seen[-1].problem)
    monkeypatch.setattr(Catalog, "look", look)
    eventually(lambda: not seen[-1].problem)
    watcher.stop()
