"""skeleton.layers: every layer is in the model, in the optimizer, alive, and reached by the gradient.

Symptom: a part of the network keeps its random weights, and the rest learns around it.
Tests, exact: layers held in a plain list, tuple or dict, which a module does not see; parameters of the model that
are in no optimizer, and parameters of an optimizer that are not the model's; rates of zero; parameters on which the
loss does not depend, or that get no gradient though it does; a gradient of exactly zero over all of UPDATES updates
(a layer of zeros, dead units, a clipped loss); several layers whose outputs are a linear function of the inputs.
Tests with a threshold: more units of an activation are zero for every input, at least INPUTS of them, than half of
them by SIGMAS standard errors (what inputs of one sign do by chance), or DEAD of them; more than SATURATED of what a
tanh or sigmoid inside the network puts out is at its bounds; gradients, as a share of their weights, of one layer are
VANISHED times smaller than the median layer's.
Fails where a part cannot learn at all; warns else. Declared "frozen:PATTERN" silences those that are meant to stay as
they are.
When it is wrong: a head that is used in a later phase of the training; declare it frozen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from nntui.analysis.ticks import format_number
from nntui.checks.experiment import kept, without_dropout
from nntui.checks.guard import guarded
from nntui.checks.optimizers import optimizers
from nntui.checks.signal import Signal, listened
from nntui.checks.task import Task, tensors
from nntui.checks.wiring import affine, unreached
from nntui.finding import Finding

ROW = "skeleton.layers"
BATCHES = 8
UPDATES = 5
DEAD = 0.9
SIGMAS = 4.0
INPUTS = 64
SATURATED = 0.5
VANISHED = 1e-5
LEARNING = (
    nn.Linear,
    nn.modules.conv._ConvNd,
    nn.Embedding,
    nn.RNNBase,
    nn.modules.batchnorm._BatchNorm,
    nn.LayerNorm,
    nn.MultiheadAttention,
)
"""Layers whose weights are there to be learned; other frozen parameters, as position codes, may be constants."""


@dataclass(slots=True)
class _Found:
    """What is wrong, most certain first."""

    status: Any = "pass"
    words: list[str] = field(default_factory=list)
    advice: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)

    def add(self, status: Any, words: str, advice: str, **evidence: Any) -> None:
        """One more; the first one's advice is the one given, unless a failure comes after warnings."""
        if self.status == "pass" or (status == "fail" and self.status == "warn"):
            self.words.insert(0, words)
            self.status, self.advice = status, advice
        else:
            self.words.append(words)
        self.evidence |= evidence


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Look at every layer of a fresh model, at its optimizer, and at its first gradients."""
    found = _Found()
    model = task.build(seed)
    _unregistered(model, found)
    _optimized(task, seed, found)
    batches = kept(task)[:BATCHES]
    _frozen(task, model, found)
    reached = unreached(task, without_dropout(task.build(seed)), batches)
    if reached.detached:
        found.add(
            "warn",
            f"no gradient reaches {_names(reached.detached)}, though the loss depends on {_them(reached.detached)}: the "
            "graph is cut",
            f"a detach(), no_grad(), .data, item() or numpy() between {_names(reached.detached)} and the loss. If it is "
            f"meant, declare 'frozen:{reached.detached[0]}'. Refute: backward() must leave a gradient on each of them.",
            detached=reached.detached,
        )
    if reached.unused:
        found.add(
            "warn",
            f"{_names(reached.unused)} {'are' if len(reached.unused) > 1 else 'is'} never used: the loss does not depend on "
            f"{_them(reached.unused)}",
            "a layer that forward() does not call, or whose result is overwritten. Leave it out, or declare "
            f"'frozen:{reached.unused[0]}'. Refute: changing these parameters must change the loss.",
            unused=reached.unused,
        )
    model = without_dropout(task.build(seed))
    declared = {name for name, _ in model.named_parameters() if task.declares("frozen", name)}
    left_out = {*reached.detached, *reached.unused, *declared}
    zero, ratios = _gradients(task, model, batches, left_out)
    signals = listened(task, without_dropout(task.build(seed)), batches)
    _silent(task, model, batches[0][0], zero, signals, found)
    _signals(signals, found)
    _vanishing(ratios, zero, found)
    _flat(task, model, batches[0][0], found)  # after some updates, when what starts at zero has come alive
    count = sum(1 for p in model.parameters() if p.requires_grad)
    found.evidence["parameters"] = count
    return _finding(task, found, count)


def _finding(task: Task, found: _Found, count: int) -> Finding:
    """What was found, as a finding."""
    if found.status == "pass":
        words = f"All {count} parameter tensors are in the model" + (
            ", are in the optimizer, and get a gradient" if task.optimizer is not None else ", and get a gradient"
        )
        return Finding(
            ROW,
            "pass",
            f"{words}.",
            expected="every layer learns",
            measured="every layer learns",
            evidence=found.evidence,
        )
    message = "; ".join(found.words[:3])
    return Finding(
        ROW,
        found.status,
        f"{message[0].upper()}{message[1:]}.",
        expected="every layer learns",
        measured=found.words[0],
        advice=f"Most likely {found.advice}",
        evidence=found.evidence,
    )


def _unregistered(model: nn.Module, found: _Found) -> None:
    """Layers in plain containers, and tensors that want a gradient and are no parameters."""
    known = {id(m) for m in model.modules()}
    known_parameters = {id(p) for p in model.parameters()}
    hidden, tensors = [], []
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            if attribute.startswith("_"):
                continue
            inside = (
                list(value.values())
                if isinstance(value, dict)
                else list(value)
                if isinstance(value, list | tuple)
                else []
            )
            place = f"{name}.{attribute}" if name else attribute
            if any(
                isinstance(m, nn.Module) and id(m) not in known and any(True for _ in m.parameters()) for m in inside
            ):
                hidden.append(place)
            for t in (value, *inside):
                if isinstance(t, Tensor) and t.requires_grad and t.is_leaf and id(t) not in known_parameters:
                    tensors.append(place)
    if hidden:
        found.add(
            "fail",
            f"the layers in {_names(hidden)} are held in a plain list or dict: the model does not see their parameters",
            "a Python list where an nn.ModuleList belongs (or a dict for nn.ModuleDict). Optimizer, to(device) and state_dict() "
            "leave them out. Refute: len(list(model.parameters())) must count them.",
            unregistered=hidden,
        )
    if tensors:
        found.add(
            "fail",
            f"{_names(tensors)} {'want' if len(tensors) > 1 else 'wants'} a gradient and is no nn.Parameter: the model does "
            "not see it",
            "a plain tensor where an nn.Parameter belongs. Refute: it must be in dict(model.named_parameters()).",
            plain_tensors=tensors,
        )


def _optimized(task: Task, seed: int, found: _Found) -> None:
    """Parameters that no optimizer has, or that are another model's."""
    if task.optimizer is None:
        return
    model = task.build(seed)
    held = optimizers(task, model)
    groups = [group for one in held for group in one.param_groups]
    inside = {id(p) for group in groups for p in group["params"]}
    own = {id(p) for p in model.parameters()}
    missing = [
        n
        for n, p in model.named_parameters()
        if p.requires_grad and id(p) not in inside and not task.declares("frozen", n)
    ]
    foreign = len(inside - own)
    if foreign:
        found.add(
            "fail",
            f"the optimizer holds {foreign} parameter tensors that are not the model's"
            + (f", and lacks {_names(missing)}" if missing else ""),
            "an optimizer that was made before a layer was replaced, or for another model. Make it last. Refute: every "
            "parameter of the optimizer must be one of model.parameters().",
            foreign=foreign,
            missing=missing,
        )
    elif missing:
        found.add(
            "warn" if len(missing) < len(own) else "fail",
            f"{_names(missing)} {'are' if len(missing) > 1 else 'is'} in no optimizer: {_them(missing)} will stay as "
            f"{'they are' if len(missing) > 1 else 'it is'}",
            f"parameters left out when the groups were made. If it is meant, declare 'frozen:{missing[0]}'. Refute: the groups' "
            "parameters together must be model.parameters().",
            missing=missing,
        )
    still = [i for i, group in enumerate(groups) if float(group["lr"]) == 0.0]
    if still and task.schedule is None:
        found.add(
            "warn",
            f"the rate of group {', '.join(map(str, still))} of the optimizer is 0, and there is no schedule: it learns nothing",
            "a rate that was rounded, or read as a whole number. Refute: print the lr of every group.",
            groups_of_rate_zero=still,
        )


