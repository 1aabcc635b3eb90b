"""A run at a glance in words, for a status bar, a printed list and the list of the dashboard alike.

Owns those words. No Rich and no Textual: a status line has no time for them. Invariant: every text from a run is safe.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nntui.analysis.ticks import format_duration, format_number
from nntui.session import choice
from nntui.session.choice import state as state
from nntui.session.glance import Glance
from nntui.session.outcome import Outcome
from nntui.session.settings import flattened, short
from nntui.tui.safe import safe

GLYPHS = {
    "live": ("●", "*"),
    "quiet": ("●", "*"),
    "silent": ("○", "o"),
    "waiting": ("○", "o"),
    "ended": ("■", "#"),
    "crashed": ("✗", "X"),
    "problem": ("✗", "X"),
}
"""Of a state: the glyph, and the one for terminals without it."""


def glyph(state: str, encoding: str | None) -> str:
    """The sign of a state that this encoding can write."""
    able, plain = GLYPHS[state]
    return able if can_write(able, encoding) else plain


def can_write(text: str, encoding: str | None) -> bool:
    """Whether this encoding has all these characters."""
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def why(one: Glance) -> str:
    """Why it is in that state, in one safe line; may be empty."""
    return safe(one.problem or one.reason)


def label(one: Glance, root: Path) -> str:
    """The run as one names it from the folder above, safe."""
    return safe(choice.label(one, root))


def steps(one: Glance) -> str:
    """`12,400/50,000`, as far as it is known."""
    if one.step < 0:
        return ""
    return f"{one.step:,}/{one.total_steps:,}" if one.total_steps > 0 else f"{one.step:,}"


def percent(one: Glance) -> str:
    """The share that is done, rounded down, so that 100% is the end."""
    return f"{math.floor(one.progress * 100)}%" if math.isfinite(one.progress) else ""


def loss(one: Glance) -> str:
    """The newest loss; empty when none was logged, `nan` when that is what it became."""
    return format_number(one.loss) if one.has_loss and one.step >= 0 else ""


def lr(one: Glance) -> str:
    """The newest learning rate."""
    return format_number(one.lr) if not math.isnan(one.lr) else ""


def ran(one: Glance) -> str:
    """How long it ran, from its first launch to its last sign of life."""
    return format_duration(one.active_at - one.started_at) if one.launches else ""


def best(outcome: Outcome, *, named: bool = False) -> str:
    """The best value of what the run is judged by; named: with its metric."""
    if not outcome.judged_by:
        return ""
    value = format_number(outcome.best.value)
    return f"{value} {safe(outcome.judged_by)}" if named else value


def ranks(one: Glance) -> str:
    """`4: 3 live, 1 crashed`; the number alone where all are in the same state."""
    count = sum(number for _, number in one.ranks)
    each = ", ".join(f"{number} {name}" for name, number in one.ranks)
    return f"{count}: {each}" if len(one.ranks) > 1 else str(count)


def facts(one: Glance, now: float, wall: float) -> Iterator[tuple[str, str]]:
    """Everything a glance tells, as (name, safe words); what is unknown is left out. now: monotonic, wall: Unix seconds."""
    done = f" ({percent(one)})" if percent(one) else ""
    begun = f"{_past(wall - one.started_at)} ago, {launches(one)}" if one.started_at > 0 else ""
    pairs = {
        "reason": why(one),
        "step": steps(one) + done or "none yet",
        "loss": loss(one),
        "lr": lr(one),
        "data": f"{_past(now - one.newest)} old" if math.isfinite(one.newest) else "none yet",
        "beat": f"{_past(wall - one.active_at)} ago" if one.launches else "",
        "started": begun,
        "ranks": ranks(one) if one.ranks else "",
        "lost": f"{one.lost:,} points" if one.lost else "",
        "path": safe(one.path),
    }
    return ((name, value) for name, value in pairs.items() if value)


def _past(seconds: float) -> str:
    """A duration that, once it is a minute, advances no more often than by minutes: a list at rest is not drawn again."""
    return f"{int(seconds // 60)} min" if 60 <= seconds < 3600 else format_duration(seconds)


def settings(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, value) of a configuration, both safe; what is nested is named with dots."""
    return ((safe(name), safe(short(value), 300)) for name, value in flattened(config).items())


def launches(one: Glance) -> str:
    """How often it was started."""
    return "1 launch" if one.launches == 1 else f"{one.launches:,} launches"
