"""Pictures that a terminal shows by kitty's protocol: what is sent, when, and how often."""

from __future__ import annotations

import asyncio
import base64
import re
import unicodedata
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyte
import pyte.graphics
import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual._compositor import LayoutUpdate
from textual.drivers.headless_driver import HeadlessDriver
from textual.geometry import Region, Size
from textual.strip import Strip

from nntui.session.examples import Shown
from nntui.tui import kitty, shelf, tmux
from nntui.tui.app import NntuiApp
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint, Pixels
from nntui.tui.panels.gallery import Plan
from nntui.tui.panels.weights import grid
from nntui.tui.pictures import as_picture, picture_lines
from nntui.tui.safe import safe
from nntui.tui.shelf import Shelf
from nntui.tui.themes import DARK
from nntui.tui.thrift import Terminal

INDEX = {colour: at for at, colour in enumerate(pyte.graphics.FG_BG_256) if at >= 16}
SEQUENCE = re.compile(r"\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\")


class Kitty:
    """A terminal that keeps pictures as the protocol says, written without a look at how they are sent."""

    def __init__(self, columns: int, rows: int, *, around: bool = False) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.Stream(self.screen)
        self.around = around
        """Whether there is a tmux around, so that pictures come wrapped."""
        self.pictures: dict[int, tuple[np.ndarray, int, int]] = {}
        self.received = 0
        """Pictures that came, however often."""
        self.bytes = 0
        self._open: dict[str, str] = {}
        self._data = ""

    def write(self, text: str) -> None:
        self.bytes += len(text.encode())
        if self.around:
            assert "\x1b_G" not in re.sub(r"\x1bPtmux;.*?[^\x1b]\x1b\\", "", text)
            text = re.sub(r"\x1bPtmux;(.*?[^\x1b])\x1b\\", lambda m: m[1].replace("\x1b\x1b", "\x1b"), text)
        assert "\x1bP" not in text
        for keys, data in SEQUENCE.findall(text):
            self._take(dict(part.split("=") for part in keys.split(",")), data)
        rest = SEQUENCE.sub("", text)
        assert rest == text or not rest, "pictures come between frames, not inside of them"
        self.stream.feed(re.sub(r"\x1b\[[<=>?][^a-zA-Z]*[a-zA-Z]", "", rest))
        for number, row, column in self.shown() if kitty.PLACEHOLDER in rest else ():
            _, wide, high = self.pictures[number]
            assert row < high
            assert column < wide

    def _take(self, keys: dict[str, str], data: str) -> None:
        assert keys["q"] == "2", "no answer may come"
        assert len(data) <= 4096
        if keys.get("a") == "d":
            assert keys["d"] == "I"
            del self.pictures[int(keys["i"])]
            self._blank(int(keys["i"]))
            return
        self._open = keys if "a" in keys else self._open
        self._data += data
        if keys["m"] == "1":
            assert len(data) % 4 == 0
            return
        about = self._open
        assert (about["a"], about["U"], about["f"], about["o"]) == ("T", "1", "24", "z")
        pixels = np.frombuffer(zlib.decompress(base64.b64decode(self._data)), np.uint8)
        shape = (int(about["v"]), int(about["s"]), 3)
        self.pictures[int(about["i"])] = (pixels.reshape(shape), int(about["c"]), int(about["r"]))
        self.received += 1
        self._data = ""

    def _blank(self, number: int) -> None:
        for row in self.screen.buffer.values():
            for column, cell in row.items():
                if cell.data.startswith(kitty.PLACEHOLDER) and INDEX[cell.fg] == number & 0xFF:
                    row[column] = cell._replace(data=" ")

    def shown(self) -> list[tuple[int, int, int]]:
        """Picture, row and column of every cell that shows one."""
        found = []
        for row in self.screen.buffer.values():
            for cell in row.values():
                if cell.data.startswith(kitty.PLACEHOLDER):
                    down, across, high = (kitty.MARKS.index(mark) for mark in cell.data[1:])
                    found.append((high << 24 | INDEX[cell.fg], down, across))
        return found


def watched(tui: SimpleNamespace, monkeypatch, terminal: Kitty, look, *, size=(100, 40), **options) -> None:
    monkeypatch.setattr(HeadlessDriver, "is_headless", property(lambda self: False))
    monkeypatch.setattr(HeadlessDriver, "write", lambda self, data: terminal.write(data))

    async def main() -> None:
        app = NntuiApp(Path("runs/exp42"), feed=tui.CannedFeed("live"), **options)
        async with app.run_test(size=size) as pilot:
            await tui.settle(pilot)

            async def press(*keys: str) -> None:
                for key in keys:
                    await pilot.press(key)
                    await tui.settle(pilot)

            await look(app, press, pilot)

    asyncio.run(main())


@pytest.mark.parametrize("around", [False, True], ids=["alone", "inside tmux"])
def test_a_terminal_has_every_picture_once_before_it_is_shown(tui, monkeypatch, around: bool) -> None:
    if around:
        monkeypatch.setenv("TMUX", "/x")
        monkeypatch.setattr(tmux, "ask", lambda *_: "812")
        monkeypatch.setattr(tmux.Around.__init__, "__defaults__", (tmux.ask, lambda: 0.0))
    terminal = Kitty(100, 40, around=around)

    async def look(app, press, pilot) -> None:
        assert not terminal.pictures
        await press("6", "g")
        received = terminal.received
        cells = terminal.shown()
        numbers = {number for number, _, _ in cells}
        assert len(numbers) == 5, "of forty examples so many differ"
        assert received == len(terminal.pictures) == len(numbers) + 1, "the chosen one was shown before at another size"
        for number in numbers:
            _, wide, high = terminal.pictures[number]
            assert {cell[1:] for cell in cells if cell[0] == number} == {
                (row, column) for row in range(high) for column in range(wide)
            }
        sent = terminal.bytes
        app.front.show(app.snapshot)
        await tui.settle(pilot)
        assert terminal.bytes == sent, "nothing is sent where nothing changed"
        await press("1")
        assert not terminal.shown()
        await press("6", "question_mark", "6", "t")
        assert terminal.received == received
        assert sorted(terminal.shown()) == sorted(cells)
        await press("5", "f", "left_square_bracket", "3", "j")
        assert terminal.shown()
        await pilot.resize_terminal(70, 24)
        await tui.settle(pilot)
        assert terminal.received == len(terminal.pictures)
        await press("ctrl+l")
        assert terminal.received > len(terminal.pictures), "what draws everything anew sends what is on the screen"

    watched(tui, monkeypatch, terminal, look, pictures="kitty")
    assert not terminal.pictures, "none is left behind"


def test_a_terminal_that_lost_its_pictures_gets_them_again(tui, monkeypatch) -> None:
    terminal = Kitty(100, 40)

    async def look(app, press, pilot) -> None:
        await press("6", "g")
        cells = terminal.shown()
        app._driver.stop_application_mode()  # as for ctrl-z
        assert not terminal.pictures
        terminal.screen.reset()
        app._resume_signal()
        await tui.settle(pilot)
        assert terminal.shown() == cells
        assert terminal.pictures.keys() == {number for number, _, _ in cells}

    watched(tui, monkeypatch, terminal, look, pictures="kitty")


def test_the_screen_as_a_file_shows_blocks_and_sends_nothing(tui, monkeypatch) -> None:
    terminal = Kitty(100, 40)

    async def look(app, press, pilot) -> None:
        await press("6", "g")
        sent = terminal.bytes
        picture = app.export_screenshot()
        await tui.settle(pilot)
        assert "▀▀" in picture
        assert kitty.PLACEHOLDER not in picture
        assert max(picture) < shelf.FIRST
        assert terminal.bytes == sent

    watched(tui, monkeypatch, terminal, look, pictures="kitty")


@pytest.mark.parametrize("options", [{}, {"pictures": "kitty", "glyphs": "ascii"}, {"pictures": "blocks"}])
def test_elsewhere_nothing_of_it_is_sent(tui, monkeypatch, options) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")
    terminal = Kitty(100, 40)

    async def look(app, press, pilot) -> None:
        await press("6", "g", "3", "5")
        assert app.paint.pixels is None

    watched(tui, monkeypatch, terminal, look, **options)
    assert not terminal.received


# --- without an app -----------------------------------------------------------------------------------


def paint(known: Shelf, cell: tuple[int, int] = (10, 20)) -> Paint:
    return Paint(DARK, SETS["braille"], pixels=Pixels(known, cell))


def given(known: Shelf, lines: list[Text]) -> np.ndarray:
    terminal = Kitty(300, 100)
    terminal.write(known.sent(known.numbers("".join(line.plain for line in lines))))
    ((pixels, wide, high),) = terminal.pictures.values()
    assert (wide, high) == (lines[0].cell_len, len(lines))
    return pixels


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (3, 20, 30)])
def test_the_pixels_are_those_that_were_recorded(shape) -> None:
    known, data = Shelf(), np.random.default_rng(0).normal(size=np.prod(shape))
    pixels = as_picture(shape, data)
    assert pixels is not None
    sent = given(known, picture_lines(pixels, 40, 20, paint(known)))
    each = len(sent) // len(pixels)
    assert each >= 1
    exact = np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels
    np.testing.assert_array_equal(sent[::each, ::each], (exact * 255).round().astype(np.uint8))
    np.testing.assert_array_equal(sent[each - 1 :: each, each - 1 :: each], sent[::each, ::each])


