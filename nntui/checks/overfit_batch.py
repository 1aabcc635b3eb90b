"""skeleton.overfit_batch: a handful of examples can be learned by heart.

Symptom: a network that cannot reach the lowest loss on EXAMPLES examples has a bug, not a hard problem.
Test: the floor is found with the user's own loss, by fitting free outputs instead of a network (label smoothing has a floor of
its own). The network is then trained on one batch with plain Adam and no dropout, at two rates, until its loss lies within
CLOSE of the way from start to floor, or stops falling (PATIENCE steps without a better loss), or the time is up. For classes,
labels and predictions must coincide.
Two exact tests besides, which hold whether or not the batch was learned: a layer whose units start alike and stay alike is one
unit; a parameter on which the loss depends and that gets no gradient is cut off.
When it is wrong: contradicting labels on equal inputs cannot be learned by heart; they are looked for and named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nntui.analysis.ticks import format_number
from nntui.checks.causes import broadcast, cause_of, squashed, without_log
from nntui.checks.examples import few_that_differ
from nntui.checks.experiment import Training, cycled, deadline, is_classification, kept, report, without_dropout
from nntui.checks.guard import Skip, guarded
from nntui.checks.plain import plain
from nntui.checks.references import UnboundedError, class_axis
from nntui.checks.references import floor as floor_of
from nntui.checks.task import Task
from nntui.checks.wiring import LikeUnits, Unreached, like_units, unreached
from nntui.finding import Finding

ROW = "skeleton.overfit_batch"
EXAMPLES = 8
BATCHES = 8
"""Batches in which a parameter may get its gradient."""
NEARLY = 0.5
"""Share of the way after which what is left may be a bottleneck, and is no proof of a bug."""
CLOSE = 0.02
"""Share of the way from the loss at the start to the floor that may be left."""
TINY = 1e-6
"""Way from the start to the floor below which Adam's own epsilon outweighs the gradient."""
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
    task = plain(task, seed)
    inputs, targets = few_that_differ(task, EXAMPLES)
    model = without_dropout(task.build(seed))
    with torch.no_grad():
        outputs = task.call(model, inputs)
    floor, counted = _floor(task, outputs, targets), _counted(task, outputs, targets)
    attempts: list[_Attempt] = []
    for rate in RATES:
        model = without_dropout(task.build(seed))
        attempts.append(_attempt(task, model, (inputs, targets, counted), floor, rate, budget / len(RATES)))
        if attempts[-1].reached:
            break
    alike = like_units(model, task.build(seed))
    if alike.started or alike.stayed:
        return _one_unit(alike, attempts, floor)
    cut = unreached(task, without_dropout(task.build(seed)), kept(task)[:BATCHES])
    return _verdict(task, model, attempts, floor, (inputs, targets, counted), outputs, cut)


def _one_unit(alike: LikeUnits, attempts: list[_Attempt], floor: float) -> Finding:
    best = min(attempts, key=lambda a: a.best)
    layers = alike.stayed or alike.started
    names = ", ".join(layers[:3])
    return Finding(
        ROW,
        "fail" if alike.stayed else "warn",
        f"All units of {names} start with the same weights"
        + (
            " and stay alike: each such layer is one unit, many times."
            if alike.stayed
            else "; only their biases tell them apart."
        ),
        expected="units that differ",
        measured=best.best,
        advice=f"Most likely the weights of {names} are set to one constant. Draw them at random (nn.init). Refute: the rows of "
        "the fresh weight must differ.",
        evidence={
            "stayed_alike": alike.stayed,
            "started_alike": alike.started,
            "loss_reached": best.best,
            "floor": floor,
        },
    )


def _floor(task: Task, outputs: Tensor, targets: Any) -> float:
    """The lowest loss that any outputs of this shape can have on these targets."""
    try:
        return floor_of(task, outputs, targets)
    except UnboundedError:
        raise Skip("The loss has no lowest value: see skeleton.init_loss.") from None


def _counted(task: Task, outputs: Tensor, targets: Any) -> Tensor:
    """Which labels the loss looks at: those to whose outputs it gives a gradient (not `ignore_index`, not padding)."""
    if task.declares("contrastive"):
        return torch.tensor(False)
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
        report(ROW, step, loss=loss)
        way = max(attempt.start - floor, 1e-12)
        if loss < attempt.best - BETTER * way:
            attempt.best, attempt.since = loss, step
        attempt.reached = loss - floor <= CLOSE * way and _few_missed(task.call(model, batch[0]).detach(), *batch[1:])
        attempt.timed_out = late()
        return attempt.reached or attempt.timed_out or step - attempt.since > PATIENCE or not math.isfinite(loss)

    Training(task, model, cycled([batch[:2]]), lr=rate).go_on(until)
    return attempt


def _twice(name: str, floor: float, numbers: dict[str, Any]) -> Finding:
    return Finding(
        ROW,
        "fail",
        f"The loss applies a {name} twice: it is never below {format_number(floor)}, however sure and right the outputs are.",
        **numbers,
        advice=f"Most likely a {name} before a loss that takes logits and has its own. Give it the last layer's outputs as they "
        "are. Refute: the loss of outputs that are 10,000 times the right answer must be what label smoothing leaves, or 0.",
    )


