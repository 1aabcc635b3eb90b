"""Training goes on with other data than before.

Symptom: the training loss is better than ever, and validation worse from one evaluation to the next: a filter, a sampler or a
source that went wrong makes what is trained on easy, and unlike what is asked. Test, on the interval between two evaluations
over which validation rises most: the training loss falls to less than SHARE of what it was in the interval before, beyond all
noise (nine tenths of its second half lie below nine tenths of those before), STEEPER times as steep, in its logarithm, as it
had fallen from the interval before that; and validation rises at once: by AT_ONCE of all that it has risen since, by ERRORS of
its standard errors, and by MUCH of all it had gained; it stays there for AFTER evaluations. Not where the rate has changed
meanwhile: decay makes a loss fall too. Or, on the same interval, validation is thrown back over the first level of training at
once, and loses LOST of all that it had gained in all evaluations since, while the median of the training loss neither rises nor
falls to SHARE of what it was: what comes in is sorted, or what is evaluated is another model. Wrong when: what comes next is
meant (a curriculum, declared; another task).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from nntui.analysis import roles
from nntui.analysis.readings import fresh, rates, spread
from nntui.analysis.series import Floats, RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

ID = "live.other_data"
SHARE = 0.1
STEEPER = 4.0
"""Who learns by heart falls faster and faster too, but not so."""
AT_ONCE = 0.5
ERRORS = 3.0
MUCH = 0.25
AFTER = 2
POINTS = 8
"""Training losses of an interval from which it can be told."""
SAME_RATE = 1.5
FIRST = 5
"""Training losses from which the first level is taken."""
HALF, LOST = 0.5, 0.5
"""Of that level: validation must have come below the half, and be thrown back over half of the way."""


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding."""
    name, training = roles.pick(series, "validation_loss"), roles.pick(series, "train_loss")
    if not name or not training or facts.declares("curriculum"):
        return []
    points, train = fresh(series[name].finite()), series[training].finite()
    last = int(np.diff(points.value).argmax()) if len(points) > AFTER else 0
    if len(points) - last - 1 < AFTER:
        return []
    return _easy(points, train, series, last) or _broken(points, train, last)


def _easy(points: Series, train: Series, series: Mapping[str, Series], last: int) -> list[Finding]:
    """What is trained on has become easy after the evaluation of that place."""
    until, after = points.value[: last + 1], points.value[last + 1 :]
    if last < 2:
        return []
    lowest = float(until.min())
    gained, jump = float(until[0]) - lowest, float(after[0] - until[-1])
    risen, least = float(np.median(after[-AFTER:])) - lowest, min(jump, float(after.min()) - lowest)
    if least <= MUCH * gained or jump < AT_ONCE * risen:
        return []
    error = spread(np.diff(until)) / np.sqrt(2)
    if least <= ERRORS * error:
        return []
    edges = [int(step) for step in points.step[last - 2 : last + 2]]
    early, before, now = (_within(train, *ends) for ends in pairwise(edges))
    late = now[len(now) // 2 :]
    if min(len(early), len(before), len(late)) < POINTS or min(float(one.min()) for one in (early, before, late)) <= 0:
        return []
    then, newest = float(np.median(before)), float(np.median(late))
    steep, at_first = np.log(then / newest), np.log(float(np.median(early)) / then)
    apart = newest < SHARE * then and float(np.quantile(late, 0.9)) < float(np.quantile(before, 0.1))
    if not (apart and steep > STEEPER * at_first) or _rate_changed(series, edges[1], edges[3]):
        return []
    step = edges[2]
    return [
        Finding(
            ID,
            "warn",
            f"{train.metric} fell from {format_number(then)} to {format_number(newest)} between the evaluations at steps "
            f"{step:,} and {edges[3]:,}, while {points.metric} rose from {format_number(float(until[-1]))} to "
            f"{format_number(float(after[0]))}.",
            expected=f"{points.metric} below {format_number(lowest + MUCH * gained)}",
            measured=float(after[0]),
            tolerance=MUCH * gained,
            advice="Most likely other data than before: a filter, a sampler or a source that went wrong, so that what is trained "
            "on is easy. Refute: count the labels of batches before and after; look at them (screen 6, b).",
            evidence={
                "metric": points.metric,
                "since_step": step,
                "training_then": then,
                "training_now": newest,
                "gained_until_then": gained,
                "standard_error": error,
            },
            step=step,
        )
    ]


def _broken(points: Series, train: Series, last: int) -> list[Finding]:
    """Validation is nearly as bad as that of a network that has learned nothing, from one evaluation to the next."""
    then, after = float(points.value[last]), points.value[last + 1 :]
    step, following = int(points.step[last]), int(points.step[last + 1])
    begun = float(np.median(train.value[:FIRST])) if len(train) else np.nan
    least = then + LOST * (begun - then)
    before, now = train.value[train.step <= step], _within(train, step, following)
    if min(len(before), len(now)) < POINTS or not 0 < then < HALF * begun:
        return []
    if float(after[0]) < begun or float(after.min()) < least:
        return []
    usual, newest = float(np.median(before[-len(now) :])), float(np.median(now))
    if newest > usual or newest < SHARE * usual:
        return []
    return [
        Finding(
            ID,
            "warn",
            f"{points.metric} rose from {format_number(then)} to {format_number(float(after[0]))} between the evaluations at "
            f"steps {step:,} and {following:,} and has not come back, while {train.metric} was {format_number(newest)} in the "
            f"median, after {format_number(usual)}.",
            expected=f"{points.metric} below {format_number(least)}",
            measured=float(after[0]),
            tolerance=LOST,
            advice="Most likely batches are no longer mixed (sorted by class, from a cache or a shard), or another model is "
            "evaluated than is trained. Refute: count the labels of batches before and after; look at them (screen 6, b).",
            evidence={"metric": points.metric, "since_step": step, "before": then, "least_since": float(after.min())},
            step=step,
        )
    ]


def _within(points: Series, first: int, last: int) -> Floats:
    """Values after a step, until another."""
    return points.value[(points.step > first) & (points.step <= last)]


def _rate_changed(series: Mapping[str, Series], first: int, last: int) -> bool:
    known = (_within(one.finite(), first, last) for one in rates(series))
    return any(len(rate) and float(rate.max()) > SAME_RATE * float(rate.min()) for rate in known)
