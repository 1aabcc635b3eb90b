from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntui.runlog.lineage import NEVER, Launch, cuts


def _launch(writer, started, *, rank=0, resume=-1, over=True, last=0, **first_steps):
    return Launch(writer, rank, started, resume, over, first_steps, last)


def test_a_launch_that_says_where_it_resumes_replaces_all_from_there_on():
    cut = cuts([_launch("a", 1, loss=0), _launch("b", 2, resume=50, loss=51)])
    assert cut["a"].step("loss") == cut["a"].step("anything") == 50
    assert cut["b"].step("loss") == NEVER


def test_a_launch_that_does_not_say_replaces_what_it_logs_itself():
    cut = cuts([_launch("a", 1, loss=0, lr=0), _launch("b", 2, loss=10)])
    assert cut["a"].step("loss") == 10
    assert cut["a"].step("lr") == NEVER


def test_the_lowest_of_several_restarts_counts_and_each_cuts_those_before_it():
    cut = cuts([_launch("c", 3, resume=20), _launch("a", 1), _launch("b", 2, resume=50)])
    assert [cut[name].step("x") for name in "abc"] == [20, 20, NEVER]


@pytest.mark.parametrize(
    "earlier",
    [
        _launch("a", 1, over=False),  # it may still be training
        _launch("a", 1, rank=1),  # another rank
        _launch("a", 1, last=3),  # it lived on beside the later one: that is an evaluation job
        _launch("a", 5),  # it is the later one
    ],
)
def test_what_is_no_restart_hides_nothing(earlier):
    assert cuts([earlier, _launch("b", 2, resume=0, loss=0)])["a"].step("loss") == NEVER


def test_a_restart_after_the_last_sign_of_life_does():
    assert cuts([_launch("a", 1, last=2), _launch("b", 2, resume=0)])["a"].step("loss") == 0


@pytest.mark.parametrize(("process", "step"), [("boot 7", 0), ("boot 8", NEVER), ("", NEVER)])
def test_a_process_that_opens_the_run_again_starts_over(process, step):
    """Of two cells of a notebook nobody finishes the first."""
    first = Launch("a", 0, 1, -1, False, {"loss": 0}, 9, "boot 7" if process else "")
    cut = cuts([first, Launch("b", 0, 2, -1, False, {"loss": 0}, 9, process)])
    assert (cut["a"].step("loss"), cut["a"].step("val/loss"), cut["b"].step("loss")) == (step, NEVER, NEVER)


_launches = st.lists(
    st.builds(
        Launch,
        writer=st.uuids().map(str),
        rank=st.integers(0, 2),
        started_ns=st.integers(0, 50),
        resume_step=st.integers(-1, 20),
        over=st.booleans(),
        first_steps=st.dictionaries(st.sampled_from(["loss", "acc"]), st.integers(0, 20)),
        last_ns=st.integers(0, 60),
        process=st.sampled_from(["", "x", "y"]),
    ),
    unique_by=lambda launch: launch.writer,
    max_size=6,
)


@given(_launches, st.sampled_from(["loss", "acc", "lr"]))
def test_a_step_is_cut_exactly_when_some_later_launch_of_the_rank_came_back_to_it(launches, metric):
    cut = cuts(launches)
    assert set(cut) == {one.writer for one in launches}
    for earlier in launches:
        steps = [
            later.resume_step if later.resume_step >= 0 else later.first_steps.get(metric, NEVER)
            for later in launches
            if later.rank == earlier.rank
            and (later.started_ns, later.writer) > (earlier.started_ns, earlier.writer)
            and ((earlier.over and later.started_ns >= earlier.last_ns) or (later.process == earlier.process != ""))
        ]
        assert cut[earlier.writer].step(metric) == min(steps, default=NEVER)


@given(_launches, st.randoms())
def test_the_order_in_which_writers_are_found_does_not_matter(launches, random):
    shuffled = list(launches)
    random.shuffle(shuffled)
    assert cuts(shuffled) == cuts(launches)
