"""Runs drawn along with the open one: the same columns as if they were open, little by little, whatever becomes of them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nntui
from nntui.runlog.reader import RunReader
from nntui.session import pinned, plotting, tracks
from nntui.session.feed import Feed
from nntui.session.load import Loaded
from nntui.session.pinned import Pins, told_apart
from nntui.session.snapshot import PlotView, Snapshot, View


def record(path: Path, *, steps: int = 300, shift: float = 0.0) -> Path:
    """A run that has ended: two losses, one of them every tenth step."""
    noise = np.random.default_rng(len(path.name))
    with nntui.init(path, steps_per_epoch=10) as run:
        for step in range(steps):
            every = {"val/loss": shift + 3.0 / (step + 1)} if step % 10 == 0 else {}
            run.log({"train/loss": shift + 2.0 / (step + 1) + 0.1 * noise.random(), **every}, step=step)
            run.event("note", "not of interest")
    return path


def garble(path: Path) -> None:
    """Spoil one frame of the metrics."""
    file = next(path.glob("w-*/metrics-*.arrows"))
    data = bytearray(file.read_bytes())
    data[-40] ^= 0xFF
    file.write_bytes(data)


class Clock:
    """Seconds that pass when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def read_all(pins: Pins) -> None:
    while pins.behind:
        pins.turn()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("two")
    return record(root / "a", steps=200), record(root / "other", shift=1.0)


@pytest.mark.parametrize("axis", ["step", "epoch", "relative", "wall"])
@pytest.mark.parametrize("smoothing", [0.0, 0.9])
def test_a_pinned_run_is_drawn_as_if_it_were_open(two: tuple[Path, Path], axis: Any, smoothing: float) -> None:
    open_run, other = two
    pins = Pins()
    pins.want([other])
    read_all(pins)
    view = PlotView("main", ("train/loss", "val/loss"), 64, axis, smoothing=smoothing)
    mine = Loaded(open_run)._state
    both = plotting.plot(view, [mine.drawn(view.metrics), *pins.drawn(view.metrics)], [])
    asked = PlotView("main", view.metrics, 64, axis, both.x_range, smoothing=smoothing)
    for number, path in enumerate((open_run, other)):
        alone = Loaded(path).snapshot(View((asked,))).plots["main"]
        drawn = [one for one in both.series if one.run == number]
        assert [one.metric for one in drawn] == list(view.metrics)
        for one, expected in zip(drawn, alone.series, strict=True):
            for field in ("low", "high", "line"):
                np.testing.assert_array_equal(getattr(one, field), getattr(expected, field))
            assert one.last == expected.last


def test_one_turn_reads_of_one_run_and_only_its_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    polls: list[tuple[str, set[str]]] = []
    poll = RunReader.poll

    def counted(self: RunReader, *given: Any) -> Any:
        found = poll(self, *given)
        polls.append((self.path.name, {batch.kind for batch in found.batches}))
        return found

    monkeypatch.setattr(RunReader, "poll", counted)
    clock = Clock()
    pins = Pins(clock=clock)
    pins.want([record(tmp_path / name) for name in ("a", "b", "c")])
    for _ in range(3):
        assert pins.turn()
    assert sorted(polls) == [("a", {"metrics"}), ("b", {"metrics"}), ("c", {"metrics"})]
    assert not pins.behind
    for _ in range(20):
        assert not pins.turn()
    assert len(polls) == 3, "what is over is left alone for a while"
    clock.now += pinned.OVER_INTERVAL
    for _ in range(20):
        pins.turn()
    assert len(polls) == 6


def test_a_live_run_is_followed_and_costs_nothing_while_it_says_nothing(tmp_path: Path) -> None:
    clock = Clock()
    pins = Pins(clock=clock)
    pins.want([tmp_path / "live"])
    with nntui.init(tmp_path / "live") as run:
        run.log({"loss": 1.0})
        run.flush()
        read_all(pins)
        assert pins.told(tmp_path / "mine")[1][0].state == "live"
        (before,) = pins.drawn(["loss"])
        assert len(before.lineages[0][0]) == 1
        run.log({"loss": 2.0})
        run.flush()
        assert not pins.turn()
        clock.now += pinned.PIN_INTERVAL
        assert pins.turn()
        (after,) = pins.drawn(["loss"])
        assert after.lineages[0][0].value.tolist() == [1.0, 2.0]


def test_what_is_drawn_of_a_run_that_is_over_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = Pins()
    pins.want([record(tmp_path / "other")])
    read_all(pins)
    computed: list[int] = []
    counted = tracks.of_stretches
    monkeypatch.setattr(tracks, "of_stretches", lambda *a: computed.append(a[1][-1] - a[1][0]) or counted(*a))
    view = PlotView("main", ("train/loss",), 32)
    for _ in range(5):
        plotting.plot(view, [plotting.Drawn.nothing(), *pins.drawn(view.metrics)], [])
    assert computed == [300]


