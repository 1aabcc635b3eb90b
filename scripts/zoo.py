#!/usr/bin/env python3
"""How the checks do on the zoo: planted bugs they find and explain, healthy programs they leave alone.

Each entry of `tests/zoo` is put through `nntui.preflight` in a process of its own, with one thread and a time limit. For a bug,
the findings are ordered as a reader meets them (fails before crashes before warnings, each in the order of the pre-flight), and
the rank of the cause is that of the first whose message or advice names it. For a healthy program every warning, fail and crash
is printed.

    .venv/bin/python scripts/zoo.py [--half develop|held-out|both] [--seeds 1] [--only NAME ...] [--jobs 2]
        [--json FILE] [--budget 10] [--limit 240] [--kind bugs|healthy|both]

--half: which entries; those held out are for measuring, not for working on the checks. --only: names, or parts of them.
--limit: seconds for one entry. A bug is found when a check warns or fails, or crashes and names the cause.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SEEN = ("fail", "crash", "warn")
"""What a reader sees first, second and last."""
PLURAL = {"fail": "fails", "crash": "crashes", "warn": "warnings"}
MARK = "@@zoo@@"
HALVES = ("develop", "held-out")


@dataclass
class Outcome:
    """What the checks said of one entry with one seed."""

    name: str
    kind: str
    half: str
    seed: int
    seconds: float
    """Of the pre-flight alone; NaN where it did not end."""
    findings: list[dict[str, Any]] = field(default_factory=list)
    """id, status, message and advice of each that warned, failed or crashed, in the order a reader meets them."""
    rank: int = 0
    """Place of the first finding that names the cause, from 1; 0 where none does."""
    error: str = ""
    """Why there is no outcome, in one line."""

    @property
    def found(self) -> bool:
        """Whether a check warned or failed, or named the cause while crashing."""
        return self.rank > 0 or any(one["status"] != "crash" for one in self.findings)

    def by_status(self, status: str) -> list[dict[str, Any]]:
        """Findings with this status."""
        return [one for one in self.findings if one["status"] == status]


def main() -> int:
    """Run each entry and print what came of it."""
    parser = argparse.ArgumentParser(description="How the checks do on planted bugs and on healthy programs.")
    parser.add_argument("--half", choices=(*HALVES, "both"), default="develop")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="names of entries, or parts of them")
    parser.add_argument("--kind", choices=("bugs", "healthy", "both"), default="both")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write every outcome")
    parser.add_argument("--budget", type=float, default=10.0, help="seconds per check")
    parser.add_argument("--limit", type=float, default=240.0, help="seconds per entry, imports included")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if min(options.seeds, options.jobs) < 1 or min(options.budget, options.limit) <= 0:
        parser.error("--seeds, --jobs, --budget and --limit are above zero")
    if options.one:
        print(MARK + json.dumps(looked_at(options.one, options.seed, options.budget)))
        return 0
    chosen = [entry for entry in entries() if wanted(entry, options)]
    if not chosen:
        parser.error("no entry of the zoo has such a name in that half")
    pairs = [(entry, seed) for entry in chosen for seed in range(options.seeds)]
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for outcome in pool.map(lambda pair: outcome_of(pair[0], pair[1], options.budget, options.limit), pairs):
            print(described(outcome), flush=True)
            outcomes.append(outcome)
    print("\n" + table(outcomes))
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in outcomes], indent=1) + "\n")
    return 0


def zoo() -> tuple[dict[str, Any], dict[str, Any]]:
    """Bugs and healthy programs by name."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]  # before the folder of this script, which has a `zoo` too
    return importlib.import_module("zoo.bestiary").load()


def entries() -> list[Any]:
    """Every entry, bugs first."""
    bugs, healthy = zoo()
    return [*bugs.values(), *healthy.values()]


def is_bug(entry: Any) -> bool:
    """Whether an entry is a bug: it has a cause."""
    return hasattr(entry, "cause")


def wanted(entry: Any, options: argparse.Namespace) -> bool:
    """Whether the options choose an entry."""
    kind = "bugs" if is_bug(entry) else "healthy"
    named = not options.only or any(part in entry.name for part in options.only)
    return named and options.half in ("both", entry.half) and options.kind in ("both", kind)


# --- in the process of one entry --------------------------------------------------------------


def looked_at(name: str, seed: int, budget: float) -> dict[str, Any]:
    """Seconds, and the findings of an entry; raises what making the task raises."""
    import torch

    torch.set_num_threads(1)
    import nntui

    bugs, healthy = zoo()
    task = {**bugs, **healthy}[name].make(seed)
    begun = time.monotonic()
    findings = [
        {"id": found.id, "status": found.status, "message": found.message, "advice": found.advice}
        for found in nntui.preflight(task, seed=seed, budget=budget)
    ]
    return {"seconds": time.monotonic() - begun, "findings": findings}


