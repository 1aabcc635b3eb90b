from __future__ import annotations

import asyncio
import dataclasses
import math
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot
from textual.strip import Strip

from nntui.finding import Finding
from nntui.session.log import EventRow
from nntui.tui.actions import ACTIONS
from nntui.tui.app import NntuiApp
from nntui.tui.canvas import DOTS
from nntui.tui.widgets.filter import FilterScreen
from nntui.tui.widgets.lines import Lines, joined

Settle = Callable[[Pilot[None]], Awaitable[None]]
Play = Callable[[NntuiApp, Any, Pilot[None], Settle], Awaitable[None]]


@pytest.fixture
def play(tui: SimpleNamespace) -> Callable[..., NntuiApp]:
    """Run an app on a scene and play with it."""

    def run(steps: Play, scene: str = "live", size: tuple[int, int] = (80, 24), **options: Any) -> NntuiApp:
        feed = tui.CannedFeed(scene)
        app = NntuiApp(Path("runs/exp42"), feed=feed, **options)

        async def main() -> None:
            async with app.run_test(size=size) as pilot:
                await tui.settle(pilot)
                await steps(app, feed, pilot, tui.settle)

        asyncio.run(main())
        return app

    return run


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What an app writes to its terminal."""
    written: list[str] = []
    monkeypatch.setattr(HeadlessDriver, "is_headless", property(lambda self: False))
    monkeypatch.setattr(HeadlessDriver, "write", lambda self, data: written.append(data))
    return written


# --- the feed --------------------------------------------------------------------------------------


def test_the_feed_is_started_asked_and_stopped(play: Callable[..., NntuiApp]) -> None:
    seen: list[Any] = []

    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        seen.append(feed)
        assert feed.started
        assert feed.path == Path("runs/exp42")
        assert feed.wait is True

    play(steps, wait=True)
    assert seen[0].stopped


@pytest.mark.parametrize("glyphs", sorted(DOTS))
def test_the_first_plot_is_training_and_validation_loss_in_as_many_columns_as_there_are_dots(
    play: Callable[..., NntuiApp], glyphs: str
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        (main,) = feed.view.plots
        assert main.metrics == ("train/loss", "val/loss")
        assert main.columns == (80 - 9) * DOTS[glyphs][0]

    play(steps, glyphs=glyphs)


def test_a_larger_terminal_asks_for_more_plots_and_a_smaller_one_for_none(play: Callable[..., NntuiApp]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        for size, plots in (((200, 50), 5), ((120, 35), 1), ((59, 30), 0), ((80, 24), 1)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            assert len(feed.view.plots) == plots, size

    play(steps)


def test_an_older_snapshot_never_replaces_a_newer_one(play: Callable[..., NntuiApp]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        newest = app.snapshot
        feed.on_snapshot(dataclasses.replace(newest, number=0, problem="old"))
        await settle(pilot)
        assert app.snapshot is newest

    play(steps)


# --- keys ------------------------------------------------------------------------------------------


def test_each_number_shows_its_screen_and_escape_leads_back(
    play: Callable[..., NntuiApp], tui: SimpleNamespace
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        keys = {"2": "RecipeScreen", "9": "LogScreen", "a": "AlertsScreen", "question_mark": "HelpScreen"}
        for key, name in keys.items():
            await pilot.press(key)
            await settle(pilot)
            assert type(app.screen).__name__ == name
            await pilot.press("escape")
            await settle(pilot)
            assert type(app.screen).__name__ == "LiveScreen"

    play(steps)


def test_a_screen_is_made_once_and_keeps_its_place_until_another_run_is_opened(
    play: Callable[..., NntuiApp], tui: SimpleNamespace
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        async def press(*keys: str) -> Any:
            for key in keys:
                await pilot.press(key)
                await settle(pilot)
            return app.screen

        recipe = await press("2", "j")
        assert recipe.chosen == 1
        assert await press("1", "9", "2") is recipe
        assert recipe.chosen == 1
        await press("1")
        app.open_run(Path("runs/other"))
        assert (await press("2")).chosen == 0
        assert app.screen is not recipe

    play(steps)


def test_keys_that_come_faster_than_a_screen_is_drawn_are_drawn_together(
    play: Callable[..., NntuiApp], tui: SimpleNamespace
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        await pilot.press("2")
        await settle(pilot)
        screen: Any = app.screen
        body, drawn = screen.query_one("#browse", Lines), []
        draw = body._draw
        body._draw = lambda width, height: (drawn.append(screen.chosen), draw(width, height))[1]
        for key in "j" * 20 + "k" * 5:
            app.simulate_key(key)
        await settle(pilot)
        assert screen.chosen == drawn[-1] == 15
        assert len(drawn) < 10
        assert any(line.startswith("▸") and "overfit_batch" in line for line in tui.lines(app))

    play(steps)


def test_a_crosshair_that_is_moved_fast_is_drawn_where_it_ends(
    play: Callable[..., NntuiApp], tui: SimpleNamespace
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        screen: Any = app.screen
        plots, drawn = screen.query_one("#plots", Lines), []
        draw = plots._draw
        plots._draw = lambda width, height: (drawn.append(app.options.cursor), draw(width, height))[1]
        for key in ["left"] * 30:
            app.simulate_key(key)
        await settle(pilot)
        assert len(drawn) < 10
        fast = app.options.cursor
        await pilot.press("escape")
        for _ in range(30):
            await pilot.press("left")
            await settle(pilot)
        assert app.options.cursor == fast

    play(steps)


def test_keys_change_what_is_asked_of_the_feed(play: Callable[..., NntuiApp]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        async def view(*keys: str) -> Any:
            await pilot.press(*keys)
            await settle(pilot)
            return feed.view.plots[0]

        assert (await view("y")).log_y
        assert not (await view("y")).log_y
        assert [(await view("x")).x for _ in range(4)] == ["epoch", "relative", "wall", "step"]
        assert 0 < (await view("s")).smoothing < (await view("s")).smoothing < 1
        assert (await view("S", "S")).smoothing == 0
        assert (await view("o")).clip_outliers
        low, high = (await view("plus")).x_range
        assert (low, high) == (2000.5, 4000.0)
        assert all(map(math.isnan, (await view("0")).x_range))
        assert (await view("j")).metrics == ("val/accuracy",)
        assert (await view("tab")).metrics == ("grad_norm",)
        assert (await view("shift+tab", "k")).metrics == ("train/loss", "val/loss")

    play(steps)


def test_the_crosshair_moves_with_either_set_of_keys(play: Callable[..., NntuiApp], tui: SimpleNamespace) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        places = []
        for key in ("right", "l", "h", "left"):
            await pilot.press(key)
            await settle(pilot)
            places.append(app.options.cursor)
        assert places[0] == places[2] < places[1]
        assert any(line.startswith("╰─── step 57 ─") for line in tui.lines(app))
        assert " [" in tui.lines(app)[2], "extremes of the points under it"

    play(steps)


def test_enter_gives_the_plot_the_room_and_escape_takes_it_back(
    play: Callable[..., NntuiApp], tui: SimpleNamespace
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        before = tui.lines(app)
        await pilot.press("enter")
        await settle(pilot)
        full = tui.lines(app)
        frames = [sum(line.startswith("│") for line in lines) for lines in (before, full)]
        assert frames[1] == frames[0] + 3
        await pilot.press("escape")
        await settle(pilot)
        assert tui.lines(app) == before

    play(steps)


def test_a_filter_leaves_only_the_metrics_that_hold_its_letters(
    play: Callable[..., NntuiApp], tui: SimpleNamespace
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        await pilot.press("slash", *"NORM", "enter")
        await settle(pilot)
        assert feed.view.plots[0].metrics == ("grad_norm",)
        assert not any("val/accuracy" in line for line in tui.lines(app))
        await pilot.press("slash", "x", "escape")
        await settle(pilot)
        assert app.options.pattern == "NORM"
        await pilot.press("escape")
        await settle(pilot)
        assert app.options.pattern == ""

    play(steps)


@pytest.mark.parametrize("before", [[], ["2", "enter"], ["9"], ["question_mark"], ["space"], ["enter"]])
@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_leaving_always_works(play: Callable[..., NntuiApp], before: list[str], key: str) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        await pilot.press(*before)
        await settle(pilot)
        assert app.is_running
        await pilot.press(key)
        await settle(pilot)
        assert app._exit

    assert play(steps).return_code == 0


def test_a_screen_whose_panels_go_one_by_one_is_laid_out_no_more(play: Callable[..., NntuiApp], monkeypatch) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        await app.query_one("#plots").remove()
        monkeypatch.setattr(type(app), "is_running", False)
        app.front.show(app.snapshot)
        monkeypatch.undo()

    assert play(steps).failure is None


@pytest.mark.parametrize("screen", [*"123456789"])
def test_time_passes_on_a_screen_whose_panels_go_one_by_one(
    play: Callable[..., NntuiApp], monkeypatch: pytest.MonkeyPatch, screen: str
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        await pilot.press(screen)
        await settle(pilot)
        for panel in [*app.front.children]:
            await panel.remove()
            with monkeypatch.context() as leaving:
                leaving.setattr(type(app), "is_running", False)
                app._tick()
                app._redraw()

    assert play(steps).failure is None


@pytest.mark.parametrize("opening", ["slash", "colon"])
def test_ctrl_c_leaves_while_something_is_typed_and_q_is_a_letter(play: Callable[..., NntuiApp], opening: str) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        await pilot.press(opening, "q")
        await settle(pilot)
        assert not app._exit
        await pilot.press("ctrl+c")
        await settle(pilot)
        assert app._exit

    play(steps)


def test_the_palette_does_what_the_keys_do(play: Callable[..., NntuiApp]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        await pilot.press("colon", *"log y", "enter")
        await settle(pilot)
        assert app.options.log_y
        await pilot.press("colon", *"happened", "enter")
        await settle(pilot)
        assert type(app.screen).__name__ == "LogScreen"
        await pilot.press("y", "x", "slash", "plus")
        await settle(pilot)
        assert app.options.log_y, "what belongs to the live screen does nothing elsewhere"
        await pilot.press("colon", "escape")
        await settle(pilot)
        assert type(app.screen).__name__ == "LogScreen"

    play(steps)


def test_next_alert_goes_round(play: Callable[..., NntuiApp]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        chosen = []
        for _ in range(4):
            await pilot.press("a")
            await settle(pilot)
            chosen.append(app.screen.chosen)
        assert chosen == [0, 1, 0, 1]

    play(steps, "failing")


def test_dark_and_light_change_places(play: Callable[..., NntuiApp]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        def ground() -> set[Any]:
            strips = app.screen._compositor.render_strips()
            return {s.style.bgcolor.name for strip in strips for s in strip if s.style and s.style.bgcolor}

        dark = ground()
        await pilot.press("t")
        await settle(pilot)
        assert dark == {"#121212"}
        assert ground() == {"#ffffff"}

    play(steps)


# --- pausing, time ---------------------------------------------------------------------------------


def test_a_paused_screen_freezes_its_plots_while_the_first_line_goes_on(
    play: Callable[..., NntuiApp], tui: SimpleNamespace
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        before = tui.lines(app)
        await pilot.press("space")
        feed.curves = []
        alert = Finding("live.nonfinite", "error", "train/loss is NaN since step 4,500")
        feed.post(head=dataclasses.replace(feed.base.head, step=4567), alerts=(alert,))
        await settle(pilot)
        paused = tui.lines(app)
        assert "paused" in paused[0]
        assert "step 4,567" in paused[0]
        assert "train/loss is NaN since step 4,500" in paused[1]
        assert paused[2:] == before[2:]
        await pilot.press("space")
        await settle(pilot)
        assert any("no points yet" in line for line in tui.lines(app))

    play(steps)


def test_a_paused_screen_is_drawn_at_a_new_size_too(play: Callable[..., NntuiApp], tui: SimpleNamespace) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        await pilot.press("space")
        await pilot.resize_terminal(100, 30)
        await settle(pilot)
        assert any("train/loss" in line for line in tui.lines(app))

    play(steps)


def test_a_paused_screen_answers_a_key_once_and_then_stands_still_again(
    play: Callable[..., NntuiApp], tui: SimpleNamespace
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        await pilot.press("space", "3")
        await settle(pilot)
        assert "moment 30 of 30" in tui.lines(app)[2], "a screen that is opened while paused is not empty"
        await pilot.press("left_square_bracket", "left_square_bracket")
        await settle(pilot)
        assert "moment 28 of 30" in tui.lines(app)[2]
        await pilot.press("left_square_bracket", "right_square_bracket")
        await settle(pilot)
        before = tui.lines(app)
        feed.curves = []
        feed.post()
        await settle(pilot)
        assert tui.lines(app)[2:] == before[2:], "what was not asked for does not move it"
        await pilot.press("j", "escape")
        await settle(pilot)
        assert "No predictions were recorded" in "\n".join(tui.lines(app))

    play(steps)


def test_the_age_of_the_data_goes_on_without_snapshots(
    play: Callable[..., NntuiApp], tui: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        assert tui.lines(app)[0].endswith("data now")
        monkeypatch.setattr(app, "data_age", lambda: 300.0)
        app._tick()
        await settle(pilot)
        assert tui.lines(app)[0].endswith("data 5 min")

    play(steps)


def test_a_second_may_pass_before_a_new_screen_has_its_lines(play: Callable[..., NntuiApp]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        app.action_show_screen("dependencies")
        app._tick()
        await settle(pilot)
        app._tick()

    play(steps)


def test_the_chosen_event_stays_chosen_while_new_ones_arrive(play: Callable[..., NntuiApp]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        await pilot.press("9", "j")
        await settle(pilot)
        known = app.screen.items()[app.screen.chosen]
        more = tuple(EventRow(1.8e9 + i, i, "info", "note", f"n{i}", "w") for i in range(50))
        feed.post(events=(*feed.base.events, *more))
        await settle(pilot)
        assert app.screen.items()[app.screen.chosen] == known
        await pilot.press("pageup", "pageup", "pageup", "pageup", "pageup", "pageup")
        await settle(pilot)
        feed.post(events=(*feed.base.events, EventRow(1.9e9, 1, "info", "note", "last", "w")))
        await settle(pilot)
        assert app.screen.chosen == 0

    play(steps)


# --- the terminal ----------------------------------------------------------------------------------


def test_nothing_is_sent_when_nothing_changed(play: Callable[..., NntuiApp], sent: list[str]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        for key in ("1", "2", "9", "a", "question_mark"):
            await pilot.press(key)
            await settle(pilot)
            sent.clear()
            for _ in range(2):
                feed.post()
                app._tick()
                await settle(pilot)
            assert "".join(sent) == "", key

    play(steps, "failing")


def test_only_what_changed_is_sent(play: Callable[..., NntuiApp], sent: list[str]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        sent.clear()
        feed.post(head=dataclasses.replace(feed.base.head, step=4321))
        await settle(pilot)
        assert "321" in "".join(sent)
        assert "skeleton" not in "".join(sent)
        assert len("".join(sent)) < 200

    play(steps)


def test_hostile_names_reach_the_terminal_as_visible_text_only(play: Callable[..., NntuiApp], sent: list[str]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        for size in ((200, 50), (50, 12)):
            await pilot.resize_terminal(*size)
            for keys in (["1"], ["j"], ["j", "right"], ["2"], ["enter"], ["a"], ["a"], ["enter"], ["9"], ["j"]):
                await pilot.press(*keys)
                await settle(pilot)
        await pilot.press("1", "slash", "x", "enter")
        await settle(pilot)

    play(steps, "hostile")
    text = "".join(sent).replace("\x1b]22;default\x07", "")  # Textual's own: the shape of the mouse pointer
    assert "␛]52" in text
    assert "\x1b]52" not in text
    assert "\x07" not in text
    dangerous = "\x00\x90\x9b\x9c\x9d\u202e\u2066\u2069\u200b\u200d\ufeff\u2060\ud800\ue000\U000e0041"
    assert not set(dangerous) & set(text)
    text.encode("utf-8")


@pytest.mark.parametrize(
    ("scene", "glyphs"), [("live", "braille"), ("failing", "ascii"), ("hostile", "block"), ("empty", "braille")]
)
def test_any_size_is_survived_and_the_usual_one_looks_as_before(
    play: Callable[..., NntuiApp], tui: SimpleNamespace, scene: str, glyphs: str
) -> None:
    sizes = [(1, 1), (2, 2), (3, 1), (1, 60), (10, 5), (20, 4), (59, 16), (60, 15), (60, 16), (99, 24), (240, 60)]

    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        before = tui.lines(app)
        for size in sizes:
            await pilot.resize_terminal(*size)
            await settle(pilot)
            lines = tui.lines(app)
            assert len(lines) == size[1]
            assert not any("cannot draw" in line for line in lines)
            assert glyphs != "ascii" or "".join(lines).isascii()
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert tui.lines(app) == before

    play(steps, scene, glyphs=glyphs)


@pytest.mark.parametrize("seed", range(2))
def test_no_sequence_of_keys_and_snapshots_breaks_it(
    play: Callable[..., NntuiApp], tui: SimpleNamespace, seed: int
) -> None:
    dice = random.Random(seed)
    keys = [key for action in ACTIONS if action.name != "leave" for key in action.keys] + ["z", "backspace", "home"]

    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        for turn in range(25):
            await pilot.press(*dice.choices(keys, k=2))
            if turn % 7 == 3:
                await pilot.resize_terminal(dice.randint(1, 220), dice.randint(1, 60))
            if turn % 5 == 2:
                other = tui.CannedFeed(dice.choice(tui.SCENES))
                feed.base, feed.curves = other.base, other.curves
                feed.post()
            await pilot.pause()
            assert not any("cannot draw" in line for line in tui.lines(app))
            assert app.is_running

    play(steps, dice.choice(["live", "failing", "hostile"]))


@pytest.mark.parametrize("seed", range(2))
def test_every_screen_in_every_state_survives_any_size_and_any_snapshot(
    play: Callable[..., NntuiApp], tui: SimpleNamespace, seed: int
) -> None:
    dice = random.Random(seed)
    groups = {"1": "live", "3": "predictions", "4": "dependencies", "5": "layers", "6": "data", "7": "runs", "9": "log"}

    def states(screen: str) -> list[list[str]]:
        """A detail open, a cursor, a filter half typed, the palette, alerts and help above it, and keys of its own."""
        own = [key for action in ACTIONS if action.group == groups.get(screen) for key in action.keys] or ["j"]
        common = [["enter", "j"], ["j", "l", "l"], ["slash", "x", "="], ["colon", "l"], ["a"], ["question_mark"]]
        return [*common, dice.sample(own, min(3, len(own))), [*dice.sample(own, 1), "enter"]]

    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        async def look() -> None:
            await pilot.pause()
            assert not any("cannot draw" in line for line in tui.lines(app))

        for screen in dice.sample("123456789", 9):
            await pilot.press(screen, *dice.choice(states(screen)))
            await look()
            await pilot.resize_terminal(*dice.choice([(1, 1), (1, 40), (200, 1), (2, 2)]))
            other = tui.CannedFeed(dice.choice(tui.SCENES))
            feed.base, feed.curves, feed.scene = other.base, other.curves, other.scene
            feed.post()
            await look()
            await pilot.resize_terminal(*dice.choice([(80, 24), (40, 12), (160, 45), (200, 50)]))
            await look()
            await pilot.press("escape", "escape", "escape")
        assert app.is_running

    play(steps, dice.choice(["live", "failing", "hostile"]))


def test_a_panel_that_cannot_draw_says_so_and_the_others_go_on(
    play: Callable[..., NntuiApp], tui: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        def broken(width: int, height: int) -> list[Any]:
            raise ValueError("bad \x1b]52 number")

        app.screen.query_one("#recipe", Lines)._draw = broken
        feed.post()
        await settle(pilot)
        lines = tui.lines(app)
        assert any("cannot draw this: ValueError: bad ␛]52 number" in line for line in lines)
        assert "exp42" in lines[0]

    play(steps)


def test_a_panel_that_is_updated_before_it_is_laid_out_is_drawn_all_the_same(
    play: Callable[..., NntuiApp], tui: SimpleNamespace
) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        curves, feed.curves = feed.curves, []
        feed.post()
        await pilot.press("6")
        await settle(pilot)
        screen = app.screen
        spread, lay_out = screen.query_one("#spread"), screen._refresh_layout
        assert not spread.display

        def late(*arguments: Any, **named: Any) -> None:
            if spread.display:
                screen._compositor.update_widgets({spread})
                assert spread.size, "asking for it puts the panel where the layout expects none"
            lay_out(*arguments, **named)

        screen._refresh_layout = late
        feed.curves = curves
        feed.post()
        await settle(pilot)
        assert any("by factors" in line for line in tui.lines(app))

    play(steps)


def test_the_filter_line_does_not_blink(play: Callable[..., NntuiApp]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        await pilot.press("slash")
        await settle(pilot)
        assert isinstance(app.screen, FilterScreen)
        assert not app.screen.query_one("Input").cursor_blink
        assert app.animation_level == "none"

    play(steps)


def test_a_finding_of_any_shape_can_be_read(play: Callable[..., NntuiApp], tui: SimpleNamespace) -> None:
    odd = Finding("x", "crash", "", evidence={"": None, "deep": {"a": [[1.0, math.nan], {"b": ()}]}, "t": "a\nb" * 500})

    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        feed.post(checks=(odd,), alerts=(odd,))
        await pilot.press("2", "enter", "down", "down", "pagedown")
        await settle(pilot)
        assert not any("cannot draw" in line for line in tui.lines(app))

    play(steps)


def test_the_dashboard_is_painted_before_arrow_and_without_torch() -> None:
    code = "import sys, nntui.tui.app; print({'pyarrow', 'torch', 'watchdog', 'plotext'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_a_text_without_spans_keeps_its_own_colour(play: Callable[..., NntuiApp]) -> None:
    async def steps(app: NntuiApp, feed: Any, pilot: Pilot[None], settle: Settle) -> None:
        (segment, *_) = app.screen.query_one("#notice", Lines).render_line(0)
        assert segment.text.startswith("✓ no alerts")
        assert segment.style is not None
        assert segment.style.color is not None
        assert segment.style.color.name == app.current_theme.success

    play(steps)


def test_blanks_cost_no_escapes() -> None:
    def strip(*parts: tuple[str, str]) -> Strip:
        return Strip([Segment(text, Style(color=colour, bgcolor="#121212")) for text, colour in parts])

    base = strip(("abc", "red"), ("   ", "blue"), ("d", "red"), ("ef", "red"))
    merged = joined(base)
    assert [segment.text for segment in merged] == ["abc   def"]
    assert [segment.text for segment in joined(strip(("a", "red"), ("b", "blue")))] == ["a", "b"]
    reverse = [Segment("a", Style(reverse=True)), Segment(" ", Style())]
    assert joined(reverse) == reverse
