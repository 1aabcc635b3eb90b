"""What is typed to choose among examples or runs: `label=3 loss>1 !cat`, `cfg.lr>=1e-3 state=live digits*`.

Owns the little language. A filter is words apart by blanks, and all of them must hold. A word is NAME SIGN VALUE with one of
= != < <= > >=, or letters that are looked for. `a|b` is either; * and ? stand for any letters, and then all of a text must
fit; ! before a word turns it around; in quotes nothing has a meaning; capitals make no difference. Invariant: what cannot be
understood is said, with its place, and hides nothing.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_SIGNS = ("<=", ">=", "!=", "==", "=", "<", ">")
_TIME = re.compile(r"([0-9]*\.?[0-9]+)(s|m|min|h|d|w)?")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that mean something."""

    texts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    """In seconds, or 5m, 2h, 3d."""
    words: tuple[str, ...] = ()
    """What means something alone."""
    settings: tuple[str, ...] = ()
    """What is asked for besides, as `sort=loss`."""
    others: bool = False
    """Whether any other name may be one of the things' own. If not, names may be shortened as long as they are clear."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that may stand before a sign."""
        return (*self.texts, *self.numbers, *self.times, *self.settings)


OF_EXAMPLES = Vocabulary(
    texts=("split", "label", "prediction"),
    numbers=("index", "loss", "confidence", "outlier", "suspect", "step", "duplicate"),
    words=("wrong", "right", "old", "duplicate", "suspect"),
)
HINT = "letters, label=3 split=validation loss>1 wrong right old duplicate suspect"


@dataclass(frozen=True, slots=True)
class Value:
    """One of the things that a word may be, or be compared with."""

    text: str
    """In lower case, without quotes."""
    number: float
    """The same as a number, of a time in seconds; NaN where it is none."""
    shape: re.Pattern[str] | None = None
    """What all of a text must fit; None: it must hold these letters."""

    def fits(self, text: str) -> bool:
        """Whether a text in lower case is as this says."""
        return self.text in text if self.shape is None else self.shape.match(text) is not None


@dataclass(frozen=True, slots=True)
class Condition:
    """One word of a filter."""

    field: str
    """What is compared, in lower case; a word that means something alone has itself here, letters nothing."""
    sign: str
    """= != < <= > >=; empty for a word or letters."""
    values: tuple[Value, ...]
    """Any of them; one where the sign asks for an order, and a number then."""
    negated: bool = False
    at: int = 1
    """Its place in what was typed, from 1."""

    @property
    def number(self) -> float:
        """What it is compared with, where the sign asks for an order."""
        return self.values[0].number

    def holds(self, value: float) -> bool:
        """Whether a number is as the sign wants it; of one that is not known nothing holds."""
        if math.isnan(value):
            return False
        if self.sign in ("=", "!="):
            return any(one.number == value for one in self.values) == (self.sign == "=")
        return compared(value, self.sign, self.number)

    def fits(self, text: str) -> bool:
        """Whether a text is as the sign wants it, or holds the letters."""
        return any(one.fits(text.lower()) for one in self.values) == (self.sign != "!=")


