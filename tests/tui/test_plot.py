from __future__ import annotations

import dataclasses
import math
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from nntui.session import plotting
from nntui.session.snapshot import PIN_LIMIT, Mark, PlotData, PlotView
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint
from nntui.tui.themes import DARK
from nntui.tui.widgets.plot import plot_lines, raster_columns

UNICODE, ASCII = Paint(DARK, SETS["braille"]), Paint(DARK, SETS["ascii"])


@pytest.fixture(scope="module")
def curves(tui: SimpleNamespace) -> dict[str, Any]:
    return {one.metric: one for one in tui.curves(2000)}


@pytest.fixture(scope="module")
def make(tui: SimpleNamespace, curves: dict[str, Any]) -> Any:
    def plot(*metrics: str, width: int = 80, kind: str = "braille", **view: Any) -> PlotData:
        return tui.plot_of(PlotView("main", metrics, raster_columns(width, kind), **view), curves)

    return plot


def drawn(data: PlotData | None, width: int, height: int, paint: Paint = UNICODE, **more: Any) -> list[str]:
    return [line.plain for line in plot_lines(data, width, height, paint, title="train/loss", **more)]


def body(lines: list[str]) -> str:
    return "".join(line[8:-1] for line in lines[1:-1])


@settings(max_examples=40, deadline=None)
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


def test_marks_hide_neither_data_nor_each_other(make: Any) -> None:
    data = make("train/loss")
    bare = drawn(data, 80, 14)
    marks = tuple(Mark(x, "lr÷10", "") for x in (100.0, 900.0, 910.0, 1500.0, 1990.0))
    marked = drawn(dataclasses.replace(data, marks=marks), 80, 14)
    assert bare[2:] == marked[2:]
    assert marked[1].count("▼lr÷10") == 3
    assert marked[1].count("▼") == 4


def test_an_alert_is_marked_with_its_own_sign(make: Any) -> None:
    data = dataclasses.replace(make("train/loss"), marks=(Mark(1000.0, "plateau", "warn"),))
    assert "▲plateau" in drawn(data, 80, 14)[1]


def test_the_crosshair_says_exact_values(make: Any, curves: dict[str, Any]) -> None:
    at = 1001.0
    low = drawn(make("val/accuracy"), 80, 14, cursor=at)[-1]
    assert "step 1,001" in low
    assert "val/accuracy" in low


def test_the_corner_says_what_was_done_to_the_data(make: Any) -> None:
    corner = drawn(make("train/loss", log_y=True, smoothing=0.9, x_range=(5.0, 900.0)), 100, 12)[0]
    assert "zoom · log y · ema 0.9" in corner
    assert "clipped" in drawn(make("train/loss", clip_outliers=True), 100, 12)[0]


def test_a_logarithm_that_cannot_be_is_named(tui: SimpleNamespace) -> None:
    view = PlotView("p", ("m",), 60, log_y=True)
    data = tui.plot_of(view, {"m": tui.series("m", np.linspace(-1, 1, 50))})
    assert "log y needs values > 0" in drawn(data, 80, 12)[0]


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
        nothing = tui.series("", np.zeros(0))
        runs = [
            plotting.Drawn(
                [(tui.series(name, np.linspace(9, low, 500) + k), nothing) for name, low in (("a", 1), ("b", 4))],
                plotting.XScale(0, 0.0),
            )
            for k in range(others + 1)
        ]
        return plotting.plot(PlotView("main", ("a", "b"), raster_columns(width, kind)), runs, [])

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
    lines = drawn(together(2), 80, 20, cursor=499.0)
    assert "── a 1 " in lines[0]
    assert "·· b 4 " in lines[0]
    assert re.search(r"a 1\.\d+ .*b 4\.\d+ .*1 2\.\d+ 5\.\d+ .*2 3\.\d+ 6\.\d+", lines[-1]), lines[-1]


def test_runs_that_hide_each_other_and_runs_without_a_point_are_drawn(tui: SimpleNamespace) -> None:
    scale, nothing = plotting.XScale(0, 0.0), tui.series("", np.zeros(0))
    for values in (np.zeros(0), np.full(1, 2.0), np.full(3, math.nan), np.full(500, 2.0)):
        run = plotting.Drawn([(tui.series("a", values), nothing)], scale)
        for own in (plotting.Drawn.nothing(), run):
            data = plotting.plot(PlotView("main", ("a",), 40), [own, *[run] * 7], [])
            for width, height in ((20, 4), (30, 6), (80, 24)):
                lines = drawn(data, width, height, cursor=2.0)
                assert [len(line) for line in lines] == [width] * height
