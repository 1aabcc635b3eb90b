"""What is sent in place of whole regions: as little as shows the same."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import re
from pathlib import Path
from types import SimpleNamespace

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.drivers.headless_driver import HeadlessDriver
from textual.geometry import Region, Size
from textual.strip import Strip

from nntui.tui.app import NntuiApp
from nntui.tui.thrift import Runs, Terminal

WIDTH, HEIGHT = 12, 4
CONSOLE = Console(force_terminal=True, color_system="256", width=WIDTH)
STYLES = [
    Style(color="red", bgcolor="black"),
    Style(color="blue", bgcolor="black"),
    Style(color="blue", bgcolor="green"),
    Style(reverse=True),
    Style(),
]

words = st.lists(st.sampled_from(["a", "b", " ", "⣿", "宽"]), max_size=5).map("".join)
lines = st.lists(st.tuples(words, st.sampled_from(STYLES)).map(lambda part: Segment(*part)), max_size=4).map(
    lambda parts: Strip(parts).adjust_cell_length(WIDTH)
)
spans = st.tuples(st.integers(0, WIDTH - 1), st.integers(1, WIDTH)).map(
    lambda pair: (pair[0], max(pair[0] + 1, pair[1]))
)
updates = st.lists(
    st.tuples(st.integers(0, HEIGHT - 1), spans, lines), min_size=1, max_size=4, unique_by=lambda u: u[0]
)


def update(pieces) -> ChopsUpdate:
    pieces = sorted(pieces, key=lambda piece: piece[0])
    chops = [{0: None} for _ in range(HEIGHT)]
    for y, _, strip in pieces:
        chops[y] = {0: strip}
    return ChopsUpdate(chops, [(y, *span) for y, span, _ in pieces], [[WIDTH]] * HEIGHT)


wholes = st.lists(lines, min_size=HEIGHT, max_size=HEIGHT)


def whole(rows) -> LayoutUpdate:
    return LayoutUpdate([[row] for row in rows], Region(0, 0, WIDTH, HEIGHT))


class Screen:
    """A terminal that shows what it is sent."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)

    def feed(self, sent) -> int:
        text = "" if sent is None else sent.render_segments(CONSOLE)
        self.stream.feed(text)
        return len(text.encode())

    def cells(self):
        rows = [self.screen.buffer[y] for y in range(HEIGHT)]
        return [
            [
                (c.data, c.bg, c.reverse, c.fg if c.data.strip() or c.reverse else "")
                for c in (row[x] for x in range(WIDTH))
            ]
            for row in rows
        ]


@settings(max_examples=300)
@given(st.lists(st.one_of(updates.map(update), wholes.map(whole)), max_size=6))
def test_the_terminal_shows_what_it_would_have_shown(many) -> None:
    thrifty, plain, terminal = Screen(), Screen(), Terminal()
    for one in many:
        thrifty.feed(terminal.changes(one, Size(WIDTH, HEIGHT)))
        plain.feed(one)
        assert thrifty.cells() == plain.cells()


def strip(text: str, style: Style = STYLES[0]) -> Strip:
    return Strip([Segment(text, style)])


def sent(terminal: Terminal, *pieces) -> str:
    found = terminal.changes(update(pieces), Size(WIDTH, HEIGHT))
    return "" if found is None else found.render_segments(CONSOLE)


def test_only_what_differs_is_sent() -> None:
    terminal = Terminal()
    assert "abcdefghijkl" in sent(terminal, (0, (0, WIDTH), strip("abcdefghijkl")))
    assert sent(terminal, (0, (0, WIDTH), strip("abcdefghijkl"))) == ""
    changed = sent(terminal, (0, (0, WIDTH), strip("abXdefghijkY")))
    assert re.sub(r"\x1b\[[\d;]*[a-zA-Z]", "", changed) == "XY"
    assert changed.count("\x1b[1;") == 1, "the second is reached from the first"


def test_after_a_whole_screen_only_what_differs_is_sent() -> None:
    terminal = Terminal()
    rows = [strip("abcdefghijkl")] * HEIGHT
    assert Screen().feed(terminal.changes(whole(rows), Size(WIDTH, HEIGHT))) > HEIGHT * WIDTH
    assert terminal.changes(None, Size(WIDTH, HEIGHT)) is None, "nothing to draw is nothing forgotten"
    assert sent(terminal, (0, (0, WIDTH), rows[0])) == ""
    assert re.sub(r"\x1b\[[\d;]*[a-zA-Z]", "", sent(terminal, (1, (0, WIDTH), strip("abcdefghijkX")))) == "X"
    again = terminal.changes(whole([*rows[:2], strip("abcdefghijkl"), strip("Xbcdefghijkl")]), Size(WIDTH, HEIGHT))
    assert [(x, y, piece.text) for x, y, piece in again.pieces] == [(11, 1, "l"), (0, 3, "X")]