def _without_log(numbers: dict[str, Any]) -> Finding:
    return Finding(
        ROW,
        "fail",
        "The loss is minus the right class's probability, not its logarithm: a sure mistake costs hardly more than a doubt.",
        **numbers,
        advice="Most likely softmax where log_softmax is due, before NLLLoss. Refute: the loss of one right answer must be minus "
        "the logarithm of its probability.",
    )


def _verdict(
    task: Task, model: Any, attempts: list[_Attempt], floor: float, batch: Batch, outputs: Tensor, cut: Unreached
) -> Finding:
    best = min(attempts, key=lambda a: a.best)
    inputs, targets, counted = batch
    count = len(targets) if isinstance(targets, Tensor) and targets.dim() else EXAMPLES
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
    spread = broadcast(task, outputs, targets)
    if (name := squashed(task, outputs, targets)) != "":
        return _twice(name, floor, numbers)
    if without_log(task, outputs, targets):
        return _without_log(numbers)
    if attempts[-1].reached and not spread:
        if cut.detached:
            return _detached(cut, numbers)
        words = f"{count} examples are learned by heart in {attempts[-1].steps:,} steps"
        coincide = "; labels and predictions coincide" if classes and bool(counted.any()) else ""
        coincide += f" but for {wrong}" if coincide and wrong else ""
        return Finding(
            ROW, "pass", f"{words}: loss {format_number(best.best)}, floor {format_number(floor)}{coincide}.", **numbers
        )
    if spread:
        return Finding(
            ROW,
            "fail",
            f"Outputs of shape {tuple(outputs.shape)} meet targets of shape {tuple(targets.shape)} and are broadcast: every "
            "example is compared with every target.",
            **numbers,
            advice="Give both the same shape (squeeze(1) or unsqueeze(1)). Refute: the gradient of one output must not change "
            "when another example's target does.",
        )
    return _stuck(best, floor, wrong, classes, _named(model, batch, outputs, final, cut, best.start - floor), numbers)


def _named(model: Any, batch: Batch, outputs: Tensor, final: Tensor, cut: Unreached, way: float) -> tuple[str, str]:
    """The cause and its experiment; empty where nothing points to one. way: from the loss at the start to the floor."""
    cause = cause_of(batch[0], batch[1], outputs, final)
    if not cause[0] and abs(way) < TINY:
        cause = (
            f"a loss that is multiplied by almost zero: it starts {format_number(way)} above its floor, and its gradient drowns "
            "in rounding",
            "the loss of one batch, as a formula by hand, must have the same size.",
        )
    if not cause[0] and (narrow := _narrowest(model)):
        cause = (
            f"a bottleneck: {narrow} has a single unit, through which all that tells the examples apart must pass",
            "with as many units there as in the layers around it this check must pass.",
        )
    if cut.detached and not cause[0]:
        cause = (f"the graph is cut between the loss and {_names(cut.detached)}, {_CUT}", _CUT_TEST)
    return cause


_CUT = "on which the loss depends: look for detach(), no_grad() or .data on the way"
_CUT_TEST = "backward() must leave a gradient on each of them."


def _detached(cut: Unreached, numbers: dict[str, Any]) -> Finding:
    """The verdict on a batch that was learned by heart by a part of the network."""
    names = _names(cut.detached)
    return Finding(
        ROW,
        "warn",
        f"The batch is learned by heart, but no gradient reaches {names}, though the loss depends on it: the graph is cut.",
        expected=numbers["expected"],
        measured=numbers["measured"],
        evidence={**numbers["evidence"], "detached": cut.detached},
        advice=f"Most likely a detach(), no_grad() or .data between {names} and the loss. If it is meant, set "
        f"requires_grad=False or declare 'frozen:{cut.detached[0]}'. Refute: {_CUT_TEST}",
    )


def _names(parameters: list[str]) -> str:
    return ", ".join(parameters[:3]) + (f" and {len(parameters) - 3} more parameters" if len(parameters) > 3 else "")


def _narrowest(model: Any) -> str:
    """Name of a hidden layer of one unit; empty where there is none."""
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd)]
    return next((n for n, m in layers[:-1] if m.weight.shape[0] == 1), "")


def _stuck(
    best: _Attempt, floor: float, wrong: int, classes: bool, known: tuple[str, str], numbers: dict[str, Any]
) -> Finding:
    """The verdict on a batch that was not learned by heart."""
    cause, test = known
    if not cause and best.timed_out and best.steps - best.since <= best.steps / 4:
        raise Skip(
            f"No answer within the time: the loss on one batch was still falling after {best.steps:,} steps, at "
            f"{format_number(best.best)}; its floor is {format_number(floor)}. Give the check more time (budget=)."
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


def _few_missed(outputs: Any, targets: Any, counted: Tensor) -> bool:
    """Whether every label is predicted; of sequences and pictures of labels all but CLOSE of them.

    A place that sees no more than another one (a window, a receptive field) may have another label.
    """
    missed = _missed(outputs, targets, counted)
    return missed == 0 or (targets.dim() > 1 and missed <= CLOSE * targets.numel())


def _missed(outputs: Any, targets: Any, counted: Tensor) -> int:
    """Labels that count and are not predicted; 0 where there are no classes."""
    if not is_classification(outputs, targets):
        return 0
    return int(((outputs.argmax(dim=class_axis(outputs, targets)) != targets) & counted).sum())
