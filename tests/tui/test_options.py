"""What is plotted, and the arithmetic of zoom and crosshair."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntui.session import plotting
from nntui.session.columns import Lineage
from nntui.session.snapshot import MetricSummary, PlotData
from nntui.tui.options import WHOLE, Options


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("train/loss", "val/loss", "lr"), ("train/loss", "val/loss")),
        (("lr", "accuracy"), ("accuracy",)),
        (("check/blind/loss", "check/overfit_batch/loss"), ("check/blind/loss", "check/overfit_batch/loss")),
        (("check/blind/loss", "my/train/loss"), ("my/train/loss",)),
        (("check/blind/loss", "lr"), ("lr",)),
        ((), ()),
    ],
)
def test_losses_come_first_and_those_of_checks_only_before_the_training(tui, names, shown) -> None:
    from nntui.analysis import roles

    series = [tui.series(name, np.ones(3)) for name in sorted(names, key=roles.order)]
    assert Options().main([plotting.brief(Lineage(one)) for one in series]) == shown


def metrics(*names: str) -> list[MetricSummary]:
    return [MetricSummary(name, 1.0, 1, 0.0, 1.0, 1, 0, np.empty(0)) for name in names]


ALL = metrics("train/loss", "val/loss", "val/acc", "train/acc", "lr")


def test_a_metric_is_drawn_with_the_same_of_other_splits_and_with_what_is_marked() -> None:
    options = Options(chosen="val/acc")
    assert options.main(ALL) == ("train/acc", "val/acc")
    marked = options.choose(ALL, 2).mark()
    assert marked.chosen == "lr"
    assert marked.main(ALL) == ("lr",)
    assert dataclasses.replace(marked, chosen="").main(ALL) == ("train/loss", "val/loss", "lr")
    assert dataclasses.replace(marked, chosen="", pattern="acc").main(ALL) == ("train/acc", "val/acc", "lr")
    assert marked.mark().marked == ()
    assert Options().mark() == Options(), "nothing is chosen, so nothing is marked"


def test_a_filter_wants_every_word_wherever_it_stands() -> None:
    assert [m.metric for m in Options(pattern="ACC tr").visible(ALL)] == ["train/acc"]
    assert [m.metric for m in Options(pattern=" ").visible(ALL)] == [m.metric for m in ALL]


def test_choosing_goes_round_by_one_and_not_by_a_page() -> None:
    assert Options().choose(ALL, -1).chosen == "lr"
    assert Options().choose(ALL, 10).chosen == "lr"
    assert Options(chosen="lr").choose(ALL, 10).chosen == "lr"
    assert Options(chosen="val/acc").choose(ALL, -10).chosen == ""


def test_logarithmic_y_is_the_other_one_than_what_is_shown() -> None:
    for shown in (False, True):
        data = shown_as(Options(), log_y=shown)
        once = Options().toggle_log_y(data)
        assert once.log_y is not shown
        assert once.toggle_log_y(data).log_y is shown
    assert Options().toggle_log_y(None).log_y is True


def shown_as(options: Options, *, whole=(0.0, 1000.0), newest=1000.0, log_x=False, log_y=False) -> PlotData:
    """What the feed answers to options: a plot of a run of a thousand steps."""
    view = dataclasses.replace(options.plot("main", ("m",), 100), log_x=log_x)
    x_range = options.x_range if math.isfinite(options.x_range[0]) else whole
    one = plotting.PlottedSeries("m", *[np.zeros(100)] * 3, np.zeros(100, int), False, 1.0)
    return PlotData(view, (one,), x_range, (0.0, 1.0), log_y, (), (), whole=whole, newest=newest, log_x=log_x)


def test_a_zoom_that_reaches_the_newest_point_follows_it_and_another_does_not() -> None:
    near = Options().zoom(0.5, shown_as(Options()))
    assert (near.x_range, near.follow) == ((500.0, 1000.0), True)
    far = dataclasses.replace(Options(), cursor=200.0).zoom(0.5, shown_as(Options()))
    assert (far.x_range, far.follow) == ((100.0, 600.0), False)
    panned = near.pan(-1, shown_as(near))
    assert (panned.x_range, panned.follow) == ((375.0, 875.0), False)
    assert panned.pan(1, shown_as(panned)) == near
    assert far.zoom(2.0, shown_as(far)).x_range == WHOLE, "no further out than the whole run"
    assert far.zoom(0.0, shown_as(far)).x_range == WHOLE


def test_a_range_that_is_not_on_the_screen_yet_is_gone_on_from() -> None:
    """Keys come faster than snapshots: each goes on from what the one before asked for."""
    old = shown_as(Options())
    twice = Options().zoom(0.5, old).zoom(0.5, old)
    assert twice.x_range == (750.0, 1000.0)
    followed = dataclasses.replace(shown_as(twice), x_range=(800.0, 1050.0), newest=1040.0, whole=(0.0, 1060.0))
    assert twice.pan(-1, followed).x_range == (737.5, 987.5), "from where it has followed to"


keys = [("zoom", 0.5), ("zoom", 2.0), ("pan", -1), ("pan", 1)]
keys += [("move", by) for by in (-1, 1, 10**6, -(10**6))]
steps = st.lists(st.sampled_from(keys), max_size=40)


@given(steps, st.booleans(), st.sampled_from([(0.0, 1000.0), (-50.0, 950.0), (1.0, 2.0), (1e9, 2e9)]))
def test_whatever_is_pressed_range_and_crosshair_stay_with_the_run(pressed, log_x, whole) -> None:
    if log_x:
        whole = (max(whole[0], 1.0), whole[1])
    options = Options()
    for name, by in pressed:
        data = shown_as(options, whole=whole, newest=whole[1], log_x=log_x)
        options = options.move(by, data, 50) if name == "move" else getattr(options, name)(by, data)
        low, high = options.x_range if math.isfinite(options.x_range[0]) else whole
        assert low < high
        air = 1e-6 * (whole[1] - whole[0])
        if name == "move":
            assert whole[0] - air <= options.cursor <= whole[1] + air
            assert low - air <= options.cursor <= high + air
        if name == "pan" and by > 0 and low > whole[0]:
            assert high <= whole[1] + (high - low)
        assert low <= whole[1] or not math.isfinite(options.x_range[0]), "something is in sight"


def test_the_crosshair_goes_from_cell_to_cell_and_takes_a_zoomed_range_along() -> None:
    data = shown_as(Options())
    first = Options().move(1, data, 50)
    assert first.cursor == 10.0
    assert first.move(1, data, 50).cursor == 30.0
    assert first.move(1, data, 50).move(-1, data, 50) == first
    assert Options().move(-1, data, 50).cursor == 990.0
    assert first.move(10**6, data, 50).cursor == 1000.0
    zoomed = dataclasses.replace(Options(), x_range=(100.0, 200.0), cursor=199.0)
    moved = zoomed.move(1, shown_as(zoomed), 50)
    assert moved.cursor == 201.0
    assert moved.x_range == (126.0, 226.0)
    end = zoomed.move(10**6, shown_as(zoomed), 50)
    assert end.cursor == 1000.0
    assert end.follow


def test_a_cell_is_as_wide_everywhere_on_a_logarithmic_axis() -> None:
    data = shown_as(Options(), whole=(1.0, 10000.0), newest=10000.0, log_x=True)
    place, seen = Options(), []
    for _ in range(4):
        place = place.move(1, data, 4)
        seen.append(place.cursor)
    np.testing.assert_allclose(seen, [10**0.5, 10**1.5, 10**2.5, 10**3.5])
    zoomed = dataclasses.replace(Options(), cursor=100.0).zoom(0.5, data)
    np.testing.assert_allclose(zoomed.x_range, (10.0, 1000.0))


def test_escape_undoes_one_thing_after_the_other() -> None:
    options = Options("lr", ("val/acc",), "a", cursor=5.0, x_range=(1.0, 9.0), follow=True, full=True)
    seen = []
    while options != options.back():
        options = options.back()
        seen.append(options)
    assert [one.full for one in seen] == [False] * 5
    assert [math.isfinite(one.cursor) for one in seen] == [True, False, False, False, False]
    assert [one.x_range == WHOLE for one in seen] == [False, False, True, True, True]
    assert [one.chosen for one in seen] == ["lr", "lr", "lr", "", ""]
    assert [one.pattern for one in seen] == ["a", "a", "a", "a", ""]
