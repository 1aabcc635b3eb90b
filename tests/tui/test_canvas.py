from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nntui.session.snapshot import PlotData, PlottedSeries, PlotView
from nntui.tui.canvas import BAD, BAND, DASHES, DOTS, EMPTY, LINE, column_of, draw, row_of, spark, towers

KINDS = sorted(DOTS)
VALUES = st.one_of(st.just(math.nan), st.floats(-100, 100))


def series(
    low: list[float], high: list[float] | None = None, line: list[float] | None = None, *, superseded: bool = False
) -> PlottedSeries:
    nothing = [math.nan] * len(low)
    arrays = [np.array(a, float) for a in (low, high if high is not None else low, line or nothing)]
    return PlottedSeries("m", *arrays, np.zeros(len(low), int), superseded, 1.0)


def data(*drawn: PlottedSeries, y: tuple[float, float] = (-100.0, 100.0), log_y: bool = False) -> PlotData:
    return PlotData(PlotView("p", ("m",), 8), tuple(drawn), (0.0, 10.0), y, log_y, (), ())


def lit(raster: list[str], kind: str) -> np.ndarray:
    """The dots of a raster, shape (dots_high, dots_wide), read back from its characters."""
    across, down = DOTS[kind]
    dots = np.zeros((len(raster) * down, len(raster[0]) * across), bool)
    numbering = {"braille": [[0, 3], [1, 4], [2, 5], [6, 7]], "block": [[0], [1]], "ascii": [[0]]}[kind]
    for y, row in enumerate(raster):
        for x, char in enumerate(row):
            bits = {"braille": max(0, ord(char) - 0x2800), "block": " ▀▄█".find(char), "ascii": int(char != " ")}[kind]
            for down_at, numbers in enumerate(numbering):
                for across_at, number in enumerate(numbers):
                    dots[y * down + down_at, x * across + across_at] = bool(bits >> number & 1)
    return dots


def expected_row(value: float, low: float, high: float, dots: int) -> int:
    """The row of a value by the definition: the range's ends lie on the first and the last dot."""
    return math.floor((1 - (value - low) / (high - low)) * (dots - 1) + 0.5)


