"""The run under the cursor: read to its end, beside others, whatever becomes of it, and nothing while nobody rests on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nntui
from nntui.finding import Finding
from nntui.session import preview, watchman
from nntui.session.load import Loaded
from nntui.session.pinned import PIN_INTERVAL
from nntui.session.preview import TOO_LARGE, Previews, plotted
from nntui.session.runs import Preview, PreviewView, Runs, RunsView
from nntui.session.snapshot import PlotView, View
from nntui.session.watchman import Watchman

METRICS = ("train/loss", "val/loss")


def record(path: Path, *, steps: int = 200, shift: float = 0.0) -> Path:
    """A run that has ended: a loss of training that becomes NaN, one of validation, a check that fails."""
    with nntui.init(path) as run:
        run.check(Finding("skeleton.init_loss", "fail", "too large", expected=2.3, measured=30.0))
        for step in range(steps):
            every = {"val/loss": shift + abs(step - 120) / 100, "val/accuracy": 0.5} if step % 10 == 0 else {}
            loss = np.nan if step == steps - 1 else shift + 2.0 / (step + 1)
            run.log({"train/loss": loss, "lr": 1e-3, "val/loss_stderr": 0.1, **every}, step=step)
    return path


class Clock:
    """Seconds that pass when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def read(previews: Previews) -> Preview:
    """Turn until nothing is new."""
    while previews.due <= 100.0:
        previews.turn()
    return previews.found


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("two")
    return record(root / "a"), record(root / "b", steps=300, shift=1.0)


def test_a_run_is_drawn_as_if_it_were_open_beside_the_others_under_their_numbers(two: tuple[Path, Path]) -> None:
    one, other = two
    previews = Previews(clock=Clock())
    previews.want(PreviewView(one, (one, other), 64))
    found = read(previews)
    assert found.path == one
    assert not found.trouble
    data = next(iter(found.snapshot.plots.values()))
    assert [(s.run, s.metric) for s in data.series] == [(0, m) for m in METRICS] + [(2, m) for m in METRICS]
    for number, path in ((0, one), (2, other)):
        asked = PlotView("main", METRICS, 64, x_range=data.x_range)
        alone = Loaded(path).snapshot(View((asked,))).plots["main"].series
        for drawn, expected in zip((s for s in data.series if s.run == number), alone, strict=True):
            for field in ("low", "high", "line"):
                assert np.array_equal(getattr(drawn, field), getattr(expected, field), equal_nan=True)


def test_what_it_came_to_is_that_of_the_open_run(two: tuple[Path, Path]) -> None:
    previews = Previews(clock=Clock())
    previews.want(PreviewView(two[0]))
    shown, opened = read(previews).snapshot, Loaded(two[0]).snapshot(View())
    assert [one.id for one in shown.checks] == [one.id for one in opened.checks] == ["skeleton.init_loss"]
    assert [one.message for one in shown.alerts] == [one.message for one in opened.alerts]
    assert any(one.id == "live.nonfinite" for one in shown.alerts)
    first, *others = shown.plots.values()
    assert [(mark.x, mark.label) for mark in first.marks if mark.label.startswith("best")] == [(120.0, "best 0")]
    assert not any(mark.label.startswith("best") for plot in others for mark in plot.marks)


def test_what_a_run_is_judged_by_is_plotted_first_and_what_is_no_curve_not_at_all() -> None:
    names = ["lr", "val/loss_stderr", "train/accuracy", "val/loss", "train/loss", "val/accuracy", "a", "b"]
    assert plotted(names)[:2] == [("train/loss", "val/loss"), ("train/accuracy", "val/accuracy")]
    assert plotted(["acc", "loss", "lr"])[0] == ("acc",)
    assert not any("val/loss_stderr" in group for group in plotted(names))
    assert len(plotted(names)) == preview.PLOTS
    assert plotted([]) == []


@pytest.mark.parametrize(("spoil", "words"), [(shutil.rmtree, "gone"), (lambda path: None, "")])
def test_what_is_wrong_with_it_is_said(tmp_path: Path, spoil: Callable[[Path], None], words: str) -> None:
    path = record(tmp_path / "run", steps=3)
    spoil(path)
    previews = Previews(clock=Clock())
    previews.want(PreviewView(path, (tmp_path / "nowhere",)))
    assert read(previews).trouble == words
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "run.json").write_text("{")
    previews.want(PreviewView(tmp_path / "odd"))
    assert read(previews).trouble == "unreadable"