@dataclass(frozen=True, slots=True)
class Filter:
    """What was typed, understood."""

    conditions: tuple[Condition, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    problem: str = ""
    """What of it could not be understood, in words."""


def parsed(pattern: str, vocabulary: Vocabulary = OF_EXAMPLES) -> Filter:
    """The filter that a pattern means."""
    conditions: list[Condition] = []
    settings: dict[str, str] = {}
    problems: list[str] = []
    for word in _words(pattern, problems):
        try:
            condition = _condition(word, vocabulary)
        except _NotUnderstoodError as error:
            problems.append(f"character {error.at}: {error}")
            continue
        if condition.field in vocabulary.settings:
            settings[condition.field] = "|".join(one.text for one in condition.values)
        else:
            conditions.append(condition)
    return Filter(tuple(conditions), settings, "; ".join(problems))


def compared(value: float, sign: str, number: float) -> bool:
    """Whether an order holds."""
    if sign[0] == "<":
        return value < number or (sign == "<=" and value == number)
    return value > number or (sign == ">=" and value == number)


def as_number(text: str) -> float:
    """The number that a text is; NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


class _NotUnderstoodError(Exception):
    """A word means nothing."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at


@dataclass(frozen=True, slots=True)
class _Char:
    """A character of the pattern."""

    char: str
    at: int
    quoted: bool

    def is_one_of(self, signs: str) -> bool:
        return not self.quoted and self.char in signs


def _words(pattern: str, problems: list[str]) -> list[list[_Char]]:
    """The words: characters between blanks, without their quotes. Quotes begin where a word or a value does."""
    words: list[list[_Char]] = []
    quote, opened, inside = "", 0, False
    for at, char in enumerate(pattern, 1):
        if quote and char == quote:
            quote = ""
        elif not quote and char in "\"'" and (not inside or pattern[at - 2] in "=<>!.|"):
            quote, opened = char, at
            words += [] if inside else [[]]
            inside = True
        elif not quote and char.isspace():
            inside = False
        else:
            words += [] if inside else [[]]
            inside = True
            words[-1].append(_Char(char, at, bool(quote)))
    if quote:
        problems.append(f"character {opened}: expected a closing {quote}")
        words.pop()
    return [word for word in words if word]


def _condition(word: list[_Char], vocabulary: Vocabulary) -> Condition:
    at = word[0].at
    negated = word[0].is_one_of("!") and len(word) > 1 and not word[1].is_one_of("=")
    word = word[1:] if negated else word
    begin = next((i for i, char in enumerate(word) if char.is_one_of("<>=") or _begins(word[i:], "!=")), len(word))
    sign = next((sign for sign in _SIGNS if _begins(word[begin:], sign)), "")
    name, rest = _text(word[:begin]), word[begin + len(sign) :]
    if not sign:
        known = name in vocabulary.words and not any(char.quoted for char in word)
        return Condition(name if known else "", "", _values(word, letters=True), negated, at)
    sign = sign.replace("==", "=")
    if not name:
        raise _NotUnderstoodError(
            word[begin].at, f"expected a name before {sign}, such as {vocabulary.names[0]}{sign}…"
        )
    meant = _meant(name, at, vocabulary)
    values = _values(rest, time=meant in vocabulary.times)
    ordered, numeric = sign not in ("=", "!="), meant in (*vocabulary.numbers, *vocabulary.times)
    place = rest[0].at if rest else word[begin].at + len(sign)
    found = f", found {_text(rest)!r:.40}" if rest else ""
    if ordered and len(values) > 1:
        raise _NotUnderstoodError(place, f"expected one number after {meant}{sign}{found}")
    if (ordered or numeric) and any(math.isnan(one.number) for one in values):
        such = "90, 15m, 2h or 3d" if meant in vocabulary.times else "0.3 or 1e-4"
        raise _NotUnderstoodError(place, f"expected a number such as {such} after {meant}{sign}{found}")
    return Condition(meant, sign, values, negated, at)


def _meant(name: str, at: int, vocabulary: Vocabulary) -> str:
    if name in vocabulary.names or vocabulary.others:
        return name
    fields = [known for known in vocabulary.names if known.startswith(name)]
    if len(fields) == 1:
        return fields[0]
    raise _NotUnderstoodError(at, f"expected {' or '.join(fields or vocabulary.names)}, found {name!r:.40}")


def _values(chars: list[_Char], *, letters: bool = False, time: bool = False) -> tuple[Value, ...]:
    """What a word or what follows its sign may be: one, or several between |."""
    found: list[Value] = []
    rest = [*chars, _Char("|", 0, False)]
    while rest:
        end = next(i for i, char in enumerate(rest) if char.is_one_of("|"))
        part, rest = rest[:end], rest[end + 1 :]
        text = _text(part)
        wild = any(char.is_one_of("*?") for char in part)
        pieces = (c.char if c.is_one_of("*?") or c.char not in "*?[" else f"[{c.char}]" for c in part)
        shape = re.compile(fnmatch.translate("".join(pieces).lower())) if wild or not letters else None
        found.append(Value(text, _seconds(text) if time else as_number(text), shape))
    return tuple(found)


def _seconds(text: str) -> float:
    known = _TIME.fullmatch(text)
    return float(known[1]) * _SECONDS[known[2] or ""] if known else math.nan


def _text(chars: list[_Char]) -> str:
    return "".join(char.char for char in chars).lower()


def _begins(chars: list[_Char], sign: str) -> bool:
    return len(chars) >= len(sign) and all(char.is_one_of(one) for char, one in zip(chars, sign, strict=False))
