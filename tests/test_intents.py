"""What can be declared: one vocabulary, whoever asks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntui.intents import INTENTS, declares, unknown

ROOT = Path(__file__).parents[1]
SOURCES = [path.read_text() for path in (ROOT / "nntui").rglob("*.py") if path.name != "intents.py"]


def test_what_is_asked_for_or_advised_can_be_declared_and_what_can_be_declared_is_asked_for() -> None:
    asked = {word for text in SOURCES for word in re.findall(r'declare[sd]?(?:\(| )[\'"](\w+)', text)}
    assert asked == set(INTENTS)


@pytest.mark.parametrize(
    ("words", "name", "meant"),
    [
        (["frozen"], "head.weight", True),
        (["frozen:encoder.*"], "encoder.0.weight", True),
        (["frozen:encoder.*"], "head.weight", False),
        (["frozen:encoder.*"], "", True),
        (["sum", "frozen:head.*"], "head.weight", True),
        (["Frozen"], "", False),
        (["unfrozen"], "", False),
        ([], "", False),
    ],
)
def test_a_pattern_names_what_is_meant(words: list[str], name: str, meant: bool) -> None:
    assert declares(words, "frozen", name) is meant


@given(st.lists(st.sampled_from([*INTENTS]).flatmap(lambda word: st.sampled_from([word, f"{word}:4", f"{word}:a.*"]))))
def test_nothing_is_said_of_known_words(words: list[str]) -> None:
    assert unknown(words) == ""


def test_an_unknown_word_is_named_with_what_was_expected() -> None:
    assert unknown(["sum", "shfit", "Frozen:a"]).startswith(
        "found 'shfit', 'Frozen:a', which says nothing here; expected "
    )
