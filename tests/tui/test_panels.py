from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.text import Text

from nntui.finding import Finding
from nntui.session.log import EventRow
from nntui.session.snapshot import Head, Lost, MetricSummary, Snapshot
from nntui.tui.glyphs import SETS, plain
from nntui.tui.paint import Paint, fitted, spread
from nntui.tui.panels.findings import finding_detail, finding_row, recipe_line, worst_check_line
from nntui.tui.panels.frame import READING, head_line, notice_line, status_line
from nntui.tui.panels.log import event_row
from nntui.tui.panels.metrics import metric_lines
from nntui.tui.panels.rail import rail_lines
from nntui.tui.themes import DARK

PAINT = Paint(DARK, SETS["braille"])
WIDTHS = [1, 2, 5, 10, 19, 33, 40, 59, 60, 80, 100, 160, 240]


@pytest.fixture(params=["empty", "live", "failing", "crashed", "ended", "problem", "hostile"])
def snapshot(request: pytest.FixtureRequest, tui: SimpleNamespace) -> Snapshot:
    return tui.CannedFeed(request.param).snapshot()


def all_lines(snapshot: Snapshot, width: int) -> list[Text]:
    lines = [
        head_line(snapshot, width, PAINT, 0.4, False),
        head_line(snapshot, width, PAINT, math.nan, True),
        notice_line(snapshot, width, PAINT),
        recipe_line(snapshot, width, PAINT),
        worst_check_line(snapshot, width, PAINT),
        status_line(snapshot.head, width, PAINT, [("q", "quit"), ("?", "help")]),
    ]
    for height in (1, 4, 30):
        chosen = snapshot.metrics[-1].metric if snapshot.metrics else ""
        lines += metric_lines(snapshot.metrics, width, height, PAINT, chosen=chosen)
        lines += rail_lines(snapshot, width, height, PAINT)
    for one in (*snapshot.checks, *snapshot.alerts):
        lines += [finding_row(one, width, PAINT), *finding_detail(one, width, PAINT)]
    lines += [event_row(event, width, PAINT) for event in snapshot.events]
    return lines


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_asked(snapshot: Snapshot, width: int) -> None:
    for line in all_lines(snapshot, width):
        assert line.cell_len <= max(0, width), line.plain


@pytest.mark.parametrize("width", [20, 80, 160])
def test_every_line_becomes_ascii_in_the_same_cells(snapshot: Snapshot, width: int) -> None:
    for line in all_lines(snapshot, width):
        shown = plain(line)
        assert shown.plain.isascii()
        assert shown.cell_len == line.cell_len


def head(width: int, *, age: float = 0.4, paused: bool = False, **changes: Any) -> str:
    known: dict[str, Any] = {
        "name": "exp42",
        "state": "live",
        "step": 12_400,
        "total_steps": 50_000,
        "eta": 4320.0,
        "loss": 0.412,
        "loss_metric": "train/loss",
        "lr": 3e-4,
        "samples_per_second": 812.0,
    }
    return head_line(Snapshot(number=1, head=Head(**(known | changes))), width, PAINT, age, paused).plain


def test_the_first_line_has_it_all_where_there_is_room() -> None:
    line = head(160)
    for words in ("exp42", "● live", "step 12,400/50,000", "25%", "ETA 1h12m", "loss 0.412", "lr 3e-4", "812/s"):
        assert words in line
    assert line.endswith("data now")
    assert len(line) == 160


@pytest.mark.parametrize(
    ("width", "kept"),
    [(8, ["live"]), (16, ["live"]), (36, ["live", "exp42", "loss"]), (60, ["live", "exp42", "step 12,400", "loss"])],
)
def test_a_narrow_first_line_keeps_what_matters_most(width: int, kept: list[str]) -> None:
    line = head(width)
    assert all(words in line for words in kept)
    assert len(line) <= width


def test_the_state_is_a_word_and_a_glyph() -> None:
    signs = {"live": "●", "quiet": "●", "silent": "○", "waiting": "○", "ended": "■", "crashed": "✗"}
    for state, glyph in signs.items():
        assert f"{glyph} {state}" in head(80, state=state)


