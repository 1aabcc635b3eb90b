"""What the log holds, and what a filter lets through."""

from __future__ import annotations

import dataclasses
import math

import pyarrow as pa
import pytest

from nntui.finding import Finding
from nntui.runlog.reader import Batch
from nntui.runlog.schema import OUTPUT
from nntui.session import log
from nntui.session.log import EventRow, Journal, LogView, belongs, holds
from nntui.session.run_state import RunState
from nntui.session.snapshot import View

SPIKE = Finding("live.spike", "warn", "the loss jumped", step=30, evidence={"metric": "loss"})


def clock(step: int) -> float:
    return 1000.0 + step if step >= 0 else math.nan


def journal(lines: int = 0) -> Journal:
    found = Journal()
    for k in range(lines):
        row = {"step": k, "wall_time_ns": int((1000 + k) * 1e9), "stream": "stdout", "text": f"line {k}"}
        found.fold_output("w", row)
    return found


def test_everything_stands_where_it_was_newest_first(make) -> None:
    printed = [{"step": 4, "wall_time_ns": int((make.wall + 2) * 1e9), "stream": "stderr", "text": "careful"}]
    output = Batch("a", "output", pa.RecordBatch.from_pylist(printed, schema=OUTPUT))
    state = RunState("run", "p")
    poll = make.poll(
        make.event("note", "late", at=make.wall + 3), output, make.event("note", "early", at=make.wall + 1)
    )
    state.fold(poll, 100.0, make.wall)
    rows = state.snapshot(View(log=LogView()), 100.0).log.rows
    assert [(row.event, row.message) for row in rows] == [("note", "late"), ("stderr", "careful"), ("note", "early")]
    assert (rows[1].level, rows[1].step, rows[1].writer) == ("stderr", 4, "a")
    assert state.snapshot(View(), 100.0).log.rows == ()


def test_printed_lines_are_no_sign_that_training_goes_on(make) -> None:
    printed = [{"step": 4, "wall_time_ns": int((make.wall + 60) * 1e9), "stream": "stdout", "text": "alive"}]
    state = RunState("run", "p")
    state.fold(make.poll(make.points(steps=range(3), loss=1.0)), 100.0, make.wall)
    before = state.snapshot(View(), 100.0).head
    output = Batch("a", "output", pa.RecordBatch.from_pylist(printed, schema=OUTPUT))
    state.fold(make.poll(output, writers=[make.writer(beat=2)]), 160.0, make.wall + 60)
    after = state.snapshot(View(), 160.0).head
    assert (after.newest, after.step, after.state) == (before.newest, before.step, "quiet")


def test_an_alert_stands_where_it_began_and_again_where_it_was_seen_to_end() -> None:
    one = journal(lines=60)
    one.listen()
    one.hear([SPIKE], 0.0, 1060.0, clock, over=False)
    raised = [row for row in one.shown(LogView(), (SPIKE,), clock).rows if row.event == log.ALERT]
    assert [(row.wall_time, row.step, row.level, row.message) for row in raised] == [
        (1030.0, 30, "warn", "the loss jumped")
    ]
    one.hear([], 1000.0, 2060.0, clock, over=False)
    rows = [row for row in one.shown(LogView(), (), clock).rows if row.event in (log.ALERT, log.OVER)]
    assert [(row.event, row.wall_time) for row in rows] == [(log.OVER, 2060.0), (log.ALERT, 1030.0)]


def test_while_a_run_is_still_being_read_no_alert_has_ended() -> None:
    one = journal()
    one.hear([SPIKE], 0.0, 1060.0, clock, over=False)
    one.hear([], 1000.0, 2060.0, clock, over=True)
    assert one.shown(LogView(), (), clock).rows == ()


def test_an_alert_before_the_first_step_has_no_moment() -> None:
    early = dataclasses.replace(SPIKE, step=-1)
    (row,) = journal().shown(LogView(), (early,), clock).rows
    assert (row.wall_time, row.step) == (0.0, -1)


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("everything", {"info", "warn", "error", "stdout", "stderr", ""}),
        ("events", {"info", "warn", "error"}),
        ("trouble", {"warn", "error"}),
        ("output", {"stdout", "stderr", ""}),
    ],
)
def test_each_kind_of_lines(which: log.Which, expected: set[str]) -> None:
    levels = ("info", "warn", "error", "stdout", "stderr", "")
    assert {level for level in levels if belongs(EventRow(0.0, 0, level, "x", "y", "w"), which)} == expected


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", True),
        ("checkpoint", True),
        ("CHECK point", True),
        ("note took", True),
        ("took nothing", False),
        ("level=warn", True),
        ("level=warn saved", False),
        ("level=err", False),
        ("level=", True),
    ],
)
def test_a_line_must_hold_every_word(pattern: str, found: bool) -> None:
    assert holds(EventRow(0.0, 0, "warn", "note", "Checkpoint took 4.2 s", "w"), pattern) is found


def test_only_the_newest_printed_lines_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "OUTPUT_LIMIT", 100)
    found = journal(lines=150).shown(LogView(), (), clock)
    assert (found.total, found.rows[0].message, found.rows[-1].message) == (100, "line 149", "line 50")


def test_nothing_is_made_anew_while_nothing_is_new() -> None:
    one = journal(lines=5)
    first = one.shown(LogView(), (SPIKE,), clock)
    assert one.shown(LogView(), (dataclasses.replace(SPIKE, measured=2.0),), clock) is first
    assert one.shown(LogView("line"), (SPIKE,), clock) is not first
