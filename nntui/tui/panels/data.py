"""What the data screen says: single examples in a list, one of them in full, and how a column is spread.

Owns the words and their places. Pure functions of a snapshot, a size and a Paint. Invariant: right, wrong and out of date are
told by glyphs as well as by colours, and every foreign string goes through Paint.text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.text import Text

from nntui.analysis.ticks import format_count, format_number
from nntui.session.data import Data, Example
from nntui.session.histogram import Histogram
from nntui.tui.canvas import towers
from nntui.tui.inputs import PICTURE_WIDTH, has_picture, shortened, with_input
from nntui.tui.paint import Paint, joined, spread
from nntui.tui.panels.gallery import Card
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit, wrap

ORDERS = {
    "loss": "worst loss first",
    "confident": "most confidently wrong first",
    "outlier": "farthest outlier first",
    "suspect": "most suspect label first",
    "place": "by split and index",
}
TITLES = {"confidence": "conf", "outlier": "outl", "suspect": "susp"}
"""What is too long for the edge of a histogram."""
GUTTER = 7
"""Cells at the left of a histogram."""
BARS = 64
"""Most bars of a histogram: more would show but noise."""
WORDS_WIDTH = 24
"""Most cells of a label or a prediction in the list."""
FACT_WIDTH = 11
NAME_WIDTH = 14
"""Most cells of a split or of what an example repeats."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the list."""

    name: str
    title: str
    width: int
    right: bool = False
    """Whether it ends at the right edge, as numbers do."""


def order_line(data: Data, width: int, paint: Paint) -> Text:
    """How many examples are listed, in which order, and what is typed to choose them."""
    if not data.total:
        return Text()
    count = f"{len(data.rows):,} of {data.total:,}" if data.pattern else f"{data.total:,}"
    parts = [
        paint.text(ORDERS[data.order], bold=True),
        paint.text(f"{count} example" + ("" if data.total == 1 else "s")),
        paint.text(f"{data.wrong:,} of {data.judged:,} wrong" if data.judged else ""),
        paint.text(f"{data.old:,} out of date" if data.old else "", "quiet"),
        paint.text(f"{data.beyond:,} rows too many left out" if data.beyond else "", "warning"),
    ]
    typed = paint.text(f"/ {cut(safe(data.pattern), max(8, width // 3))}" if data.pattern else "", "accent")
    return spread(joined(parts), typed, width)


def problem_line(data: Data, width: int, paint: Paint) -> Text:
    """What of the filter cannot be understood, or what entered the network."""
    if data.problem:
        return shortened(paint.text(f"{paint.glyphs.warned} {data.problem}", "warning"), width)
    return shortened(paint.text(f"first batch  {data.entered}" if data.entered else "", "quiet"), width)


# --- the list -------------------------------------------------------------------------------------


