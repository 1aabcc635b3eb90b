"""What can be asked of a training.

Owns the options and which of them a run remembers. Invariant: whatever changes the numbers of a run is in its config, so that two
runs can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.faults import Fault


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that can be asked of the loop."""

    task: str
    out: Path
    steps: int = 6000
    batch_size: int = 64
    accumulate: int = 1
    """Batches per optimizer update. Their losses are averaged, each batch weighing the same; declared sums are added."""
    lr: float = 3e-4
    schedule: str = "constant"
    warmup: int = 0
    """Steps over which the rate rises to its full value."""
    clip: float = 0.0
    """Largest norm of all gradients together; 0 leaves them as they are."""
    precision: str = "float32"
    seed: int = 0
    width: int = 128
    device: str = "auto"
    eval_every: int = 100
    pace: float = 0.0
    checks: bool = True
    probes: bool = True
    capture: bool = False
    """Whether what the process prints is recorded."""
    strict: bool = False
    fault: Fault = Fault()  # noqa: RUF009 (frozen)

    def config(self, optimizer: str, lr: float) -> dict[str, Any]:
        """What the run remembers; optimizer and lr as they are, which a task may have chosen itself."""
        names = ("task", "steps", "batch_size", "accumulate", "lr", "schedule", "warmup", "clip", "precision", "seed")
        found = {name: getattr(self, name) for name in (*names, "width", "eval_every")}
        found |= {"optimizer": optimizer, "lr": lr}
        if self.fault.name:
            found["fault"] = f"{self.fault.name}@{self.fault.step}"
        return found
