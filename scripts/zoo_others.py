#!/usr/bin/env python3
"""How the alerts do beside the rules of other tools, on the same recordings of the live half of the zoo.

Each entry of `tests/zoo/live.py` is trained and recorded once; then the alerts and the rules of `scripts/rivals` are asked at the
same moments. Of a training that goes wrong it is told whether a system said anything at all, whether that named the
cause, and when; of a healthy one how many of its rules spoke. For the others a cause is named where a rule means what the
planted bug is, generously (`causes` in `scripts/rivals`); a rule that speaks twice counts once.

    .venv/bin/python scripts/zoo_others.py [--half develop|held-out|programs|both|all]
        [--seeds 1] [--only NAME ...] [--jobs 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import zoo_live
from rivals import RULES, Recording
from rivals.recording import NEVER

OURS = "nntui"
SYSTEMS = (OURS, *dict.fromkeys(rule.system for rule in RULES))
BESIDE = {rule.name for rule in RULES if not rule.counted}
Outcome = dict[str, Any]


def main() -> int:
    """Train every entry once and print what each system said of them."""
    parser = argparse.ArgumentParser(description="How the alerts do beside the rules of other tools.")
    options = zoo_live.chosen(parser)
    outcomes = []
    for found in zoo_live.each(outcome, options):
        said = "; ".join(f"{system}: {', '.join(rules)}" for system, rules in found["fired"].items() if rules)
        print(
            f"{'bug' if found['bug'] else 'healthy':8s} {found['name']}, seed {found['seed']}: {said or 'left alone'}",
            flush=True,
        )
        outcomes.append(found)
    for half in zoo_live.HALVES:
        some = [found for found in outcomes if found["half"] == half]
        print(f"\n{half}\n" + systems(some) if some else "", end="\n" if some else "")
    print("\nrules of the others\n" + others(outcomes))
    if options.json:
        options.json.write_text(json.dumps(outcomes, indent=1) + "\n")
    return 0


def outcome(entry: Any, seed: int, recording: Path) -> Outcome:
    """By system and rule: the moment at which it first spoke, and whether that names the cause."""
    fired: dict[str, dict[str, tuple[int, bool]]] = {system: {} for system in SYSTEMS}
    for series, facts in zoo_live.moments(recording):
        for said in zoo_live.alerts(series, facts, zoo_live.weights(entry)):
            name = said.partition(" ")[2]
            fired[OURS].setdefault(name, (facts.last_step, name in entry.alerts))
        seen = Recording(series, facts)
        for rule in RULES:
            if rule.name not in fired[rule.system] and rule.fires(seen) != NEVER:
                fired[rule.system][rule.name] = facts.last_step, bool(rule.causes & entry.alerts)
    return {"fired": fired}


def systems(outcomes: list[Outcome]) -> str:
    """Each system in numbers, as Markdown."""
    bugs, healthy = ([one for one in outcomes if one["bug"] == bug] for bug in (True, False))
    lines = ["| | spoke on bugs | named the cause | first word, median step | alarms per healthy training | accused |"]
    lines.append("|---" * 6 + "|")
    for system in SYSTEMS:
        spoke = [fired for one in bugs if (fired := _counted(one, system))]
        named = sum(any(cause for _, cause in fired) for fired in spoke)
        when = f"{statistics.median(min(step for step, _ in fired) for fired in spoke):,.0f}" if spoke else ""
        alarms = [len(_counted(one, system)) for one in healthy]
        mean = f"{statistics.mean(alarms):.2f}" if alarms else ""
        accused = f"{sum(number > 0 for number in alarms)} of {len(healthy)}"
        cells = (f"{len(spoke)} of {len(bugs)}", f"{named} of {len(bugs)}", when, mean, accused)
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _counted(outcome: Outcome, system: str) -> list[tuple[int, bool]]:
    """When each rule of a system first spoke, and whether that names the cause."""
    return [said for name, said in outcome["fired"][system].items() if name not in BESIDE]


def others(outcomes: list[Outcome]) -> str:
    """On how many trainings each rule of the others spoke, as Markdown."""
    lines = ["| | spoke on bugs | named the cause | healthy accused |", "|---" * 4 + "|"]
    for rule in RULES:
        said = {
            bug: [one["fired"][rule.system].get(rule.name) for one in outcomes if one["bug"] == bug]
            for bug in (True, False)
        }
        bugs, healthy = ([one for one in said[bug] if one] for bug in (True, False))
        cells = (
            f"{len(bugs)} of {len(said[True])}",
            f"{sum(one[1] for one in bugs)}",
            f"{len(healthy)} of {len(said[False])}",
        )
        lines.append(f"| {rule.system}: {rule.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
