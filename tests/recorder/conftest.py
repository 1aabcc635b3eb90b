"""Runs opened and closed around a test, what they wrote read back, and programs run in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import nntui
from nntui import names
from nntui.runlog import layout

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., Any]]:
    """Opens the run as `nntui.init` does; whatever is still open is finished after the test."""
    runs: list[Any] = []

    def init(**options: Any) -> Any:
        runs.append(nntui.init(path, **options))
        return runs[-1]

    yield init
    for run in runs:
        run.finish()


@pytest.fixture
def run(opened: Callable[..., Any]) -> Any:
    return opened()


class _Written:
    """What is in the run folder now."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def tables(self) -> Any:
        return nntui.read(self.path)

    def points(self, metric: str | None = None) -> list[Any]:
        """(step, value) of a metric, or (metric, step, value) of all, in the order of the file."""
        rows = self.tables().metrics.to_pylist()
        if metric is None:
            return [(row["metric"], row["step"], row["value"]) for row in rows]
        return [(row["step"], row["value"]) for row in rows if row["metric"] == metric]

    def events(self, event: str | None = None) -> list[dict[str, Any]]:
        """All but that of the machine, unless it is asked for; it comes when it comes."""
        rows = [row for row in self.tables().events.to_pylist() if event or row["event"] != names.SYSTEM_EVENT]
        return [{**row, "data": json.loads(row["data"])} for row in rows if event in (None, row["event"])]

    def dropped(self) -> list[str]:
        """Messages of the `dropped` events."""
        return [row["message"] for row in self.events("dropped")]

    def folders(self) -> list[Path]:
        return layout.writer_folders(self.path)

    def ends(self) -> list[layout.End | None]:
        return [layout.read_end(folder) for folder in self.folders()]


@pytest.fixture
def written(path: Path) -> _Written:
    return _Written(path)


@pytest.fixture
def program(path: Path) -> Iterator[SimpleNamespace]:
    """program.start(code) and program.run(code): Python code in a process of its own, the run's path in `path`."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        head = "import os, signal, sys, time\nfrom pathlib import Path\nimport nntui\npath = Path(sys.argv[1])\n"
        text = head + textwrap.dedent(code)
        environment = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE", "SLURM_PROCID")}
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", text, str(path), *arguments],
            env={**environment, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"},
            cwd=path.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    def run(code: str, *arguments: str) -> SimpleNamespace:
        process = start(code, *arguments)
        out, err = process.communicate(timeout=60)
        return SimpleNamespace(code=process.returncode, out=out, err=err)

    yield SimpleNamespace(start=start, run=run)
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Waits until the condition holds; fails after 20 seconds."""

    def wait(condition: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 20
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError("it never came to hold")
            time.sleep(0.005)
        return value

    return wait
