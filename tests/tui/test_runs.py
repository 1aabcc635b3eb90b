"""The list of runs: what it says, how one gets into a run and out of it, and that no feed speaks for another."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nntui.session.catalog import Listing
from nntui.session.choice import choose, differing
from nntui.session.glance import Glance
from nntui.session.outcome import Extent, Outcome
from nntui.session.runs import UNREAD, Preview, PreviewView, Runs, RunsView
from nntui.session.snapshot import PIN_LIMIT, PlotView, View
from nntui.session.watchman import compare
from nntui.tui.app import NntuiApp
from nntui.tui.messages import RunsReady
from nntui.tui.run_columns import columns
from nntui.tui.screens import runs as runs_screen
from nntui.tui.screens.runs import RunsScreen
from nntui.tui.units import cell_len

ROOT = Path("runs")


def glances() -> tuple[Glance, ...]:
    """A run in every state; an hour ago, so that no second counts."""
    now, wall = time.monotonic(), time.time()
    known = {"total_steps": 50_000, "loss": 0.412, "has_loss": True, "lr": 3e-4, "newest": now - 4000, "launches": 1}
    known |= {"started_at": wall - 4000, "active_at": wall - 4000, "ranks": (("live", 1),)}
    config = {"seed": 7, "optimizer": {"lr": 3e-4, "name": "adamw"}}
    return (
        Glance(ROOT / "exp42", "exp42", "live", step=12_400, config=config, **known),
        Glance(ROOT / "sweep" / "a", "a", "quiet", "the process is alive but logs nothing", step=7, **known),
        Glance(ROOT / "sweep" / "b", "b", "crashed", "process 812 is gone without a word", step=49_999, **known),
        Glance(ROOT / "old", "old", "ended", step=50_000, **known | {"newest": now - 90_000}),
        Glance(ROOT / "new", "new"),
        Glance(ROOT / "broken", "broken", problem="runs/broken: found no run.json; expected a run folder."),
    )


class CannedWatchman:
    """Stands in for the thread that looks at a folder of runs."""

    def __init__(
        self,
        runs: tuple[Glance, ...] | None = None,
        problem: str = "",
        outcomes: dict[Path, Outcome] | None = None,
        preview: Callable[[PreviewView], Preview] = lambda view: UNREAD,
    ) -> None:
        self.preview = preview
        self.runs = glances() if runs is None else runs
        self.problem = problem
        self.outcomes = outcomes or {}
        self.view = RunsView()
        self.wanted: list[bool] = []
        self.stopped = False

    def __call__(self, root: Path, on_runs: Callable[[Runs], None]) -> CannedWatchman:
        self.root, self.on_runs = root, on_runs
        return self

    def show(self, view: RunsView) -> None:
        if view != self.view:
            self.view = view
            self.post()

    def watch(self, wanted: bool) -> None:
        self.wanted.append(wanted)
        if wanted:
            self.post()

    def post(self, runs: tuple[Glance, ...] | None = None) -> None:
        self.runs = self.runs if runs is None else runs
        listing, view = Listing(self.root, self.runs, problem=self.problem), self.view
        found = choose(view.pattern, view.sort, self.runs, self.outcomes, self.root, time.time())
        told = (found.problem, found.unknown, found.unread, self.outcomes, differing(found.runs))
        previewed = self.preview(view.preview) if view.preview else UNREAD
        self.on_runs(Runs(listing, found.runs, view, *told, compare(self.runs, view, self.outcomes), previewed))

    def stop(self) -> None:
        self.stopped = True


class Feeds:
    """Makes one canned feed per run that is opened."""

    def __init__(self, tui: SimpleNamespace) -> None:
        self.tui = tui
        self.made: list[Any] = []

    def __call__(self, path: Path, on_snapshot: Callable[..., None], *, wait: bool = False) -> Any:
        feed = self.tui.CannedFeed("live")
        feed.base = dataclasses.replace(feed.base, head=dataclasses.replace(feed.base.head, name=path.name))
        self.made.append(feed(path, on_snapshot, wait=wait))
        return feed


Play = Callable[[NntuiApp, Callable[..., Awaitable[list[str]]]], Awaitable[None]]


@pytest.fixture
def play(tui: SimpleNamespace) -> Callable[..., SimpleNamespace]:
    """Run an app on a folder of runs, or on one of them, and play with it; answers with what it used."""

    def run(
        steps: Play, *, path: Path | None = None, size: tuple[int, int] = (80, 24), **canned: Any
    ) -> SimpleNamespace:
        feeds, watchman = Feeds(tui), CannedWatchman(**canned)
        app = NntuiApp(path, root=ROOT, feed=feeds, watchman=watchman)
        used = SimpleNamespace(app=app, feeds=feeds.made, watchman=watchman)

        async def main() -> None:
            async with app.run_test(size=size) as pilot:

                async def keys(*pressed: str) -> list[str]:
                    await pilot.press(*pressed)
                    await tui.settle(pilot)
                    return tui.lines(app)

                used.pilot = pilot
                await tui.settle(pilot)
                await steps(app, keys)

        app.used = used  # type: ignore[attr-defined]
        asyncio.run(main())
        return used

    return run


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 50)], ids=["narrow", "usual", "wide"])
def test_the_list_looks_as_it_should(
    size: tuple[int, int], play: Callable[..., SimpleNamespace], tui: SimpleNamespace
) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        tui.assert_screen(f"runs-{size[0]}", app)

    play(steps, size=size)


def test_enter_opens_the_chosen_run_and_seven_leads_back(play: Callable[..., SimpleNamespace]) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        assert (await keys("j", "enter"))[0].startswith("a  ● live")
        assert app.path == ROOT / "sweep" / "a"
        back = await keys("7")
        assert back[1] == "esc leads back to runs/sweep/a"
        assert (await keys("escape"))[0].startswith("a  ● live")
        assert (await keys("7", "2", "7", "k", "enter"))[0].startswith("exp42  ● live")

    used = play(steps)
    assert [feed.path for feed in used.feeds] == [ROOT / "sweep" / "a", ROOT / "exp42"]
    assert [feed.stopped for feed in used.feeds] == [True, True]
    assert used.watchman.stopped


def test_a_run_that_is_opened_again_is_not_read_again(play: Callable[..., SimpleNamespace]) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        await keys("7", "enter")

    assert len(play(steps, path=ROOT / "exp42").feeds) == 1


def test_a_late_snapshot_of_the_run_before_is_not_shown(play: Callable[..., SimpleNamespace]) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        await keys("enter")
        await keys("7", "j", "enter")
        before, now = app.used.feeds
        for feed in (now, before, now, before):
            feed.post()
        shown = await keys()
        assert shown[0].startswith("a  ● live")
        assert app.snapshot.number == now.number

    play(steps)


def test_another_run_begins_with_its_own_plots_and_no_pause(play: Callable[..., SimpleNamespace]) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        await keys("enter", "x", "j", "enter", "plus", "space")
        assert app.paused
        await keys("7", "j", "enter")
        assert not app.paused
        assert app.options.chosen == ""
        assert app.options.x == "epoch"
        assert not app.options.x_range[0] > 0

    play(steps)


def test_without_a_run_only_the_list_and_the_help_are_there(play: Callable[..., SimpleNamespace]) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        for key in ("1", "2", "3", "4", "9", "a", "escape", "space", "t", "tab", "pagedown"):
            await keys(key)
            assert isinstance(app.screen, RunsScreen), key
        assert "everywhere" in "".join(await keys("question_mark"))
        await keys("escape")
        assert isinstance(app.screen, RunsScreen)

    play(steps)


@pytest.mark.parametrize(
    ("letters", "names"),
    [
        ("sweep", ["a", "b"]),
        ("crashed", ["b"]),
        ("LR=3e-4 seed=7", ["exp42"]),
        ("cfg.optimizer.lr<1", ["exp42"]),
        ("sweep ended", []),
        ("", list("xabone")),
    ],
)
def test_the_filter_knows_names_states_and_settings(
    letters: str, names: list[str], play: Callable[..., SimpleNamespace]
) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        written = ["equals_sign" if c == "=" else "minus" if c == "-" else "space" if c == " " else c for c in letters]
        shown = await keys("slash", *written, "enter")
        assert len(app.screen.items()) == len(names)
        assert (f"{len(names)} of 6 runs" in shown[1]) == bool(letters)
        if letters:
            assert ("None of 6" in "".join(shown)) == (not names)
            await keys("enter") if not names else None
            await keys("escape")
            assert len(app.screen.items()) == 6

    play(steps)


def test_the_chosen_run_stays_chosen_while_others_come(play: Callable[..., SimpleNamespace]) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        await keys("j", "j")
        more = tuple(Glance(ROOT / f"more{i}", f"more{i}", "live", step=i) for i in range(40))
        app.used.watchman.post(more + app.runs.listing.runs)
        shown = await keys()
        assert app.screen.items()[app.screen.chosen].name == "b"
        assert any(line.startswith("▸ ✗ crashed  sweep/b") for line in shown)

    play(steps)


def test_no_number_of_runs_is_told_before_the_folder_was_looked_at(tui: SimpleNamespace) -> None:
    app = NntuiApp(None, root=ROOT, watchman=lambda *_: SimpleNamespace(show=str, watch=str, stop=str))

    async def main() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await tui.settle(pilot)
            before = tui.lines(app)
            assert "Looking for runs …" in " ".join(before)
            assert before[0].strip() == str(ROOT)
            app.post_message(RunsReady(Runs(Listing(ROOT))))
            await tui.settle(pilot)
            assert tui.lines(app)[0].split()[-2:] == ["0", "runs"]

    asyncio.run(main())


def test_the_folder_is_looked_at_only_while_somebody_sees_the_list(play: Callable[..., SimpleNamespace]) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        wanted = app.used.watchman.wanted
        assert wanted == []
        await keys("7")
        assert wanted[-1]
        await keys("escape")
        assert not wanted[-1]

    play(steps, path=ROOT / "exp42")


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (10, 3), (25, 8), (60, 15), (250, 70)])
@pytest.mark.parametrize("scene", ["empty", "gone", "hostile"])
def test_every_size_and_every_name_is_survived(
    scene: str, size: tuple[int, int], play: Callable[..., SimpleNamespace], tui: SimpleNamespace
) -> None:
    hostile = tuple(
        Glance(ROOT / "x" / name.replace("\0", ""), name, problem=name, config={name: {name: [name]}, "a": name})
        if odd
        else Glance(ROOT / name.replace("\0", ""), name, "crashed", name, step=1 << 62, lr=float("inf"))
        for name in tui.HOSTILE
        for odd in (False, True)
    )

    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        for key in ("j", "enter", "7", "pagedown", "end", "tick"):
            if key == "tick":
                app._tick()
            shown = await (keys(key) if key != "tick" else keys())
            assert "defect" not in "".join(shown)
            assert all(cell_len(line) <= size[0] for line in shown)

    play(steps, size=size, runs=hostile if scene == "hostile" else (), problem="it is gone" if scene == "gone" else "")


# --- runs drawn along -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (200, 50)], ids=["usual", "wide"])
def test_pinned_runs_are_drawn_along_and_what_is_wrong_with_one_is_said(
    size: tuple[int, int], play: Callable[..., SimpleNamespace], tui: SimpleNamespace
) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        await keys("7", "j", "p", "j", "p", "j", "p")
        (feed,) = app.used.feeds
        feed.trouble = {"b": "gone", "old": "2 frames damaged"}
        shown = await keys("1")
        assert feed.view.pins == (ROOT / "sweep" / "a", ROOT / "sweep" / "b", ROOT / "old")
        tui.assert_screen(f"overlay-{size[0]}", app)
        legend = next(line for line in shown if line.startswith("── mine"))
        assert all(part in legend for part in ("1 a", "2 b gone", "3 old 2 frames damaged"))
        await keys("7", "k", "p", "1")
        assert feed.view.pins == (ROOT / "sweep" / "a", ROOT / "old")

    play(steps, path=ROOT / "exp42", size=size)


def test_the_open_run_that_is_pinned_stays_when_another_is_opened(play: Callable[..., SimpleNamespace]) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        assert any("this run is pinned" in line for line in await keys("p"))
        assert app.used.feeds[0].view.pins == ()
        listed = await keys("7")
        assert any(line.startswith("▸ p ● live") for line in listed)
        await keys("j", "enter")
        assert app.used.feeds[1].view.pins == (ROOT / "exp42",)
        assert any(line.startswith("── mine") for line in await keys())
        await keys("7", "k", "p", "1")
        assert app.used.feeds[1].view.pins == ()
        assert app.pins == ()

    play(steps, path=ROOT / "exp42")


def test_no_more_runs_are_pinned_than_there_are_colours(play: Callable[..., SimpleNamespace]) -> None:
    many = tuple(Glance(ROOT / f"run{n}", f"run{n}", "ended") for n in range(12))

    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        for _ in range(12):
            await keys("p", "j")
        assert len(app.pins) == PIN_LIMIT

    play(steps, runs=many)


@pytest.mark.parametrize("size", [(1, 1), (20, 8), (60, 16), (61, 17), (250, 70)])
def test_pins_survive_every_size_and_every_name(
    size: tuple[int, int], play: Callable[..., SimpleNamespace], tui: SimpleNamespace
) -> None:
    hostile = tuple(Glance(ROOT / name.replace("\0", ""), name, "ended") for name in tui.HOSTILE[:PIN_LIMIT])

    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        for one in hostile:
            app.toggle_pin(one.path)
        for key in ("enter", "p", "1", "enter", "x"):
            shown = await keys(key)
            assert "defect" not in "".join(shown)
            assert all(cell_len(line) <= size[0] for line in shown)

    play(steps, path=ROOT / "exp42", size=size, runs=hostile)


# --- differences ------------------------------------------------------------------------------


@pytest.fixture
def three() -> dict[str, Any]:
    """Three runs, an hour apart, and what they came to."""

    def one(name: str, at: float, **config: Any) -> Glance:
        times = {"started_at": at, "active_at": at + 60, "launches": 1}
        return Glance(ROOT / name, name, "ended", step=100, total_steps=100, config=config, **times)

    runs = (one("wide", 3e9, lr=2, width=2), one("lr", 2e9, lr=2, width=1), one("base", 1e9, lr=1, width=1))
    losses = {"base": 0.5, "lr": 0.4, "wide": 0.39}
    outcomes = {
        ROOT / name: Outcome({"val/loss": Extent(9, loss, 99, loss, 90, 0.02, 1.0, 0, 0.1)})
        for name, loss in losses.items()
    }
    return {"runs": runs, "outcomes": outcomes}


def test_d_tells_what_differs_from_the_pinned_the_open_or_the_nearest_earlier_run(
    play: Callable[..., SimpleNamespace], three: dict[str, Any], tui: SimpleNamespace
) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        shown = "\n".join(await keys("d"))
        assert "lr → wide" in shown, "the nearest earlier one"
        assert "one thing differs: width" in shown
        assert "no difference beyond the standard error" in shown
        await keys("j", "j", "p")
        shown = "\n".join(await keys("k", "k"))
        assert "base → wide" in shown, "the pinned one"
        assert "2 things differ: no telling which brought the gain" in shown
        tui.assert_screen("runs-differences", app)
        assert "nothing to compare with" not in shown
        await keys("j", "j", "p")
        assert any("nothing to compare with" in line for line in await keys())
        assert "differs" not in "\n".join(await keys("escape"))

    play(steps, **three)


def test_d_compares_with_the_open_run(play: Callable[..., SimpleNamespace], three: dict[str, Any]) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        assert "base → wide" in "\n".join(await keys("7", "d"))

    play(steps, path=ROOT / "base", **three)


# --- the run under the cursor -----------------------------------------------------------------


@pytest.fixture
def previewed(tui: SimpleNamespace) -> Callable[[PreviewView], Preview]:
    """What the thread reads of any run: that of the failing scene, beside as many others as are asked for."""

    def read(view: PreviewView) -> Preview:
        feed = tui.CannedFeed("failing")
        plots = [PlotView(names[0], names, view.columns) for names in (("train/loss", "val/loss"), ("grad_norm",))]
        feed.view = View(tuple(plots), pins=view.along)
        return Preview(view.path, feed.snapshot())

    return read


@pytest.mark.parametrize("size", [(160, 30), (200, 50)], ids=["wide", "wider"])
def test_a_wide_terminal_has_the_chosen_run_beside_the_list(
    size: tuple[int, int],
    play: Callable[..., SimpleNamespace],
    three: dict[str, Any],
    previewed: Callable[..., Preview],
    tui: SimpleNamespace,
) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        shown = "\n".join(await keys("7", "j", "p", "k"))
        assert "val/loss 0.39 ± 0.02 at step 90" in shown
        assert "1 lr" in shown
        assert "2 base" in shown
        assert "0.5 ± 0.02 at step 90 the open one" in shown
        assert "one thing differs: width" in shown
        tui.assert_screen(f"runs-preview-{size[0]}", app)

    used = play(steps, path=ROOT / "base", size=size, preview=previewed, **three)
    assert used.watchman.view.preview.path == ROOT / "wide"
    assert used.watchman.view.preview.along == (ROOT / "lr", ROOT / "base")


def test_only_the_run_under_the_cursor_is_asked_for_and_none_where_there_is_no_room(
    play: Callable[..., SimpleNamespace], three: dict[str, Any]
) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        watchman = app.used.watchman
        for pressed, name in (("j", "lr"), ("j", "base"), ("k", "lr")):
            shown = "\n".join(await keys(pressed))
            assert watchman.view.preview.path == ROOT / name
            assert "reading …" in shown, "what was read is of another run"
        await app.used.pilot.resize_terminal(150, 40)
        await keys()
        assert watchman.view.preview is None
        assert watchman.view.compare is None

    play(steps, size=(200, 50), preview=lambda view: Preview(ROOT / "wide"), **three)


def test_a_run_that_cannot_be_read_says_why_in_place_of_plots(play: Callable[..., SimpleNamespace]) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        shown = "\n".join(line[113:] for line in await keys("j", "j", "j", "j", "j"))
        assert "found no run.json; expected a run folder." in shown
        assert "reading" not in shown
        assert "too large to be read" in "\n".join(await keys("k"))

    play(steps, size=(200, 50), preview=lambda view: Preview(view.path, trouble="too large to be read here"))


def test_the_list_is_measured_once_however_far_the_cursor_goes(
    play: Callable[..., SimpleNamespace], three: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[object] = []
    columns = runs_screen.columns

    def counted(*given: Any, **known: Any) -> Any:
        measured.append(given)
        return columns(*given, **known)

    monkeypatch.setattr(runs_screen, "columns", counted)

    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        first = app.runs
        for number in range(5):
            app.used.watchman.on_runs(dataclasses.replace(first, preview=Preview(three["runs"][number % 3].path)))
            await keys("j" if number % 2 else "k")
        assert len(measured) <= 2, "once for each of what the folder was looked at"

    def post(self: CannedWatchman, runs: object = None) -> None:
        if not self.view.preview:
            posted(self)

    posted = CannedWatchman.post
    monkeypatch.setattr(CannedWatchman, "post", post)
    play(steps, size=(200, 50), **three)


def test_the_heading_of_short_names_is_whole() -> None:
    rows = tuple(dataclasses.replace(one, path=ROOT / name) for one, name in zip(glances(), "abcdef", strict=False))
    for room in range(3, 160):
        titles = columns(Runs(Listing(ROOT, rows), rows), room).titles
        assert titles.split()[0] == "run"
        assert cell_len(titles) <= room


@pytest.mark.parametrize("width", [64, 72, 80])
def test_the_last_heading_ends_where_its_column_ends(
    play: Callable[..., SimpleNamespace], three: dict[str, Any], width: int
) -> None:
    async def steps(app: NntuiApp, keys: Callable[..., Awaitable[list[str]]]) -> None:
        for pressed in ((), ("p",)):
            title = next(line for line in await keys(*pressed) if " state " in line)
            assert "…" not in title

    play(steps, size=(width, 24), **three)
