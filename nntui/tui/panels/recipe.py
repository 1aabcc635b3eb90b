"""The rows of the recipe: verdict, what was expected, what was measured, and what that means.

Owns the columns of the list and the order of what is told of the chosen row. Pure functions of entries, a size and a Paint.
Invariant: in one list the same column begins at the same cell in every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from nntui.session.recipe import Entry
from nntui.tui.paint import Paint, cut_line, joined, wrapped
from nntui.tui.panels.findings import wide_detail
from nntui.tui.safe import safe
from nntui.tui.units import fit, quantity

COLUMNS_FROM = 70
"""Cells from which expected and measured have columns of their own."""
STAGE, VERDICT, NAME = 10, 6, 15
HEAD = STAGE + 1 + 2 + VERDICT + NAME + 1
"""Cells before what was expected."""
GAP = 2
LEAST_WORDS = 40
"""Cells from which what was found has a column too."""
MOST_EXPECTED, MOST_MEASURED = 40, 24
"""Most cells of the columns where there is a third one."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells of what was expected, of what was measured, and of what that means; 0 where there is no such column."""

    expected: int = 0
    measured: int = 0
    words: int = 0


def columns(entries: Sequence[Entry], width: int) -> Columns:
    """The columns of a list of `width` cells: as wide as what stands in them, and words where these leave room."""
    if width < COLUMNS_FROM:
        return Columns()
    expected = max((cell_len(_expected(one)) for one in entries), default=0)
    measured = max((cell_len(_measured(one)) for one in entries), default=0)
    expected, measured = max(len("expected"), expected), max(len("measured"), measured)
    room = width - HEAD - GAP
    words = room - min(expected, MOST_EXPECTED) - min(measured, MOST_MEASURED) - GAP
    if words >= LEAST_WORDS:
        return Columns(min(expected, MOST_EXPECTED), min(measured, MOST_MEASURED), words)
    measured = min(measured, max(room - expected, room * 2 // 5))
    return Columns(min(expected, room - measured), measured)


def titles_row(shown: Columns, width: int, paint: Paint) -> Text:
    """What the columns are."""
    if not shown.expected:
        return cut_line(paint.text("  check", "quiet"), width)
    head = f"{fit('stage', STAGE)} {fit('verdict', 2 + VERDICT)}{fit('check', NAME)} "
    cells = f"{fit('expected', shown.expected)}  {fit('measured', shown.measured)}"
    return cut_line(paint.text(head + cells + "  what was found" * (shown.words > 0), "quiet"), width)


def recipe_row(entry: Entry, stage: str, shown: Columns, width: int, paint: Paint) -> Text:
    """A row: its stage where it begins, verdict, expected, measured, words. Of one that was not run, what must hold."""
    one = entry.finding
    glyph, meaning = paint.verdict(one.status) if entry.known else (paint.glyphs.skipped, "quiet")
    if not shown.expected:
        words = one.message if entry.known else entry.row.what
        return cut_line(joined([paint.text(f"{glyph} {one.id}", meaning), paint.text(words, "quiet")]), width)
    name = one.id.partition(".")[2] or one.id
    verdict = fit(one.status if entry.known else "", VERDICT)
    head = joined(
        [
            paint.text(fit(stage, STAGE), "quiet"),
            paint.text(f"{glyph} {verdict}{fit(safe(name), NAME)}", meaning),
        ],
        " ",
    )
    head.append(" ")
    told = _is_measured(entry)
    if not told and entry.known and not shown.words:  # nothing was measured: the reason has both columns
        return cut_line(head.append_text(paint.text(one.message, "quiet")), width)
    plain, urgent = "foreground" if told else "quiet", one.status in ("warn", "fail")
    head.append_text(paint.text(fit(_expected(entry), shown.expected), plain)).append("  ")
    head.append_text(paint.text(fit(_measured(entry), shown.measured), meaning if urgent else plain, bold=urgent))
    if shown.words:
        words = one.message if entry.known else f"{_call(entry)} runs it"
        head.append("  ").append_text(paint.text(words, plain))
    return cut_line(head, width)


def recipe_detail(entry: Entry, width: int, paint: Paint, *, begun: bool = True) -> list[Text]:
    """Everything about a row of the recipe: what came of it, what to try, what must hold and why.

    begun: whether the training has; before that a check that was not run may have its turn still.
    """
    what, why = entry.row.what, entry.row.why
    about = f"{what[:1].upper()}{what[1:]}. {why}" if what else ""
    if not entry.known:
        words = "Not run." if begun else "Not run yet: checks take turns before the first step."
        how = f"{_call(entry)} runs this one, nntui.preflight(task, run=run) all of them before the first step."
        head = [paint.text(entry.row.id, "quiet", bold=True), *wrapped(words, width, paint, "foreground")]
        head += wrapped(how, width, paint, "foreground")
        return [cut_line(line, width) for line in (*head, Text(), *wrapped(about, width, paint, "quiet"))]
    return wide_detail(entry.finding, width, paint, about)


def _call(entry: Entry) -> str:
    """What runs and records a row of the recipe by itself."""
    return f"run.check(nntui.checks.{safe(entry.row.id.partition('.')[2])}(task))"


def _is_measured(entry: Entry) -> bool:
    return entry.known and entry.finding.status not in ("skip", "crash")


def _expected(entry: Entry) -> str:
    if not entry.known:
        return entry.row.what
    return quantity(entry.finding.expected, entry.finding.unit) if _is_measured(entry) else "–"


def _measured(entry: Entry) -> str:
    if not entry.known:
        return "not run"
    return quantity(entry.finding.measured, entry.finding.unit) if _is_measured(entry) else "–"
