"""Predictions on a fixed batch: folded, thinned, judged; and what no recorder writes."""

import dataclasses
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nntui.runlog.schema import PREDICTIONS
from nntui.session import examples
from nntui.session.classes import called
from nntui.session.examples import Examples
from nntui.session.inside import Inside
from nntui.session.predictions import PredictionsView, Reading, predictions
from nntui.session.run_state import RunState
from nntui.session.snapshot import View

EVER = 1 << 62
once = Reading._read


def row(role="output", step=0, example=0, data=(0.0,), shape=None, text="", name="fixed"):
    shape = [len(data)] if shape is None else list(shape)
    found = {"name": name, "step": step, "wall_time_ns": 1, "role": role, "example": example}
    return found | {"shape": shape, "data": list(data), "text": text}


def batch(*rows) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema=PREDICTIONS)


def shown(*rows, view=PredictionsView(), writers=(("a", EVER),)):  # noqa: B008 (frozen)
    known = Examples()
    known.fold("a", batch(*rows))
    names = known.names
    return predictions(view, names, *known.history(names[view.name % len(names)] if names else "", writers))


def classes(steps=(0, 10, 20)):
    """Two examples of three classes; the second one is learned at the last step."""
    said = {0: [[9, 0, 0], [9, 0, 0], [9, 0, 0]], 1: [[5, 1, 0], [0, 1, 5], [0, 9, 1]]}
    names = "abc"
    yield row("target", 0, 0, [0], [], "a")
    yield row("target", 0, 1, [1], [], "b")
    for place, step in enumerate(steps):
        for example, outputs in said.items():
            yield row("output", step, example, outputs[place], None, names[int(np.argmax(outputs[place]))])


def test_a_class_is_said_with_the_probability_of_its_label() -> None:
    data = shown(*classes())
    assert data.kind == "classes"
    assert (data.right, data.labelled) == (2, 2)
    one = data.examples[1]
    power = np.exp([0, 9, 1])
    assert one.score == pytest.approx(power[1] / power.sum())
    assert (one.label, one.said, one.right) == ("b", "b", "yes")
    assert one.top[0] == ("b", pytest.approx(one.score))
    assert one.right_then.tolist() == [False, False, True]
    assert (one.jitter, one.last_change) == (1.0, 20)
    assert (data.examples[0].jitter, data.examples[0].last_change) == (0.0, -1)


def test_an_earlier_moment_is_shown_as_it_was() -> None:
    data = shown(*classes(), view=PredictionsView(step=10))
    assert data.steps[data.at] == 10
    assert data.examples[1].said == "c"
    assert data.right == 1
    first = shown(*classes(), view=PredictionsView(step=-5))
    assert first.at == 0


def test_orders_put_the_worst_and_the_most_restless_first() -> None:
    worst = shown(*classes(), view=PredictionsView(step=10, order="worst"))
    assert [one.example for one in worst.examples] == [1, 0]
    restless = shown(*classes(), view=PredictionsView(order="jitter"))
    assert [one.example for one in restless.examples] == [1, 0]


def test_probabilities_are_taken_as_they_are() -> None:
    data = shown(row(data=[0.2, 0.5, 0.3]), row("target", data=[1], shape=[]))
    assert data.examples[0].score == pytest.approx(0.5)


def test_one_number_is_a_logit_only_where_it_leaves_0_to_1() -> None:
    target = row("target", data=[1], shape=[1], text="yes")
    assert shown(row(data=[2.0]), target).examples[0].score == pytest.approx(1 / (1 + math.exp(-2)))
    assert shown(row(data=[0.9]), target).examples[0].score == pytest.approx(0.9)
    assert shown(row(data=[-1.0]), target).examples[0].right == "no"


def test_numbers_are_off_by_their_distance() -> None:
    rows = [row("target", example=k, data=[v]) for k, v in enumerate((10.0, 20.0))]
    rows += [row(step=s, example=0, data=[v]) for s, v in ((0, 4.0), (1, 6.0), (2, 8.0))]
    data = shown(*rows)
    assert data.kind == "number"
    one = data.examples[0]
    assert (one.score, one.target, one.loss, one.right) == (8.0, 10.0, 2.0, "")
    assert one.jitter == pytest.approx(2.0 / 5.0)