def test_a_paused_screen_says_so() -> None:
    assert "paused" in head(80, paused=True)
    assert "paused" not in head(80)


def test_the_age_of_the_data_is_at_the_right_edge() -> None:
    assert head(80, age=45.0).endswith("data 30 s")
    assert "data" not in head(80, age=math.nan)


def test_unknown_numbers_are_left_out() -> None:
    line = head(160, total_steps=0, eta=math.nan, loss=math.nan, loss_metric="", lr=math.nan)
    assert "step 12,400" in line
    assert not any(words in line for words in ("nan", "ETA", "lr", "loss", "%", "/50"))


def test_a_loss_that_is_nan_is_shown_as_nan() -> None:
    assert "loss nan" in head(120, loss=math.nan)


def notice(**changes: Any) -> str:
    return notice_line(Snapshot(**{"number": 1} | changes), 100, PAINT).plain


ALERT = Finding("live.plateau", "info", "train/loss is flat")


def test_the_notice_is_the_most_urgent_thing() -> None:
    lost = Head(state="live", lost=Lost(points=1200, frames=1))
    assert notice(problem="gone", alerts=(ALERT,), head=lost) == "✗ gone"
    shown = notice(alerts=(ALERT, ALERT), head=lost)
    assert shown.startswith("· train/loss is flat")
    assert shown.endswith("✗ lost 1,201  [a] 2 alerts")
    assert notice(head=lost) == "✗ lost 1,200 points, 1 damaged frame"
    assert notice(head=Head(state="live", lost=Lost(torn=1))) == "1 write cut off by a kill"
    assert notice(head=Head(state="live", lost=Lost(ignored=2))) == "2 odd files ignored"
    assert notice(head=Head(state="crashed", state_reason="process 812 is gone")) == "✗ crashed: process 812 is gone"
    assert notice(head=Head(path="runs/x")) == "waiting for data in runs/x"
    assert notice(head=Head(path="runs/x"), number=0) == READING, "nobody has looked yet"
    assert notice(complete=False) == READING
    assert notice(complete=False, sketch=0.42).startswith(f"{READING} 42%; until all is read")
    crashed = notice(complete=False, sketch=0.42, head=Head(state="crashed", state_reason="gone"))
    assert crashed.startswith("✗ crashed: gone  ")
    assert crashed.endswith("a sample of it")
    assert notice(head=Head(state="live")) == "✓ no alerts"
    assert notice(alerts=(ALERT,)).endswith("[a] 1 alert")


def metrics(count: int) -> list[MetricSummary]:
    bars = np.linspace(0, 1, 24)
    return [MetricSummary(f"metric_{i:03d}", i / 8, 10, 0.0, 1.0, 10, 0, bars) for i in range(count)]


@pytest.mark.parametrize("count", [1, 2, 5, 12, 13, 200])
@pytest.mark.parametrize(("width", "height"), [(80, 3), (56, 4), (200, 5), (30, 10), (12, 2)])
def test_every_metric_is_listed_or_counted(count: int, width: int, height: int) -> None:
    lines = metric_lines(metrics(count), width, height, PAINT)
    assert 1 <= len(lines) <= height
    text = "\n".join(line.plain for line in lines)
    if width >= 28:
        shown = sum(f"metric_{i:03d}" in text for i in range(count))
        hidden = f"… {count - shown:,} more" if shown < count else ""
        assert hidden in text


@pytest.mark.parametrize("chosen", [0, 7, 11, 12, 57, 199])
def test_the_chosen_metric_is_always_in_sight(chosen: int) -> None:
    lines = metric_lines(metrics(200), 80, 3, PAINT, chosen=f"metric_{chosen:03d}")
    assert sum(f"▸  metric_{chosen:03d}" in line.plain for line in lines) == 1


def test_a_long_name_gives_way_to_its_value() -> None:
    long = dataclasses.replace(metrics(1)[0], metric="a" * 300, last=-1.234567e-100)
    (line,) = metric_lines([long], 40, 1, PAINT)
    assert line.plain.rstrip().endswith("-1.23e-100")
    assert "…" in line.plain


