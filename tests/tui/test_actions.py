from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest

from nntui.session.snapshot import Head
from nntui.tui.actions import ACTIONS, FOOTERS, footer_keys, grouped
from nntui.tui.app import NntuiApp
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint
from nntui.tui.panels.frame import status_line
from nntui.tui.screens.data import DataScreen
from nntui.tui.screens.dependencies import DependenciesScreen
from nntui.tui.screens.layers import LayersScreen
from nntui.tui.screens.live import LiveScreen
from nntui.tui.screens.log import LogScreen
from nntui.tui.screens.predictions import PredictionsScreen
from nntui.tui.screens.runs import RunsScreen
from nntui.tui.themes import DARK
from nntui.tui.widgets.palette import found

TAKEN = {"a", "b", "h", "i", "m", "s"}
"""Letters that tmux, screen and terminals take together with ctrl."""


OWNERS = {
    "everywhere": NntuiApp,
    "live": LiveScreen,
    "predictions": PredictionsScreen,
    "dependencies": DependenciesScreen,
    "layers": LayersScreen,
    "data": DataScreen,
    "log": LogScreen,
    "runs": RunsScreen,
}


def test_no_key_does_two_things_on_one_screen() -> None:
    for group in OWNERS:
        keys = [key for action in ACTIONS if action.group in ("everywhere", group) for key in action.keys]
        assert len(keys) == len(set(keys))


def test_no_key_is_one_that_a_multiplexer_takes() -> None:
    for action in ACTIONS:
        for key in action.keys:
            assert "alt+" not in key
            assert key.removeprefix("ctrl+") not in TAKEN or not key.startswith("ctrl+")


@pytest.mark.parametrize("action", ACTIONS, ids=lambda a: a.name)
def test_every_action_can_be_done(action: SimpleNamespace) -> None:
    assert hasattr(OWNERS[action.group], f"action_{action.name.partition('(')[0]}")


def test_every_action_is_in_help_and_every_footer_key_is_an_action() -> None:
    said = " ".join(f"{labels} {words}" for group in OWNERS for labels, words in grouped(group))
    for action in ACTIONS:
        assert action.label in said
        assert action.help in said or action.words in said
    for kind, width in itertools.product(FOOTERS, (40, 80, 200)):
        assert dict(footer_keys(kind, width))["q"] == "quit"
        assert dict(footer_keys(kind, width))["?"] == "help"


def test_the_last_line_of_the_live_screen_names_keys_of_plots_at_80_columns() -> None:
    line = status_line(Head(), 80, Paint(DARK, SETS["braille"]), footer_keys("live", 80)).plain
    for words in ("1–9 screens", "? help", "q quit", "l → crosshair", "+ zoom in", "y log y"):
        assert words in line


def test_help_says_everything_in_the_smallest_usual_terminal_with_no_word_cut_off(tui: SimpleNamespace) -> None:
    async def main() -> str:
        app = NntuiApp(Path("runs/exp42"), feed=tui.CannedFeed("live"))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("question_mark")
            await tui.settle(pilot)
            first = tui.lines(app)[:-1]
            assert first[-1].strip().endswith("more")
            shown = first[:-1]
            for _ in range(9):
                await pilot.press("pagedown")
                await tui.settle(pilot)
                shown += [line for line in tui.lines(app)[:-1] if not line.strip().endswith("more")]
            return " ".join(" ".join(shown).split())  # a sentence may go on in the next line

    text = asyncio.run(main())
    assert "…" not in text
    assert all(action.help in text or action.words in text for action in ACTIONS)
    assert all(action.help in text for action in ACTIONS if action.group != "everywhere")


def test_the_palette_finds_every_action_by_its_words() -> None:
    for group in OWNERS:
        here = {a.name for a in ACTIONS if a.group in ("everywhere", group)} - {"command_palette"}
        assert {a.name for a in found("", group)} == here
        for action in found("", group):
            assert action in found(action.words.upper(), group)
    assert found("log")[0].name == "show_screen('log')"
    assert not [a for a in found("", "list") if a.group == "live"]
    assert found("no such thing") == []
