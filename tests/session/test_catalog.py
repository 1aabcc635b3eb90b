"""Which runs lie below a folder, in which order, and how little is read to know."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import nntui
from nntui.runlog import layout
from nntui.runlog.errors import NotARun, RunNotFound
from nntui.runlog.layout import End
from nntui.session import catalog, paths
from nntui.session.catalog import Catalog
from nntui.session.glance import Glance, Onlooker

Make = Callable[..., Path]


def names(listing: catalog.Listing) -> list[str]:
    return [str(one.path.relative_to(listing.root)) for one in listing.runs]


def settle(*folders: Path) -> None:
    """Let the folders have changed long ago, for all that can be told."""


def test_runs_still_going_come_first_and_then_by_last_activity(small_run: Make, tmp_path: Path) -> None:
    small_run(tmp_path / "ended-late", started=90.0, beat=5.0, end=End())
    small_run(tmp_path / "live-new", started=10.0, beat=3.0)
    small_run(tmp_path / "group" / "live-old", started=500.0, beat=1.0)
    small_run(tmp_path / "killed", started=90.0, beat=30.0, alive="gone")
    small_run(tmp_path / "ended-early", started=9000.0, beat=800.0, end=End())
    listing = Catalog(tmp_path).look()
    assert names(listing) == ["live-new", "group/live-old", "ended-late", "killed", "ended-early"]
    assert [one.state for one in listing.runs] == ["live", "live", "ended", "crashed", "ended"]
    assert paths.resolve(tmp_path) == tmp_path / "live-new"


def test_a_copy_of_an_old_run_is_as_old_as_the_run(small_run: Make, tmp_path: Path) -> None:
    small_run(tmp_path / "copied", started=9000.0, beat=8000.0, end=End())
    folder = small_run(tmp_path / "mine", started=100.0, beat=90.0, end=End())
    for path in (folder, tmp_path / "mine"):
        os.utime(path, (0, 0))
    assert paths.resolve(tmp_path) == tmp_path / "mine"


def test_without_a_path_the_folder_of_runs_may_be_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunNotFound, match="no such folder here"):
        paths.resolve(None)
    nntui.init("runs").finish()
    assert paths.resolve(None) == Path("runs")


def test_without_a_path_a_file_in_place_of_the_folder_is_called_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").write_text("")
    with pytest.raises(NotARun, match="found a file"):
        paths.resolve(None)


def test_a_clock_ahead_makes_no_run_the_latest_for_ever(small_run: Make, tmp_path: Path) -> None:
    small_run(tmp_path / "ahead", started=-9e5, beat=-9e5, end=End())
    small_run(tmp_path / "now", started=10.0)
    assert names(Catalog(tmp_path).look()) == ["now", "ahead"]


def hostile_folders(root: Path) -> dict[str, str]:
    """Folders that look like runs and cannot be read, with a part of what their line must say."""
    for name, content in (("newer", '{"format": 99}'), ("broken", "{"), ("big", "{" + " " * (2 << 20))):
        (root / name).mkdir(parents=True)
        (root / name / "run.json").write_text(content)
    (root / "half").mkdir()
    (root / "half" / "w-20260101T000000Z-r0000-abcdef").mkdir()
    (root / "link").mkdir()
    (root / "link" / "run.json").symlink_to("/etc/passwd")
    (root / "fifo").mkdir()
    os.mkfifo(root / "fifo" / "run.json")
    (root / "deep").mkdir()
    (root / "deep" / "run.json").mkdir()
    return {"newer": "format 99", **dict.fromkeys(("broken", "big", "half", "link", "fifo", "deep"), "run.json")}


def test_a_hostile_or_half_written_folder_says_what_is_wrong_and_hides_no_other(
    small_run: Make, tmp_path: Path
) -> None:
    wrong = hostile_folders(tmp_path)
    small_run(tmp_path / "good", started=900.0, beat=800.0, end=End())
    (tmp_path / "notes").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "elsewhere").symlink_to(tmp_path / "good")
    (tmp_path / "file").write_text("x")
    listing = Catalog(tmp_path).look()
    problems = {one.path.name: one.problem for one in listing.runs}
    assert problems.keys() == wrong.keys() | {"good"}
    assert problems.pop("good") == ""
    for name, part in wrong.items():
        assert part in problems[name], name
        assert "\n" not in problems[name]
    assert paths.resolve(tmp_path) == tmp_path / "good", "the latest run that can be read"


def test_a_folder_of_nothing_but_unreadable_runs_is_still_no_traceback(tmp_path: Path) -> None:
    hostile_folders(tmp_path)
    assert paths.resolve(tmp_path).parent == tmp_path
    with pytest.raises((NotARun, RunNotFound, layout.NewerFormat)):
        layout.read_identity(paths.resolve(tmp_path))


@pytest.mark.parametrize("what", ["nothing", "file", "gone later"])
def test_a_folder_that_is_none_is_a_problem_in_words(tmp_path: Path, what: str, small_run: Make) -> None:
    root = tmp_path / "runs"
    if what == "file":
        root.write_text("x")
    looked = Catalog(root)
    if what == "gone later":
        small_run(root / "a")
        assert names(looked.look()) == ["a"]
        root.rename(tmp_path / "moved")
    listing = looked.look()
    assert str(root) in listing.problem
    assert not listing.runs


class Clock:
    """A clock that a test turns, and that goes on by itself a little at every look."""

    def __init__(self, pace: float = 0.0) -> None:
        self.now = 1000.0
        self.pace = pace

    def __call__(self) -> float:
        self.now += self.pace
        return self.now


def test_one_look_is_bounded_and_the_next_goes_on_where_it_stopped(small_run: Make, tmp_path: Path) -> None:
    for number in range(20):
        small_run(tmp_path / f"run{number:02d}", end=End())
    looked = Catalog(tmp_path, clock=Clock(pace=0.01))
    counts = []
    for _ in range(12):
        listing = looked.look(max_seconds=0.1)
        counts.append((len(listing.runs), listing.unread))
        assert sum(counts[-1]) == 20
    assert 0 < counts[0][0] < 20
    assert counts[-1] == (20, 0)


def test_what_is_over_is_read_once_and_what_goes_on_every_time(
    small_run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, more in (("ended", {"end": End()}), ("killed", {"alive": "gone"}), ("live", {})):
        small_run(tmp_path / name, **more)
    looks: list[str] = []
    look = Onlooker.look

    def counted(self: Onlooker, now: float, wall: float) -> Glance:
        looks.append(self.path.name)
        return look(self, now, wall)

    monkeypatch.setattr(Onlooker, "look", counted)
    looked = Catalog(tmp_path, wall=lambda: __import__("time").time() + 100)  # what changed here changed long ago
    for _ in range(3):
        looked.look()
    assert sorted(looks) == ["ended", "killed", "live", "live", "live"]


def test_new_runs_new_launches_and_removed_runs_are_noticed(small_run: Make, tmp_path: Path) -> None:
    looked = Catalog(tmp_path)
    small_run(tmp_path / "a", started=90.0, end=End())
    assert [(one.path.name, one.state) for one in looked.look().runs] == [("a", "ended")]
    small_run(tmp_path / "a", started=5.0)
    small_run(tmp_path / "group" / "b", started=50.0, end=End())
    assert [(one.path.name, one.state) for one in looked.look().runs] == [("a", "live"), ("b", "ended")]
    (tmp_path / "a").rename(tmp_path.parent / f"{tmp_path.name}-moved")
    assert [one.path.name for one in looked.look().runs] == ["b"]


def test_a_beat_that_moves_is_believed_whatever_its_clock_says(small_run: Make, tmp_path: Path) -> None:
    folder = small_run(tmp_path / "far", alive="elsewhere", beat=3600.0)
    onlooker = Onlooker(tmp_path / "far")
    assert onlooker.look(0.0, layout.time_ns() / 1e9 if hasattr(layout, "time_ns") else 1e10).state == "silent"
    beat = layout.read_beat(folder)
    assert beat is not None
    (folder / "beat").write_bytes(layout.encode_beat(layout.Beat(count=2, wall_time_ns=beat.wall_time_ns)))
    assert onlooker.look(1.0, 1e10).state == "live"
    assert onlooker.look(20.0, 1e10).state == "silent"


def test_a_restart_goes_on_from_where_it_resumed(small_run: Make, tmp_path: Path) -> None:
    small_run(tmp_path / "r", started=900.0, beat=800.0, alive="gone", step=900, loss=0.5)
    small_run(tmp_path / "r", started=3.0, step=-1, has_loss=False, manifest={"resume_step": 500})
    one = Onlooker(tmp_path / "r").look(0.0, 1e10)
    assert (one.step, one.loss, one.launches) == (500, 0.5, 2)
    small_run(tmp_path / "r", started=2.0, step=510, loss=0.4, manifest={"resume_step": 500})
    one = Onlooker(tmp_path / "r").look(0.0, 1e10)
    assert (one.step, one.loss, one.launches) == (510, 0.4, 3)


def test_a_run_nothing_was_written_to_waits(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    layout.write_once(tmp_path / "r" / "run.json", layout.Identity("id", "named"))
    one = Onlooker(tmp_path / "r").look(0.0, 1e10)
    assert (one.name, one.state, one.step, one.going) == ("named", "waiting", -1, True)
    assert math.isnan(one.newest)
    assert math.isnan(one.progress)
