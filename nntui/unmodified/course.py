"""The trainings of one process, one after the other: each is a run.

Owns opening and ending runs, and telling a new training from an optimizer that helps the present one, and from an earlier one
that goes on (a network is trained, a probe on what it has learned, and the network again). Invariant: at any time one training
at most is recorded.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import util
from pathlib import Path
from typing import Any

from torch.optim import Optimizer

from nntui.probes.hooks import Guard
from nntui.recorder import Run, environment, hooks, init
from nntui.unmodified import DECLARED, SAID
from nntui.unmodified.folder import claim
from nntui.unmodified.losses import Losses, Number
from nntui.unmodified.models import optimizers
from nntui.unmodified.optimizers import Slot, Slots
from nntui.unmodified.settings import config
from nntui.unmodified.telling import say, shown
from nntui.unmodified.training import Training

PATIENCE = 32
"""Updates in a row after which an optimizer that nobody knew has a training of its own."""
MOST = 100
"""Trainings of one process that are recorded."""


@dataclass(frozen=True, slots=True)
class _Earlier:
    """A training that another one took the place of."""

    path: Path
    slots: Slots
    first: Slot


class Course:
    """What is recorded of this process."""

    def __init__(
        self,
        folder: Path,
        argv: list[str],
        slots: Slots,
        losses: Losses,
        guard: Guard,
        aside: Callable[[str], None],
        scaler: Callable[[], Any],
    ) -> None:
        """aside: told why nothing is to be recorded any more; empty: nobody needs to know. scaler: the newest there is."""
        self._folder, self._argv = folder, argv
        self._slots, self._losses, self._scaler = slots, losses, scaler
        self._guard, self._aside = guard, aside
        self._run: Run | None = None
        self._training: Training | None = None
        self._past: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._earlier: list[_Earlier] = []
        self._count = self._ignored = 0
        self._stranger: weakref.ref[Optimizer] | None = None
        self._kept: list[tuple[list[Number], Any]] = []

    def before(self, optimizer: Optimizer, given: Any, named: Any) -> None:
        """An update begins."""
        known, slot = self._training, self._slots.of(optimizer)
        if known is None or (slot is None and self._slots.over and known.updates >= PATIENCE):
            self._open(optimizer, [])
            slot = self._slots.of(optimizer)
        if slot is not None and self._training is not None:
            self._training.before(slot, optimizer, given, named)

    def after(self, optimizer: Optimizer, given: Any, named: Any) -> None:
        """It is over."""
        training, slot = self._training, self._slots.of(optimizer)
        if hooks.open_runs() > 1:
            self._aside("the script records a run itself")
        elif training is not None and slot is None:
            self._strange(optimizer)
        elif training is not None and slot is not None:
            if self._kept:
                self._stranger, self._kept = None, []
            training.after(slot, optimizer, given, named, self._losses.take(slot))

    def close(self) -> None:
        """The process ends."""
        self._guard.call(self._conclude)

    def _conclude(self) -> None:
        if self._training is not None:
            self._training.close(self._ignored)

    def give_up(self, why: str) -> None:
        """End the recording."""
        self.forget()
        run, self._run = self._run, None
        if run is not None:
            run.event("note", f"recording stopped: {why}; the script goes on", level="warn")
            run.finish()

    def forget(self) -> None:
        """Look no more; in a child of the process that records, the run is not ours to end."""
        training, self._training = self._training, None
        if training is not None:
            training.stop()

    def end(self) -> None:
        """The training so far is over, unless it goes on later."""
        self._conclude()
        training, run = self._training, self._run
        self.forget()
        self._run, self._ignored = None, 0
        old = self._slots.retire()
        self._past |= {*old.optimizers()}
        if run is not None:
            run.finish()
        if run is not None and training is not None:
            self._earlier.append(_Earlier(run.path, old, training.first))

    def _strange(self, optimizer: Optimizer) -> None:
        """An optimizer of other parameters has made an update: of a training of its own, if it goes on."""
        if self._stranger is None or self._stranger() is not optimizer:
            self._stranger, self._kept = weakref.ref(optimizer), []
        self._ignored += 1
        self._kept.append((self._losses.take(None), optimizer.param_groups[0].get("lr")))
        if self._count >= MOST and self._back(optimizer) is None:
            self._kept = []  # rather than to record the present one no more either
        if len(self._kept) >= PATIENCE:
            self._open(optimizer, self._kept)
            self._kept = []

    def _back(self, optimizer: Optimizer) -> _Earlier | None:
        """The earlier training whose steps are the updates of this very optimizer: another on its parameters begins a new one."""
        return next((one for one in self._earlier if one.slots.known(optimizer) is one.first), None)

    def _open(self, optimizer: Optimizer, made: list[tuple[list[Number], Any]]) -> None:
        """Begin a run, or go on with one. made: losses and rates of the updates that were made already."""
        back = self._back(optimizer)
        if self._training is not None:
            self._ignored -= len(made)
            self.end()
        if back is not None:
            self._earlier.remove(back)
            self._slots.restore(back.slots)
        first = self._slots.of(optimizer, add=True)
        if first is None:
            return
        for other in optimizers():
            if other not in self._past:
                self._slots.of(other, add=True)
        path = self._claimed() if back is None else back.path
        if path is None:
            return
        resumed = None if back is None else first.updates
        self._run = run = init(path, config=config(self._argv, os.environ), resume_step=resumed)
        if back is None:
            self._began(path)
        declared = os.environ.get(DECLARED, "").splitlines()
        self._training = Training(run, self._slots, first, made, declared, self._scaler(), self._losses, self._guard)

    def _claimed(self) -> Path | None:
        """The folder of a training that begins; None where it is not recorded."""
        self._count += 1
        if self._count > MOST:
            self._aside(f"{MOST} trainings of one process are enough")
            return None
        path = claim(self._folder, environment.place(), helper=multiprocessing.parent_process() is not None)
        if path is None:
            self._aside("")
        return path

    def _began(self, path: Path) -> None:
        """A training is recorded from now on."""
        if self._count == 1:  # before the recorder's own end, which was registered earlier and has a lower priority
            atexit.register(self.close)
            if multiprocessing.parent_process() is not None:
                util.Finalize(None, self.close, exitpriority=1)
        if environment.place().rank == 0 and self._count < 3 and str(path) != os.environ.get(SAID):
            what = "recording" if self._count == 1 else "another training begins: it and those that follow are recorded"
            say(f"{what} into {shown(path)}; to see it: nntui watch {shown(path)}")
