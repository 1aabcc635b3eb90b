"""Which runs of a folder are shown, in which order, and what tells them apart.

Owns the vocabulary of filters and orders of runs. Standard library only. Invariant: of what is not known of a run nothing
holds, and it comes last in every order; what of a filter is not understood hides nothing, and a name that no run knows is said.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nntui.analysis import roles
from nntui.session.filters import Condition, Filter, Vocabulary, as_number, compared, parsed
from nntui.session.glance import Glance
from nntui.session.outcome import Outcome
from nntui.session.settings import comparable, flattened, short, written

VOCABULARY = Vocabulary(
    texts=("name", "state"),
    numbers=("best", "loss", "lr", "step", "steps", "done", "launches", "lost"),
    times=("age", "ran", "begun"),
    settings=("sort",),
    others=True,
)
HINT = "name* !letters state=live cfg.lr>=1e-3 val/loss<0.3 age<2h sort=best"
CONFIG = "cfg."
KINDS = ("last.", "min.", "max.")
"""What may stand before a metric; without it, it is its best value."""
_DESCENDING = frozenset({"step", "steps", "done", "ran", "launches", "lost"})
_DIGITS = re.compile(r"(\d+)")

Value = tuple[str, float]
"""A text in lower case, and the number that it is or NaN."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The runs that are shown."""

    runs: tuple[Glance, ...]
    problem: str = ""
    """What of the filter is not understood."""
    unknown: str = ""
    """What the filter or the order asks for and no run knows."""
    unread: int = 0
    """Runs whose metrics the filter or the order asks for, and that are not read yet."""


