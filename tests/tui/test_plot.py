from __future__ import annotations

import dataclasses
import itertools
import math
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from nntui.analysis.series import Series
from nntui.analysis.ticks import format_number
from nntui.session import plotting
from nntui.session.columns import Lineage
from nntui.session.drawing import Drawing
from nntui.session.snapshot import PIN_LIMIT, Mark, PlotData, PlotView
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint
from nntui.tui.themes import DARK
from nntui.tui.widgets.plot import plot_lines, raster_columns
from nntui.tui.widgets.plot_legend import crosshair, reading

UNICODE, ASCII = Paint(DARK, SETS["braille"]), Paint(DARK, SETS["ascii"])


@pytest.fixture(scope="module")
def curves(tui: SimpleNamespace) -> dict[str, Any]:
    return {one.metric: one for one in tui.curves(2000)}


@pytest.fixture(scope="module")
def make(tui: SimpleNamespace, curves: dict[str, Any]) -> Any:
    def plot(*metrics: str, width: int = 80, kind: str = "braille", **view: Any) -> PlotData:
        columns = raster_columns(width, kind)
        return tui.plot_of(PlotView("main", metrics, columns, **({"readings": columns} | view)), curves)

    return plot


def drawn(data: PlotData | None, width: int, height: int, paint: Paint = UNICODE, **more: Any) -> list[str]:
    return [line.plain for line in plot_lines(data, width, height, paint, title="train/loss", **more)]


def body(lines: list[str]) -> str:
    return "".join(line[8:-1] for line in lines[1:-1])


@settings(max_examples=40)
@given(width=st.integers(20, 200), height=st.integers(4, 60), cursor=st.sampled_from([math.nan, 0.0, 1000.0, 2000.0]))
def test_a_plot_fills_its_size_exactly(make: Any, width: int, height: int, cursor: float) -> None:
    data = make("train/loss", "val/loss", width=width)
    lines = plot_lines(data, width, height, UNICODE, title="t", cursor=cursor)
    assert [line.cell_len for line in lines] == [width] * height


@pytest.mark.parametrize(("width", "height"), [(0, 0), (1, 1), (19, 30), (200, 3), (5, 0)])
def test_where_there_is_no_room_the_title_stands_alone(make: Any, width: int, height: int) -> None:
    lines = plot_lines(make("train/loss"), width, height, UNICODE, title="train/loss")
    assert len(lines) <= min(1, height)
    assert all(line.cell_len <= width for line in lines)


def test_a_plot_made_for_another_width_is_still_drawn(make: Any) -> None:
    for made in (30, 80, 160):
        assert body(drawn(make("train/loss", width=made), 60, 12)).strip()


def test_without_points_the_frame_says_so() -> None:
    for data in (None, PlotData(PlotView("p", ("m",), 8), (), (0, 1), (0, 1), False, (), ())):
        lines = drawn(data, 60, 12)
        assert any("no points yet" in line for line in lines)
        assert lines[0][0] + lines[0][-1] + lines[-1][0] + lines[-1][-1] == "╭╮╰╯"


def test_the_legend_names_every_series_with_its_newest_value(make: Any, curves: dict[str, Any]) -> None:
    top = drawn(make("train/loss", "val/loss"), 80, 12)[0]
    assert f"train/loss {curves['train/loss'].value[-1]:.4f}".rstrip("0") in top
    assert f"val/loss {curves['val/loss'].value[-1]:.4f}".rstrip("0") in top


def test_the_legend_gives_room_to_long_names_evenly(make: Any) -> None:
    top = drawn(make("samples_per_second", "val/accuracy"), 40, 12)[0]
    assert "sam" in top
    assert "val" in top


