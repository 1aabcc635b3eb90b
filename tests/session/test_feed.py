"""The feed on real folders: what happens to them reaches the screen."""

import itertools
import math
import shutil
import subprocess
import sys
import threading
import time

import pytest

import nntui
from nntui.runlog.reader import RunReader
from nntui.session.feed import Feed
from nntui.session.load import load
from nntui.session.snapshot import PlotView, View


class Watcher:
    """Collects snapshots; `until` waits for one that a test likes."""

    def __init__(self, path, **options) -> None:
        self.snapshots = []
        self._came = threading.Condition()
        self.feed = Feed(path, self._take, **options)
        self.feed.start()

    def _take(self, snapshot) -> None:
        with self._came:
            self.snapshots.append(snapshot)
            self._came.notify_all()

    def until(self, test, deadline=30.0):
        end = time.monotonic() + deadline
        with self._came:
            while not (found := [s for s in self.snapshots[-1:] if test(s)]):
                assert self._came.wait(end - time.monotonic()), f"last seen: {self.snapshots[-1:]}"
        return found[0]


@pytest.fixture
def watch():
    watchers = []

    def start(path, **options) -> Watcher:
        watchers.append(Watcher(path, **options))
        return watchers[-1]

    yield start
    for one in watchers:
        one.feed.stop()


def test_what_is_logged_arrives(tmp_path, watch) -> None:
    with nntui.init(tmp_path / "run") as run:
        watcher = watch(tmp_path / "run")
        run.log({"loss": 1.0})
        run.flush()
        watcher.until(lambda s: s.head.loss == 1.0 and s.head.state == "live")
        run.log({"loss": 0.5})
        run.flush()
        watcher.until(lambda s: s.head.loss == 0.5)
    snapshot = watcher.until(lambda s: s.head.state == "ended")
    numbers = [s.number for s in watcher.snapshots]
    assert numbers == sorted(set(numbers))
    assert snapshot.head.watching


def test_a_screen_that_costs_much_waits_and_is_shown_all_the_same(tmp_path, watch, monkeypatch) -> None:
    spent = itertools.count(0, 1000)
    monkeypatch.setattr(time, "process_time", lambda: float(next(spent)))
    with nntui.init(tmp_path / "run") as run:
        watcher = watch(tmp_path / "run")
        for loss in (3.0, 2.0, 1.0):
            run.log({"loss": loss})
            run.flush()
            watcher.until(lambda s, loss=loss: s.head.loss == loss)


def test_another_view_is_answered_at_once(tmp_path, watch) -> None:
    with nntui.init(tmp_path / "run") as run:
        run.log({"loss": 1.0})
    watcher = watch(tmp_path / "run")
    watcher.until(lambda s: s.head.loss == 1.0)
    watcher.feed.show(View((PlotView("main", ("loss",), 33),)))
    snapshot = watcher.until(lambda s: "main" in s.plots)
    assert snapshot.plots["main"].series[0].low.shape == (33,)


def test_a_run_that_does_not_exist_yet_is_waited_for(tmp_path, watch) -> None:
    watcher = watch(tmp_path / "run", wait=True)
    assert watcher.until(lambda s: s.head.state == "waiting").problem == ""
    with nntui.init(tmp_path / "run") as run:
        run.log({"loss": 1.0})
    watcher.until(lambda s: s.head.loss == 1.0)


def test_a_run_that_is_not_there_is_a_problem_in_one_line(tmp_path, watch) -> None:
    problem = watch(tmp_path / "run").until(lambda s: s.problem).problem
    assert "no such run" in problem
    assert "\n" not in problem


def test_a_deleted_run_is_said_to_be_gone_and_one_made_anew_is_shown(tmp_path, watch) -> None:
    with nntui.init(tmp_path / "run") as run:
        run.log({"loss": 1.0})
    watcher = watch(tmp_path / "run")
    watcher.until(lambda s: s.head.loss == 1.0)
    shutil.rmtree(tmp_path / "run")
    gone = watcher.until(lambda s: s.problem)
    assert gone.head.loss == 1.0, "what was known stays on screen"
    with nntui.init(tmp_path / "run") as run:
        run.log({"loss": 7.0})
    assert watcher.until(lambda s: s.head.loss == 7.0).problem == ""


def test_without_file_events_polling_finds_everything(tmp_path, watch, monkeypatch) -> None:
    from watchdog import observers

    def refuse(*_):
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(observers, "Observer", refuse)
    with nntui.init(tmp_path / "run") as run:
        watcher = watch(tmp_path / "run")
        run.log({"loss": 1.0})
        run.flush()
        snapshot = watcher.until(lambda s: s.head.loss == 1.0 and s.complete)
    assert snapshot.head.watching.startswith("poll")


