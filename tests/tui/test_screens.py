"""What each screen looks like, compared with tests/tui/screens/*.txt; NNTUI_UPDATE_SCREENS=1 writes them anew."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from nntui.tui.app import NntuiApp

SIZES = {"narrow": (40, 12), "usual": (80, 24), "rail": (120, 35), "wide": (200, 50)}
SCREENS = {"live": "1", "recipe": "2", "alerts": "a", "log": "9", "help": "question_mark"}
SCREENS |= {"predictions": "3", "dependencies": "4", "layers": "5", "data": "6", "system": "8"}


async def look(
    tui: SimpleNamespace, scene: str, size: str, keys: list[str], name: str, glyphs: str = "braille"
) -> None:
    app = NntuiApp(Path("runs/exp42"), feed=tui.CannedFeed(scene), glyphs=glyphs)
    async with app.run_test(size=SIZES[size]) as pilot:
        await tui.settle(pilot)
        await pilot.press(*keys)
        await tui.settle(pilot)
        tui.assert_screen(name, app)


@pytest.mark.parametrize("size", ["narrow", "usual"])
@pytest.mark.parametrize("scene", ["empty", "live", "failing"])
@pytest.mark.parametrize("screen", SCREENS)
def test_each_screen_looks_as_it_should(tui: SimpleNamespace, screen: str, scene: str, size: str) -> None:
    if screen == "help" and scene != "live":
        pytest.skip("help is the same for every run")
    asyncio.run(look(tui, scene, size, [SCREENS[screen]], f"{screen}-{scene}-{size}"))


@pytest.mark.parametrize("scene", ["crashed", "ended", "problem"])
def test_each_state_of_a_run_looks_as_it_should(tui: SimpleNamespace, scene: str) -> None:
    asyncio.run(look(tui, scene, "usual", [], f"live-{scene}-usual"))


@pytest.mark.parametrize("size", ["rail", "wide"])
def test_a_larger_terminal_shows_more(tui: SimpleNamespace, size: str) -> None:
    asyncio.run(look(tui, "failing", size, [], f"live-failing-{size}"))


@pytest.mark.parametrize("screen", ["recipe", "alerts"])
def test_a_large_terminal_has_the_chosen_finding_beside_the_list(tui: SimpleNamespace, screen: str) -> None:
    asyncio.run(look(tui, "failing", "wide", [SCREENS[screen], "j"], f"{screen}-failing-wide"))


@pytest.mark.parametrize("glyphs", ["ascii", "block"])
def test_other_glyphs_draw_the_same_screen(tui: SimpleNamespace, glyphs: str) -> None:
    asyncio.run(look(tui, "failing", "usual", [], f"live-failing-{glyphs}", glyphs))
    shown = (Path(__file__).parent / "screens" / f"live-failing-{glyphs}.txt").read_text("utf-8")
    assert shown.isascii() == (glyphs == "ascii")


@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
def test_a_matrix_with_a_leak_names_it(tui: SimpleNamespace, glyphs: str) -> None:
    asyncio.run(look(tui, "failing", "usual", ["4", "n"], f"dependencies-leak-{glyphs}", glyphs))


def test_a_large_terminal_has_two_matrices_of_large_cells(tui: SimpleNamespace) -> None:
    asyncio.run(look(tui, "failing", "wide", ["4", "n", "k"], "dependencies-wide"))


@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
def test_an_example_alone_as_it_was_at_an_earlier_moment(tui: SimpleNamespace, glyphs: str) -> None:
    keys = ["3", "w", "enter", *["left_square_bracket"] * 5]
    asyncio.run(look(tui, "live", "rail", keys, f"predictions-alone-{glyphs}", glyphs))


@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
def test_a_large_terminal_has_the_chosen_prediction_beside_the_batch(tui: SimpleNamespace, glyphs: str) -> None:
    asyncio.run(look(tui, "live", "wide", ["3", "w"], f"predictions-wide-{glyphs}", glyphs))


@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
def test_an_example_of_the_data_alone(tui: SimpleNamespace, glyphs: str) -> None:
    asyncio.run(look(tui, "live", "usual", ["6", "w", "j", "enter"], f"data-alone-{glyphs}", glyphs))


@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
def test_a_large_terminal_has_the_chosen_example_beside_the_list(tui: SimpleNamespace, glyphs: str) -> None:
    asyncio.run(look(tui, "live", "wide", ["6", "H"], f"data-wide-{glyphs}", glyphs))


@pytest.mark.parametrize(("size", "glyphs"), [("rail", "braille"), ("wide", "ascii")])
def test_a_larger_terminal_has_more_columns_of_layers(tui: SimpleNamespace, size: str, glyphs: str) -> None:
    asyncio.run(look(tui, "failing", size, ["5", "w"], f"layers-failing-{size}", glyphs))


def test_a_large_terminal_plots_the_chosen_layer_beside_the_table(tui: SimpleNamespace) -> None:
    asyncio.run(look(tui, "live", "wide", ["5", "j", "j"], "layers-live-wide"))


@pytest.mark.parametrize(("size", "glyphs"), [("rail", "braille"), ("wide", "ascii")])
def test_a_larger_terminal_plots_the_machine(tui: SimpleNamespace, size: str, glyphs: str) -> None:
    asyncio.run(look(tui, "failing", size, ["8", "j", "j", "j"], f"system-failing-{size}", glyphs))


def test_a_machine_of_any_name_is_harmless(tui: SimpleNamespace) -> None:
    asyncio.run(look(tui, "hostile", "usual", ["8"], "system-hostile"))


def test_the_history_of_one_layer_alone(tui: SimpleNamespace) -> None:
    asyncio.run(look(tui, "failing", "usual", ["5", "j", "j", "j", *["n"] * 5, "enter"], "layers-alone"))


@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
def test_first_layer_weights_as_pictures_at_an_earlier_moment(tui: SimpleNamespace, glyphs: str) -> None:
    asyncio.run(look(tui, "live", "usual", ["5", "f", "left_square_bracket"], f"layers-filters-{glyphs}", glyphs))


def test_layers_of_any_name_are_harmless(tui: SimpleNamespace) -> None:
    asyncio.run(look(tui, "hostile", "usual", ["5"], "layers-hostile"))


def test_a_plot_at_full_size_with_zoom_and_crosshair(tui: SimpleNamespace) -> None:
    keys = ["enter", "left", "left", "left", "plus", "y", "s", "s"]
    asyncio.run(look(tui, "live", "usual", keys, "live-full-usual"))


def test_hostile_names_are_visible_and_break_no_frame(tui: SimpleNamespace) -> None:
    asyncio.run(look(tui, "hostile", "usual", [], "live-hostile-usual"))


@pytest.mark.parametrize("key", list("123456789"))
def test_a_screen_says_that_something_is_missing_once_it_was_asked_for(tui: SimpleNamespace, key: str) -> None:
    async def main() -> None:
        feed = tui.CannedFeed("empty")
        app = NntuiApp(Path("runs/exp42"), feed=feed)
        async with app.run_test(size=SIZES["usual"]) as pilot:
            await tui.settle(pilot)
            feed.post(complete=False)
            await pilot.press(key)
            await tui.settle(pilot)
            words = " ".join(tui.lines(app))
            assert "reading …" in words or key in "78"
            assert not any(missing in words for missing in (" recorded.", "no metric", "no points", "no alerts"))
            feed.post(complete=True)
            await tui.settle(pilot)
            assert "reading …" not in " ".join(tui.lines(app))

    asyncio.run(main())