def test_a_style_is_said_once_for_rows_that_follow_each_other() -> None:
    terminal = Terminal()
    sent(terminal, *((y, (0, WIDTH), strip("a" * WIDTH)) for y in range(3)))
    changed = sent(terminal, *((y, (0, WIDTH), strip("b" + "a" * (WIDTH - 1))) for y in range(3)))
    assert changed.count("\x1b[0m") == 1


def test_of_a_style_what_differs_from_the_one_before_is_said() -> None:
    def said(*styles: str) -> str:
        line = Strip([Segment("a", Style.parse(style)) for style in styles]).adjust_cell_length(WIDTH)
        return sent(Terminal(), (0, (0, len(styles)), line))

    assert "\x1b[31;40ma\x1b[32ma\x1b[41ma" in said("red on black", "green on black", "green on red")
    assert "a\x1b[0;31;40ma" in said("bold red on black", "red on black"), "an attribute is taken back with the rest"
    assert "a\x1b[0;31ma" in said("red on black", "red")
    assert "a\x1b[0;1;31;40ma" in said("red on black", "bold red on black")
    assert said("red").endswith("\x1b[0m")


def test_a_blank_of_another_colour_is_the_same_blank() -> None:
    terminal = Terminal()
    sent(terminal, (0, (0, WIDTH), strip(" " * WIDTH, STYLES[0])))
    assert sent(terminal, (0, (0, WIDTH), strip(" " * WIDTH, STYLES[1]))) == ""
    assert sent(terminal, (0, (0, WIDTH), strip(" " * WIDTH, STYLES[2]))) != ""


def test_after_anything_else_nothing_is_known() -> None:
    terminal = Terminal()
    line = (0, (0, WIDTH), strip("abcdefghijkl"))
    sent(terminal, line)
    other = object()
    assert terminal.changes(other, Size(WIDTH, HEIGHT)) is other
    assert "abcdefghijkl" in sent(terminal, line)
    assert isinstance(terminal.changes(update([line]), Size(WIDTH, HEIGHT + 1)), Runs), (
        "another size is another terminal"
    )
    terminal.forget()
    assert "abcdefghijkl" in sent(terminal, line)


@pytest.mark.parametrize("seed", range(3))
def test_a_terminal_shows_what_the_app_means_to_show(tui: SimpleNamespace, monkeypatch, seed: int) -> None:
    """A real emulator is fed all that the app sends, through a walk over keys, data and sizes."""
    columns, rows = 90, 28
    screen = pyte.Screen(columns, rows)
    stream = pyte.Stream(screen)
    monkeypatch.setattr(HeadlessDriver, "is_headless", property(lambda self: False))
    monkeypatch.setattr(
        HeadlessDriver, "write", lambda self, data: stream.feed(re.sub(r"\x1b\[[<=>?][^a-zA-Z]*[a-zA-Z]", "", data))
    )
    keys = (
        "1",
        "2",
        "3",
        "4",
        "9",
        "a",
        "question_mark",
        "j",
        "k",
        "enter",
        "escape",
        "y",
        "x",
        "s",
        "l",
        "plus",
        "t",
        "ctrl+l",
        "w",
    )
    walk = random.Random(seed)
    feed = tui.CannedFeed("failing")

    async def main() -> None:
        app = NntuiApp(Path("runs/exp42"), feed=feed)
        async with app.run_test(size=(columns, rows)) as pilot:
            await tui.settle(pilot)
            for place in range(40):
                if walk.random() < 0.4:
                    feed.post(head=dataclasses.replace(feed.base.head, step=4000 + place, loss=walk.random()))
                else:
                    await pilot.press(walk.choice(keys))
                await tui.settle(pilot)
                assert [line.rstrip() for line in screen.display] == tui.lines(app)

    asyncio.run(main())


def test_a_region_is_what_textual_calls_one() -> None:
    """The private class this rests on has the parts it had."""
    known = update([(1, (0, WIDTH), strip("x" * WIDTH))])
    assert (known.chops[1][0].text, known.spans, known.chop_ends[1]) == ("x" * WIDTH, [(1, 0, WIDTH)], [WIDTH])
    assert Region(0, 0, 1, 1).area == 1


def test_a_line_whose_characters_are_no_cells_is_sent_whole() -> None:
    for text in ("ae\u0301" + "b" * 10, "宽" + "b" * 10, "\u0301宽" + "b" * 10):
        terminal = Terminal()
        line = (0, (0, WIDTH), strip(text))
        assert text in sent(terminal, line)
        assert text in sent(terminal, line)
