"""skeleton.overfit_batch: a handful of examples can be learned by heart.

Symptom: a network that cannot reach the lowest loss on EXAMPLES examples has a bug, not a hard problem.
Test: the floor is found with the user's own loss, by fitting free outputs instead of a network (label smoothing has a floor of
its own). The network is then trained on one batch with plain Adam and no dropout, at two rates, until its loss lies within
CLOSE of the way from start to floor, or stops falling (PATIENCE steps without a better loss), or the time is up. For classes,
labels and predictions must coincide.
When it is wrong: contradicting labels on equal inputs cannot be learned by heart; they are looked for and named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nntui.analysis.ticks import format_number
from nntui.checks.experiment import cycled, deadline, fit, is_classification, without_dropout
from nntui.checks.guard import Skip, guarded
from nntui.checks.references import UnboundedError, class_axis, links, lowest
from nntui.checks.task import Task, tensors
from nntui.finding import Finding

ROW = "skeleton.overfit_batch"
EXAMPLES = 8
NEARLY = 0.5
"""Share of the way after which what is left may be a bottleneck, and is no proof of a bug."""
CLOSE = 0.02
"""Share of the way from the loss at the start to the floor that may be left."""
PATIENCE = 300
BETTER = 1e-3
"""Share of the way by which a loss must fall to count as better."""
RATES = (1e-3, 1e-2)


@dataclass(slots=True)
class _Attempt:
    start: float = math.nan
    best: float = math.inf
    steps: int = 0
    since: int = 0
    reached: bool = False
    timed_out: bool = False


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Learn one batch by heart."""
    inputs, targets, count = task.few(EXAMPLES)
    model = without_dropout(task.build(seed))
    with torch.no_grad():
        outputs = task.call(model, inputs)
    if not isinstance(outputs, Tensor):
        raise Skip(
            f"The model's outputs are a {type(outputs).__name__}, not one tensor: the floor of the loss cannot be found."
        )
    floor, counted = _floor(task, outputs, targets), _counted(task, outputs, targets)
    attempts: list[_Attempt] = []
    for rate in RATES:
        model = without_dropout(task.build(seed))
        attempts.append(_attempt(task, model, (inputs, targets, counted), floor, rate, budget / len(RATES)))
        if attempts[-1].reached:
            break
    return _verdict(task, model, attempts, floor, (inputs, targets, counted), outputs, count)


def _floor(task: Task, outputs: Tensor, targets: Any) -> float:
    """The lowest loss that any outputs of this shape can have on these targets."""
    axis = class_axis(outputs, targets)
    try:
        *_, (found,) = lowest(
            lambda: torch.zeros_like(outputs),
            lambda free, link: [task.loss(link(free), targets)],
            links([outputs], axis),
        )
    except UnboundedError:
        raise Skip("The loss has no lowest value: see skeleton.init_loss.") from None
    return found


def _counted(task: Task, outputs: Tensor, targets: Any) -> Tensor:
    """Which labels the loss looks at: those to whose outputs it gives a gradient (not `ignore_index`, not padding)."""
    free = outputs.detach().clone().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(task.loss(free, targets), free, allow_unused=True)
    if gradient is None or not is_classification(outputs, targets):
        return torch.tensor(True)
    return (gradient != 0).any(dim=class_axis(outputs, targets))


Batch = tuple[Any, Any, Tensor]
"""Inputs, targets, and which labels count."""


def _attempt(task: Task, model: Any, batch: Batch, floor: float, rate: float, budget: float) -> _Attempt:
    attempt = _Attempt()
    late = deadline(budget)

    def until(step: int, loss: float) -> bool:
        if step == 0:
            attempt.start = loss
        attempt.steps = step
        way = max(attempt.start - floor, 1e-12)
        if loss < attempt.best - BETTER * way:
            attempt.best, attempt.since = loss, step
        attempt.reached = loss - floor <= CLOSE * way and not _missed(task.call(model, batch[0]).detach(), *batch[1:])
        attempt.timed_out = late()
        return attempt.reached or attempt.timed_out or step - attempt.since > PATIENCE or not math.isfinite(loss)

    fit(task, model, cycled([batch[:2]]), until, lr=rate)
    return attempt


def _verdict(
    task: Task, model: Any, attempts: list[_Attempt], floor: float, batch: Batch, outputs: Tensor, count: int
) -> Finding:
    best = min(attempts, key=lambda a: a.best)
    inputs, targets, counted = batch
    with torch.no_grad():
        final = task.call(model, inputs)
    wrong, classes = _missed(final, targets, counted), is_classification(final, targets)
    evidence: dict[str, Any] = {
        "floor": floor,
        "loss_at_start": best.start,
        "loss_reached": best.best,
        "steps": [a.steps for a in attempts],
        "rates": list(RATES[: len(attempts)]),
        "labels": targets.flatten().tolist()[:32] if isinstance(targets, Tensor) else [],
        "predictions": (final.argmax(dim=class_axis(final, targets)) if classes else final).flatten().tolist()[:32],
    }
    limit = floor + CLOSE * max(best.start - floor, 0.0)
    numbers: dict[str, Any] = {
        "expected": f"at most {format_number(limit)}",
        "measured": best.best,
        "evidence": evidence,
    }
    if not math.isfinite(best.start):
        return Finding(
            ROW,
            "fail",
            f"The loss on one batch is {best.start} from the start: there is nothing to learn by heart.",
            **numbers,
            advice="Look for NaN in the inputs or targets, or a log or division of zero. Refute: isfinite(inputs).all().",
        )
    broadcast = _broadcast(task, outputs, targets)
    if attempts[-1].reached and not broadcast:
        words = f"{count} examples are learned by heart in {attempts[-1].steps:,} steps"
        coincide = "; labels and predictions coincide" if classes else ""
        return Finding(
            ROW, "pass", f"{words}: loss {format_number(best.best)}, floor {format_number(floor)}{coincide}.", **numbers
        )
    if broadcast:
        return Finding(
            ROW,
            "fail",
            f"Outputs of shape {tuple(outputs.shape)} meet targets of shape {tuple(targets.shape)} and are broadcast: every "
            "example is compared with every target.",
            **numbers,
            advice="Give both the same shape (squeeze(1) or unsqueeze(1)). Refute: the gradient of one output must not change "
            "when another example's target does.",
        )
    return _stuck(best, floor, wrong, classes, _cause(inputs, targets, outputs, final), numbers)


