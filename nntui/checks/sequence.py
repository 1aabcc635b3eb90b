"""Time: which axis it runs along, and which input reaches which output across it.

Owns what may be inferred of sequences, and the gradient from each output's place to each input's. Refuses to say what is a leak:
that is the check's. Invariant: exact; where no gradient can be had, inputs are replaced and outputs compared bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nntui.checks.task import Task, mapped, tensors

EXAMPLES = 2
"""Examples that are looked at: which place reaches which is a matter of the network, not of the data."""
ROWS = 64
"""Most places of the outputs that are looked at, spread evenly."""
LEAST_PLACES = 4
"""Places from which inputs that are targets one step on cannot be chance."""


@dataclass(frozen=True, slots=True)
class Sequences:
    """What is known about time in a task."""

    axis: int | None
    """Axis of the inputs along which time runs; None where there is none."""
    causal: bool
    why: str
    """How that is known: `declared`, or what was seen."""


@dataclass(frozen=True, slots=True)
class TimeMatrix:
    """Which place of the inputs reaches which place of the outputs."""

    values: Tensor
    """Largest |gradient| (or change) of an output's place by an input's, of shape (len(rows), places)."""
    rows: list[int]
    """Places of the outputs that were looked at."""
    way: str
    """`gradient` or `replacement`."""

    def leaks(self) -> list[tuple[int, int]]:
        """(row of the matrix, place of the input) wherever an output depends on what comes later."""
        return [(row, col) for row, col in self.values.nonzero().tolist() if col > self.rows[row]]


def sequences(task: Task, inputs: Any, targets: Any) -> Sequences:
    """Whether the task has an axis of time, and whether outputs may look ahead, as declared or as the data show."""
    if task.time_axis is not None:
        return Sequences(task.time_axis, task.causal, "declared")
    given = [t for t in tensors(inputs) if not t.is_floating_point() and t.dim() == 2]
    if task.batch_axis != 0 or not isinstance(targets, Tensor) or task.declares("bidirectional"):
        return Sequences(None, False, "")
    for tokens in given:
        if tokens.shape == targets.shape and tokens.shape[1] >= LEAST_PLACES and _one_step_on(tokens, targets):
            return Sequences(1, True, "targets are the inputs one step on, so an output must not see what comes later")
    return Sequences(None, False, "")


def _one_step_on(tokens: Tensor, targets: Tensor) -> bool:
    """Whether each target is the next input, wherever it is no padding; constant rows say nothing."""
    following, wanted = tokens[:, 1:], targets[:, :-1]
    counted = wanted >= 0
    varied = bool((tokens != tokens[:, :1]).any())
    return varied and bool(counted.any()) and bool((following == wanted)[counted].all())


def time_matrix(task: Task, model: nn.Module, inputs: Any, axis: int, late: Callable[[], bool]) -> TimeMatrix | str:
    """The matrix for a model in eval mode and inputs of a few examples; in words why there is none.

    late: when it says so, the places not looked at yet are left out.
    """
    places = _places(task, inputs, axis)
    if places < 2:
        return f"no input has two places along axis {axis}"
    with torch.enable_grad():
        outputs, sources = _followed(task, model, inputs, axis, places)
        heads = [head for t in outputs if (head := _by_place(t, task.batch_axis, axis, places)) is not None]
        if not heads:
            return f"no output has {places} places along axis {axis} or any other"
        moved = [t.movedim(axis, 0) for t in sources]
        if not moved or not any(head.requires_grad for head in heads):
            return _by_replacing(task, model, inputs, axis, places, late)
        rows = _spread(places, ROWS)
        matrix = torch.zeros(len(rows), places, dtype=torch.float64)
        projections = [torch.randn_like(head) for head in heads]
        done = 0
        for done, place in enumerate(rows, 1):
            total = torch.stack([(h[place] * p[place]).sum() for h, p in zip(heads, projections, strict=True)]).sum()
            for gradient in torch.autograd.grad(total, sources, retain_graph=True, allow_unused=True):
                if gradient is not None:
                    reach = gradient.detach().abs().movedim(axis, 0).reshape(places, -1).amax(dim=1)
                    matrix[done - 1] = torch.maximum(matrix[done - 1], reach.double().cpu())
            if late():
                break
    return TimeMatrix(matrix[:done], rows[:done], "gradient")


def _followed(task: Task, model: nn.Module, inputs: Any, axis: int, places: int) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs, and the tensors with an axis of time that a gradient can be taken with respect to."""
    sources: list[Tensor] = []

    def watch(t: Tensor) -> Tensor:
        if not t.is_floating_point() or not _in_time(t, axis, places):
            return t
        sources.append(t.detach().clone().requires_grad_())
        return sources[-1]

    def keep(module: nn.Module, given: Any, output: Tensor) -> Tensor:
        output = output if output.requires_grad else output.detach().requires_grad_()
        if _in_time(output, axis, places) and output.dim() > 2:
            sources.append(output)
        return output

    hooks = [m.register_forward_hook(keep, prepend=True) for m in model.modules() if isinstance(m, nn.Embedding)]
    try:
        outputs = task.call(model, mapped(inputs, watch))
    finally:
        for hook in hooks:
            hook.remove()
    return [t for t in tensors(outputs) if t.is_floating_point()], sources


