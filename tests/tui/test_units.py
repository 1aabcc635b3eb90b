from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from nntui.tui.safe import safe
from nntui.tui.units import LEAST_ELIDED, age, cut, elided, fit, quantity, wrap

TEXT = st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"]), max_size=80).map(safe)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "now"),
        (1.9, "now"),
        (2.0, "2 s"),
        (9.9, "5 s"),
        (29.9, "10 s"),
        (59.9, "30 s"),
        (60.0, "1 min"),
        (3599.0, "59 min"),
        (3600.0, "1 h"),
        (200_000.0, "2 d"),
        (math.nan, "–"),
        (-0.5, "now"),
    ],
)
def test_an_age_advances_in_buckets(seconds: float, words: str) -> None:
    assert age(seconds) == words


@given(TEXT, st.integers(-1, 60))
def test_cut_text_never_exceeds_its_width(text: str, width: int) -> None:
    assert cell_len(cut(text, width)) <= max(0, width)
    if cell_len(text) <= width:
        assert cut(text, width) == text


@given(TEXT, st.integers(0, 60), st.booleans())
def test_fitted_text_has_exactly_its_width(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(text, width, right=right)) == width


@given(TEXT, st.integers(2, 60))
def test_wrapped_text_loses_no_word_and_no_line_is_too_wide(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_text_is_wrapped_at_blanks() -> None:
    assert wrap("the loss is nan", 8) == ["the loss", "is nan"]


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (2.31, "nats", "2.31 nats"),
        (math.nan, "nats", "–"),
        ("2.24 to 2.61", "nats", "2.24 to 2.61 nats"),
        ("", "x", "–"),
        ("\x1b", "\x1b", "␛ ␛"),
        (math.inf, "", "inf"),
    ],
)
def test_a_quantity_is_a_number_with_its_unit(value: float | str, unit: str, words: str) -> None:
    assert quantity(value, unit) == words


@given(TEXT, st.integers(LEAST_ELIDED, 60))
def test_an_elided_name_keeps_both_of_its_ends(text: str, width: int) -> None:
    shown = elided(text, width)
    assert cell_len(shown) <= width
    if cell_len(text) <= width:
        assert shown == text
    else:
        head, _, tail = shown.partition("…") if "…" not in text else (shown, "", "")
        assert text.startswith(head) or "…" in text
        assert text.endswith(tail)


def test_names_that_differ_in_their_ends_stay_apart() -> None:
    names = [f"check/overfit_batch/{word}" for word in ("training_loss", "training_accuracy")]
    assert [elided(name, 24) for name in names] == ["check/ov…h/training_loss", "check/ov…aining_accuracy"]
    assert elided(names[0], LEAST_ELIDED - 1) == "check/over…"


@given(TEXT, st.integers(2, 40), st.integers(1, 4))
def test_what_is_cut_off_behind_the_last_line_is_told(text: str, width: int, most: int) -> None:
    every, shown = wrap(text, width), wrap(text, width, most)
    assert len(shown) == min(most, len(every))
    assert all(cell_len(line) <= width for line in shown)
    if len(every) > most:
        assert shown[:-1] == every[: most - 1]
        assert shown[-1].endswith("…")
    else:
        assert shown == every