def test_a_long_text_is_told_by_its_share_of_right_characters() -> None:
    label = "the quick brown fox jumps over"
    rows = [row("target", data=(), shape=[], text=label)]
    rows += [row(step=s, data=(), shape=[], text=t) for s, t in ((0, "#" * 30), (1, label[:15] + "#" * 15))]
    data = shown(*rows)
    assert data.kind == "text"
    one = data.examples[0]
    assert (one.score, one.right) == (0.5, "")
    assert one.jitter == pytest.approx(0.5)


def test_a_long_history_is_thinned_and_keeps_its_ends() -> None:
    data = shown(*(row(step=s, data=[float(s)]) for s in range(10_000)))
    assert examples.STEPS / 2 <= len(data.steps) <= examples.STEPS + 1
    assert (data.steps[0], data.steps[-1]) == (0, 9999)
    gaps = np.diff(data.steps[:-1])
    assert len(set(gaps.tolist())) == 1, "evenly"
    assert data.examples[0].history[-1] == 9999.0


def test_a_restart_replaces_what_it_does_again() -> None:
    known = Examples()
    known.fold("a", batch(*(row(step=s, data=[1.0]) for s in (0, 10, 20, 30))))
    known.fold("b", batch(*(row(step=s, data=[2.0]) for s in (20, 30))))
    *_, moments = known.history("fixed", [("a", 20), ("b", EVER)])
    assert [(m.step, m.outputs[0].data[0]) for m in moments] == [(0, 1.0), (10, 1.0), (20, 2.0), (30, 2.0)]


def test_batches_are_told_apart_by_their_names() -> None:
    rows = [row(name="fixed", data=[1.0]), row(name="hard", data=[2.0])]
    assert shown(*rows, view=PredictionsView(name=1)).name == "hard"
    assert shown(*rows, view=PredictionsView(name=2)).name == "fixed"
    assert shown(*rows).names == ("fixed", "hard")


HOSTILE = [
    row(example=-1),
    row(example=10**9),
    row(data=[1.0], shape=[2, 3]),
    row(data=[1.0] * 4, shape=[-2, -2]),
    row(data=[1.0], shape=[1 << 40, 1 << 40]),
    row(data=[math.nan, math.inf, -math.inf]),
    row(data=[]),
    row(role="\x1b[31m"),
    row(name="\x1b]52;", text="\u202e"),
    row("target", data=[math.nan]),
    row("target", data=[1e300]),
    row("input", data=[math.nan] * 6, shape=[2, 3]),
    row("output", data=[1.0] * 1000),
    row(step=-5),
    dict.fromkeys(PREDICTIONS.names),
]


@settings(max_examples=60)
@given(st.lists(st.sampled_from([*HOSTILE, *classes()]), max_size=12), st.integers(0, 3), st.integers(0, 3))
def test_no_row_breaks_anything(rows, back, name) -> None:
    for order in ("example", "worst", "jitter"):
        data = shown(*rows, view=PredictionsView(name, back, order))
        assert len(data.examples) <= examples.EXAMPLES
        for one in data.examples:
            assert len(one.history) == len(data.steps) == len(one.right_then)


KINDS = [
    *classes(),
    row("target", 0, 2, [1.0]),
    row("target", 0, 1, [0.5]),
    row("target", 0, 0, [0.0], [], "no"),
    *(row(step=step, example=step % 3, data=[value]) for step, value in enumerate([0.2, 0.9, -3.0, math.nan, 0.4])),
    *(row(step=step, example=step % 2, data=[0.5, value], text="ab") for step, value in enumerate([0.5, math.inf, 2])),
    row(step=30, example=1, data=[0.0, 0.0, 9.0], text="c"),
    row(step=31, example=1, data=[0.0, 0.0, 9.0], text="another name"),
    row("output", 4, 0, [], [0], "words"),
]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from("ab"), st.booleans()), min_size=1, max_size=25))
def test_what_is_read_as_rows_come_is_what_is_read_of_all_at_once(rows) -> None:
    view, growing = View(predictions=PredictionsView()), Inside()
    for count, (one, writer, look) in enumerate(rows, 1):
        growing.fold("predictions", writer, batch(one))
        if not look and count < len(rows):
            continue
        lines = (("a", 20 if any(w == "b" for _, w, _ in rows[:count]) else EVER), ("b", EVER))
        fresh = Inside()
        for known, by, _ in rows[:count]:
            fresh.fold("predictions", by, batch(known))
        found, expected = (inside.shown(view, lines, {}, 0)["predictions"] for inside in (growing, fresh))
        for field in dataclasses.fields(expected):
            if field.name != "examples":
                np.testing.assert_array_equal(getattr(found, field.name), getattr(expected, field.name))
        for one_, other in zip(found.examples, expected.examples, strict=True):
            for field in dataclasses.fields(other):
                if field.name != "given":
                    np.testing.assert_array_equal(getattr(one_, field.name), getattr(other, field.name))