def _by_replacing(
    task: Task, model: nn.Module, inputs: Any, axis: int, places: int, late: Callable[[], bool]
) -> TimeMatrix:
    """Largest change of each output when the inputs at one place are exchanged between the examples, or with a neighbour's."""
    rows = list(range(places))
    matrix = torch.zeros(places, places, dtype=torch.float64)

    def heads(given: Any) -> list[Tensor]:
        torch.manual_seed(0)  # what is drawn inside the model is the same every time
        found = [_by_place(t, task.batch_axis, axis, places) for t in tensors(task.call(model, given))]
        return [head.double() for head in found if head is not None]

    with torch.no_grad():
        before = heads(inputs)
        for place in range(places):
            changed = mapped(inputs, lambda t, place=place: _exchanged(t, task.batch_axis, axis, place, places))
            for old, new in zip(before, heads(changed), strict=True):
                change = (new - old).abs().reshape(places, -1).amax(dim=1)
                matrix[:, place] = torch.maximum(matrix[:, place], change.cpu())
            if late():
                break
    return TimeMatrix(matrix, rows, "replacement")


def _exchanged(tensor: Tensor, batch_axis: int, axis: int, place: int, places: int) -> Tensor:
    if not _in_time(tensor, axis, places):
        return tensor
    changed = tensor.clone()
    there = changed.select(axis, place)
    other = tensor.roll(1, batch_axis).select(axis, place)
    neighbour = tensor.select(axis, (place + 1) % places)
    there.copy_(other if not torch.equal(other, tensor.select(axis, place)) else neighbour)
    return changed


def _places(task: Task, inputs: Any, axis: int) -> int:
    """Length of the axis of time, as most inputs that have it say."""
    sizes = [t.shape[axis] for t in tensors(inputs) if t.dim() > max(axis, task.batch_axis)]
    return max(sizes, key=sizes.count) if sizes else 0


def _in_time(tensor: Tensor, axis: int, places: int) -> bool:
    return tensor.dim() > axis and tensor.shape[axis] == places


def _by_place(output: Tensor, batch_axis: int, axis: int, places: int) -> Tensor | None:
    """The output with time on axis 0: along the same axis as the inputs, along another, or folded into the batch."""
    candidates = [axis, *(d for d in range(output.dim()) if d not in (axis, batch_axis))]
    found = next((d for d in candidates if _in_time(output, d, places)), None)
    if found is not None:
        return output.movedim(found, 0)
    if batch_axis == 0 and output.dim() >= 1 and output.shape[0] == EXAMPLES * places:
        return output.unflatten(0, (EXAMPLES, places)).movedim(1, 0)
    return None


def _spread(places: int, limit: int) -> list[int]:
    """At most `limit` places from the first to the last, evenly spread."""
    if places <= limit:
        return list(range(places))
    return sorted({round(k * (places - 1) / (limit - 1)) for k in range(limit)})
