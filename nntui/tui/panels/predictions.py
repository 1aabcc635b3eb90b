"""What the predictions screen says: a fixed batch, and how its predictions came to be.

Owns the words and their places. Pure functions of a snapshot, a size and a Paint. Invariant: right and wrong are told by glyphs
as well as by colours, and every foreign string goes through Paint.text.
"""

from __future__ import annotations

import math

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from nntui.session.predictions import Prediction, Predictions
from nntui.tui.inputs import PICTURE_WIDTH, has_picture, shortened, with_input
from nntui.tui.paint import Paint, joined, spread
from nntui.tui.panels.classes import chances_lines
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit

ORDERS = {"example": "in order", "worst": "worst first", "jitter": "most changing first", "flip": "last flipped first"}
WORDS_WIDTH = 24
"""Most cells of a label or a prediction in the list."""
NUMBERS_WIDTH = 34
"""Cells of a row that are neither label, nor what is said, nor the strip."""
SURE = 0.5
"""Probability of what was said from which a mistake is one that the network was sure of."""
MOST_PLOT = 24
"""Lines of the plot of labels and predictions, at most."""
LEAST_CHANCES = 3
"""Classes from which their probabilities over time say more than that of the label."""
WRONG = {"braille": "×✗", "block": "×✗", "ascii": "xX"}
"""Marks of a mistake: unsure, sure."""


def batch_line(data: Predictions, width: int, paint: Paint) -> Text:
    """Which batch is shown, as of when, and how many are right."""
    step = f"step {int(data.steps[data.at]):,}"
    past = data.at < len(data.steps) - 1
    when = paint.text(
        f"{step}, moment {data.at + 1} of {len(data.steps)}", "accent" if past else "foreground", bold=past
    )
    count = f"{data.right} of {data.labelled} right" if data.labelled else f"{len(data.examples)} examples"
    several = f"[n] {data.names.index(data.name) + 1} of {len(data.names)}" if len(data.names) > 1 else ""
    parts = [paint.text(data.name, bold=True), when, paint.text(count), paint.text(ORDERS[data.order], "quiet")]
    return spread(joined(parts), paint.text(several, "quiet"), width)


