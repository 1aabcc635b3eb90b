#!/usr/bin/env python3
"""The pictures of the README's tour, from real runs: trains them, opens the dashboard on them, writes docs/*.svg.

.venv/bin/python scripts/screenshots.py [--keep FOLDER] [--only NAME ...]

--keep: has the runs below FOLDER/runs, and trains only those that are missing there.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nntui.tui.app import NntuiApp

DOCS = Path(__file__).resolve().parents[1] / "docs"
PATIENCE = 30.0
"""Seconds until a run must be on the screen."""
RUNS = {
    "digits": ["digits", "--steps", "3000", "--schedule", "step"],
    "digits-1e-3": ["digits", "--steps", "1500", "--lr", "1e-3"],
    "digits-1e-2": ["digits", "--steps", "1500", "--lr", "1e-2"],
    "digits-conv": ["digits-conv", "--steps", "2000", "--eval-every", "20"],
    "batch-mix": ["digits", "--steps", "1500", "--fault", "batch-mix"],
}
"""Name of a run to what the trainer is told."""


@dataclass(frozen=True)
class Picture:
    """One picture of the tour."""

    name: str
    run: str
    size: tuple[int, int]
    keys: str
    """Keys pressed one after the other, parted by blanks."""


PICTURES = (
    Picture("overview", "digits", (120, 34), "s s"),
    Picture("recipe", "batch-mix", (100, 30), "2"),
    Picture("predictions", "digits-conv", (100, 34), "3 w" + 14 * " left_square_bracket"),
    Picture("dependencies", "batch-mix", (100, 30), "4"),
    Picture("layers", "digits-conv", (120, 34), "5 j"),
    Picture("data", "digits-conv", (100, 34), "6 j"),
    Picture("runs", "digits", (120, 30), "7 p j p"),
    Picture("system", "digits-conv", (100, 30), "8"),
    Picture("log", "batch-mix", (100, 30), "9"),
)


async def take(picture: Picture, run: Path) -> None:
    """Open the dashboard on a run, press keys, write the picture."""
    app = NntuiApp(run)
    async with app.run_test(size=picture.size) as pilot:
        for _ in range(int(PATIENCE / 0.1)):
            await pilot.pause(0.1)
            if app.newest.complete and app.newest.plots and app.newest.plots["main"].series:
                break
        else:
            raise SystemExit(f"{run}: not on the screen within {PATIENCE:g} s")
        for key in picture.keys.split():
            await pilot.press(key)
            await pilot.pause(0.3)
        await pilot.pause(2.0)
        (DOCS / f"{picture.name}.svg").write_text(app.export_screenshot(title=f"nntui watch runs/{run.name}"))
    print(f"docs/{picture.name}.svg", flush=True)


def main() -> int:
    """Train what is missing, take the pictures."""
    parser = argparse.ArgumentParser(description="The pictures of the README's tour, from real runs.")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to keep the runs, or where they are")
    parser.add_argument("--only", nargs="+", default=[picture.name for picture in PICTURES], metavar="NAME")
    options = parser.parse_args()
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = options.keep or Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        os.chdir(home)  # so that pictures show the paths that a user would type
        root = Path("runs")
        chosen = [picture for picture in PICTURES if picture.name in options.only]
        for called, words in RUNS.items():
            if not (root / called).exists():
                command = [sys.executable, "-m", "trainer", "train", *words, "--out", str(root / called)]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for picture in chosen:
            asyncio.run(take(picture, root / picture.run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
