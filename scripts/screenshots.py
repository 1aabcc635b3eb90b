#!/usr/bin/env python3
"""The pictures of the README, from real runs: trains them, opens the dashboard on them, writes docs/*.svg.

.venv/bin/python scripts/screenshots.py
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from nntui.tui.app import NntuiApp

DOCS = Path(__file__).parents[1] / "docs"

PICTURES = (
    ("overview", "digits", ["digits", "--steps", "3000", "--schedule", "step"], (120, 34), ["s", "s"]),
    ("recipe", "batch-mix", ["digits", "--steps", "1500", "--fault", "batch-mix"], (100, 30), ["2"]),
    (
        "predictions",
        "digits-conv",
        ["digits-conv", "--steps", "400", "--eval-every", "20"],
        (100, 34),
        ["3", "w", *["["] * 14],
    ),
    ("layers", "digits-conv", ["digits-conv", "--steps", "2000"], (120, 30), ["5", "j"]),
    ("data", "digits-conv", ["digits-conv", "--steps", "400", "--eval-every", "20"], (100, 34), ["6", "j"]),
)
"""Name of the picture, name of the run, what the trainer is told, size of the terminal, keys pressed."""


async def picture(name: str, run: Path, size: tuple[int, int], keys: list[str]) -> None:
    """Open the dashboard on a run, press keys, write the picture."""
    app = NntuiApp(run)
    async with app.run_test(size=size) as pilot:
        while not app.newest.plots or not app.newest.plots["main"].series:
            await pilot.pause(0.1)
        for key in keys:
            await pilot.press("left_square_bracket" if key == "[" else key)
            await pilot.pause(0.3)
        (DOCS / f"{name}.svg").write_text(app.export_screenshot(title=f"nntui watch runs/{run.name}"))


def main() -> None:
    """All of them."""
    DOCS.mkdir(exist_ok=True)
    for name, called, words, size, keys in PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / called
            command = [sys.executable, "-m", "trainer", "train", *words, "--out", str(run)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            asyncio.run(picture(name, run, size, keys))
        print(f"docs/{name}.svg")


if __name__ == "__main__":
    main()
