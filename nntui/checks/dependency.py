"""skeleton.dependency: which example, and which place in time, reaches which output.

Symptom: a view where a permute belongs, a mean or softmax over the wrong axis: examples are mixed, training goes on, the result
is quietly worse. Or a causal model that sees the future: its loss is wonderful, and of no use.
Test (exact, no threshold): the gradient of a random projection of example i's outputs with respect to example j's inputs is
exactly zero for i ≠ j; for a causal model, that of the outputs at time t with respect to the inputs after t. Normalisation layers
are in eval mode; one that keeps no running statistics mixes the batch by design and is named as such. Integer inputs are
followed through the output of the layers that embed them. Where no gradient reaches the inputs, they are replaced, and all other
outputs must stay bit-equal.
When it is wrong: models meant to mix examples (in-batch contrastive losses): declare `contrastive`. Targets that are the inputs
one step on make a model causal unless it is declared `bidirectional`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nntui.analysis.ticks import format_number
from nntui.checks.attention import future_cause
from nntui.checks.experiment import deadline
from nntui.checks.guard import Skip, guarded
from nntui.checks.sequence import EXAMPLES as FEW
from nntui.checks.sequence import Sequences, TimeMatrix, sequences, time_matrix
from nntui.checks.task import Task, mapped, tensors
from nntui.finding import Finding

ROW = "skeleton.dependency"
EXAMPLES = 8
"""Examples of the batch that are looked at."""
_GRAVITY = ("skip", "pass", "warn", "fail")


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Look for an output that depends on another example's input, or on a later one. The evidence holds the matrices."""
    inputs, targets, _ = task.few(EXAMPLES)
    known = sequences(task, inputs, targets)
    model = task.build(seed).eval()
    torch.manual_seed(seed)
    with torch.backends.cudnn.flags(enabled=False):  # its recurrent layers have no gradient in eval mode
        try:
            found = _across_examples(task, model)
            if (
                found.status == "pass"
                and not task.declares("stateful")
                and _remembers(task, task.build(seed).eval(), inputs)
            ):
                found = _state_kept(found)
        except Skip as reason:
            found = Finding(ROW, "skip", str(reason))
        if known.axis is None:
            return found
        return _both(found, _across_time(task, model, inputs, known, deadline(budget)))


@torch.no_grad()
def _remembers(task: Task, model: nn.Module, inputs: Any) -> bool:
    """Whether the same inputs give other outputs to a fresh model and after it was fed, with the same random numbers."""
    outputs = []
    for _ in range(2):
        torch.manual_seed(0)
        outputs.append([t.double().cpu() for t in tensors(task.call(model, inputs))])
    close = all(
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-5, atol=1e-7, equal_nan=True)
        for a, b in zip(*outputs, strict=False)
    )
    return not close


def _state_kept(found: Finding) -> Finding:
    return dataclasses.replace(
        found,
        status="warn",
        message="The same inputs, fed twice, give different outputs: a state is kept from what was fed before.",
        advice="Most likely a hidden state, a cache or a running mean that forward() keeps and nobody resets, so that "
        "examples of "
        "one batch reach those of the next. If it is meant, declare 'stateful'. Refute: with the state reset before every "
        "batch the outputs must be equal.",
    )


def _both(batch: Finding, time: Finding) -> Finding:
    """The graver of the two with the words and evidence of both; of two alike the one across examples."""
    worse, other = (time, batch) if _GRAVITY.index(time.status) > _GRAVITY.index(batch.status) else (batch, time)
    said = f"{worse.message} {other.message}"
    return dataclasses.replace(worse, message=said, evidence={**batch.evidence, **time.evidence})


def _across_examples(task: Task, model: nn.Module) -> Finding:
    if task.declares("contrastive"):
        raise Skip("The loss is declared contrastive: examples are meant to meet.")
    inputs, _, count = task.few(EXAMPLES, apart=True)
    if count == 0:
        raise Skip(f"No input is a tensor with axis {task.batch_axis}: examples cannot be told apart.")
    if count == 1:
        raise Skip("The batch has a single example; two are needed to see whether they meet.")
    matrix, way = _by_gradient(task, model, inputs, count), "gradient"
    if matrix is None:
        matrix, way = _by_replacing(task, model, inputs, count), "replacement"
    if not bool(matrix.isfinite().all()):
        raise Skip(
            "The outputs or their gradients are not finite: nothing can be told of them. Look at skeleton.init_loss."
        )
    return _verdict(matrix, way, _batch_norms(model), _time_first(model) if task.batch_axis == 0 else [])


