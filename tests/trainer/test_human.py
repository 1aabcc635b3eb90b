"""A person's score against naive references, and its way from one run folder to the next."""

import json
import math
import statistics
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nntui
from trainer import human

CLASSES = st.integers(0, 3)
PAIRS = st.lists(st.tuples(CLASSES, CLASSES), max_size=30)
NUMBERS = st.floats(-1e6, 1e6)


def result(truth, first, again=(), *, names=("a", "b", "c", "d"), **more) -> human.Result:
    more = {"task": "mine.py:task", "split": "validation", "metric": "val/accuracy"} | more
    return human.Result(
        names=names, places=tuple(range(len(truth))), truth=tuple(truth), first=tuple(first), again=tuple(again), **more
    )


@given(PAIRS)
def test_a_share_is_the_mean_of_what_agrees_with_wilsons_error(pairs) -> None:
    found = human.share(pairs)
    if not pairs:
        assert math.isnan(found.value)
        return
    n, p = len(pairs), statistics.mean(float(a == b) for a, b in pairs)
    # Wilson's interval at one standard error: both roots of (p - q)² = q (1 - q) / n.
    a, b, c = 1 + 1 / n, -(2 * p + 1 / n), p * p
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    assert found.value == pytest.approx(p)
    assert found.error == pytest.approx(root / (2 * a))
    assert found.error > 0


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=30))
def test_a_distance_is_the_mean_of_absolute_differences(pairs) -> None:
    found = human.distance(pairs)
    apart = [abs(a - b) for a, b in pairs]
    if not apart:
        assert math.isnan(found.value)
        return
    assert found.value == pytest.approx(statistics.mean(apart))
    if len(apart) > 1:
        assert found.error == pytest.approx(statistics.stdev(apart) / math.sqrt(len(apart)), abs=1e-6)
    else:
        assert math.isnan(found.error)


@given(st.lists(st.tuples(st.integers(-100, 100), st.integers(-100, 100)), max_size=20))
def test_a_correlation_is_pearsons_and_unknown_for_a_constant(pairs) -> None:
    sides = list(zip(*pairs, strict=True))
    if len(pairs) < 2 or any(len(set(side)) == 1 for side in sides):
        assert math.isnan(human.correlation(pairs))
    else:
        assert human.correlation(pairs) == pytest.approx(statistics.correlation(*sides), abs=1e-9)


@given(PAIRS)
def test_confusion_holds_every_mistake_once_and_the_most_frequent_first(pairs) -> None:
    found = human.confusion(pairs)
    assert all(pairs.count((t, a)) == n and t != a for t, a, n in found)
    assert sum(n for *_, n in found) == sum(t != a for t, a in pairs)
    assert [n for *_, n in found] == sorted((n for *_, n in found), reverse=True)


def test_only_what_was_answered_counts_and_only_what_was_answered_twice_agrees() -> None:
    one = result([0, 1, 2, 2, 1], [0, None, 2, 1, 1], [0, None, None, 1, 2])
    assert (one.score.value, one.score.count) == (0.75, 4)
    assert (one.agreement.value, one.agreement.count) == (pytest.approx(2 / 3), 3)
    assert one.constant == (2.0, 0.5)
    evidence = human.finding(one).evidence
    assert evidence["indices"] == [0, 2, 3, 4]
    assert evidence["answers"] == [0, 2, 1, 1]
    assert evidence["answers_again"] == [0, None, 1, 2]
    assert evidence["confusion"] == [["c", "b", 1]]
    assert (evidence["metric"], evidence["value"], evidence["n"]) == ("val/accuracy", 0.75, 4)


def test_the_best_constant_number_is_a_median() -> None:
    one = result([1.0, 2.0, 10.0], [1.0, 3.0, 8.0], names=(), metric="val/error")
    assert one.constant == (2.0, pytest.approx(3.0))
    found = human.finding(one)
    assert found.measured == pytest.approx(1.0)
    assert found.evidence["mean_absolute_error"] == found.evidence["value"] == pytest.approx(1.0)
    assert found.evidence["correlation"] > 0.9
    assert "off by 1" in found.message


def test_a_metric_in_percent_gets_a_value_in_percent() -> None:
    evidence = human.finding(result([0, 1], [0, 0], scale=100.0)).evidence
    assert (evidence["accuracy"], evidence["value"]) == (0.5, 50.0)


@pytest.mark.parametrize("names", [("only",), ("\x1b[31mred" * 30,) * 900, ("\U0001f600" * 40,) * 500])
def test_evidence_fits_into_its_row_whatever_the_names_and_however_many_answers(tmp_path, names) -> None:
    truth = [float(k % len(names)) for k in range(1000)]
    answers = [float((k // 7) % len(names)) for k in range(1000)]
    with nntui.init(tmp_path / "run") as run:
        run.check(human.finding(result(truth, answers, answers, names=names)))
    (row,) = nntui.read(tmp_path / "run").checks.to_pylist()
    assert json.loads(row["evidence"])["n"] == 1000


def recorded(folder: Path, share: float, task: str = "mine.py:task", **more) -> None:
    right = round(share * 10)
    with nntui.init(folder, config={"label": task}) as run:
        run.check(human.finding(result([1.0] * 10, [1.0] * right + [2.0] * (10 - right), task=task, **more)))


def test_the_newest_result_of_the_task_is_found_among_the_folders_beside(tmp_path) -> None:
    runs = tmp_path / "runs"
    assert human.newest("mine.py:task", runs / "x") is None
    recorded(runs / "label-task", 0.9)
    recorded(runs / "a", 0.3, task="digits")
    found = human.newest("some/where/mine.py:task", runs / "x")
    assert found is not None
    assert found.measured == 0.9
    assert found.evidence["from"] == "label-task"
    recorded(runs / "label-task", 0.4)
    recorded(runs / "another", 0.7)
    assert getattr(human.newest("mine.py:task", runs / "x"), "measured", None) == 0.7
    assert getattr(human.newest("digits", runs / "x"), "measured", None) == 0.3
    assert human.newest("mine.py:other", runs / "x") is None


def test_folders_that_cannot_be_read_are_as_if_not_there(tmp_path) -> None:
    runs = tmp_path / "runs"
    recorded(runs / "good", 0.9)
    for name, content in (
        ("broken", "{"),
        ("list", "[1]"),
        ("text", '{"config": "label"}'),
        ("deep", "[" * 100_000),
        ("claims", '{"config": {"label": "mine.py:task"}}'),
    ):
        folder = runs / name / "w-20260102T030405Z-r0000-0a1b2c"
        folder.mkdir(parents=True)
        (folder / "writer.json").write_text(content)
    (runs / "odd" / "w-x").mkdir(parents=True)
    (runs / "odd" / "w-x" / "writer.json").mkdir()
    with nntui.init(runs / "no-finding", config={"label": "mine.py:task"}) as run:
        run.check(nntui.Finding(human.ROW, "skip", "nobody"))
        run.check(nntui.Finding(human.ROW, "pass", "of something else", evidence={"task": "other"}))
        run.check(nntui.Finding("skeleton.seed", "pass", "another row", evidence={"task": "mine.py:task"}))
    assert getattr(human.newest("mine.py:task", runs / "x"), "measured", None) == 0.9


@settings(max_examples=30)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_every_result_has_a_sentence_and_can_be_json(pairs) -> None:
    truth, answers = zip(*pairs, strict=True)
    found = human.finding(result(truth, answers, names=()))
    assert "\n" not in found.message
    json.dumps(found.as_dict(), allow_nan=False)
