"""First-layer weights on the layers screen: keys, words, and where each picture stands."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.cells import cell_len

from nntui.finding import Finding
from nntui.session.weights import Weights
from nntui.tui.app import NntuiApp
from nntui.tui.glyphs import SETS, plain
from nntui.tui.paint import Paint
from nntui.tui.panels.weights import grid, weights_lines
from nntui.tui.screens import layers
from nntui.tui.themes import DARK

PAINT = Paint(DARK, SETS["braille"])
ASCII = Paint(DARK, SETS["ascii"])


def played(tui: SimpleNamespace, steps, scene: str = "live", size=(80, 24)) -> None:
    app = NntuiApp(Path("runs/exp42"), feed=tui.CannedFeed(scene))

    async def main() -> None:
        async with app.run_test(size=size) as pilot:
            await tui.settle(pilot)

            async def keys(*pressed: str) -> str:
                await pilot.press(*pressed)
                await tui.settle(pilot)
                return "\n".join(tui.lines(app))

            app.pilot = pilot
            await steps(app, keys)

    asyncio.run(main())


def test_the_filters_of_the_chosen_layer_are_below_it_and_have_the_whole_room_on_a_key(tui: SimpleNamespace) -> None:
    async def steps(app, keys) -> None:
        below = await keys("5")
        assert "16 filters of 3 × 5 × 5  step 4,000, 5 of 5" in below
        assert "stem.act" in below
        assert "filters of" not in await keys("j"), "another layer has none"
        alone = await keys("f")
        assert "filters of" in alone
        assert "stem.act" not in alone
        assert "stem.act" in await keys("escape")

    played(tui, steps)


def test_a_large_terminal_plots_the_chosen_layer_and_no_other(tui: SimpleNamespace) -> None:
    async def steps(app, keys) -> None:
        shown = await keys("5")
        view = app.following.feed.view
        assert all(metric.startswith("layer/stem.conv/") for plot in view.plots for metric in plot.metrics)
        assert "dead units" in shown
        assert "filters of 3 × 5 × 5" in shown
        await keys("j")
        view = app.following.feed.view
        assert {plot.key for plot in view.plots} == set(app.screen.items()[1].newest), "an activation has no weights"
        assert "filters of 3 × 5 × 5" in await keys("end"), "those stay below the table"
        assert len((await keys("enter")) and app.following.feed.view.plots) == 1
        await keys("f")
        assert not app.following.feed.view.plots

    played(tui, steps, size=(200, 50))


@pytest.mark.parametrize("size", [(80, 24), (159, 50), (200, 50)])
def test_weights_that_are_the_same_are_drawn_once_and_look_the_same(tui: SimpleNamespace, monkeypatch, size) -> None:
    drawn = []
    monkeypatch.setattr(layers, "weights_lines", lambda data, *room: drawn.append(data) or weights_lines(data, *room))

    async def steps(app, keys) -> None:
        shown = await keys("5")
        count = len(drawn)
        for _ in range(3):
            app.screen.show(app.snapshot)
            await tui.settle(app.pilot)
            assert "\n".join(tui.lines(app)) == shown
        assert len(drawn) == count
        app.following.feed.post()
        await tui.settle(app.pilot)
        assert drawn[-1] is app.snapshot.weights, "others are drawn"

    played(tui, steps, size=size)


def test_a_small_terminal_asks_for_no_plots_of_layers(tui: SimpleNamespace) -> None:
    async def steps(app, keys) -> None:
        await keys("5", "j")
        assert not app.following.feed.view.plots

    played(tui, steps, size=(159, 40))


def test_of_more_statistics_than_plots_have_room_the_chosen_one_is_kept(tui: SimpleNamespace) -> None:
    async def steps(app, keys) -> None:
        await keys("5")
        for _ in range(len(app.screen.items()[0].newest)):
            await keys("n")
            plots = [plot.key for plot in app.following.feed.view.plots]
            assert len(plots) == 2
            assert (
                app.screen.wanted.statistic in plots or app.screen.wanted.statistic not in app.screen.items()[0].newest
            )

    played(tui, steps, size=(170, 18))


def test_filters_go_back_in_time_and_escape_returns(tui: SimpleNamespace) -> None:
    async def steps(app, keys) -> None:
        assert ", 5 of 5" in await keys("5", "f")
        assert "step 1,000, 3 of 5" in await keys("left_square_bracket", "h")
        assert "step 0, 1 of 5" in await keys("home")
        assert "it is too early to expect more" in " ".join((await keys("left_square_bracket")).split())
        assert ", 2 of 5" in await keys("right_square_bracket")
        assert ", 5 of 5" in await keys("end")
        assert ", 4 of 5" in await keys("left_square_bracket", "escape"), "the table shows the same moment"
        assert ", 5 of 5" in await keys("escape")
        assert "no alerts" in await keys("escape"), "and then to the live screen"

    played(tui, steps)


def test_the_next_tensor_is_a_key_away(tui: SimpleNamespace) -> None:
    async def steps(app, keys) -> None:
        assert "[n] 1 of 2" in await keys("5", "f")
        assert "words.weight  a matrix of 12 × 20" in await keys("n")
        assert "stem.conv.weight" in await keys("n")

    played(tui, steps)


@pytest.mark.parametrize(("scene", "words"), [("live", "✓ The filters of"), ("failing", "▲ The filters of")])
def test_the_verdict_is_on_the_screen_and_among_the_filters(tui: SimpleNamespace, scene: str, words: str) -> None:
    async def steps(app, keys) -> None:
        assert words in await keys("5", "f")

    played(tui, steps, scene)


def test_without_weights_it_is_said_how_to_get_some(tui: SimpleNamespace) -> None:
    async def steps(app, keys) -> None:
        assert "nntui.watch" in await keys("5", "f")

    played(tui, steps, "empty")


SIZES = [(1, 1), (3, 2), (10, 3), (25, 8), (60, 15), (250, 70)]


@pytest.mark.parametrize(
    ("scene", "size"),
    [*itertools.product(["hostile"], SIZES), *itertools.product(["empty", "live", "failing"], [(10, 3), (60, 15)])],
)
def test_every_size_is_survived(tui: SimpleNamespace, scene: str, size) -> None:
    async def steps(app, keys) -> None:
        for key in ("5", "f", "n", "left_square_bracket", "f", "enter"):
            shown = await keys(key)
            assert "defect" not in shown
            assert all(cell_len(line) <= size[0] for line in shown.splitlines())

    played(tui, steps, scene, size)


# --- panels, without an app -------------------------------------------------------------------


def pictures(count: int, *shape: int):
    return tuple(np.random.default_rng(0).random((count, *shape)))


@pytest.mark.parametrize("paint", [PAINT, ASCII], ids=["half blocks", "ascii"])
@pytest.mark.parametrize("size", [(1, 1), (20, 3), (80, 19), (200, 46)])
@pytest.mark.parametrize("shape", [(3, 3), (5, 5, 3), (28, 28), (64, 3)])
@pytest.mark.parametrize("count", [1, 7, 64])
def test_pictures_stand_side_by_side_within_their_room(paint, size, shape, count) -> None:
    lines, shown = grid(pictures(count, *shape), *size, paint)
    assert 1 <= shown <= count
    assert len(lines) <= size[1]
    assert all(cell_len(line.plain) <= size[0] for line in lines)


def test_all_have_room_at_the_largest_scale_at_which_they_do() -> None:
    lines, shown = grid(pictures(16, 3, 3), 80, 12, PAINT)
    assert shown == 16
    assert len(lines) == 5 + 1 + 5, "two rows of pictures of nine half cells"
    assert grid(pictures(64, 8, 8), 80, 3, PAINT)[1] == 9, "too many: those that fit at one dot a weight"


def test_how_many_have_no_room_and_what_is_no_number_is_said() -> None:
    data = Weights("w", 0, 1, np.array([0]), 0, (64, 1, 8, 8), 64, pictures(64, 8, 8), 1, 3)
    shown = "\n".join(line.plain for line in weights_lines(data, 80, 8, PAINT))
    assert "the first 9 of 64" in shown
    assert "3 numbers are not finite" in shown
    assert "64 filters of 1 × 8 × 8" in shown


def test_hostile_names_are_harmless_and_ascii_is_ascii() -> None:
    finding = Finding("regularise.first_layer", "pass", "\x1b[31m 0.21 ± 0.01")
    data = Weights("\x1b]52;c;x\x07", 0, 1, np.array([0]), 0, (1, 3, 3), 1, pictures(1, 3, 3), 1, 0, finding)
    for line in weights_lines(data, 60, 12, ASCII):
        assert line.plain.isprintable()
        assert plain(line).plain.isascii()
    assert "0.21 +-0.01" in "\n".join(plain(line).plain for line in weights_lines(data, 60, 12, ASCII))