def test_a_large_picture_has_as_many_pixels_as_its_cells() -> None:
    known = Shelf()
    sent = given(known, picture_lines(np.random.default_rng(0).random((224, 448, 3)), 20, 20, paint(known)))
    assert sent.shape == (100, 200, 3)


@pytest.mark.parametrize("cell", [(10, 20), (7, 15), (9, 9)])
@pytest.mark.parametrize("shape", [(28, 28), (3, 300), (300, 3), (224, 224)])
@pytest.mark.parametrize("room", [(1, 1), (8, 4), (36, 18), (400, 400)])
def test_a_picture_fits_where_it_is_put_and_keeps_its_proportions(cell, shape, room) -> None:
    lines = picture_lines(np.zeros(shape), room[0], room[1], paint(Shelf(), cell))
    assert 1 <= len(lines) <= room[1]
    assert {line.cell_len for line in lines} <= set(range(1, room[0] + 1))
    wide, high = lines[0].cell_len * cell[0], len(lines) * cell[1]
    assert abs(high * shape[1] - wide * shape[0]) <= cell[1] * shape[1] + cell[0] * shape[0], "to a cell"


@pytest.mark.parametrize("at", range(0, 31, 5))
def test_wherever_a_line_is_cut_each_cell_is_whole(at: int) -> None:
    known = Shelf(first=kitty.NUMBERS - 1)
    lines = known.put(bytes(3), (1, 1), (20, 2)) + known.put(bytes(6), (2, 1), (9, 1))
    text = f"ab{lines[1]}│宽{lines[2]}"
    assert cell_len(text) == 34
    for part in Strip([Segment(text)]).divide([at, 34]):
        for colour, characters in known.shown(part.text):
            assert not colour or len(characters) % 4 == 0
    left, right = Segment(text).split_cells(at)
    assert cell_len(left.text) == at
    assert cell_len(right.text) == 34 - at
    shown = known.shown(text)
    assert [colour for colour, _ in shown] == ["", "38;5;255", "", "38;5;16"], "the numbers begin again at their end"
    assert shown[0][1] + shown[2][1] == "ab│宽"


