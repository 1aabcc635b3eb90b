"""What is remembered of series against the same computed anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntui.analysis.downsampling import per_column
from nntui.analysis.series import Series
from nntui.analysis.smoothing import debiased_ema
from nntui.runlog.lineage import Cut
from nntui.session.columns import Clock, Columns, Recorded
from nntui.session.tracks import Asked, Tracks, XScale

START = 1000.0
SCALE = XScale(4, START)
values = st.floats(-9, 9) | st.sampled_from([math.nan, math.inf, -math.inf])
points = st.lists(st.tuples(st.integers(-3, 40), values), max_size=40)


def series_of(pairs: list[tuple[int, float]]) -> Series:
    step = np.array([step for step, _ in pairs], np.int64)
    return Series("m", step, START + np.arange(len(pairs)) * 0.5, np.array([value for _, value in pairs], float))


def naive(series: Series, axis: str, asked: Asked, weight: float):
    """All of it in one go."""
    x = SCALE.values(series, axis)
    edges = asked.x_range
    if asked.least:
        x, edges = np.log(np.maximum(x, asked.least)), (math.log(edges[0]), math.log(edges[1]))
    smooth = debiased_ema(series.value, weight)
    return per_column(x, series.value, edges, asked.columns), per_column(x, smooth, edges, asked.columns), x, edges


@given(
    points,
    st.booleans(),
    st.lists(st.integers(0, 40), max_size=4),
    st.sampled_from(["step", "epoch", "relative", "wall"]),
    st.sampled_from(
        [
            Asked((-3.0, 40.0), 7, 11),
            Asked((2.0, 9.0), 5, 5),
            Asked((1.0, 30.0), 6, 4, 1.0),
            Asked((995.0, 1020.0), 4, 0),
        ]
    ),
    st.sampled_from([0.0, 0.8]),
)
def test_a_track_gives_what_all_points_give_however_it_grew(pairs, ordered, cuts, axis, asked, weight) -> None:
    pairs = sorted(pairs, key=lambda pair: pair[0]) if ordered else pairs
    whole, tracks = series_of(pairs), Tracks()
    for stop in [*sorted(min(cut, len(pairs)) for cut in cuts), len(pairs)]:
        if stop:
            track = tracks.follow("m", series_of(pairs[:stop]), 0, SCALE, axis)
            answer = track.columns(asked, weight)
    if not pairs:
        return
    raw, smooth, x, edges = naive(whole, axis, asked, weight)
    for field in ("low", "high", "mean", "count", "nonfinite", "kinds"):
        np.testing.assert_array_equal(getattr(answer.raw, field), getattr(raw, field), field)
    np.testing.assert_allclose(answer.smooth.mean, (smooth if weight else raw).mean, rtol=1e-9, atol=1e-9)
    inside = (x >= edges[0]) & (x <= edges[1])
    np.testing.assert_array_equal(np.sort(track.visible(asked)), np.sort(whole.value[inside]))
    at, value = track.at(answer)
    assert len(at) == asked.readings
    for column in range(asked.readings):
        last = column == asked.readings - 1
        edge = edges[1] if last else edges[0] + (edges[1] - edges[0]) * (column + 1) / asked.readings
        known = [k for k in np.argsort(x, kind="stable") if x[k] <= edge]
        if known:
            assert at[column] == SCALE.values(whole, axis)[known[-1]]
            np.testing.assert_array_equal(value[column], whole.value[known[-1]])
        else:
            assert math.isnan(at[column])
            assert math.isnan(value[column])


def test_a_series_that_is_another_one_now_is_begun_anew() -> None:
    tracks, asked = Tracks(), Asked((0.0, 9.0), 3)
    first = tracks.follow("m", series_of([(k, 1.0) for k in range(9)]), 0, SCALE, "step")
    assert np.nanmax(first.columns(asked, 0.0).raw.high) == 1.0
    second = tracks.follow("m", series_of([(k, 2.0) for k in range(9)]), 1, SCALE, "step")
    assert np.nanmin(second.columns(asked, 0.0).raw.low) == 2.0


pieces = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), max_size=20)


@pytest.mark.parametrize("cut", [None, 3, 12])
@given(pieces)
def test_a_lineage_grows_at_its_end_alone_while_its_era_lasts(cut, logged) -> None:
    """Three launches in any turns; one of them may have been cut."""
    recorded, cuts = Recorded(), {} if cut is None else {"a": Cut(cut)}
    before, at = recorded.lineage("m", [], {}), 0
    for writer, count in logged:
        clock = Clock()
        clock.append(np.arange(at, at + count), np.arange(at, at + count) * 1.0)
        recorded._columns.setdefault("m", {}).setdefault(writer, Columns()).append(
            clock, np.arange(at, at + count) * 10.0
        )
        at += count
        lineage = recorded.lineage("m", ["a", "b", "c"], cuts)
        mine = [recorded._columns["m"][w].series("m") for w in "abc" if w in recorded._columns["m"]]
        steps = np.concatenate([one.step for one in mine])
        kept = np.concatenate(
            [
                one.step < (cut if cut and w == "a" else 1 << 62)
                for one, w in zip(mine, [w for w in "abc" if w in recorded._columns["m"]], strict=True)
            ]
        )
        np.testing.assert_array_equal(lineage.current.step, steps[kept])
        np.testing.assert_array_equal(lineage.current.value, steps[kept] * 10.0)
        np.testing.assert_array_equal(lineage.replaced.step, steps[~kept])
        if lineage.era == before.era:
            n = len(before.current)
            np.testing.assert_array_equal(lineage.current.step[:n], before.current.step)
            np.testing.assert_array_equal(lineage.replaced.step, before.replaced.step)
        before = lineage


def test_one_more_point_of_a_restarted_run_begins_no_new_era() -> None:
    recorded = Recorded()

    def log(writer: str, first: int, last: int) -> int:
        clock = Clock()
        clock.append(np.arange(first, last), np.arange(first, last) * 1.0)
        recorded._columns.setdefault("m", {}).setdefault(writer, Columns()).append(clock, np.zeros(last - first))
        return recorded.lineage("m", ["a", "b"], {"a": Cut(5)}).era

    log("a", 0, 8)
    begun = log("b", 5, 6)
    assert [log("b", k, k + 1) for k in range(6, 20)] == [begun] * 14
