"""The screens of predictions and of dependencies: keys, words and sizes."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from rich.cells import cell_len

from nntui.runlog.schema import DEPENDENCIES
from nntui.session.dependencies import Dependencies, DependenciesView, Matrices
from nntui.session.examples import Shown
from nntui.session.predictions import Prediction, Predictions
from nntui.tui.app import NntuiApp
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint
from nntui.tui.panels import predictions as panels
from nntui.tui.panels.classes import chances_lines, has_table, right_lines, table_lines, table_size
from nntui.tui.panels.dependencies import LABEL_WIDTH, dependency_lines, room_for
from nntui.tui.screens.base import scrubbed
from nntui.tui.themes import DARK, LIGHT

PAINT = Paint(DARK, SETS["braille"])


def played(tui: SimpleNamespace, steps, scene: str = "live", size=(100, 30)) -> NntuiApp:
    app = NntuiApp(Path("runs/exp42"), feed=tui.CannedFeed(scene))

    async def main() -> None:
        async with app.run_test(size=size) as pilot:
            await tui.settle(pilot)
            await steps(app, pilot, lambda *keys: press(pilot, tui, keys))

    asyncio.run(main())
    return app


async def press(pilot, tui, keys) -> str:
    await pilot.press(*keys)
    await tui.settle(pilot)
    return "\n".join(tui.lines(pilot.app))


def test_scrubbing_goes_back_in_time_and_escape_returns(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        assert "moment 30 of 30" in await keys("3")
        assert "moment 28 of 30" in await keys("left_square_bracket", "h")
        assert "moment 1 of 30" in await keys("home")
        assert "moment 1 of 30" in await keys("left_square_bracket")
        assert "moment 2 of 30" in await keys("right_square_bracket")
        assert "moment 30 of 30" in await keys("escape")
        assert "moment 30 of 30" in await keys("right_square_bracket")
        assert "no alerts" in await keys("escape"), "and then to the live screen"

    played(tui, steps)


def test_the_chosen_example_stays_when_time_goes_by_and_orders_begin_at_the_top(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        await keys("3", "j", "j")
        screen = app.screen
        assert screen.items()[screen.chosen].example == 2
        await keys("left_square_bracket")
        assert screen.items()[screen.chosen].example == 2
        assert "worst first" in await keys("w")
        assert screen.items()[screen.chosen].example == 7
        assert "most changing first" in await keys("w")
        assert "last flipped first" in await keys("w")
        assert "in order" in await keys("w")

    played(tui, steps)


def test_another_batch_and_another_matrix_are_a_key_away(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        assert "hard" in await keys("3", "n")
        assert "fixed" in await keys("n")
        assert "model · batch" in await keys("4")
        shown = await keys("n")
        assert "model · time" in shown
        assert "no leak: everything right of the diagonal is exactly zero" in shown
        assert "model · batch" in await keys("n")

    played(tui, steps)


def test_a_leak_is_named_and_has_a_cell_of_its_own(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        shown = await keys("4", "n")
        assert "the output at time 4 depends on the input at time 9: 0.73, expected exactly 0" in " ".join(
            shown.split()
        )
        assert "✗✗" in shown

    played(tui, steps, "failing")


def test_keys_that_come_before_the_feed_answers_count_all_the_same(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        await keys("3")
        for key in ["left_square_bracket"] * 7 + ["right_square_bracket"] * 2:
            app.simulate_key(key)
        await tui.settle(pilot)
        assert "moment 25 of 30" in "\n".join(tui.lines(app))

    played(tui, steps)


@pytest.mark.parametrize(
    ("step", "by", "found"),
    [
        (None, -1, 20),
        (None, 1, None),
        (20, -1, 10),
        (20, 1, None),
        (25, -1, 10),
        (0, -1, 10),
        (10, -99, 10),
        (10, 99, None),
    ],
)
def test_a_moment_is_counted_from_the_one_that_was_asked_for(step: int | None, by: int, found: int | None) -> None:
    assert scrubbed([10, 20, 30], step, by) == found
    assert scrubbed(np.array([10, 20, 30]), step, by) == found


def test_nothing_is_asked_of_the_feed_that_no_screen_shows(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        feed = app.following.feed
        await keys("3")
        assert feed.view.predictions is not None
        assert feed.view.dependencies is None
        await keys("4")
        assert feed.view.dependencies is not None
        assert feed.view.predictions is None
        await keys("1")
        assert feed.view.predictions is feed.view.dependencies is None

    played(tui, steps)


SIZES = [(1, 1), (3, 2), (10, 3), (25, 8), (60, 15), (250, 70)]


@pytest.mark.parametrize(
    ("scene", "size"),
    [*itertools.product(["hostile"], SIZES), *itertools.product(["empty", "live", "failing"], [(10, 3), (60, 15)])],
)
def test_every_size_is_survived(tui: SimpleNamespace, scene: str, size) -> None:
    async def steps(app, pilot, keys) -> None:
        for key in ("3", "enter", "j", "w", "left_square_bracket", "4", "n"):
            shown = await keys(key)
            assert "defect" not in shown
            assert all(cell_len(line) <= size[0] for line in shown.splitlines())

    played(tui, steps, scene, size)


# --- panels, without an app -------------------------------------------------------------------


def batch(one: Prediction, kind: str = "classes") -> Predictions:
    return Predictions("fixed", ("fixed",), kind, np.array([0, 10]), 1, "example", 1, 1, (one,))


def example(**changes) -> Prediction:
    known = {"example": 3, "label": "cat", "said": "dog", "right": "no", "score": 0.2, "target": 1.0, "loss": 1.6}
    known |= {"history": np.array([0.9, 0.2]), "right_then": np.array([True, False]), "jitter": 1.0, "last_change": 10}
    known |= {"good": np.array([0.9, 0.2]), "sure": np.array([0.9, 0.8]), "chances": np.array([[0.1, 0.9], [0.8, 0.2]])}
    known |= {"said_then": ("cat", "dog")}
    return Prediction(**(known | {"top": (("dog", 0.8), ("cat", 0.2)), "given": Shown()} | changes))


def words(lines) -> str:
    return "\n".join(line.plain for line in lines)


def test_wrong_is_told_without_colours() -> None:
    row = panels.prediction_row(example(), batch(example()), 100, PAINT).plain
    assert "✗ dog" in row
    assert "0.20" in row
    assert panels.prediction_row(example(right="yes"), batch(example()), 100, PAINT).plain.count("✓") == 1


def counted(*names: str, counts: list[list[int]], **changes) -> Predictions:
    return dataclasses.replace(batch(example(**changes)), classes=names, confusion=np.array(counts))


def test_labels_by_what_is_said_tell_right_from_wrong_and_mark_the_chosen_one() -> None:
    data = counted("dog", "cat", counts=[[3, 0], [12, 1]])
    assert has_table(data)
    lines = table_lines(data, 40, 9, data.examples[0], PAINT)
    assert [line.plain.rstrip() for line in lines[1:]] == ["    dog cat", "dog   3   ·", "cat  12◂  1"]
    meanings = {line.plain[span.start : span.end].strip(): span.style for line in lines[2:] for span in line.spans}
    assert [meanings[n].color for n in ("3", "12", "1")] == [
        PAINT.style(m).color for m in ("success", "error", "success")
    ]
    wide, high = table_size(data)
    assert (max(line.cell_len for line in lines[1:]), len(lines)) == (wide, high)
    for room in ((wide - 1, high), (wide, high - 1)):
        assert "no room for 2 × 2" in words(table_lines(data, 99, 1, data.examples[0], PAINT))
        assert len(table_lines(data, *room, data.examples[0], PAINT)) == 1
    assert not has_table(batch(example()))


def test_how_many_were_right_is_told_of_every_moment_up_to_the_shown_one() -> None:
    right = [np.array(then) for then in ([0, 1, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1])]
    seen = tuple(example(right="no", right_then=then.astype(bool)) for then in right)
    data = dataclasses.replace(batch(seen[0]), examples=seen, steps=np.array([0, 10, 20, 30]), at=2)
    lines = [line.plain for line in right_lines(data, 18, 6, PAINT)]
    assert lines[0] == "how many of 4 wer…"
    assert [line[6:] for line in lines[1:]] == [" " * 12, " " * 12, " " * 8 + "█" * 4, "█" * 12]
    assert [line[:6].strip() for line in lines[1:]] == ["4", "", "", "0"]
    assert right_lines(data, 60, 3, PAINT) == [], "no room"
    assert right_lines(dataclasses.replace(data, at=0), 60, 9, PAINT) == [], "one moment tells no story"
    assert right_lines(batch(example(right="")), 60, 9, PAINT) == [], "no labels"


def test_of_more_classes_than_lines_the_likeliest_have_a_history_and_always_the_label() -> None:
    chances = np.array([[0.2, 0.3, 0.5, 0.0], [0.1, 0.0, 0.2, 0.7]])  # the label is number 1, what is said number 3
    data = counted("ox", "cat", "elk", "dog", counts=[[0] * 4] * 4, chances=chances)
    whole = chances_lines(data.examples[0], data, 60, 5, PAINT)
    assert [line.plain[:3] for line in whole[1:]] == [" ox", "cat", "elk", "dog"]
    assert "each class, 0 to 1, step 0 to 10" in words(whole)
    tall = [line.plain for line in chances_lines(data.examples[0], data, 60, 9, PAINT)[1:]]
    assert [line[:3] for line in tall] == ["   ", " ox", "   ", "cat", "   ", "elk", "   ", "dog"]
    assert tall[-2].rstrip().endswith("▃"), "0.7 of two lines"
    assert tall[-1].endswith("█  0.700")
    few = chances_lines(data.examples[0], data, 60, 3, PAINT)
    assert [line.plain.split()[0] for line in few[1:]] == ["cat", "dog"]
    assert few[-1].plain.endswith("0.700")
    assert "2 of 4 classes" in words(few)
    assert chances_lines(example(chances=np.empty((0, 0))), batch(example()), 60, 9, PAINT) == []


@pytest.mark.parametrize(
    ("height", "steps"), [(9, [0, 10, 20, 30]), (5, [0, 10, 20, 30]), (4, [0, 20, 30]), (2, [30]), (1, [])]
)
def test_a_text_is_shown_as_it_came_to_be_from_the_first_to_the_shown_moment(height, steps) -> None:
    said = ("", "a\x1b[31m", "ab", "abc" * 99, "never")
    one = example(right="", said=said[3], said_then=said, right_then=np.array([False] * 5))
    data = Predictions("fixed", ("fixed",), "text", np.arange(0, 50, 10), 3, "example", 0, 0, (one,))
    lines = panels.said_lines(one, data, 30, height, PAINT)
    assert [int(line.plain.split()[0]) for line in lines[1:]] == steps
    assert len(lines) <= height
    assert all(line.cell_len <= 30 and line.plain.isprintable() for line in lines)
    assert "never" not in words(lines)
    assert ("of 4 moments" in words(lines)) == (0 < len(steps) < 4)


def test_a_key_puts_labels_by_what_is_said_in_the_place_of_the_example(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        assert "said (columns)" not in await keys("3")
        assert "said (columns)" in await keys("v")
        assert "said (columns)" not in await keys("v")

    played(tui, steps, size=(80, 24))


def test_a_probability_has_a_bar_of_its_own_height_whatever_the_others_are() -> None:
    strip = panels.history_strip(example(), batch(example()), 2, PAINT)
    assert strip.plain == "█✗", "what was wrong has a mark of its own, a larger one where the network was sure"
    unsure = panels.history_strip(example(sure=np.array([0.9, 0.4])), batch(example()), 2, PAINT)
    assert unsure.plain == "█×"
    meanings = [span.style.color.name for span in strip.spans]
    assert meanings == [PAINT.style("success").color.name, PAINT.style("error").color.name]


def test_an_input_is_shown_as_what_it_is() -> None:
    data = batch(example())
    assert "was not recorded" in words(panels.prediction_detail(example(), data, 80, 20, PAINT))
    row = example(given=Shown((3,), np.array([0.5, 1.0, np.nan])))
    assert "3:  0.5  1  nan" in words(panels.prediction_detail(row, data, 80, 20, PAINT))
    text = example(given=Shown(text="\x1b[31mred"))
    shown = words(panels.prediction_detail(text, data, 80, 20, PAINT))
    assert "␛[31mred" in shown
    picture = example(given=Shown((4, 4), np.arange(16.0)))
    assert "▀" in words(panels.prediction_detail(picture, data, 80, 20, PAINT))
    assert "▀" in words(panels.prediction_detail(picture, data, 40, 20, PAINT))


def test_a_number_is_off_by_a_distance_with_a_sign() -> None:
    one = example(right="", score=8.0, target=10.0, said="8", label="10", top=())
    assert "-2" in panels.prediction_row(one, batch(one, "number"), 100, PAINT).plain
    assert "off by" in words(panels.prediction_detail(one, batch(one, "number"), 80, 20, PAINT))


def test_labels_and_predictions_of_numbers_share_one_plot() -> None:
    some = [
        example(example=k, right="", score=s, target=t, top=()) for k, (t, s) in enumerate([(0, 0), (10, 5), (5, 10)])
    ]
    data = Predictions("fixed", ("fixed",), "number", np.array([0, 10]), 1, "example", 0, 0, tuple(some))
    lines = [line.plain for line in panels.labels_plot(data, 30, 13, 1, PAINT)]
    columns = ["".join(line[9:][at : at + 1] for line in lines[1:-1]) for at in (0, 4, 8)]
    assert columns == [" " * 10 + "◉", "●││││─     ", "─││││●     "]
    assert lines[-1].index("^") == 9 + 8, "the chosen one is the last by its label"
    assert panels.has_plot(data)
    assert not panels.has_plot(batch(example()))


@pytest.mark.parametrize("paint", [PAINT, Paint(DARK, SETS["ascii"])], ids=["braille", "ascii"])
@pytest.mark.parametrize("size", [(0, 0), (5, 3), (14, 5), (80, 20)])
def test_a_plot_of_any_numbers_fits(paint, size) -> None:
    for values in (
        [(1.0, 1.0)],
        [(1e308, -1e308), (0.0, 1.0)],
        [(float(k), np.nan) for k in range(9)],
        [(1.0, 2.0)] * 500,
    ):
        some = [example(example=k, right="", score=s, target=t) for k, (t, s) in enumerate(values)]
        data = Predictions("fixed", ("fixed",), "number", np.array([0, 10]), 1, "example", 0, 0, tuple(some))
        lines = panels.labels_plot(data, *size, 0, paint)
        assert len(lines) <= max(0, size[1])
        assert all(cell_len(line.plain) <= size[0] for line in lines)


def test_a_long_text_stands_over_what_was_said_with_a_mark_at_each_mistake() -> None:
    shown = [line.plain for line in panels.aligned("abcdefghij", "abXdefghYj", 14, PAINT)]
    assert [line[7:] for line in shown] == ["abcdef", "abXdef", "  ^", "ghij", "ghYj", "  ^"]
    assert "^" not in words(panels.aligned("abc def", "abc", 40, PAINT)), "of different lengths nothing is compared"


def matrix(values, **changes) -> Dependencies:
    values = np.asarray(values, float)
    known = {"name": "model", "axis": "batch", "count": 1, "recorded": 1, "size": values.shape, "cells": values}
    places = {"rows": np.arange(len(values) + 1), "columns": np.arange(values.shape[1] + 1)}
    return Dependencies(**(known | places | changes))


def test_exactly_zero_is_told_from_what_is_nearly_zero() -> None:
    lines = dependency_lines(matrix([[1.0, 0.0], [1e-300, 1.0]]), 60, 7, PAINT)
    rows = [line.plain[6:] for line in lines[4:6]]
    assert rows == ["██· ", "░░██"]


def test_numbers_that_are_none_are_loud() -> None:
    shown = words(dependency_lines(matrix([[np.nan, 1.0]]), 60, 20, PAINT))
    assert "¿" in shown
    ascii_only = Paint(LIGHT, SETS["ascii"])
    assert "nn" in words(dependency_lines(matrix([[np.nan, 1.0]]), 60, 20, ascii_only))


def test_a_pooled_matrix_says_so() -> None:
    tens = np.arange(0, 101, 10)
    data = matrix(np.eye(10), step=20, recorded=3, size=(100, 100), rows=tens, columns=tens)
    shown = words(dependency_lines(data, 120, 20, PAINT))
    assert "100 outputs × 100 inputs" in shown
    assert "shown as 10 × 10 by the largest of each" in shown
    assert "step 20, recorded 3 times" in shown


def test_cells_grow_until_the_room_is_full() -> None:
    for width, height, high in ((30, 7, 1), (30, 9, 2), (15, 11, 2), (14, 11, 1), (80, 99, 12)):
        lines = dependency_lines(matrix(np.eye(2)), width, height, PAINT)
        assert [line.plain[6:].count("█") for line in lines[4 : 4 + 2 * high]] == [2 * high] * 2 * high
        assert lines[4 + 2 * high].plain.lstrip().startswith("· ex"), "and then what shades mean"
        assert sum(line.plain.count("·") for line in lines[4 : 4 + 2 * high]) == 2, (
            "exactly zero is a dot, however large"
        )


def test_a_cell_is_read_with_the_names_of_both_its_axes() -> None:
    small = matrix([[0.25, 0.0], [0.125, 1.0]], row_labels=("a", "b"), column_labels=("c", "d"), axis="time")
    shown = dependency_lines(small, 80, 12, PAINT, cursor=(1, 0))
    assert "the output at time b from the input at time c: 0.125" in words(shown)
    assert shown[3].plain.strip() == "▼ c"
    reverse = [line.plain[s.start : s.end] for line in shown for s in line.spans if getattr(s.style, "reverse", None)]
    assert reverse == ["░" * 6] * 3, "the cell that is read, and no other"
    assert "exactly 0" in dependency_lines(small, 80, 12, PAINT, cursor=(0, 1))[2].plain
    pooled = matrix(np.eye(2), size=(5, 4), rows=np.array([0, 3, 5]), columns=np.array([0, 2, 4]))
    line = dependency_lines(pooled, 80, 12, PAINT, cursor=(9, 9))[2].plain
    assert line == "example 3–4's output from the input of example 2–3: 1 the largest of 4"


def test_arrows_read_cells_from_the_leak_on_and_escape_leaves(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        assert "at time 4 from the input at time 9: 0.73" in await keys("4", "n", "j")
        assert "at time 5 from the input at time 10: exactly 0" in await keys("j", "right")
        assert "from the input" not in await keys("escape")
        assert "model · time" in await keys("pageup", "h"), "the matrix stays"

    played(tui, steps, "failing", size=(100, 40))


def test_two_matrices_stand_side_by_side_where_there_is_room(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        shown = await keys("4")
        assert "model · batch" in shown
        assert "model · time" in shown
        assert "from the input of example 0" in await keys("j"), "keys are for the first one"
        assert "from the input at time 9" in await keys("n", "j"), "and then for the second"
        await pilot.resize_terminal(100, 40)
        await tui.settle(pilot)
        assert "model · batch" not in "\n".join(tui.lines(app))
        assert app.following.feed.view.dependencies.along == 1

    played(tui, steps, "failing", size=(200, 50))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_last_matrix_of_an_odd_count_has_the_whole_width(tui: SimpleNamespace, monkeypatch, count: int) -> None:
    known = Matrices()
    large = {"name": "", "step": 0, "axis": "batch", "rows": 300, "cols": 300, "data": [1.0] * 90_000}
    for number in range(count):
        known.fold(pa.RecordBatch.from_pylist([large | {"name": str(number)}], schema=DEPENDENCIES))
    monkeypatch.setattr(
        tui.CannedFeed, "_dependencies", lambda feed: known.shown(feed.view.dependencies or DependenciesView())
    )

    async def steps(app, pilot, keys) -> None:
        await keys("4")
        for which in range(2 * count):
            data = app.snapshot.dependencies
            alone = count % 2 == 1 and which % count == count - 1
            assert (data.which, len(data.page)) == (which % count, 1 if alone else 2)
            cells = (200 if alone else (200 - 3) // 2) - LABEL_WIDTH - 2
            assert {one.cells.shape[1] for one in data.page} == {cells // 2}
            await keys("n")

    played(tui, steps, size=(200, 50))


def test_what_crosses_without_a_leak_is_not_called_one() -> None:
    shown = words(dependency_lines(matrix(np.ones((2, 2)), crossing=True), 100, 20, PAINT))
    assert "no leak was recorded" in shown
    assert "✓" not in shown


def test_hostile_labels_are_harmless() -> None:
    data = matrix(
        np.ones((2, 2)), row_labels=("\x1b[31m", "\u202e"), column_labels=("a\nb", "c"), leak=(0, 1), leak_value=1.0
    )
    for line in dependency_lines(data, 80, 20, PAINT):
        assert line.plain.isprintable()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (80, 24), (200, 50)])
def test_there_is_room_for_at_least_one_cell(width, height) -> None:
    rows, columns = room_for(matrix(np.ones((1, 1)), leak=(0, 0), leak_value=1.0), width, height, PAINT)
    assert rows >= 1
    assert columns >= 1
    assert columns * 2 <= max(2, width)
