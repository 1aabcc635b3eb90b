"""skeleton.general: a general (vectorised) function equals its plain, special-case version.

Symptom: a clever rewrite that is almost right.
Test: both functions are fed the same random inputs, of the shapes given and of others; values, and the gradients of a
random projection of them with respect to every floating-point input, must agree to TOLERANCE of their size in double
precision.
When it is wrong: functions that draw random numbers; seed them inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from nntui.analysis.ticks import format_number
from nntui.checks.guard import Skip, guarded
from nntui.checks.task import Task, mapped, tensors
from nntui.finding import Finding

ROW = "skeleton.general"
TOLERANCE = 1e-9
"""Share of the largest value, in double precision; single precision gets 1e-4."""
TRIALS = 8

Function = Callable[..., Any]


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Compare the pairs of functions that the task names."""
    if not task.functions:
        raise Skip(
            "No functions to compare: give the task functions=[(fast, reference, inputs)], or call nntui.checks.matches."
        )
    findings = [matches(fast, plain, inputs, seed=seed) for fast, plain, inputs in task.functions]
    bad = [f for f in findings if f.status != "pass"]
    return bad[0] if bad else findings[0]


def matches(
    fast: Function,
    reference: Function,
    inputs: Callable[[torch.Generator], Any] | Sequence[Any] | Tensor,
    *,
    seed: int = 0,
) -> Finding:
    """Whether two functions have the same values and gradients on random inputs.

    fast, reference: functions of the inputs. inputs: a function giving new inputs (a tensor, or a tuple of them) from a
    torch.Generator, as of random shapes; or example inputs, of which floating-point tensors are drawn anew (normal, as large) and
    others are shuffled. Values are compared in double precision where both functions take it. NaN equals NaN. Never raises for
    what the functions raise: the finding says it.
    """
    name = f"{_named(fast)} and {_named(reference)}"
    worst, size, what = 0.0, 0.0, ""
    for trial in range(TRIALS):
        generator = torch.Generator().manual_seed(seed * 1000 + trial)
        given = inputs(generator) if callable(inputs) else _redrawn(inputs, generator, keep=trial == 0)
        given = tuple(given) if isinstance(given, list | tuple) else (given,)
        try:
            one, other = _outcome(fast, given, seed), _outcome(reference, given, seed)
        except Exception as error:  # noqa: BLE001 (the functions are the user's)
            words = " ".join(str(error).split())[:200]
            return Finding(ROW, "crash", f"{name}: {type(error).__name__} on inputs of shape {_shapes(given)}: {words}")
        for kind, a, b in (("values", one[0], other[0]), ("gradients", one[1], other[1])):
            if [t.shape for t in a] != [t.shape for t in b]:
                return _differ(
                    name,
                    f"the shapes of the {kind}",
                    str([tuple(t.shape) for t in b]),
                    str([tuple(t.shape) for t in a]),
                    given,
                )
            for t, u in zip(a, b, strict=True):
                off = float((t.double() - u.double()).abs().nan_to_num(nan=torch.inf).max()) if t.numel() else 0.0
                off = 0.0 if torch.equal(t.isnan(), u.isnan()) and torch.equal(t.nan_to_num(), u.nan_to_num()) else off
                scale = float(u.double().abs().nan_to_num().max()) if u.numel() else 0.0
                limit = (TOLERANCE if t.dtype == torch.float64 else 1e-4) * max(scale, 1.0)
                if off > limit:
                    return _differ(name, f"the {kind}", f"within {format_number(limit)}", off, given)
                if off >= worst:
                    worst, size, what = off, scale, kind
    return Finding(
        ROW,
        "pass",
        f"{name} have the same values and gradients on {TRIALS} random inputs (they differ by {format_number(worst)} at most).",
        expected=0.0,
        measured=worst,
        tolerance=TOLERANCE * max(size, 1.0),
        evidence={"trials": TRIALS, "largest_difference": worst, "in": what},
    )


def _differ(name: str, what: str, expected: Any, measured: Any, given: tuple[Any, ...]) -> Finding:
    off = format_number(measured) if isinstance(measured, float) else measured
    return Finding(
        ROW,
        "fail",
        f"{name} differ in {what} on inputs of shape {_shapes(given)}: {off}; expected {expected}.",
        expected=expected,
        measured=measured,
        advice="Most likely an axis that was summed, broadcast or reshaped differently, which shows where two sizes "
        "differ. Refute: "
        "compare the two on inputs of size one along each axis in turn.",
        evidence={"shapes": _shapes(given)},
    )


def _outcome(function: Function, given: tuple[Any, ...], seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """(values, gradients of a random projection of them with respect to every floating-point input)."""
    torch.manual_seed(seed)
    with torch.enable_grad():
        leaves: list[Tensor] = []

        def fresh(t: Tensor) -> Tensor:
            t = t.detach().clone()
            if t.is_floating_point():
                leaves.append(t.requires_grad_())
            return t

        values = tensors(function(*mapped(given, fresh)))
        reached = [v for v in values if v.requires_grad]
        if not reached or not leaves:
            return [v.detach() for v in values], []
        generator = torch.Generator().manual_seed(seed)
        total = sum((v * torch.randn(v.shape, generator=generator, dtype=torch.float64).to(v)).sum() for v in reached)
        found = torch.autograd.grad(total, leaves, allow_unused=True)  # pyright: ignore[reportArgumentType, reportCallIssue]
    gradients = [torch.zeros_like(t) if g is None else g for t, g in zip(leaves, found, strict=True)]
    return [v.detach() for v in values], gradients


def _redrawn(inputs: Any, generator: torch.Generator, *, keep: bool) -> Any:
    """Example inputs drawn anew; in double precision where they are real."""

    def draw(t: Tensor) -> Tensor:
        if t.is_floating_point():
            t = t.double()
            if keep:
                return t
            spread = float(t.std()) if t.numel() > 1 and float(t.std()) > 0 else 1.0
            return torch.randn(t.shape, generator=generator, dtype=torch.float64) * spread + t.mean()
        flat = t.reshape(-1)
        return flat if not t.dim() else flat[torch.randperm(flat.numel(), generator=generator)].reshape(t.shape)

    return mapped(inputs, draw)


def _named(function: Function) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _shapes(given: tuple[Any, ...]) -> str:
    return ", ".join(str(tuple(t.shape)) for t in tensors(given)) or "none"
