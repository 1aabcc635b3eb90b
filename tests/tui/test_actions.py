from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from nntui.tui.actions import ACTIONS, FOOTERS, footer_keys, grouped
from nntui.tui.app import NntuiApp
from nntui.tui.screens.live import LiveScreen
from nntui.tui.widgets.palette import found

TAKEN = {"a", "b", "h", "i", "m", "s"}
"""Letters that tmux, screen and terminals take together with ctrl."""


def test_no_key_does_two_things() -> None:
    keys = [key for action in ACTIONS for key in action.keys]
    assert len(keys) == len(set(keys))


def test_no_key_is_one_that_a_multiplexer_takes() -> None:
    for action in ACTIONS:
        for key in action.keys:
            assert "alt+" not in key
            assert key.removeprefix("ctrl+") not in TAKEN or not key.startswith("ctrl+")


@pytest.mark.parametrize("action", ACTIONS, ids=lambda a: a.name)
def test_every_action_can_be_done(action: SimpleNamespace) -> None:
    owner = LiveScreen if action.group == "live" else NntuiApp
    assert hasattr(owner, f"action_{action.name.partition('(')[0]}")


def test_every_action_is_in_help_and_every_footer_key_is_an_action() -> None:
    said = " ".join(f"{labels} {words}" for group in ("everywhere", "live") for labels, words in grouped(group))
    for action in ACTIONS:
        assert action.label in said
        assert action.help in said
    for kind in FOOTERS:
        assert dict(footer_keys(kind))["q"] == "quit"
        assert dict(footer_keys(kind))["?"] == "help"


def test_help_fits_the_smallest_usual_terminal_with_no_word_cut_off(tui: SimpleNamespace) -> None:
    async def main() -> list[str]:
        app = NntuiApp(Path("runs/exp42"), feed=tui.CannedFeed("live"))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("question_mark")
            await pilot.pause()
            return tui.lines(app)

    text = "\n".join(asyncio.run(main())[:-1])
    assert "…" not in text
    assert all(action.help in text for action in ACTIONS)


def test_the_palette_finds_every_action_by_its_words() -> None:
    assert {a.name for a in found("")} == {a.name for a in ACTIONS} - {"command_palette"}
    for action in found(""):
        assert action in found(action.words.upper())
    assert found("log")[0].name == "show_screen('log')"
    assert not [a for a in found("", "list") if a.group == "live"]
    assert found("no such thing") == []
