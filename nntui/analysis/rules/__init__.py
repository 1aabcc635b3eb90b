"""Alerts: one diagnosis per file, each a pure function of the recorded columns.

Owns the order in which they are asked and answered. Invariant: the same columns and facts give the same findings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nntui.analysis.rules import crash, lr_decay, nonfinite, plateau, stall
from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding

Rule = Callable[[Mapping[str, Series], RunFacts], list[Finding]]

RULES: tuple[Rule, ...] = (crash.find, nonfinite.find, stall.find, lr_decay.find, plateau.find)

_WEIGHT = {"error": 0, "warn": 1, "info": 2}


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """Everything every rule has to say: errors first, then warnings, then information; newest first within each."""
    found = [finding for rule in RULES for finding in rule(series, facts)]
    return sorted(found, key=lambda f: (_WEIGHT.get(f.status, 3), -f.step))
