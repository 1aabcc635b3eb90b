"""skeleton.init_loss: the loss at initialisation against what it must be.

Symptom: a network that starts far worse than knowing nothing spends its first epochs unlearning.
Test: the user's own loss is fed constants. The best constant prediction, fitted to a sample of training targets, is what a
network that knows only the prior gets; a neutral output (zeros) is what one that knows nothing gets. The loss of untrained
networks, over several seeds, must lie between the two, widened by the spread that outputs of unit variance add and by the
sampling error. Inside passes, and a gap inside belongs to the final bias. Above fails. Below is information: a pretrained
network, or a leak.
When it is wrong: losses whose best constant depends on the inputs (contrastive ones), or on more than outputs and targets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from nntui.analysis.ticks import format_number
from nntui.checks.guard import Skip, guarded
from nntui.checks.task import Task, TaskError, tensors
from nntui.finding import Finding

ROW = "skeleton.init_loss"
BATCHES = 8
SEEDS = 3
FIT_STEPS = 200
UNIT_SPREAD = 1.0
"""Standard deviation of the outputs of a network whose layers keep variance one (He et al. 2015, section 2.2)."""
SIGMAS = 4.0
UNBOUNDED = 1e3
"""A constant that lowers the loss by this many times its size shows that there is no lowest loss."""
FAR = 1e6
"""Length of that constant, straight downhill from zero."""


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Compare the loss of untrained networks with the losses of constant predictions under the task's own loss."""
    if task.declares("contrastive"):
        raise Skip("The loss is declared contrastive: no constant prediction says what it must be at initialisation.")
    batches = [task.split_batch(batch) for batch in islice(task.batches(), BATCHES)]
    if not batches:
        raise TaskError("the training data are empty; expected at least one batch.")
    runs = [_untrained(task, batches, seed + offset) for offset in range(SEEDS)]
    outputs = runs[0].outputs
    measured = sum(run.loss for run in runs) / SEEDS
    try:
        reference = _reference(task, outputs, [targets for _, targets in batches], seed)
    except _UnboundedError:
        return _unbounded(measured)
    return _verdict(task, measured, reference, runs, batches)


class _UnboundedError(Exception):
    """A constant prediction can have any loss it likes."""


@dataclass(frozen=True, slots=True)
class _Untrained:
    loss: float
    spread: float
    """Standard deviation of the outputs."""
    outputs: list[Tensor]


@dataclass(frozen=True, slots=True)
class _Reference:
    constant: float
    """Loss of the best constant prediction."""
    neutral: float
    """Loss of zeros."""
    noisy: float
    """Loss of the neutral output plus noise of unit variance."""
    error: float
    """Standard error of the mean over batches."""


def _untrained(task: Task, batches: list[tuple[Any, Any]], seed: int) -> _Untrained:
    """Mean loss and outputs of a fresh network: as in training, but without dropout."""
    model = task.build(seed)
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()
    losses, outputs = [], []
    with torch.no_grad():
        for inputs, targets in batches:
            given = task.call(model, inputs)
            if not isinstance(given, Tensor):
                raise Skip(
                    f"The model's outputs are a {type(given).__name__}, not one tensor: no constant can stand for them."
                )
            if not given.is_floating_point():
                raise Skip(f"The model's outputs are {given.dtype}: no loss is taken of them.")
            losses.append(_scalar(task.loss(given, targets)))
            outputs.append(given.detach())
    if not outputs[0].dim():
        raise Skip("The model's output is a single number: it seems to compute the loss itself.")
    flat = torch.cat([o.reshape(-1) for o in outputs]).double()
    return _Untrained(sum(losses) / len(losses), float(flat.std()) if flat.numel() > 1 else 0.0, outputs)


def _reference(task: Task, outputs: list[Tensor], targets: list[Any], seed: int) -> _Reference:
    """Losses of constants of the outputs' own shapes; the last axis is the one along which they may differ."""
    axis = 1 if outputs[0].dim() > 2 and _class_axis(outputs[0], targets[0]) == 1 else -1
    width = outputs[0].shape[axis] if outputs[0].dim() > 1 else 1
    shape = [1] * outputs[0].dim()
    if outputs[0].dim() > 1:
        shape[axis] = width
    constant = torch.zeros(shape, dtype=outputs[0].dtype, device=outputs[0].device, requires_grad=True)

    def mean_loss(value: Tensor, noise: torch.Generator | None = None) -> list[Tensor]:
        losses = []
        for one, target in zip(outputs, targets, strict=True):
            filled = value.expand(one.shape).clone()
            if noise is not None:
                filled = filled + UNIT_SPREAD * torch.randn(one.shape, generator=noise, dtype=one.dtype).to(one.device)
            losses.append(task.loss(filled, target))
        return losses

    with torch.no_grad():
        neutral = [_scalar(loss) for loss in mean_loss(constant)]
        noisy = [_scalar(loss) for loss in mean_loss(constant, torch.Generator().manual_seed(seed))]
    best = _fit(constant, mean_loss)
    if not best:
        raise _UnboundedError
    count = len(best)
    mean = sum(best) / count
    spread = math.sqrt(sum((b - mean) ** 2 for b in best) / max(1, count - 1))
    return _Reference(mean, sum(neutral) / count, sum(noisy) / count, spread / math.sqrt(count))