def test_what_watchdog_says_of_itself_is_not_written_over_the_screen(tmp_path) -> None:
    nntui.init(tmp_path / "run").finish()
    program = f"""
import logging, threading
from pathlib import Path
from nntui.session.feed import Feed
seen = threading.Event()
feed = Feed(Path({str(tmp_path / "run")!r}), lambda snapshot: snapshot.complete and seen.set())
feed.start()
assert seen.wait(20)
logging.getLogger("watchdog.observers.inotify").error("called when the thread is inactive")
feed.stop()
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (told.returncode, told.stderr) == (0, "")


def test_a_defect_in_the_viewer_is_shown_and_not_a_frozen_screen(tmp_path, watch, monkeypatch) -> None:
    from nntui.session.run_state import RunState

    def fail(*_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(RunState, "fold", fail)
    nntui.init(tmp_path / "run").finish()
    assert "ZeroDivisionError: planted" in watch(tmp_path / "run").until(lambda s: s.problem).problem


def test_nothing_is_posted_when_nothing_changed(tmp_path, watch) -> None:
    with nntui.init(tmp_path / "run") as run:
        run.log({"loss": 1.0})
    watcher = watch(tmp_path / "run")
    watcher.until(lambda s: s.head.state == "ended" and s.complete)
    polls = []
    from nntui.runlog.reader import RunReader

    real = RunReader.poll
    before = len(watcher.snapshots)
    try:
        RunReader.poll = lambda self, *a, **k: polls.append(1) or real(self, *a, **k)
        end = time.monotonic() + 30
        while len(polls) < 4 and time.monotonic() < end:
            watcher.feed.wake()
            time.sleep(0.01)
    finally:
        RunReader.poll = real
    assert len(polls) >= 4
    assert len(watcher.snapshots) == before


def test_a_stopped_feed_is_gone_and_looks_for_no_run_first(tmp_path, watch, monkeypatch) -> None:
    monkeypatch.setattr("nntui.session.feed.RETRY_INTERVAL", 3600.0)
    nntui.init(tmp_path / "run").finish()
    watcher = watch(tmp_path / "run")
    watcher.until(lambda s: s.number > 0)
    watcher.feed.stop()
    assert not [t for t in threading.enumerate() if t.name == "nntui-feed" and t is watcher.feed._thread]


def test_a_one_shot_look_sees_the_same(tmp_path) -> None:
    with nntui.init(tmp_path / "run", total_steps=10) as run:
        for step in range(10):
            run.log({"loss": 1.0 / (step + 1)}, step=step)
    snapshot = load(tmp_path / "run", View((PlotView("main", ("loss",), 8),)))
    assert snapshot.head.state == "ended"
    assert snapshot.metrics[0].points == 10
    assert snapshot.plots["main"].series[0].low.shape == (8,)


def test_what_is_read_first_is_shown_before_it_is_judged(tmp_path, watch) -> None:
    with nntui.init(tmp_path / "run") as run:
        for step in range(20):
            run.log({"train/loss": math.nan if step > 10 else 1.0}, step=step)
    watcher = watch(tmp_path / "run")
    watcher.until(lambda s: s.complete)
    first, last = watcher.snapshots[0], watcher.snapshots[-1]
    assert ([m.metric for m in first.metrics], first.unread, first.alerts) == (["train/loss"], True, ())
    assert any(alert.id == "live.nonfinite" for alert in last.alerts)


@pytest.mark.parametrize(("patience", "read"), [(math.inf, "all"), (0.0, "some")])
def test_a_run_that_is_soon_read_is_shown_once_it_is(tmp_path, watch, monkeypatch, patience, read) -> None:
    with nntui.init(tmp_path / "run") as run:
        for step in range(3000):
            run.log({f"metric/{name}": float(step) for name in range(10)}, step=step)
            if step % 100 == 99:
                run.flush()
    monkeypatch.setattr("nntui.session.feed.FIRST_READ", patience)
    monkeypatch.setattr(RunReader, "poll", lambda self, poll=RunReader.poll: poll(self, max_bytes=1))
    watcher = watch(tmp_path / "run")
    watcher.until(lambda s: s.complete)
    points = [one.metrics[0].points for one in watcher.snapshots]
    assert (points[0] == 3000) is (read == "all")
    assert points[-1] == 3000
    assert points == sorted(points)


def test_a_long_run_is_shown_from_end_to_end_before_all_is_read(tmp_path, watch, monkeypatch) -> None:
    with nntui.init(tmp_path / "run") as run:
        for step in range(6000):
            run.log({f"metric/{name}": float(step) for name in range(10)}, step=step)
            if step % 20 == 19:
                run.flush()
    monkeypatch.setattr("nntui.session.feed.FIRST_READ", 0.0)
    monkeypatch.setattr("nntui.session.feed.TELL_INTERVAL", 0.0)
    monkeypatch.setattr(RunReader, "poll", lambda self, poll=RunReader.poll: poll(self, max_bytes=1))
    watcher = watch(tmp_path / "run")
    watcher.feed.show(View((PlotView("main", ("metric/0",), 8),)))
    watcher.until(lambda s: s.complete)
    sketches = [one for one in watcher.snapshots if not math.isnan(one.sketch)]
    assert len(sketches) > 2
    assert [one.sketch for one in sketches] == sorted(one.sketch for one in sketches)
    assert {(one.head.step, one.head.lost.frames, one.complete, one.alerts) for one in sketches} == {
        (5999, 0, False, ())
    }
    assert all(one.metrics[0].points < 6000 for one in sketches)
    last = watcher.snapshots[-1]
    assert (last.metrics[0].points, math.isnan(last.sketch)) == (6000, True)
    sketch, whole = (one.plots["main"] for one in (sketches[-1], last))
    assert sketch.x_range == whole.x_range
    (some,), (all_,) = sketch.series, whole.series
    known = some.low <= some.high
    assert known[[0, -1]].all()
    assert (some.low[known] >= all_.low[known]).all()
    assert (some.high[known] <= all_.high[known]).all()
