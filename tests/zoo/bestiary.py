"""The zoo's register: what a bug and what a healthy program are, and all of them by name.

A bug is a change of one to three lines to a healthy program, with words that a right diagnosis of it would use. Half of the
entries are held out, for measuring alone. Which half is decided by the hash of a name's part before the `@`, so that nobody
decides it, and so that what is held out is kinds of mistakes: one mistake in several programs is in one half. The programs as
they are go by their own names.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from nntui import Task

from .programs import (
    autoencoder,
    builtin,
    forecast,
    friedman,
    language,
    lightning,
    mapping,
    multilabel,
    recurrent,
    script,
    several_inputs,
    siamese,
    two_optimizers,
    vit,
)

Half = Literal["develop", "held-out"]
Make = Callable[[int], Task]
Change = Callable[[Task, int], Task]

BUILTIN = ("digits", "digits-conv", "digits-rare", "diabetes", "stdlib-chars")
PROGRAMS: dict[str, Make] = {name: partial(builtin.task, name) for name in BUILTIN} | {
    "script": script.task,
    "lightning": lightning.task,
    "mapping": mapping.task,
    "recurrent": recurrent.task,
    "two-optimizers": two_optimizers.task,
    "multi-label": multilabel.task,
    "autoencoder": autoencoder.task,
    "several-inputs": several_inputs.task,
    "forecast": forecast.task,
    "friedman": friedman.task,
    "vit": vit.task,
    "siamese": siamese.task,
    "gpt": language.task,
    "char-rnn": language.recurrent,
}
"""The healthy programs by name; each takes a seed for its data."""

BUG_MODULES = (
    "bugs_data",
    "bugs_labels",
    "bugs_start",
    "bugs_wiring",
    "bugs_flow",
    "bugs_optimisation",
    "bugs_evaluation",
)
HEALTHY_MODULES = ("healthy_losses", "healthy_models", "healthy_data", "healthy_training")


@dataclass(frozen=True)
class Bug:
    """A mistake planted into a program."""

    name: str
    """`mistake@program`."""
    program: str
    make: Make
    """make(seed) is a fresh task that has the mistake."""
    cause: tuple[str, ...]
    """Regular expressions, any case; one of them in a finding's message or advice names the cause."""
    half: Half


@dataclass(frozen=True)
class Healthy:
    """A program without a mistake, however unusual."""

    name: str
    program: str
    make: Make
    half: Half
    note: str
    """What is unusual about it, and why it is right."""


BUGS: dict[str, Bug] = {}
HEALTHY: dict[str, Healthy] = {}


def half_of(name: str) -> Half:
    """Which half a name is in, by its SHA-256 up to an `@`."""
    digest = hashlib.sha256(name.partition("@")[0].encode()).digest()
    return "develop" if digest[-1] % 2 == 0 else "held-out"


def bug(*programs: str, cause: tuple[str, ...]) -> Callable[[Change], Change]:
    """Registers change(task, seed) as a bug in each of the programs."""

    def register(change: Change) -> Change:
        for program in programs:
            name = f"{change.__name__}@{program}"
            make = partial(_changed, change, program)
            _add(BUGS, Bug(name, program, make, cause, half_of(name)))
        return change

    return register


def healthy(*programs: str, note: str) -> Callable[[Change], Change]:
    """Registers change(task, seed) as healthy in each of the programs."""

    def register(change: Change) -> Change:
        for program in programs:
            name = f"{change.__name__}@{program}"
            make = partial(_changed, change, program)
            _add(HEALTHY, Healthy(name, program, make, half_of(name), note))
        return change

    return register


def _changed(change: Change, program: str, seed: int) -> Task:
    return change(PROGRAMS[program](seed), seed)


def _add(register: dict, entry: Bug | Healthy) -> None:
    if entry.name in BUGS or entry.name in HEALTHY:
        raise ValueError(f"the zoo has two entries {entry.name!r}; expected one.")
    register[entry.name] = entry


def load() -> tuple[dict[str, Bug], dict[str, Healthy]]:
    """Every bug and every healthy program, by name, in the order they are written down."""
    if not HEALTHY:
        for name, make in PROGRAMS.items():
            _add(HEALTHY, Healthy(f"plain@{name}", name, make, half_of(name), "the program as it is"))
        for module in (*BUG_MODULES, *HEALTHY_MODULES):
            importlib.import_module(f".{module}", __package__)
    return BUGS, HEALTHY
