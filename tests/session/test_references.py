"""From a finding's evidence to the line that a plot draws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nntui
from nntui.analysis.ranges import AIR, LEAST_SHARE, reaching
from nntui.finding import Finding
from nntui.session.load import Loaded
from nntui.session.references import references, with_error
from nntui.session.snapshot import PlotView, Reference, View

EVIDENCE = {"metric": "val/accuracy", "value": 0.94, "value_error": 0.03}


def finding(**changes) -> Finding:
    fields = {"id": "skeleton.human", "status": "pass", "message": "m", "evidence": EVIDENCE} | changes
    return Finding(**fields)


def test_a_persons_score_becomes_a_line_of_its_metric() -> None:
    assert references([finding()]) == {"val/accuracy": (Reference(0.94, "human 0.94 ± 0.03"),)}


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "skip"},
        {"id": "skeleton.blind"},
        {"evidence": {}},
        *({"evidence": EVIDENCE | {"metric": metric}} for metric in ("", None, 3, ["val/accuracy"], {})),
        *(
            {"evidence": EVIDENCE | {"value": value}}
            for value in ("nan", "0.94", None, True, [0.9], math.nan, math.inf)
        ),
        {"evidence": EVIDENCE | {"value": 10**400}},
    ],
)
def test_what_is_no_score_gives_no_line(changes) -> None:
    assert references([finding(**changes)]) == {}


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (0.9412, 0.0312, "0.94 ± 0.03"),
        (1.0, 0.0238, "1.00 ± 0.02"),
        (0.5, 0.2, "0.5 ± 0.2"),
        (44.23, 19.5, "44 ± 20"),
        (44.23, math.nan, "44.23"),
        (44.23, 0.0, "44.23"),
        (44.23, "nan", "44.23"),
        (1e12, 1e9, "1e12 ± 1e9"),
        (0.5, 1e-9, "0.5 ± 1e-9"),
        (-3.0, 0.5, "-3.0 ± 0.5"),
    ],
)
def test_an_error_says_how_many_digits_count(value, error, words) -> None:
    (line,) = references([finding(evidence={"metric": "m", "value": value, "value_error": error})])["m"]
    assert line.label == f"human {words}"


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats())
def test_any_two_numbers_are_short_words(value, error) -> None:
    assert len(with_error(value, error)) < 32


EDGE = st.floats(-1e300, 1e300)


@given(EDGE, EDGE, EDGE)
def test_a_range_reaches_for_what_is_near_and_stays_what_it_is_for_the_rest(a, b, value) -> None:
    low, high = sorted((a, b))
    if not low < high:
        return
    found = reaching((low, high), value, log=False)
    assert found[0] <= low < high <= found[1]
    if found != (low, high):
        assert found[0] <= value <= found[1]
        share = (high / 2 - low / 2) / (found[1] / 2 - found[0] / 2)
        assert share >= LEAST_SHARE * (1 - AIR) - 1e-9


@pytest.mark.parametrize(
    ("bounds", "value", "log", "reached"),
    [
        ((0.0, 1.0), 0.5, False, False),
        ((0.0, 0.3), 0.95, False, True),
        ((0.0, 0.3), 1.05, False, False),
        ((0.7, 1.0), 0.1, False, True),
        ((1.0, 10.0), 100.0, True, True),
        ((1.0, 10.0), 1000.0, True, True),
        ((1.0, 10.0), 10_000.0, True, False),
        ((1.0, 10.0), 0.0, True, False),
        ((1.0, 10.0), -5.0, True, False),
        ((0.0, 1.0), math.nan, False, False),
    ],
)
def test_near_is_what_leaves_the_data_three_tenths_of_the_height(bounds, value, log, reached) -> None:
    found = reaching(bounds, value, log=log)
    assert (found != bounds) == reached
    if reached:
        assert found[0] < value < found[1]


def record(path, *findings: Finding, level: float = 0.9) -> None:
    with nntui.init(path) as run:
        for step in range(50):
            run.log({"val/accuracy": level * step / 50, "val/loss": 1.0 - step / 100}, step=step)
        for one in findings:
            run.check(one)
            run.flush()


def plots(path, **view):
    shown = View((PlotView("a", ("val/accuracy",), 60, **view), PlotView("b", ("val/loss",), 60, **view)))
    return Loaded(path).snapshot(shown).plots


def test_a_snapshot_holds_the_line_where_its_metric_is_drawn_and_nowhere_else(tmp_path) -> None:
    record(tmp_path / "run", finding())
    found = plots(tmp_path / "run")
    assert [line.value for line in found["a"].references] == [0.94]
    assert found["b"].references == ()
    assert found["a"].y_range[0] < 0.94 < found["a"].y_range[1]


def test_the_newest_outcome_of_the_row_decides(tmp_path) -> None:
    better = finding(evidence=EVIDENCE | {"value": 0.97})
    record(tmp_path / "twice", finding(status="skip"), finding(), better)
    assert [line.value for line in plots(tmp_path / "twice")["a"].references] == [0.97]
    record(tmp_path / "skipped", finding(), finding(status="skip", evidence={}))
    assert plots(tmp_path / "skipped")["a"].references == ()


def test_without_a_person_a_plot_is_what_it_was(tmp_path) -> None:
    record(tmp_path / "without")
    record(tmp_path / "inside", finding(evidence=EVIDENCE | {"value": 0.4}))
    without, inside = (plots(tmp_path / name)["a"] for name in ("without", "inside"))
    assert without.references == ()
    assert without.y_range == inside.y_range
    assert np.array_equal(without.series[0].line, inside.series[0].line, equal_nan=True)


def test_a_line_far_away_moves_no_range(tmp_path) -> None:
    record(tmp_path / "run", finding(evidence=EVIDENCE | {"value": 90.0}))
    found = plots(tmp_path / "run")["a"]
    assert found.y_range[1] < 1.0
    assert found.references[0].value == 90.0


def test_a_line_that_a_logarithm_cannot_reach_is_kept_as_words(tmp_path) -> None:
    record(tmp_path / "run", finding(evidence=EVIDENCE | {"metric": "val/loss", "value": 0.0}))
    found = plots(tmp_path / "run", log_y=True)["b"]
    assert found.log_y
    assert found.y_range[0] > 0
    assert len(found.references) == 1