def _across_time(task: Task, model: nn.Module, inputs: Any, known: Sequences, late: Callable[[], bool]) -> Finding:
    axis = known.axis if known.axis is not None else 1
    few = mapped(
        inputs, lambda t: t.narrow(task.batch_axis, 0, min(FEW, t.shape[task.batch_axis])) if t.dim() > axis else t
    )
    found = time_matrix(task, model, few, axis, late)
    if isinstance(found, str):
        return Finding(ROW, "skip", f"Time was not looked at: {found}.")
    if not bool(found.values.isfinite().all()):
        return Finding(ROW, "skip", "Time was not looked at: the outputs or their gradients are not finite.")
    evidence: dict[str, Any] = {
        "time_matrix": found.values.tolist(),
        "time_rows": found.rows,
        "time_way": found.way,
        "causal": known.causal,
        "causal_because": known.why,
    }
    if not known.causal:
        words = f"Time runs along axis {axis}; outputs may look ahead, as the task is not causal."
        return Finding(ROW, "skip", words, evidence=evidence)
    size = f"{len(found.rows)} × {found.values.shape[1]} places, by {found.way}"
    leaks = found.leaks()
    if not leaks:
        return Finding(
            ROW,
            "pass",
            f"No output depends on a later input ({size}; causal: {known.why}).",
            expected=0.0,
            measured=0.0,
            tolerance=0.0,
            evidence=evidence,
        )
    return _future(task, model, few, found, leaks, evidence)


def _future(
    task: Task, model: nn.Module, inputs: Any, found: TimeMatrix, leaks: list[tuple[int, int]], evidence: dict[str, Any]
) -> Finding:
    row, col = leaks[0]
    value = float(found.values[row, col])
    cause, test = future_cause(task, model, inputs, found.values.shape[1])
    return Finding(
        ROW,
        "fail",
        f"The output at time {found.rows[row]} depends on the input at time {col}, which comes later ({found.way} "
        f"{format_number(value)}; expected exactly 0): {cause}.",
        expected=0.0,
        measured=value,
        tolerance=0.0,
        advice=f"Most likely {cause}. Refute: {test}",
        evidence=evidence | {"time_leak_row": row, "time_leak_col": col, "leaking_times": len(leaks)},
    )


def _by_gradient(task: Task, model: nn.Module, inputs: Any, count: int) -> Tensor | None:
    """|gradient| of output i by input j, shape (count, count); None where no input can be differentiated."""
    axis = task.batch_axis
    leaves = [t for t in tensors(inputs) if t.is_floating_point() and _is_batched(t, axis, count)]
    with torch.enable_grad():
        watched = mapped(inputs, lambda t: t.detach().requires_grad_() if _counts(t, leaves) else t)
        sources = [t for t in tensors(watched) if t.requires_grad]
        embedded: list[Tensor] = []
        tables = [m for m in model.modules() if isinstance(m, nn.Embedding)]
        hooks = [table.register_forward_hook(_keeper(embedded), prepend=True) for table in tables]
        try:
            outputs = task.call(model, watched)
        finally:
            for hook in hooks:
                hook.remove()
        sources += [t for t in embedded if _is_batched(t, axis, count)]
        targets = [
            t for t in tensors(outputs) if t.is_floating_point() and t.requires_grad and _is_batched(t, axis, count)
        ]
        if not sources or not targets:
            return None
        return _matrix(targets, sources, axis, count)


def _matrix(targets: list[Tensor], sources: list[Tensor], axis: int, count: int) -> Tensor | None:
    projections = [torch.randn_like(t) for t in targets]
    matrix = torch.zeros(count, count, dtype=torch.float64)
    reached = False
    for i in range(count):
        parts = [(t.select(axis, i) * p.select(axis, i)).sum() for t, p in zip(targets, projections, strict=True)]
        total = torch.stack(parts).sum()
        gradients = torch.autograd.grad(total, sources, retain_graph=True, allow_unused=True)
        for gradient in gradients:
            if gradient is not None:
                reached = True
                per_example = gradient.detach().abs().movedim(axis, 0).reshape(count, -1).amax(dim=1)
                matrix[i] = torch.maximum(matrix[i], per_example.double().cpu())
    return matrix if reached else None


def _by_replacing(task: Task, model: nn.Module, inputs: Any, count: int) -> Tensor:
    """Largest change of output i when example j is replaced by its neighbour; the batch keeps its size throughout."""
    axis = task.batch_axis
    matrix = torch.zeros(count, count, dtype=torch.float64)

    def outputs_of(given: Any) -> list[Tensor]:
        torch.manual_seed(0)  # what is drawn inside the model is the same every time
        return [t for t in tensors(task.call(model, given)) if _is_batched(t, axis, count)]

    with torch.no_grad():
        before = outputs_of(inputs)
        if not before:
            raise Skip(
                f"No output has the batch on axis {axis}: it cannot be told which output belongs to which example."
            )
        for j in range(count):
            changed = mapped(inputs, lambda t, j=j: _replaced(t, axis, j, count))
            for old, new in zip(before, outputs_of(changed), strict=True):
                change = (new.double() - old.double()).abs().movedim(axis, 0).reshape(count, -1).amax(dim=1)
                matrix[:, j] = torch.maximum(matrix[:, j], change.cpu())
    return matrix