def test_marks_and_colours_are_those_of_the_protocol() -> None:
    assert kitty.MOST == len(set(kitty.MARKS)) == 297
    assert all(unicodedata.combining(mark) == 230 and not unicodedata.decomposition(mark) for mark in kitty.MARKS)
    assert [ord(kitty.MARKS[at]) for at in (0, 1, 2, 296)] == [0x305, 0x30D, 0x30E, 0x1D244]
    assert len({kitty.number(at) for at in range(0, kitty.NUMBERS, 7)}) == len(range(0, kitty.NUMBERS, 7))


def test_no_foreign_text_holds_what_stands_for_a_cell() -> None:
    assert max(safe("".join(map(chr, (0xF0000, 0xFFFFD, 0x100000, 0x10EEEE, 0x10FFFD))))) < shelf.FIRST


def test_only_so_many_are_kept_and_none_that_is_on_the_screen_goes(monkeypatch) -> None:
    monkeypatch.setattr(shelf, "MOST", 8)
    known, terminal = Shelf(first=0), Kitty(80, 24)
    lines = [known.put(bytes([k] * 3), (1, 1), (2, 1))[0] for k in range(8)]
    terminal.write(known.sent(known.numbers("".join(lines[:6]))))
    assert not known.is_full
    known.put(bytes(3), (1, 1), (2, 1))
    extra = known.put(bytes([9] * 3), (1, 1), (2, 1))[0]
    assert known.is_full
    assert known.turned == 0
    terminal.write(known.spared(known.numbers(lines[1])))
    kept = [k for k, line in enumerate(lines) if known.numbers(line)]
    assert kept == [0, 1, 7], "the oldest went, but for the one on the screen and the one that was wanted again"
    assert terminal.pictures.keys() == known.numbers(lines[0]) | known.numbers(lines[1])
    assert known.shown(lines[2]) == [("", "  ")], "what stood for it shows nothing"
    assert known.numbers(extra)
    assert known.turned == 5
    assert not known.is_full


