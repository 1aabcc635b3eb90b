"""The recipe's rows, with what came of them."""

from __future__ import annotations

from pathlib import Path

from nntui.finding import Finding
from nntui.session import recipe

ROOT = Path(__file__).parents[2]


def test_every_row_is_listed_in_order_and_says_whether_it_was_run() -> None:
    entries = recipe.entries([Finding("skeleton.seed", "pass", "Equal.")])
    assert [e.row.id for e in entries if e.known] == ["skeleton.seed"]
    assert [e.row.id for e in entries] == [row.id for row in recipe.ROWS if row.id != "regularise.first_layer"]
    assert all(e.finding.status == "skip" for e in entries if not e.known)
    assert all(row.what and row.why for row in recipe.ROWS)


def test_rows_of_ones_own_follow_in_their_stage() -> None:
    ids = [e.row.id for e in recipe.entries([Finding(name, "pass", "") for name in ("data.mine", "other", "a.b")])]
    assert ids.index("data.resolution") < ids.index("data.mine") < ids.index("skeleton.seed")
    assert ids[-2:] == ["a.b", "other"]


def test_without_a_check_nothing_is_listed() -> None:
    assert recipe.entries([]) == ()


def test_every_check_has_its_row() -> None:
    source = (ROOT / "nntui" / "checks" / "preflight.py").read_text()
    for row in recipe.ROWS:
        assert f'"{row.id}"' in source or row.id == "regularise.first_layer"
