"""What a task is taken for: everything that was not said, and what it was inferred from.

Owns the words; what they rest on is Task's and `sequence`'s. Invariant: never raises for what a user's code does; what could not
be tried is said.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nntui.checks.experiment import is_classification
from nntui.checks.guard import same_randomness
from nntui.checks.references import class_axis
from nntui.checks.sequence import sequences
from nntui.checks.task import Task, tensors
from nntui.intents import INTENTS

SIZE = 64


def inferred(task: Task, *, seed: int = 0) -> dict[str, str]:
    """What a task is taken for, in words by what they are about: model, call, inputs, targets, outputs, kind, time, declared."""
    found: dict[str, str] = {}
    with same_randomness(task.train, task.validation), torch.no_grad():
        try:
            model = task.build(seed)
            found["model"] = _model(model)
            inputs, targets = task.first_batch(SIZE)
            found |= {"inputs": _shapes(inputs), "targets": _shapes(targets), "call": _call(task, inputs)}
            known = sequences(task, inputs, targets)
            if known.axis is not None:
                found["time"] = f"axis {known.axis}, {'causal' if known.causal else 'not causal'} ({known.why})"
            outputs = task.call(model.eval(), inputs)
            found |= {"outputs": _shapes(outputs), "kind": _kind(task, outputs, targets)}
        except Exception as error:  # noqa: BLE001 (a user's model may raise anything; the checks say so at length)
            found["not tried"] = f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
    if task.declared:
        found["declared"] = "; ".join(_intent(word) for word in task.declared)
    return found


def _model(model: nn.Module) -> str:
    parameters = [p for p in model.parameters() if not isinstance(p, nn.parameter.UninitializedParameter)]
    total = sum(p.numel() for p in parameters)
    fixed = sum(p.numel() for p in parameters if not p.requires_grad)
    return f"{type(model).__name__}, {total:,} parameters" + (f", {fixed:,} of them fixed" if fixed else "")


def _shapes(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shapes(one)}" for name, one in value.items())
    found = [f"{tuple(t.shape)} {str(t.dtype).removeprefix('torch.')}" for t in tensors(value)]
    return ", ".join(found) or f"a {type(value).__name__}"


def _call(task: Task, inputs: Any) -> str:
    if task.forward is not None:
        return "forward(model, inputs), as given"
    if isinstance(inputs, dict):
        return f"model({', '.join(f'{name}={name}' for name in inputs)})"
    return "model(*inputs)" if isinstance(inputs, tuple | list) else "model(inputs)"


def _kind(task: Task, outputs: Any, targets: Any) -> str:
    if task.kind != "auto":
        return f"{task.kind} (declared)"
    if is_classification(outputs, targets):
        return f"classification of {outputs.shape[class_axis(outputs, targets)]} classes (targets are whole numbers)"
    if not isinstance(targets, Tensor) or not isinstance(outputs, Tensor):
        return "unknown (outputs or targets are not one tensor)"
    if bool(((targets == 0) | (targets == 1)).all()) and outputs.numel() == targets.numel():
        return "yes or no per output (targets are 0 and 1)"
    return "regression (targets are real numbers)" if targets.is_floating_point() else "unknown"


def _intent(word: str) -> str:
    meaning = INTENTS.get(word.partition(":")[0])
    return f"{word} ({meaning})" if meaning else f"{word} (not known; expected one of {', '.join(INTENTS)})"