def columns(data: Data, width: int) -> list[Column]:
    """The columns that have anything to say and fit, in their order; the one that the list is sorted by always."""
    longest = data.longest
    wordy = max(6, min(WORDS_WIDTH, (width - 40) // 2))
    known = [
        (4.5 if data.splits > 1 else 7, Column("split", "split", max(5, min(NAME_WIDTH, longest.get("split", 0))))),
        (0, Column("index", "index", max(5, min(NAME_WIDTH, longest.get("index", 0))), right=True)),
        (3, Column("label", "label", max(5, min(wordy, longest.get("label", 0))))),
        (2, Column("prediction", "  said", max(6, min(wordy, longest.get("prediction", 0) + 2)))),
        (1, Column("loss", "loss", 9, right=True)),
        (4, Column("confidence", "conf", 5, right=True)),
        (5, Column("outlier", "outlier", 8, right=True)),
        (6, Column("suspect", "suspect", 8, right=True)),
        (8, Column("duplicate", "repeats", max(7, min(NAME_WIDTH, longest.get("duplicate", 0) + 6)))),
    ]
    first = {"loss": "loss", "confident": "confidence", "outlier": "outlier", "suspect": "suspect"}.get(data.order, "")
    ranked = sorted(known, key=lambda pair: -1 if pair[1].name == first else pair[0])
    kept: set[str] = set()
    used = -1
    for _, column in ranked:
        if column.name in longest and (not kept or used + 1 + column.width <= width):
            kept.add(column.name)
            used += 1 + column.width
    return [column for _, column in known if column.name in kept]


def titles_line(shown: list[Column], width: int, paint: Paint) -> Text:
    """What the columns are."""
    return shortened(paint.text(" ".join(fit(c.title, c.width, right=c.right) for c in shown), "quiet"), width)


def example_row(one: Example, shown: list[Column], width: int, paint: Paint) -> Text:
    """One example in one line; what is out of date is faint."""
    line = Text(no_wrap=True, end="")
    for column in shown:
        value, meaning = _cell(one, column.name, paint)
        line.append(" " if line.cell_len else "")
        line.append_text(paint.text(fit(value, column.width, right=column.right), meaning))
    return shortened(line, width)


def _cell(one: Example, name: str, paint: Paint) -> tuple[str, str]:
    """The words of a cell, made safe, and their meaning."""
    if name == "prediction":
        glyph, meaning = {
            "yes": (paint.glyphs.passed, "success"),
            "no": (paint.glyphs.failed, "error"),
            "": ("~" if one.old else " ", "faint" if one.old else "foreground"),
        }[one.right]
        return f"{glyph} {safe(one.prediction) or '–'}", meaning
    if name in ("loss", "confidence"):
        value = one.loss if name == "loss" else one.confidence
        words = "" if math.isnan(value) else format_number(value, 3) if name == "loss" else f"{value:.2f}"
        return words, "faint" if one.old else "foreground"
    if name in ("outlier", "suspect"):
        value = one.outlier if name == "outlier" else one.suspect
        return "" if math.isnan(value) else format_number(value, 3), "foreground"
    if name == "duplicate":
        return _repeated(one), "warning"
    return {
        "split": (safe(one.split), "quiet"),
        "index": (str(one.index), "foreground"),
        "label": (safe(one.label) or "–", "foreground"),
    }[name]


def _repeated(one: Example) -> str:
    if one.duplicate_of < 0:
        return ""
    where = f"{safe(one.duplicate_split)} " if one.duplicate_split != one.split else ""
    return f"{where}{one.duplicate_of}"


# --- one example ----------------------------------------------------------------------------------


def example_detail(one: Example, width: int, height: int, paint: Paint) -> list[Text]:
    """All of an example: its input beside what is known of it."""
    verdict = {"yes": "right", "no": "wrong", "": ""}[one.right]
    pairs = [
        ("example", f"{one.split} {one.index}", "foreground"),
        ("label", one.label or "–", "foreground"),
        ("said", one.prediction, {"right": "success", "wrong": "error"}.get(verdict, "foreground")),
        ("confidence", "" if math.isnan(one.confidence) else f"{one.confidence:.4f}", "foreground"),
        ("loss", "" if math.isnan(one.loss) else format_number(one.loss), "foreground"),
        ("outlier", "" if math.isnan(one.outlier) else format_number(one.outlier), "foreground"),
        ("suspect", "" if math.isnan(one.suspect) else format_number(one.suspect), "foreground"),
        ("repeats", "" if one.duplicate_of < 0 else f"{one.duplicate_split} {one.duplicate_of}", "warning"),
        ("measured", f"step {one.step:,}" if one.step >= 0 else "", "foreground"),
    ]
    room = width - FACT_WIDTH - 1 - (PICTURE_WIDTH + 2 if has_picture(one.given) and width >= 2 * PICTURE_WIDTH else 0)
    lines = []
    for name, value, meaning in pairs:
        for row, words in enumerate(wrap(safe(value), room) if value else []):
            label = paint.text(fit("" if row else name, FACT_WIDTH), "quiet")
            more = paint.text(verdict if name == "said" and not row else "", meaning)
            lines.append(joined([label, paint.text(words, meaning, bold=True), more], " "))
    if one.old:
        words = f"out of date: its loss is at most {format_number(one.at_most)} since step {one.since:,}"
        lines.append(paint.text(words, "warning"))
    return with_input(lines, one.given, width, height, paint)


def card(one: Example, paint: Paint) -> Card:
    """An example in a grid: right or wrong, the label, and what is said in its place behind an arrow."""
    verdicts = {"yes": (paint.glyphs.passed, "success"), "no": (paint.glyphs.failed, "error"), "": ("", "quiet")}
    glyph, meaning = verdicts[one.right]
    said = f"→{one.prediction}" if one.prediction and one.prediction != one.label else ""
    return Card(one.given, f"{glyph} {one.label or '–'}{said}".lstrip(), meaning)


# --- the histogram --------------------------------------------------------------------------------


def histogram_lines(data: Data, width: int, height: int, paint: Paint) -> list[Text]:
    """Bars over an axis; the highest has its number at the left."""
    found, room = data.histogram, width - GUTTER
    if height < 2 or room < 4 or not data.total:
        return []
    if not len(found.counts):
        return [paint.text(cut(f"no {data.column} is known of these", width), "faint")]
    each = max(1, min(8, room // len(found.counts)))
    gap = 1 if each > 1 and found.names else 0
    most = int(found.counts.max())
    lines = []
    for row, bars in enumerate(towers(found.counts / max(1, most), height - 1, paint.glyphs.bar)):
        wide = "".join(char * (each - gap) + " " * gap for char in bars)
        count = paint.text(fit(format_count(most) if not row else "", GUTTER - 1, right=True) + " ", "quiet")
        lines.append(joined([count, paint.text(cut(wide, room).rstrip(), "primary")], ""))
    axis = _classes(found, each, room) if found.names else _ends(found, each * len(found.counts))
    return [*lines, paint.text(cut(fit(TITLES.get(data.column, data.column), GUTTER - 1) + " " + axis, width), "quiet")]


def _ends(found: Histogram, room: int) -> str:
    """Least and greatest value at the ends of an axis, and what is not on it."""
    left, right = format_number(found.low, 3), format_number(found.high, 3)
    notes = ["by factors"] if found.factors else []
    notes += [f"{found.unknown:,} not known"] if found.unknown else []
    words = ", ".join(notes)
    space = room - len(left) - len(right)
    return left + (words.center(space) if len(words) + 2 <= space else " " * max(1, space)) + right


def _classes(found: Histogram, each: int, room: int) -> str:
    """The classes under their bars, or the first and the last where there is no room for all."""
    names = [safe(name) for name in found.names]
    notes = [f"{found.more:,} rarer class" + ("es" if found.more > 1 else "")] if found.more else []
    notes += [f"{found.unknown:,} not known"] if found.unknown else []
    more = f"  {', '.join(notes)}" if notes else ""
    if each > 2 or all(len(name) < each or each == len(name) == 1 for name in names):
        line = "".join(fit(cut(name, max(1, each - 1)), each) for name in names)
    else:
        line = f"{names[0]} to {names[-1]}"
    return line + more if len(line) + len(more) <= room else line