def widths(data: Predictions, width: int) -> tuple[int, int, int]:
    """Cells of the label, of what is said, and of the strip, in a row of `width` cells."""
    most = max(3, min(WORDS_WIDTH, (width - 40) // 2))
    label = max(5, min(most, max((len(p.label) for p in data.examples), default=5)))
    said = max(4, min(most, max((len(p.said) for p in data.examples), default=4)))
    return label, said, max(4, width - label - said - NUMBERS_WIDTH)


def titles_line(data: Predictions, width: int, paint: Paint) -> Text:
    """What the columns are."""
    label, said, strip = widths(data, width)
    score = {"number": "off by", "numbers": "off by", "text": "right"}.get(data.kind, "P(label)")
    means = {"number": "near", "numbers": "near", "text": "right", "classes": "P(label)", "yes or no": "P(label)"}[
        data.kind
    ]
    wrong = f", {WRONG[paint.glyphs.kind][1]} wrong" if data.kind in ("classes", "yes or no") else ""
    words = [fit("ex", 4, right=True), fit("label", label), fit("  said", said + 2), fit(score, 8, right=True)]
    words += [fit(f"{means} so far{wrong}", strip), fit("jitter", 6, right=True), fit("flipped", 8, right=True)]
    return shortened(paint.text(" ".join(words), "quiet"), width)


def prediction_row(one: Prediction, data: Predictions, width: int, paint: Paint) -> Text:
    """Example, label, what is said, the history as a strip, how restless it is, and when it flipped last."""
    label, said, strip = widths(data, width)
    glyph, meaning = {
        "yes": (paint.glyphs.passed, "success"),
        "no": (paint.glyphs.failed, "error"),
        "": (" ", "foreground"),
    }[one.right]
    jitter = f"{one.jitter:.2f}" if math.isfinite(one.jitter) else ""
    flipped = f"{one.last_change:,}" if one.last_change >= 0 else "never" if jitter else ""
    line = Text(no_wrap=True, end="")
    for part in (
        paint.text(fit(str(one.example), 4, right=True), "quiet"),
        paint.text(fit(safe(one.label) or "–", label)),
        paint.text(f"{glyph} {fit(safe(one.said) or '–', said)}", meaning),
        paint.text(fit(_score(one, data), 8, right=True), bold=True),
        history_strip(one, data, strip, paint),
        paint.text(fit(jitter, 6, right=True), "quiet"),
        paint.text(fit(flipped, 8, right=True), "quiet"),
    ):
        line.append(" " if line.cell_len else "").append_text(part)
    return shortened(line, width)


def history_strip(one: Prediction, data: Predictions, width: int, paint: Paint) -> Text:
    """The recorded moments up to the shown one: a bar from 0 (bad) to 1 (good), or a mark where what was said was wrong.

    The mark is the larger one where the network was sure of it.
    """
    good, levels = one.good[: data.at + 1], len(paint.glyphs.bar) - 1
    judged = one.right != "" and data.kind in ("classes", "yes or no")
    line = Text(no_wrap=True, end="")
    for place in ((np.arange(width) * len(good)) // max(1, width)).tolist():
        value = float(good[place])
        if judged and not one.right_then[place] and math.isfinite(value):
            sure = bool(one.sure[place] >= SURE)
            line.append(WRONG[paint.glyphs.kind][sure], paint.style("error", bold=sure))
        elif not math.isfinite(value):
            line.append(" ", paint.style("faint"))
        else:
            level = 1 + min(int(min(max(value, 0.0), 1.0) * levels), levels - 1)
            line.append(paint.glyphs.bar[level], paint.style("success" if judged else "primary"))
    return line


def _score(one: Prediction, data: Predictions) -> str:
    if data.kind == "number":
        off = one.score - one.target
        return f"{off:+.3g}" if math.isfinite(off) else ""
    if data.kind == "numbers":
        return f"{one.score:.3g}" if math.isfinite(one.score) else ""
    return f"{one.score:.2f}" if math.isfinite(one.score) else ""


def prediction_detail(one: Prediction, data: Predictions, width: int, height: int, paint: Paint) -> list[Text]:
    """All of an example: its input beside label, prediction and history."""
    beside = has_picture(one.given) and width >= 2 * PICTURE_WIDTH
    facts = _facts(one, data, width - PICTURE_WIDTH - 2 if beside else width, paint)
    return with_input(facts, one.given, width, height, paint)


def prediction_beside(one: Prediction, data: Predictions, width: int, height: int, paint: Paint) -> list[Text]:
    """All of an example, and how sure of each class the network was, or labels and predictions of numbers in one plot."""
    lines = prediction_detail(one, data, width, 2 * height // 3, paint)
    room = height - len(lines) - 1
    if has_plot(data):
        return [*lines, Text(), *labels_plot(data, width, min(room, MOST_PLOT), one.example, paint)]
    more = (
        chances_lines(one, data, width, room, paint)
        if data.kind != "text"
        else said_lines(one, data, width, room, paint)
    )
    return [*lines, Text(), *more] if len(more) > LEAST_CHANCES else lines


def said_lines(one: Prediction, data: Predictions, width: int, height: int, paint: Paint) -> list[Text]:
    """What was said at the recorded moments up to the shown one, evenly thinned where there is no room for all."""
    if height < 2:
        return []
    count = data.at + 1
    shown = sorted({data.at - data.at * k // max(1, min(count, height - 1) - 1) for k in range(min(count, height - 1))})
    wide = max(len(f"{int(data.steps[at]):,}") for at in shown)
    lines = [paint.text("said at step" + (f", {len(shown)} of {count} moments" if len(shown) < count else ""), "quiet")]
    for at in shown:
        step = paint.text(f"{int(data.steps[at]):>{wide},}", "quiet")
        words = paint.text(one.said_then[at] or "–", "success" if one.right_then[at] else "primary")
        lines.append(joined([step, words], " "))
    return [shortened(line, width) for line in lines]


def _facts(one: Prediction, data: Predictions, width: int, paint: Paint) -> list[Text]:
    numbers = data.kind in ("number", "numbers")
    glyph, meaning = {"yes": (paint.glyphs.passed, "success"), "no": (paint.glyphs.failed, "error")}.get(
        one.right, ("", "foreground")
    )
    unit = " spreads of the labels per moment" if numbers else ""
    score = _score(one, data)
    pairs = [
        ("example", str(one.example), "foreground"),
        ("off by" if numbers else "right" if data.kind == "text" else "P(label)", score, "foreground"),
        ("jitter", f"{one.jitter:.3g}{unit}" if math.isfinite(one.jitter) else "", "foreground"),
        ("flipped", f"step {one.last_change:,}" if one.last_change >= 0 else "never", "foreground"),
    ]
    lines: list[Text] = []
    for name, value, colour in pairs:
        part = _pair(name, value, paint, colour)
        if value and lines and lines[-1].cell_len + 3 + part.cell_len <= width:
            lines[-1].append("   ").append_text(part)
        elif value:
            lines.append(part)
    if data.kind == "text" and len(one.label) > WORDS_WIDTH:
        lines += aligned(one.label, one.said, width, paint)
    else:
        lines += [_pair("label", one.label or "–", paint), _pair("said", f"{one.said or '–'} {glyph}", paint, meaning)]
    names = [f"P({cut(safe(name), 8)})" for name, _ in one.top]
    wide = max(map(cell_len, names), default=0) + 1
    for name, (label, probability) in zip(names, one.top, strict=True):
        bar = paint.glyphs.bar[-1] * max(0, round(probability * min(30, width - 22)))
        meaning = "success" if label == one.label else "error" if one.right == "no" and label == one.said else "primary"
        line = _pair(fit(name, wide), f"{probability:.3f}", paint)
        lines.append(joined([line, paint.text(bar, meaning)], " "))
    room = max(4, width - 12)
    return [*lines, joined([paint.text("so far", "quiet"), history_strip(one, data, room, paint)], " ")]


def aligned(label: str, said: str, width: int, paint: Paint) -> list[Text]:
    """A long label over what is said, place by place, with a mark below each that is wrong; in as many pieces as it takes.

    Where the two are not of one length only the words are shown.
    """
    room = max(1, width - 8)
    marks = (
        "".join(" " if a == b else "^" for a, b in zip(label, said, strict=False)) if len(label) == len(said) else ""
    )
    lines: list[Text] = []
    for first in range(0, max(len(label), len(said)), room):
        here = slice(first, first + room)
        rows = [
            ("label", label[here], "foreground"),
            ("said", said[here], "primary"),
            ("", marks[here].rstrip(), "error"),
        ]
        lines += [_pair(fit(name, 6), words, paint, meaning) for name, words, meaning in rows if words]
    return lines


def _pair(name: str, value: str, paint: Paint, meaning: str = "foreground") -> Text:
    return joined([paint.text(name, "quiet"), paint.text(value, meaning, bold=meaning == "foreground")], " ")


# --- labels and predictions in one plot --------------------------------------------------------------


def has_plot(data: Predictions) -> bool:
    """Whether labels and predictions are numbers that one plot can show."""
    return data.kind == "number" and any(math.isfinite(one.target) for one in data.examples)


def labels_plot(data: Predictions, width: int, height: int, chosen: int, paint: Paint) -> list[Text]:
    """Every example a column, by its label: the label, the prediction, and between them how far it is off.

    chosen: number of the example that is marked below.
    """
    known = [one for one in data.examples if math.isfinite(one.target) and math.isfinite(one.score)]
    room, rows = width - 10, height - 2
    if not known or room < 4 or rows < 3:
        return []
    ordered = sorted(known, key=lambda one: (one.target, one.example))
    each = max(1, min(4, room // len(ordered)))
    if len(ordered) > room:
        ordered = [ordered[place] for place in sorted({k * len(ordered) // room for k in range(room)})]
    values = np.array([[one.target, one.score] for one in ordered])
    low, high = float(values.min()), float(values.max())
    span = high / 2 - low / 2 or 1.0
    places = ((1.0 - (values / 2 - low / 2) / span) * (rows - 1)).round().astype(int)
    plain = paint.glyphs.kind == "ascii"
    label, said, both = ("-", "o", "@") if plain else ("─", "●", "◉")
    lines = [
        paint.text(f"{label} label  {said} prediction  {both} both, {len(ordered)} of {len(known)} by label", "quiet")
    ]
    for row in range(rows):
        tick = f"{high:.4g}" if row == 0 else f"{low:.4g}" if row == rows - 1 else ""
        line = paint.text(fit(tick, 8, right=True) + " ", "quiet")
        for one, (target, score) in zip(ordered, places.tolist(), strict=True):
            between = min(target, score) < row < max(target, score)
            char, meaning = (both, "success") if row == target == score else (" ", "faint")
            if row == score != target:
                char, meaning = said, "accent" if one.example == chosen else "primary"
            elif row == target != score:
                char, meaning = label, "foreground"
            elif between:
                char, meaning = paint.glyphs.wall, "faint"
            line.append(char, paint.style(meaning)).append(" " * (each - 1))
        lines.append(line)
    mark = next((k for k, one in enumerate(ordered) if one.example == chosen), -1)
    foot = " " * (9 + mark * each) + "^ the chosen one" if mark >= 0 else ""
    return [shortened(line, width) for line in [*lines, paint.text(foot, "accent")]]
