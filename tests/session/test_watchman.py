"""The thread behind the list of runs: what it hands over, what it reads for it, and when it does nothing."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import nntui
from nntui.runlog.layout import End
from nntui.session import watchman
from nntui.session.catalog import Catalog, Listing
from nntui.session.outcome import NOTHING
from nntui.session.runs import Runs, RunsView
from nntui.session.watchman import Watchman

Make = Callable[..., Path]
Until = Callable[..., None]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Runs]:
    """What was handed over; looks follow one another fast."""
    monkeypatch.setattr(watchman, "INTERVAL", 0.02)
    monkeypatch.setattr(watchman, "SHARE", 1.0)
    return []


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the folder was looked at."""
    moments: list[float] = []
    look = Catalog.look

    def counted(self: Catalog, max_seconds: float) -> Listing:
        moments.append(time.monotonic())
        return look(self, max_seconds)

    monkeypatch.setattr(Catalog, "look", counted)
    return moments


def names(runs: Runs) -> list[str]:
    return [one.name for one in runs.rows]


def test_a_run_that_comes_and_one_that_goes_are_seen(
    small_run: Make, tmp_path: Path, seen: list[Runs], eventually: Until
) -> None:
    watcher = Watchman(tmp_path / "runs", seen.append)
    watcher.watch(True)
    eventually(lambda: seen and "no such folder" in seen[-1].listing.problem)
    small_run(tmp_path / "runs" / "one")
    eventually(lambda: names(seen[-1]) == ["one"])
    shutil.rmtree(tmp_path / "runs" / "one")
    eventually(lambda: not seen[-1].rows and not seen[-1].listing.problem)
    watcher.stop()


def test_nobody_asks_nothing_is_read(tmp_path: Path, seen: list[Runs], looks: list[float], eventually: Until) -> None:
    idle = threading.active_count()
    watcher = Watchman(tmp_path, seen.append)
    watcher.watch(False)
    watcher.stop()
    assert threading.active_count() == idle
    watcher = Watchman(tmp_path, seen.append)
    watcher.watch(True)
    eventually(lambda: len(looks) > 2)
    watcher.watch(False)
    threading.Event().wait(0.1)
    count = len(looks)
    threading.Event().wait(0.2)
    assert len(looks) == count
    watcher.watch(True)
    eventually(lambda: len(looks) > count)
    watcher.stop()
    eventually(lambda: threading.active_count() == idle)


def test_while_nothing_changes_nothing_is_handed_over(
    small_run: Make, tmp_path: Path, seen: list[Runs], looks: list[float], eventually: Until
) -> None:
    for name in ("a", "b"):
        small_run(tmp_path / name, started=900.0, beat=800.0, end=End())
    watcher = Watchman(tmp_path, seen.append)
    watcher.watch(True)
    eventually(lambda: bool(seen))
    count = len(looks)
    eventually(lambda: len(looks) > count + 10)
    assert len(seen) == 1
    watcher.show(RunsView("a"))
    eventually(lambda: len(seen) == 2)
    assert names(seen[-1]) == ["a"]
    watcher.show(RunsView("a", visible=(tmp_path / "b",)))
    eventually(lambda: len(looks) > count + 20)
    assert len(seen) == 3, "what came into sight was read once"
    watcher.show(RunsView("age>14m"))
    eventually(lambda: len(seen) > 5)  # time alone may change what that lets through
    watcher.stop()


def test_a_folder_that_takes_long_to_look_at_is_looked_at_less_often(
    tmp_path: Path, seen: list[Runs], monkeypatch: pytest.MonkeyPatch, looks: list[float], eventually: Until
) -> None:
    monkeypatch.setattr(watchman, "SHARE", 1e-9)
    watcher = Watchman(tmp_path, seen.append)
    watcher.watch(True)
    eventually(lambda: bool(seen))
    watcher.show(RunsView("a"))
    eventually(lambda: len(seen) > 1)
    assert len(looks) == 1
    watcher.watch(True)
    eventually(lambda: len(looks) == 2)  # whoever comes back to the list sees it as it is
    watcher.stop()


def record(path: Path, *losses: float) -> None:
    with nntui.init(path) as run:
        for loss in losses:
            run.log({"train/loss": loss, "val/loss": loss + 1})


def test_what_is_in_sight_is_read_and_what_the_order_asks_for(
    small_run: Make, tmp_path: Path, seen: list[Runs], eventually: Until
) -> None:
    record(tmp_path / "good", 3.0, 1.0)
    record(tmp_path / "better", 2.0, 0.5)
    small_run(tmp_path / "silent", alive="elsewhere", started=900.0, beat=800.0)
    watcher = Watchman(tmp_path, seen.append)
    watcher.watch(True)
    eventually(lambda: len(seen[-1].rows if seen else ()) == 3)
    assert not seen[-1].outcomes, "nothing was asked for"
    known = {one.name: one for one in seen[-1].rows}
    assert seen[-1].outcome(known["good"]).best.value == 2.0, "its end tells"
    assert seen[-1].outcome(known["silent"]) is NOTHING
    watcher.show(RunsView(visible=(tmp_path / "good",)))
    eventually(lambda: tmp_path / "good" in seen[-1].outcomes)
    assert seen[-1].outcome(known["good"]).curve[0] == 3.0
    assert seen[-1].outcome(known["good"]).best.value == 2.0
    assert set(seen[-1].outcomes) == {tmp_path / "good"}
    watcher.show(RunsView(sort="best"))
    eventually(lambda: seen[-1].view.sort == "best" and not seen[-1].unread)
    assert names(seen[-1]) == ["better", "good", "silent"]
    watcher.show(RunsView("val/loss<1.9"))
    eventually(lambda: names(seen[-1]) == ["better"])
    watcher.stop()


def test_a_defect_is_said_and_ends_nothing(
    tmp_path: Path, seen: list[Runs], monkeypatch: pytest.MonkeyPatch, eventually: Until
) -> None:
    look = Catalog.look

    def broken(*_: object) -> Listing:
        raise ZeroDivisionError("of its own")

    monkeypatch.setattr(Catalog, "look", broken)
    watcher = Watchman(tmp_path, seen.append)
    watcher.watch(True)
    eventually(lambda: seen and "ZeroDivisionError: of its own" in seen[-1].listing.problem)
    monkeypatch.setattr(Catalog, "look", look)
    eventually(lambda: not seen[-1].listing.problem)
    watcher.stop()
