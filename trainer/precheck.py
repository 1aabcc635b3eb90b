"""`nntui check TASK`: the checks alone.

Owns how their findings are told. Invariant: every check is told of, whatever the others did.
"""

from __future__ import annotations

import json
import math
import sys
from contextlib import redirect_stdout

import nntui
from trainer.saying import say

FAILED = 4


def check(task: nntui.Task, *, seed: int, only: list[str], as_json: bool, budget: float) -> int:
    """Run the checks, print each finding as it comes; 4 when one fails, else 0."""
    findings: list[nntui.Finding] = []
    with redirect_stdout(sys.stderr if as_json else sys.stdout):  # what a user's model prints is no JSON
        for finding in nntui.checks.preflight(task, seed=seed, budget=budget, only=only):
            findings.append(finding)
            if not as_json:
                tell(finding)
    if as_json:
        say(json.dumps([finding.as_dict() for finding in findings]))
    else:
        counts = {s: sum(f.status == s for f in findings) for s in ("pass", "warn", "fail", "skip", "crash")}
        say(", ".join(f"{count} {status}" for status, count in counts.items() if count))
    return FAILED if any(finding.status == "fail" for finding in findings) else 0


def tell(finding: nntui.Finding) -> None:
    """A finding in a few lines: verdict, what was found, what to try when it is not well."""
    say(f"{finding.status:<6}{finding.id:<24}{finding.message}")
    if finding.status == "pass":
        return
    if not (isinstance(finding.measured, float) and math.isnan(finding.measured)):
        say(f"{'':<6}expected {finding.expected}, measured {finding.measured}")
    if finding.advice:
        say(f"{'':<6}{finding.advice}")
