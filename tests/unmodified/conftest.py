"""Programs that know nothing of nntui, and what was recorded of them in this process."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

import nntui
from nntui.unmodified.attach import Attachment

Numbers = list[float]


@dataclass
class Recorded:
    """What a program gave, and its runs: metrics as {metric: {step: value}}, and events."""

    given: Any = None
    runs: list[Path] = field(default_factory=list)
    metrics: list[dict[str, dict[int, float]]] = field(default_factory=list)
    events: list[list[dict[str, Any]]] = field(default_factory=list)

    @property
    def found(self) -> dict[str, dict[int, float]]:
        """The metrics of the one run."""
        (only,) = self.metrics
        return only

    def values(self, metric: str) -> Numbers:
        """Of the one run, in the order of steps."""
        return [value for _, value in sorted(self.found.get(metric, {}).items())]

    def notes(self) -> list[str]:
        """What the one run says of itself."""
        (only,) = self.events
        return [event["message"] for event in only if event["event"] == "note"]


@pytest.fixture
def attachment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Attachment]:
    """A fresh attachment to this process, whose tests use nntui themselves; it sees nothing of what other tests left."""
    monkeypatch.setattr(Attachment, "_records_itself", False)
    gc.collect()
    gc.freeze()
    return lambda: Attachment(tmp_path / "runs" / "it", ["train.py", "--lr", "0.1"])


@pytest.fixture
def record(tmp_path: Path, attachment: Callable[[], Attachment]) -> Callable[[Callable[[], Any]], Recorded]:
    """record(program): run it as `nntui run` would."""

    def run(program: Callable[[], Any]) -> Recorded:
        plain = torch.autograd.backward
        attached = attachment()
        attached.attach()
        try:
            found = Recorded(program())
        finally:
            attached.detach()
        assert torch.autograd.backward is plain
        folder = tmp_path / "runs"
        found.runs = sorted(folder.iterdir(), key=lambda path: (len(path.name), path.name)) if folder.is_dir() else []
        for path in found.runs:
            table = nntui.read(path)
            metrics: dict[str, dict[int, float]] = {}
            for row in table.metrics.to_pylist():
                metrics.setdefault(row["metric"], {})[row["step"]] = row["value"]
            found.metrics.append(metrics)
            found.events.append(table.events.to_pylist())
        return found

    return run
