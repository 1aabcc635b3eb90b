"""An alert is told once, however it flickers."""

import pytest

from nntui.finding import Finding, Severity
from nntui.session.alerts import HOLD, LONGEST, Alerts


def alert(status: Severity = "warn", rule="live.plateau", metric="train/loss") -> Finding:
    return Finding(rule, status, f"{metric} is odd", evidence={"metric": metric})


def kinds(changes) -> list[str]:
    return [change.kind for change in changes]


def test_an_alert_is_raised_once_for_as_long_as_it_lasts() -> None:
    alerts = Alerts()
    assert kinds(alerts.update([alert()], 0.0)) == ["raised"]
    assert [alerts.update([alert()], float(now)) for now in range(1, 5)] == [[]] * 4


@pytest.mark.parametrize(("gone", "told"), [(HOLD - 0.1, []), (HOLD, ["cleared"])])
def test_it_is_cleared_once_it_has_been_gone_long_enough(gone, told) -> None:
    alerts = Alerts()
    alerts.update([alert()], 0.0)
    assert kinds(alerts.update([], gone)) == told


def test_what_is_gone_when_the_run_is_over_is_cleared_at_once() -> None:
    alerts = Alerts()
    alerts.update([alert()], 0.0)
    assert kinds(alerts.update([], 0.1, over=True)) == ["cleared"]


def test_an_alert_that_flickers_is_raised_once() -> None:
    alerts = Alerts()
    told = [change for now in range(600) for change in alerts.update([alert()] * (now % 40 == 0), float(now))]
    assert kinds(told) == ["raised"]


def raised_within(seconds: int, period: int) -> int:
    alerts = Alerts()
    times = range(0, seconds, 5)
    found = [c for now in times for c in alerts.update([alert()] * (now % period == 0), float(now))]
    return kinds(found).count("raised")


@pytest.mark.parametrize("period", [65, 130, 300, 600, 1900])
def test_an_alert_that_returns_is_heard_ever_more_rarely(period) -> None:
    first = raised_within(3600, period)
    assert 1 < first <= 6
    assert raised_within(10 * 3600, period) <= first + 9 * 3600 / LONGEST + 1


def test_a_worse_severity_is_told_at_once_and_rings() -> None:
    alerts = Alerts()
    (raised,) = alerts.update([alert("info")], 0.0)
    (worse,) = alerts.update([alert("error")], 1.0)
    assert not raised.loud
    assert (worse.kind, worse.severity, worse.loud) == ("worsened", "error", True)


@pytest.mark.parametrize(("after", "told"), [(HOLD - 0.1, []), (HOLD, ["eased"])])
def test_a_milder_severity_is_told_once_it_has_held(after, told) -> None:
    alerts = Alerts()
    alerts.update([alert("error")], 0.0)
    assert alerts.update([alert("warn")], 1.0) == []
    assert kinds(alerts.update([alert("warn")], 1.0 + after)) == told


def test_a_severity_that_flickers_is_told_once() -> None:
    alerts = Alerts()
    told = [c for now in range(600) for c in alerts.update([alert("error" if now % 7 else "warn")], float(now))]
    assert kinds(told) == ["raised", "worsened"]


def test_one_rule_may_find_several_metrics() -> None:
    alerts = Alerts()
    assert kinds(alerts.update([alert(), alert(metric="val/loss")], 0.0)) == ["raised", "raised"]
    assert kinds(alerts.update([alert()], HOLD)) == ["cleared"]
