"""Which characters a terminal is given.

Owns the three sets of glyphs. Invariant: the ASCII set holds ASCII only, and every meaning has a glyph in each set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.text import Text

Kind = Literal["braille", "block", "ascii"]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of one set."""

    kind: Kind
    live: str
    ended: str
    failed: str
    waiting: str
    passed: str
    warned: str
    skipped: str
    alert: str
    info: str
    cursor: str
    left: str
    """Points at what stands before it."""
    nan: str
    rise: str
    """Where +inf was."""
    fall: str
    """Where -inf was."""
    minor: str
    """One of many, on the lower edge of a plot."""
    down: str
    bar: str
    """From empty to full, for sparklines and progress."""
    dot: str
    rule: str
    corner: str
    wall: str
    dash: str
    """What a line to compare with is drawn of; no line of data has it."""
    series: str
    """One mark per series, so that colour is never needed to tell them apart."""


_UNICODE = {
    "live": "●",
    "ended": "■",
    "failed": "✗",
    "waiting": "○",
    "passed": "✓",
    "warned": "▲",
    "skipped": "–",
    "alert": "▲",
    "info": "·",
    "cursor": "▸",
    "left": "◂",
    "nan": "✗",
    "rise": "↑",
    "fall": "↓",
    "minor": "┴",
    "down": "▼",
    "bar": " ▁▂▃▄▅▆▇█",
    "dot": "·",
    "rule": "─",
    "corner": "┤",
    "wall": "│",
    "dash": "╌",
    "series": "─·╌┄┈",
}

DOTS: dict[str, tuple[int, int]] = {"braille": (2, 4), "block": (1, 2), "ascii": (1, 1)}
"""Dots per cell, across and down, by kind."""

SETS: dict[str, Glyphs] = {
    "braille": Glyphs("braille", **_UNICODE),
    "block": Glyphs("block", **_UNICODE),
    "ascii": Glyphs(
        "ascii",
        live="*",
        ended="#",
        failed="X",
        waiting="o",
        passed="+",
        warned="!",
        skipped="-",
        alert="!",
        info=".",
        cursor=">",
        left="<",
        nan="X",
        rise="^",
        fall="v",
        minor="'",
        down="v",
        bar=" ..--==##",
        dot=".",
        rule="-",
        corner="+",
        wall="|",
        dash="-",
        series="*o+#@",
    ),
}

_ASCII = str.maketrans("…–×÷σ±·│┤─▸◂▼▲✓✗●○■↓↑←→", "~-x/s~.|+-><v!+X*o#v^<>")
_SUPERSCRIPT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def plain(line: Text) -> Text:
    """The line in ASCII only, in the same cells and styles; a foreign character becomes `?`."""
    shown = line.plain.replace("± ", "+-").translate(_ASCII)
    shown = "".join(char if char.isascii() else "?" * cell_len(char) for char in shown)
    if len(shown) != len(line.plain):
        return Text(shown, style=line.style, end="", no_wrap=True)
    copy = line.copy()
    copy.plain = shown
    return copy


def power(label: str) -> str:
    """`10⁻³` as `1e-3`, for terminals without superscripts; any other label as it is."""
    return "1e" + label[2:].translate(_SUPERSCRIPT) if label[:2] == "10" and not label.isascii() else label
