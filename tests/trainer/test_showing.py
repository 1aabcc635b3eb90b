"""Examples as lines of a terminal, in every kind of terminal."""

import io
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.showing import FEATURES, Canvas, as_picture, canvas, cells, columns, cut, drawn, text_lines, visible

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = "\x1b]52;c;cm0=\x07\x9b31m evil\u202etxt\x00\r\ttab\u200b宽z\u0335\u0336\u0337\u0338\ud800"


class Stream(io.StringIO):
    def __init__(self, encoding: str = "utf-8", *, terminal: bool = True) -> None:
        super().__init__()
        self._encoding, self._terminal = encoding, terminal

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._encoding

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("environment", "stream", "colours", "unicode"),
    [
        ({"TERM": "xterm-256color"}, Stream(), 256, True),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, Stream(), 1 << 24, True),
        ({"TERM": "xterm", "COLORTERM": "truecolor", "NO_COLOR": "1"}, Stream(), 0, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, Stream(), 256, True),
        ({"TERM": "dumb"}, Stream(), 0, True),
        ({"TERM": "xterm"}, Stream("ascii"), 0, False),
        ({"TERM": "xterm"}, Stream("latin-1"), 0, False),
        ({"TERM": "xterm"}, Stream(terminal=False), 0, True),
    ],
)
def test_a_terminal_is_given_what_it_can_show(environment, stream, colours, unicode) -> None:
    found = canvas(stream, environment)
    assert (found.colours, found.unicode) == (colours, unicode)


@settings(max_examples=60)
@given(
    shape=st.sampled_from(
        [(8, 8), (1, 28, 28), (3, 32, 32), (32, 32, 3), (5, 7), (3, 3), (100, 3), (3, 300), (2, 9, 9)]
    ),
    width=st.integers(10, 200),
    rows=st.integers(1, 60),
    colours=st.sampled_from([0, 256, 1 << 24]),
)
def test_a_picture_keeps_inside_its_room_and_is_filled_evenly(shape, width, rows, colours) -> None:
    value = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    lines = drawn(value, None, Canvas(width, 24, colours, unicode=True), rows)
    assert 1 <= len(lines) <= rows
    widths = {len(ESCAPE.sub("", line)) for line in lines}
    assert len(widths) == 1
    assert max(widths) <= width
    assert all(("\x1b" in line) == (colours > 0) for line in lines)


def test_a_small_picture_is_shown_pixel_by_pixel() -> None:
    value = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.5, 0.0], [1.0, 0.0, 0.0]])
    lines = drawn(value, None, Canvas(6, 24, 0), 3)
    assert lines == ["    @@", "  ==  ", "@@    "]
    true = drawn(value, None, Canvas(3, 24, 1 << 24, unicode=True), 2)
    assert [ESCAPE.sub("", line) for line in true] == ["▀▀▀", "▀▀▀"]
    assert true[0].startswith("\x1b[38;2;0;0;0;48;2;0;0;0m▀\x1b[38;2;0;0;0;48;2;128;128;128m▀")


@pytest.mark.parametrize(("grey", "code"), [(0.0, 16), (1.0, 231), (0.5, 244), (0.2, 236), (95 / 255, 59)])
def test_a_grey_becomes_the_nearest_of_256(grey, code) -> None:
    pixels = torch.full((3, 3), grey)
    pixels[0, 0], pixels[2, 2] = 0.0, 1.0
    line = drawn(pixels, None, Canvas(3, 24, 256, unicode=True), 2)[0]
    assert f"38;5;{code};" in line


def test_a_colour_becomes_the_nearest_of_256() -> None:
    pixels = torch.zeros(3, 4, 4)
    pixels[0] = 1.0
    assert "38;5;196;48;5;196" in drawn(pixels, None, Canvas(4, 24, 256, unicode=True), 2)[0]


def test_what_is_no_picture_becomes_features_and_numbers_that_are_none_black() -> None:
    assert drawn(torch.tensor([1.0, float("nan")]), None, Canvas(40), 5) == ["0 = 1     1 = nan"]
    assert drawn(torch.tensor(3.5), None, Canvas(40), 5) == ["0 = 3.5"]
    assert as_picture(torch.full((4, 4), float("nan"))).tolist() == [[0.0] * 4] * 4
    assert as_picture(torch.tensor([[1e308] * 3, [-1e308] * 3, [0.0] * 3], dtype=torch.float64)).max() == 1.0
    assert drawn(torch.empty(0), None, Canvas(40), 5) == ["(no number)"]
    assert drawn(None, None, Canvas(40), 5)[0].startswith("(nothing")
    many = drawn(torch.arange(500.0), None, Canvas(80), 100)
    assert many[-1] == f"… and {500 - FEATURES} more features"
    assert len(drawn(torch.arange(500.0), None, Canvas(80), 4)) == 4


@given(st.text(max_size=200), st.integers(10, 60), st.integers(1, 9), st.booleans())
def test_a_text_keeps_inside_its_room_and_steers_nothing(text, width, rows, end) -> None:
    lines = text_lines(text + HOSTILE, Canvas(width, unicode=True), rows, end=end)
    assert 1 <= len(lines) <= rows
    assert all(cells(line) <= width and line.isprintable() for line in lines)


def test_of_a_long_text_the_beginning_is_shown_or_the_end() -> None:
    text = "\n".join(map(str, range(100)))
    assert text_lines(text, Canvas(40), 3) == ["| 0", "| 1", "| … and more"]
    assert text_lines(text, Canvas(40), 3, end=True)[1:] == ["| 98", "| 99"]
    assert len(text_lines("x" * 100_000, Canvas(40), 5)) == 5


def test_hostile_text_is_visible() -> None:
    shown = visible(HOSTILE)
    assert shown.isprintable()
    assert r"\x1b" in shown
    assert r"\u202e" in shown
    assert r"\ud800" in shown
    shown.encode()


@given(st.lists(st.text(max_size=12).map(visible), max_size=30), st.integers(1, 80))
def test_columns_hold_every_item_in_the_width(items, width) -> None:
    lines = columns(items, width)
    assert all(cells(line) <= width for line in lines)
    assert bool(lines) == bool(items)
    assert columns(["a", "b", "c"], 5) == ["a   c", "b"]


@given(st.text(max_size=30), st.integers(0, 20))
def test_a_cut_text_fits(text, width) -> None:
    assert cells(cut(visible(text), width)) <= width