@pytest.mark.parametrize("kind", KINDS)
@given(
    bounds=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=16),
    height=st.integers(1, 12),
)
def test_the_lowest_and_highest_value_of_every_column_are_lit(
    kind: str, bounds: list[tuple[float, float]], height: int
) -> None:
    low = [min(b) if not any(map(math.isnan, b)) else math.nan for b in bounds]
    high = [max(b) if not any(map(math.isnan, b)) else math.nan for b in bounds]
    width = -(-len(bounds) // DOTS[kind][0])
    dots = lit(draw(data(series(low, high)), width, height, kind).chars, kind)
    for column, (bottom, top) in enumerate(zip(low, high, strict=True)):
        if math.isnan(bottom):
            assert not dots[:, column].any()
            continue
        rows = np.flatnonzero(dots[:, column])
        first, last = (expected_row(v, -100, 100, len(dots)) for v in (top, bottom))
        assert (abs(rows[0] - first), abs(rows[-1] - last)) <= (1, 1)
        assert rows[0] == first or math.isclose((1 - (top + 100) / 200) * (len(dots) - 1) % 1, 0.5, abs_tol=1e-9)
        assert len(rows) == rows[-1] - rows[0] + 1, "the band has no holes"


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(
    st.lists(st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=12, max_size=12), min_size=1, max_size=5),
    st.integers(1, 8),
)
def test_no_extreme_is_hidden_whatever_lies_over_it(
    kind: str, all_bounds: list[list[tuple[float, float, float]]], height: int
) -> None:
    across, down = DOTS[kind]
    drawn = []
    for bounds in all_bounds:
        known = [b if not any(map(math.isnan, b)) else (math.nan,) * 3 for b in bounds]
        drawn.append(series(*([f(b) for b in known] for f in (min, max, lambda b: sorted(b)[1]))))
    raster = draw(data(*drawn), 12 // across, height, kind, dashes=list(range(len(drawn))))
    for one in drawn:
        for column in np.flatnonzero(np.isfinite(one.low)):
            for value in (one.low[column], one.high[column]):
                row = expected_row(float(value), -100, 100, height * down) // down
                near = [raster.chars[r][column // across] for r in {max(0, row - 1), row, min(height - 1, row + 1)}]
                assert raster.chars[row][column // across] != " " or any(c != " " for c in near)


def test_a_line_is_continuous_where_it_is_steep() -> None:
    drawn = series([math.nan] * 4, line=[-100.0, 100.0, -100.0, 100.0])
    dots = lit(draw(data(drawn), 2, 4, "braille").chars, "braille")
    touching = [set(np.flatnonzero(dots[:, c])) for c in range(4)]
    for before, after in itertools.pairwise(touching):
        assert any(abs(a - b) <= 1 for a in before for b in after)


def test_a_line_breaks_where_there_is_no_value() -> None:
    drawn = series([math.nan] * 6, line=[0.0, 0.0, math.nan, math.nan, 0.0, 0.0])
    dots = lit(draw(data(drawn), 3, 2, "braille").chars, "braille")
    assert dots.any(axis=0).tolist() == [True, True, False, False, True, True]


def test_a_line_wins_over_a_band_and_nan_over_both() -> None:
    band = series([-100.0] * 8, [100.0] * 8, [0.0] * 8)
    bad = PlottedSeries("m", band.low, band.high, band.line, np.array([0] * 4 + [1] + [0] * 3), False, 1.0)
    raster = draw(data(bad), 4, 3, "braille", "X")
    assert set(raster.layer[1]) == {LINE}
    assert raster.layer[0].tolist() == [BAND, BAND, BAD, BAND]
    assert raster.chars[0][2] == "X"


def test_a_replaced_launch_lies_under_the_one_that_counts() -> None:
    line = [0.0] * 4
    for order in (1, -1):
        both = [series(line, line=line, superseded=True), series(line, line=line)][::order]
        raster = draw(data(*both), 2, 1, "braille")
        assert not both[int(raster.series[0, 0])].superseded


def test_a_run_drawn_along_lies_under_the_open_one() -> None:
    line = [0.0] * 4
    for order in (1, -1):
        both = [dataclasses.replace(series(line, line=line), run=1), series(line, line=line)][::order]
        raster = draw(data(*both), 2, 1, "braille")
        assert both[int(raster.series[0, 0])].run == 0


def test_lines_differ_by_their_dots_and_not_only_by_colour() -> None:
    line, nothing = [0.0] * 24, [math.nan] * 24
    shown = {draw(data(series(nothing, line=line)), 12, 1, "braille", dashes=[k]).chars[0] for k in range(len(DASHES))}
    assert len(shown) == len(DASHES)
    shown = {draw(data(series(nothing, line=line)), 24, 1, "ascii", dashes=[k]).chars[0] for k in range(5)}
    assert len(shown) == 5


@pytest.mark.parametrize("column", range(6))
def test_a_single_point_is_seen_however_its_line_is_dashed(column: int) -> None:
    line = [math.nan] * 6
    line[column] = 1.0
    for dash in range(len(DASHES)):
        assert (draw(data(series(line, line=line)), 3, 2, "braille", dashes=[dash]).layer == LINE).sum() == 1


def test_ascii_is_ascii_and_blocks_are_blocks() -> None:
    drawn = [series([-50.0] * 8, [50.0] * 8, [float(k)] * 8) for k in range(7)]
    assert "".join(draw(data(*drawn), 8, 5, "ascii", "X", list(range(7))).chars).isascii()
    assert set("".join(draw(data(*drawn), 8, 5, "block").chars)) <= set(" ▀▄█")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("extremes", [(-1.7e308, 1.7e308), (5e-324, 1e-323), (1e300, 1.0000001e300)])
def test_the_whole_range_of_floats_can_be_drawn(kind: str, extremes: tuple[float, float]) -> None:
    drawn = series([extremes[0]] * 4, [extremes[1]] * 4, [extremes[0]] * 4)
    raster = draw(data(drawn, y=extremes), 2, 3, kind)
    assert (raster.layer != EMPTY).any()


def test_values_outside_the_range_are_not_drawn_at_its_edge() -> None:
    raster = draw(data(series([500.0] * 4, [600.0] * 4, [550.0] * 4)), 2, 3, "braille")
    assert (raster.layer == EMPTY).all()


def test_a_decade_takes_the_same_room_anywhere_on_a_logarithmic_axis() -> None:
    plot = data(series([1.0]), y=(1e-4, 1e4), log_y=True)
    rows = [row_of(10.0**k, plot, 81) for k in range(-4, 5)]
    assert rows == list(range(80, -1, -10))


def test_places_outside_the_plot_are_nowhere() -> None:
    plot = data(series([1.0]))
    assert (row_of(120.0, plot, 10), row_of(-300.0, plot, 10)) == (-1, -1)
    assert (column_of(-0.1, plot, 10), column_of(10.1, plot, 10)) == (-1, -1)
    assert (column_of(0.0, plot, 10), column_of(10.0, plot, 10)) == (0, 9)


@given(st.lists(st.one_of(st.floats(), st.just(math.nan)), max_size=40), st.integers(0, 30))
def test_a_sparkline_has_its_width_and_is_blank_where_nothing_is_known(values: list[float], width: int) -> None:
    shown = spark(np.array(values, float), width, " 12345678")
    assert len(shown) == width
    for place, char in enumerate(shown):
        value = values[min(place * len(values) // width, len(values) - 1)] if values else math.nan
        assert (char == " ") == (not math.isfinite(value))


def test_a_sparkline_rises_with_its_values() -> None:
    assert spark(np.arange(8.0), 8, " 12345678") == "12345678"


@pytest.mark.parametrize("kind", KINDS)
def test_runs_drawn_along_are_lines_without_bands(kind: str) -> None:
    own = series([-50.0] * 8, [50.0] * 8)
    along = dataclasses.replace(series([-90.0] * 8, [90.0] * 8, [70.0] * 8), run=1)
    raster = draw(data(own, along), 8 // DOTS[kind][0], 8, kind)
    assert not ((raster.layer == BAND) & (raster.series == 1)).any()
    assert ((raster.layer == LINE) & (raster.series == 1)).any()
    assert ((raster.layer == BAND) & (raster.series == 0)).any(), "the run that is watched keeps its band"


@given(st.lists(st.floats(0.0, 1.0), max_size=8), st.integers(1, 4), st.sampled_from([" ▁▂▃▄▅▆▇█", " .-=#"]))
def test_a_tower_is_as_high_as_its_share_and_never_lost(shares: list[float], height: int, bar: str) -> None:
    rows = towers(np.array(shares), height, bar)
    assert [len(row) for row in rows] == [len(shares)] * height
    levels = len(bar) - 1
    for column, share in enumerate(shares):
        filled = sum(bar.index(row[column]) for row in rows)
        assert filled == (max(1, round(share * height * levels)) if share > 0 else 0)
        levels_up = [bar.index(row[column]) for row in reversed(rows)]
        assert levels_up == sorted(levels_up, reverse=True), "it stands on the lowest line"
