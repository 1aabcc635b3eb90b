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
from typing import Any

from nntui.analysis.ticks import format_number
from nntui.checks.guard import guarded
from nntui.checks.references import (
    UNBOUNDED,
    Batches,
    Reference,
    UnboundedError,
    Untrained,
    reference,
    sample,
    untrained,
)
from nntui.checks.task import Task, tensors
from nntui.finding import Finding

ROW = "skeleton.init_loss"
SEEDS = 3
SIGMAS = 4.0


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Compare the loss of untrained networks with the losses of constant predictions under the task's own loss."""
    batches = sample(task)
    runs = [untrained(task, batches, seed + offset) for offset in range(SEEDS)]
    measured = sum(run.loss for run in runs) / SEEDS
    try:
        known = reference(task, runs[0].outputs, [targets for _, targets in batches], seed)
    except UnboundedError:
        return _unbounded(measured)
    return _verdict(measured, known, runs, batches)


def _verdict(measured: float, reference: Reference, runs: list[Untrained], batches: Batches) -> Finding:
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
    if not math.isfinite(measured):
        return Finding(
            ROW,
            "fail",
            f"The loss at initialisation is {measured}.",
            **finding,
            advice="Most likely a NaN in the inputs, or a log or division of zero in the loss. Refute: isfinite(inputs).all().",
        )
    if measured > high:
        cause, test = _cause(reference, spread, batches)
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
        advice="Most likely a wrong sign, or a loss of probabilities given raw outputs (nll_loss wants log_softmax). Refute: the "
        "loss of a right prediction must be lower than that of a wrong one.",
        evidence={"threshold": UNBOUNDED},
    )


def _cause(reference: Reference, spread: float, batches: Batches) -> tuple[str, str]:
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


def _input_scale(batches: Batches) -> float:
    """Largest standard deviation of a floating-point input; 0 when there is none."""
    floats = [
        t.double() for inputs, _ in batches[:1] for t in tensors(inputs) if t.is_floating_point() and t.numel() > 1
    ]
    return max((float(t.std()) for t in floats), default=0.0)
