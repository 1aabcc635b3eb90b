"""Which lines a person would have read, compared with what a terminal emulator shows."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntui.recorder import lines
from nntui.recorder.lines import LENGTH, Paper


def read(*writes: str) -> list[str]:
    paper = Paper()
    found = [line.text for write in writes for line in paper.write(write, 0, 0)]
    return found + [line.text for line in (*paper.finished(), *paper.rest())]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("one\ntwo\n", ["one", "two"]),
        ("one\r\ntwo\r\n", ["one", "two"]),
        ("no end", ["no end"]),
        ("\n\n  \nblank\n\n", ["blank"]),
        ("10%\r20%\r100%\n", ["100%"]),
        ("\r10%\r20%\r100%", ["100%"]),
        ("100% of a long line\rok\n", ["ok"]),
        ("before\n\r 1/3\r 2/3\r 3/3\nafter\n", ["before", " 3/3", "after"]),
        ("\x1b[1;31mred\x1b[0m and \x1b[38;5;9mmore\x1b[m\n", ["red and more"]),
        ("\x1b]0;title\x07shown \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n", ["shown link"]),
        ("half\x1b[2K\rwhole\n", ["whole"]),
        ("kept\x1b[K\n", ["kept"]),
        ("bell\a and\b null\x00 tab\tstays\n", ["bell and null tab\tstays"]),
        ("\x1b lone \x1b[ open\n", [" lone pen"]),
        ("outer 0\n\rinner 1\x1b[A\router 0\n\rinner 2\x1b[A\router 1\n", ["outer 1", "inner 2"]),
        ("a\nb\x1b[Fc\n", ["c", "b"]),
        ("a\x1b[99999999999999999999Ab\n", ["ab"]),
    ],
)
def test_what_is_written_over_is_gone(written: str, expected: list[str]) -> None:
    assert read(written) == expected
    assert read(*written) == expected  # a character at a time


@given(st.text(alphabet="ab\r\n\x1b[AFK2;m]0\a\\ \b", max_size=60), st.integers(0, 60))
def test_where_a_text_is_cut_changes_nothing(text: str, cut: int) -> None:
    assert read(text) == read(text[:cut], text[cut:])


_WORD = st.text(alphabet="abcdef", min_size=1, max_size=6)
_DEED = st.one_of(
    _WORD.map(lambda word: f"\r\x1b[2K{word}\r\n"),
    _WORD.map(lambda word: f"\r\x1b[2K{word}"),
    _WORD.map(lambda word: f"\n\r\x1b[2K{word}\x1b[A"),
    st.lists(_WORD, min_size=2, max_size=4).map(
        lambda words: "\n".join(f"\r\x1b[2K{word}" for word in words) + f"\x1b[{len(words) - 1}A"
    ),
)


@given(st.lists(_DEED, max_size=30))
def test_bars_and_lines_are_read_as_a_terminal_shows_them(deeds: list[str]) -> None:
    screen = pyte.Screen(20, 400)
    stream = pyte.Stream(screen)
    stream.feed("".join(deeds))
    shown = [row.rstrip() for row in screen.display if row.strip()]
    assert read(*deeds) == shown


def finished(paper: Paper, text: str, moment: int = 0, step: int = 0) -> list[lines.Line]:
    return [*paper.write(text, moment, step), *paper.finished()]


def test_a_line_has_the_time_and_step_of_its_last_state() -> None:
    paper = Paper()
    assert finished(paper, "\r10%", 1, 5) == []
    assert finished(paper, "\r20", 2, 6) == []
    assert finished(paper, "%", 3, 7) == []
    assert finished(paper, "\n", 4, 8) == [("20%", 2, 6)]


def test_lines_are_held_back_only_while_a_cursor_may_come_back_to_them() -> None:
    paper = Paper()
    assert [line.text for line in finished(paper, "a\nb\n")] == ["a", "b"]
    assert finished(paper, "outer\ninner\x1b[A") == []
    found = [line.text for k in range(lines.SETTLED + 50) for line in finished(paper, f"\n\r{k}\n")]
    assert found[0] == "outer"
    assert [line.text for line in finished(paper, "\rlast\n")][-1] == "last"


def test_a_line_without_an_end_keeps_its_beginning_and_counts_the_rest() -> None:
    (text,) = read(*["x" * 1000] * 50)
    assert text == "x" * LENGTH + f"… {50_000 - LENGTH:,} more characters"


@pytest.mark.parametrize(
    "what", ["\x1b[", "\x1b]" + "x" * 10_000, "\x1b[A", "\n\x1b[A", "\n\n\n\x1b[9A", "\r", "\x1b[2K", "\n"]
)
def test_memory_stays_bounded_whatever_is_repeated(what: str) -> None:
    paper = Paper()
    for _ in range(3000):
        finished(paper, what)
    kept = sum(len(row.text) + 1 for row in paper._rows) + len(paper._left)
    assert kept < 50_000
