"""What is typed to choose among examples: `label=3 loss>1 split=validation wrong cat`.

Owns the little language: comparisons, a few words, letters. Invariant: what cannot be understood is said, and hides nothing.
"""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass

TEXTS = ("split", "label", "prediction")
NUMBERS = ("index", "loss", "confidence", "outlier", "suspect", "step", "duplicate")
FIELDS = (*TEXTS, *NUMBERS)
WORDS = ("wrong", "right", "old", "duplicate", "suspect")
HINT = "letters, label=3 split=validation loss>1 wrong right old duplicate suspect"
_COMPARISON = re.compile(r"([A-Za-z_]+)(<=|>=|!=|==|=|<|>)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """One part of a filter. All of them must hold."""

    field: str
    """One of FIELDS; a word alone has itself here, letters nothing."""
    sign: str
    """= != < <= > >=; empty for a word or letters."""
    text: str
    """What it is compared with, in lower case, or the letters."""
    number: float = math.nan
    """The same as a number; NaN where it is none."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What was typed, understood."""

    conditions: tuple[Condition, ...] = ()
    problem: str = ""
    """What of it could not be understood, in words."""


def parsed(pattern: str) -> Filter:
    """The filter that a pattern means. Names may be shortened as long as they are clear; blanks go into quotes."""
    found: list[Condition] = []
    problems: list[str] = []
    for word in _words(pattern):
        comparison = _COMPARISON.fullmatch(word)
        if comparison is None:
            known = word.lower()
            found.append(Condition(known if known in WORDS else "", "", known))
            continue
        name, sign, text = comparison[1].lower(), comparison[2].replace("==", "="), comparison[3]
        fields = [name] if name in FIELDS else [field for field in FIELDS if field.startswith(name)]
        number = as_number(text)
        if len(fields) != 1:
            meant = " or ".join(fields) if fields else ", ".join(FIELDS)
            problems.append(f"{word}: expected {meant}")
        elif (fields[0] in NUMBERS or sign not in ("=", "!=")) and math.isnan(number):
            problems.append(f"{word}: expected a number")
        else:
            found.append(Condition(fields[0], sign, text.lower(), number))
    return Filter(tuple(found), "; ".join(problems))


def as_number(text: str) -> float:
    """The number that a text is; NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _words(pattern: str) -> list[str]:
    try:
        return shlex.split(pattern)
    except ValueError:  # a quotation that is still open
        return pattern.split()