class Known:
    """Everything that a filter may ask about one run."""

    def __init__(self, one: Glance, outcome: Outcome | None, label: str, wall: float) -> None:
        """outcome: None where it is not read yet. label: the run as one names it. wall: Unix seconds."""
        self.one = one
        self.outcome = outcome
        self.label = label
        self.wall = wall

    def text(self, field: str) -> str:
        """A text of VOCABULARY."""
        return self.label if field == "name" else state(self.one)

    def number(self, field: str) -> float:
        """A number or a time of VOCABULARY; NaN where it is not known."""
        one = self.one
        known = {
            "loss": one.loss if one.has_loss else math.nan,
            "lr": one.lr,
            "step": one.step if one.step >= 0 else math.nan,
            "steps": one.total_steps or math.nan,
            "done": one.progress,
            "launches": one.launches or math.nan,
            "lost": one.lost,
            "age": self.wall - one.active_at if one.active_at > 0 else math.nan,
            "ran": one.active_at - one.started_at if one.launches else math.nan,
            "begun": self.wall - one.started_at if one.started_at > 0 else math.nan,
        }
        return float(known[field]) if field in known else self.best.value

    @cached_property
    def best(self) -> Any:
        """The best value of the metric that the run is judged by."""
        return (self.outcome or Outcome()).best

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The configuration, every name in lower case."""
        return {name.lower(): value for name, value in flattened(self.one.config).items()}

    def values(self, field: str) -> list[Value]:
        """What a name that is not in VOCABULARY stands for: settings after `cfg.`, else a metric, else settings."""
        if field.startswith(CONFIG):
            return self._settings(field[len(CONFIG) :])
        return self._metric(field) or self._settings(field)

    def _metric(self, field: str) -> list[Value]:
        metrics = {name.lower(): (name, one) for name, one in (self.outcome or Outcome()).metrics.items()}
        kind = "" if field in metrics else next((kind for kind in KINDS if field.startswith(kind)), "")
        found = metrics.get(field[len(kind) :])
        if found is None:
            return []
        name, extent = found
        best = extent.best(higher=roles.is_score(name)).value
        number = {"": best, "last.": extent.last, "min.": extent.low, "max.": extent.high}[kind]
        return [(str(number), number)]

    def _settings(self, name: str) -> list[Value]:
        """The setting of that name; else those whose last word it is; else those that it fits as a pattern."""
        settings = self.settings
        if name in settings:
            found = [settings[name]]
        elif "*" in name or "?" in name:
            shape = parsed(name).conditions
            found = [value for key, value in settings.items() if all(one.fits(key) for one in shape)]
        else:
            found = [value for key, value in settings.items() if key.endswith(f".{name}")]
        return [(written(value).lower(), _number(value)) for value in found]


def choose(
    pattern: str,
    sort: str,
    runs: Sequence[Glance],
    outcomes: Mapping[Path, Outcome],
    root: Path,
    wall: float,
) -> Choice:
    """The runs that a filter lets through, in an order. sort: a name, `-` before it turns it round; empty: as they come.

    outcomes: of runs that were read; those that tell of themselves need not be.
    """
    asked = parsed(pattern, VOCABULARY)
    order = asked.settings.get("sort", sort)
    if not asked.conditions and not order:
        return Choice(tuple(runs), asked.problem)
    known = [Known(one, one.outcome or outcomes.get(one.path), label(one, root), wall) for one in runs]
    kept = [one for one in known if all(holds(condition, one) for condition in asked.conditions)]
    unread = sum(one.outcome is None and not one.one.problem for one in known) if needs_outcomes(pattern, sort) else 0
    unknown = "" if unread else "; ".join(_unknown(asked, order, known))
    return Choice(tuple(one.one for one in ordered(order, kept)), asked.problem, unknown, unread)


def holds(condition: Condition, known: Known) -> bool:
    """Whether a condition holds of a run."""
    return _holds(condition, known) != condition.negated


def _holds(condition: Condition, known: Known) -> bool:
    field, sign = condition.field, condition.sign
    if not sign:
        texts = (known.label, known.one.name, state(known.one))
        return any(condition.fits(text) for text in texts)
    if field in VOCABULARY.texts:
        return condition.fits(known.text(field))
    if field in VOCABULARY.names:
        return condition.holds(known.number(field))
    values = known.values(field)
    if sign not in ("=", "!="):
        return any(compared(number, sign, condition.number) for _, number in values)
    equal = any(one.fits(text) or one.number == number for text, number in values for one in condition.values)
    return bool(values) and equal == (sign == "=")


def ordered(sort: str, known: Sequence[Known]) -> list[Known]:
    """The runs by a name: the better, the larger or the first in the alphabet first; those of which it is not known last."""
    if not sort:
        return list(known)
    turned, name = sort.startswith("-"), sort.removeprefix("-").lower()
    judged = (one.outcome.judged_by for one in known if one.outcome) if name == "best" else [name]
    descending = name in _DESCENDING or any(roles.is_score(one) for one in judged)
    keys = [(_key(name, one), one) for one in known]
    with_value = [(key, one) for key, one in keys if key is not None]
    with_value.sort(key=lambda pair: pair[0], reverse=descending != turned)
    return [*(one for _, one in with_value), *(one for key, one in keys if key is None)]


def _key(name: str, known: Known) -> tuple[Any, ...] | None:
    """What a run is ordered by: numbers before texts; None where it is not known."""
    if known.one.problem:
        return None
    if name in VOCABULARY.texts:
        return (1, *_natural(known.text(name)))
    if name in VOCABULARY.names:
        number = known.number(name)
        return None if math.isnan(number) else (0, number)
    values = known.values(name)
    if not values:
        return None
    text, number = values[0]
    if math.isnan(number):
        return None if text == "nan" else (1, *_natural(text))
    return (0, number)


def _natural(text: str) -> list[tuple[int, int, str]]:
    """A text in pieces that sort as people count: run2 before run10."""
    pieces = _DIGITS.split(text.lower())
    return [(1, int(piece[:300]), "") if at % 2 else (0, 0, piece) for at, piece in enumerate(pieces)]


def asks_time(pattern: str) -> bool:
    """Whether what a filter lets through changes by itself."""
    asked = parsed(pattern, VOCABULARY)
    return any(one.field in VOCABULARY.times for one in asked.conditions)


def needs_outcomes(pattern: str, sort: str) -> bool:
    """Whether a filter or an order can only be answered by the metrics of all runs."""
    asked = parsed(pattern, VOCABULARY)
    sort = asked.settings.get("sort", sort)
    names = [*(condition.field for condition in asked.conditions if condition.sign), sort.removeprefix("-").lower()]
    return any(name == "best" or _is_other(name) for name in names)


def _is_other(name: str) -> bool:
    return bool(name) and name not in VOCABULARY.names and not name.startswith(CONFIG)


def _unknown(asked: Filter, sort: str, known: Sequence[Known]) -> Iterable[str]:
    """What is asked for and known of no run, in words."""
    names = [(f"character {one.at}: ", one.field) for one in asked.conditions if one.sign]
    for where, name in [*names, ("sort: ", sort.removeprefix("-").lower())]:
        if not name or name in VOCABULARY.names or not known or any(one.values(name) for one in known):
            continue
        if name.startswith(CONFIG):
            there = {f"{CONFIG}{key}" for one in known for key in one.settings}
        else:
            there = {metric for one in known for metric in (one.outcome or Outcome()).metrics} | set(VOCABULARY.names)
        near = difflib.get_close_matches(name, sorted(there), 3, 0.5) or sorted(there)[:3]
        yield f"{where}no run has {name!r:.60}{'; there is ' if near else ''}{', '.join(near)}"


def differing(runs: Sequence[Glance]) -> tuple[tuple[str, int], ...]:
    """The settings that are not the same in all of these runs, in the order in which they are written down.

    Each with the characters of its longest value. A run without a configuration says nothing.
    """
    told = [(one.name, flattened(one.config)) for one in runs if not one.problem and one.config]
    found: list[tuple[str, int]] = []
    for name in dict.fromkeys(name for _, settings in told for name in settings):
        values = {comparable(name, settings[name], run) if name in settings else None for run, settings in told}
        if len(values) > 1:
            found.append((name, max(len(short(settings[name])) for _, settings in told if name in settings)))
    return tuple(found)


def state(one: Glance) -> str:
    """The state, or that the run cannot be read."""
    return "problem" if one.problem else one.state


def label(one: Glance, root: Path) -> str:
    """The run as one names it from the folder above."""
    path, above = str(one.path), f"{root}/"
    return path.removeprefix(above) if path.startswith(above) else path


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    return as_number(written(value))