def test_a_run_of_many_bytes_is_not_read(two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = two
    monkeypatch.setattr(preview, "size", lambda path, kinds=(): preview.READ_LIMIT + (path == other))
    previews = Previews(clock=Clock())
    previews.want(PreviewView(other))
    assert read(previews).trouble == TOO_LARGE
    previews.want(PreviewView(one, (other,)))
    drawn = next(iter(read(previews).snapshot.plots.values()))
    assert {one.run for one in drawn.series} == {0}


def test_a_run_at_rest_is_told_once_and_one_that_goes_on_again(tmp_path: Path) -> None:
    clock = Clock()
    previews = Previews(clock=clock)
    with nntui.init(tmp_path / "live", capture_output=False) as run:
        run.log({"loss": 1.0}, step=0)
        run.flush(5.0)
        previews.want(PreviewView(tmp_path / "live"))
        assert read(previews).snapshot.head.step == 0
        told = previews.found
        clock.now += PIN_INTERVAL / 2
        run.log({"loss": 0.5}, step=1)
        run.flush(5.0)
        assert not previews.turn()
        clock.now += PIN_INTERVAL
        assert previews.turn()
        assert previews.found.snapshot.head.step == 1
        assert previews.found is not told
    previews.want(None)
    clock.now += 100.0
    assert not previews.turn()


# --- the thread ---------------------------------------------------------------------------------------


def test_the_run_that_the_cursor_rests_on_is_read_and_compared(
    two: tuple[Path, Path], eventually: Callable[..., None]
) -> None:
    seen: list[Runs] = []
    watcher = Watchman(two[0].parent, seen.append)
    watcher.show(RunsView(preview=PreviewView(two[0]), compare=(two[1], two[0])))
    watcher.watch(True)
    eventually(lambda: bool(seen) and seen[-1].preview.path == two[0] and seen[-1].compared is not None)
    rows, outcomes = seen[-1].rows, seen[-1].outcomes
    assert seen[-1].view.compare == (two[1], two[0])
    watcher.show(RunsView(preview=PreviewView(two[1])))
    eventually(lambda: seen[-1].preview.path == two[1] and seen[-1].compared is None)
    assert seen[-1].rows is rows, "the list is the same, and need not be measured again"
    assert seen[-1].outcomes is outcomes
    watcher.stop()


def test_while_the_cursor_moves_nothing_is_read(
    two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., None]
) -> None:
    opened: list[Path] = []
    followed = preview.Followed

    def counted(path: Path, kinds: tuple[str, ...]) -> object:
        opened.append(path)
        return followed(path, kinds)

    monkeypatch.setattr(preview, "Followed", counted)
    monkeypatch.setattr(watchman, "REST", 1000.0)
    seen: list[Runs] = []
    watcher = Watchman(two[0].parent, seen.append)
    watcher.watch(True)
    for number in range(20):
        watcher.show(RunsView(preview=PreviewView(two[number % 2]), compare=(None, two[0]), sort="name"))
    eventually(lambda: bool(seen) and seen[-1].view.sort == "name")
    for pattern in ("a", "b"):
        watcher.show(RunsView(pattern, preview=PreviewView(two[0])))
        eventually(lambda pattern=pattern: seen[-1].view.pattern == pattern)
    assert not opened
    assert seen[-1].preview.path is None
    watcher.stop()


def test_nobody_sees_it_nothing_of_it_is_kept(two: tuple[Path, Path], eventually: Callable[..., None]) -> None:
    seen: list[Runs] = []
    watcher = Watchman(two[0].parent, seen.append)
    watcher.show(RunsView(preview=PreviewView(two[0], (two[1],))))
    watcher.watch(True)
    eventually(lambda: bool(seen) and seen[-1].preview.path == two[0])
    watcher.watch(False)
    eventually(lambda: watcher._previews is not None and watcher._previews._run is None)
    watcher.watch(True)
    eventually(lambda: watcher._previews is not None and watcher._previews._run is not None)
    watcher.stop()
