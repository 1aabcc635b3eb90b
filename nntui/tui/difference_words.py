"""What differs between two runs in words, for a printed page and the list of runs alike.

Owns those words. Invariant: every text from a run is safe, and no line is wider than the room.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.cells import cell_len

from nntui.analysis.ticks import format_number
from nntui.session.differences import Change, Differences, Gain
from nntui.session.ledger import Entry
from nntui.session.outcome import Point
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit, wrap

KIND_WIDTH = 9
LEAST_NAME, NAME_WIDTH = 12, 24
VALUE_LIMIT = 200
NOTE = "± is the standard error of the evaluation; what another seed would change is not in it."


def lines(found: Differences, width: int) -> Iterator[str]:
    """The page: the verdict, every difference, the scores."""
    yield cut(f"{safe(found.before)} → {safe(found.after)}", width)
    yield cut(found.verdict, width)
    if found.budgets[0] != found.budgets[1] and min(found.budgets) >= 0:
        yield cut(f"not the same budget: {found.budgets[0]:,} and {found.budgets[1]:,} steps", width)
    names = (*(one.name for one in found.changes), *(one.metric for one in found.gains))
    room = min(NAME_WIDTH, max(LEAST_NAME, width // 6), max((cell_len(safe(name)) for name in names), default=0))
    indent = KIND_WIDTH + room + 2
    for one in found.changes:
        yield cut(change(one, room), width)
    for one in found.gains:
        head = f"{fit('score', KIND_WIDTH)}{fit(safe(one.metric), room)}  "
        for words in (scores(one), verdict(one, repetition=found.repetition)):
            for line in wrap(words, width - indent):
                yield cut(head + line, width)
                head = " " * indent
    if any(math.isfinite(one.error) for one in found.gains):
        yield from wrap(NOTE, width)


def change(one: Change, room: int = NAME_WIDTH) -> str:
    """`config   lr    0.01 → 0.001`. room: cells of the name."""
    old, new = safe(one.before, VALUE_LIMIT), safe(one.after, VALUE_LIMIT)
    return f"{fit(one.kind, KIND_WIDTH)}{fit(safe(one.name), room)}  {old} → {new}"


def scores(one: Gain) -> str:
    """`0.1713 ± 0.027 at step 300 → 0.0931 ± 0.02 at step 250`"""
    return f"{point(one.before)} → {point(one.after)}"


def verdict(one: Gain, *, repetition: bool = False) -> str:
    """Whether it is a gain; of a repetition it is none."""
    size = format_number(abs(one.gain)) if math.isfinite(one.gain) else ""
    error = f" ± {format_number(one.error, 2)}" if math.isfinite(one.error) else ""
    if repetition and one.verdict in ("better", "worse"):
        return f"{one.verdict} by {size}{error}: what a repetition does"
    return {
        "better": f"better by {size}{error}",
        "worse": f"worse by {size}{error}",
        "no difference": f"no difference beyond the standard error ({size}{error})",
        "same": "the same",
        "higher": f"higher by {size}; no standard error was recorded",
        "lower": f"lower by {size}; no standard error was recorded",
        "unknown": "not known of both",
    }[one.verdict]


def point(one: Point) -> str:
    """`0.1713 ± 0.027 at step 300`; `–` where there is none."""
    if math.isnan(one.value):
        return "–"
    error = f" ± {format_number(one.error, 2)}" if math.isfinite(one.error) else ""
    return f"{format_number(one.value)}{error}{f' at step {one.step:,}' if one.step >= 0 else ''}"


def ledger_change(entry: Entry) -> str:
    """What a run changed, in one line."""
    found = entry.differences
    if found is None or entry.parent is None:
        return "the first"
    against = f"  (against {safe(entry.parent.name)})"
    if found.repetition:
        seed = next((one for one in found.changes if one.kind == "seed"), None)
        return (f"{safe(seed.words, 60)}: a repetition" if seed else "a repetition") + against
    counted = found.counted
    if len(counted) == 1:
        return (
            safe(counted[0].words, 60)
            + (", and the seed" if "seed" in {c.kind for c in found.changes} else "")
            + against
        )
    return f"{len(counted)} things: {safe(', '.join(one.name for one in counted), 60)}{against}"


def ledger_gain(entry: Entry) -> str:
    """What it gained over what it is compared with; in which metric, where the best of that is of another."""
    found = entry.differences
    if found is None or entry.parent is None or not found.gains:
        return ""
    metric, judged = found.gains[0].metric, entry.parent.outcome.judged_by
    of = f"{safe(metric, 60)}: " if judged and metric != judged else ""
    words = of + verdict(found.gains[0], repetition=found.repetition).replace(
        "no difference beyond the standard error", "no difference"
    )
    return (
        f"{words}; no telling by which"
        if len(found.counted) > 1 and found.gains[0].verdict in ("better", "worse")
        else words
    )