def test_a_picture_beside_a_letter_of_two_cells_is_on_the_screen() -> None:
    known = Shelf()
    terminal = Terminal(known)
    (line,) = known.put(bytes(3), (1, 1), (2, 1))
    for text in (f"宽{line}", f"{line}é宽"):
        strip = Strip([Segment(text)]).adjust_cell_length(8)
        terminal.forget()
        terminal.changes(LayoutUpdate([[strip]], Region(0, 0, 8, 1)), Size(8, 1))
        assert terminal.pictures() == known.numbers(line)
        sent = terminal.changes(LayoutUpdate([[strip]], Region(0, 0, 8, 1)), Size(8, 1))
        assert sent.pieces == [(0, 0, strip)], "what may not be there is sent again"


def test_a_number_in_use_is_given_to_no_other(monkeypatch) -> None:
    monkeypatch.setattr(kitty, "NUMBERS", 4)
    monkeypatch.setattr(shelf, "MOST", 3)
    known = Shelf(first=0)
    first, *_ = (known.put(bytes([k] * 3), (1, 1), (1, 1))[0] for k in range(4))
    known.spared(known.numbers(first))
    (other,) = known.put(bytes(6), (2, 1), (1, 1))
    assert known.numbers(other)
    assert known.numbers(other).isdisjoint(known.numbers(first))


def test_pixels_and_cells_have_a_bound_too(monkeypatch) -> None:
    for name, most in (("MOST_BYTES", 20), ("MOST_CELLS", 20)):
        with monkeypatch.context() as patched:
            patched.setattr(shelf, name, most)
            known = Shelf()
            for k in range(30):
                known.put(bytes([k] * 3), (1, 1), (3, 1))
                if known.is_full:
                    known.spared(())
            assert 0 < len(known._pictures) <= 7


def test_where_all_characters_are_taken_there_are_blanks_and_freed_ones_serve_again(monkeypatch) -> None:
    monkeypatch.setattr(shelf, "CELLS", (range(0xF0000, 0xF000A),))
    monkeypatch.setattr(shelf, "MOST", 1)
    known = Shelf()
    known.put(bytes(3), (1, 1), (6, 1))
    assert known.put(bytes(6), (2, 1), (3, 2)) == ["   ", "   "]
    assert known.put(bytes(9), (3, 1), (4, 1))[0].strip()
    known.spared(())
    (line,) = known.put(bytes(12), (4, 1), (9, 1))
    assert len(set(line)) == 9
    assert len(known.numbers(line)) == 1


def test_what_could_not_be_sent_is_sent_once_it_is_in_sight() -> None:
    where = [""]
    known, terminal = Shelf(around=lambda: where[0]), Kitty(80, 24)
    shown = known.numbers(known.put(bytes(3), (1, 1), (2, 1))[0])
    assert known.sent(shown) == ""
    assert not known.is_behind(look=True)
    where[0] = "812"
    assert known.is_behind(look=False)
    terminal.write(known.sent(shown))
    assert known.sent(shown) == ""
    assert not known.is_behind(look=True)
    where[0] = "813"
    assert not known.is_behind(look=False), "it is not asked at every turn"
    assert known.is_behind(look=True)
    assert known.sent(shown)
    where[0] = "814"
    more = known.numbers(known.put(bytes(6), (2, 1), (2, 1))[0])
    assert known.sent(more)
    assert known.is_behind(look=False), "the other picture is on the screen, and this terminal lacks it"
    assert known.sent(shown | more).count("a=T") == 1


def test_more_pictures_have_room_and_smaller_ones_can_be_read() -> None:
    blocks, pixels = Paint(DARK, SETS["braille"]), paint(Shelf())
    digit = Shown((28, 28), np.zeros(784))
    fine, coarse = (Plan.of(digit, 300, 80, 18, one) for one in (pixels, blocks))
    assert fine.size == (8, 4)
    assert fine.most >= 24
    assert fine.most > coarse.most
    photo = Plan.of(Shown((224, 224), np.zeros(224 * 224)), 6, 100, 30, pixels)
    assert photo.size[0] >= 16
    filters = tuple(np.random.default_rng(k).random((7, 7)) for k in range(64))
    assert grid(filters, 78, 12, pixels)[1] == 64 > grid(filters, 78, 12, blocks)[1]
