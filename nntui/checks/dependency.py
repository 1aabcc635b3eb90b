"""skeleton.dependency: which example reaches which output.

Symptom: a view where a permute belongs, a mean or softmax over the wrong axis: examples are mixed, training goes on, the result
is quietly worse.
Test (exact, no threshold): the gradient of a random projection of example i's outputs with respect to example j's inputs is
exactly zero for
i ≠ j. Normalisation layers are in eval mode; one that keeps no running statistics mixes the batch by design
and is named as such. Integer inputs are followed through the output of the layers that embed them. Where no gradient reaches
the inputs, example j is replaced and example i's outputs must stay bit-equal.
When it is wrong: models meant to mix examples (in-batch contrastive losses): declare `contrastive`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nntui.analysis.ticks import format_number
from nntui.checks.guard import Skip, guarded
from nntui.checks.task import Task, mapped, tensors
from nntui.finding import Finding

ROW = "skeleton.dependency"
EXAMPLES = 8
"""Examples of the batch that are looked at."""


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Look for an output that depends on another example's input. The evidence holds the matrix and the first leaking pair."""
    if task.declares("contrastive"):
        raise Skip("The loss is declared contrastive: examples are meant to meet.")
    inputs, _, count = task.few(EXAMPLES, apart=True)
    if count == 0:
        raise Skip(f"No input is a tensor with axis {task.batch_axis}: examples cannot be told apart.")
    if count == 1:
        raise Skip("The batch has a single example; two are needed to see whether they meet.")
    model = task.build(seed).eval()
    torch.manual_seed(seed)
    matrix, way = _by_gradient(task, model, inputs, count), "gradient"
    if matrix is None:
        matrix, way = _by_replacing(task, model, inputs, count), "replacement"
    if not bool(matrix.isfinite().all()):
        raise Skip(
            "The outputs or their gradients are not finite: nothing can be told of them. Look at skeleton.init_loss."
        )
    return _verdict(matrix, way, _batch_norms(model), _time_first(model) if task.batch_axis == 0 else [])


def _by_gradient(task: Task, model: nn.Module, inputs: Any, count: int) -> Tensor | None:
    """|gradient| of output i by input j, shape (count, count); None where no input can be differentiated."""
    axis = task.batch_axis
    leaves = [t for t in tensors(inputs) if t.is_floating_point() and _is_batched(t, axis, count)]
    with torch.enable_grad():
        watched = mapped(inputs, lambda t: t.detach().requires_grad_() if _counts(t, leaves) else t)
        sources = [t for t in tensors(watched) if t.requires_grad]
        embedded: list[Tensor] = []
        hooks = [m.register_forward_hook(_keeper(embedded)) for m in model.modules() if isinstance(m, nn.Embedding)]
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
    """The matrix of a finding of this check, ready to be recorded."""

    values: list[list[float]]
    leak: tuple[int, int, float] | None


def matrix_of(finding: Finding) -> Matrix | None:
    """The dependency matrix in a finding's evidence; None when the check did not get that far."""
    values = finding.evidence.get("matrix")
    if not values:
        return None
    row, col = finding.evidence.get("leak_row"), finding.evidence.get("leak_col")
    leak = None if row is None or col is None else (int(row), int(col), float(values[row][col]))
    return Matrix(values, leak)
