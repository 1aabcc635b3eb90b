"""Running a check without disturbing anything.

Owns what every check shares: its clock, the random state, and turning what user code raises into a finding.
Invariant: random states are as before, those of the task's own loaders too, whatever happens inside.
"""

from __future__ import annotations

import dataclasses
import functools
import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from nntui.checks.task import Task
from nntui.finding import Finding


class Skip(Exception):  # noqa: N818 (reads as what happened)
    """The check does not apply here; the reason in a sentence."""


Check = Callable[..., Finding]


def guarded(row: str) -> Callable[[Check], Check]:
    """Make a function (task, *, seed, budget) -> Finding a check that never raises, named by its recipe row."""

    def wrap(function: Check) -> Check:
        @functools.wraps(function)
        def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
            begun = time.perf_counter()
            with (
                same_randomness(task.train, task.validation),
                torch.inference_mode(False),
                torch.enable_grad(),
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("ignore")  # what a check finds it says itself
                try:
                    finding = function(task, seed=seed, budget=budget)
                except Skip as reason:
                    finding = Finding(row, "skip", str(reason))
                except Exception as error:  # noqa: BLE001 (a user's model may raise anything)
                    finding = _crash(row, error)
            return dataclasses.replace(finding, seconds=time.perf_counter() - begun)

        return check

    return wrap


@contextmanager
def same_randomness(*sources: Any) -> Iterator[None]:
    """Put Python's, numpy's and torch's random states back afterwards, and those of the loaders' own generators."""
    python, numpy_state = random.getstate(), np.random.get_state()
    own = [(generator, generator.get_state()) for generator in _generators(sources)]
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy_state)
            for generator, state in own:
                generator.set_state(state)


def _generators(sources: tuple[Any, ...]) -> list[torch.Generator]:
    """The random generators that DataLoaders and their samplers hold."""
    loaders = [source for source in sources if isinstance(source, DataLoader)]
    holders = [part for loader in loaders for part in (loader, loader.sampler, loader.batch_sampler)]
    held = [getattr(part, "generator", None) for part in holders]
    return list({id(g): g for g in held if isinstance(g, torch.Generator)}.values())


def _crash(row: str, error: Exception) -> Finding:
    line = " ".join(str(error).split())[:300]
    return Finding(
        row,
        "crash",
        f"The check could not run: {type(error).__name__}: {line}",
        advice="Most likely the model, the loss or the data do not fit each other. Refute: loss(model(inputs), targets) by hand "
        "on one batch.",
        evidence={"error": type(error).__name__, "where": _where(error)},
    )


def _where(error: BaseException) -> str:
    """File and line of the innermost frame that is the user's, not torch's."""
    place, trace = "", error.__traceback__
    while trace is not None:
        name: Any = trace.tb_frame.f_code.co_filename
        if "site-packages" not in name and "nntui/checks" not in name.replace("\\", "/"):
            place = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
