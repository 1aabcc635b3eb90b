"""What the predictions screen says: a fixed batch, and how its predictions came to be.

Owns the words and their places. Pure functions of a snapshot, a size and a Paint. Invariant: right and wrong are told by glyphs
as well as by colours, and every foreign string goes through Paint.text.
"""

from __future__ import annotations

import math

import numpy as np
from rich.text import Text

from nntui.session.predictions import Prediction, Predictions
from nntui.tui.canvas import spark
from nntui.tui.inputs import shortened, with_input
from nntui.tui.paint import Paint, joined, spread
from nntui.tui.safe import safe
from nntui.tui.units import cut, fit

ORDERS = {"example": "in order", "worst": "worst first", "jitter": "most changing first"}
WORDS_WIDTH = 24
"""Most cells of a label or a prediction in the list."""


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


def prediction_row(one: Prediction, data: Predictions, width: int, paint: Paint) -> Text:
    """Example, label, what is said, the history as a strip, and how restless it is."""
    words = max(3, min(WORDS_WIDTH, (width - 34) // 2, max((len(p.label) for p in data.examples), default=3)))
    said = max(3, min(WORDS_WIDTH, (width - 34) // 2, max((len(p.said) for p in data.examples), default=3)))
    glyph, meaning = {
        "yes": (paint.glyphs.passed, "success"),
        "no": (paint.glyphs.failed, "error"),
        "": (" ", "foreground"),
    }[one.right]
    parts = [
        paint.text(fit(str(one.example), 3, right=True), "quiet"),
        paint.text(fit(safe(one.label) or "–", words)),
        paint.text(f"{glyph} {fit(safe(one.said) or '–', said)}", meaning),
        paint.text(fit(_score(one, data), 8, right=True), bold=True),
        history_strip(one, data, max(4, min(40, width - words - said - 34)), paint),
        paint.text(restless(one, last=width >= 120), "quiet"),
    ]
    return shortened(joined(parts, " "), width)


def history_strip(one: Prediction, data: Predictions, width: int, paint: Paint) -> Text:
    """The score over the recorded moments: bars from 0 to 1 for a probability, else from lowest to highest; wrong ones in red."""
    values = one.history[: data.at + 1]
    bars = _bars(values, width, paint.glyphs.bar) if data.kind != "number" else spark(values, width, paint.glyphs.bar)
    line = Text(no_wrap=True, end="")
    at = (np.arange(width) * len(values)) // width
    judged = one.right != ""
    for char, place in zip(bars, at.tolist(), strict=True):
        meaning = ("success" if one.right_then[place] else "error") if judged else "primary"
        line.append(char, paint.style(meaning))
    return line


def _bars(values: np.ndarray, width: int, bar: str) -> str:
    """Probabilities as bars of fixed height; blank where there is none."""
    picked = values[(np.arange(width) * len(values)) // width]
    levels = len(bar) - 1
    return "".join(bar[1 + min(int(v * levels), levels - 1)] if math.isfinite(v) else " " for v in picked)


def _score(one: Prediction, data: Predictions) -> str:
    if data.kind == "number":
        off = one.score - one.target
        return f"{off:+.3g}" if math.isfinite(off) else ""
    return f"{one.score:.2f}" if math.isfinite(one.score) else ""


def restless(one: Prediction, *, last: bool) -> str:
    """How much what is said changes, and when it did last."""
    if not math.isfinite(one.jitter):
        return ""
    when = f", last at {one.last_change:,}" if last and one.last_change >= 0 else ""
    return f"jitter {one.jitter:.2f}{when}"


def prediction_detail(one: Prediction, data: Predictions, width: int, height: int, paint: Paint) -> list[Text]:
    """All of an example: its input beside label, prediction and history."""
    facts = _facts(one, data, paint)
    return with_input(facts, one.given, width, height, paint)


def _facts(one: Prediction, data: Predictions, paint: Paint) -> list[Text]:
    number = data.kind == "number"
    pairs = [
        ("example", str(one.example)),
        ("label", one.label or "–"),
        ("said", one.said or "–"),
        ("off by" if number else "right" if data.kind == "text" else "P(label)", _score(one, data)),
        ("jitter", f"{one.jitter:.3g}" + (" of the labels' spread per moment" if number else "")),
        ("last change", f"step {one.last_change:,}" if one.last_change >= 0 else "never"),
    ]
    lines = [_pair(name, value, paint) for name, value in pairs if value and not value.startswith("nan")]
    for name, probability in one.top:
        bar = spark(np.array([0.0, probability, 1.0]), 3, paint.glyphs.bar)[1]
        lines.append(_pair(f"P({cut(safe(name), 9)})", f"{probability:.3f} {bar}", paint))
    if data.kind in ("classes", "yes or no"):
        lines.append(paint.text("P by softmax or sigmoid of the outputs, unless they are probabilities", "faint"))
    lines.append(joined([paint.text("history    ", "quiet"), history_strip(one, data, 40, paint)], " "))
    return lines


def _pair(name: str, value: str, paint: Paint) -> Text:
    return joined([paint.text(fit(name, 12), "quiet"), paint.text(value, bold=True)], " ")
