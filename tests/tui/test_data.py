"""The data screen: keys, words and sizes."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from nntui.runlog.schema import EXAMPLES
from nntui.session.data import Data, DataView, Example, Listed, choose
from nntui.session.examples import Shown
from nntui.session.histogram import Histogram, of_numbers
from nntui.session.table import Known
from nntui.tui.app import NntuiApp
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint
from nntui.tui.panels import data as panels
from nntui.tui.panels.gallery import samples_lines
from nntui.tui.screens import data as screen
from nntui.tui.themes import DARK

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


async def typed(keys, words: str) -> str:
    return await keys("slash", *(["home", *["delete"] * 60]), *words, "enter")


def chosen(app) -> tuple[str, int]:
    screen = app.screen
    one = screen.items()[screen.chosen]
    return one.split, one.index


def test_the_orders_go_round_and_begin_at_the_top(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        assert "worst loss first  43 examples  4 of 40 wrong  1 out of date" in await keys("6")
        assert chosen(app) == ("validation", 66)
        assert "most confidently wrong first" in await keys("j", "j", "w")
        assert chosen(app) == ("validation", 12)
        assert "farthest outlier first" in await keys("w")
        assert chosen(app) == ("train", 12)
        assert "most suspect label first" in await keys("w")
        assert "by split and index" in await keys("w")
        assert "worst loss first" in await keys("w")

    played(tui, steps)


def test_an_order_by_what_nobody_knows_is_passed_over(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        await keys("6")
        await typed(keys, "split=validation")
        assert "most confidently wrong first" in await keys("w")
        assert "by split and index" in await keys("w")
        await typed(keys, "zebra")
        assert "worst loss first" in await keys("w"), "of nothing, any order is as good"

    played(tui, steps)


def test_a_filter_chooses_says_what_it_does_not_understand_and_escape_shows_all(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        await keys("6")
        shown = await typed(keys, "label=dog wrong")
        assert "4 of 43 examples" in shown
        assert "/ label=dog wrong" in shown
        shown = await typed(keys, "loss>x")
        assert "▲ character 6: expected a number such as 0.3 or 1e-4 after loss>, found 'x'" in shown
        assert "43 of 43 examples" in shown
        assert "None of 43 examples fits “zebra”" in await typed(keys, "zebra")
        assert "  43 examples" in await keys("escape")
        assert "no alerts" in await keys("escape"), "and then to the live screen"
        assert type(app.screen).__name__ == "LiveScreen"

    played(tui, steps)


def test_escape_in_the_filter_changes_nothing(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        await keys("6")
        await typed(keys, "wrong")
        assert "4 of 43 examples" in await keys("slash", "x", "escape")

    played(tui, steps)


def test_the_histogram_goes_by_the_order_or_by_what_is_asked_for(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        view = app.following.feed
        assert "by factors" in await keys("6")
        assert view.view.data.column == ""
        shown = await keys("H")
        assert view.view.data.column == "label"
        assert "cat     dog" in shown
        columns = []
        for _ in range(4):
            await keys("H")
            columns.append(view.view.data.column)
        assert columns == ["confidence", "outlier", "suspect", ""], "that of the order is not shown twice"
        await typed(keys, "split=validation")
        await keys("H", "H")
        assert view.view.data.column == "confidence"
        await keys("H")
        assert view.view.data.column == "", "what nobody knows is passed over"

    played(tui, steps)


def test_the_chosen_example_stays_when_the_order_of_the_list_changes_under_it(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        await keys("6", "j", "j", "j")
        before = chosen(app)
        screen = app.screen
        app.following.feed.base = app.following.feed.base
        screen.wanted = DataView("place")
        app.ask()
        await keys("k")
        place = screen.items().place(*before)
        assert screen.chosen == place - 1

    played(tui, steps)


def test_the_grid_is_drawn_again_only_where_others_stand_in_it(
    tui: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    draw, make = screen.gallery, tui.CannedFeed._data
    known: dict[object, Data] = {}
    monkeypatch.setattr(screen, "gallery", lambda *given: drawn.append(given[-1]) or draw(*given))
    monkeypatch.setattr(tui.CannedFeed, "_data", lambda feed: known.setdefault(feed.view.data, make(feed)))

    async def steps(app, pilot, keys) -> None:
        first = await keys("6", "g")
        count = len(drawn)
        for step in range(3):
            feed = app.following.feed
            feed.post(head=dataclasses.replace(feed.base.head, step=5000 + step))
            again = await keys()
        assert len(drawn) == count
        assert again.splitlines()[4:] == first.splitlines()[4:]
        await keys("l")
        assert len(drawn) == count + 1
        known.clear()
        app.following.feed.post()
        await keys()
        assert len(drawn) == count + 2, "other data are other pictures"

    played(tui, steps)


def test_enter_enlarges_an_example_and_escape_returns(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        listed = await keys("6", "j")
        assert "index" in listed
        alone = await keys("enter")
        assert "index label" not in alone
        assert "example     validation 93" in alone
        assert alone.count("▀") > listed.count("▀")
        assert "index" in await keys("escape")

    played(tui, steps, size=(80, 24))


def test_what_is_out_of_date_says_so(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        await keys("6")
        shown = await typed(keys, "old")
        assert "out of date: its loss is at most 0.004 since step 4,000" in shown
        assert "measured    step 100" in shown

    played(tui, steps)


def test_nothing_is_asked_of_the_feed_that_no_screen_shows(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        feed = app.following.feed
        await keys("6")
        assert feed.view.data is not None
        assert feed.view.predictions is feed.view.dependencies is None
        assert feed.view.data.bars <= panels.BARS
        await keys("3")
        assert feed.view.data is None

    played(tui, steps)


SIZES = [(1, 1), (3, 2), (10, 3), (25, 8), (40, 12), (60, 19), (119, 35), (120, 36), (250, 70)]


@pytest.mark.parametrize(
    ("scene", "size"),
    [*itertools.product(["hostile"], SIZES), *itertools.product(["empty", "live", "failing"], [(10, 3), (120, 36)])],
)
def test_every_size_is_survived(tui: SimpleNamespace, scene: str, size) -> None:
    async def steps(app, pilot, keys) -> None:
        for key in (
            "6",
            "g",
            "l",
            "b",
            "b",
            "escape",
            "enter",
            "j",
            "escape",
            "pagedown",
            "w",
            "H",
            "H",
            "w",
            "j",
            "enter",
        ):
            shown = await keys(key)
            assert "defect" not in shown
            assert all(cell_len(line) <= size[0] for line in shown.splitlines())

    played(tui, steps, scene, size)


def test_a_grid_is_walked_in_two_directions(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        listed = await keys("6")
        shown = await keys("g")
        assert "conf" in listed
        assert "conf" not in shown
        assert "✗ dog→" in shown
        across = app.screen._plan(100, app.screen.query_one("#browse").size.height).across
        await keys("j", "l", "l", "h")
        assert app.screen.chosen == across + 1
        await keys("k")
        assert app.screen.chosen == 1
        where = chosen(app)
        assert "confidence" in await keys("enter"), "one alone"
        assert "conf" in await keys("escape", "escape")
        assert chosen(app) == where

    played(tui, steps)


def test_what_entered_has_the_whole_room_on_a_key_and_goes_through_the_steps(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        await keys("6")
        assert app.following.feed.view.samples is None, "no room for it"
        assert "entered the network  step 0, 1 of 3" in await keys("b")
        assert "step 100, 3 of 3" in await keys("right_square_bracket", "right_square_bracket", "right_square_bracket")
        assert "step 10, 2 of 3" in await keys("left_square_bracket")
        assert "entered" not in await keys("escape")
        await pilot.resize_terminal(160, 45)
        await tui.settle(pilot)
        assert "step 10, 2 of 3" in "\n".join(tui.lines(app)), "beside the list where there is room"

    played(tui, steps)


@pytest.mark.parametrize(("size", "key"), [((160, 45), ()), ((80, 24), ("b",)), ((200, 50), ("b",))])
def test_pictures_that_entered_are_drawn_once_and_look_the_same(tui: SimpleNamespace, monkeypatch, size, key) -> None:
    drawn = []
    monkeypatch.setattr(screen, "samples_lines", lambda data, *room: drawn.append(data) or samples_lines(data, *room))

    async def steps(app, pilot, keys) -> None:
        shown = await keys("6", *key)
        assert "entered the network  step 0" in shown
        count = len(drawn)
        for _ in range(3):
            app.screen.show(app.snapshot)
            await tui.settle(pilot)
            assert "\n".join(tui.lines(app)) == shown
        assert len(drawn) == count
        assert "entered the network  step 10" in await keys("right_square_bracket")
        assert drawn[-1] is app.snapshot.samples, "another step is drawn"
        count = len(drawn)
        await keys("t")
        assert len(drawn) > count, "in the colours of another theme"

    played(tui, steps, size=size)


def test_left_and_right_choose_nothing_where_there_is_no_grid(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        await keys("6", "j", "l", "l", "h")
        assert app.screen.chosen == 1
        await keys("b", "l", "l", "h")
        assert app.screen.chosen == 1
        await keys("b", "g", "l")
        assert app.screen.chosen == 2

    played(tui, steps)


def test_it_is_said_how_to_record_what_enters(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        assert "your own loop calls run.samples" in " ".join((await keys("6", "b")).split())

    played(tui, steps, "failing")


def test_a_terminal_that_grows_and_shrinks_keeps_the_chosen_example(tui: SimpleNamespace) -> None:
    async def steps(app, pilot, keys) -> None:
        await keys("6", "j", "j", "j", "j")
        before = chosen(app)
        for size in ((200, 50), (1, 1), (40, 12), (100, 30)):
            await pilot.resize_terminal(*size)
            await tui.settle(pilot)
        assert chosen(app) == before

    played(tui, steps)


# --- panels, without an app -----------------------------------------------------------------------


def listed(**columns) -> Data:
    nothing = {
        "label": "",
        "prediction": "",
        "duplicate_split": "",
        "duplicate_of": -1,
        "text": "",
        "shape": [],
        "data": [],
    }
    nothing |= dict.fromkeys(("loss", "confidence", "outlier", "suspect"), math.nan)
    row = {"split": "validation", "index": 5, "step": 7, "wall_time_ns": 1} | nothing | columns
    known = Known()
    known.fold("a", pa.RecordBatch.from_pylist([row], schema=EXAMPLES))
    return choose(DataView(), Listed(known.table([("a", 1 << 62)])))


def names(data: Data, width: int) -> list[str]:
    return [column.name for column in panels.columns(data, width)]


ALL = {
    "label": "cat",
    "prediction": "dog",
    "loss": 1.0,
    "confidence": 0.5,
    "outlier": 1.0,
    "suspect": 1.0,
    "duplicate_of": 3,
}


def test_a_list_has_the_columns_that_are_known_and_fit() -> None:
    assert names(listed(), 100) == ["split", "index"]
    assert names(listed(label="cat", outlier=3.0), 100) == ["split", "index", "label", "outlier"]
    every = ["split", "index", "label", "prediction", "loss", "confidence", "outlier", "suspect", "duplicate"]
    assert names(listed(**ALL), 100) == every
    assert names(listed(**ALL), 40) == ["index", "label", "prediction", "loss", "confidence"]
    assert names(listed(**ALL), 10) == ["loss"], "what the list goes by is there always"


@given(st.integers(1, 200), st.sampled_from(["loss", "confident", "outlier", "suspect", "place"]))
def test_no_row_is_wider_than_its_list(width, order) -> None:
    data = listed(**ALL | {"label": "宽" * 40, "prediction": "[b]\x1b[31m" * 9})
    shown = panels.columns(data, width)
    row = panels.example_row(data.rows[0], shown, width, PAINT)
    assert row.cell_len <= width
    assert row.plain.isprintable()
    assert panels.titles_line(shown, width, PAINT).cell_len <= width


def test_wrong_and_out_of_date_are_told_without_colours() -> None:
    data = listed(**ALL)
    shown = panels.columns(data, 100)
    assert "✗ dog" in panels.example_row(data.rows[0], shown, 100, PAINT).plain
    right = Example("train", 1, "cat", "cat", "yes")
    assert "✓ cat" in panels.example_row(right, shown, 100, PAINT).plain
    old = Example("train", 1, "cat", "dog", "", 3.0, old=True, at_most=0.5, since=9)
    assert "~ dog" in panels.example_row(old, shown, 100, PAINT).plain
    said = "\n".join(line.plain for line in panels.example_detail(old, 80, 20, PAINT))
    assert "out of date: its loss is at most 0.5 since step 9" in said


def test_a_copy_names_what_it_repeats() -> None:
    one = Example("validation", 1, duplicate_of=7, duplicate_split="train")
    shown = [panels.Column("duplicate", "repeats", 14)]
    assert panels.example_row(one, shown, 20, PAINT).plain.strip() == "train 7"
    same = Example("train", 1, duplicate_of=7, duplicate_split="train")
    assert panels.example_row(same, shown, 20, PAINT).plain.strip() == "7"


def test_a_long_text_is_shown_in_full() -> None:
    one = Example("train", 1, "x" * 150, given=Shown(text="word " * 60))
    lines = panels.example_detail(one, 60, 20, PAINT)
    assert sum(line.plain.count("x") for line in lines if "example" not in line.plain) == 150
    assert sum(line.plain.count("word") for line in lines) == 60
    assert all(line.cell_len <= 60 for line in lines)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40), st.integers(0, 90), st.integers(0, 9))
def test_every_value_that_is_counted_is_seen(values, width, height) -> None:
    histogram = of_numbers(np.array(values, float), max(1, min(panels.BARS, width - panels.GUTTER)))
    data = Data(total=max(1, len(values)), histogram=histogram)
    lines = panels.histogram_lines(data, width, height, PAINT)
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)
    if len(lines) > 1:
        lowest = lines[-2].plain[panels.GUTTER :].ljust(width - panels.GUTTER)
        each = (width - panels.GUTTER) // len(histogram.counts)
        for bar, count in enumerate(histogram.counts[: (width - panels.GUTTER)].tolist()):
            assert (lowest[bar * min(8, each)] != " ") == (count > 0)


def test_classes_have_their_names_below_or_their_ends() -> None:
    def axis(count: int, width: int) -> str:
        found = Histogram(np.full(count, 3), tuple(str(k) for k in range(count)), unknown=2, more=1)
        return panels.histogram_lines(Data(total=9, column="label", histogram=found), width, 4, PAINT)[-1].plain

    assert axis(3, 70).split() == ["label", "0", "1", "2", "1", "rarer", "class,", "2", "not", "known"]
    assert axis(30, 50).strip() == "label  0 to 29  1 rarer class, 2 not known"
    nothing = panels.histogram_lines(Data(total=9, column="outlier"), 50, 4, PAINT)
    assert nothing[0].plain == "no outlier is known of these"
