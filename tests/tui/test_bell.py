"""A new alert calls for a person once, and in bytes that no terminal is harmed by."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest

from nntui.finding import Finding
from nntui.tui.app import NntuiApp
from nntui.tui.bell import BELL, call


def test_a_terminal_gets_a_bell_and_a_notification() -> None:
    assert call("loss is nan", {"TERM": "xterm-256color"}) == "\a\x1b]9;nntui: loss is nan\a"


def test_inside_tmux_the_notification_is_wrapped_and_the_bell_is_not() -> None:
    assert call("x", {"TMUX": "/tmp/t,1,0"}) == "\a\x1bPtmux;\x1b\x1b]9;nntui: x\a\x1b\\"


@pytest.mark.parametrize("environment", [{"TERM": "linux"}, {"TERM": "screen", "STY": "1.pts"}])
def test_a_terminal_that_would_print_the_notification_gets_the_bell_alone(environment: dict[str, str]) -> None:
    assert call("x", environment) == BELL


def test_words_of_a_run_cannot_steer_the_terminal() -> None:
    sent = call("\a\x1b]52;c;x\a\x9c\n" * 90, {})
    inside = sent.removeprefix("\a\x1b]9;").removesuffix("\a")
    assert inside.isprintable()
    assert len(inside) < 250


def alert(status: str = "error", metric: str = "train/loss") -> Finding:
    return Finding("live.nonfinite", status, f"{metric} is nan", evidence={"metric": metric}, step=3200)  # pyright: ignore[reportArgumentType]


async def heard(tui: SimpleNamespace, scene: str, posts: list[dict[str, object]], *, quiet: bool = False) -> list[str]:
    feed = tui.CannedFeed(scene)
    app = NntuiApp(Path("runs/exp42"), feed=feed, quiet=quiet)
    calls: list[str] = []
    app.call_out = calls.append  # pyright: ignore[reportAttributeAccessIssue]
    async with app.run_test(size=(80, 24)) as pilot:
        await tui.settle(pilot)
        for changes in posts:
            feed.post(**changes)
            await tui.settle(pilot)
    return calls


def test_a_new_alert_rings_once(tui: SimpleNamespace) -> None:
    posts: list[dict[str, object]] = [{"alerts": (alert(),)}, {}, {"alerts": ()}, {"alerts": (alert(),)}]
    (sent,) = asyncio.run(heard(tui, "live", posts))
    assert "exp42: train/loss is nan" in sent


def test_alerts_that_were_there_when_the_run_was_opened_do_not_ring(tui: SimpleNamespace) -> None:
    assert asyncio.run(heard(tui, "failing", [{}])) == []


def test_information_does_not_ring(tui: SimpleNamespace) -> None:
    assert asyncio.run(heard(tui, "live", [{"alerts": (alert("info"),)}])) == []


def test_a_quiet_dashboard_does_not_ring(tui: SimpleNamespace) -> None:
    assert asyncio.run(heard(tui, "live", [{"alerts": (alert(),)}], quiet=True)) == []


def test_alerts_found_while_the_run_is_still_being_read_do_not_ring(tui: SimpleNamespace) -> None:
    async def main() -> list[str]:
        feed = tui.CannedFeed("live")
        feed.base = dataclasses.replace(feed.base, complete=False)
        app = NntuiApp(Path("runs/exp42"), feed=feed)
        calls: list[str] = []
        app.call_out = calls.append  # pyright: ignore[reportAttributeAccessIssue]
        async with app.run_test(size=(80, 24)) as pilot:
            feed.post(alerts=(alert(),))
            feed.post(complete=True)
            await tui.settle(pilot)
        return calls

    assert asyncio.run(main()) == []


def test_the_alert_key_moves_the_crosshair_to_where_the_alert_began(tui: SimpleNamespace) -> None:
    async def main() -> list[tuple[float, str]]:
        app = NntuiApp(Path("runs/exp42"), feed=tui.CannedFeed("failing"))
        seen: list[tuple[float, str]] = []
        async with app.run_test(size=(80, 24)) as pilot:
            await tui.settle(pilot)
            for _ in range(2):
                await pilot.press("a")
                await tui.settle(pilot)
                seen.append((app.options.cursor, app.options.chosen))
        return seen

    assert asyncio.run(main()) == [(3200.0, "train/loss"), (3000.0, "train/loss")]
