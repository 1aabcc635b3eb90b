"""`nntui check TASK`: the checks alone.

Owns how their findings and their progress are told and recorded. Invariant: every check is told of, whatever the others did.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import textwrap
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import nntui
from trainer import human
from trainer.saying import say

FAILED = 4
PROGRESS_INTERVAL = 0.1
"""Least seconds between two changes of the line that tells how far a check is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything that can be asked of the checks."""

    seed: int = 0
    budget: float = 10.0
    only: tuple[str, ...] = ()
    as_json: bool = False
    strict: bool = False
    out: Path | None = None
    """Run folder to record into; None records nothing."""
    task: str = ""
    """What the task is called, by which a person's answers are found beside the run folder."""


def check(task: nntui.Task, wanted: Wanted) -> int:
    """Run the checks, print each finding as it comes; 4 when one fails or cannot run, with `strict` for warnings too; else 0.

    Raises ValueError for a row that there is not.
    """
    findings: list[nntui.Finding] = []
    with redirect_stdout(sys.stderr if wanted.as_json else sys.stdout):  # what a user's model prints is no JSON
        line = _Line()
        nntui.checks.preflight(task, only=wanted.only)  # says what is no check before anything is recorded
        run = _record(wanted)
        coming = nntui.checks.preflight(
            task, run=run, seed=wanted.seed, budget=wanted.budget, only=wanted.only, progress=line.show
        )
        if not wanted.as_json:
            tell_task(nntui.checks.inferred(task, seed=wanted.seed))
        for one in coming:
            finding = one if one.id != human.ROW else _person(wanted, run) or one
            findings.append(finding)
            line.clear()
            if not wanted.as_json:
                tell(finding)
        line.clear()
        if run is not None:
            run.finish()
    if wanted.as_json:
        say(json.dumps([finding.as_dict() for finding in findings]))
    else:
        counts = {s: sum(f.status == s for f in findings) for s in ("pass", "warn", "fail", "skip", "crash")}
        say(", ".join(f"{count} {status}" for status, count in counts.items() if count))
    bad = {"fail", "crash", "warn"} if wanted.strict else {"fail", "crash"}
    return FAILED if any(finding.status in bad for finding in findings) else 0


def _person(wanted: Wanted, run: nntui.Run | None) -> nntui.Finding | None:
    """The newest result of a person beside this run, which then holds it too; None where there is none."""
    found = None if wanted.out is None else human.newest(wanted.task, wanted.out)
    if found is not None and run is not None:
        run.check(found)
    return found


def _record(wanted: Wanted) -> nntui.Run | None:
    """A run to record into; the checks go on without where there is none to be had."""
    if wanted.out is None:
        return None
    try:
        return nntui.init(wanted.out, config={"seed": wanted.seed, "budget": wanted.budget})
    except nntui.RunFolderError as error:
        sys.stderr.write(f"nntui check: {error} Nothing is recorded; the checks go on.\n")
        return None


def tell_task(taken: dict[str, str]) -> None:
    """What a task is taken for, one line each."""
    for what, words in taken.items():
        say(f"{what:<10}{words}")
    say("")


def tell(finding: nntui.Finding) -> None:
    """A finding in a few lines: verdict, what was found, its numbers, and what to try when it is not well."""
    _wrapped(f"{finding.status:<6}{finding.id:<24}", finding.message)
    if not (isinstance(finding.measured, float) and math.isnan(finding.measured)):
        _wrapped(" " * 6, f"expected {_number(finding.expected)}, measured {_number(finding.measured)}")
    if finding.advice and finding.status != "pass":
        _wrapped(" " * 6, finding.advice)


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def _wrapped(head: str, words: str) -> None:
    """Words after a head, wrapped under their beginning on a terminal, in one line for programs."""
    room = shutil.get_terminal_size().columns - 1 if sys.stdout.isatty() else sys.maxsize
    indent = " " * (len(head) if room >= 100 else 6)
    say(textwrap.fill(head + words, max(room, 40), subsequent_indent=indent, break_on_hyphens=False))


class _Line:
    """How far the running check is, in the last line of a terminal; nothing where there is none."""

    def __init__(self) -> None:
        self._there = sys.stderr.isatty()
        self._shown = False
        self._next = 0.0

    def show(self, row: str, step: int, numbers: dict[str, float]) -> None:
        now = time.monotonic()
        if not self._there or (now < self._next and step >= 0):
            return
        self._next = now + PROGRESS_INTERVAL
        words = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        text = f"{'…':<6}{row:<24}" + (f"step {step:,}  {words}" if step >= 0 else "")
        self._write("\r\x1b[2K" + text[: shutil.get_terminal_size().columns - 1])
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            self._write("\r\x1b[2K")
            self._shown = False

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:  # whoever looked has left
            self._there = False
