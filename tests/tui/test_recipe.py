"""The list of the recipe: columns that an eye can run down, and what would run what was not run."""

from __future__ import annotations

import math

import pytest

from nntui import checks
from nntui.checks.preflight import CHECKS
from nntui.finding import Finding
from nntui.session.recipe import ROWS, Entry, Row, entries
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint
from nntui.tui.panels.recipe import COLUMNS_FROM, columns, recipe_detail, recipe_row, titles_row
from nntui.tui.themes import DARK

PAINT = Paint(DARK, SETS["braille"])
FOUND = (
    Finding("data.corrupt", "pass", "No example is broken.", "finite numbers, labels of known classes", "none broken"),
    Finding("skeleton.seed", "pass", "Equal.", 2.3, 2.3, 0.0, "nats"),
    Finding("skeleton.blind", "warn", "No better than without inputs.", "below 2.311", 2.313),
    Finding("skeleton.overfit_batch", "fail", "x" * 300, "y" * 300, "z" * 300),
    Finding("skeleton.general", "skip", "No functions to compare."),
    Finding("overfit.adam", "crash", "ValueError: no"),
    Finding("my.own", "pass", "", math.nan, math.nan),
)
WIDTHS = (COLUMNS_FROM, 78, 98, 118, 158, 198, 300)


@pytest.mark.parametrize("width", WIDTHS)
def test_expected_and_measured_begin_at_the_same_cell_in_every_row(width: int) -> None:
    known = entries(FOUND)
    shown = columns(known, width)
    titles = titles_row(shown, width, PAINT).plain
    expected, measured = titles.index("expected"), titles.index("measured")
    for entry in known:
        line = recipe_row(entry, "skeleton", shown, width, PAINT)
        assert line.cell_len <= width
        if not entry.known:
            assert line.plain[expected:].startswith(entry.row.what[:8])
            assert line.plain[measured:].startswith("not run")
        elif entry.finding.id == "skeleton.blind":
            assert line.plain[expected:].startswith("below 2.311  ")
            assert line.plain[measured:].startswith("2.313")
        elif entry.finding.status in ("skip", "crash") and not shown.words:
            assert line.plain[expected:].startswith(entry.finding.message[:20])


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_cut_off_ends_in_an_ellipsis(width: int) -> None:
    known = entries(FOUND)
    shown = columns(known, width)
    long = next(entry for entry in known if entry.row.id == "skeleton.overfit_batch")
    line = recipe_row(long, "", shown, width, PAINT).plain
    assert line.count("…") == (3 if shown.words else 2)
    assert shown.words == 0 or shown.words >= 40


def test_a_list_is_as_narrow_as_it_is_asked_to_be() -> None:
    for width in range(1, COLUMNS_FROM):
        shown = columns(entries(FOUND), width)
        for entry in entries(FOUND):
            assert recipe_row(entry, "data", shown, width, PAINT).cell_len <= width
        assert titles_row(shown, width, PAINT).cell_len <= width


def test_a_check_that_was_not_run_names_a_function_that_there_is() -> None:
    for row in ROWS:
        if row.id not in CHECKS:
            continue
        entry = Entry(row, Finding(row.id, "skip", ""), known=False)
        text = " ".join(line.plain for line in recipe_detail(entry, 120, PAINT))
        (name,) = [word for word in text.split() if word.startswith("run.check(nntui.checks.")]
        function = name.removeprefix("run.check(nntui.checks.").removesuffix("(task))")
        assert getattr(checks, function) is CHECKS[row.id]


def test_before_the_first_step_a_check_has_its_turn_still() -> None:
    entry = Entry(ROWS[0], Finding(ROWS[0].id, "skip", ""), known=False)
    assert any("Not run yet" in line.plain for line in recipe_detail(entry, 120, PAINT, begun=False))
    assert not any("yet" in line.plain for line in recipe_detail(entry, 120, PAINT))


@pytest.mark.parametrize("width", [20, 78, 198])
def test_the_detail_has_every_expected_and_measured_in_full(width: int) -> None:
    one = Finding("a.b", "fail", "It is so.", "§" * 90, "¶" * 90, advice="Try it.", evidence={"loss": 3.25})
    lines = recipe_detail(Entry(Row("a.b", "it holds", "Else it does not."), one, known=True), width, PAINT)
    assert all(line.cell_len <= width for line in lines)
    text = "".join(line.plain for line in lines)
    assert (text.count("§"), text.count("¶")) == (90, 90)
    for words in ("Try it.", "3.25", "Else it does not."):
        assert words.replace(" ", "") in text.replace(" ", "")
