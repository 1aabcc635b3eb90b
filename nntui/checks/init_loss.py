"""skeleton.init_loss: the loss at initialisation against what it must be.

Symptom: a network that starts far worse than knowing nothing spends its first epochs unlearning.
Test: the user's own loss is fed constants. The best constant prediction, fitted to a sample of training targets, is what a
network that knows only the prior gets; a neutral output (zeros) is what one that knows nothing gets. The loss of untrained
networks, over several seeds, must lie between the two, widened by the spread that outputs of unit variance add and by the
sampling error. Inside passes, and a gap inside belongs to the final bias. Above fails. Below is information: a pretrained
network, or a leak. Two warnings besides: a loss that doubles when every example is there twice is a sum over the batch; inputs
whose root mean square is far from one, where the untrained outputs follow it (no normalisation takes it out).
When it is wrong: losses whose best constant depends on the inputs (contrastive ones), or on more than outputs and targets.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor

from nntui.analysis.ticks import format_number
from nntui.checks.experiment import without_dropout
from nntui.checks.guard import Skip, guarded
from nntui.checks.plain import plain
from nntui.checks.references import (
    UNBOUNDED,
    Batches,
    Reference,
    UnboundedError,
    Untrained,
    mean_of,
    reference,
    sample,
    scalar,
    untrained,
)
from nntui.checks.task import Task, mapped, tensors
from nntui.finding import Finding

ROW = "skeleton.init_loss"
SEEDS = 3
SIGMAS = 4.0
LARGE = 10**0.5
"""Half an order of magnitude: what He's initialisation assumes is a root mean square of one (He et al. 2015, section 2.2)."""
ALIKE = 0.3
"""Spread from seed to seed, as a share of the level, below which a level is no luck: 1 in 30 lucky ones of one output are."""
SMALL = 10**1.5
"""An order of magnitude more downwards: pixels from 0 to 1, mostly dark, are usual and do no harm."""


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Compare the loss of untrained networks with the losses of constant predictions under the task's own loss."""
    batches = sample(task)
    task = plain(task, seed)
    runs = [untrained(task, batches, seed + offset) for offset in range(SEEDS)]
    measured = sum(run.loss for run in runs) / SEEDS
    if not math.isfinite(measured):
        return _not_finite(task, measured, batches, seed)
    try:
        known = reference(task, runs[0].outputs, [targets for _, targets in batches], seed)
    except UnboundedError:
        return _unbounded(task, measured, runs[0].outputs, [targets for _, targets in batches], seed)
    finding = _verdict(task, measured, known, runs, batches)
    if finding.status != "pass":
        return finding
    return _grows(task, runs[0], batches, finding) or _unscaled(task, batches, seed, finding) or finding


def _verdict(task: Task, measured: float, reference: Reference, runs: list[Untrained], batches: Batches) -> Finding:
    low = min(reference.constant, reference.neutral)
    width = SIGMAS * reference.error + 1e-6 * abs(low)
    noisy = reference.noisy + SIGMAS * reference.noise_spread
    high = max(reference.constant, reference.neutral, noisy) + width
    spread = sum(run.spread for run in runs) / len(runs)
    evidence = {
        "best_constant_loss": reference.constant,
        "neutral_output_loss": reference.neutral,
        "unit_noise_loss": reference.noisy,
        "unit_noise_spread": reference.noise_spread,
        "standard_error": reference.error,
        "link": reference.link,
        "loss_per_seed": [run.loss for run in runs],
        "output_spread": spread,
    }
    expected = f"{format_number(low)} to {format_number(high)}"
    finding: dict[str, Any] = {"expected": expected, "measured": measured, "evidence": evidence}
    if measured > high:
        cause, test = _cause(task, reference, runs, batches, high)
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


