"""`nntui.watch`: probes inside a model, from the user's own loop.

Owns what is measured when, and the step it is recorded at. Invariants: between two looks there are as few hooks as their time
allows, and one that counts; `detach` leaves none; only the model keeps its probes, and they keep neither it nor an optimizer.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from nntui import names
from nntui.probes import machine, ranks
from nntui.probes.activations import Activations
from nntui.probes.attached import Attached
from nntui.probes.cadence import Cadence
from nntui.probes.first_layer import FirstLayer
from nntui.probes.glances import Glances
from nntui.probes.hooks import Clocked, Guard, weakly
from nntui.probes.layers import activations_of, bare, is_compiled, is_lazy, is_sharded, layers_of, two_faced
from nntui.probes.modes import Modes
from nntui.probes.nesting import Nesting
from nntui.probes.normalization import normalizations_of
from nntui.probes.pace import Pace
from nntui.probes.scale import Scale
from nntui.probes.several import Several, models_of
from nntui.probes.stale import Stale
from nntui.probes.telling import hand_over, meant, tell, was_watched
from nntui.probes.updates import Updates, has_closure
from nntui.recorder.run import Run

SHORTEST = 8
"""Updates of a stretch for which it is worth to take hooks off."""


def watch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | Iterable[torch.optim.Optimizer] | None = None,
    run: Run | None = None,
    *,
    scheduler: Any = None,
    scaler: Any = None,
    every: int | None = None,
    declared: str | Iterable[str] = (),
) -> Watch:
    """Record what goes on inside a model while it trains.

    model: as it is called, wrapped or not, or a ModuleList or ModuleDict of several. optimizer: one, several, or None for
    any that updates the model, as they come; with several, the updates of the first are the steps. run: where to; None records
    nothing. scheduler: is named, no more. scaler: a GradScaler, for its scale and the attempts it skips. every: look at each so
    many updates; None looks often at first, then so often that all takes about one percent of the time at most
    (`scripts/bench_probes.py`). declared: what is meant, words of `nntui.intents`.

    Metrics are those of `nntui.names`, at the step of the update (updates completed before it). NaN and infinities are
    recorded as they are. Raises TypeError when the model is no Module; never anything later. Training stays what it was,
    bit by bit, and waits for no device.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"nntui.watch: model was a {type(model).__name__}; expected a torch.nn.Module.")
    known = [] if optimizer is None else [optimizer] if isinstance(optimizer, torch.optim.Optimizer) else [*optimizer]
    if isinstance(model, nn.ModuleList | nn.ModuleDict) and type(model).forward is nn.Module.forward:
        model = Several(dict(model.named_children()))
    return Watch(model, known, run, scheduler, scaler, every, meant(declared, run))


def _nothing(optimizer: torch.optim.Optimizer, given: Any, named: Any) -> None:
    pass


