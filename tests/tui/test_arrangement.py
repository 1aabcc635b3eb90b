"""Where everything is on the live screen, at any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntui.session.snapshot import MetricSummary
from nntui.tui.arrangement import Arrangement, arrangement
from nntui.tui.options import Options

NAMES = ["train/loss", "val/loss", "train/acc", "val/acc", "grad_norm", "lr", *(f"m{k}" for k in range(494))]


def known(count: int) -> list[MetricSummary]:
    return [MetricSummary(name, 1.0, 1, 0.0, 1.0, 1, 0, np.empty(0)) for name in NAMES[:count]]


def planned(width: int, height: int, count: int = 12, **options: object) -> Arrangement:
    return arrangement(Options(**options), known(count), (width, height), "braille")  # pyright: ignore[reportArgumentType]


@given(
    st.integers(1, 260),
    st.integers(1, 80),
    st.sampled_from([0, 1, 2, 3, 5, 9, 40, 500]),
    st.booleans(),
    st.sampled_from(["", "train/acc", "m3", "m490", "gone"]),
)
def test_nothing_overlaps_and_all_is_inside(width: int, height: int, count: int, full: bool, chosen: str) -> None:
    plan = planned(width, height, count, full=full, chosen=chosen)
    frame = 3 + plan.strips
    assert plan.width + plan.rail <= width
    room = max(1, height - frame) - plan.numbers
    taken = np.zeros((max(1, room), plan.width), int)
    for place in plan.plots:
        assert place.x >= 0
        assert place.x + place.width <= plan.width
        assert place.y >= 0
        assert place.y + place.height <= room
        taken[place.y : place.y + place.height, place.x : place.x + place.width] += 1
    assert taken.max(initial=0) <= 1
    if plan.plots:
        assert plan.plots[0].view.key == "main"
        assert taken.min() == 1, "no cell is left empty"
        if len(plan.plots) > 1:
            assert min(place.height for place in plan.plots) >= 7
            assert min(place.width for place in plan.plots) >= 50
    keys = [place.view.key for place in plan.plots]
    assert len(set(keys)) == len(keys)
    shown = [metric for place in plan.plots for metric in place.view.metrics]
    assert len(set(shown)) == len(shown), "no metric is drawn twice"
    assert len({place.view.readings for place in plan.plots}) <= 1, "all are read at the same x"


@pytest.mark.parametrize(
    ("size", "plots", "rail", "numbers"),
    [
        ((40, 12), 0, 0, 7),
        ((59, 40), 0, 0, 35),
        ((60, 13), 0, 0, 8),
        ((60, 14), 1, 0, 3),
        ((80, 24), 1, 0, 3),
        ((99, 24), 1, 0, 3),
        ((100, 30), 1, 40, 4),
        ((120, 35), 1, 44, 5),
        ((160, 24), 3, 44, 3),
        ((200, 50), 7, 44, 3),
        ((240, 60), 10, 44, 3),
        ((80, 60), 4, 0, 6),
    ],
)
def test_each_size_shows_what_it_has_room_for(size: tuple[int, int], plots: int, rail: int, numbers: int) -> None:
    plan = planned(*size)
    assert (len(plan.plots), plan.rail, plan.numbers) == (plots, rail, numbers)


@pytest.mark.parametrize(
    ("size", "strips"), [((80, 9), 0), ((80, 24), 2), ((99, 40), 2), ((100, 24), 1), ((200, 50), 1)]
)
def test_what_a_rail_tells_has_no_line_of_its_own(size: tuple[int, int], strips: int) -> None:
    plan = planned(*size)
    assert plan.strips == strips
    assert (
        max(place.y + place.height for place in plan.plots) + plan.numbers + strips + 3 == size[1]
        if plan.plots
        else True
    )
    assert planned(*size, full=True).strips == min(2, strips * 2)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 50)])
def test_full_size_is_the_main_plot_alone_wherever_it_has_any_room(size: tuple[int, int]) -> None:
    plan = planned(*size, full=True)
    (only,) = plan.plots
    assert (only.width, only.height, plan.numbers, plan.rail) == (size[0], size[1] - 5, 0, 0)


def test_the_splits_of_a_metric_share_a_plot_of_the_grid() -> None:
    drawn = [place.view.metrics for place in planned(200, 50).plots]
    assert drawn[:3] == [("train/loss", "val/loss"), ("train/acc", "val/acc"), ("grad_norm",)]


def test_choosing_seldom_moves_the_grid_and_shows_the_page_of_what_is_chosen() -> None:
    def grid(chosen: str) -> list[str]:
        return [place.view.key for place in planned(200, 50, 500, chosen=chosen).plots[1:]]

    assert "metric m0" in grid("lr")
    near = grid("m100")
    assert len(near) == 4
    assert all(96 <= int(key.removeprefix("metric m")) <= 106 for key in near)
    pages = [tuple(sorted({*grid(f"m{k}"), f"metric m{k}"})) for k in range(60, 120)]
    assert len(set(pages)) <= 14
