"""Training in eval mode, or evaluation in training mode.

Symptom: dropout and batch normalisation act as in the other phase: validation that is too noisy, or a training
without them.
Test (exact): the share of modules that act differently in training and are in training mode, in forward calls with
gradients and without. In training none was, in the last READINGS readings: proven wrong where it was otherwise before
(model.eval() was never taken back), a warning where it never was. In evaluation some were, in the last READINGS.
Frozen normalisation leaves part of them in eval mode, and is left alone; so is what is declared ("frozen",
"stochastic", which the probes declare themselves once five calls in a row were for the very same inputs: draws to be averaged).
Wrong when: forward calls without gradients are no evaluation (a teacher, rollouts: declare "stochastic").
"""

from __future__ import annotations

from collections.abc import Mapping

from nntui import names
from nntui.analysis.readings import newest, since
from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding

ID = "live.modes"
READINGS = 3
EVALUATIONS = 2


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """One finding per phase, while it lasts."""
    return [*_training(series, facts), *_evaluation(series, facts)]


def _training(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    last = newest(series, names.TRAINING_MODE, READINGS)
    if last is None or (last.value > 0).any() or facts.declares("frozen"):
        return []
    whole = series[names.TRAINING_MODE].finite()
    step, always = since(whole, whole.value == 0), bool((whole.value == 0).all())
    return [
        Finding(
            ID,
            "warn" if always else "error",
            "The model is trained in eval mode"
            + (" from the beginning" if always else f" since step {step:,}, and was in training mode before")
            + ": dropout is off, and normalization keeps the statistics it has.",
            expected=1.0,
            measured=0.0,
            advice="Most likely model.train() is missing"
            + (". " if always else " after an evaluation. ")
            + "Refute: model.training must be True when the loss is computed. If it is meant, declare 'frozen'.",
            evidence={"metric": names.TRAINING_MODE, "since_step": step, "always": always},
            step=step,
        )
    ]


def _evaluation(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    last = newest(series, names.EVALUATION_MODE, EVALUATIONS)
    if last is None or not (last.value > 0).all() or facts.declares("stochastic"):
        return []
    whole = series[names.EVALUATION_MODE].finite()
    step, share = since(whole, whole.value > 0), float(last.value[-1])
    return [
        Finding(
            ID,
            "warn",
            f"Forward calls without gradients are made in training mode ({share:.0%} of dropout and normalization layers), since "
            f"step {step:,}.",
            expected=0.0,
            measured=share,
            advice="Most likely model.eval() is missing before the evaluation: its numbers depend on chance and on the "
            "batch, and it changes the statistics that normalization keeps. Refute: evaluate twice; both must be equal. If "
            "these calls are no "
            "evaluation, declare 'stochastic'.",
            evidence={"metric": names.EVALUATION_MODE, "share": share, "since_step": step},
            step=step,
        )
    ]
