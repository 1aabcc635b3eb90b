"""What entered the network: folded, bounded, at any recorded step; and what no recorder writes."""

import math

import pyarrow as pa
import pytest

from nntui.runlog.reader import Batch
from nntui.runlog.schema import SAMPLES
from nntui.session import samples
from nntui.session.run_state import RunState
from nntui.session.samples import Entered, SamplesView
from nntui.session.snapshot import View

EVER = 1 << 62


def row(role="input", step=0, example=0, data=(0.0, 1.0), name="train", text="", **other):
    found = {"name": name, "step": step, "wall_time_ns": 1, "role": role, "example": example, "shape": [len(data)]}
    return found | {"data": list(data), "text": text} | other


def batch(*rows) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema=SAMPLES)


def shown(*rows, view=SamplesView(), writers=(("a", EVER),)):  # noqa: B008 (frozen)
    known = Entered()
    known.fold("a", batch(*rows))
    return known.shown(view, writers)


def test_an_input_and_its_target_are_one_example() -> None:
    rows = [row(example=1, data=[3.0]), row("target", example=1, data=[7.0], text="seven"), row(example=0, data=[1.0])]
    found = shown(*rows)
    assert [one.given.data.tolist() for one in found.samples] == [[1.0], [3.0]], "in their order"
    assert found.samples[1].target.text == "seven"
    assert not len(found.samples[0].target.data)


@pytest.mark.parametrize(("wanted", "step"), [(None, 0), (0, 0), (9, 0), (10, 10), (500, 100), (-5, 0)])
def test_the_newest_step_at_or_before_the_wanted_one_is_shown(wanted, step) -> None:
    found = shown(*(row(step=one, data=[one]) for one in (100, 0, 10)), view=SamplesView(wanted))
    assert found.steps.tolist() == [0, 10, 100]
    assert found.steps[found.at] == step
    assert found.samples[0].given.data.tolist() == [step]


def test_what_a_restart_replaced_is_not_shown() -> None:
    known = Entered()
    known.fold("a", batch(row(step=0, data=[1.0]), row(step=100, data=[1.0])))
    known.fold("b", batch(row(step=100, data=[2.0])))
    found = known.shown(SamplesView(100), (("a", 50), ("b", EVER)))
    assert found.steps.tolist() == [0, 100]
    assert found.samples[0].given.data.tolist() == [2.0]
    assert known.shown(SamplesView(), ()) is samples.NOTHING


def test_of_many_steps_the_first_and_the_newest_are_kept() -> None:
    known = Entered()
    for step in range(200):
        known.fold("a", batch(row(step=step)))
    steps = known.shown(SamplesView(), (("a", EVER),)).steps.tolist()
    assert (steps[0], steps[-1]) == (0, 199)
    assert len(steps) <= samples.STEPS


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "NUMBERS", 5)
    found = shown(*(row(example=k, text=f"{k}") for k in range(100)))
    assert len(found.samples) == samples.EXAMPLES
    assert sum(len(one.given.data) for one in found.samples) <= 5
    assert [one.given.text for one in found.samples] == [str(k) for k in range(samples.EXAMPLES)], "texts are kept"


def test_what_no_recorder_writes_breaks_nothing() -> None:
    rows = [row(role="output"), row(step=None), row(example=None), row(name=None), row(role=None), row(shape=[3, -1])]
    rows += [row(example=1, data=[math.nan, math.inf])]
    assert [len(one.given.data) for one in shown(*rows).samples] == [0, 2]


def test_a_run_hands_them_over_only_when_asked(make) -> None:
    state = RunState("run", "runs/run")
    state.fold(make.poll(Batch("a", "samples", batch(row()))), 100.0, make.wall)
    assert not state.snapshot(View(), 100.0).samples.samples
    first, again = (state.snapshot(View(samples=SamplesView()), 100.0).samples for _ in range(2))
    assert len(first.samples) == 1
    assert first is again, "it is not derived twice"


def test_a_row_that_is_recorded_again_takes_no_more_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "NUMBERS", 6)
    again = [row(role, data=[k, k]) for k in range(9) for role in ("input", "target")]
    found = shown(*again, row(example=1, data=[7.0, 7.0])).samples
    assert [one.given.data.tolist() for one in found] == [[8.0, 8.0], [7.0, 7.0]]
    assert found[0].target.data.tolist() == [8.0, 8.0]


def test_steps_in_the_middle_make_room_for_the_pictures_of_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "NUMBERS", 12)
    known = Entered()
    for step in range(20):
        known.fold("a", batch(*(row(step=step, example=k, data=[step, k]) for k in range(2))))
        for at in {0, step}:
            found = known.shown(SamplesView(at), (("a", EVER),))
            assert [one.given.data.tolist() for one in found.samples] == [[at, 0.0], [at, 1.0]]
    known.fold("b", batch(*(row(step=30, example=k) for k in range(2))))
    found = known.shown(SamplesView(30), (("a", 30), ("b", EVER)))
    assert all(len(one.given.data) for one in found.samples), "of another writer too"


def test_what_has_no_room_drops_no_step_that_would_give_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "NUMBERS", 2)
    found = shown(*(row(step=step, text=f"{step}") for step in range(5)), view=SamplesView(4))
    assert found.steps.tolist() == list(range(5))
    assert (found.samples[0].given.text, len(found.samples[0].given.data)) == ("4", 0)


def test_a_step_that_comes_late_takes_no_room_from_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "NUMBERS", 4)
    rows = [row(step=one, text="late") for one in (0, 100, 50)]
    assert [len(shown(*rows, view=SamplesView(one)).samples[0].given.data) for one in (0, 100, 50)] == [2, 2, 0]


def test_many_steps_at_once_are_thinned_like_steps_one_by_one() -> None:
    assert len(shown(*(row(step=step) for step in range(200))).steps) <= samples.STEPS