def test_an_output_is_read_once(monkeypatch) -> None:
    read = []
    monkeypatch.setattr(Reading, "_read", lambda self, one, *label: read.append(one) or once(self, one, *label))
    view, inside, lines = View(predictions=PredictionsView()), Inside(), (("a", EVER),)
    inside.fold("predictions", "a", batch(*classes()))
    inside.shown(view, lines, {}, 0)
    assert len(read) == 6
    inside.fold("predictions", "a", batch(row("output", 30, 1, [0.0, 9.0, 0.0], None, "b")))
    assert inside.shown(view, lines, {}, 0)["predictions"].examples[1].said_then == ["a", "c", "b", "b"]
    assert len(read) == 8, "the new one, and the other example's that is missing"


def test_a_run_hands_them_over_only_when_asked(make) -> None:
    from nntui.runlog.reader import Batch

    state = RunState("run", "runs/run")
    state.fold(make.poll(Batch("a", "predictions", batch(*classes()))), 100.0, make.wall)
    assert state.snapshot(View(), 100.0).predictions.examples == ()
    view = View(predictions=PredictionsView())
    found = state.snapshot(view, 100.0).predictions
    assert len(found.examples) == 2
    assert state.snapshot(view, 101.0).predictions is found, "it is not made again"


@settings(max_examples=40)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), st.integers(0, 11))
def test_jitter_and_the_last_flip_are_what_a_loop_would_count(said, shown_at) -> None:
    places = {name: place for place, name in enumerate("abc")}
    rows = [row("target", 0, 0, [0], [], "a")]
    for step, name in enumerate(said):
        rows.append(row("output", 10 * step, 0, np.eye(3)[places[name]] * 5, None, name))
    at = min(shown_at, len(said) - 1)
    flips = [k for k in range(1, at + 1) if said[k] != said[k - 1]]
    one = shown(*rows, view=PredictionsView(step=10 * at)).examples[0]
    assert one.last_change == (10 * flips[-1] if flips else -1)
    assert math.isnan(one.jitter) if not at else one.jitter == pytest.approx(len(flips) / at)


def test_what_flipped_last_comes_first_and_what_never_did_last() -> None:
    found = shown(*classes(), view=PredictionsView(order="flip"))
    assert [(one.example, one.last_change) for one in found.examples] == [(1, 20), (0, -1)]


def test_a_number_flips_where_it_comes_to_the_other_side_of_its_label() -> None:
    rows = [row("target", data=[10.0]), *(row(step=s, data=[v]) for s, v in ((0, 4.0), (5, 12.0), (9, 15.0)))]
    assert shown(*rows).examples[0].last_change == 5


def test_the_shown_moment_stays_as_training_goes_on() -> None:
    steps = (0, 10, 20)
    assert shown(*classes(steps), view=PredictionsView(step=10)).at == 1
    assert shown(*classes(steps), row(step=30, data=[9, 0, 0]), view=PredictionsView(step=10)).at == 1


def test_several_numbers_are_off_by_their_distance_in_spreads_of_the_labels() -> None:
    rows = [row("target", example=k, data=[v, -v]) for k, v in enumerate((10.5, 20.5))]
    rows += [row(step=s, example=0, data=[v, -v]) for s, v in ((0, 4.5), (1, 8.5))]
    data = shown(*rows)
    one = data.examples[0]
    assert data.kind == "numbers"
    assert (one.said, one.label) == ("8.5, -8.5", "10.5, -10.5")
    assert (one.score, one.loss) == (pytest.approx(2.0), pytest.approx(2.0))
    assert one.jitter == pytest.approx(4.0 / 5.0), "the labels' spread is 5"
    assert one.good.tolist() == pytest.approx([1 / (1 + 6 / 5), 1 / (1 + 2 / 5)])


def test_places_of_a_sequence_are_right_or_wrong() -> None:
    rows = [row("target", data=[1, 2, 3, 4]), row(data=[1, 2, 3, 0])]
    assert shown(*rows).examples[0].score == pytest.approx(0.25), "the share that is wrong"