def _fit(constant: Tensor, mean_loss: Any) -> list[float]:
    """Losses per batch at the best constant, found by L-BFGS from zeros; none when a constant gets any loss it likes."""
    optimizer = torch.optim.LBFGS([constant], max_iter=FIT_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = torch.stack([one.reshape(()) for one in mean_loss(constant)]).mean()
        if not loss.requires_grad:
            raise Skip("The loss gives no gradient to the outputs: it seems to be detached or to round them.")
        loss.backward()
        return loss

    start = float(closure().detach())
    downhill = -constant.grad.detach().clone() if constant.grad is not None else torch.zeros_like(constant)
    with torch.no_grad():
        far = downhill * (FAR / max(float(downhill.norm()), 1e-12))
        if _mean(mean_loss(far)) < start - UNBOUNDED * (abs(start) + 1.0):
            return []
    with torch.enable_grad():
        optimizer.step(closure)
    with torch.no_grad():
        best = [_scalar(one) for one in mean_loss(constant)]
        if not sum(best) / len(best) <= start:
            best = [_scalar(one) for one in mean_loss(torch.zeros_like(constant))]
    return best


def _verdict(
    task: Task, measured: float, reference: _Reference, runs: list[_Untrained], batches: list[tuple[Any, Any]]
) -> Finding:
    low = min(reference.constant, reference.neutral)
    width = SIGMAS * reference.error + 1e-6 * abs(low)
    high = max(reference.constant, reference.neutral, reference.noisy) + width
    spread = sum(run.spread for run in runs) / len(runs)
    evidence = {
        "best_constant_loss": reference.constant,
        "neutral_output_loss": reference.neutral,
        "unit_noise_loss": reference.noisy,
        "standard_error": reference.error,
        "loss_per_seed": [run.loss for run in runs],
        "output_spread": spread,
    }
    expected = f"{format_number(low)} to {format_number(high)}"
    finding: dict[str, Any] = {"expected": expected, "measured": measured, "evidence": evidence}
    if not math.isfinite(measured):
        return Finding(
            ROW,
            "fail",
            f"The loss at initialisation is {measured}.",
            **finding,
            advice="Most likely a NaN in the inputs, or a log or division of zero in the loss. Refute: isfinite(inputs).all().",
        )
    if measured > high:
        cause, test = _cause(task, measured, reference, spread, batches)
        return Finding(
            ROW,
            "fail",
            f"The loss at initialisation is {format_number(measured)}, worse than knowing nothing ({expected}): {cause}.",
            **finding,
            advice=f"Most likely {cause}. Refute: {test}",
        )
    if measured < low - width:
        return Finding(
            ROW,
            "pass",
            f"The loss at initialisation is {format_number(measured)}, below the best constant prediction "
            f"({format_number(low)}): the network knows something already.",
            **finding,
            advice="Right for a pretrained network. For a fresh one look for a leak: the target among the inputs.",
        )
    return Finding(
        ROW,
        "pass",
        f"The loss at initialisation is {format_number(measured)}, in the range its own loss gives.",
        **finding,
    )


def _unbounded(measured: float) -> Finding:
    return Finding(
        ROW,
        "fail",
        "A constant prediction can push the loss down without end: the loss has no lowest value.",
        expected="a loss with a lowest value",
        measured=measured,
        advice="Most likely a wrong sign. Refute: the loss of a right prediction must be lower than that of a wrong one.",
        evidence={"threshold": UNBOUNDED},
    )


def _cause(
    task: Task, measured: float, reference: _Reference, spread: float, batches: list[tuple[Any, Any]]
) -> tuple[str, str]:
    """The most likely cause of a loss that is too high, and the experiment that would refute it."""
    scale = _input_scale(batches)
    if spread > 3.0 and scale > 10.0:
        return (
            f"the inputs are not scaled (their spread is {format_number(scale)}; that of the outputs {format_number(spread)})",
            "divide the inputs by their standard deviation and look at the loss again.",
        )
    if spread > 3.0:
        return (
            f"the last layer starts too large (its outputs have a spread of {format_number(spread)})",
            "multiply the last layer's weights by 0.1 and look at the loss again.",
        )
    return (
        "the outputs are off by more than noise: a wrong sign, a wrong activation on the output, or a biased last layer",
        "set the last layer's weights and bias to zero; the loss must become "
        f"{format_number(reference.neutral)}, that of a neutral output.",
    )


def _input_scale(batches: list[tuple[Any, Any]]) -> float:
    """Largest standard deviation of a floating-point input; 0 when there is none."""
    floats = [
        t.double() for inputs, _ in batches[:1] for t in tensors(inputs) if t.is_floating_point() and t.numel() > 1
    ]
    return max((float(t.std()) for t in floats), default=0.0)


def _class_axis(outputs: Tensor, targets: Any) -> int:
    """1 when the classes of dense predictions lie on axis 1, as cross entropy wants them; else -1."""
    if not isinstance(targets, Tensor) or targets.is_floating_point():
        return -1
    without = (*outputs.shape[:1], *outputs.shape[2:])
    return 1 if tuple(targets.shape) == tuple(without) and targets.shape != outputs.shape[:-1] else -1


def _mean(losses: list[Tensor]) -> float:
    return sum(_scalar(loss) for loss in losses) / len(losses)


def _scalar(loss: Any) -> float:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise TaskError(f"loss(outputs, targets) gave {shape}; expected one number. Take the mean over the batch.")
    return float(loss.detach())