def test_the_bars_of_what_is_measured_seldom_have_no_gaps() -> None:
    nan = math.nan
    bars = np.array([nan, 0.0, nan, nan, 1.0, nan, nan, 0.0, nan, nan])
    one = dataclasses.replace(metrics(1)[0], sparkline=bars)
    (line,) = metric_lines([one], 34, 1, PAINT)
    assert line.plain[14:24] == " ▁▁▁███▁  "
    broken = dataclasses.replace(one, nonfinite=1, broken=np.array([0, 0, 0, 0, 0, 1, 0, 0, 0, 0]))
    (line,) = metric_lines([broken], 34, 1, PAINT)
    assert line.plain[14:24] == " ▁▁▁█✗ ▁  "
    (line,) = metric_lines([dataclasses.replace(one, sparkline=np.full(10, nan))], 34, 1, PAINT)
    assert line.plain[14:24] == " " * 10


def test_a_narrow_recipe_shows_the_stages_that_have_verdicts(tui: SimpleNamespace) -> None:
    snapshot = tui.CannedFeed("failing").snapshot()
    assert recipe_line(snapshot, 40, PAINT).plain == "recipe  skeleton 1✓ 1✗"
    assert "squeeze –" in recipe_line(snapshot, 80, PAINT).plain


def test_the_worst_check_comes_with_the_key_to_its_evidence(tui: SimpleNamespace) -> None:
    line = worst_check_line(tui.CannedFeed("failing").snapshot(), 80, PAINT).plain
    assert line.startswith("✗ skeleton.dependency  the output of example 3")
    assert line.endswith("…  [2] why")


def test_a_detail_holds_everything_a_finding_says() -> None:
    one = Finding(
        "a.b", "fail", "it is so", 1.0, 2.0, 0.5, "nats", "try this", {"x": 3.25, "list": [1.0, 2.0]}, 0.25, 7
    )
    text = "\n".join(line.plain for line in finding_detail(one, 80, PAINT))
    for words in ("a.b", "fail", "it is so", "1 nats ± 0.5", "2 nats", "7", "0.25 s", "try this", "x: 3.25", "[1, 2]"):
        assert words in text


def test_parts_are_placed_by_weight_and_shown_in_order() -> None:
    parts = [(2, Text("aaaa")), (0, Text("bb")), (1, Text("cccc")), (3, Text("d"))]
    assert [fitted(parts, width).plain for width in (2, 8, 14, 17)] == [
        "bb",
        "bb  cccc",
        "aaaa  bb  cccc",
        "aaaa  bb  cccc  d",
    ]
    assert fitted(parts, 1).plain == "…"


def test_the_left_part_gives_way_to_the_right_one() -> None:
    assert spread(Text("left"), Text("right"), 20).plain == "left           right"
    assert spread(Text("left " * 9), Text("right"), 20).plain == "left left le…  right"
    assert spread(Text("left"), Text("right"), 12).plain == "left"


def test_the_rail_says_what_to_try_where_it_has_room_for_all_of_it() -> None:
    alerts = tuple(
        Finding(f"live.{name}", "warn", f"{name} happened", advice=f"Look at {name} first. " * 4)
        for name in ("a", "b", "c")
    )
    snapshot = Snapshot(alerts=alerts, checks=(Finding("data.corrupt", "pass", ""),))
    for height in range(1, 40):
        text = [line.plain for line in rail_lines(snapshot, 44, height, PAINT)]
        assert len(text) <= height
        assert height < 8 or all(f"▲ {name} happened" in text for name in "abc")
        assert height < 8 or any("data.corrupt" in line for line in text)
    tall = "".join(line.plain for line in rail_lines(snapshot, 44, 40, PAINT))
    assert all(tall.count(f"Look at {name} first.") >= 1 for name in "abc")
    assert "try: Look at a first." in "".join(line.plain for line in rail_lines(snapshot, 44, 13, PAINT))