def test_a_run_that_is_gone_says_so_keeps_what_was_seen_and_may_come_back(tmp_path: Path) -> None:
    clock = Clock()
    pins = Pins(clock=clock)
    pins.want([record(tmp_path / "other")])
    read_all(pins)
    shutil.move(tmp_path / "other", tmp_path / "moved")
    clock.now += 100
    assert pins.turn()
    assert [one.trouble for one in pins.told(tmp_path / "a")[1]] == ["gone"]
    (drawn,) = pins.drawn(["train/loss"])
    assert len(drawn.lineages[0][0]) == 300
    shutil.move(tmp_path / "moved", tmp_path / "other")
    clock.now += 100
    assert pins.turn()
    read_all(pins)
    assert [one.trouble for one in pins.told(tmp_path / "a")[1]] == [""]
    (drawn,) = pins.drawn(["train/loss"])
    assert len(drawn.lineages[0][0]) == 300


def not_a_run(path: Path) -> None:
    path.mkdir()
    (path / "run.json").write_text("{")


@pytest.mark.parametrize(
    ("make", "trouble"),
    [
        (lambda path: garble(record(path)), "1 frame damaged"),
        (lambda path: None, "gone"),
        (not_a_run, "unreadable"),
        (lambda path: path.write_text("a file"), "unreadable"),
    ],
    ids=["damaged", "never there", "no run", "a file"],
)
def test_what_is_wrong_with_a_run_is_said_of_it(tmp_path: Path, make: Callable[[Path], None], trouble: str) -> None:
    make(tmp_path / "bad")
    pins = Pins()
    pins.want([tmp_path / "bad", record(tmp_path / "good")])
    assert [one.trouble for one in pins.told(tmp_path / "mine")[1]] == ["loading", "loading"]
    read_all(pins)
    called, (bad, good) = pins.told(tmp_path / "mine")
    assert (called, bad.name, good.name) == ("mine", "bad", "good")
    assert (bad.trouble, good.trouble) == (trouble, "")
    assert plotting.plot(
        PlotView("main", ("train/loss",), 9), [plotting.Drawn.nothing(), *pins.drawn(["train/loss"])], []
    )


def test_a_defect_in_one_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poll = RunReader.poll

    def broken(self: RunReader, *given: Any) -> Any:
        return poll(self, *given) if self.path.name != "bad" else {}["nothing"]

    monkeypatch.setattr(RunReader, "poll", broken)
    pins = Pins()
    pins.want([record(tmp_path / "bad"), record(tmp_path / "good")])
    read_all(pins)
    assert [one.trouble for one in pins.told(tmp_path / "a")[1]] == ["KeyError, a defect of nntui", ""]


def test_the_feed_hands_over_the_pinned_runs_and_forgets_them(tmp_path: Path, eventually: Callable[..., None]) -> None:
    paths = [record(tmp_path / name, shift=k) for k, name in enumerate(("lr-1e-3", "lr-3e-3", "lr-1e-2"))]
    newest: list[Snapshot] = []
    feed = Feed(paths[0], newest.append)
    view = View((PlotView("main", ("train/loss",), 40),), pins=tuple(paths[1:]))
    feed.show(view)
    feed.start()
    try:
        eventually(
            lambda: bool(newest) and [one.trouble for one in newest[-1].pins] == ["", ""] and newest[-1].complete
        )
        assert newest[-1].called == "1e-3"
        assert [one.name for one in newest[-1].pins] == ["3e-3", "1e-2"]
        assert [one.run for one in newest[-1].plots["main"].series] == [0, 1, 2]
        assert newest[-1].metrics[0].last < 1.0, "the numbers are those of the open run"
        shutil.rmtree(paths[2])
        feed.show(View(view.plots, pins=view.pins[:1]))
        eventually(lambda: len(newest[-1].pins) == 1)
        assert [one.run for one in newest[-1].plots["main"].series] == [0, 1]
        feed.show(View(view.plots))
        eventually(lambda: not newest[-1].pins)
        assert newest[-1].called == ""
    finally:
        feed.stop()
    assert threading.active_count() < 20


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["runs/digits-lr1e-3-s1", "runs/digits-lr3e-3-s1"], ["lr1e-3", "lr3e-3"]),
        (["runs/a", "runs/b", "runs/b2"], ["a", "b", "b2"]),
        (["x/base", "x/base-wide"], ["base", "base-wide"]),
        (["sweep/a", "other/a"], ["sweep", "other"]),
        (["same", "same"], ["same", "same"]),
        (["w64", "w128"], ["w64", "w128"]),
        (["a-", "a"], ["a-", "a"]),
    ],
)
def test_runs_are_called_by_what_differs_in_their_names(names: list[str], told: list[str]) -> None:
    assert told_apart(names) == told


@given(st.lists(st.text(alphabet="ab1.-_/é ", min_size=1, max_size=12), min_size=1, max_size=8))
def test_different_names_stay_different_and_none_is_empty(names: list[str]) -> None:
    told = told_apart(names)
    assert len(set(told)) == len(set(names))
    assert all(told)
    assert all(short in name for short, name in zip(told, names, strict=True))
