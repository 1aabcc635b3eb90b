"""What a watch tells its run: readings, and what is watched.

Owns how they become rows, and which runs were told of a model. Invariants: waits for no device; keeps no run alive.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nntui import names
from nntui.intents import unknown
from nntui.probes.description import described
from nntui.probes.layers import Layer
from nntui.probes.parameters import gathered
from nntui.probes.several import title
from nntui.recorder.run import Run

_WATCHED: weakref.WeakSet[Run] = weakref.WeakSet()


def was_watched(run: Run) -> bool:
    """Whether something was watched in the run already; from here on it was.

    An optimizer that somebody has watched anew (another fold, another phase) begins there, and has lost no state.
    """
    before = run in _WATCHED
    _WATCHED.add(run)
    return before


def meant(declared: str | Iterable[str], run: Run | None) -> tuple[str, ...]:
    """The words that somebody has declared, one or several; the run is told of those that mean nothing."""
    words = (declared,) if isinstance(declared, str) else tuple(map(str, declared))
    odd = unknown(words)
    if odd and run is not None:
        run.event("declared", f"declared: {odd}", level="warn")
    return words


def hand_over(run: Run, found: Mapping[str, Any], step: int, device: torch.device | None) -> None:
    """Numbers in one piece, tensors in another, whatever their number. device: where the tensors are gathered."""
    plain = {name: value for name, value in found.items() if not isinstance(value, Tensor)}
    if plain:
        run.observe([*plain], np.array([*plain.values()], np.float64), step)
    kept = {name: value for name, value in found.items() if isinstance(value, Tensor)}
    if kept:
        run.observe([*kept], gathered([*kept.values()], device).detach(), step)


def tell(
    run: Run,
    step: int,
    model: nn.Module,
    layers: Sequence[Layer],
    called: Sequence[str],
    optimizers: Sequence[torch.optim.Optimizer],
    **more: Any,
) -> None:
    """What is watched, as an event. called: names of layers in the order of a forward call; more: goes into its data."""
    data = {**described(model, layers, called, optimizers), **more}
    run.event(names.WATCH_EVENT, f"{len(layers)} layers of {title(model)} are watched", step=step, data=data)