def _grows(task: Task, run: Untrained, batches: Batches, finding: Finding) -> Finding | None:
    """A warning when every example counted twice doubles the loss: it is a sum over the batch."""
    outputs, targets = run.outputs[0], batches[0][1]
    size = outputs.shape[task.batch_axis] if outputs.dim() > task.batch_axis else 0

    def twice(t: Tensor) -> Tensor:
        alike = t.dim() > task.batch_axis and t.shape[task.batch_axis] == size
        return torch.cat([t, t], dim=task.batch_axis) if alike else t

    with torch.no_grad():
        try:
            once, again = scalar(task.loss(outputs, targets)), scalar(task.loss(twice(outputs), mapped(targets, twice)))
        except Exception:  # noqa: BLE001 (a loss that is made for one size of batch)
            return None
    if task.declares("sum") or size == 0 or once == 0 or abs(again / once - 2.0) > 1e-3:
        return None
    return dataclasses.replace(
        finding,
        status="warn",
        message=f"{finding.message} It is a sum over the batch: each example twice makes it {format_number(again / once)} "
        "times as large (expected 1).",
        advice="Most likely reduction='sum': the step grows with the batch, and the last, smaller batch counts less. Take the "
        "mean, or declare 'sum'. Refute: the loss of a batch and of the same batch twice must be equal.",
        evidence={**finding.evidence, "loss_of_the_batch_twice": again, "loss_of_the_batch": once},
    )


def _unscaled(task: Task, batches: Batches, seed: int, finding: Finding) -> Finding | None:
    """A warning when inputs lie far from mean zero and spread one, and the untrained outputs follow their scale."""
    inputs = batches[0][0]
    rms = _input_scale(batches) or 1.0
    if 1 / SMALL < rms < LARGE or not math.isfinite(rms):
        return None

    def scaled(t: Tensor) -> Tensor:
        if not t.is_floating_point() or t.numel() < 2 or not float(t.std()) > 0:
            return t
        return (t - t.mean()) / t.std()

    given, wanted = (_reach(task, seed, one) for one in (inputs, mapped(inputs, scaled)))
    ratio = given / wanted if wanted > 0 else math.nan
    if not (ratio > LARGE or ratio < 1 / SMALL):
        return None
    return dataclasses.replace(
        finding,
        status="warn",
        message=f"{finding.message} But the inputs are not scaled (root mean square {format_number(rms)}, expected about 1), and "
        f"the untrained outputs vary {format_number(ratio)} times as much as they would.",
        advice="Most likely a missing or doubled normalisation: subtract the mean and divide by the standard deviation of the "
        "training inputs. Refute: with scaled inputs the first steps must not be faster.",
        evidence={**finding.evidence, "input_rms": rms, "output_ratio": ratio, "thresholds": [1 / SMALL, LARGE]},
    )


@torch.no_grad()
def _reach(task: Task, seed: int, inputs: Any) -> float:
    """How much the outputs of an untrained network vary from example to example."""
    made = task.call(without_dropout(task.build(seed)), inputs)
    found = [t.double().std(dim=task.batch_axis).mean() for t in tensors(made) if t.is_floating_point() and t.dim() > 1]
    return float(found[0]) if found else math.nan


def _not_finite(task: Task, measured: float, batches: Batches, seed: int) -> Finding:
    """The verdict on a loss that is no number, with the first thing that is none."""
    parameters = list(task.build(seed).parameters())
    suspects = {
        "the inputs": [i for i, _ in batches],
        "the targets": [t for _, t in batches],
        "the parameters": parameters,
    }
    odd = {what: sum(int((~t.isfinite()).sum()) for t in tensors(values)) for what, values in suspects.items()}
    found = next((f"{what} hold {count:,} numbers that are not finite" for what, count in odd.items() if count), "")
    cause = found or "a log or a division of zero, or a number too large for its type, in the model or the loss"
    return Finding(
        ROW,
        "fail",
        f"The loss at initialisation is {measured}: {cause}.",
        expected="a finite loss",
        measured=measured,
        advice=f"Most likely {cause}. Refute: torch.autograd.set_detect_anomaly(True) must be silent on one batch.",
        evidence={"not_finite": odd},
    )