def _stuck(
    best: _Attempt, floor: float, wrong: int, classes: bool, known: tuple[str, str], numbers: dict[str, Any]
) -> Finding:
    """The verdict on a batch that was not learned by heart."""
    cause, test = known
    if not cause and best.timed_out:
        return Finding(
            ROW,
            "warn",
            f"The loss on one batch was still falling when the time was up: {format_number(best.best)}, floor "
            f"{format_number(floor)}.",
            **numbers,
            advice="Give the check more time (budget=).",
        )
    way = (best.start - best.best) / max(best.start - floor, 1e-12)
    if not cause and not classes and way > NEARLY:
        return Finding(
            ROW,
            "warn",
            f"One batch is learned by heart to {100 * way:.0f} % only: the loss stops at {format_number(best.best)}; its floor "
            f"is {format_number(floor)}.",
            **numbers,
            advice="Right for a model with a bottleneck, as an autoencoder. For any other, most likely too little capacity or an "
            "output that cannot reach its target. Refute: a wider model must come closer.",
        )
    return Finding(
        ROW,
        "fail",
        f"One batch cannot be learned by heart: the loss stops at {format_number(best.best)}; its floor is "
        f"{format_number(floor)}{f' ({wrong} labels are missed)' if wrong else ''}.",
        **numbers,
        advice=f"Most likely {cause or 'the gradient does not reach the parameters that matter'}. Refute: "
        f"{test or 'print the gradient norm of every parameter; none may be zero or None.'}",
    )


def _missed(outputs: Any, targets: Any, counted: Tensor) -> int:
    """Labels that count and are not predicted; 0 where there are no classes."""
    if not is_classification(outputs, targets):
        return 0
    return int(((outputs.argmax(dim=class_axis(outputs, targets)) != targets) & counted).sum())


def _broadcast(task: Task, outputs: Tensor, targets: Any) -> bool:
    """Whether shapes differ and one example's gradient changes with another's target: exact, whatever the loss."""
    if not isinstance(targets, Tensor) or not targets.is_floating_point() or targets.shape == outputs.shape:
        return False
    if targets.dim() < 1 or len(targets) < 2 or len(outputs) != len(targets):
        return False
    moved = targets.clone()
    moved[0] += 1.0
    gradients = []
    for given in (targets, moved):
        free = outputs.detach().clone().requires_grad_()
        with torch.enable_grad():
            gradients.append(torch.autograd.grad(task.loss(free, given), free)[0][1:])
    return not torch.equal(*gradients)


def _cause(inputs: Any, targets: Any, outputs: Tensor, final: Tensor) -> tuple[str, str]:
    """The cause that the numbers point to, and its experiment; empty when they point nowhere."""
    sums = outputs.sum(dim=-1)
    looks_like_probabilities = bool((outputs >= 0).all()) and bool(((sums - 1).abs() < 1e-4).all())
    if is_classification(outputs, targets) and outputs.shape[-1] > 1 and looks_like_probabilities:
        twice = math.log(math.e + outputs.shape[-1] - 1) - 1
        return (
            f"softmax is applied twice: the outputs are probabilities, and cross entropy of them cannot fall below "
            f"{format_number(twice)}",
            "return the last layer's outputs as they are.",
        )
    if (reach := _out_of_reach(targets, final)) != "":
        return (reach, "return the last layer's outputs as they are, or scale the targets into their range.")
    if (
        bool((outputs >= 0).all())
        and bool((outputs <= 1).all())
        and outputs.is_floating_point()
        and outputs.numel() > 1
    ):
        return (
            "the outputs lie between 0 and 1, as after a sigmoid, and the loss applies another",
            "return the last layer's outputs as they are.",
        )
    if _contradict(inputs, targets):
        return ("equal inputs carry different labels in this batch", "look at the examples of the batch side by side.")
    return ("", "")


def _out_of_reach(targets: Any, outputs: Tensor) -> str:
    """The range that the outputs seem to be held in when targets lie outside of it; empty when none do."""
    if not isinstance(targets, Tensor) or not targets.is_floating_point() or outputs.numel() < EXAMPLES:
        return ""
    low, high = float(targets.min()), float(targets.max())
    if bool((outputs >= 0).all()) and bool((outputs == 0).any()) and low < 0:
        return f"an activation that cuts outputs below 0 off, where targets go down to {format_number(low)}"
    if bool((outputs.abs() <= 1).all()) and bool((outputs.abs() > 0.999).any()) and max(-low, high) > 1:
        return f"a tanh holds the outputs within -1 and 1, where targets reach {format_number(max(-low, high))}"
    return ""


def _contradict(inputs: Any, targets: Any) -> bool:
    parts = [t for t in tensors(inputs) if t.dim() > 0]
    if not parts or not isinstance(targets, Tensor) or targets.dim() < 1:
        return False
    flat = [t.reshape(t.shape[0], -1) for t in parts]
    count = min(len(t) for t in flat)
    for i in range(count):
        for j in range(i):
            if all(torch.equal(t[i], t[j]) for t in flat) and not torch.equal(targets[i], targets[j]):
                return True
    return False
