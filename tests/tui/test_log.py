"""Moving about in the log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

from nntui.session.log import LogView
from nntui.tui.app import NntuiApp


def play(tui: SimpleNamespace, *keys: str, scene: str = "failing") -> SimpleNamespace:
    """What is on the screen after these keys, and what was asked for."""

    async def main() -> SimpleNamespace:
        feed = tui.CannedFeed(scene)
        app = NntuiApp(Path("runs/exp42"), feed=feed)
        async with app.run_test(size=(80, 24)) as pilot:
            for key in ("9", *keys):
                await pilot.press(key)
                await tui.settle(pilot)
            screen = app.front
            chosen = screen.items()[screen.chosen] if hasattr(screen, "items") and screen.items() else None
            return SimpleNamespace(
                name=type(screen).__name__, chosen=chosen, view=feed.view, options=app.options, lines=tui.lines(app)
            )

    return asyncio.run(main())


def test_enter_leads_to_the_plots_with_the_crosshair_at_that_step(tui: SimpleNamespace) -> None:
    seen = play(tui, "j", "j", "enter")
    assert seen.name == "LiveScreen"
    assert seen.options.cursor == 3200.0
    assert any("step 3,200" in line for line in seen.lines)


def test_coming_back_finds_the_same_line(tui: SimpleNamespace) -> None:
    seen = play(tui, "j", "j", "enter", "9")
    assert (seen.name, seen.chosen.step) == ("LogScreen", 3200)


def test_a_line_before_the_first_step_is_shown_alone(tui: SimpleNamespace) -> None:
    seen = play(tui, *["j"] * 9, "enter")
    assert (seen.name, seen.chosen.event) == ("LogScreen", "start")
    assert sum("training on cpu" in line for line in seen.lines) == 1


def test_the_whole_text_alone_and_back(tui: SimpleNamespace) -> None:
    assert sum("CUDA out of memory" in line for line in play(tui, "v").lines) == 1
    assert sum("CUDA out of memory" in line for line in play(tui, "v", "escape").lines) == 2


def test_kinds_of_lines_follow_one_another(tui: SimpleNamespace) -> None:
    shown = [play(tui, *["w"] * k).view.log for k in range(5)]
    assert [view.which for view in shown] == ["everything", "events", "trouble", "output", "everything"]


def test_a_filter_is_typed_and_left_with_escape(tui: SimpleNamespace) -> None:
    seen = play(tui, "slash", *"loss", "enter")
    assert seen.view.log == LogView("loss")
    assert any("3 of 8 lines" in line for line in seen.lines)
    assert play(tui, "slash", *"loss", "enter", "escape").view.log == LogView()
    assert any("None of 8 lines is shown" in line for line in play(tui, "slash", *"xyz", "enter").lines)


def test_letters_are_looked_for_in_older_and_newer_lines(tui: SimpleNamespace) -> None:
    assert play(tui, "f", *"loss", "enter").chosen.step == 3200
    assert play(tui, "f", *"loss", "enter", "n", "n").chosen.step == 1200
    assert play(tui, "f", *"loss", "enter", "n", "n", "n").chosen.step == 1200
    assert play(tui, "f", *"loss", "enter", "n", "N").chosen.step == 3200
    assert play(tui, "n").chosen.step == 3999


def test_an_empty_log_says_what_would_fill_it(tui: SimpleNamespace) -> None:
    assert any("capture_output=True" in line for line in play(tui, "enter", "n", scene="empty").lines)
