"""One training of a script, recorded as a run.

Owns what is logged at which step and under which name. Invariants: a step is an update of the optimizer that came first; the
losses of any other optimizer count its own updates.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer

from nntui.probes.hooks import Guard
from nntui.probes.several import Several
from nntui.probes.updates import has_closure
from nntui.probes.watch import Watch
from nntui.recorder.run import Run
from nntui.unmodified import models
from nntui.unmodified.entries import Entries
from nntui.unmodified.evaluation import Evaluation
from nntui.unmodified.losses import Losses, Number, mean
from nntui.unmodified.optimizers import Slot, Slots

LOSS, RATE, VALIDATION = "train/loss", "lr", "val/loss"
SEARCHED = 2
"""Updates over which it is found out where the model is entered: the first begins within one."""


class Training:
    """Optimizers, the models they update, and the run."""

    def __init__(
        self,
        run: Run,
        slots: Slots,
        first: Slot,
        earlier: Sequence[tuple[list[Number], Any]],
        declared: Sequence[str],
        scaler: Any,
        losses: Losses,
        guard: Guard,
    ) -> None:
        """earlier: losses and rate of each update that was made already."""
        self._run = run
        self._first = first
        self._names = _Names(slots, first)
        self._heard: list[Slot] = []
        self._held: tuple[Slot, int, Number] | None = None
        self._rates: dict[Slot, Any] = {}
        modules = models.alive(nn.Module)
        found = models.covering(models.roots(modules), [p for slot in slots for p in slot.parameters()])
        self._names.label(found)
        self._watch: Callable[[], Watch | None] = _nobody
        self._entries: Entries | None = None
        for made, rate in earlier:
            self.log(first, made, rate)
        if found:
            model = found[0] if len(found) == 1 else Several(models.named(found))
            watch = Watch(model, [], run, None, scaler, None, tuple(declared), told=True)
            self._watch = weakref.ref(watch)
            self._entries = Entries(found, watch, guard)
        self._tell(found)
        self._evaluation = Evaluation(modules, found, losses, guard)

    def _tell(self, found: list[nn.Module]) -> None:
        unseen = [
            "What backward() is called on is taken as the loss, without a loss scale, and averaged between two updates; where a "
            "script divides it by the number of accumulated batches, it is as small as that.",
            "The loss of an evaluation counts where a loss module calculates it, or the function of torch that alone gives "
            "what is trained on, at one place of the script.",
        ]
        if not found:
            unseen.append("No module holds what the optimizer updates: layers are not seen.")
        self._run.event("note", "recorded by `nntui run`, the script unchanged", data={"unseen": unseen})

    @property
    def first(self) -> Slot:
        """Whose updates are the steps."""
        return self._first

    @property
    def updates(self) -> int:
        """Steps so far."""
        return self._first.updates

    # --- updates ------------------------------------------------------------------------------

    def before(self, slot: Slot, optimizer: Optimizer, given: Any, named: Any) -> None:
        """An update begins."""
        if self._evaluation.heard:
            self.evaluated()
        self._rates[slot] = optimizer.param_groups[0].get("lr")
        watch = self._watch()
        if watch is not None:
            watch.before(optimizer, given, named)

    def after(self, slot: Slot, optimizer: Optimizer, given: Any, named: Any, losses: list[Number]) -> None:
        """It is over. losses: those that belong to it."""
        watch = self._watch()
        if watch is not None:
            watch.after(optimizer, given, named)
        if len(losses) > 1 and has_closure(given, named):
            del losses[1:]
        self.log(slot, losses, self._rates.pop(slot, None))
        if self._entries is not None and slot is self._first and slot.updates >= SEARCHED:
            self._entries.stop()
            self._entries = None

    def log(self, slot: Slot, losses: list[Number], rate: Any) -> None:
        """Record one update."""
        step, loss = slot.updates, mean(losses)
        slot.updates += 1
        values = {} if rate is None else {self._names.rates[slot]: rate}
        if loss is not None and not self._waits(slot, step, loss):
            values[self._names.losses[slot]] = loss
        if slot is self._first:
            self._run.log(values, step)
        else:
            for name, value in values.items():
                self._observe(name, value, step)

    def evaluated(self) -> None:
        """What was evaluated, if anything, was evaluated after the updates so far."""
        value = self._evaluation.close()
        if self._evaluation.doubt:
            self._evaluation.stop()
            self._run.event("note", f"{VALIDATION} is not recorded: {self._evaluation.doubt}")
            self._evaluation.doubt = ""
        elif value is not None:
            self._observe(VALIDATION, value, self._first.updates)

    def close(self, ignored: int) -> None:
        """Record what waits: nothing comes after it. ignored: updates in the meantime that are none of this training."""
        self.evaluated()
        self._settle(None)
        if ignored:
            self._run.event("note", f"{ignored:,} updates by optimizers of other parameters are not recorded")

    def stop(self) -> None:
        """Look no more."""
        self._evaluation.stop()
        if self._entries is not None:
            self._entries.stop()
        watch = self._watch()
        if watch is not None:
            watch.detach()

    # --- inside -------------------------------------------------------------------------------

    def _waits(self, slot: Slot, step: int, loss: Number) -> bool:
        """Whether the loss is the very first, which gets its name once it is known whether another optimizer has a loss too."""
        if not self._heard:
            self._heard.append(slot)
            self._held = (slot, step, loss)
            return True
        if slot not in self._heard:
            self._heard.append(slot)
            watch = self._watch()
            if watch is not None and len(self._heard) == 2:
                watch.declare("adversarial")
        if self._held is not None:
            self._settle(slot)
        return False

    def _settle(self, following: Slot | None) -> None:
        """Record the first loss. following: whose loss is the second; None where none will come."""
        if self._held is not None:
            (slot, step, loss), self._held = self._held, None
            self._names.settle(slot, alone=following is None or following is slot)
            self._observe(self._names.losses[slot], loss, step)

    def _observe(self, name: str, value: Any, step: int) -> None:
        together = value.reshape(1) if isinstance(value, Tensor) else np.array([float(value)])
        self._run.observe([name], together, step)


def _nobody() -> None:
    return None


class _Names:
    """What losses and rates are called: plainly where there is one, by the model where each optimizer has a loss of its own."""

    def __init__(self, slots: Slots, first: Slot) -> None:
        self._slots, self._first = slots, first
        self.losses: dict[Slot, str] = {}
        """The metric of the losses of each."""
        self.rates: dict[Slot, str] = {}
        """The metric of the learning rate of each."""

    def label(self, found: list[nn.Module]) -> None:
        """Give each optimizer a name. found: the models."""
        known = models.labels(found, [slot.parameters() for slot in self._slots])
        for slot, label in zip(self._slots, known, strict=True):
            self.losses[slot] = f"{LOSS}/{label}"
            self.rates[slot] = RATE if slot is self._first else f"{RATE}/{label}"

    def settle(self, slot: Slot, *, alone: bool) -> None:
        """The first loss was that of this slot; alone: so was the second."""
        if alone:
            self.losses[slot] = LOSS