# --- in the process of all of them ------------------------------------------------------------


def outcome_of(entry: Any, seed: int, budget: float, limit: float) -> Outcome:
    """One entry in a process of its own."""
    kind = "bug" if is_bug(entry) else "healthy"
    outcome = Outcome(entry.name, kind, entry.half, seed, float("nan"))
    words = ["--one", entry.name, "--seed", str(seed), "--budget", str(budget)]
    words = [sys.executable, "-W", "ignore", __file__, *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=limit, check=False, env=environment)
    except subprocess.TimeoutExpired:
        outcome.error = f"did not end within {limit:g} s"
        return outcome
    said = next((line for line in done.stdout.splitlines() if line.startswith(MARK)), "")
    if not said:
        outcome.error = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return outcome
    result = json.loads(said.removeprefix(MARK))
    outcome.seconds = result["seconds"]
    outcome.findings = ordered(result["findings"])
    outcome.rank = rank(outcome.findings, entry.cause) if is_bug(entry) else 0
    return outcome


def ordered(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that a reader looks at, as they meet them."""
    return sorted((one for one in findings if one["status"] in SEEN), key=lambda one: SEEN.index(one["status"]))


def rank(findings: list[dict[str, Any]], cause: tuple[str, ...]) -> int:
    """Place of the first finding that names the cause, from 1; 0 where none does."""
    pattern = re.compile("|".join(f"(?:{word})" for word in cause), re.IGNORECASE | re.DOTALL)
    named = (place for place, one in enumerate(findings, 1) if pattern.search(f"{one['message']} {one['advice']}"))
    return next(named, 0)


def described(outcome: Outcome) -> str:
    """What is printed of one outcome."""
    head = f"{outcome.kind:7}  {outcome.name}, seed {outcome.seed}"
    if outcome.error:
        return f"{head}: NO OUTCOME ({outcome.error})"
    said = ", ".join(f"{one['id']} {one['status']}" for one in outcome.findings)
    if outcome.kind == "bug":
        verdict = "MISSED" if not outcome.found else "found, cause NOT NAMED" if not outcome.rank else "found"
        place = f", cause {outcome.rank} of {len(outcome.findings)}" if outcome.rank else ""
        return f"{head}: {verdict}{place} [{outcome.seconds:.1f} s] {said}"
    if not outcome.findings:
        return f"{head}: left alone [{outcome.seconds:.1f} s]"
    lines = (f"\n    {one['status']} {one['id']}: {one['message']} | {one['advice']}" for one in outcome.findings)
    return f"{head}: ACCUSED [{outcome.seconds:.1f} s]{''.join(lines)}"


def table(outcomes: list[Outcome]) -> str:
    """Each half in numbers, side by side, as Markdown."""
    halves = {half: [one for one in outcomes if one.half == half] for half in HALVES}
    columns = {half: dict(numbers(found)) for half, found in halves.items() if found}
    rows = [f"| {name} | " + " | ".join(column[name] for column in columns.values()) + " |" for name, _ in numbers([])]
    return "\n".join([f"| | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|", *rows])


def numbers(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    """What came of one half: (what, how many)."""
    bugs = [one for one in outcomes if one.kind == "bug"]
    healthy = [one for one in outcomes if one.kind == "healthy"]
    seconds = [one.seconds for one in outcomes if not one.error] or [float("nan")]
    return [
        ("bugs", f"{len(bugs)}"),
        ("found", share(sum(one.found for one in bugs), len(bugs))),
        ("cause named", share(sum(one.rank > 0 for one in bugs), len(bugs))),
        ("cause named first", share(sum(one.rank == 1 for one in bugs), len(bugs))),
        ("cause named first or second", share(sum(one.rank in (1, 2) for one in bugs), len(bugs))),
        ("healthy programs", f"{len(healthy)}"),
        ("left alone", share(sum(not one.findings and not one.error for one in healthy), len(healthy))),
        *((f"their {PLURAL[status]}", f"{sum(len(one.by_status(status)) for one in healthy)}") for status in SEEN),
        ("without an outcome", f"{sum(bool(one.error) for one in outcomes)}"),
        ("seconds, median and largest", f"{statistics.median(seconds):.1f}, {max(seconds):.1f}"),
    ]


def share(count: int, total: int) -> str:
    """`3 of 4 (75 %)`."""
    return f"{count} of {total} ({100 * count / total:.0f} %)" if total else "none"


if __name__ == "__main__":
    sys.exit(main())