class Watch:
    """Probes that are attached; `detach` takes them off again. Also a context manager."""

    def __init__(
        self,
        model: nn.Module,
        optimizers: list[torch.optim.Optimizer],
        run: Run | None,
        scheduler: Any,
        scaler: Any,
        every: int | None,
        declared: tuple[str, ...],
        *,
        told: bool = False,
    ) -> None:
        """told: somebody calls `before` and `after` for each update; None else is noticed."""
        self.before: Callable[[torch.optim.Optimizer, Any, Any], None] = _nothing
        """An update begins, with these arguments; for one that is told of updates."""
        self._run = run
        self._told_of_updates = told
        self._scale = Scale(scaler)
        self._guard = Guard(weakly(self._failed))
        self._attached = Attached(self._guard, self._forward, self._forward_over)
        self._cadence, self._glances = Cadence(every), Glances()
        self._pace, self._nesting = Pace(), Nesting()
        self._step = 0 if run is None else run.step + 1
        self._looking = False
        self._told = self._renewed = self._rephased = self._broken = False
        self._entered = False
        self._mark = self._spent = self._counted = self._base = 0.0
        self._update = self._watched = 0
        self._since = time.perf_counter()
        self._hash: Tensor | None = None
        self._found: dict[str, Any] = {}
        self._outputs: list[list[int]] = []
        self._known: list[weakref.ref[torch.optim.Optimizer]] = []
        self._held: frozenset[int] = frozenset()
        self._ever: frozenset[int] = frozenset()
        self._declared = [*declared]
        self._scheduler = "" if scheduler is None else type(scheduler).__name__
        self._begins_anew = run is not None and was_watched(run)
        self._guard.call(self._attach, model, optimizers)

    def detach(self) -> None:
        """Take every hook off; calling it again does nothing."""
        self._guard.over = True
        self._attached.remove()
        if hasattr(self, "_activations"):
            self._activations.stop()
            self._stale.stop()

    def enters(self, module: nn.Module) -> None:
        """The forward call of this module is one of the whole model too."""
        self._attached.enter(module)

    def after(self, optimizer: torch.optim.Optimizer, given: Any, named: Any) -> None:
        """It is over."""
        if not self._attached.resting:
            self._guard.call(self._after, optimizer, given, named)

    def declare(self, word: str) -> None:
        """This is meant, as has turned out."""
        self._declared, self._told = [*self._declared, word], False

    def rested(self) -> None:
        """The loop has rested on purpose since the last update: that time is no waiting for data."""
        self._guard.call(self._pace.rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.detach()

    # --- hooks --------------------------------------------------------------------------------

    def _attach(self, model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
        self._model = (lambda: model) if isinstance(model, Several) else weakref.ref(model)
        self._survey(model)
        for optimizer in optimizers:
            self._adopt(optimizer)
        for one in models_of(model):
            self.enters(one)
        begins = Clocked(self._guard, weakly(self._before))
        if self._told_of_updates:
            self.before = self._attached.told(begins)
        else:  # a hook on all optimizers would keep the probes for ever
            self._attached.update(begins, Clocked(self._guard, weakly(self._after)))
        self._prepare()

    def _survey(self, model: nn.Module) -> None:
        """Find the layers."""
        inner, guard = bare(model), self._guard
        self._lazy = any(is_lazy(p) for p in inner.parameters())
        self._layers = layers_of(inner)
        self._modes, self._sharded = Modes(two_faced(inner)), is_sharded(model)
        self._updates, self._first = Updates(self._layers), FirstLayer(self._layers)
        self._stale = Stale(guard)
        encoders = [m for m in inner.modules() if isinstance(m, nn.TransformerEncoderLayer)]
        heard = (self._layers, activations_of(inner), normalizations_of(inner))
        self._activations = Activations(*(([], {}, {}) if is_compiled(model) else heard), encoders, guard)

    def _failed(self, error: Exception) -> None:
        """Say so; hooks that are left do nothing, and must not be taken off while torch walks through them."""
        if self._run is not None:
            line = f"{type(error).__name__}: {error!s:.300}"
            self._run.event("watch", f"the probes stopped: {line}; training goes on without them", level="warn")

    def _prepare(self) -> None:
        """Get ready for the next update: hooks where it is to be looked at."""
        broken, self._broken = self._broken or self._glances.broken(self._update), False
        self._looking = self._run is not None and (broken or self._cadence.due(self._update))
        if not self._looking:
            return
        self._mark = self._guard.total
        self._activations.hunting = broken
        if not self._entered and not self._told_of_updates:
            self._activations.listen()
        self._stale.listen([p for layer in self._layers for p in layer.parameters if p.requires_grad and p.is_leaf])

    def _forward(self, model: nn.Module, given: Any) -> None:
        """A forward call of the whole model begins."""
        if not torch.is_grad_enabled():
            self._pace.evaluated()
            self._evaluates(given)
            return
        self._entered = True
        if self._scale.tried() and self._run is not None:
            self._scale.count()
            self._hand_over(self._scale.readings())
        tensors = ranks.tensors_in(given)
        if self._looking:  # no earlier: an evaluation in between is calculated as if nobody looked
            self._activations.listen()
            self._first.enters(tensors)
        elif self._run is not None and self._cadence.wake <= self._update and not self._attached.resting:
            self._activations.listen(units=True)
        self._pace.forward(len(tensors[0]) if tensors and tensors[0].dim() else 0)
        if self._looking and self._modes and names.TRAINING_MODE not in self._found:
            self._found[names.TRAINING_MODE] = self._modes.training
        if self._updates.pending:
            late = self._updates.changed_since()
            if late is not None and self._run is not None and len(self._known) == 1:
                self._run.observe([names.LATE_CLIPPING], late.reshape(1), self._step - 1)
        if self._hash is None and tensors and ranks.due(self._update) and ranks.several():
            self._hash = ranks.hashed(tensors)

    def _forward_over(self, model: nn.Module, given: Any, output: Any) -> None:
        """A forward call of the whole model is over."""
        if torch.is_grad_enabled():
            self._pace.forward_over()
            if not self._told and not self._outputs and not isinstance(self._model(), Several):
                self._outputs = [[*one.shape[1:]] if one.dim() != 1 else [1] for one in ranks.tensors_in(output)[:1]]

    def _evaluates(self, given: Any) -> None:
        """A forward call without gradients: the first since an update tells the mode."""
        if not self._modes or self._run is None:
            return
        passed = self._attached.passed
        first, drawn = self._modes.evaluates(self._update + passed, given)
        if first:
            step = max(self._step + passed, self._run.step)
            self._run.observe([names.EVALUATION_MODE], np.array([self._modes.training]), step)
        if drawn and "stochastic" not in self._declared:
            self.declare("stochastic")

    def _adopt(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether the optimizer updates the model; from here on it is one of those that do."""
        if self._is_first(optimizer) or any(known() is optimizer for known in self._known):
            return True
        model, own = self._model(), self._updates.of(optimizer)
        if not own or model is None or not models_of(model):
            return False
        first = not self._known or not own.isdisjoint(self._held)
        self._renewed |= bool(self._known) and own == self._held and not self._updates.keeps_state(optimizer)
        self._rephased |= bool(self._known) and first and own != self._held
        self._known = [weakref.ref(optimizer), *self._known[1:]] if first else [*self._known, weakref.ref(optimizer)]
        self._held = own if first else self._held
        self._ever |= own
        return True

    def _is_first(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether its updates are the steps: it, or one before it that updated the same, was the first to be known."""
        return bool(self._known) and self._known[0]() is optimizer

    def _before(self, optimizer: torch.optim.Optimizer, given: Any, named: Any) -> None:
        """An update begins."""
        begun = time.perf_counter()
        if not self._nesting.begins(optimizer, ending=not self._attached.resting):
            return
        if self._lazy:
            self._activations.stop()
            model = self._model()
            if model is not None:
                self._survey(model)
        if not self._adopt(optimizer):
            return
        first = self._is_first(optimizer)
        if self._attached.resting:
            if not first:
                return
            self._catch_up()
        if self._run is not None and self._run.step > self._step:
            self._step = self._run.step
        closure = has_closure(given, named)
        if not closure and (self._looking or self._stale.listening or self._activations.listening):
            self._stop_listening(optimizer)
        if self._looking:
            self._first.look(self._run, self._activations.order, self._update, self._step)
            self._found |= self._updates.before(optimizer, closure=closure)
        elif first and self._run is not None:
            self._glances.glance(self._update, self._updates, optimizer, self._pace.typical, begun)
            self._rest_or_wake()

    def _catch_up(self) -> None:
        """Take in the updates of a stretch in which nothing was measured; one more begins."""
        passed = self._attached.passed
        self._update, self._step = self._update + passed, self._step + passed
        self._counted += self._attached.paid(self._pace.typical)
        self._pace.passed(passed)

    def _rest_or_wake(self) -> None:
        """Have all hooks there, or only few until something is to be measured. An update begins that is not looked at."""
        resting = self._attached.resting
        self._broken = resting and self._glances.broken(self._update)
        awake = self._broken or self._renewed or self._rephased or self._lazy or self._scale.there
        if awake or self._update + (1 if resting else SHORTEST) > self._cadence.wake or ranks.several():
            self._attached.wake()
            return
        self._stale.quiet()
        until = min(self._cadence.wake, self._glances.next(self._update))
        self._attached.rest(self._known[0], until - self._update, telling=bool(self._modes))

    def _stop_listening(self, optimizer: torch.optim.Optimizer) -> None:
        """Forward and backward passes of this update are over."""
        self._activations.stop()
        self._stale.over(p for group in optimizer.param_groups for p in group["params"])

    def _after(self, optimizer: torch.optim.Optimizer, given: Any, named: Any) -> None:
        """An update is over."""
        begun = time.perf_counter()
        if not self._nesting.ended(optimizer) or not any(known() is optimizer for known in self._known):
            return
        closure = has_closure(given, named)
        if closure and self._activations.listening:
            self._stop_listening(optimizer)
        if self._looking:
            self._found |= self._updates.after(optimizer, closure=closure)
        if not self._is_first(optimizer):
            return
        if self._renewed and self._run is not None and self._updates.keeps_state(optimizer):
            self._run.observe([names.WITHOUT_STATE], np.ones(1), self._step)
            self._found.pop(names.WITHOUT_STATE, None)
        if self._rephased or self._begins_anew:  # an optimizer of other parameters, which has lost nothing
            self._found.pop(names.WITHOUT_STATE, None)
        self._renewed = self._rephased = self._begins_anew = False
        self._pace.updated()
        self._scale.updated()
        if self._run is not None and ranks.due(self._update) and ranks.several():
            self._compare()
        self._watched += not self._looking
        if self._looking:
            self._record(optimizer, begun)
        self._update += 1
        self._step += 1
        self._hash = None
        looked = self._looking
        self._prepare()
        if looked:
            self._pace.rest()

    # --- recording ----------------------------------------------------------------------------

    def _record(self, optimizer: torch.optim.Optimizer, begun: float) -> None:
        """Hand over what this look has seen. begun: when this call of the hook did."""
        assert self._run is not None
        found = self._found | self._activations.readings() | self._updates.whole() | self._pace.readings()
        found |= self._updates.unheld(self._ever)
        self._found = {}
        stale = self._stale.reading()
        if stale is not None:
            found[names.STALE_GRADIENT] = stale
        self._glances.keep(found.get(names.WHOLE_GRAD_NORM))
        found[names.PROBE_LR] = float(optimizer.param_groups[0].get("lr", float("nan")))
        found |= self._scale.readings()
        found |= machine.memory(self._updates.device)
        if not self._told and (self._entered or not self._told_of_updates or self._update > 1):
            self._told = True  # the order of layers is that of a forward call
            self._tell()
        now = time.perf_counter()
        total = self._guard.total + self._counted + now - begun
        found[names.OVERHEAD] = (total - self._spent) / (now - self._since)
        self._spent, self._since = total, now
        self._hand_over(found)
        whole = self._guard.total + time.perf_counter() - begun
        self._cadence.watched(self._mark - self._base - self._glances.taken(), self._watched)
        self._cadence.looked(self._update, whole - self._mark, self._pace.typical)
        self._base, self._watched = whole, 0

    def _hand_over(self, found: Mapping[str, Any]) -> None:
        assert self._run is not None
        hand_over(self._run, found, self._step, self._updates.device)

    def _compare(self) -> None:
        """Record what must be equal, or must differ, on every rank."""
        assert self._run is not None
        hashes = {names.BATCH_HASH: self._hash}
        if not self._sharded:
            hashes[names.PARAMETER_HASH] = ranks.hashed(p for layer in self._layers for p in layer.parameters)
        self._hand_over({name: value for name, value in hashes.items() if value is not None})

    def _tell(self) -> None:
        """What is watched, as an event."""
        model = self._model()
        if self._run is None or model is None:
            return
        more = {"declared": self._declared, "scheduler": self._scheduler, "outputs": [*self._outputs, []][0]}
        tell(self._run, self._step, model, self._layers, self._activations.order, self._optimizers(), **more)

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        return [one for known in self._known if (one := known()) is not None]
