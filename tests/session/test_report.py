"""The report: what came first, and the numbers of the best step."""

import math

import numpy as np

from nntui.analysis.series import Series
from nntui.finding import Finding
from nntui.runlog.layout import End
from nntui.session.report import report, restarts
from nntui.session.run_state import RunState
from nntui.session.snapshot import EMPTY, Head, MetricSummary, Snapshot, View


def known(**columns) -> dict[str, Series]:
    found = {}
    for name, values in columns.items():
        step = np.arange(len(values), dtype=np.int64) * 10
        metric = name.replace("__", "/")
        found[metric] = Series(metric, step, 1e9 + step, np.asarray(values, float))
    return found


def told(columns, **fields):
    nothing = Series("", np.empty(0, np.int64), np.empty(0), np.empty(0))
    metrics = tuple(MetricSummary(m, float(s.value[-1]), 0, 0, 0, len(s), 0, np.empty(0)) for m, s in columns.items())
    return report(Snapshot(metrics=metrics, **fields), lambda metric: columns.get(metric, nothing))


def test_findings_stand_in_the_order_in_which_they_began() -> None:
    checks = (Finding("a.fails", "fail", "x"), Finding("b.passes", "pass", "x"), Finding("c.warns", "warn", "x"))
    alerts = (
        Finding("e", "error", "x", step=90),
        Finding("w", "warn", "x", step=20),
        Finding("i", "info", "x", step=1),
    )
    found = told(known(train__loss=[1, 2, 3]), checks=checks, alerts=alerts)
    assert [one.finding.id for one in found.findings] == ["a.fails", "c.warns", "w", "e"]
    assert [one.finding.id for one in found.notes] == ["i"]
    assert found.passed == 1
    assert found.findings[2].wall_time == 1e9 + 20
    assert math.isnan(found.findings[0].wall_time)
    assert "before the first step was a.fails. 3 more were found." in found.sentence


def test_the_best_validation_comes_with_its_step_its_error_and_the_other_scores_there() -> None:
    columns = known(
        val__loss=[3, math.nan, 1, 2], val__loss_stderr=[0.3, 0.2, 0.1, 0.2], val__accuracy=[0.1, 0.5, 0.8, 0.9]
    )
    best, other = told(columns).scores
    assert (best.metric, best.value, best.error, best.step) == ("val/loss", 1, 0.1, 20)
    assert (other.metric, other.value) == ("val/accuracy", 0.8)
    assert math.isnan(other.error)


def test_a_run_of_which_nothing_is_known_has_a_report() -> None:
    found = told({})
    assert (found.findings, found.scores, found.final) == ((), (), ())
    assert "no step" in found.sentence
    assert report(EMPTY, lambda metric: Series(metric, np.empty(0, np.int64), np.empty(0), np.empty(0))).passed == 0


def test_a_restart_says_how_many_points_it_replaced(make) -> None:
    state = RunState("run", "/nowhere")
    writers = [
        make.writer("a", started=make.wall - 50, end=End(wall_time_ns=int((make.wall - 40) * 1e9)), beat=0),
        make.writer("b", started=make.wall - 10, resume_step=6),
    ]
    first = make.points("a", steps=range(10), train__loss=1.0, lr=0.1)
    state.fold(make.poll(first, make.points("b", steps=range(6, 8), train__loss=2.0), writers=writers), 1e6, make.wall)
    head = state.snapshot(View(), 1e6).head
    assert head.launches == 2
    assert head.resumes == (6,)
    assert head.superseded == 8


def test_restarts_are_said_in_words() -> None:
    head = Head(launches=3, resumes=(100, 2000), superseded=1234)
    words = (
        "started 3 times; went on from step 100, 2,000; 1,234 points of earlier launches were replaced by later ones"
    )
    assert restarts(head) == words