def test_the_rail_says_what_to_try_of_checks_where_alerts_and_log_leave_room() -> None:
    checks = (
        Finding("data.x", "warn", "odd", advice="Look at the data. " * 3),
        Finding("skeleton.y", "fail", "wrong", advice="Look at the model. " * 3),
    )
    events = tuple(EventRow(float(k), k, "info", "note", f"event {k}", "w") for k in range(30))
    told = set()
    for height in range(1, 40):
        text = [line.plain for line in rail_lines(Snapshot(checks=checks, events=events), 44, height, PAINT)]
        words = " ".join(text)
        assert len(text) <= height
        model, data = "try: Look at the model." in words, "try: Look at the data." in words
        assert model or not data, "what failed is told first"
        assert not model or sum("event" in line for line in text) >= 3
        told.add((model, data))
    assert told == {(False, False), (True, False), (True, True)}


def test_what_the_rail_has_no_room_for_ends_in_an_ellipsis() -> None:
    alert = Finding("live.nonfinite", "error", "so it is " * 60)
    check = Finding("skeleton.blind", "warn", "so it is " * 60, 1.0, 2.0)
    text = [line.plain for line in rail_lines(Snapshot(alerts=(alert,), checks=(check,)), 44, 40, PAINT)]
    assert sum(line.endswith("…") for line in text) == 2


def test_checks_that_passed_make_room_for_what_to_try() -> None:
    alert = Finding("live.nonfinite", "error", "the loss is nan", advice="Look at the gradient first. " * 3)
    passed = tuple(Finding(f"data.{k}", "pass", "", 1.0, 1.0) for k in range(20))
    checks = (Finding("skeleton.blind", "warn", "no better", 1.0, 2.0), *passed, Finding("data.x", "skip", ""))

    def rail(height: int, *alerts: Finding) -> str:
        return "\n".join(line.plain for line in rail_lines(Snapshot(alerts=alerts, checks=checks), 44, height, PAINT))

    for height in (14, 20, 28):
        shown = rail(height, alert)
        assert "try: Look at the gradient" in shown
        assert "skeleton.blind" in shown
        assert "✓ 20 pass  – 1 skip" in shown
    assert "data.19" in rail(60, alert)
    assert "data.7" in rail(28)


def test_of_many_checkpoints_the_rail_tells_the_newest() -> None:
    events = [EventRow(float(k), k, "info", "checkpoint", f"best.pt: {k}", "w") for k in range(1, 30)]
    events.insert(9, EventRow(9.5, 9, "info", "lr", "lr halved", "w"))
    shown = [line.plain for line in rail_lines(Snapshot(events=tuple(events)), 44, 30, PAINT)]
    assert sum("best.pt" in line for line in shown) == 1
    assert any("best.pt: 29" in line for line in shown)
    assert any("lr halved" in line for line in shown)


def test_an_event_of_the_rail_has_a_second_line_for_what_stands_at_its_end() -> None:
    event = EventRow(1.0, 1, "info", "checkpoint", "best.pt: the lowest validation loss so far, 0.0213", "w")
    shown = [line.plain for line in rail_lines(Snapshot(events=(event,)), 44, 30, PAINT)]
    assert shown[-2:] == ["00:00:01  best.pt: the lowest validation", "          loss so far, 0.0213"]


def test_nothing_is_said_to_be_missing_as_long_as_more_may_come() -> None:
    for unread in (Snapshot(), Snapshot(number=3, complete=False, head=Head(state="ended"))):
        rail = [line.plain for line in rail_lines(unread, 44, 20, PAINT)]
        assert rail.count("reading …") == 2
        assert worst_check_line(unread, 80, PAINT).plain == "reading …"
        assert "no alerts" not in notice_line(unread, 80, PAINT).plain
    read = Snapshot(number=3, head=Head(state="ended"))
    assert [line.plain for line in rail_lines(read, 44, 20, PAINT)] == [
        "alerts",
        "✓ none",
        "",
        "checks",
        "none were recorded",
    ]
    assert worst_check_line(read, 80, PAINT).plain == "no checks were recorded"
