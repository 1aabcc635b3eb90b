from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from nntui.tui.safe import LIMIT, MARKS, safe, safe_lines

BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
INVISIBLE = frozenset("\u00ad\u034f\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u115f\u3164\u2800")
TONES = "".join(map(chr, range(0x1F3FB, 0x1F400)))
ANY = st.text(st.characters(), max_size=300)


def dangerous(text: str) -> list[str]:
    """Characters that steer a terminal or deceive a reader, by their Unicode category and not by safe's own test."""
    return [
        char
        for char in text
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or char in BIDI | INVISIBLE
    ]


@given(ANY)
@example("\x1b]52;c;AAAA\x07")
@example("\x9b31m")
@example("a\u202eb\u2066")
@example("\u2028\u2029\x85")
@example("\ud800\ue000\U000e0001\U0010ffff")
@example("z" + "\u0335" * 50)
def test_nothing_dangerous_is_left_in_any_text(text: str) -> None:
    shown = safe(text)
    assert dangerous(shown) == []
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters=list(INVISIBLE)), max_size=300))
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    plain = "".join(c for c in text if c.isprintable() and c not in "\u1160\u17b4\u17b5\uffa0" and c not in TONES)
    assert safe(plain) == plain


@given(ANY)
def test_a_text_once_safe_stays_as_it_is(text: str) -> None:
    assert safe(safe(text), limit=10**6) == safe(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "␛[31m"),
        ("a\x00b\nc\x7f", "a␀b␊c␡"),
        ("\x9b", "\\x9b"),
        ("\u202e", "\\u202e"),
        ("x\ufe0f", "x\\ufe0f"),
        ("\U000e0041", "\\U000e0041"),
        ("train/loss", "train/loss"),
        ("损失 é ё", "损失 é ё"),
        (3.5, "3.5"),
    ],
)
def test_what_was_hidden_becomes_visible(text: object, shown: str) -> None:
    assert safe(text) == shown


@given(ANY)
def test_the_width_of_a_text_is_the_sum_of_its_characters(text: str) -> None:
    shown = safe(text)
    assert cell_len(shown) == sum(map(cell_len, shown))


def test_markup_is_text_like_any_other() -> None:
    assert safe("[/b] [bold red]x[/] $accent") == "[/b] [bold red]x[/] $accent"


def test_a_long_text_is_cut_and_says_so() -> None:
    shown = safe("x" * 10_000)
    assert len(shown) == LIMIT + 1
    assert shown.endswith("…")


def test_combining_marks_do_not_pile_up() -> None:
    shown = safe("a" + "\u0301" * 30)
    assert sum(map(unicodedata.combining, shown)) == sum([unicodedata.combining("\u0301")] * MARKS)


@given(ANY)
def test_the_lines_of_a_text_are_each_safe(text: str) -> None:
    assert all(dangerous(line) == [] for line in safe_lines(text))


def test_a_traceback_keeps_its_lines_and_its_indentation() -> None:
    assert safe_lines("Traceback:\n\tFile\n  x\x1b") == ["Traceback:", "    File", "  x␛"]
