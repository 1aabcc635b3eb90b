"""How well a person does: from answers to the finding `skeleton.human`, and back from the folders of earlier runs.

Owns the numbers and where the newest result lies. Invariant: the numbers are functions of the answers alone, and a folder that
cannot be read is as if it were not there.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nntui

ROW = "skeleton.human"
NAME_BUDGET = 8 << 10
"""Bytes of JSON that the names of classes may take in the evidence, which is bounded as a whole."""
NAME_LIMIT = 40
PAIR_LIMIT = 20
MANIFEST_LIMIT = 1 << 20
"""Most bytes of a writer.json that are read."""

Answer = float | None
"""A class as its number, or a number; None where none was given."""


@dataclass(frozen=True, slots=True)
class Score:
    """A number with its standard error; NaN where it is not known."""

    value: float = math.nan
    error: float = math.nan
    count: int = 0

    def words(self, form: str) -> str:
        """`0.94 ± 0.03`, each number in this form; without what is not known."""
        if math.isnan(self.value):
            return "unknown"
        return format(self.value, form) + ("" if math.isnan(self.error) else f" ± {format(self.error, form)}")


@dataclass(frozen=True, slots=True)
class Result:
    """What a person answered, and what is right."""

    task: str
    """Its name, see `called`."""
    split: str
    names: tuple[str, ...]
    """Of the classes, as a person reads them; empty where the answers are numbers."""
    places: tuple[int, ...]
    truth: tuple[float, ...]
    first: tuple[Answer, ...]
    again: tuple[Answer, ...] = ()
    """Of the second round, for the same examples in the same order; empty where there was none."""
    metric: str = ""
    """What the score can be compared with, such as `val/accuracy`; empty for nothing."""
    scale: float = 1.0
    """What the score is multiplied with to have that metric's unit."""
    seconds: float = math.nan

    @property
    def form(self) -> str:
        """How a score of this kind is written."""
        return ".2f" if self.names else ".3g"

    @property
    def answered(self) -> list[tuple[float, float]]:
        """(truth, answer) of what was answered in the first round."""
        return [(t, a) for t, a in zip(self.truth, self.first, strict=True) if a is not None]

    @property
    def twice(self) -> list[tuple[float, float]]:
        """Both answers of what was answered twice."""
        pairs = zip(self.first, self.again, strict=bool(self.again))
        return [(a, b) for a, b in pairs if a is not None and b is not None]

    @property
    def score(self) -> Score:
        """Share of right answers, or the mean absolute error."""
        return share(self.answered) if self.names else distance(self.answered)

    @property
    def agreement(self) -> Score:
        """Share of examples answered the same twice, or how far apart two answers are."""
        return share(self.twice) if self.names else distance(self.twice)

    @property
    def constant(self) -> tuple[float, float]:
        """The best answer that is always the same, and its score on what was answered."""
        truth = sorted(t for t, _ in self.answered)
        if not truth:
            return math.nan, math.nan
        if self.names:
            best, count = Counter(truth).most_common(1)[0]
            return best, count / len(truth)
        best = truth[len(truth) // 2]  # a median has the least absolute error
        return best, distance([(t, best) for t in truth]).value


def share(pairs: Sequence[tuple[float, float]]) -> Score:
    """Share p of n pairs that are equal, with half the width of Wilson's interval at one standard error.

    √(p(1-p)/n + 1/4n²) / (1 + 1/n), which unlike √(p(1-p)/n) is not 0 where all are. NaN for no pairs. (Wilson 1927)
    """
    n = len(pairs)
    if not n:
        return Score()
    p = sum(a == b for a, b in pairs) / n
    return Score(p, math.sqrt(p * (1 - p) / n + 0.25 / n**2) / (1 + 1 / n), n)


def distance(pairs: Sequence[tuple[float, float]]) -> Score:
    """Mean of |a - b| over pairs, with the sample standard deviation over √n; that is NaN for fewer than two."""
    apart = [abs(a - b) for a, b in pairs]
    n = len(apart)
    if not n:
        return Score()
    mean = math.fsum(apart) / n
    return Score(mean, math.sqrt(math.fsum((d - mean) ** 2 for d in apart) / (n - 1) / n) if n > 1 else math.nan, n)


def correlation(pairs: Sequence[tuple[float, float]]) -> float:
    """Pearson's, in [-1, 1]; NaN for fewer than two pairs, or where either side is constant."""
    n = len(pairs)
    if n < 2:
        return math.nan
    means = [math.fsum(side) / n for side in zip(*pairs, strict=True)]
    off = [(a - means[0], b - means[1]) for a, b in pairs]
    spread = math.sqrt(math.fsum(a * a for a, _ in off)) * math.sqrt(math.fsum(b * b for _, b in off))
    return max(-1.0, min(1.0, math.fsum(a * b for a, b in off) / spread)) if spread > 0 else math.nan


def confusion(pairs: Sequence[tuple[float, float]]) -> list[tuple[int, int, int]]:
    """(truth, answer, how often) of every kind of mistake, the most frequent first."""
    counts = Counter((int(t), int(a)) for t, a in pairs if t != a)
    return sorted(((t, a, n) for (t, a), n in counts.items()), key=lambda one: (-one[2], one[:2]))


def finding(result: Result) -> nntui.Finding:
    """The result as the outcome of the row."""
    if result.metric:
        advice = (
            f"The line in the plots of {result.metric} is this number: what a network lacks of it is left to gain. "
        )
    else:
        advice = "No metric of the task measures the same, so that no plot has a line: compare by hand. "
    return nntui.Finding(
        ROW,
        "pass",
        message(result),
        measured=result.score.value,
        advice=advice
        + "More examples (--examples) make it surer; a second round (--twice) tells how noisy labels are.",
        evidence=_evidence(result),
        seconds=result.seconds,
    )


def message(result: Result) -> str:
    """The result in one sentence."""
    score, agreement, (_, baseline) = result.score, result.agreement, result.constant
    form, examples = result.form, f"{result.split} example{'' if score.count == 1 else 's'}"
    if result.names:
        right = sum(t == a for t, a in result.answered)
        words = f"a person got {right:,} of {score.count:,} {examples} right: accuracy {score.words(form)}"
    else:
        words = f"a person was off by {score.words(form)} on average over {score.count:,} {examples}"
    words += f", where the best constant answer has {baseline:{form}}"
    if not agreement.count:
        return words
    return words + (
        f"; self-agreement {agreement.words(form)} over {agreement.count:,} answered twice"
        if result.names
        else f"; two answers to the same differ by {agreement.words(form)}"
    )


def _evidence(result: Result) -> dict[str, Any]:
    score, agreement, (guess, baseline) = result.score, result.agreement, result.constant
    kept = [k for k, answer in enumerate(result.first) if answer is not None]
    found: dict[str, Any] = {
        "task": result.task,
        "split": result.split,
        "metric": result.metric,
        "value": score.value * result.scale,
        "value_error": score.error * result.scale,
        "accuracy" if result.names else "mean_absolute_error": score.value,
        "standard_error": score.error,
        "n": score.count,
        "constant": _short(guess),
        "constant_score": baseline,
        "self_agreement" if result.names else "self_difference": agreement.value,
        "self_agreement_error" if result.names else "self_difference_error": agreement.error,
        "n_twice": agreement.count,
    }
    if result.names:
        names = [name[:NAME_LIMIT] for name in result.names]
        found["confusion"] = [[names[t], names[a], n] for t, a, n in confusion(result.answered)[:PAIR_LIMIT]]
        found["classes"] = _within(names, NAME_BUDGET)
    else:
        found |= {"correlation": correlation(result.answered), "self_correlation": correlation(result.twice)}
    found["indices"] = [result.places[k] for k in kept]
    found["truth"] = [_short(result.truth[k]) for k in kept]
    found["answers"] = [_short(result.first[k]) for k in kept]
    if result.again:
        found["answers_again"] = [_short(result.again[k]) for k in kept]
    return found


def _short(number: Answer) -> Answer:
    """The number in six digits, a class as a whole one: evidence is bounded."""
    if number is None or not math.isfinite(number):
        return number
    return int(number) if abs(number) < 1e9 and number == int(number) else float(f"{number:.6g}")


def _within(names: Sequence[str], budget: int) -> list[str]:
    """The first names that fit into so many bytes of JSON."""
    kept: list[str] = []
    for name in names:
        budget -= len(json.dumps(name)) + 2
        if budget < 0:
            break
        kept.append(name)
    return kept


# --- between runs -----------------------------------------------------------------------------


def called(task: str) -> str:
    """What results of a task are found by, from wherever it is started: `digits`, or `file.py:NAME` without its folders."""
    path, colon, name = task.rpartition(":")
    return f"{Path(path).name}:{name}" if colon else name


def newest(task: str, out: Path) -> nntui.Finding | None:
    """The newest result for the task among the runs beside `out`, itself included; None where there is none to be read."""
    wanted, found = called(task), (-1, None)
    try:
        folders = sorted(
            {path.parent.parent for path in out.parent.glob("*/w-*/writer.json") if _labelled(path, wanted)}
        )
    except OSError:
        return None
    for folder in folders:
        try:
            rows = nntui.read(folder).checks.to_pylist()
        except (nntui.RunFolderError, OSError):
            continue
        for row in rows:
            if row["id"] != ROW or row["status"] != "pass" or (row["wall_time_ns"] or 0) < found[0]:
                continue
            evidence = _object(row["evidence"])
            if evidence.get("task") == wanted:
                found = (row["wall_time_ns"] or 0, _restored(row, evidence | {"from": folder.name}))
    return found[1]


def _restored(row: dict[str, Any], evidence: dict[str, Any]) -> nntui.Finding:
    return nntui.Finding(
        ROW,
        "pass",
        row["message"] or "",
        measured=math.nan if row["measured"] is None else row["measured"],
        advice=row["advice"] or "",
        evidence=evidence,
        seconds=math.nan if row["seconds"] is None else row["seconds"],
    )


def _labelled(path: Path, wanted: str) -> bool:
    """Whether a writer of `nntui label` for this task wrote there."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            config = _object(file.read(MANIFEST_LIMIT)).get("config")
    except OSError:
        return False
    return isinstance(config, dict) and config.get("label") == wanted


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