def _frozen(task: Task, model: nn.Module, found: _Found) -> None:
    """Layers that require no gradient and were not declared frozen."""
    frozen = [
        f"{name}.{n}" if name else n
        for name, module in model.named_modules()
        if isinstance(module, LEARNING)
        for n, p in module.named_parameters(recurse=False)
        if not p.requires_grad
    ]
    odd = [n for n in frozen if not task.declares("frozen", n)]
    if odd:
        found.add(
            "warn",
            f"{_names(odd)} {'require' if len(odd) > 1 else 'requires'} no gradient: frozen, and not declared so",
            "layers that stayed frozen by accident (requires_grad_(False), from_pretrained). If it is meant, declare "
            f"'frozen:{_common(odd)}'. Refute: requires_grad must be True where learning is meant.",
            frozen=odd,
        )


def _gradients(
    task: Task, model: nn.Module, batches: list[tuple[Any, Any]], left_out: set[str]
) -> tuple[list[str], dict[str, float]]:
    """(parameters whose gradient is zero in each of some updates, share of the weight that it is at the first by parameter).

    Plain Adam with a small rate moves the model in between, so that layers that start at zero on purpose come alive.
    """
    watched = {n: p for n, p in model.named_parameters() if p.requires_grad and n not in left_out}
    if not watched:
        return [], {}
    optimizer = torch.optim.Adam(watched.values(), lr=1e-3)
    largest = dict.fromkeys(watched, 0.0)
    ratios: dict[str, float] = {}
    for update in range(max(UPDATES, len(batches))):
        inputs, targets = batches[update % len(batches)]
        loss = task.loss(task.call(model, inputs), targets)
        if not loss.requires_grad:
            return list(watched), {}
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for name, p in watched.items():
            size = float(p.grad.detach().abs().max()) if p.grad is not None else 0.0
            largest[name] = max(largest[name], size if math.isfinite(size) else math.inf)
            weight = float(p.detach().norm())
            if update == 0 and p.grad is not None and p.dim() > 1 and weight > 0:
                ratios[name] = float(p.grad.detach().norm()) / weight
        optimizer.step()
    return [name for name, size in largest.items() if size == 0.0], ratios