def test_hundreds_of_examples_are_kept_at_fewer_steps(monkeypatch) -> None:
    monkeypatch.setattr(examples, "OUTPUTS", 1000)
    known = Examples()
    for step in range(100):
        known.fold("a", batch(*(row(step=step, example=k, data=[1.0, 0.0]) for k in range(50))))
    moments = known.history("fixed", (("a", EVER),))[2]
    assert sum(len(moment.outputs) for moment in moments) <= 1000 + 50
    assert moments[-1].step == 99
    data = predictions(PredictionsView(), known.names, *known.history("fixed", (("a", EVER),)))
    assert len(data.examples) == 50


def test_labels_are_counted_by_what_is_said_at_the_shown_moment() -> None:
    now, then = (shown(*classes(), view=PredictionsView(step=step)) for step in (None, 0))
    assert now.classes == ("a", "b", "c")
    assert now.confusion.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert then.confusion.tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert now.confusion.sum() == now.labelled
    assert np.trace(now.confusion) == now.right


def test_every_class_has_a_probability_at_every_moment() -> None:
    one = shown(*classes()).examples[1]
    assert one.chances.shape == (3, 3)
    assert np.allclose(one.chances.sum(axis=1), 1.0)
    assert np.allclose(one.chances[:, 1], one.history), "of the label it is the score"
    assert np.array_equal(one.sure, one.chances.max(axis=1)), "and of what is said the largest"


@pytest.mark.parametrize(
    "rows",
    [
        [row(data=[1.0] * 33), row("target", data=[5.0], shape=[])],
        [row(data=[1.0]), row("target", data=[0.5], shape=[])],
        [row(data=[1.0, 2.0]), row(data=[1.0, 2.0, 3.0], example=1), row("target", data=[1.0], shape=[])],
    ],
    ids=["too many", "a number", "of two sizes"],
)
def test_what_has_no_few_classes_is_not_counted(rows) -> None:
    data = shown(*rows)
    assert data.classes == ()
    assert data.confusion.shape == data.examples[0].chances.shape == (0, 0)


def test_what_is_not_finite_and_a_label_beyond_the_classes_are_not_counted() -> None:
    rows = [row(data=[math.nan, 1.0]), row(data=[0.0, 1.0], example=1), row(data=[3.0, 1.0], example=2)]
    rows += [row("target", data=[one], shape=[], example=k) for k, one in enumerate([0.0, 1.0])]
    assert shown(*rows).confusion.tolist() == [[0, 0], [0, 1]]
    assert shown(*rows).classes == ("0", "1"), "a class that no text names has its number"


def test_outputs_of_a_moment_are_looked_through_for_names_once(monkeypatch) -> None:
    looked = []
    argmax = np.argmax
    monkeypatch.setattr(np, "argmax", lambda data: looked.append(data) or argmax(data))
    known = Examples()
    known.fold("a", batch(*classes()))

    def names() -> dict[int, str]:
        looked.clear()
        _, targets, moments = known.history("fixed", (("a", EVER),))
        return called(moments, targets)

    assert names() == {0: "a", 1: "b", 2: "c"}
    assert len(looked) == 6
    known.fold("a", batch(row("output", 30, 1, [0, 0, 0, 9], None, "d"), row("output", 30, 0, [0, 9, 0, 0], None, "x")))
    assert names() == {0: "a", 1: "b", 2: "c", 3: "d"}, "of a label, then of the first that said it"
    assert len(looked) == 2
    known.fold("a", batch(row("output", 30, 1, [0, 0, 0, 9], None, "e")))
    assert names()[3] == "e", "what is recorded again is looked at again"


def test_the_newest_outputs_are_looked_through_for_classes_once() -> None:
    class Outputs(dict):
        def values(self):
            looked.append(1)
            return super().values()

    looked = []
    known = Examples()
    known.fold("a", batch(*(row(example=k, data=[0.0, 1.0], text="b") for k in range(40))))
    _, targets, moments = known.history("fixed", (("a", EVER),))
    moments[-1].outputs = Outputs(moments[-1].outputs)
    reading = Reading(moments, targets)
    looked.clear()
    shown = [reading.prediction(k, 0, examples.ABSENT) for k in range(40)]
    assert all(one.chances.shape == (1, 2) for one in shown)
    assert not looked
