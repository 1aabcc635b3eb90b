"""Single examples: folded against a naive reference, ordered, filtered, spread; and what no recorder writes."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nntui.runlog.reader import Batch
from nntui.runlog.schema import EXAMPLES
from nntui.session import table
from nntui.session.data import OF_ORDER, Data, DataView, Listed, choose
from nntui.session.filters import OF_EXAMPLES, parsed
from nntui.session.histogram import of_classes, of_numbers
from nntui.session.run_state import RunState
from nntui.session.snapshot import View
from nntui.session.table import COLUMNS, MEASURED, NEVER, NUMBERS, Known, Table

EVER = 1 << 62
NAN = math.nan


def row(index=0, step=0, split="train", **columns):
    found = {"split": split, "index": index, "step": step, "wall_time_ns": 1}
    found |= {"label": "", "prediction": "", "loss": NAN, "confidence": NAN, "outlier": NAN, "suspect": NAN}
    found |= {"duplicate_of": -1, "duplicate_split": "", "shape": [], "data": [], "text": ""}
    return found | columns


def batch(*rows) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema=EXAMPLES)


def known(*rows, writers=(("a", EVER),)) -> Table:
    found = Known()
    found.fold("a", batch(*rows))
    return found.table(writers)


def shown(*rows, order="loss", pattern="", column="", bars=10) -> Data:
    return choose(DataView(order, pattern, column, bars), Listed(known(*rows)))


def places(data: Data) -> list[int]:
    return [one.index for one in data.rows]


# --- folding --------------------------------------------------------------------------------------


def naive(parts):
    """{(split, index): {column: value}} from (writer, cut, rows), as the format says it."""
    found, when = {}, {}
    for _, cut, rows in parts:
        for one in rows:
            if one["index"] < 0 or one["step"] >= cut:
                continue
            key = one["split"], one["index"]
            found.setdefault(key, {})
            for name in COLUMNS:
                value = one[name]
                unknown = (
                    one["duplicate_of"] < 0
                    if name.startswith("duplicate")
                    else value == ""
                    if isinstance(value, str)
                    else math.isnan(value)
                )
                if not unknown and one["step"] >= when.get((key, name), NEVER):
                    found[key][name], when[key, name] = value, one["step"]
            given = one["text"]
            if given and one["step"] >= when.get((key, "text"), NEVER):
                found[key]["text"], when[key, "text"] = given, one["step"]
    return found, when


def unfolded(table: Table):
    """The same of a table."""
    found = {}
    for at in range(len(table)):
        key = table.splits[table.split[at]], int(table.index[at])
        values = {name: table.texts[ids[at]] for name, ids in table.words.items() if ids[at] >= 0}
        values |= {name: one[at] for name, one in table.numbers.items() if not math.isnan(one[at])}
        shown = table.given.get((int(table.split[at]), int(table.index[at])))
        found[key] = values | ({"text": shown.text} if shown and shown.text else {})
    return found


some_text = st.sampled_from(["", "cat", "dog", "3"])
some_number = st.sampled_from([NAN, 0.0, 1.5, math.inf, -2.0])
some_rows = st.lists(
    st.builds(
        row,
        st.integers(-1, 4),
        st.sampled_from([-1, 0, 5, 5, 10]),
        st.sampled_from(["train", "validation", "odd"]),
        label=some_text,
        prediction=some_text,
        loss=some_number,
        outlier=some_number,
        duplicate_of=st.integers(-1, 2),
        duplicate_split=some_text,
        text=some_text,
    ),
    max_size=14,
)


def cleaned(found):
    """Without the empty texts that stand for the same split."""
    return {key: {k: v for k, v in values.items() if v != ""} for key, values in found.items()}


@settings(max_examples=200)
@given(some_rows, st.integers(0, 14), st.integers(0, 14))
def test_the_newest_known_value_of_each_column_counts_in_any_chunks(rows, one, other) -> None:
    first, second = sorted((one, other))
    chunked = Known()
    for part in (rows[:first], rows[first:second], rows[second:]):
        chunked.fold("a", batch(*part))
    found = chunked.table([("a", EVER)])
    expected, when = naive([("a", EVER, rows)])
    assert unfolded(found) == cleaned(expected)
    for at in range(len(found)):
        key = found.splits[found.split[at]], int(found.index[at])
        assert found.step[at] == max((when.get((key, name), NEVER) for name in MEASURED), default=NEVER)
    assert [tuple(found.index[found.split == k]) for k in range(len(found.splits))] == [
        tuple(sorted({i for s, i in expected if s == name})) for name in found.splits
    ]


@settings(max_examples=100)
@given(some_rows, some_rows)
def test_two_writers_add_up_like_one(rows, more) -> None:
    found = Known()
    found.fold("b", batch(*more))
    found.fold("a", batch(*rows))
    parts = [("a", EVER), ("b", EVER)]
    expected, _ = naive([("a", EVER, rows), ("b", EVER, more)])
    assert unfolded(found.table(parts)) == cleaned(expected)


def test_what_a_restart_replaced_does_not_count() -> None:
    found = Known()
    found.fold("a", batch(row(1, -1, outlier=4.0), row(1, 30, loss=9.0), row(2, 30, loss=8.0), row(-1, 30, loss=1.0)))
    found.fold("b", batch(row(3, 20, loss=2.0), row(-1, 20, loss=0.5)))
    merged = found.table([("a", 20), ("b", EVER)])
    assert unfolded(merged) == {("train", 1): {"outlier": 4.0}, ("train", 3): {"loss": 2.0}}
    assert merged.rests == ((20, 0.5),)
    assert unfolded(found.table([("a", EVER)])).keys() == {("train", 1), ("train", 2)}


def test_splits_come_in_the_order_one_thinks_of_them() -> None:
    rows = [row(0, split=name) for name in ("mine", "test", "validation", "yours", "train")]
    assert known(*rows).splits == ("train", "validation", "test", "mine", "yours")


def test_too_many_examples_are_left_out_and_counted(monkeypatch) -> None:
    monkeypatch.setattr(table, "LIMIT", 3)
    found = known(*(row(k, loss=1.0) for k in range(5)), row(0, 1, loss=2.0), row(9, split="test"))
    assert found.index.tolist() == [0, 1, 2]
    assert found.numbers["loss"].tolist() == [2.0, 1.0, 1.0]
    assert found.beyond == 3


def test_too_many_inputs_are_left_out(monkeypatch) -> None:
    monkeypatch.setattr(table, "INPUT_NUMBERS", 10)
    found = known(*(row(k, shape=[4], data=[1.0] * 4, text=f"t{k}") for k in range(3)))
    assert [len(found.given[0, k].data) for k in range(3)] == [4, 4, 0]
    assert found.given[0, 2].text == "t2"


def test_texts_that_nothing_refers_to_are_forgotten(monkeypatch) -> None:
    monkeypatch.setattr(table, "TEXT_LIMIT", 50)
    found = Known()
    for step in range(100):
        found.fold("a", batch(row(0, step, label="cat", prediction=f"p{step}")))
    assert len(found._texts) <= 51
    assert unfolded(found.table([("a", EVER)])) == {("train", 0): {"label": "cat", "prediction": "p99"}}


HOSTILE = [
    row(index=-2),
    row(index=-(1 << 62), loss=1.0),
    row(index=1 << 62, step=-5),
    row(split="\x1b[31m", label="\x1b]52;", text="\u202e"),
    row(split="", label="x" * 10_000, prediction="\x00"),
    row(loss=math.inf, confidence=-math.inf, outlier=1e308, suspect=-1e308),
    row(shape=[2, 3], data=[1.0]),
    row(shape=[-2, -2], data=[1.0] * 4),
    row(shape=[1 << 40, 1 << 40], data=[1.0]),
    row(shape=[2], data=[NAN, math.inf]),
    row(index=-1, loss=math.inf, step=7),
    row(index=-1, loss=NAN),
    row(duplicate_of=1 << 62, duplicate_split="train"),
    dict.fromkeys(OF_EXAMPLES.names),
    row(label="nan", prediction="inf"),
    row(label="1e999", prediction="0x1"),
]
PATTERNS = [
    "",
    "wrong",
    "label=3 loss>1",
    "'open",
    "loss>x",
    "=",
    ">",
    "s=1",
    "old dup<3 conf>=0 split!=train",
    "\x1b",
    "a" * 999,
]


@settings(max_examples=80)
@given(
    st.lists(st.sampled_from(HOSTILE), max_size=12),
    st.sampled_from(["", *OF_ORDER]),
    st.sampled_from(PATTERNS) | st.text(max_size=12),
    st.sampled_from(["", "label", "loss", "confidence", "outlier", "suspect"]),
    st.integers(-1, 100),
)
def test_no_row_and_no_pattern_breaks_anything(rows, order, pattern, column, bars) -> None:
    data = shown(*rows, order=order, pattern=pattern, column=column, bars=bars)
    assert len(data.rows) <= data.total <= len(rows)
    for place, one in enumerate(data.rows):
        assert data.rows.place(one.split, one.index) == place
    assert data.histogram.counts.sum() + data.histogram.unknown + (data.histogram.more > 0) >= 0


# --- judging, ordering ----------------------------------------------------------------------------


def test_a_prediction_is_right_or_wrong_where_both_are_words() -> None:
    data = shown(
        row(0, label="cat", prediction="cat"),
        row(1, label="cat", prediction="dog"),
        row(2, label="cat"),
        row(3, label="x" * 30, prediction="y" * 30),
    )
    assert [(one.index, one.right) for one in data.rows] == [(0, "yes"), (1, "no"), (2, ""), (3, "")]
    assert (data.wrong, data.judged) == (1, 2)


def test_numbers_are_near_and_not_wrong() -> None:
    data = shown(row(0, label="151", prediction="148.2"), row(1, label="3", prediction="4", split="test"))
    assert [(one.split, one.right) for one in data.rows] == [("train", ""), ("test", "no")]


MIXED = [
    row(0, 5, loss=1.0, confidence=0.5, label="a", prediction="a", outlier=3.0, suspect=0.1),
    row(1, 5, loss=4.0, confidence=0.6, label="a", prediction="b", outlier=NAN, suspect=0.9),
    row(2, 5, loss=2.0, confidence=0.9, label="b", prediction="a", outlier=7.0),
    row(3, 5, confidence=0.99, label="b", prediction="b"),
    row(4, 1, loss=9.0, confidence=0.99, label="b", prediction="a", suspect=0.5),
    row(5, label="b"),
    row(-1, 5, loss=0.75),
]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("loss", [1, 2, 0, 4, 3, 5]),
        ("confident", [2, 1, 3, 0, 5, 4]),
        ("outlier", [2, 0, 1, 3, 5, 4]),
        ("suspect", [1, 4, 0, 2, 3, 5]),
        ("place", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_orders_put_what_is_looked_for_first_and_what_is_not_known_last(order, expected) -> None:
    assert places(shown(*MIXED, order=order)) == expected


def test_what_a_measurement_of_the_whole_split_put_out_of_date_is_told() -> None:
    data = shown(*MIXED, order="place")
    one = data.rows[4]
    assert (one.old, one.loss, one.right, one.step, one.since, one.at_most) == (True, 9.0, "", 1, 5, 0.75)
    assert [one.old for one in data.rows] == [False] * 4 + [True, False]
    assert data.old == 1
    assert (data.wrong, data.judged) == (2, 4)
    other = shown(*MIXED, row(4, 1, split="test", loss=9.0), order="place", pattern="split=test")
    assert not other.rows[0].old, "another split was not measured again"


def test_without_an_order_it_is_the_first_that_anything_is_known_for() -> None:
    assert shown(*MIXED, order="").order == "loss"
    assert shown(row(0, outlier=1.0), row(1, outlier=2.0, suspect=1.0), order="").order == "outlier"
    assert shown(row(0, suspect=1.0), order="").column == "suspect"
    assert shown(row(0), order="").order == "place"
    assert shown(order="").order == "loss"


def reference_order(rows, order):
    key = {"loss": "loss", "confident": "confidence", "outlier": "outlier", "suspect": "suspect"}[order]
    wrong = [one["label"] != one["prediction"] and one["label"] and one["prediction"] for one in rows]

    def place(n):
        value = rows[n][key]
        first = not wrong[n] if order == "confident" else 0
        return (first, math.isnan(value), 0 if math.isnan(value) else -value, n)

    return sorted(range(len(rows)), key=place)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(some_number, some_number, some_text, some_text), max_size=12),
    st.sampled_from(["loss", "confident", "outlier", "suspect"]),
)
def test_orders_are_those_of_a_naive_sort(values, order) -> None:
    rows = [
        row(n, loss=a, confidence=b, outlier=a, suspect=b, label=c, prediction=d)
        for n, (a, b, c, d) in enumerate(values)
    ]
    assert places(shown(*rows, order=order)) == reference_order(rows, order)


# --- filters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("wrong", [1, 2]),
        ("right", [0, 3]),
        ("old", [4]),
        ("label=a", [0, 1]),
        ("label!=a", [2, 3, 4, 5]),
        ("LABEL=A wrong", [1]),
        ("loss>1", [1, 2]),
        ("loss>=1", [0, 1, 2]),
        ("conf<0.6", [0]),
        ("outlier=7", [2]),
        ("suspect", [1, 4]),
        ("suspect>.4", [1, 4]),
        ("index<2", [0, 1]),
        ("step=5", [0, 1, 2, 3]),
        ("split=train", [0, 1, 2, 3, 4, 5]),
        ("split=test", []),
        ("trai", [0, 1, 2, 3, 4, 5]),
        ("pred=b", [1, 3]),
        ("dup", []),
        ("duplicate", []),
        ("label=", []),
        ("zebra", []),
        ("loss>1 conf>0.7", [2]),
        ("!wrong", [0, 3, 4, 5]),
        ("!label=a", [2, 3, 4, 5]),
        ("!loss>1", [0, 3, 4, 5]),
        ("label=a|zebra", [0, 1]),
        ("label=*", [0, 1, 2, 3, 4, 5]),
        ("index=0|3", [0, 3]),
        ("'wrong'", []),
    ],
)
def test_a_filter_lets_through_what_it_says(pattern, expected) -> None:
    data = shown(*MIXED, order="place", pattern=pattern)
    assert places(data) == expected
    assert data.problem == ""
    assert data.total == 6


def test_numbers_are_found_however_they_are_written() -> None:
    rows = [row(0, label="3"), row(1, label="3.0"), row(2, label="30"), row(3, text="a three 3 here"), row(4)]
    assert places(shown(*rows, order="place", pattern="label=3")) == [0, 1]
    assert places(shown(*rows, order="place", pattern="label>3")) == [2]
    assert places(shown(*rows, order="place", pattern="three")) == [3]
    assert places(shown(row(0, label="new york"), row(1, label="york"), pattern='label="New York"')) == [0]


def test_duplicates_are_found() -> None:
    rows = [row(0, split="validation", duplicate_of=7, duplicate_split="train"), row(1, duplicate_of=0), row(2)]
    data = shown(*rows, order="place", pattern="duplicate")
    assert [(one.split, one.duplicate_of, one.duplicate_split) for one in data.rows] == [
        ("train", 0, "train"),
        ("validation", 7, "train"),
    ]
    assert places(shown(*rows, pattern="dup>=5")) == [0]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("loss>x", "character 6: expected a number such as 0.3 or 1e-4 after loss>, found 'x'"),
        ("  label<x", "character 9: expected a number such as 0.3 or 1e-4 after label<, found 'x'"),
        ("    s=1", "character 5: expected split or suspect or step, found 's'"),
        ("no=1", f"character 1: expected {' or '.join(OF_EXAMPLES.names)}, found 'no'"),
        ("loss=", "character 6: expected a number such as 0.3 or 1e-4 after loss="),
        ("loss>1|2", "character 6: expected one number after loss>, found '1|2'"),
        (">1", "character 1: expected a name before >, such as split>…"),
        ("label='a b", "character 7: expected a closing '"),
    ],
)
def test_what_cannot_be_understood_is_said_and_hides_nothing(pattern, said) -> None:
    data = shown(*MIXED, pattern=pattern)
    assert data.problem == said
    assert len(data.rows) == 6


def test_every_word_of_the_language_is_understood() -> None:
    for name in OF_EXAMPLES.names:
        assert parsed(f"{name}=1").problem == ""
    assert [one.field for one in parsed(" ".join(OF_EXAMPLES.words)).conditions] == list(OF_EXAMPLES.words)


# --- histograms -----------------------------------------------------------------------------------


@settings(max_examples=100)
@given(st.lists(st.floats(), max_size=30), st.integers(1, 12))
def test_every_number_is_in_one_bar_or_unknown(values, bars) -> None:
    data = np.array(values, float)
    found = of_numbers(data, bars)
    finite = data[np.isfinite(data)]
    assert found.counts.sum() == len(finite)
    assert found.unknown == len(data) - len(finite)
    if len(finite):
        assert (found.low, found.high, len(found.counts)) == (finite.min(), finite.max(), bars)
        assert found.counts[0] > 0
        assert found.counts[-1] > 0 or finite.min() == finite.max() or np.ptp(finite / 2) == 0


def test_numbers_over_decades_are_spaced_by_factors() -> None:
    found = of_numbers(np.array([1e-4, 1e-3, 1e-2, 1e-1, 1.0]), 4)
    assert found.factors
    assert found.counts.tolist() == [1, 1, 1, 2]
    plain = of_numbers(np.array([0.0, 1.0, 2.0, 100.0]), 4)
    assert not plain.factors
    assert plain.counts.tolist() == [3, 0, 0, 1]


def test_classes_have_a_bar_each_in_their_order_and_of_too_many_the_most_frequent() -> None:
    texts = ["dog", "10", "9", "cat"]
    numbers = np.array([NAN, 10.0, 9.0, NAN])
    codes = np.array([0, 0, 1, 2, 2, 2, 3, -1])
    found = of_classes(codes, texts, numbers, 9)
    assert found.names == ("9", "10", "cat", "dog")
    assert found.counts.tolist() == [3, 1, 1, 2]
    assert (found.unknown, found.more) == (1, 0)
    few = of_classes(codes, texts, numbers, 2)
    assert (few.names, few.counts.tolist(), few.more) == (("9", "dog"), [3, 2], 2)


def test_the_histogram_follows_the_order_unless_it_is_asked_for_another_column() -> None:
    for order, column in OF_ORDER.items():
        assert shown(*MIXED, order=order).column == column
    data = shown(*MIXED, order="loss", column="label", pattern="label=b")
    assert (data.column, data.histogram.names, data.histogram.counts.tolist()) == ("label", ("b",), [4])
    regression = shown(row(0, label="1.5", prediction="1"), row(1, label="3"), column="label")
    assert (regression.histogram.names, regression.histogram.low, regression.histogram.high) == ((), 1.5, 3.0)
    assert shown(*MIXED, column="loss").histogram.high == 4.0, "what is out of date does not count"


# --- the run --------------------------------------------------------------------------------------


def test_a_run_hands_them_over_only_when_asked(make) -> None:
    state = RunState("run", "runs/run")
    event = make.event("inputs", "input: 64 × 64 float32")
    state.fold(make.poll(Batch("a", "examples", batch(*MIXED)), event), 100.0, make.wall)
    assert len(state.snapshot(View(), 100.0).data.rows) == 0
    view = View(data=DataView())
    found = state.snapshot(view, 100.0).data
    assert (len(found.rows), found.total, found.entered) == (6, 6, "input: 64 × 64 float32")
    assert state.snapshot(view, 101.0).data is found, "it is not made again"
    other = state.snapshot(View(data=DataView("place")), 101.0).data
    assert places(other) == [0, 1, 2, 3, 4, 5]
    state.fold(make.poll(Batch("a", "examples", batch(row(9, 6, loss=99.0)))), 102.0, make.wall)
    assert places(state.snapshot(view, 102.0).data)[0] == 9
    assert places(found)[0] == 1, "what was handed over stays as it was"


def test_a_hundred_thousand_examples_are_chosen_and_found() -> None:
    count = 100_000
    numbers = {name: np.arange(count, dtype=float) for name in NUMBERS if name != "duplicate_of"}
    columns = {"split": ["train"] * count, "index": range(count), "step": [1] * count, "wall_time_ns": [1] * count}
    columns |= {"label": [str(k % 10) for k in range(count)], "prediction": [str(k % 7) for k in range(count)]}
    columns |= numbers | {"duplicate_of": [-1] * count, "duplicate_split": [""] * count}
    columns |= {"shape": [[]] * count, "data": [[]] * count, "text": [""] * count}
    known = Known()
    known.fold("a", pa.RecordBatch.from_pydict(columns, schema=EXAMPLES))
    data = choose(DataView(pattern="label=3 wrong"), Listed(known.table([("a", EVER)])))
    expected = [k for k in range(count) if k % 10 == 3 and k % 7 != 3]
    assert len(data.rows) == len(expected)
    assert data.rows[0].index == expected[-1]
    assert data.rows.place("train", expected[0]) == len(expected) - 1
    assert data.rows.place("train", 4) == data.rows.place("test", 3) == -1
