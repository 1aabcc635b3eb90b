#!/usr/bin/env python3
"""How the alerts do on the live half of the zoo: trainings that go wrong while they run, and healthy ones.

Each entry of `tests/zoo/live.py` is trained and recorded with `nntui.init` and `nntui.watch`. The rules are asked at several
moments of the recording, as a dashboard beside it would: a bug is found at the first moment at which an alert of severity warn
or error that names the cause stands, and its rank is that among the warnings and errors of that moment. Of a healthy training
every warning and error of any moment is printed, also those that went away.

    .venv/bin/python scripts/zoo_live.py [--half develop|held-out|both] [--seeds 1] [--only NAME ...] [--json FILE]
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]  # before the folder of this script, which has a `zoo` too

import nntui  # noqa: E402
from nntui import names  # noqa: E402
from nntui.analysis import rules  # noqa: E402
from nntui.analysis.series import RunFacts, Series  # noqa: E402

MOMENTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
HALVES = ("develop", "held-out")


def main() -> int:
    """Train every entry and print what the rules said of it."""
    parser = argparse.ArgumentParser(description="How the alerts do on trainings that go wrong, and on healthy ones.")
    parser.add_argument("--half", choices=(*HALVES, "both"), default="develop")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="names of entries, or parts of them")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write every outcome")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error("--seeds is above zero")
    entries = importlib.import_module("zoo.live").ENTRIES
    chosen = [entry for entry in entries.values() if options.half in ("both", entry.half)]
    chosen = [entry for entry in chosen if not options.only or any(part in entry.name for part in options.only)]
    if not chosen:
        parser.error("no entry of the zoo has such a name in that half")
    torch.set_num_threads(1)
    outcomes = [outcome(entry, seed) for entry in chosen for seed in range(options.seeds)]
    print("\n" + table(outcomes))
    if options.json:
        options.json.write_text(json.dumps(outcomes, indent=1) + "\n")
    return 0


def outcome(entry: Any, seed: int) -> dict[str, Any]:
    """What the rules said, printed and returned."""
    with tempfile.TemporaryDirectory() as folder:
        entry.make(seed).train(Path(folder) / "run")
        told = list(asked(Path(folder) / "run"))
    found: dict[str, Any] = {"name": entry.name, "half": entry.half, "seed": seed, "bug": bool(entry.alerts)}
    found |= {"step": -1, "rank": 0, "by": "", "said": sorted({one for _, alerts in told for one in alerts})}
    for step, alerts in told:
        named = [place for place, one in enumerate(alerts, 1) if one.partition(" ")[2] in entry.alerts]
        if named:
            found |= {"step": step, "rank": named[0], "by": alerts[named[0] - 1]}
            break
    if entry.alerts:
        said = (
            f"by {found['by']} at step {found['step']:,}, cause {found['rank']}" if found["rank"] else "CAUSE NOT NAMED"
        )
        said += "" if found["rank"] == 1 or not found["said"] else f" ({', '.join(found['said'])})"
    else:
        said = f"ACCUSED of {', '.join(found['said'])}" if found["said"] else "left alone"
    print(f"{'bug' if entry.alerts else 'healthy':8s} {entry.name}, seed {seed}: {said}", flush=True)
    return found


def asked(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(step, warnings and errors in the order shown) at each moment of a recording."""
    tables = nntui.read(path)
    metrics = tables.metrics
    columns = {name: metrics.column(name).to_numpy() for name in ("step", "value")}
    times = metrics.column("wall_time_ns").cast("int64").to_numpy() / 1e9
    labels = np.array(metrics.column("metric").to_pylist())
    watched = [json.loads(row["data"]) for row in tables.events.to_pylist() if row["event"] == names.WATCH_EVENT]
    last = int(columns["step"].max())
    for moment in MOMENTS:
        until = int(moment * last)
        keep = columns["step"] <= until
        series = {}
        for name in dict.fromkeys(labels[keep].tolist()):
            own = keep & (labels == name)
            series[name] = Series(name, columns["step"][own].astype(np.int64), times[own], columns["value"][own])
        facts = RunFacts(
            total_steps=last + 1,
            last_step=until,
            watched=watched[-1] if watched else {},
            state="live" if moment < 1 else "ended",
        )
        alerts = [f"{one.status} {one.id}" for one in rules.find(series, facts) if one.status in ("warn", "error")]
        yield until, alerts


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
