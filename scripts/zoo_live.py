#!/usr/bin/env python3
"""How the alerts do on the live half of the zoo: trainings that go wrong while they run, and healthy ones.

Each entry of `tests/zoo/live/` is trained and recorded with `nntui.init` and `nntui.watch`. The rules are asked at many
moments of the recording, as a dashboard beside it would: a bug is found at the first moment at which an alert of severity warn
or error that names the cause stands, and its rank is that among the warnings and errors of that moment. (Of a few bugs no more
than information can be told, such as a plateau; for these information counts too.) Of a healthy training every warning and error
of any moment is printed, also those that went away. `programs` are whole programs by people who had not read the rules.

    .venv/bin/python scripts/zoo_live.py [--half develop|held-out|programs|both|all]
        [--seeds 1] [--only NAME ...] [--jobs 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]  # before the folder of this script, which has a `zoo` too


from nntui.analysis import rules  # noqa: E402
from nntui.analysis.series import RunFacts, Series  # noqa: E402

HALVES = ("develop", "held-out", "programs")
PARTS = {"both": HALVES[:2], "all": HALVES}
moments = importlib.import_module("zoo.live.moments").moments
"""What was known of a recording at each of its moments."""


def main() -> int:
    """Train every entry and print what the rules said of it."""
    parser = argparse.ArgumentParser(description="How the alerts do on trainings that go wrong, and on healthy ones.")
    options = chosen(parser)
    outcomes = []
    for found in each(outcome, options):
        print(
            f"{'bug' if found['bug'] else 'healthy':8s} {found['name']}, seed {found['seed']}: {words(found)}",
            flush=True,
        )
        outcomes.append(found)
    print("\n" + table(outcomes))
    if options.json:
        options.json.write_text(json.dumps(outcomes, indent=1) + "\n")
    return 0


def chosen(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What the command line asks for; its `chosen` are the names of entries and seeds."""
    parser.add_argument("--half", choices=(*HALVES, *PARTS), default="develop")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="names of entries, or parts of them")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write every outcome")
    options = parser.parse_args()
    if min(options.seeds, options.jobs) < 1:
        parser.error("--seeds and --jobs are above zero")
    names = [
        entry.name
        for entry in entries().values()
        if entry.half in PARTS.get(options.half, (options.half,))
        and (not options.only or any(one in entry.name for one in options.only))
    ]
    if not names:
        parser.error("no entry of the zoo has such a name in that half")
    options.chosen = [(name, seed) for name in names for seed in range(options.seeds)]
    return options


def entries() -> dict[str, Any]:
    """Every training of the zoo, by name."""
    return importlib.import_module("zoo.live").ENTRIES


def each(ask: Callable[[Any, int, Path], dict[str, Any]], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What `ask(entry, seed, recording)` says of each chosen training, in their order, whichever ends first."""
    asked = [(ask, name, seed) for name, seed in options.chosen]
    if options.jobs == 1:
        yield from map(recorded, asked)
    else:
        with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
            yield from pool.map(recorded, asked)


def recorded(asked: tuple[Callable[[Any, int, Path], dict[str, Any]], str, int]) -> dict[str, Any]:
    """Train and record one entry, ask, and say which it was."""
    ask, name, seed = asked
    torch.set_num_threads(1)
    entry = entries()[name]
    with tempfile.TemporaryDirectory() as folder:
        entry.make(seed).train(Path(folder) / "run")
        found = ask(entry, seed, Path(folder) / "run")
    return {"name": name, "half": entry.half, "seed": seed, "bug": bool(entry.alerts), **found}


def outcome(entry: Any, seed: int, recording: Path) -> dict[str, Any]:
    """What the rules said."""
    told = [(facts.last_step, alerts(series, facts, weights(entry))) for series, facts in moments(recording)]
    found: dict[str, Any] = {"step": -1, "rank": 0, "by": "", "said": sorted({one for _, said in told for one in said})}
    for step, said in told:
        named = [place for place, one in enumerate(said, 1) if one.partition(" ")[2] in entry.alerts]
        if named:
            return found | {"step": step, "rank": named[0], "by": said[named[0] - 1]}
    return found


def words(found: dict[str, Any]) -> str:
    """An outcome, to be read."""
    every = ", ".join(found["said"])
    if not found["bug"]:
        return f"ACCUSED of {every}" if every else "left alone"
    beside = "" if found["rank"] == 1 or not every else f" ({every})"
    if not found["rank"]:
        return "CAUSE NOT NAMED" + beside
    return f"by {found['by']} at step {found['step']:,}, cause {found['rank']}{beside}"


def weights(entry: Any) -> tuple[str, ...]:
    """Severities that count."""
    return ("info", "warn", "error") if entry.info else ("warn", "error")


def alerts(series: dict[str, Series], facts: RunFacts, weights: Collection[str] = ("warn", "error")) -> list[str]:
    """Alerts of such severities in the order shown."""
    return [f"{one.status} {one.id}" for one in rules.find(series, facts) if one.status in weights]


def table(outcomes: list[dict[str, Any]]) -> str:
    """Each half in numbers, side by side, as Markdown."""
    halves = {half: [one for one in outcomes if one["half"] == half] for half in HALVES}
    columns = {half: numbers(found) for half, found in halves.items() if found}
    lines = [f"| {name} | " + " | ".join(column[name] for column in columns.values()) + " |" for name in numbers([])]
    return "\n".join([f"| | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|", *lines])


def numbers(outcomes: list[dict[str, Any]]) -> dict[str, str]:
    """What came of one half, by name."""
    bugs, healthy = ([one for one in outcomes if one["bug"] == bug] for bug in (True, False))
    return {
        "trainings that go wrong": f"{len(bugs)}",
        "found while they run, with the cause": f"{sum(one['rank'] > 0 for one in bugs)} of {len(bugs)}",
        "cause named first": f"{sum(one['rank'] == 1 for one in bugs)} of {len(bugs)}",
        "healthy trainings": f"{len(healthy)}",
        "left alone at every moment": f"{sum(not one['said'] for one in healthy)} of {len(healthy)}",
        "their warnings and errors": f"{sum(len(one['said']) for one in healthy)}",
    }


if __name__ == "__main__":
    sys.exit(main())