def _unbounded(task: Task, measured: float, outputs: list[Tensor], targets: list[Any], seed: int) -> Finding:
    cause = "a wrong sign, or a loss of probabilities given raw outputs (nll_loss wants log_softmax)"
    if outside := _outside(task, outputs, targets, seed):
        cause = f"{outside}, where the loss wants 0 to 1"
    return Finding(
        ROW,
        "fail",
        f"A constant prediction can push the loss down without end: {outside or 'the loss has no lowest value'}.",
        expected="a loss with a lowest value",
        measured=measured,
        advice=f"Most likely {cause}. Refute: the loss of a right prediction must be lower than that of a wrong one.",
        evidence={"threshold": UNBOUNDED},
    )


def _outside(task: Task, outputs: list[Tensor], targets: list[Any], seed: int) -> str:
    """Targets outside of 0 to 1, in words, where the loss has a lowest value once they are held inside; else empty."""
    reals = [t for t in targets if isinstance(t, Tensor) and t.is_floating_point() and t.numel()]
    low, high = (end(float(end(t)) for t in map(torch.flatten, reals)) if reals else 0.0 for end in (min, max))
    if len(reals) != len(targets) or (low >= 0 and high <= 1):
        return ""
    try:
        reference(task, outputs, [t.clamp(0, 1) for t in reals], seed)
    except (UnboundedError, Skip):
        return ""
    return f"targets go from {format_number(low)} to {format_number(high)}, outside of 0 to 1"


def _cause(task: Task, reference: Reference, runs: list[Untrained], batches: Batches, high: float) -> tuple[str, str]:
    """The most likely cause of a loss that is too high, and the experiment that would refute it.

    Smaller outputs cure what a scale has done; what a bias has done is alike from seed to seed.
    """
    spread, scale = sum(run.spread for run in runs) / len(runs), _input_scale(batches)
    if scale > LARGE and _loss_of_scaled(task, batches) <= high:
        return (
            f"the inputs are not scaled (root mean square {format_number(scale)}; spread of the outputs {format_number(spread)})",
            "divide the inputs by their standard deviation and look at the loss again.",
        )
    with torch.no_grad():
        smaller = mean_of(
            [task.loss(o / max(10.0, spread), t) for o, (_, t) in zip(runs[0].outputs, batches, strict=True)]
        )
    levels = torch.stack(
        [torch.cat([o.flatten(1).mean(0) if o.dim() > 1 else o.mean()[None] for o in r.outputs]) for r in runs]
    )
    by_luck = float(levels.std(dim=0).norm()) > ALIKE * float(levels.mean(dim=0).norm())
    if smaller <= high and by_luck:
        return (
            f"the last layer starts too large (its outputs have a spread of {format_number(spread)})",
            "multiply the last layer's weights by 0.1 and look at the loss again.",
        )
    return (
        "the outputs are off by more than noise: a wrong sign, a wrong activation on the output, or a biased last layer",
        "set the last layer's weights and bias to zero; the loss must become "
        f"{format_number(reference.neutral)}, that of a neutral output.",
    )


@torch.no_grad()
def _loss_of_scaled(task: Task, batches: Batches) -> float:
    """Mean loss of untrained networks on inputs of mean zero and spread one, column by column."""

    def scaled(t: Tensor) -> Tensor:
        if not t.is_floating_point() or t.dim() < 2 or t.shape[task.batch_axis] < 2:
            return t
        mean, spread = t.mean(dim=task.batch_axis, keepdim=True), t.std(dim=task.batch_axis, keepdim=True)
        return torch.where(spread > 0, (t - mean) / spread.clamp_min(1e-30), torch.zeros_like(t))

    models = [without_dropout(task.build(seed)) for seed in range(SEEDS)]
    given = [(mapped(inputs, scaled), targets) for inputs, targets in batches]
    return mean_of([task.loss(task.call(model, i), t) for model in models for i, t in given])


def _input_scale(batches: Batches) -> float:
    """Largest root mean square of a floating-point input; 0 when there is none."""
    floats = [
        t.double() for inputs, _ in batches[:1] for t in tensors(inputs) if t.is_floating_point() and t.numel() > 1
    ]
    return max((float(t.square().mean().sqrt()) for t in floats), default=0.0)
