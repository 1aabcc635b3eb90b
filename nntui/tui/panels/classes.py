"""What the predictions screen says of classes: labels by what is said for them, and how sure of each class the network was.

Owns the words and the cells. Pure functions of a snapshot, a size and a Paint. Invariant: a count or a class that has no room is
never left out without a word.
"""

from __future__ import annotations

import math

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from nntui.session.predictions import Floats, Prediction, Predictions
from nntui.tui.canvas import spark, towers
from nntui.tui.paint import Paint, cut_line, joined
from nntui.tui.safe import safe
from nntui.tui.units import fit

NAME_WIDTH = 8
"""Most cells of the name of a class."""
MOST_RIGHT = 4
"""Lines of the bars that tell how many are right, at most."""
HIGHEST = 3
"""Lines of the probabilities of one class, at most."""


def has_table(data: Predictions) -> bool:
    """Whether labels can be counted by what is said."""
    return bool(len(data.confusion))


def table_size(data: Predictions) -> tuple[int, int]:
    """Cells and lines of the table of labels by what is said."""
    name, each = _widths(data)
    return name + 1 + each * len(data.classes), 2 + len(data.classes)


def table_lines(
    data: Predictions, width: int, height: int, chosen: Prediction, paint: Paint, hint: str = ""
) -> list[Text]:
    """How many examples of each label are said to be what, the cell of the chosen one marked; one line where there is no room.

    hint: what gives it more.
    """
    wide, high = table_size(data)
    classes = len(data.classes)
    if wide > width or high > height:
        words = f"no room for {classes} × {classes} labels and predictions{hint}"
        return [cut_line(paint.text(words, "faint"), width)]
    name, each = _widths(data)
    heads = " ".join(fit(safe(one), each - 1, right=True) for one in data.classes)
    lines = [
        cut_line(paint.text("examples of each label (rows) by what is said (columns)", "quiet"), width),
        paint.text(f"{'':{name}} {heads}", "quiet"),
    ]
    for row, label in enumerate(data.classes):
        line = joined([paint.text(fit(safe(label), name, right=True), "quiet")], "").append(" ")
        for column, count in enumerate(data.confusion[row].tolist()):
            here = (row, data.classes[column]) == (chosen.target, chosen.said)
            words, meaning = str(count) if count else paint.glyphs.dot, "faint"
            if count:
                meaning = "success" if row == column else "error"
            line.append(fit(words, each - 1, right=True), paint.style(meaning, bold=bool(count)))
            line.append(paint.glyphs.left if here else " ", paint.style("accent", bold=True))
        lines.append(line)
    return lines


def _widths(data: Predictions) -> tuple[int, int]:
    """Cells of a label and of a column: its count or its name, and room for the mark of the chosen one."""
    longest = max(cell_len(safe(one)) for one in data.classes)
    return min(NAME_WIDTH, longest), max(3, len(str(int(data.confusion.max()))) + 1, min(NAME_WIDTH, longest + 1))


def right_lines(data: Predictions, width: int, height: int, paint: Paint) -> list[Text]:
    """How many examples were right at each recorded moment up to the shown one."""
    known = [one.right_then[: data.at + 1] for one in data.examples if one.right]
    room, high = width - 6, min(MOST_RIGHT, height - 2)
    if not known or room < 8 or high < 2 or data.at < 1:
        return []
    count, first, last = len(known), int(data.steps[0]), int(data.steps[data.at])
    share = np.mean(known, axis=0)
    lines = [paint.text(f"how many of {count} were right, step {first:,} to {last:,}", "quiet")]
    for row, bars in enumerate(_bars(share, room, high, paint)):
        tick = fit(f"{count}" if not row else "0" if row == high - 1 else "", 5, right=True)
        lines.append(joined([paint.text(tick, "quiet"), paint.text(bars, "success")], " "))
    return [cut_line(line, width) for line in lines]


def chances_lines(one: Prediction, data: Predictions, width: int, height: int, paint: Paint) -> list[Text]:
    """The probability of each class over the recorded moments, each a row from 0 to 1, the label's and the wrong one's by colour.

    Of more classes than lines the likeliest ones, and the label.
    """
    chances = one.chances[: data.at + 1]
    name = max((min(NAME_WIDTH, cell_len(safe(label))) for label in data.classes), default=0)
    room, rows = width - name - 8, height - 1
    if not len(chances) or room < 8 or rows < 1:
        return []
    newest = np.nan_to_num(chances[-1], nan=-1.0)
    ranked = sorted(range(len(newest)), key=lambda k: (k != one.target, -newest[k], k))
    shown = sorted(ranked[:rows])
    of = f" of {len(newest)} classes" if len(shown) < len(newest) else ""
    first, last = int(data.steps[0]), int(data.steps[data.at])
    title = f"probability of {len(shown) if of else 'each class'}{of}, 0 to 1, step {first:,} to {last:,}"
    high = max(1, min(HIGHEST, rows // len(shown)))
    lines = [cut_line(paint.text(title, "quiet"), width)]
    for k in shown:
        label, value = data.classes[k], float(chances[-1][k])
        meaning = "success" if k == one.target else "error" if one.right == "no" and label == one.said else "primary"
        words = f"{value:.3f}" if math.isfinite(value) else ""
        for row, bars in enumerate(_bars(chances[:, k], room, high, paint)):
            last = row == high - 1
            name_of = paint.text(fit(safe(label) if last else "", name, right=True), "quiet")
            value_of = paint.text(f"{words:>6}" if last else "", meaning)
            lines.append(joined([name_of, Text(bars, paint.style(meaning), end=""), value_of], " "))
    return lines


def _bars(values: Floats, width: int, height: int, paint: Paint) -> list[str]:
    """Probabilities as bars in so many lines; in one line each moment shows at least the least bar."""
    if height == 1:
        return [spark(values, width, paint.glyphs.bar, (0.0, 1.0))]
    picked = values[np.minimum((np.arange(width) * len(values)) // width, len(values) - 1)]
    return towers(np.clip(np.nan_to_num(picked), 0.0, 1.0), height, paint.glyphs.bar)