@torch.no_grad()
def _bound(task: Task, model: nn.Module, inputs: Any) -> str:
    """The cause in words where every output is one number, that an activation or a clamp holds it at; else empty."""
    outputs = [t for t in tensors(task.call(model, inputs)) if t.is_floating_point() and t.numel() > 1]
    held = next((t for t in outputs if bool((t == t.flatten()[0]).all())), None)
    if held is None:
        return ""
    return (
        f"an activation on the output that is at its bound: every output is {format_number(float(held.flatten()[0]))} (a tanh, "
        "sigmoid, relu or clamp that the targets do not fit in)"
    )


def _silent(task: Task, model: nn.Module, inputs: Any, zero: list[str], signals: list[Signal], found: _Found) -> None:
    """Parameters whose gradient is exactly zero throughout."""
    if not zero:
        return
    every = len(zero) == sum(p.requires_grad for p in model.parameters())
    dead = next((s for s in signals if s.kind == "cut" and s.dead == 1.0), None)
    flat = next((n for n, p in model.named_parameters() if p.dim() > 1 and not bool(p.any())), "")
    if flat:
        cause = f"weights of zero in {flat}"
    elif dead is not None:
        cause = f"dead units: every unit after {dead.layer} is zero for every input"
    elif every and (bound := _bound(task, model, inputs)):
        cause = bound
    elif every:
        cause = "a loss that is clipped or clamped where it starts, or multiplied by zero"
    else:
        cause = "an activation that is flat there, a product with zero, or a clamp"
    found.add(
        "fail",
        "the gradient of every parameter is exactly 0"
        if every
        else f"the gradient of {_names(zero)} is exactly 0 in every update",
        f"{cause}. Refute: print the gradient of the loss with respect to the outputs, then of each layer backwards; find "
        "where it becomes 0.",
        zero_gradient=zero,
    )


