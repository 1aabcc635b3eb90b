"""`nntui label TASK`: a person answers, and how well becomes a line in the plots.

Owns the conversation. Invariant: what was answered is kept however the conversation ends, and no right answer is shown before.
"""

from __future__ import annotations

import math
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch

import nntui
from trainer import human
from trainer.comparable import metric_of
from trainer.questions import Classes, Exam, Question, exam
from trainer.recording import shown
from trainer.saying import say
from trainer.showing import Canvas, canvas, columns, cut, drawn, text_lines, visible

INTERRUPTED = 130
CHOICE_ROWS = 3
"""Lines that the classes take at most with every example."""
PAIRS = 10
"""Kinds of mistakes that are told."""
COMMANDS = {"?": "help", "b": "back", "s": "skip", "q": "stop"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything that can be asked of a labelling."""

    task: str
    out: Path
    examples: int = 20
    twice: bool = False
    split: str = ""
    """train | validation; empty: validation where there is any."""
    seed: int = 0


class Stopped(Exception):  # noqa: N818 (reads as what happened)
    """The person has had enough, or is gone."""


def label(task: nntui.Task, wanted: Wanted) -> int:
    """Ask, record, tell; 0, or 130 where nothing was answered.

    Raises NotAnswerable and DataError for a task that nobody can answer, RunFolderError where nothing can be recorded.
    """
    asked = exam(
        task, wanted.split or ("train" if task.validation is None else "validation"), wanted.examples, wanted.seed
    )
    metric, scale = metric_of(task, asked)
    name = human.called(wanted.task)
    config = {
        "label": name,
        "task": wanted.task,
        "examples": len(asked.questions),
        "split": asked.split,
        "seed": wanted.seed,
    }
    with nntui.init(wanted.out, config=config) as run:
        talk = _Conversation(task, asked, run)
        begun = time.monotonic()
        first, again = talk.hold(twice=wanted.twice, seed=wanted.seed)
        result = human.Result(
            task=name,
            split=asked.split,
            names=asked.answers.typed if isinstance(asked.answers, Classes) else (),
            places=tuple(question.place for question in asked.questions),
            truth=tuple(question.truth for question in asked.questions),
            first=first,
            again=again,
            metric=metric,
            scale=scale,
            seconds=time.monotonic() - begun,
        )
        if not result.answered:
            run.event("label", "nothing was answered")
            sys.stderr.write("nntui label: nothing was answered; nothing is recorded.\n")
            return INTERRUPTED
        found = human.finding(result)
        run.check(found)
        run.event("label", found.message, data={"metric": metric, "examples": len(asked.questions)})
        kept = run.flush()
        tell(result, asked)
        if not kept:
            sys.stderr.write(
                f"nntui label: {wanted.out}: the disk did not take the result. Make room and label again.\n"
            )
            return 1
        say("")
        _wrapped(_where(wanted, metric))
    return 0


class _Conversation:
    """Asks one example after the other."""

    def __init__(self, task: nntui.Task, asked: Exam, run: nntui.Run) -> None:
        self._task, self._exam, self._run = task, asked, run
        answers = asked.answers
        self._mark = ":" if any(answers.takes(word) for word in COMMANDS) else ""

    def hold(self, *, twice: bool, seed: int) -> tuple[tuple[human.Answer, ...], tuple[human.Answer, ...]]:
        """The answers of one round or two, as far as they were given."""
        count = len(self._exam.questions)
        first: list[human.Answer] = [None] * count
        again: list[human.Answer] = [None] * count
        with _signals():
            try:
                say(f"{count} example{'s' if count > 1 else ''} of the {self._exam.split} data. {self._help()}")
                self._round(list(range(count)), first, "")
                if twice:
                    places = _reordered([k for k in range(count) if first[k] is not None], seed)
                    say("\nThe same examples once more, in another order.")
                    self._round(places, again, "round 2, ")
            except (Stopped, KeyboardInterrupt):
                say("")
        return tuple(first), tuple(again) if twice else ()

    def _round(self, places: list[int], given: list[human.Answer], words: str) -> None:
        at = 0
        while at < len(places):
            place = places[at]
            self._show(self._exam.questions[place], f"{words}{at + 1} of {len(places)}")
            before = "" if given[place] is None else f" (was {cut(self._exam.answers.words(given[place] or 0), 20)})"
            answer = self._ask(before)
            if answer == "b":
                at = max(0, at - 1)
                continue
            given[place] = None if isinstance(answer, str) else answer
            at += 1

    def _ask(self, before: str) -> human.Answer | str:
        """An answer, or `b` or `s`. Raises Stopped."""
        what = "next character" if self._spells() else "next" if self._exam.sequential else "answer"
        while True:
            line = _read(f"{what}{before}: ")
            word = line.strip().casefold()
            command = word.removeprefix(self._mark) if word.startswith(self._mark) else ""
            if command == "q":
                raise Stopped
            if command in ("b", "s"):
                return command
            if command == "?" or (word == "?" and not self._exam.answers.takes("?")):
                self._say_all()
                continue
            answer = self._exam.answers.parse(line)
            if not isinstance(answer, str):
                return answer
            _wrapped(f"{answer}. {self._help()}")

    def _show(self, question: Question, heading: str) -> None:
        on = canvas()  # each time anew: a terminal may have another size by now
        lines, answers = self._choices(on.width), self._exam.answers
        if len(lines) > CHOICE_ROWS and isinstance(answers, Classes):
            lines = [cut(f"one of {len(answers.names):,} classes: {self._mark}? lists them", on.width)]
        rows = on.height - len(lines) - 4
        say("")
        say(cut(f"{heading}  {self._exam.split} example {question.place}", on.width))
        for line in (*self._drawn(question, on, max(1, rows)), *lines):
            say(line)

    def _drawn(self, question: Question, on: Canvas, rows: int) -> list[str]:
        pictures, words = shown(self._task, question.inputs, 1, self._run)
        if words and question.time >= 0:
            return text_lines(words[0] + ("█" if on.unicode else "_"), on, rows, end=True)
        try:
            value = None if pictures is None or not len(pictures) else torch.as_tensor(pictures)[0]
        except (TypeError, ValueError, RuntimeError):  # whatever the task's own show() gives
            value = None
        return drawn(value, words[0] if words else None, on, rows)

    def _choices(self, width: int) -> list[str]:
        return columns(self._exam.answers.choices(), width)

    def _help(self) -> str:
        mark = self._mark
        return ", ".join(f"{mark}{key} {meaning}" for key, meaning in COMMANDS.items()) + "."

    def _say_all(self) -> None:
        answers = self._exam.answers
        if isinstance(answers, Classes):
            _wrapped(
                "Type the name of a class, its number, or the beginning of its name; a control character as \\n, \\t, …"
            )
        for line in self._choices(canvas().width):
            say(line)
        say(self._help())

    def _spells(self) -> bool:
        answers = self._exam.answers
        return self._exam.sequential and isinstance(answers, Classes) and all(len(name) == 1 for name in answers.names)


def _reordered(places: list[int], seed: int) -> list[int]:
    """The same in another order, never in the same one where there are two."""
    order = torch.randperm(len(places), generator=torch.Generator().manual_seed(seed + 1)).tolist()
    mixed = [places[k] for k in order]
    return mixed if mixed != places else places[1:] + places[:1]


def _read(prompt: str) -> str:
    """A line without its end. Raises Stopped where there is none to come."""
    try:
        print(prompt, end="", flush=True)
    except OSError:
        raise Stopped from None
    source: TextIO | None = sys.stdin  # None where it was closed
    line = source.readline() if source is not None else ""
    if source is None or not line:
        raise Stopped
    line = line.removesuffix("\n").removesuffix("\r")
    if not source.isatty():
        say(visible(line))  # a terminal has shown it already
    return line


@contextmanager
def _signals() -> Iterator[None]:
    """A terminal that is closed, and a request to end, are like ctrl-c: what was answered is kept."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    kept: list[tuple[int, Any]] = [(n, signal.signal(n, stop)) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    try:
        yield
    finally:
        for number, handler in kept:
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


# --- telling ----------------------------------------------------------------------------------


def tell(result: human.Result, asked: Exam) -> None:
    """How well it went: the right answers are shown here, and not before."""
    score, form, width = result.score, result.form, max(40, canvas().width)
    guess, baseline = result.constant
    always = cut(asked.answers.words(guess), 20)

    def line(name: str, number: str, words: str = "") -> None:
        say(cut(f"{name:<16}{number:<14}{words}".rstrip(), width))

    say("")
    if result.names:
        right = sum(t == a for t, a in result.answered)
        line("accuracy", score.words(form), f"{right:,} of {score.count:,} right")
        line("best constant", format(baseline, form), f"{always} for every example")
        if result.twice:
            line("self-agreement", result.agreement.words(form), f"of {result.agreement.count:,} answered twice")
        _tell_confusion(result, asked, line)
        return
    line("off by", score.words(form), f"on average over {score.count:,}")
    line("best constant", format(baseline, form), f"{always} for every example")
    line("correlation", _known(human.correlation(result.answered)))
    if result.twice:
        line(
            "self-agreement",
            result.agreement.words(form),
            f"apart on average, {result.agreement.count:,} answered twice",
        )
        line("", _known(human.correlation(result.twice)), "correlation of both rounds")


def _tell_confusion(result: human.Result, asked: Exam, line: Callable[..., None]) -> None:
    pairs = human.confusion(result.answered)
    for name, (truth, answer, count) in zip(["confusion", *[""] * len(pairs)], pairs[:PAIRS], strict=False):
        of = [p for p, t, a in zip(result.places, result.truth, result.first, strict=True) if (t, a) == (truth, answer)]
        words = f"{cut(result.names[truth], 20)} taken for {cut(result.names[answer], 20)}"
        line(name, f"{count:,} ×", f"{words}   example {', '.join(map(str, of[:5]))}{', …' if len(of) > 5 else ''}")
    if len(pairs) > PAIRS:
        line("", f"… {len(pairs) - PAIRS:,} more")


def _known(number: float) -> str:
    return "unknown" if math.isnan(number) else f"{number:.2f}"


def _where(wanted: Wanted, metric: str) -> str:
    plots = f"runs beside it show it as a line in the plots of {metric}: nntui train {wanted.task} --out {wanted.out.parent}/…"
    nothing = "no metric of the task measures the same, so no plot has a line"
    return visible(f"recorded in {wanted.out}; {plots if metric else nothing}")


def _wrapped(words: str) -> None:
    """A long line, broken at blanks where the terminal would break it anywhere."""
    width = canvas().width if sys.stdout.isatty() else sys.maxsize
    say(textwrap.fill(words, width, break_on_hyphens=False, break_long_words=False))