def test_nan_stands_where_it_happened(tui: SimpleNamespace) -> None:
    value = np.ones(100)
    value[50:] = np.nan
    data = tui.plot_of(PlotView("p", ("m",), raster_columns(80, "braille")), {"m": tui.series("m", value)})
    top = drawn(data, 80, 12)[1][8:-1]
    first = top.index("✗") / len(top)
    assert abs(first - 0.5) < 0.03
    assert top.rstrip().endswith("✗")


def test_values_that_are_not_finite_have_signs_and_words_where_they_happened(tui: SimpleNamespace) -> None:
    value = np.ones(700)
    value[200:210], value[400:410], value[600:610] = math.nan, math.inf, -math.inf
    data = tui.plot_of(PlotView("p", ("m",), raster_columns(79, "braille")), {"m": tui.series("m", value)})
    lines = drawn(data, 79, 12)
    top, bottom = lines[1][8:-1], lines[-2][8:-1]
    for line, sign, word, at in ((top, "✗", "nan", 200), (top, "↑", "inf", 400), (bottom, "↓", "-inf", 600)):
        assert re.search(rf"{sign}+{re.escape(word)} ", line), line
        assert abs(line.index(sign) - at // 10) <= 1
    row = max((line[8:-1] for line in lines[2:-2]), key=lambda line: len(line) - line.count(" "))
    assert " " in row[19:22], "no line leads through what is not a number"


@settings(max_examples=60)
@given(
    places=st.lists(st.tuples(st.floats(1, 2000), st.sampled_from(["lr÷10", "x" * 30, "", "检查点"])), max_size=12),
    metric=st.sampled_from(["train/loss", "val/accuracy", "grad_norm"]),
    width=st.integers(30, 120),
)
def test_marks_hide_neither_data_nor_each_other(
    make: Any, places: list[tuple[float, str]], metric: str, width: int
) -> None:
    data = make(metric, width=width)
    marks = tuple(Mark(x, label) for x, label in sorted(places))
    bare, marked = (body(drawn(dataclasses.replace(data, marks=m), width, 14)) for m in ((), marks))
    for before, after in zip(bare, marked, strict=True):
        assert after == before or before == " "


def test_a_mark_at_the_right_edge_has_its_words_left_of_it(make: Any) -> None:
    data = dataclasses.replace(make("train/loss"), marks=(Mark(100.0, "lr÷10"), Mark(1995.0, "crashed", "error")))
    top = drawn(data, 80, 14)[1]
    assert "▼lr÷10" in top
    assert "crashed▲" in top
    silent = drawn(data, 80, 14, words=False)[1]
    assert silent.count("▼") + silent.count("▲") == 2
    assert "lr" not in silent


def test_the_powers_of_ten_have_labels_before_anything_between_them(tui: SimpleNamespace) -> None:
    data = tui.plot_of(PlotView("p", ("m",), 60, log_y=True), {"m": tui.series("m", np.geomspace(0.3, 40, 100))})
    for height in (8, 10, 16):
        labels = [line[1:7].strip() for line in drawn(data, 60, height)[1:-1]]
        assert {"1", "10"} <= set(labels), labels


@pytest.mark.parametrize("ends", [(0.0, 1.0), (0.0217, 0.0855), (-3.0, 4.2), (440.0, 453.3), (0.97, 0.991)])
def test_labels_of_a_linear_axis_are_evenly_apart(tui: SimpleNamespace, ends: tuple[float, float]) -> None:
    values = np.linspace(*ends, 100)
    data = tui.plot_of(PlotView("p", ("m",), 60, log_y=False), {"m": tui.series("m", values)})
    for height in range(5, 40):
        labels = [float(label) for label in (line[1:7].strip() for line in drawn(data, 60, height)[1:-1]) if label]
        gaps = {round(a - b, 6) for a, b in itertools.pairwise(labels)}
        assert len(gaps) <= 1, labels
        assert height < 8 or len(labels) >= 2


def test_an_alert_is_marked_with_its_own_sign(make: Any) -> None:
    data = dataclasses.replace(make("train/loss"), marks=(Mark(1000.0, "plateau", "warn"),))
    assert "▲plateau" in drawn(data, 80, 14)[1]


@settings(max_examples=40)
@given(cursor=st.integers(1, 2000), width=st.integers(60, 200), smoothing=st.sampled_from([0.0, 0.9]))
def test_the_crosshair_says_what_was_logged(
    make: Any, curves: dict[str, Any], cursor: int, width: int, smoothing: float
) -> None:
    data = make("train/loss", width=width, smoothing=smoothing)
    lines = drawn(data, width, 14, cursor=float(cursor))
    step = int(re.search(r"step ([\d,]+)", lines[-1])[1].replace(",", ""))  # pyright: ignore[reportOptionalSubscript]
    assert abs(step - cursor) <= 2000 / (width - 9) + 1
    value = curves["train/loss"].value[curves["train/loss"].step == step][0]
    assert f"train/loss {format_number(value, 5)}" in lines[0]
    assert (" ~" in lines[0]) == (smoothing > 0)


def test_a_sparse_series_is_read_at_its_last_point_with_the_step_of_that(make: Any, curves: dict[str, Any]) -> None:
    lines = drawn(make("train/loss", "val/loss", x_range=(1001.0, 1041.0)), 120, 14, cursor=1030.0)
    value = curves["val/loss"].value[curves["val/loss"].step == 1001 - 1001 % 100][0]
    assert f"val/loss {format_number(value, 5)} @1,000" in lines[0]
    assert "step 1,030" in lines[-1]


@settings(max_examples=40)
@given(cursor=st.floats(1, 2000), width=st.integers(40, 160))
def test_plots_of_any_width_are_read_at_the_same_x(make: Any, cursor: float, width: int) -> None:
    steps = 71
    wide = make("train/loss", "val/loss", width=steps + 9)
    narrow = make("train/loss", "val/loss", width=width, readings=2 * steps)
    values = [
        [reading(one, data, crosshair(cursor, data, cells, steps)) for one in data.series]
        for data, cells in ((wide, steps), (narrow, width - 9))
    ]
    assert repr([(one.x, one.value, one.here) for one in values[0]]) == repr(
        [(one.x, one.value, one.here) for one in values[1]]
    )


def test_what_is_marked_under_the_crosshair_is_said_beside_its_step(make: Any) -> None:
    data = make("train/loss")
    marks = (Mark(900.0, "best so far", minor=True), Mark(900.0, "plateau", "warn"))
    data = dataclasses.replace(data, marks=marks)
    assert "best so far · plateau" in drawn(data, 80, 14, cursor=900.0)[-1]
    assert "best" not in "".join(drawn(data, 80, 14))
    assert "┴" in drawn(data, 80, 14)[-1]


def test_what_is_minor_is_on_the_edge_of_the_main_plot_alone_and_recolours_no_tick(make: Any) -> None:
    plain = dataclasses.replace(make("train/loss"), marks=())
    data = dataclasses.replace(
        plain, marks=tuple(Mark(float(x), "best so far", minor=True) for x in range(0, 2000, 20))
    )
    edge = plot_lines(data, 80, 14, UNICODE, title="")[-1]
    assert edge.plain.count("┴") > 10
    before = plot_lines(plain, 80, 14, UNICODE, title="")[-1]
    for at, char in enumerate(before.plain):
        if char != "─":
            assert (edge.plain[at], edge.get_style_at_offset(Console(), at)) == (
                char,
                before.get_style_at_offset(Console(), at),
            )
    assert drawn(data, 80, 14, words=False) == drawn(plain, 80, 14, words=False)


def test_the_number_of_a_run_stands_once_where_its_lines_meet(tui: SimpleNamespace) -> None:
    known = {name: tui.series(name, np.full(200, 2.0)) for name in ("train/loss", "val/loss")}
    data = tui.plot_of(PlotView("main", (*known,), raster_columns(80, "braille")), known, 1)
    assert {found for line in drawn(data, 80, 12)[1:-1] for found in re.findall(r"\d+", line[8:])} == {"1"}


def test_the_crosshair_hides_no_data(make: Any) -> None:
    data = make("train/loss", "val/loss")
    for cursor in (1.0, 700.0, 2000.0):
        bare, crossed = (body(drawn(data, 80, 14, cursor=at)) for at in (math.nan, cursor))
        assert all(
            after == before or (before, after) == (" ", "│") for before, after in zip(bare, crossed, strict=True)
        )
        assert bare != crossed


def test_the_corner_says_what_was_done_to_the_data(make: Any) -> None:
    corner = drawn(make("train/loss", log_y=True, smoothing=0.9, x_range=(5.0, 900.0)), 100, 12)[0]
    assert "log y · zoom · ema 0.9" in corner
    assert "log x" in drawn(make("train/loss", log_x=True), 100, 12)[0]
    assert "follows" in drawn(make("train/loss", follow=True, x_range=(1500.0, 2000.0)), 100, 12)[0]


@pytest.mark.parametrize("width", [24, 40, 80, 160])
@pytest.mark.parametrize("cursor", [math.nan, 900.0])
def test_how_many_were_clipped_is_said_whatever_the_room(tui: SimpleNamespace, width: int, cursor: float) -> None:
    value = np.where(np.arange(1000) % 100 == 99, 1e6, 1.0 + np.arange(1000) % 7)
    view = PlotView("p", ("m" * 60,), raster_columns(width, "braille"), clip_outliers=True)
    data = tui.plot_of(view, {"m" * 60: tui.series("m" * 60, value)})
    assert "10 cl" in drawn(data, width, 12, cursor=cursor)[0]


def test_what_a_logarithm_cannot_show_is_counted_and_drawn_at_the_edge(tui: SimpleNamespace) -> None:
    view = PlotView("p", ("m",), raster_columns(80, "braille"), log_y=True)
    lines = drawn(tui.plot_of(view, {"m": tui.series("m", np.linspace(-1, 1, 50))}), 80, 12)
    assert "25 not > 0" in lines[0]
    assert lines[-2][8:-1].strip(), "at the lower edge"
    nothing = tui.plot_of(view, {"m": tui.series("m", np.linspace(-2, -1, 50))})
    assert "log y needs values > 0" in drawn(nothing, 80, 12)[0]


@pytest.mark.parametrize("axis", ["step", "epoch", "relative", "wall"])
def test_every_x_axis_has_a_unit_and_ticks(make: Any, axis: str) -> None:
    low = drawn(make("train/loss", x=axis), 80, 12)[-1]
    assert {"step": "step", "epoch": "epoch", "relative": "time", "wall": "clock"}[axis] in low
    assert sum(part.strip("─╯") != "" for part in low[9:].split("─")) >= 2


def test_a_log_axis_in_ascii_writes_powers_plainly(tui: SimpleNamespace) -> None:
    curve = {"m": tui.series("m", np.geomspace(1e-5, 1, 100))}
    data = tui.plot_of(PlotView("p", ("m",), raster_columns(80, "ascii"), log_y=True), curve)
    lines = drawn(data, 80, 20, ASCII)
    assert any(line.startswith("|  1e-4+") for line in lines)
    assert "".join(lines).isascii()


def test_wide_names_do_not_push_the_frame(tui: SimpleNamespace) -> None:
    name = "损失函数的名字很长很长很长很长很长很长"
    data = tui.plot_of(PlotView("p", (name,), 60), {name: tui.series(name, np.arange(50.0))})
    data = dataclasses.replace(data, marks=(Mark(10.0, name, "error"),))
    for cursor in (math.nan, 20.0):
        assert {line.cell_len for line in plot_lines(data, 50, 12, UNICODE, title=name, cursor=cursor)} == {50}


@pytest.fixture(scope="module")
def together(tui: SimpleNamespace) -> Any:
    """Two metrics of the open run and of so many others, each a little higher."""

    def plot(others: int, width: int = 80, kind: str = "braille") -> PlotData:
        runs = [
            plotting.Drawn(
                [Lineage(tui.series(name, np.linspace(9, low, 500) + k)) for name, low in (("a", 1), ("b", 4))],
                plotting.XScale(0, 0.0),
            )
            for k in range(others + 1)
        ]
        columns = raster_columns(width, kind)
        return plotting.plot(PlotView("main", ("a", "b"), columns, readings=columns), runs, [])

    return plot


@pytest.mark.parametrize("paint", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_every_run_drawn_along_has_its_number_and_its_colour_on_each_of_its_lines(together: Any, paint: Paint) -> None:
    for others in range(PIN_LIMIT + 1):
        lines = plot_lines(together(others, kind=paint.glyphs.kind), 80, 30, paint, title="t")
        assert [line.cell_len for line in lines] == [80] * 30
        found: dict[str, set[str]] = {}
        for line in lines[1:-1]:
            for at in range(8, 79):
                if line.plain[at].isdecimal():
                    colour = line.get_style_at_offset(Console(), at).color
                    found.setdefault(line.plain[at], set()).add(str(colour and colour.name))
        assert found == {str(n): {str(paint.series(n).color.name)} for n in range(1, others + 1)}
        assert len(set().union(*found.values())) == others, "no two runs share a colour"
        assert all(body([line.plain for line in lines]).count(number) >= 3 for number in found)


def test_the_legend_has_the_values_of_the_open_run_and_the_crosshair_those_of_all(together: Any) -> None:
    lines = drawn(together(2), 80, 20)
    assert "── a 1 " in lines[0]
    assert "·· b 4 " in lines[0]
    lines = drawn(together(2), 80, 20, cursor=440.0)
    assert re.search(r"a 1\.\d+ .*b 4\.\d+ .*1 2\.\d+ 5\.\d+ .*2 3\.\d+ 6\.\d+", lines[0]), lines[0]


def test_runs_that_hide_each_other_and_runs_without_a_point_are_drawn(tui: SimpleNamespace) -> None:
    scale = plotting.XScale(0, 0.0)
    for values in (np.zeros(0), np.full(1, 2.0), np.full(3, math.nan), np.full(500, 2.0)):
        run = plotting.Drawn([Lineage(tui.series("a", values))], scale)
        for own in (plotting.Drawn.nothing(), run):
            data = plotting.plot(PlotView("main", ("a",), 40), [own, *[run] * 7], [])
            for width, height in ((20, 4), (30, 6), (80, 24)):
                lines = drawn(data, width, height, cursor=2.0)
                assert [len(line) for line in lines] == [width] * height


@pytest.mark.parametrize(
    ("axis", "cursor", "said"), [("step", 1500.0, "@699"), ("relative", 1500.0, "@11m39s"), ("epoch", 15.0, "@6.99")]
)
def test_the_crosshair_says_of_a_run_that_was_over_by_then_where_its_values_lie(
    axis: Any, cursor: float, said: str
) -> None:
    def run(points: int) -> plotting.Drawn:
        step = np.arange(points)
        one = Series("loss", step, 1e9 + step, np.linspace(3.0, 1.0, points))
        return plotting.Drawn([Lineage(one)], plotting.XScale(100, 1e9))

    def title(*runs: int) -> str:
        view = PlotView("main", ("loss",), raster_columns(100, "braille"), x=axis, readings=100)
        data = Drawing().plots([view], lambda _: [run(points) for points in runs], lambda _: [], {})["main"]
        return drawn(data, 100, 14, cursor=cursor)[0]

    assert said in title(2000, 700)
    assert said in title(700, 2000), "also where it is the open one"
    assert "@" not in title(2000, 2000)
