"""The random sources that a training draws from: torch's, Python's and NumPy's global ones.

Owns reading, setting and seeding them together. Invariant: what runs inside `Apart` leaves them as they were.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def states() -> dict[str, Any]:
    """The state of every source, in types that `torch.load(weights_only=True)` takes; of CUDA once it is in use."""
    kind, keys, *rest = np.random.get_state()
    found = {
        "torch_rng": torch.get_rng_state(),
        "python_rng": random.getstate(),
        "numpy_rng": (kind, np.asarray(keys).tolist(), *rest),
    }
    if torch.cuda.is_initialized():
        found["cuda_rng"] = torch.cuda.get_rng_state_all()
    return found


def set_states(found: dict[str, Any]) -> None:
    """Put every source back. Raises KeyError, TypeError, ValueError or RuntimeError for what are no states."""
    torch.set_rng_state(found["torch_rng"].cpu())
    random.setstate(found["python_rng"])
    np.random.set_state(found["numpy_rng"])
    if "cuda_rng" in found and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([one.cpu() for one in found["cuda_rng"]])


def seed(number: int) -> None:
    """Seed the sources of the CPU; any whole number from 0."""
    torch.default_generator.manual_seed(number)  # torch.manual_seed would seed every CUDA device too
    random.seed(number)
    np.random.seed(number % (1 << 32))


class Apart:
    """Sources of its own, seeded once: what runs inside draws from them, across any number of entries."""

    def __init__(self, number: int) -> None:
        self._inside: tuple[Any, Any, Any] | None = None
        self._seed = number

    def __enter__(self) -> None:
        self._outside = _of_cpu()
        if self._inside is None:
            seed(self._seed)
        else:
            _set_cpu(self._inside)

    def __exit__(self, *_: object) -> None:
        self._inside = _of_cpu()
        _set_cpu(self._outside)


def _of_cpu() -> tuple[Any, Any, Any]:
    return torch.get_rng_state(), random.getstate(), np.random.get_state()


def _set_cpu(found: tuple[Any, Any, Any]) -> None:
    torch.set_rng_state(found[0])
    random.setstate(found[1])
    np.random.set_state(found[2])