def _verdict(matrix: Tensor, way: str, mixing: list[str], time_first: list[str]) -> Finding:
    count = len(matrix)
    evidence: dict[str, Any] = {"matrix": matrix.tolist(), "way": way, "examples": count}
    across = matrix.clone()
    across.fill_diagonal_(0.0)
    leaks = (across != 0).nonzero()
    if not len(leaks):
        own = float(matrix.diagonal().min())
        if own == 0.0:
            evidence["deaf"] = [int(i) for i in (matrix.diagonal() == 0).nonzero().flatten()]
        return Finding(
            ROW,
            "pass",
            f"No output depends on another example's input ({count} × {count} pairs, by {way}).",
            expected=0.0,
            measured=0.0,
            tolerance=0.0,
            evidence=evidence,
        )
    row, col = (int(k) for k in leaks[0])
    value = float(matrix[row, col])
    evidence |= {"leak_row": row, "leak_col": col, "leaking_pairs": len(leaks)}
    if mixing:
        names = ", ".join(mixing[:3])
        return Finding(
            ROW,
            "warn",
            f"Examples meet in {names}: normalisation without running statistics uses the batch in eval mode too.",
            expected=0.0,
            measured=value,
            tolerance=0.0,
            advice=f"Set track_running_stats=True on {names}, or use GroupNorm or LayerNorm. Refute: with that changed this "
            "check must pass; if it does not, look for a view where a permute belongs.",
            evidence=evidence | {"layers": mixing},
        )
    return Finding(
        ROW,
        "fail",
        f"Example {row}'s output depends on input {col} ({way} {format_number(value)}; expected exactly 0).",
        expected=0.0,
        measured=value,
        tolerance=0.0,
        advice=f"{_cause(time_first)} Refute: feed one example at a time; the outputs must stay the same.",
        evidence=evidence | {"time_first": time_first},
    )


def _cause(time_first: list[str]) -> str:
    views = "a view or reshape where a permute or transpose belongs, or a mean, softmax or norm over the batch axis."
    if not time_first:
        return f"Look for {views}"
    return (
        f"Most likely batch_first=True is missing in {', '.join(time_first[:3])}, which takes the batch for time; else look for "
        f"{views}"
    )


def _time_first(model: nn.Module) -> list[str]:
    """Names of the recurrent and attention layers that expect time on axis 0 and the batch on axis 1."""
    kinds = nn.RNNBase | nn.MultiheadAttention
    return [name or type(m).__name__ for name, m in model.named_modules() if isinstance(m, kinds) and not m.batch_first]


def _batch_norms(model: nn.Module) -> list[str]:
    """Names of the normalisation layers that use the batch's statistics even in eval mode."""
    kinds = nn.modules.batchnorm._BatchNorm
    return [name for name, m in model.named_modules() if isinstance(m, kinds) and m.running_mean is None]


def _keeper(kept: list[Tensor]) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    def keep(module: nn.Module, given: Any, output: Tensor) -> Tensor:
        output = output if output.requires_grad else output.detach().requires_grad_()
        kept.append(output)
        return output

    return keep


def _is_batched(tensor: Tensor, axis: int, count: int) -> bool:
    return tensor.dim() > axis and tensor.shape[axis] == count


def _counts(tensor: Tensor, leaves: list[Tensor]) -> bool:
    return any(tensor is leaf for leaf in leaves)


def _replaced(tensor: Tensor, axis: int, j: int, count: int) -> Tensor:
    if not _is_batched(tensor, axis, count):
        return tensor
    changed = tensor.clone()
    changed.select(axis, j).copy_(tensor.select(axis, (j + 1) % count))
    return changed


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix of a finding of this check, ready to be recorded."""

    axis: str
    """`batch` or `time`."""
    values: list[list[float]]
    rows: list[int]
    """Places of the outputs that the rows stand for."""
    leak: tuple[int, int, float] | None


def matrices_of(finding: Finding) -> list[Matrix]:
    """The dependency matrices in a finding's evidence; none when the check did not get that far."""
    found = []
    for axis, prefix in (("batch", ""), ("time", "time_")):
        values = finding.evidence.get(f"{prefix}matrix")
        if not values:
            continue
        row, col = (finding.evidence.get(f"{prefix}leak_{which}") for which in ("row", "col"))
        leak = None if row is None or col is None else (int(row), int(col), float(values[row][col]))
        found.append(Matrix(axis, values, finding.evidence.get(f"{prefix}rows") or list(range(len(values))), leak))
    return found