def _signals(signals: list[Signal], found: _Found) -> None:
    """Activations that are dead or saturated."""
    dead = [s for s in signals if s.kind == "cut" and s.inputs >= INPUTS and s.dead > _most_dead(s.units)]
    full = [s for s in signals if s.kind == "bounded" and s.saturated > SATURATED]
    if dead:
        worst = max(dead, key=lambda s: s.dead)
        found.add(
            "warn",
            f"{worst.dead:.0%} of the units after {worst.layer} are zero for each of {worst.inputs:,} inputs: dead from the "
            "start",
            "biases far below zero, inputs that are not centred, or weights too large. Refute: with zero biases and inputs "
            "of mean zero about none may be dead.",
            dead={s.layer: s.dead for s in dead},
        )
    if full:
        worst = max(full, key=lambda s: s.saturated)
        found.add(
            "warn",
            f"{worst.saturated:.0%} of what leaves the {worst.name} after {worst.layer} is at its bounds: saturated, hardly "
            "any gradient passes",
            "weights or inputs that are too large: divide the inputs by their standard deviation, or initialise with a "
            "smaller gain. Refute: with weights of a tenth the share must fall.",
            saturated={s.layer: s.saturated for s in full},
        )


def _most_dead(units: int) -> float:
    """Share of dead units that SIGMAS standard errors allow where each is dead with a probability of a half, at most DEAD."""
    return min(DEAD, 0.5 + SIGMAS * math.sqrt(0.25 / units))


def _vanishing(ratios: dict[str, float], zero: list[str], found: _Found) -> None:
    """Layers whose gradient is tiny beside that of the others."""
    known = {n: r for n, r in ratios.items() if n not in zero and math.isfinite(r)}
    if len(known) < 3:
        return
    usual = sorted(known.values())[len(known) // 2]
    small = {n: r for n, r in known.items() if 0 < r < VANISHED * usual}
    if small:
        worst = min(small, key=lambda n: small[n])
        found.add(
            "warn",
            f"the gradient vanishes: that of {_names(list(small))} is {format_number(small[worst] / usual)} times the "
            "median layer's",
            "many layers without a normalisation or a path around them, or saturating activations. Refute: with residual "
            "connections or another initialisation the shares must be within a few orders of magnitude.",
            gradient_to_weight=known,
        )


def _flat(task: Task, model: nn.Module, inputs: Any, found: _Found) -> None:
    """Several layers that are one: nothing between them but sums and products."""
    stacked = [name for name, m in model.named_modules() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd)]
    if len(stacked) > 1 and found.status == "pass" and affine(task, model, inputs):
        found.add(
            "warn",
            f"the network is a linear function of its inputs, for all its {len(stacked)} layers ({_names(stacked)})",
            "activations that are missing between the layers, or not called in forward(). Refute: f(x + y) + f(0) must not "
            "be f(x) + f(y).",
            stacked=stacked,
        )


def _names(names: list[str]) -> str:
    unique = list(dict.fromkeys(names))
    return ", ".join(unique[:3]) + (f" and {len(unique) - 3} more" if len(unique) > 3 else "")


def _them(names: list[str]) -> str:
    return "them" if len(names) > 1 else "it"


def _common(names: list[str]) -> str:
    """A pattern for names that begin alike."""
    first = names[0].split(".")[0]
    return f"{first}.*" if len(names) > 1 and all(n.startswith(f"{first}.") for n in names) else names[0]
